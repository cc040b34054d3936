package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ClickHouse/ch-go/proto"

	"weir/internal/clickhouse"
	"weir/internal/report/funnel"
)

// funnelRows are the columns of a block of a funnel's answer: a row is a person.
type funnelRows struct {
	person *proto.ColStr
	e      *proto.ColArr[uint64] // packed: instead of the next five
	base   int64                 // what e's times are since
	steps  int
	any    bool // an attempt may begin with any step
	at     *proto.ColArr[int64]
	part   *proto.ColArr[uint16]
	off    *proto.ColArr[uint64]
	row    *proto.ColArr[uint32]
	m      *proto.ColArr[uint32]
	x      *proto.ColArr[uint32] // nil where there is none
	act    *proto.ColArr[uint8]
	v      *proto.ColArr[string]

	events []funnel.Event
}

func newFunnelRows(f *funnelQuestion, packed bool) (*funnelRows, []proto.ColResult) {
	c := &funnelRows{person: new(proto.ColStr), base: f.q.From.UnixMilli(), steps: len(f.steps), any: f.funnel.Order == funnel.Any}
	cols := []proto.ColResult{c.person}
	if packed {
		c.e = new(proto.ColUInt64).Array()
		cols = append(cols, c.e)
	} else {
		c.at, c.part, c.off, c.row, c.m = new(proto.ColInt64).Array(), new(proto.ColUInt16).Array(), new(proto.ColUInt64).Array(), new(proto.ColUInt32).Array(), new(proto.ColUInt32).Array()
		cols = append(cols, c.at, c.part, c.off, c.row, c.m)
	}
	if len(f.excluded) > 0 {
		c.x = new(proto.ColUInt32).Array()
		cols = append(cols, c.x)
	}
	if f.funnel.Order == funnel.Strict {
		c.act = new(proto.ColUInt8).Array()
		cols = append(cols, c.act)
	}
	if f.breakdown != nil {
		c.v = new(proto.ColStr).Array()
		cols = append(cols, c.v)
	}
	return c, cols
}

// bounds are where the values of a row lie in an array column's data, of which there are n.
func bounds[T any](c *proto.ColArr[T], row int) (from, to, n uint64) {
	if row > 0 {
		from = c.Offsets[row-1]
	}
	return from, c.Offsets[row], uint64(c.Data.Rows())
}

var errDamaged = errors.New("funnel: the arrays of a row are damaged")

// span is where the events of a row lie in its arrays, and where those of the breakdown's values do. ok is false if the arrays do not fit each other.
func (c *funnelRows) span(row int) (from, to, value, values uint64, ok bool) {
	ok = true
	first := true
	check := func(a, b, n uint64) {
		if first {
			from, to, first = a, b, false
		}
		ok = ok && a == from && b == to && a <= b && b <= n
	}
	if c.e != nil {
		check(bounds(c.e, row))
	} else {
		check(bounds(c.at, row))
		check(bounds(c.part, row))
		check(bounds(c.off, row))
		check(bounds(c.row, row))
		check(bounds(c.m, row))
	}
	if c.x != nil {
		check(bounds(c.x, row))
	}
	if c.act != nil {
		check(bounds(c.act, row))
	}
	if c.v != nil {
		var n uint64
		value, values, n = bounds(c.v, row)
		ok = ok && values <= n
	}
	return from, to, value, values, ok
}

// event is that of a place in the arrays, without its value.
func (c *funnelRows) event(i uint64) (e funnel.Event) {
	if c.e != nil {
		both := (*c.e.Data.(*proto.ColUInt64))[i]
		e.TS, e.Steps = c.base+int64(both>>c.steps), uint32(both&(1<<c.steps-1))
	} else {
		e = funnel.Event{TS: (*c.at.Data.(*proto.ColInt64))[i], Partition: (*c.part.Data.(*proto.ColUInt16))[i], Offset: (*c.off.Data.(*proto.ColUInt64))[i],
			Row: (*c.row.Data.(*proto.ColUInt32))[i], Steps: (*c.m.Data.(*proto.ColUInt32))[i]}
	}
	if c.x != nil {
		e.Excluded = (*c.x.Data.(*proto.ColUInt32))[i]
	}
	if c.act != nil {
		e.Action = (*c.act.Data.(*proto.ColUInt8))[i] != 0
	}
	return e
}

// of returns the events of a person, in order. Event.Value is the place of its value in c.v, where it can be the first of an attempt. It is valid until the next call.
func (c *funnelRows) of(row int) ([]funnel.Event, error) {
	from, to, value, values, ok := c.span(row)
	if !ok {
		return nil, errDamaged
	}
	c.events = c.events[:0]
	for i := from; i < to; i++ {
		e := c.event(i)
		if c.v != nil && begins(e, c.any) {
			if value >= values {
				return nil, errDamaged
			}
			e.Value = int32(value)
			value++
		}
		c.events = append(c.events, e)
	}
	funnel.Sort(c.events)
	return c.events, nil
}

