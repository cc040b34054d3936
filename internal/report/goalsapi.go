package report

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

const goalsDoc = `How often saved goals were reached, by how many persons, and what money came in: all in one question, where /report takes one goal.
Money is by currency, and never added up over currencies. Without goals only the persons and the money are given. Filters look at events.
What is masked for the role is null: revenue, persons, and the numbers of goals that look at it.`

func registerGoals(api huma.API, r *Reporter) {
	op := huma.Operation{OperationID: "conversions", Method: http.MethodGet, Path: basePath + "/conversions", Tags: []string{"analytics"}, Summary: "Goals and revenue",
		Description: goalsDoc, Responses: answerOf[Goals](api, "Goals")}
	huma.Register(api, op, r.getGoals)
	op.OperationID, op.Method, op.Summary = "conversions-post", http.MethodPost, "Goals and revenue, asked in JSON"
	huma.Register(api, op, r.postGoals)
}

type goalsQuery struct {
	SiteID  string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	Goal    []string `query:"goal,explode" doc:"A saved goal's id; repeated, up to 50."`
	From    string   `query:"from" doc:"Start: a time, a date (also as today-6d), or a length back from to; 7d by default."`
	To      string   `query:"to" doc:"End, not included: a time, a date (its end), or a length back from now; now by default."`
	Filter  []string `query:"filter,explode" doc:"As of /report; may be repeated."`
	Segment string   `query:"segment" doc:"A saved segment's id: its filters are added."`
	Bots    string   `query:"bots" doc:"exclude (the default), include, or only."`
}

type goalsBody struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Body   struct {
		Goal    texts  `json:"goal,omitempty"`
		From    string `json:"from,omitempty"`
		To      string `json:"to,omitempty"`
		Filter  texts  `json:"filter,omitempty"`
		Segment string `json:"segment,omitempty"`
		Bots    string `json:"bots,omitempty"`
	}
}

func (r *Reporter) getGoals(ctx context.Context, in *goalsQuery) (*served, error) {
	return r.goals(ctx, in.SiteID, in.Goal, ask{From: in.From, To: in.To, Filter: in.Filter, Segment: in.Segment, Bots: in.Bots})
}

func (r *Reporter) postGoals(ctx context.Context, in *goalsBody) (*served, error) {
	b := in.Body
	return r.goals(ctx, in.SiteID, b.Goal, ask{From: b.From, To: b.To, Filter: b.Filter, Segment: b.Segment, Bots: b.Bots})
}

func (r *Reporter) goals(ctx context.Context, site string, ids []string, a ask) (*served, error) {
	who, src, p := r.source(ctx, site)
	if p != nil {
		return nil, fail(p)
	}
	x, p := r.goalsOf(ctx, who, src, ids, a)
	if p != nil {
		return nil, fail(p)
	}
	out, p := r.serve(ctx, &panel{
		endpoint: "conversions", who: who, src: src, says: "goals of " + src.SiteID, key: keyOf(x.parts()...),
		expected: func() usage.Question {
			b := &builder{q: x.q, params: map[string]string{}}
			return usage.Question{Subject: subject(who, src, shapeOf("goals\n"+x.counts(b, people{person: visitorID}))), Kind: usage.KindReport, Columns: x.columns(), From: x.q.From, To: x.q.To}
		},
		run:     func(ctx context.Context, t *tally) (*kept, error) { return r.answerGoals(ctx, t, x) },
		cohorts: x.cohorts(),
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// cohorts are those that the question and its goals name, if the money is asked for in a statement of its own.
func (x *goalsQuestion) cohorts() []*cohort {
	if x.noRevenue {
		return nil
	}
	list := x.q.cohorts()
	x.shown(func(_ int, g *wanted) { list = append(list, cohortsOf(g.filters)...) })
	return list
}

// goalsOf checks a question, finds its goals, and notes what of it is masked for the caller.
func (r *Reporter) goalsOf(ctx context.Context, who tenant.Principal, src catalog.Source, ids []string, a ask) (*goalsQuestion, *problem.Problem) {
	if len(ids) > maxGoals {
		return nil, invalid("goal", "there are %d goals, at most %d are allowed in one question; ask for the others in another one", len(ids), maxGoals).WithLimit("report.goals", maxGoals)
	}
	q, p := r.personQuestion(ctx, src, a, a.Bots, nil)
	if p != nil {
		return nil, p
	}
	q.Metrics = nil
	if p := r.masked(who, q); p != nil {
		return nil, p
	}
	hidden := func(q Question) bool { return r.masked(who, q) != nil }
	x := &goalsQuestion{q: q, noPeople: hidden(Question{Metrics: []string{Users}}), noRevenue: hidden(Question{Metrics: []string{Revenue}}), noCurrency: hidden(Question{GroupBy: []Dim{{Prop: "currency"}}})}
	for _, id := range ids {
		var body catalog.Goal
		saved, p := r.namedObject(ctx, src, catalog.KindGoal, "goal", id, &body)
		if p != nil {
			return nil, p
		}
		filters, p := r.savedFilters(ctx, src, body.Filter)
		if p != nil {
			return nil, p.WithField("goal")
		}
		g := wanted{goal: goal{id, saved.Version, action{body.Type, filters}}, name: saved.Name, value: body.Value}
		g.hidden = hidden(Question{Filters: filters, GroupBy: g.goal.dims()})
		x.goals = append(x.goals, g)
	}
	return x, nil
}

// columns are those that are read, for estimates.
func (x *goalsQuestion) columns() []string {
	q := x.q
	if !x.noPeople {
		q.Metrics = append(q.Metrics, Users)
	}
	if !x.noRevenue {
		q.Metrics = append(q.Metrics, Revenue)
	}
	x.shown(func(_ int, g *wanted) { q.GroupBy = append(slices.Clone(q.GroupBy), g.goal.dims()...) })
	return q.rawColumns()
}
