package report

import (
	"context"
	"slices"
)

// countsApart asks for the visitors of the groups that are shown (Question.narrowed), of which some are taken for small: these exactly and the others by the sample. Those of the others that are
// not large, against what was thought, are asked for again.
func (r *Reporter) countsApart(ctx context.Context, t *tally, q Question, p plan) (a answered, overtaken bool, err error) {
	if a, overtaken, err = r.ask(ctx, t, q, p, bySize); err != nil || overtaken {
		return answered{}, overtaken, err
	}
	c := sampled{q: q, rows: a.rows, column: len(q.names()) - len(q.Metrics)}
	small, large := c.bySize()
	if few := slices.DeleteFunc(slices.Clone(small), func(name string) bool { return slices.Contains(q.small, name) }); len(few) > 0 {
		part := q.about(few)
		again, overtaken, err := r.ask(ctx, t, part, r.planAgain(part, p), exactly)
		if err != nil || overtaken {
			return answered{}, overtaken, err
		}
		c.replace(again.rows)
	}
	r.large.set(q.kind(), c.hint(), small, large)
	return answered{rows: c.rows}, false, nil
}

// apart is a narrowed question whose groups are counted by their size; ok is false if all of them are of one. What nothing is known of is taken for small if it stands behind what was small: groups
// come in the order of another number, which seldom tells them apart in another way, and exactly is right for both.
func (q Question) apart(k remembered) (by Question, ok bool) {
	if q.asked == nil || k.how != countRough || len(k.small) == 0 {
		return q, false
	}
	names := q.Filters[len(q.Filters)-1].Values
	q.small = nil
	for _, name := range names {
		n := nameOf(name)
		if k.small[n] || !k.large[n] && len(q.small) > 0 {
			q.small = append(q.small, name)
		}
	}
	return q, len(q.small) > 0 && len(q.small) < len(names)
}

// others are the groups that are counted by the sample.
func (q Question) others() []string {
	return slices.DeleteFunc(slices.Clone(q.Filters[len(q.Filters)-1].Values), func(name string) bool { return slices.Contains(q.small, name) })
}

// about is a narrowed question about some of its groups.
func (q Question) about(groups []string) Question {
	q.Filters = slices.Clone(q.Filters)
	q.Filters[len(q.Filters)-1].Values = groups
	return q
}

// bySize are the names of the groups that are small, and of the others.
func (c *sampled) bySize() (small, large []string) {
	for _, row := range c.rows {
		if name, ok := row.values[0].(string); ok && c.small(row) {
			small = append(small, name)
		} else if ok {
			large = append(large, name)
		}
	}
	return small, large
}
