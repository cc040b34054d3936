package report

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

const eventsDoc = `Events in the range, the latest first, with all their columns and properties. The order never changes, so the pages of next give each event once while new ones come;
one that comes late shows on a page that was not read yet. from and to are those of the report (7 days by default), and so are filter, segment and bots. Columns that are masked for the role
are null, such properties are left out.`

const valuesDoc = `The values of a column or property (props.<name>) with the most events in the range (30 days by default), for a choice of filters. prefix keeps those that begin so, in upper or lower case.`

// registerExplorer adds the endpoints of the events explorer.
func registerExplorer(api huma.API, r *Reporter) {
	const tag = "analytics"
	huma.Register(api, huma.Operation{
		OperationID: "events", Method: http.MethodGet, Path: basePath + "/events", Tags: []string{tag}, Summary: "Events of a site, the latest first",
		Description: eventsDoc, Responses: answerOf[EventList](api, "EventList"), Errors: []int{401, 403, 404, 422},
		Parameters: []*huma.Param{bounded("limit", 1, maxEvents, defaultEvents, "At most so many.")},
	}, r.getEvents)
	huma.Register(api, huma.Operation{
		OperationID: "events-post", Method: http.MethodPost, Path: basePath + "/events", Tags: []string{tag}, Summary: "Events of a site, asked in JSON",
		Description: eventsDoc, Responses: answerOf[EventList](api, "EventList"), Errors: []int{401, 403, 404, 422},
	}, r.postEvents)
	huma.Register(api, huma.Operation{
		OperationID: "values", Method: http.MethodGet, Path: basePath + "/values", Tags: []string{tag}, Summary: "Values of a column, for filters",
		Description: valuesDoc, Responses: answerOf[ValueList](api, "ValueList"), Errors: []int{401, 403, 404, 422},
		Parameters: []*huma.Param{bounded("limit", 1, maxSuggested, defaultValues, "At most so many.")},
	}, r.getValues)
}

// EventList is a page of events.
type EventList struct {
	Events        []EventDoc `json:"events"`
	Next          string     `json:"next,omitempty" doc:"The cursor of the next page; absent: there is none."`
	AsOf          string     `json:"as_of"`
	CompleteUntil string     `json:"complete_until"`
}

// EventDoc describes an event.
type EventDoc struct{}

// Schema lists the columns.
func (EventDoc) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Description: "An event; null: masked for the role", Properties: map[string]*huma.Schema{
		"props": {Type: huma.TypeObject, AdditionalProperties: true, Description: exactDoc}}}
	for _, c := range eventColumns {
		p := &huma.Schema{Type: huma.TypeString, Nullable: true}
		switch {
		case c.Name == "is_bot":
			p.Type = huma.TypeBoolean
		case c.Kind == event.KindTime:
			p.Format = "date-time"
		case c.Kind != event.KindString && c.Kind != event.KindLowCard:
			p.Type = huma.TypeInteger
		}
		s.Properties[c.Name] = p
	}
	return s
}

// ValueList are the values of a column.
type ValueList struct {
	Values []struct {
		Value  string `json:"value"`
		Events uint64 `json:"events"`
	} `json:"values"`
	AsOf          string `json:"as_of"`
	CompleteUntil string `json:"complete_until"`
}

type eventsQuery struct {
	SiteID  string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	From    string   `query:"from" doc:"Start: a time, a date (also as today-6d), or a length back from to; 7d by default."`
	To      string   `query:"to" doc:"End, not included; now by default."`
	Filter  []string `query:"filter,explode" doc:"As of /report; may be repeated."`
	Segment string   `query:"segment" doc:"A saved segment's id: its filters are added."`
	Bots    string   `query:"bots" doc:"exclude (the default), include, or only."`
	Cursor  string   `query:"cursor" doc:"next of the page before."`
	Limit   string   `query:"limit"`
}