// begins says whether an attempt may begin with the event: then it has a value of the breakdown.
func begins(e funnel.Event, any bool) bool { return e.Steps&1 != 0 || any && e.Steps != 0 }

// value is the value of the breakdown at a place; "" without a breakdown.
func (c *funnelRows) value(at int32) string {
	if c.v == nil {
		return ""
	}
	return c.v.Data.(*proto.ColStr).Row(int(at))
}

// tied says whether packed events, in order, have two at the same time of which it matters which came first.
func (c *funnelRows) tied(events []funnel.Event) bool {
	for i := 1; c.e != nil && i < len(events); i++ {
		a, b := events[i-1], events[i]
		if a.TS == b.TS && (c.v != nil || a.Steps != b.Steps || a.Excluded != b.Excluded || a.Action != b.Action) {
			return true
		}
	}
	return false
}

// funnelPersons runs a funnel and calls fn for each person that began: with the times of the steps of its best attempt, in Unix milliseconds, and the value of the
// breakdown. times is valid during the call.
//
// Time and steps of an event are read as one number: its place in the log would be three more arrays of each person, and nearly never decides. Of persons with events at the same time, of which it
// matters which came first, these events are read in a second statement with all there is (tiedPersons). A site where many are is not read packed again for an hour.
func (r *Reporter) funnelPersons(ctx context.Context, t *tally, f *funnelQuestion, fn func(person string, times []int64, value string) error) error {
	a := newAttempts(f, fn)
	if !f.packs() || r.ties.many(f.q.Site, r.now()) {
		return r.funnelRows(ctx, t, f, funnelRead{}, a.add)
	}
	tied := newTiedPersons(r.tied)
	persons := 0
	err := r.funnelRows(ctx, t, f, funnelRead{packed: true}, func(rows *funnelRows, person string, events []funnel.Event) error {
		persons++
		if rows.tied(events) {
			tied.keep(rows, person, events)
			return nil
		}
		return a.add(rows, person, events)
	})
	if err != nil || len(tied.persons) == 0 {
		return err
	}
	if len(tied.persons)*tiedShare > persons {
		r.ties.found(f.q.Site, r.now())
	}
	if !tied.whole() { // all of these persons' events
		return r.funnelRows(ctx, t, f, funnelRead{only: tied.few()}, func(rows *funnelRows, person string, events []funnel.Event) error {
			if _, ok := tied.persons[person]; !ok {
				return nil
			}
			return a.add(rows, person, events)
		})
	}
	if err := r.funnelRows(ctx, t, f, funnelRead{only: tied.few(), at: tied.times()}, func(rows *funnelRows, person string, events []funnel.Event) error {
		tied.told(rows, person, events)
		return nil
	}); err != nil {
		return err
	}
	return tied.add(a)
}

// The bounds of ids that a statement names.
const (
	maxOnly      = 2000
	maxOnlyBytes = 64 << 10
)

// funnelRead is what of the events a statement about a funnel reads.
type funnelRead struct {
	packed bool
	only   []string // it need not look at other persons than these; none: all
	at     []int64  // only what happened at these times, Unix milliseconds, of whoever it was; none: at any
}

// funnelRows runs one statement and calls fn with the events of each person, in order. They are valid during the call.
func (r *Reporter) funnelRows(ctx context.Context, t *tally, f *funnelQuestion, read funnelRead, fn func(rows *funnelRows, person string, events []funnel.Event) error) error {
	q, err := r.attributed(ctx, t, f.q, f.q.From, f.q.To, f.lookedAt(), nil)
	if err != nil {
		return err
	}
	b := &builder{q: q, params: map[string]string{}}
	p, err := r.people(ctx, t, b, f.q.Tenant, f.q.Site)
	if err != nil {
		return err
	}
	rows, cols := newFunnelRows(f, read.packed)
	st := clickhouse.Statement{SQL: b.funnelSQL(f, p, read), Params: b.params, Comment: "funnel/" + f.q.Tenant}
	return r.blocks(ctx, t, st, cols, func(n int) error {
		for i := range n {
			events, err := rows.of(i)
			if err != nil {
				return err
			}
			if err := fn(rows, rows.person.Row(i), events); err != nil {
				return err
			}
		}
		return nil
	})
}

// attempts finds the best attempts of persons.
type attempts struct {
	finder funnel.Finder
	times  []int64
	fn     func(person string, times []int64, value string) error
}

