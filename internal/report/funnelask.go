package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/report/funnel"
	"weir/internal/tenant"
)

// FunnelQuery is a funnel as a caller asks for it.
type FunnelQuery struct {
	From      string           `json:"from,omitempty" doc:"Start: a time, a date, or a length back from to; 7d by default."`
	To        string           `json:"to,omitempty" doc:"End, not included: a time, a date (its end), or a length back from now; now by default."`
	Filter    texts            `json:"filter,omitempty" doc:"Only events that match all of them are looked at."`
	Segment   string           `json:"segment,omitempty" doc:"A saved segment's id: its filters are added."`
	Bots      string           `json:"bots,omitempty" doc:"exclude (the default), include or only."`
	Window    string           `json:"window,omitempty" doc:"How long an attempt may take, from its first event to its last: 90s, 30m, 1h30m, 24h, 7d, 2w; at most 366d, 24h by default." example:"24h"`
	Order     string           `json:"order,omitempty" doc:"ordered (the default), strict or any."`
	Steps     []askedStep      `json:"steps,omitempty" doc:"2 to 32 steps."`
	Exclude   []askedExclusion `json:"exclude,omitempty" doc:"Events that must not come between two steps."`
	Breakdown string           `json:"breakdown,omitempty" doc:"A column, or props.<name>: the funnel also for each value that it has at the first step." example:"country"`
	Limit     *int             `json:"limit,omitempty" nullable:"false" doc:"At most so many values of breakdown, those with the most persons first; 10 by default, at most 1000."`
}

type askedStep struct {
	Type   string `json:"type,omitempty" doc:"The type of the events that serve the step." example:"pageview"`
	Filter texts  `json:"filter,omitempty" doc:"What they must match, as in a report." example:"[\"path:/pricing\"]"`
	Goal   string `json:"goal,omitempty" doc:"A saved goal's id, in place of type: its type and filters."`
	Name   string `json:"name,omitempty" doc:"How the answer names the step."`
}

type askedExclusion struct {
	Type   string `json:"type,omitempty"`
	Filter texts  `json:"filter,omitempty"`
	After  int    `json:"after,omitempty" doc:"The step after which it must not come, 1 for the first."`
	Before int    `json:"before,omitempty" doc:"The step before which it must not come."`
}

// stage says which events serve a step, or are forbidden.
type stage struct {
	name    string
	typ     string // empty: any
	filters []Filter
}

// funnelQuestion is a funnel that was checked.
type funnelQuestion struct {
	q         Question // tenant, site, range, filters
	steps     []stage
	excluded  []stage // what funnel.Funnel.Exclude forbids
	funnel    funnel.Funnel
	breakdown *Dim
	limit     int
}

// The bounds of a funnel.
const (
	minSteps         = 2
	maxExclusions    = 32
	defaultWindow    = 24 * time.Hour
	maxWindow        = 366 * 24 * time.Hour
	defaultBreakdown = 10
	maxBreakdown     = 1000
	maxStepName      = 200
)

var orderNames = []string{"ordered", "strict", "any"} // by funnel.Order

// funnelOf checks a funnel that was asked about a source.
func (r *Reporter) funnelOf(ctx context.Context, src catalog.Source, a FunnelQuery) (*funnelQuestion, *problem.Problem) {
	limit, p := atLeastOne("limit", a.Limit, maxBreakdown, "report.funnel_breakdown")
	if p != nil {
		return nil, p
	}
	f := &funnelQuestion{limit: cmp.Or(limit, defaultBreakdown)}
	var groupBy []Dim
	if a.Breakdown != "" {
		d, p := dimOf("breakdown", a.Breakdown)
		if p == nil {
			p = r.asked(ctx, src, "breakdown", d)
		}
		if p != nil {
			return nil, p
		}
		f.breakdown, groupBy = &d, []Dim{d}
	}
	if f.q, p = r.personQuestion(ctx, src, ask{From: a.From, To: a.To, Filter: a.Filter, Segment: a.Segment}, a.Bots, groupBy); p != nil {
		return nil, p
	}
	for _, check := range []func() *problem.Problem{
		func() *problem.Problem { return f.shapeOf(a) },
		func() *problem.Problem { return r.funnelSteps(ctx, src, f, a.Steps) },
		func() *problem.Problem { return r.funnelExclusions(ctx, src, f, a.Exclude) },
	} {
		if p := check(); p != nil {
			return nil, p
		}
	}
	return f, nil
}

