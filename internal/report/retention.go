package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/problem"
)

// The modes of a retention.
const (
	FirstTime = "first_time" // a person is in the cohort of the first start event ever, and in no other
	Recurring = "recurring"  // a person is in the cohort of each period with a start event
)

var (
	retentionModes   = []string{FirstTime, Recurring}
	retentionPeriods = []string{Day, Week, Month}
)

// The bounds of a retention.
const (
	defaultPeriods = 12
	maxPeriods     = 100 // of a cohort
	maxCohorts     = 100
)

// action is an event that a person does: one of the type (empty: any) that passes all filters.
type action struct {
	typ     string
	filters []Filter
}

// same says whether two actions are one.
func (a action) same(b action) bool { return a.typ == b.typ && reflect.DeepEqual(a.filters, b.filters) }

// Retention is a question about who comes back, checked.
type Retention struct {
	q       Question // tenant, site, zone, first day, filters, bots; Interval is the period; From and To are whole periods
	mode    string
	periods int // of a cohort, its own included
	start   action
	back    action
}

// retentionAsk is a retention as a caller writes it.
type retentionAsk struct {
	From, To, Segment, Bots string
	Filter                  []string
	Period, Mode            string
	Periods                 *int
	Start, Return           behaviourAsk
}

// behaviourAsk is an action as a caller writes it.
type behaviourAsk struct {
	Type   string `json:"type,omitempty" maxLength:"400" doc:"Of the event; any by default" example:"signup"`
	Filter texts  `json:"filter,omitempty" doc:"That it must pass, in the grammar of /report"`
}

// retention checks what was asked about a source.
func (r *Reporter) retention(ctx context.Context, src catalog.Source, a retentionAsk) (Retention, *problem.Problem) {
	x := Retention{mode: FirstTime, periods: defaultPeriods}
	var p *problem.Problem
	if x.q, p = r.personQuestion(ctx, src, ask{Filter: a.Filter, Segment: a.Segment}, a.Bots, nil); p != nil {
		return x, p
	}
	if p := oneOf("mode", a.Mode, retentionModes, &x.mode); p != nil {
		return x, p
	}
	x.q.Interval = Week
	if p := oneOf("period", a.Period, retentionPeriods, &x.q.Interval); p != nil {
		return x, p
	}
	if a.Periods != nil {
		if x.periods = *a.Periods; x.periods < 1 || x.periods > maxPeriods {
			return x, invalid("periods", "periods is %d, it must be between 1 and %d", x.periods, maxPeriods).WithLimit("report.retention_periods", maxPeriods)
		}
	}
	for _, part := range []struct {
		field string
		ask   behaviourAsk
		to    *action
	}{{"start", a.Start, &x.start}, {"return", a.Return, &x.back}} {
		if *part.to, p = r.action(ctx, src, part.field, part.ask); p != nil {
			return x, p
		}
	}
	return x, x.times(a, r.now())
}

// oneOf reads a word of a list into to; empty leaves it.
func oneOf(field, word string, words []string, to *string) *problem.Problem {
	if word == "" {
		return nil
	}
	if !slices.Contains(words, word) {
		return invalid(field, "there is no %s %q%s; it can be %s", field, clip(word), didYouMean(clip(word), words), strings.Join(words, ", "))
	}
	*to = word
	return nil
}

// action reads what a person does.
func (r *Reporter) action(ctx context.Context, src catalog.Source, field string, a behaviourAsk) (action, *problem.Problem) {
	if p := checkType(field+".type", a.Type, false); p != nil {
		return action{}, p
	}
	if p := checkFilters(a.Filter); p != nil {
		return action{}, p.WithField(field + ".filter")
	}
	filters, p := r.filters(ctx, src, a.Filter, "")
	if p != nil {
		return action{}, p.WithField(field + ".filter")
	}
	return action{a.Type, filters}, nil
}

// times reads the range and makes it whole periods: those that it touches.
func (x *Retention) times(a retentionAsk, now time.Time) *problem.Problem {
	var p *problem.Problem
	to := roundUp(now, time.Minute)
	if x.q.To, p = parseTime("to", a.To, to, to, now, x.q.Location); p != nil {
		return p
	}
	back := x.q.bucketStart(x.q.To.Add(-1))
	for range x.periods - 1 {
		back = x.q.bucketStart(back.Add(-1))
	}
	if x.q.From, p = parseTime("from", a.From, back, x.q.To, now, x.q.Location); p != nil {
		return p
	}
	if p := inOrder(x.q.From, x.q.To, a.From, a.To); p != nil {
		return p
	}
	x.q.From = x.q.bucketStart(x.q.From)
	if n := len(x.starts(maxCohorts + 1)); n > maxCohorts {
		return invalid("from", "the range has more than %d cohorts of one %s; choose a longer period or a shorter range", maxCohorts, x.q.Interval).WithLimit("report.retention_cohorts", maxCohorts)
	}
	last := x.starts(maxCohorts)
	x.q.To = x.q.nextBucket(last[len(last)-1])
	return nil
}

