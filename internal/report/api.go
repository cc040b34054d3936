package report

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

const basePath = "/api/v1/analytics/{site_id}"

// Register adds the endpoints to an API. The request's context must carry the principal.
func Register(all huma.API, r *Reporter) {
	const tag = "analytics"
	api := huma.NewGroup(all)
	api.UseMiddleware(gathersUnseen)
	huma.Register(api, huma.Operation{
		OperationID: "report", Method: http.MethodGet, Path: basePath + "/report", Tags: []string{tag}, Summary: "Report on a site",
		Description: reportDoc, Responses: answerOf[Report](api, "Report"), Parameters: []*huma.Param{
			bounded("limit", 1, maxLimit, defaultLimit, "At most so many groups, the largest by the first metric first."),
			bounded("offset", 0, maxOffset, 0, "Leaves out so many of the largest groups: the next page. Groups move between pages while their numbers change."),
		},
	}, r.getReport)
	huma.Register(api, huma.Operation{
		OperationID: "report-post", Method: http.MethodPost, Path: basePath + "/report", Tags: []string{tag}, Summary: "Report on a site, asked in JSON",
		Description: reportDoc + "\n\nThe names are those of the GET form; a list may be a JSON array or one string.", Responses: answerOf[Report](api, "Report"),
	}, r.postReport)
	huma.Register(api, huma.Operation{
		OperationID: "realtime", Method: http.MethodGet, Path: basePath + "/realtime", Tags: []string{tag}, Summary: "What happens on a site right now",
		Description: "Counted from raw events by their time: active users over the last 5 minutes, events a second over the last 10 seconds, top pages of the last minute. Events of bots are left out unless bots says otherwise.",
		Responses:   answerOf[Realtime](api, "Realtime"),
	}, r.getRealtime)
	registerSessions(api, r)
	registerRetention(api, r)
	registerFunnels(api, r)
	registerLive(api, r)
	registerPeople(api, r)
	registerPaths(api, r)
	registerGoals(api, r)
	registerHealth(api, r)
	registerExplorer(api, r)
}

// answerOf describes an answer that is written as it was kept, without another trip through a marshaller.
func answerOf[T any](api huma.API, hint string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, hint)}}}}
}

// bounded describes a parameter that number reads; without is what it is by default. Its field is a text all the same, for number to say what is wrong with it, and by which limit.
func bounded(name string, least, most, without int, doc string) *huma.Param {
	lo, hi := float64(least), float64(most)
	s := &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &lo, Maximum: &hi, Default: without, Description: doc}
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: s}
}

const reportDoc = `Counts events in a range of time, as a series, broken down, or both. The answer is exact up to as_of, whatever it was read from.
Events of bots are left out, unless bots=include or bots=only says otherwise, or the question itself looks at is_bot or bot_rule.
A range that ends now ends at the next full second (at the next ten seconds above an hour, at the next minute above a day).
Times are in the source's time zone. A date as from is its start, as to its end: to=2026-01-31 includes that day.
A series without group_by has a row for each interval; with group_by, only where something happened.
A session counts where it begins, with the country, device and so on of its first event, and the source of the first that has a channel. Means are null where there is no session, sums (value, revenue) where they are beyond what a number can be (1.8e308). Entries and exits by path are the sessions that begin or end there.
Filters on what sessions have no column for (path, type, a property) keep sessions that have an event that matches all of them; negated, those that have none.
Where a visit came from (channel, referrer_host, utm_source and the other utm_ columns) and its pages entry_path, entry_host, exit_path and exit_host are columns of events too, in every question: each has those of its visit.
A report that looks at these counts the events of the visits that begin in the range, each where its visit begins; events of nobody are of no visit.
Filters must all match: column:value, several values column:a|b, not: !column:value, contains: column:~text, a property props.name:value. \ takes the meaning from what is behind it:
in values from |, \ and a leading ! or ~ (path:\~a is the path ~a), in a property's name from : and \ (props.a\:b:x is the property a:b).
filter=cohort:ID keeps the events of a saved cohort's persons, filter=!cohort:ID those of everybody else; segment=ID adds a saved segment's filters.
` + unseenDoc