// personQuestion checks the range, the filters and the robots of a question about persons.
// groupBy is what else it looks at.
func (r *Reporter) personQuestion(ctx context.Context, src catalog.Source, a ask, bots string, groupBy []Dim) (Question, *problem.Problem) {
	q, p := a.question(src, r.now(), r.zone)
	if p != nil {
		return q, p
	}
	if q.Filters, p = r.filters(ctx, src, a.Filter, a.Segment); p != nil {
		return q, p
	}
	q.Timeout = r.timeout(src.Tenant)
	q.Bots, p = botsOf(bots, groupBy, q.Filters)
	return q, p
}

// shapeOf checks everything but the steps.
func (f *funnelQuestion) shapeOf(a FunnelQuery) *problem.Problem {
	window, ok := lengthOr(a.Window, defaultWindow)
	if !ok || window > maxWindow {
		return invalid("window", "window is %q; write %s, more than 0 and at most 366d", clip(a.Window), lengthForm).WithLimit("report.funnel_window_days", int64(maxWindow/(24*time.Hour)))
	}
	order := cmp.Or(a.Order, orderNames[funnel.Ordered])
	at := slices.Index(orderNames, order)
	if at < 0 {
		return invalid("order", "there is no order %q%s; the orders are %s", clip(order), didYouMean(clip(order), orderNames), strings.Join(orderNames, ", "))
	}
	f.funnel = funnel.Funnel{Steps: len(a.Steps), Order: funnel.Order(at), Window: window.Milliseconds()}
	return nil
}

func (r *Reporter) funnelSteps(ctx context.Context, src catalog.Source, f *funnelQuestion, steps []askedStep) *problem.Problem {
	if len(steps) < minSteps || len(steps) > funnel.MaxSteps {
		plural := "s"
		if len(steps) == 1 {
			plural = ""
		}
		return invalid("steps", `the funnel has %d step%s, it must have %d to %d; for example "steps": [{"type": "pageview", "filter": ["path:/pricing"]}, {"type": "signup"}]`,
			len(steps), plural, minSteps, funnel.MaxSteps).WithLimit("report.funnel_steps", funnel.MaxSteps)
	}
	for i, s := range steps {
		field := "steps[" + strconv.Itoa(i) + "]"
		st, p := r.stageOf(ctx, src, field, s)
		if p != nil {
			return p
		}
		f.steps = append(f.steps, st)
	}
	return nil
}

func (r *Reporter) funnelExclusions(ctx context.Context, src catalog.Source, f *funnelQuestion, list []askedExclusion) *problem.Problem {
	switch {
	case len(list) > maxExclusions:
		return invalid("exclude", "there are %d exclusions, at most %d are allowed", len(list), maxExclusions).WithLimit("report.funnel_exclusions", maxExclusions)
	case len(list) > 0 && f.funnel.Order == funnel.Any:
		return invalid("exclude", "between two steps is nowhere when they come in any order; leave exclude out, or set order to ordered or strict")
	}
	for i, x := range list {
		field := "exclude[" + strconv.Itoa(i) + "]"
		if x.After < 1 || x.Before > len(f.steps) || x.After >= x.Before {
			which := field + ".after"
			if x.After >= 1 && x.After < len(f.steps) {
				which = field + ".before"
			}
			return invalid(which, "an exclusion lies after a step and before a later one, of 1 to %d; after is %d and before is %d: write for example \"after\": 1, \"before\": 2", len(f.steps), x.After, x.Before)
		}
		st, p := r.stageOf(ctx, src, field, askedStep{Type: x.Type, Filter: x.Filter})
		if p != nil {
			return p
		}
		f.excluded = append(f.excluded, st)
		f.funnel.Exclude = append(f.funnel.Exclude, funnel.Exclusion{After: x.After, Before: x.Before})
	}
	return nil
}

