package report

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/usage"
)

const retentionDoc = `Of the persons who did a start event in a period (a day, week or month of the source's time zone; weeks begin on its first day): how many did a return event in that period and in each one after it.

first_time: a person is in the cohort of the first start event that is known at all, also before from; recurring: in that of each period with a start event.
Any event is a start and a return unless start and return say otherwise. filter, segment and bots hold for both.
A person came back in period 0 if a return event is the start event itself or comes after the first start event of that period (events of one time in the order of their arrival); in later periods, any return event counts.
A range is widened to whole periods: from and to choose the cohorts, return events are looked for in all periods after them. The default is the present period and those before it, as many as periods says.
A cell of a period that is not over (its end lies after complete_until) is null, and so is its share of the average. Events of nobody (without client_id and user_id) do not count.`

type retentionQuery struct {
	SiteID  string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	From    string   `query:"from" doc:"Start of the first cohorts: a time, a date (also as today-6d), or a length back from to." example:"2026-01-01"`
	To      string   `query:"to" doc:"End of the last ones, not included: a time, a date (its end), or a length back from now; now by default."`
	Filter  []string `query:"filter,explode" doc:"As in /report. May be repeated."`
	Segment string   `query:"segment" doc:"A saved segment's id: its filters are added."`
	Bots    string   `query:"bots" doc:"exclude (the default), include or only."`
	Period  string   `query:"period" doc:"day, week (the default) or month."`
	Periods string   `query:"periods"`
	Mode    string   `query:"mode" doc:"first_time (the default) or recurring."`
	Start   string   `query:"start" doc:"Type of the start event; any by default."`
	Return  string   `query:"return" doc:"Type of the return event; any by default."`
}

type retentionBody struct {
	SiteID string `path:"site_id"`
	Body   struct {
		From    string       `json:"from,omitempty"`
		To      string       `json:"to,omitempty"`
		Filter  texts        `json:"filter,omitempty"`
		Segment string       `json:"segment,omitempty"`
		Bots    string       `json:"bots,omitempty"`
		Period  string       `json:"period,omitempty"`
		Periods *int         `json:"periods,omitempty"`
		Mode    string       `json:"mode,omitempty"`
		Start   behaviourAsk `json:"start,omitzero"`
		Return  behaviourAsk `json:"return,omitzero"`
	}
}

func (in *retentionBody) ask() retentionAsk {
	b := in.Body
	return retentionAsk{From: b.From, To: b.To, Segment: b.Segment, Bots: b.Bots, Filter: b.Filter, Period: b.Period, Mode: b.Mode, Periods: b.Periods, Start: b.Start, Return: b.Return}
}

func registerRetention(api huma.API, r *Reporter) {
	op := huma.Operation{OperationID: "retention", Method: http.MethodGet, Path: basePath + "/retention", Tags: []string{"analytics"}, Summary: "Who comes back, by cohort",
		Description: retentionDoc, Responses: answerOf[RetentionAnswer](api, "RetentionAnswer"),
		Parameters: []*huma.Param{bounded("periods", 1, maxPeriods, defaultPeriods, "How many periods of each cohort are looked at, its own included.")}}
	huma.Register(api, op, r.getRetention)
	op.Parameters = nil
	op.OperationID, op.Method, op.Summary = "retention-post", http.MethodPost, "Who comes back, asked in JSON: start and return with filters"
	huma.Register(api, op, r.postRetention)
}

func (r *Reporter) getRetention(ctx context.Context, in *retentionQuery) (*served, error) {
	a := retentionAsk{From: in.From, To: in.To, Segment: in.Segment, Bots: in.Bots, Filter: in.Filter, Period: in.Period, Mode: in.Mode, Start: behaviourAsk{Type: in.Start}, Return: behaviourAsk{Type: in.Return}}
	if in.Periods != "" {
		n, p := number("periods", in.Periods, 1, maxPeriods, "report.retention_periods")
		if p != nil {
			return nil, p
		}
		a.Periods = &n
	}
	return r.answerRetention(ctx, in.SiteID, a)
}

func (r *Reporter) postRetention(ctx context.Context, in *retentionBody) (*served, error) {
	return r.answerRetention(ctx, in.SiteID, in.ask())
}

func (r *Reporter) answerRetention(ctx context.Context, site string, a retentionAsk) (*served, error) {
	who, src, p := r.source(ctx, site)
	if p != nil {
		return nil, fail(p)
	}
	x, p := r.retention(ctx, src, a)
	if p != nil {
		return nil, fail(p)
	}
	looks := x.looksAt()
	if p := r.masked(who, looks); p != nil {
		return nil, fail(p)
	}
	ends := x.ends()
	over := settled(ends, r.deps.Clock.CompleteUntil(src.Tenant))
	out, p := r.serve(ctx, &panel{
		endpoint: "retention", who: who, src: src, asks: "retention by " + x.q.Interval, says: "retention of " + src.SiteID + " by " + x.q.Interval, key: keyOf(append(x.keyParts(), fmt.Sprint(over))...),
		expected: func() usage.Question {
			shape := shapeOf(buildRetention(&builder{q: x.q, params: map[string]string{}}, &x, people{person: visitorID}, nil).sql)
			from := x.q.From
			if x.mode == FirstTime { // all that there is
				from = from.Add(-maxWithin)
			}
			return usage.Question{Subject: subject(who, src, shape), Kind: usage.KindReport, Columns: append(looks.rawColumns(), "client_id", "user_id"), From: from, To: ends[len(ends)-1]}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) { return r.retentionKept(ctx, t, &x, over) },
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// checkRetention says what is wrong with a retention of a panel.
func (r *Reporter) checkRetention(ctx context.Context, src catalog.Source, question []byte) *problem.Problem {
	var in retentionBody
	if p := strictly(question, &in.Body); p != nil {
		return p
	}
	_, p := r.retention(ctx, src, in.ask())
	return p
}

func (r *Reporter) answerRetentionPanel(ctx context.Context, src catalog.Source, question []byte) (*served, error) {
	in := retentionBody{SiteID: src.SiteID}
	if p := strictly(question, &in.Body); p != nil {
		return nil, p
	}
	return r.postRetention(ctx, &in)
}