type eventsBody struct {
	SiteID string `path:"site_id"`
	Body   struct {
		From    string `json:"from,omitempty"`
		To      string `json:"to,omitempty"`
		Filter  texts  `json:"filter,omitempty"`
		Segment string `json:"segment,omitempty"`
		Bots    string `json:"bots,omitempty"`
		Cursor  string `json:"cursor,omitempty"`
		Limit   *int   `json:"limit,omitempty" nullable:"false"`
	}
}

func (r *Reporter) getEvents(ctx context.Context, in *eventsQuery) (*served, error) {
	limit, p := number("limit", in.Limit, 1, maxEvents, "report.events")
	if p != nil {
		return nil, p
	}
	return r.listEvents(ctx, in.SiteID, ask{From: in.From, To: in.To, Filter: in.Filter, Segment: in.Segment, Bots: in.Bots, Limit: limit}, in.Cursor)
}

func (r *Reporter) postEvents(ctx context.Context, in *eventsBody) (*served, error) {
	b := in.Body
	limit, p := atLeastOne("limit", b.Limit, maxEvents, "report.events")
	if p != nil {
		return nil, p
	}
	return r.listEvents(ctx, in.SiteID, ask{From: b.From, To: b.To, Filter: b.Filter, Segment: b.Segment, Bots: b.Bots, Limit: limit}, b.Cursor)
}

// checked prepares a question about a site: what its filters need is looked up, and nothing in it is masked for the caller.
func (r *Reporter) checked(ctx context.Context, site string, a ask) (*panel, Question, *problem.Problem) {
	who, src, p := r.source(ctx, site)
	if p != nil {
		return nil, Question{}, p
	}
	q, p := a.question(src, r.now(), r.zone)
	if p != nil {
		return nil, q, p
	}
	if p := r.asked(ctx, src, "group_by", q.GroupBy...); p != nil {
		return nil, q, p
	}
	if q.Filters, p = r.filters(ctx, src, a.Filter, a.Segment); p != nil {
		return nil, q, p
	}
	q.Timeout = r.timeout(src.Tenant)
	if q.Bots, p = botsOf(a.Bots, q.GroupBy, q.Filters); p != nil {
		return nil, q, p
	}
	if p := q.checkSessions(); p != nil {
		return nil, q, p
	}
	return &panel{who: who, src: src}, q, r.masked(who, q)
}