// starts are the starts of the cohorts' periods, at most so many.
func (x *Retention) starts(most int) []time.Time {
	var out []time.Time
	for t := x.q.From; t.Before(x.q.To) && len(out) < most; t = x.q.nextBucket(t) {
		out = append(out, t)
	}
	return out
}

// ends are the ends of the periods from the first cohort's own on to the last one that the answer looks at.
func (x *Retention) ends() []time.Time {
	n := len(x.starts(maxCohorts)) + x.periods - 1
	out := make([]time.Time, n)
	t := x.q.From
	for i := range out {
		t = x.q.nextBucket(t)
		out[i] = t
	}
	return out
}

// settled is how many of the periods are over: nothing that comes is late for them.
func settled(ends []time.Time, till time.Time) int {
	n := 0
	for n < len(ends) && !ends[n].After(till) {
		n++
	}
	return n
}

// RetentionCohort is a row of an answer.
type RetentionCohort struct {
	Cohort string   `json:"cohort" doc:"First day of its period" example:"2026-01-05"`
	Size   uint64   `json:"size" doc:"Its persons; of a period that is not over, so far"`
	Values []*int64 `json:"values" doc:"How many of them came back in its own period and in each one after it; null: the period is not over yet"`
}

// RetentionAnswer is the answer to a retention.
type RetentionAnswer struct {
	Cohorts       []RetentionCohort `json:"cohorts" doc:"In the order of time; also those without persons"`
	Average       []*float64        `json:"average" doc:"By period, the share of persons who came back, over the cohorts whose period is over; null: there is none with persons"`
	From          string            `json:"from" doc:"Start of the first cohort"`
	To            string            `json:"to" doc:"End of the last cohort, not included"`
	Period        string            `json:"period"`
	Mode          string            `json:"mode"`
	AsOf          string            `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	CompleteUntil string            `json:"complete_until" doc:"A period that ends later is not over"`
}

// cell is how many persons of a cohort came back; period -1: how many there are.
type cell struct{ cohort, period int }

// table makes an answer of the counts of cells. over is how many periods are over.
func (x *Retention) table(counts map[cell]uint64, over int) RetentionAnswer {
	starts := x.starts(maxCohorts)
	out := RetentionAnswer{Period: x.q.Interval, Mode: x.mode, From: boundText(x.q.From), To: boundText(x.q.To), Average: make([]*float64, x.periods)}
	back, all := make([]uint64, x.periods), make([]uint64, x.periods)
	for c, at := range starts {
		row := RetentionCohort{Cohort: at.Format(time.DateOnly), Size: counts[cell{c, -1}], Values: make([]*int64, x.periods)}
		for k := range min(x.periods, max(0, over-c)) {
			n := int64(counts[cell{c, k}])
			row.Values[k] = &n
			back[k] += uint64(n)
			all[k] += row.Size
		}
		out.Cohorts = append(out.Cohorts, row)
	}
	for k := range out.Average {
		if all[k] > 0 {
			share := float64(back[k]) / float64(all[k])
			out.Average[k] = &share
		}
	}
	return out
}

// keyParts are what an answer depends on beside the tenant's data and how many periods are over.
func (x *Retention) keyParts() []string {
	parts := append(x.q.parts(), "retention", x.mode, fmt.Sprint(x.periods))
	for _, a := range []action{x.start, x.back} {
		parts = append(parts, a.typ, fmt.Sprint(len(a.filters)))
		parts = append(parts, filterParts(a.filters)...)
	}
	return parts
}

// looksAt is a question that looks at the same columns, for masks and estimates.
func (x *Retention) looksAt() Question {
	q := x.q
	q.Metrics, q.Interval = []string{Users}, ""
	for _, a := range []action{x.start, x.back} {
		q.Filters = slices.Concat(q.Filters, a.filters)
		if a.typ != "" {
			q.Filters = append(q.Filters, Filter{Dim: Dim{Column: "type"}, Values: []string{a.typ}})
		}
	}
	return q
}

// retentionKept answers a retention.
func (r *Reporter) retentionKept(ctx context.Context, t *tally, x *Retention, over int) (*kept, error) {
	counts, err := r.retained(ctx, t, x)
	if err != nil {
		return nil, err
	}
	a := x.table(counts, over)
	head, err := json.Marshal(struct {
		Cohorts []RetentionCohort `json:"cohorts"`
		Average []*float64        `json:"average"`
		From    string            `json:"from"`
		To      string            `json:"to"`
		Period  string            `json:"period"`
		Mode    string            `json:"mode"`
	}{a.Cohorts, a.Average, a.From, a.To, a.Period, a.Mode})
	if err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	return &kept{head: head[:len(head)-1]}, nil
}

var errCell = errors.New("retention: the engine's row is not a cohort, a period and a count")