// list is a list of words: an array, or one string with commas.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = strings.Split(one, ",")
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// Schema describes both forms.
func (l list) Schema(huma.Registry) *huma.Schema { return stringOrList("one, or several with commas") }

// texts is a list of texts that may contain commas: an array, or one of them.
type texts []string

func (l *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// Schema describes both forms.
func (l texts) Schema(huma.Registry) *huma.Schema { return stringOrList("one") }

func stringOrList(what string) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString, Description: what},
		{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
	}}
}

type reportQuery struct {
	SiteID   string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	Metric   []string `query:"metric" doc:"events, pageviews, visitors (different client ids, or user ids of events that have none), value (sum of the numeric property value), revenue (the same of revenue), users (different persons: ids that identify and alias link are one), conversions and conversion_rate (share of the persons who reached the goal; both need goal), sessions, bounce_rate (0 to 1), session_duration (mean, seconds), views_per_session, entries, exits; events by default. The first one decides which groups are the largest." example:"[\"pageviews\",\"visitors\"]"`
	From     string   `query:"from" doc:"Start: a time, a date (also as today-6d), or a length back from to; 7d by default." example:"2026-01-01"`
	To       string   `query:"to" doc:"End, not included: a time, a date (its end), or a length back from now; now by default."`
	Interval string   `query:"interval" doc:"minute, hour, day, week or month: a series."`
	GroupBy  []string `query:"group_by" doc:"Columns, and props.<name>." example:"[\"country\"]"`
	Filter   []string `query:"filter,explode" doc:"column:value, column:a|b, !column:value or column:~text; may be repeated. The description tells what \\ does." example:"[\"country:DE|AT\"]"`
	Goal     string   `query:"goal" doc:"A saved goal's id, for the metrics conversions and conversion_rate."`
	Segment  string   `query:"segment" doc:"A saved segment's id: its filters are added."`
	Bots     string   `query:"bots" doc:"exclude (the default), include, or only."`
	Compare  string   `query:"compare" doc:"previous: adds the time just before of the same length."`
	Limit    string   `query:"limit"`
	Offset   string   `query:"offset"`
	Totals   string   `query:"totals" doc:"false: leaves the totals out. Of visitors, persons and means they are a question of their own, as dear as the groups; counts, and visitors of a series without groups where they are few, come with the rows" enum:"true,false"`

	empty *problem.Problem // what is refused of it
}

// Resolve finds lists of columns that are empty, as in metric=: huma takes them for left out, and a script whose variable is empty would get numbers of something else.
func (in *reportQuery) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	q := u.Query()
	for _, l := range []struct{ name, without string }{{"group_by", "no groups"}, {"metric", "events"}} {
		if v, ok := q[l.name]; ok && strings.Join(v, "") == "" {
			in.empty = invalid(l.name, "%s is empty: name what you want, or leave it out for %s", l.name, l.without)
		}
	}
	return nil
}

type reportBody struct {
	SiteID string `path:"site_id"`
	Body   struct {
		Metric   list   `json:"metric,omitempty"`
		From     string `json:"from,omitempty"`
		To       string `json:"to,omitempty"`
		Interval string `json:"interval,omitempty"`
		GroupBy  list   `json:"group_by,omitempty"`
		Filter   texts  `json:"filter,omitempty"`
		Segment  string `json:"segment,omitempty"`
		Goal     string `json:"goal,omitempty"`
		Bots     string `json:"bots,omitempty"`
		Compare  string `json:"compare,omitempty"`
		Limit    *int   `json:"limit,omitempty" nullable:"false"`
		Offset   int    `json:"offset,omitempty"`
		Totals   *bool  `json:"totals,omitempty"`
	}
}

// Schema describes a row: its columns depend on the question.
func (Row) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Description: "time (if interval is set), the columns of group_by, the metrics; settling: true in a series if the interval ends after complete_until: its numbers still move"}
}

// Part is the answer about one range.
type Part struct {
	Data   []Row  `json:"data"`
	From   string `json:"from" doc:"Start of the range."`
	To     string `json:"to" doc:"End of the range, not included."`
	Totals Row    `json:"totals,omitempty" doc:"The metrics over the whole range, all groups together."`
}

