package report

import (
	"context"
	"slices"
)

// countsApart asks for the visitors of the groups that are shown (Question.narrowed), of which some are known to be small: these exactly and the others by the sample, at the same time. Those
// of the others that are not large, against what was known, are asked for again.
func (r *Reporter) countsApart(ctx context.Context, t *tally, q Question, p plan, small, others []string) (rows []Row, overtaken bool, err error) {
	var exact, rough []Row
	var stale [2]bool
	if err := together(ctx, func(ctx context.Context) (err error) {
		rough, stale[0], err = r.ask(ctx, t, q.about(others), p, roughly)
		return err
	}, func(ctx context.Context) (err error) {
		exact, stale[1], err = r.ask(ctx, t, q.about(small), p, exactly)
		return err
	}); err != nil || stale[0] || stale[1] {
		return nil, stale[0] || stale[1], err
	}
	c := sampled{q: q, rows: rough, column: len(q.names()) - len(q.Metrics)}
	if few := c.few(); len(few) > 0 {
		part := q.about(few)
		again, overtaken, err := r.ask(ctx, t, part, r.planAgain(part, p), exactly)
		if err != nil || overtaken {
			return nil, overtaken, err
		}
		c.replace(again)
	}
	c.rows = append(c.rows, exact...)
	r.large.set(q.kind(), c.hint(), c.few()...)
	return c.rows, false, nil
}

// apart are the groups of a narrowed question: those that are known to be small, and the others. ok is false if all are of one kind.
func (q Question) apart(k remembered) (small, others []string, ok bool) {
	if q.asked == nil || k.how != countRough || len(k.small) == 0 {
		return nil, nil, false
	}
	for _, name := range q.Filters[len(q.Filters)-1].Values {
		if k.small[nameOf(name)] {
			small = append(small, name)
		} else {
			others = append(others, name)
		}
	}
	return small, others, len(small) > 0 && len(others) > 0
}

// about is a narrowed question about some of its groups.
func (q Question) about(groups []string) Question {
	q.Filters = slices.Clone(q.Filters)
	q.Filters[len(q.Filters)-1].Values = groups
	return q
}

// few are the names of the groups that are small.
func (c *sampled) few() []string {
	var names []string
	for _, row := range c.rows {
		if name, ok := row.values[0].(string); ok && c.small(row) {
			names = append(names, name)
		}
	}
	return names
}