// stageOf checks a step. field is its place in the question.
func (r *Reporter) stageOf(ctx context.Context, src catalog.Source, field string, s askedStep) (stage, *problem.Problem) {
	if s.Type == "" && s.Goal == "" && len(s.Filter) == 0 {
		return stage{}, problem.New(http.StatusUnprocessableEntity, "missing_field",
			"%s names no event; give it a type (such as pageview or signup), filters, or a goal", field).WithField(field + ".type")
	}
	if len(s.Name) > maxStepName || !utf8.ValidString(s.Name) {
		return stage{}, invalid(field+".name", "the name of a step has at most %d bytes of valid text", maxStepName)
	}
	texts, goal := []string(s.Filter), catalog.Goal{}
	name := s.Name
	if s.Goal != "" {
		if s.Type != "" {
			return stage{}, invalid(field+".type", "a goal has a type of its own; leave type or goal out")
		}
		if _, p := r.object(ctx, src, catalog.KindGoal, field+".goal", s.Goal, &goal); p != nil {
			return stage{}, p
		}
		s.Type = goal.Type
	}
	if p := checkType(field+".type", s.Type, false); p != nil {
		return stage{}, p
	}
	filters, p := r.savedFilters(ctx, src, goal.Filter)
	if p == nil {
		var own []Filter
		own, p = r.filters(ctx, src, texts, "")
		filters = append(filters, own...)
	}
	if p != nil {
		return stage{}, p.WithField(field + ".filter")
	}
	texts = append(slices.Clone(goal.Filter), texts...)
	if name == "" {
		name = strings.TrimSpace(s.Type + " " + strings.Join(texts, ", "))
		if len(name) > maxStepName {
			name = strings.ToValidUTF8(name[:maxStepName], "") + "…"
		}
	}
	return stage{name: name, typ: s.Type, filters: filters}, nil
}

// personMasked refuses a question about persons that looks at what is hidden from the caller's role. Hashes of ids can be counted like the ids; who they are can not be listed.
func (r *Reporter) personMasked(who tenant.Principal, q Question, stages map[string][]stage, breakdown *Dim, listed bool) *problem.Problem {
	if p := r.masked(who, Question{Metrics: []string{Visitors}, Filters: q.Filters, Bots: q.Bots}); p != nil {
		return p
	}
	ids := []Dim{{Column: "client_id"}, {Column: "user_id"}}
	if r.deps.Masks != nil {
		for _, m := range r.deps.Masks(who.Tenant) {
			if !m.Property && m.Column == "user_id" && m.Action == catalog.MaskHide && m.Holds(who.Role) {
				return problem.New(http.StatusForbidden, "column_masked", "user_id is hidden from the role %s, and without it persons cannot be counted; ask an admin of the tenant", who.Role).WithField("user_id")
			}
		}
	}
	if listed {
		if p := r.masked(who, Question{GroupBy: ids}); p != nil {
			return p.WithField("people")
		}
	}
	for field, list := range stages {
		for _, s := range list {
			q := Question{Filters: s.filters}
			if s.typ != "" {
				q.GroupBy = []Dim{{Column: "type"}}
			}
			if p := r.masked(who, q); p != nil {
				return p.WithField(field)
			}
		}
	}
	if breakdown != nil {
		if p := r.masked(who, Question{GroupBy: []Dim{*breakdown}}); p != nil {
			return p.WithField("breakdown")
		}
	}
	return nil
}

// parts are what the answer depends on.
func (f *funnelQuestion) parts() []string {
	parts := append(f.q.parts(), fmt.Sprint(f.funnel, f.limit, len(f.steps)))
	for _, s := range append(slices.Clone(f.steps), f.excluded...) {
		parts = append(parts, s.name, s.typ, strconv.Itoa(len(s.filters)))
		parts = append(parts, filterParts(s.filters)...)
	}
	if f.breakdown != nil {
		parts = append(parts, f.breakdown.Name())
	}
	return parts
}

// columns are the columns of events that the question reads.
func (f *funnelQuestion) columns() []string {
	q := Question{Metrics: []string{Pageviews, Visitors}, Filters: f.q.Filters}
	for _, s := range append(slices.Clone(f.steps), f.excluded...) {
		q.Filters = append(slices.Clone(q.Filters), s.filters...)
	}
	if f.breakdown != nil {
		q.GroupBy = []Dim{*f.breakdown}
	}
	return append(q.rawColumns(), "user_id", "_partition", "_offset", "_row")
}

// decodeFunnel reads a funnel that is part of something saved.
func decodeFunnel(b json.RawMessage) (FunnelQuery, *problem.Problem) {
	var a FunnelQuery
	p := strictly(b, &a)
	return a, p
}
