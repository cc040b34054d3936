package report

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"time"
)

// counts asks by a plan. Visitors are first counted by the sample, an eighth of what there is to read; rows that are not surely above ExactVisitors are asked for
// again and exactly, by themselves where that can be. Of questions that are known to have no large number all is read at once.
func (r *Reporter) counts(ctx context.Context, t *tally, q Question, p plan) (a answered, overtaken bool, err error) {
	at := slices.Index(q.Metrics, Visitors)
	if at < 0 {
		a, overtaken, err = r.ask(ctx, t, q, p, exactly)
		a.rows = q.filled(a.rows)
		return a, overtaken, err
	}
	key := q.kind()
	known := r.large.of(key)
	if by, ok := q.apart(known); ok {
		return r.countsApart(ctx, t, by, p)
	}
	how := known.how
	if how == countRough {
		rough, overtaken, err := r.ask(ctx, t, q.widened(), p, roughly)
		if err != nil || overtaken {
			return answered{}, overtaken, err
		}
		c := sampled{q: q, rows: rough.rows, column: len(q.names()) - len(q.Metrics) + at}
		parts, ok := c.parts()
		if ok {
			r.large.set(key, c.hint(), c.bySize())
			for _, part := range parts {
				again, overtaken, err := r.ask(ctx, t, part, r.planAgain(part, p), exactly)
				if err != nil || overtaken {
					return answered{}, overtaken, err
				}
				c.replace(again.rows)
			}
			return answered{q.filled(c.cut()), rough.total}, false, nil
		}
		if how = c.hint(); how == countRough {
			how = countAll // else what is large among them would be read twice each time
		}
	}
	if a, overtaken, err = r.ask(ctx, t, q, p, exactly); err != nil || overtaken {
		return answered{}, overtaken, err
	}
	if how == countExact {
		c := sampled{q: q, rows: a.rows, column: len(q.names()) - len(q.Metrics) + at}
		how = c.hint()
		r.large.sized(key, how, c.sum())
	} else {
		r.large.set(key, how, groupSizes{})
	}
	a.rows = q.filled(a.rows)
	return a, false, nil
}

// planAgain is the plan for a part of the question that p is for.
func (r *Reporter) planAgain(part Question, p plan) plan {
	if p.visits != nil {
		return p
	}
	next := r.planned(part, plan{rollup: p.rollup})
	next.committed = r.committed()
	if p.rollup != nil {
		next.positions = r.deps.Positions.Positions(p.rollup.Name)
	}
	return next
}

// widest is how many groups are looked at when visitors decide which are shown.
const widest = 1000

// orders says whether a question's groups are ranked by a number of visitors that may have to be counted again.
func (q Question) orders() bool {
	return len(q.GroupBy) == 1 && q.Interval == "" && q.Metrics[0] == Visitors
}

// fewGroups says whether a question is about groups of which there are few.
func (q Question) fewGroups() bool { return len(q.GroupBy) == 1 && q.Interval == "" && q.atOnce() }

// widened is the question with all groups that may be shown.
func (q Question) widened() Question {
	if q.orders() && q.Offset+q.Limit < widest {
		q.Offset, q.Limit = 0, widest
	}
	return q
}

// sampled is an answer by the sample.
type sampled struct {
	q      Question
	rows   []Row
	column int // of the visitors
}

func (c *sampled) small(row Row) bool { return countOf(row.values[c.column]) < surelyMore }

// hint says how a question like this is to be counted: roughly if it has a large number.
func (c *sampled) hint() hint {
	if slices.ContainsFunc(c.rows, func(row Row) bool { return !c.small(row) }) {
		return countRough
	}
	return countExact
}

// maxStretches is how many stretches of small intervals are asked for by themselves.
const maxStretches = 2

// parts are the questions about the rows that must be counted exactly; ok is false if that is better done for all at once.
func (c *sampled) parts() (parts []Question, ok bool) {
	q := c.q
	q.summed, q.along = false, false
	rows, told := c.rows, true
	if q.orders() {
		if rows, told = c.contenders(); q.Offset+q.Limit >= widest {
			rows, told = c.rows, len(c.rows) < min(q.Limit, widest) // it was not widened
		}
	}
	var few []Row
	for _, row := range rows {
		if c.small(row) {
			few = append(few, row)
		}
	}
	switch {
	case len(few) == 0:
		return nil, true
	case !told || c.hint() == countExact:
		return nil, false
	case q.Interval != "" && len(q.GroupBy) == 0:
		return c.stretches(few)
	case len(q.GroupBy) != 1 || q.Interval != "" || len(few) > widest:
		return nil, false
	}
	var groups []string
	for _, row := range few {
		v, isText := row.values[0].(string)
		if !isText {
			return nil, false
		}
		groups = append(groups, v)
	}
	return []Question{q.about(groups)}, true
}

// stretches are the parts of the range in which the few lie.
func (c *sampled) stretches(few []Row) (parts []Question, ok bool) {
	small, large := map[any]bool{}, map[any]bool{}
	for _, row := range few {
		small[row.values[0]] = true
	}
	for _, row := range c.rows {
		large[row.values[0]] = !small[row.values[0]]
	}
	found, open := 0, false
	for at := c.q.bucketStart(c.q.From); at.Before(c.q.To); at = c.q.nextBucket(at) {
		name := any(c.q.bucketName(at))
		switch {
		case large[name]:
			open = false
		case small[name]:
			found++
			if !open {
				part := c.q
				if part.From.Before(at) {
					part.From = at
				}
				parts, open = append(parts, part), true
			}
			if end := c.q.nextBucket(at); end.Before(c.q.To) {
				parts[len(parts)-1].To = end
			} else {
				parts[len(parts)-1].To = c.q.To
			}
		}
	}
	return parts, found == len(few) && len(parts) <= maxStretches
}

// replace takes the visitors of rows that were counted again. A row of a question that has parts is known by its first value: the group, or the interval.
func (c *sampled) replace(again []Row) {
	visitors := make(map[any]any, len(again))
	for _, row := range again {
		visitors[row.values[0]] = row.values[c.column]
	}
	for _, row := range c.rows {
		if n, ok := visitors[row.values[0]]; ok {
			row.values[c.column] = n
		}
	}
}

// cut are the rows that were asked for, in their order.
func (c *sampled) cut() []Row {
	if !c.q.orders() {
		return c.rows
	}
	slices.SortStableFunc(c.rows, func(a, b Row) int {
		nameA, _ := a.values[0].(string)
		nameB, _ := b.values[0].(string)
		return cmp.Or(cmp.Compare(countOf(b.values[c.column]), countOf(a.values[c.column])), cmp.Compare(nameA, nameB))
	})
	if c.q.Offset+c.q.Limit >= widest {
		return c.rows // it was not widened
	}
	from := min(c.q.Offset, len(c.rows))
	return c.rows[from:min(from+c.q.Limit, len(c.rows))]
}

// kind names questions whose visitors are about as many: alike but for where in time the range lies, how many groups are shown, and about how long it is.
func (q Question) kind() [32]byte {
	if q.asked != nil {
		q = *q.asked
	}
	length := time.Hour << bits.Len64(uint64(q.To.Sub(q.From)/time.Hour))
	q.From, q.Offset, q.Limit = time.Time{}, 0, 0
	q.To = q.From.Add(length)
	return keyOf(q.parts()...)
}