func (r *Reporter) listEvents(ctx context.Context, site string, a ask, after string) (*served, error) {
	if a.Limit == 0 {
		a.Limit = defaultEvents
	}
	panel, q, p := r.checked(ctx, site, a)
	if p != nil {
		return nil, fail(p)
	}
	pg := page{q: q, hidden: r.maskedNames(panel.who)}
	if after != "" {
		at, ok := parsePlace(after)
		if !ok {
			return nil, invalid("cursor", "cursor is %q, which no answer has given away; leave it out to begin with the first page", after)
		}
		pg.before = &at
	}
	panel.endpoint, panel.says, panel.asks = "events", "events of "+panel.src.SiteID, q.asks("list")
	panel.key = keyOf(append(append(q.parts(), "events", after), pg.hidden...)...)
	panel.expected = func() usage.Question {
		columns := q.rawColumns()
		for _, c := range eventColumns {
			columns = append(columns, c.Name)
		}
		slices.Sort(columns)
		return usage.Question{Subject: subject(panel.who, panel.src, shapeOf("events"+q.shape())), Kind: usage.KindReport, Columns: slices.Compact(append(columns, "props", "props_num")), From: q.From, To: q.To}
	}
	if q.To.Sub(q.From) > firstWindow { // else it is one statement
		panel.cohorts = q.cohorts()
	}
	panel.run = func(ctx context.Context, t *tally) (*kept, error) {
		rows, next, err := r.events(ctx, t, pg)
		if err != nil {
			return nil, err
		}
		list, err := marshal(rows)
		if err != nil {
			return nil, err
		}
		head := append([]byte(`{"events":`), list...)
		if next != nil {
			head = fmt.Appendf(head, `,"next":%q`, next)
		}
		return &kept{head: head}, nil
	}
	out, p := r.serve(ctx, panel)
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// maskedNames are the columns and properties that are masked for the principal's role, in the order of the masks.
func (r *Reporter) maskedNames(who tenant.Principal) []string {
	if r.deps.Masks == nil {
		return nil
	}
	var out []string
	for _, m := range catalog.AllMasks(r.deps.Masks(who.Tenant)) {
		if name := m.Name(); m.Holds(who.Role) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

type valuesQuery struct {
	SiteID string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	Dim    string   `query:"dim" doc:"A column, or props.<name>." example:"country"`
	Prefix string   `query:"prefix" doc:"Only values that begin so; case does not count."`
	From   string   `query:"from" doc:"Start: a time, a date (also as today-6d), or a length back from to; 30d by default."`
	To     string   `query:"to" doc:"End, not included; now by default."`
	Filter []string `query:"filter,explode" doc:"As of /report; may be repeated."`
	Bots   string   `query:"bots" doc:"exclude (the default), include, or only."`
	Limit  string   `query:"limit"`
}

const (
	defaultValues = 20
	maxSuggested  = 200
	valuesRange   = "30d"
)

func (r *Reporter) getValues(ctx context.Context, in *valuesQuery) (*served, error) {
	limit, p := number("limit", in.Limit, 1, maxSuggested, "report.values")
	if p != nil {
		return nil, p
	}
	if limit == 0 {
		limit = defaultValues
	}
	if in.Dim == "" {
		return nil, invalid("dim", "name a column, or a property as props.<name>: %s", strings.Join(textColumns, ", "))
	}
	if len(in.Prefix) > maxName || !utf8.ValidString(in.Prefix) || strings.ContainsRune(in.Prefix, 0) {
		return nil, invalid("prefix", "prefix must be a text of at most %d bytes", maxName)
	}
	dim, p := dimOf("dim", in.Dim)
	if p != nil {
		return nil, p
	}
	if in.From == "" {
		in.From = valuesRange
	}
	panel, q, p := r.checked(ctx, in.SiteID, ask{Metric: []string{Events}, GroupBy: []string{dim.Name()}, From: in.From, To: in.To, Filter: in.Filter, Bots: in.Bots, Limit: limit})
	if p != nil {
		if p.Field == "group_by" {
			p = p.WithField("dim")
			if p.Code == "invalid_group_by" {
				p.Code = "invalid_dim"
			}
		}
		return nil, fail(p)
	}
	q.GroupBy[0] = dim // a property's name may have blanks at its ends
	q.Filters = append(q.Filters, Filter{Dim: dim, Values: []string{""}, Not: true})
	if in.Prefix != "" {
		q.Filters = append(q.Filters, Filter{Dim: dim, Values: []string{in.Prefix}, Prefix: true})
	}
	panel.endpoint, panel.says, panel.asks = "values", "values of "+dim.Name()+" of "+panel.src.SiteID, q.asks("values for a filter")
	panel.key = keyOf(append(q.parts(), "values")...)
	panel.expected = func() usage.Question {
		return usage.Question{Subject: subject(panel.who, panel.src, shapeOf("values"+q.shape())), Kind: usage.KindReport, Columns: q.rawColumns(), From: q.From, To: q.To}
	}
	panel.run = func(ctx context.Context, t *tally) (*kept, error) {
		rows, err := r.answer(ctx, t, q)
		if err != nil {
			return nil, err
		}
		values := make([]Row, len(rows))
		for i, row := range rows {
			values[i] = Row{[]string{"value", "events"}, []any{fmt.Sprint(row.values[0]), row.values[1]}}
		}
		list, err := marshal(values)
		return &kept{head: append([]byte(`{"values":`), list...)}, err
	}
	out, p := r.serve(ctx, panel)
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}