func newAttempts(f *funnelQuestion, fn func(person string, times []int64, value string) error) *attempts {
	return &attempts{finder: funnel.Finder{Funnel: f.funnel}, fn: fn}
}

// add finds that of a person whose events are those of a row.
func (a *attempts) add(rows *funnelRows, person string, events []funnel.Event) error {
	return a.best(person, events, rows.value)
}

// best finds that of a person; value is that of an event's Value.
func (a *attempts) best(person string, events []funnel.Event, value func(int32) string) error {
	best := a.finder.Best(events)
	if len(best) == 0 {
		return nil
	}
	a.times = a.times[:0]
	for _, q := range best {
		a.times = append(a.times, events[q].TS)
	}
	return a.fn(person, a.times, value(events[best[0]].Value))
}

// How many times to convert a median is made of: all up to there, else a sample of that size.
const (
	medianSample     = 100_000
	medianSampleEach = 10_000 // of a value of a breakdown
)

// maxFunnelValues bounds the values of a breakdown that are counted; persons with others are counted together, under otherValue.
const (
	maxFunnelValues = 20_000
	otherValue      = "other"
)

// funnelCount counts persons by step.
type funnelCount struct {
	reached []uint64
	took    [][]int64 // by step: times from the step before, ms; a sample where there are more than keep
	keep    int
	rnd     *rand.Rand
}

func newFunnelCount(steps, keep int) *funnelCount {
	return &funnelCount{reached: make([]uint64, steps), took: make([][]int64, steps), keep: keep, rnd: rand.New(rand.NewPCG(1, 1))} // the same sample for the same answer
}

func (c *funnelCount) add(times []int64) {
	for i := range times {
		c.reached[i]++
		if i == 0 {
			continue
		}
		took := times[i] - times[i-1]
		if len(c.took[i]) < c.keep {
			c.took[i] = append(c.took[i], took)
		} else if at := c.rnd.Uint64N(c.reached[i]); at < uint64(c.keep) {
			c.took[i][at] = took
		}
	}
}

// median of times, in seconds; of an even number the mean of both in the middle.
func median(took []int64) float64 {
	slices.Sort(took)
	n := len(took)
	return float64(took[(n-1)/2]+took[n/2]) / 2 / 1000
}

// steps are the rows of the answer.
func (c *funnelCount) steps(f *funnelQuestion) []FunnelStep {
	out := make([]FunnelStep, len(c.reached))
	share := func(n, of uint64) float64 {
		if of == 0 {
			return 0
		}
		return float64(n) / float64(of)
	}
	for i, n := range c.reached {
		s := FunnelStep{Step: i + 1, Name: f.steps[i].name, Count: n, Conversion: share(n, c.reached[0]), StepConversion: share(n, c.reached[max(0, i-1)])}
		if f.funnel.Order == funnel.Any {
			s.Name = fmt.Sprintf("any %d of %d steps", i+1, len(c.reached))
		}
		if i > 0 {
			s.Dropped = c.reached[i-1] - n
			if len(c.took[i]) > 0 {
				m := median(c.took[i])
				s.MedianSeconds = &m
			}
		}
		out[i] = s
	}
	return out
}

// answerFunnel counts the persons of a funnel.
func (r *Reporter) answerFunnel(ctx context.Context, t *tally, f *funnelQuestion) (*kept, error) {
	total := newFunnelCount(len(f.steps), medianSample)
	values := map[string]*funnelCount{}
	err := r.funnelPersons(ctx, t, f, func(_ string, times []int64, value string) error {
		total.add(times)
		if f.breakdown == nil {
			return nil
		}
		c := values[value]
		if c == nil {
			if len(values) >= maxFunnelValues {
				value = otherValue
			}
			if c = values[value]; c == nil {
				c = newFunnelCount(len(f.steps), medianSampleEach)
				values[value] = c
			}
		}
		c.add(times)
		return nil
	})
	if err != nil {
		return nil, err
	}
	steps, err := marshal(total.steps(f))
	if err != nil {
		return nil, err
	}
	k := &kept{head: fmt.Appendf(nil, `{"steps":%s`, steps)}
	if f.breakdown == nil {
		return k, nil
	}
	names := make([]string, 0, len(values))
	for v := range values {
		names = append(names, v)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(values[b].reached[0], values[a].reached[0]), cmp.Compare(a, b))
	})
	groups := make([]FunnelGroup, 0, f.limit)
	for _, v := range names[:min(len(names), f.limit)] {
		groups = append(groups, FunnelGroup{Value: v, Steps: values[v].steps(f)})
	}
	b, err := marshal(groups)
	k.head = fmt.Appendf(k.head, `,"breakdown":%s`, b)
	return k, err
}
