package report

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

const basePath = "/api/v1/analytics/{site_id}"

// Register adds the endpoints to an API. The request's context must carry the principal.
func Register(api huma.API, r *Reporter) {
	const tag = "analytics"
	huma.Register(api, huma.Operation{
		OperationID: "report", Method: http.MethodGet, Path: basePath + "/report", Tags: []string{tag}, Summary: "Report on a site",
		Description: reportDoc,
	}, r.getReport)
	huma.Register(api, huma.Operation{
		OperationID: "report-post", Method: http.MethodPost, Path: basePath + "/report", Tags: []string{tag}, Summary: "Report on a site, asked in JSON",
		Description: reportDoc + "\n\nThe names are those of the GET form; a list may be a JSON array or one string.",
	}, r.postReport)
	huma.Register(api, huma.Operation{
		OperationID: "realtime", Method: http.MethodGet, Path: basePath + "/realtime", Tags: []string{tag}, Summary: "What happens on a site right now",
		Description: "Counted from raw events by their time: active users over the last 5 minutes, events a second over the last 10 seconds, top pages of the last minute.",
	}, r.getRealtime)
}

const reportDoc = `Counts events in a range of time, as a series, broken down, or both. The answer is exact up to as_of, whatever it was read from.
Events of bots are counted; leave them out with filter=is_bot:false.
Times are in the source's time zone. A date as from is its start, as to its end: to=2026-01-31 includes that day.
A series without group_by has a row for each interval; with group_by, only where something happened.
Filters must all match: column:value, several values column:a|b, not: !column:value, contains: column:~text; \ takes the meaning from | and \.`

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
	Metric   []string `query:"metric" doc:"events, pageviews, visitors (different client ids), value (sum of the numeric property value); events by default. The first one decides which groups are the largest." example:"[\"pageviews\",\"visitors\"]"`
	From     string   `query:"from" doc:"Start: a time, a date, or a length back from to; 7d by default." example:"2026-01-01"`
	To       string   `query:"to" doc:"End, not included: a time, a date (its end), or a length back from now; now by default."`
	Interval string   `query:"interval" doc:"minute, hour, day, week or month: a series."`
	GroupBy  []string `query:"group_by" doc:"Columns, and props.<name>." example:"[\"country\"]"`
	Filter   []string `query:"filter,explode" doc:"May be repeated."`
	Compare  string   `query:"compare" doc:"previous: adds the time just before of the same length."`
	Limit    string   `query:"limit" doc:"At most so many groups, the largest first; 1000 by default."`
	query    url.Values
}

// Resolve keeps the query, to find misspelt parameters.
func (q *reportQuery) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	q.query = u.Query()
	return nil
}

var reportParams = []string{"metric", "from", "to", "interval", "group_by", "filter", "compare", "limit"}

type reportBody struct {
	SiteID string `path:"site_id"`
	Body   struct {
		Metric   list   `json:"metric,omitempty"`
		From     string `json:"from,omitempty"`
		To       string `json:"to,omitempty"`
		Interval string `json:"interval,omitempty"`
		GroupBy  list   `json:"group_by,omitempty"`
		Filter   texts  `json:"filter,omitempty"`
		Compare  string `json:"compare,omitempty"`
		Limit    int    `json:"limit,omitempty"`
	}
}

// Schema describes a row: its columns depend on the question.
func (Row) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Description: "time (if interval is set), the columns of group_by, the metrics"}
}

// Part is the answer about one range.
type Part struct {
	From string `json:"from" doc:"Start of the range."`
	To   string `json:"to" doc:"End of the range, not included."`
	Data []Row  `json:"data"`
}

