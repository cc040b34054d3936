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

func newFunnelRows(f *funnelQuestion) (*funnelRows, []proto.ColResult) {
	c := &funnelRows{person: new(proto.ColStr), at: new(proto.ColInt64).Array(), part: new(proto.ColUInt16).Array(), off: new(proto.ColUInt64).Array(),
		row: new(proto.ColUInt32).Array(), m: new(proto.ColUInt32).Array()}
	cols := []proto.ColResult{c.person, c.at, c.part, c.off, c.row, c.m}
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

// of returns the events of a person, in order. Event.Value is the place of its value in c.v, where it can be the first of an attempt. It is valid until the next call.
func (c *funnelRows) of(row int, any bool) ([]funnel.Event, error) {
	from, to, n := bounds(c.at, row)
	same := from <= to && to <= n
	check := func(a, b, m uint64) { same = same && a == from && b == to && m >= to }
	check(bounds(c.part, row))
	check(bounds(c.off, row))
	check(bounds(c.row, row))
	check(bounds(c.m, row))
	if c.x != nil {
		check(bounds(c.x, row))
	}
	if c.act != nil {
		check(bounds(c.act, row))
	}
	var value, values uint64
	if c.v != nil {
		var rows uint64
		value, values, rows = bounds(c.v, row)
		same = same && values <= rows
	}
	if !same {
		return nil, errDamaged
	}
	at, part, off, place, m := *c.at.Data.(*proto.ColInt64), *c.part.Data.(*proto.ColUInt16), *c.off.Data.(*proto.ColUInt64), *c.row.Data.(*proto.ColUInt32), *c.m.Data.(*proto.ColUInt32)
	c.events = c.events[:0]
	for i := from; i < to; i++ {
		e := funnel.Event{TS: at[i], Partition: part[i], Offset: off[i], Row: place[i], Steps: m[i]}
		if c.x != nil {
			e.Excluded = (*c.x.Data.(*proto.ColUInt32))[i]
		}
		if c.act != nil {
			e.Action = (*c.act.Data.(*proto.ColUInt8))[i] != 0
		}
		if c.v != nil && (e.Steps&1 != 0 || any && e.Steps != 0) {
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

// funnelPersons runs a funnel and calls fn for each person that began: with the times of the steps of its best attempt, in Unix milliseconds, and the value of the
// breakdown. times is valid during the call.
func (r *Reporter) funnelPersons(ctx context.Context, t *tally, f *funnelQuestion, fn func(person string, times []int64, value string) error) error {
	b := &builder{q: f.q, params: map[string]string{}}
	p, err := r.people(ctx, t, b, f.q.Tenant, f.q.Site)
	if err != nil {
		return err
	}
	rows, cols := newFunnelRows(f)
	finder := funnel.Finder{Funnel: f.funnel}
	var times []int64
	st := clickhouse.Statement{SQL: b.funnelSQL(f, p), Params: b.params, Comment: "funnel/" + f.q.Tenant}
	return r.blocks(ctx, t, st, cols, func(n int) error {
		for i := range n {
			events, err := rows.of(i, f.funnel.Order == funnel.Any)
			if err != nil {
				return err
			}
			best := finder.Best(events)
			if len(best) == 0 {
				continue
			}
			times = times[:0]
			for _, q := range best {
				times = append(times, events[q].TS)
			}
			value := ""
			if rows.v != nil {
				value = rows.v.Data.(*proto.ColStr).Row(int(events[best[0]].Value))
			}
			if err := fn(rows.person.Row(i), times, value); err != nil {
				return err
			}
		}
		return nil
	})
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