// Report is the answer to a question.
type Report struct {
	Data          []Row              `json:"data"`
	From          string             `json:"from" doc:"Start of the range."`
	To            string             `json:"to" doc:"End of the range, not included."`
	Totals        Row                `json:"totals,omitempty" doc:"The metrics over the whole range, all groups together."`
	Approximate   map[string]float64 `json:"approximate,omitempty" doc:"Metrics of which some numbers are estimated, with the relative error that 95 of 100 such numbers keep. visitors are exact up to 100000; above, a sample of an eighth estimates them."`
	AsOf          string             `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	CompleteUntil string             `json:"complete_until" doc:"Numbers of times before this are settled; later events may still arrive for those after it."`
	Unknown       []string           `json:"unknown,omitempty" doc:"Properties of the question that no event has had yet: see Prefer in the description."`
	Previous      *Part              `json:"previous,omitempty" doc:"The same question about the time just before: with group_by, about the groups of data."`
}

type realtimeInput struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Bots   string `query:"bots" doc:"exclude (the default), include, or only."`
}

func (r *Reporter) getReport(ctx context.Context, in *reportQuery) (*served, error) {
	if in.empty != nil {
		return nil, in.empty
	}
	limit, p := number("limit", in.Limit, 1, maxLimit, "report.limit")
	if p != nil {
		return nil, p
	}
	offset, p := number("offset", in.Offset, 0, maxOffset, "report.offset")
	if p != nil {
		return nil, p
	}
	return r.report(ctx, in.SiteID, ask{Offset: offset, NoTotals: in.Totals == "false", Metric: in.Metric, GroupBy: in.GroupBy, Filter: in.Filter, From: in.From, To: in.To,
		Interval: in.Interval, Compare: in.Compare, Limit: limit, Segment: in.Segment, Goal: in.Goal, Bots: in.Bots})
}

func (r *Reporter) postReport(ctx context.Context, in *reportBody) (*served, error) {
	a, p := in.ask()
	if p != nil {
		return nil, p
	}
	return r.report(ctx, in.SiteID, a)
}

func (in *reportBody) ask() (ask, *problem.Problem) {
	b := in.Body
	limit, p := atLeastOne("limit", b.Limit, maxLimit, "report.limit")
	return ask{Offset: b.Offset, NoTotals: b.Totals != nil && !*b.Totals, Metric: b.Metric, GroupBy: b.GroupBy, Filter: b.Filter, From: b.From, To: b.To, Interval: b.Interval, Compare: b.Compare, Limit: limit, Segment: b.Segment, Goal: b.Goal, Bots: b.Bots}, p
}

// question checks a report, and finds what it names.
func (r *Reporter) question(ctx context.Context, src catalog.Source, a ask) (Question, *problem.Problem) {
	q, p := a.question(src, r.now(), r.zone)
	if p != nil {
		return q, p
	}
	if p := r.asked(ctx, src, "group_by", q.GroupBy...); p != nil {
		return q, p
	}
	if q.Filters, p = r.filters(ctx, src, a.Filter, a.Segment); p != nil {
		return q, p
	}
	if q.Goal, p = r.goal(ctx, src, "goal", a.Goal); p != nil {
		return q, p
	}
	if p := q.checkGoal(); p != nil {
		return q, p
	}
	if p := q.checkSessions(); p != nil {
		return q, p
	}
	q.Timeout = r.timeout(src.Tenant)
	if r.deps.Texts != nil {
		q.texts = func(property string) bool { return r.deps.Texts(src.Tenant, property) }
	}
	if q.Bots, p = botsOf(a.Bots, q.GroupBy, q.Filters); p != nil { // a segment may look at them
		return q, p
	}
	return q, nil
}

func (r *Reporter) report(ctx context.Context, site string, a ask) (*served, error) {
	who, src, p := r.source(ctx, site)
	if p != nil {
		return nil, fail(p)
	}
	q, p := r.question(ctx, src, a)
	if p != nil {
		return nil, fail(p)
	}
	if p := r.masked(who, q); p != nil {
		return nil, fail(p)
	}
	var cohorts []*cohort
	if q.several(a.Compare != "", !a.NoTotals) {
		cohorts = q.cohorts()
	}
	out, p := r.serve(ctx, &panel{
		endpoint: "report", who: who, src: src, says: q.String(), asks: q.asks("report"), key: keyOf(append(q.parts(), "report", a.Compare, strconv.FormatBool(a.NoTotals))...),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, q.shape()), Kind: usage.KindReport, Columns: q.rawColumns(), From: q.From, To: q.To}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) {
			return r.answers(ctx, t, q, a.Compare != "", !a.NoTotals)
		},
		cohorts: cohorts,
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// subject is who is charged for a report.
func subject(who tenant.Principal, src catalog.Source, shape string) usage.Subject {
	return usage.Subject{Tenant: src.Tenant, Source: src.SiteID, User: who.Actor(), Role: who.Role, Shape: shape}
}

func (r *Reporter) getRealtime(ctx context.Context, in *realtimeInput) (*served, error) {
	who, src, p := r.source(ctx, in.SiteID)
	if p != nil {
		return nil, fail(p)
	}
	// The next full second: within one, everybody asks the same question.
	now := roundUp(r.now(), time.Second)
	bots, p := botsOf(in.Bots, nil, nil)
	if p != nil {
		return nil, fail(p)
	}
	if p := r.masked(who, Question{Bots: bots}); p != nil {
		return nil, fail(p)
	}
	noPages := r.masked(who, Question{GroupBy: []Dim{{Column: "url"}, {Column: "host"}, {Column: "path"}}}) != nil
	noUsers := r.masked(who, Question{Metrics: []string{Visitors}}) != nil
	out, p := r.serve(ctx, &panel{
		endpoint: "realtime", who: who, src: src, says: "realtime of " + src.SiteID, recent: true,
		key: keyOf("realtime", src.SiteID, now.UTC().Format(time.RFC3339Nano), bots, fmt.Sprint(noPages, noUsers)),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, realtimeShape), Kind: usage.KindReport, From: now.Add(-activeWindow), To: now,
				Columns: []string{"tenant", "site_id", "ts", "type", "client_id", "user_id", "url", "host", "path", "is_bot"}}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) {
			x, err := r.realtime(ctx, t, now, string(src.Tenant), src.SiteID, bots)
			if err != nil {
				return nil, err
			}
			if noPages {
				x.TopPages = []Page{}
			}
			pages, err := marshal(x.TopPages)
			if err != nil {
				return nil, err
			}
			users := strconv.FormatUint(x.ActiveUsers, 10)
			if noUsers {
				users = "null"
			}
			return &kept{head: fmt.Appendf(nil, `{"active_users":%s,"events_per_sec":%s,"top_pages":%s`, users, strconv.FormatFloat(x.EventsPerSec, 'f', -1, 64), pages)}, nil
		},
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// source finds the source if the principal may read it. One of another tenant is not found, like one that does not exist.
func (r *Reporter) source(ctx context.Context, site string) (tenant.Principal, catalog.Source, *problem.Problem) {
	who, err := tenant.From(ctx)
	if err != nil {
		return who, catalog.Source{}, problem.New(http.StatusUnauthorized, "unauthenticated", "send a key: Authorization: Bearer <key>")
	}
	if p := who.Require(tenant.RoleViewer); p != nil {
		return who, catalog.Source{}, p
	}
	src, _, ok := r.deps.Sources.SourceBySite(site)
	mine := who.Tenant == src.Tenant || who.Tenant == "" && who.Role == tenant.RoleOperator
	if !ok || !mine || who.Site != "" && who.Site != src.SiteID {
		return who, catalog.Source{}, problem.New(http.StatusNotFound, "unknown_site", "there is no site %q that this key may read; check the site_id", site).WithField("site_id")
	}
	return who, src, nil
}

// fail makes an error of a problem, with its Retry-After.
func fail(p *problem.Problem) error {
	if p.RetryAfter > 0 {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {retryAfter(p.RetryAfter)}})
	}
	return p
}