// Report is the answer to a question.
type Report struct {
	Data          []Row  `json:"data"`
	From          string `json:"from" doc:"Start of the range."`
	To            string `json:"to" doc:"End of the range, not included."`
	AsOf          string `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	CompleteUntil string `json:"complete_until" doc:"Numbers of times before this are settled; later events may still arrive for those after it."`
	Previous      *Part  `json:"previous,omitempty" doc:"The same question about the time just before."`
}

type reportAnswer struct {
	Body Report
}

type siteInput struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
}

type realtimeAnswer struct {
	Body Realtime
}

func (r *Reporter) getReport(ctx context.Context, in *reportQuery) (*reportAnswer, error) {
	for name := range in.query {
		if !slices.Contains(reportParams, name) {
			return nil, invalid(name, "there is no parameter %q%s; the parameters are %s", name, didYouMean(name, reportParams), strings.Join(reportParams, ", "))
		}
	}
	limit := 0
	if in.Limit != "" {
		n, err := strconv.Atoi(in.Limit)
		if err != nil || n == 0 {
			return nil, invalid("limit", "limit is %q, it must be a number between 1 and %d", in.Limit, maxLimit)
		}
		limit = n
	}
	return r.report(ctx, in.SiteID, ask{Metric: in.Metric, GroupBy: in.GroupBy, Filter: in.Filter, From: in.From, To: in.To,
		Interval: in.Interval, Compare: in.Compare, Limit: limit})
}

func (r *Reporter) postReport(ctx context.Context, in *reportBody) (*reportAnswer, error) {
	b := in.Body
	return r.report(ctx, in.SiteID, ask{Metric: b.Metric, GroupBy: b.GroupBy, Filter: b.Filter, From: b.From, To: b.To,
		Interval: b.Interval, Compare: b.Compare, Limit: b.Limit})
}

func (r *Reporter) report(ctx context.Context, site string, a ask) (*reportAnswer, error) {
	defer r.observe("report", time.Now())
	src, p := r.source(ctx, site)
	if p != nil {
		return nil, fail(p)
	}
	q, p := a.question(src, r.now())
	if p != nil {
		return nil, fail(p)
	}
	// Read before the rows: what they show is at least as fresh.
	out := &reportAnswer{Report{From: q.From.In(q.Location).Format(time.RFC3339), To: q.To.In(q.Location).Format(time.RFC3339),
		AsOf: formatTime(r.clock.AsOf()), CompleteUntil: formatTime(r.clock.CompleteUntil())}}
	var err error
	if out.Body.Data, err = r.Answer(ctx, q); err != nil {
		return nil, fail(r.problemOf(ctx, q.String(), err))
	}
	if a.Compare == "" {
		return out, nil
	}
	prev := q.previous()
	rows, err := r.Answer(ctx, prev)
	if err != nil {
		return nil, fail(r.problemOf(ctx, q.String(), err))
	}
	out.Body.Previous = &Part{From: prev.From.In(q.Location).Format(time.RFC3339), To: prev.To.In(q.Location).Format(time.RFC3339), Data: rows}
	return out, nil
}

func (r *Reporter) getRealtime(ctx context.Context, in *siteInput) (*realtimeAnswer, error) {
	defer r.observe("realtime", time.Now())
	src, p := r.source(ctx, in.SiteID)
	if p != nil {
		return nil, fail(p)
	}
	now, err := r.Now(ctx, string(src.Tenant), src.SiteID)
	if err != nil {
		return nil, fail(r.problemOf(ctx, "realtime of "+src.SiteID, err))
	}
	return &realtimeAnswer{now}, nil
}

// source finds the source if the principal may read it. One of another tenant is not found, like one that does not exist.
func (r *Reporter) source(ctx context.Context, site string) (catalog.Source, *problem.Problem) {
	who, err := tenant.From(ctx)
	if err != nil {
		return catalog.Source{}, problem.New(http.StatusUnauthorized, "unauthenticated", "send a key: Authorization: Bearer <key>")
	}
	if p := who.Require(tenant.RoleViewer); p != nil {
		return catalog.Source{}, p
	}
	src, _, ok := r.sources.SourceBySite(site)
	mine := who.Tenant == src.Tenant || who.Tenant == "" && who.Role == tenant.RoleOperator
	if !ok || !mine || who.Site != "" && who.Site != src.SiteID {
		return catalog.Source{}, problem.New(http.StatusNotFound, "unknown_site", "there is no site %q that this key may read; check the site_id", site).WithField("site_id")
	}
	return src, nil
}

func (r *Reporter) observe(endpoint string, start time.Time) {
	r.metrics.seconds.WithLabelValues(endpoint).Observe(time.Since(start).Seconds())
}

// fail makes an error of a problem, with its Retry-After.
func fail(p *problem.Problem) error {
	if p.RetryAfter > 0 {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {retryAfter(p.RetryAfter)}})
	}
	return p
}
