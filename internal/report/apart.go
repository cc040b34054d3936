package report

import (
	"context"
	"slices"
)

// countsApart asks for the visitors of groups of which some are taken for small: these exactly and the others by the sample. Those of the others that are not large, against what was thought, are
// asked for again.
func (r *Reporter) countsApart(ctx context.Context, t *tally, q Question, p plan) (a answered, overtaken bool, err error) {
	if a, overtaken, err = r.ask(ctx, t, q.widened(), p, bySize); err != nil || overtaken {
		return answered{}, overtaken, err
	}
	c := sampled{q: q, rows: a.rows, column: len(q.names()) - len(q.Metrics) + slices.Index(q.Metrics, Visitors)}
	s := c.bySize()
	if few := slices.DeleteFunc(slices.Clone(s.small), func(name string) bool { return slices.Contains(q.small, name) }); len(few) > 0 {
		part := q.about(few)
		again, overtaken, err := r.ask(ctx, t, part, r.planAgain(part, p), exactly)
		if err != nil || overtaken {
			return answered{}, overtaken, err
		}
		c.replace(again.rows)
	}
	r.large.set(q.kind(), c.hint(), s)
	a.rows = c.cut()
	return a, false, nil
}

// apart is a question whose groups are counted by their size; ok is false if all of them are of one. Of a narrowed question (Question.narrowed), what nothing is known of is taken for small if it
// stands behind what was small: groups come in the order of another number, which seldom tells them apart in another way, and exactly is right for both.
func (q Question) apart(k remembered) (by Question, ok bool) {
	if k.how != countRough || len(k.small) == 0 {
		return q, false
	}
	if q.asked == nil {
		q.small = k.names
		return q, len(q.small) > 0 && q.fewGroups()
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

// about is the question about some of its groups.
func (q Question) about(groups []string) Question {
	f := Filter{Dim: q.GroupBy[0], Values: groups}
	if q.Filters = slices.Clone(q.Filters); q.asked != nil {
		q.Filters[len(q.Filters)-1] = f
	} else {
		q.Filters = append(q.Filters, f)
	}
	q.Offset, q.Limit, q.summed, q.along = 0, len(groups), false, false
	return q
}

// groupSizes are names of groups that are small, and of the others.
type groupSizes struct {
	small, large []string
	own          bool // weir itself names them
}

// names are those of the small groups that are kept as they are: nothing that a sender has said.
func (s groupSizes) names() []string {
	if !s.own {
		return nil
	}
	return s.small
}

// bySize tells the groups apart, where that is worth to be remembered: of a narrowed question, or of one of few groups that visitors rank.
func (c *sampled) bySize() (s groupSizes) {
	if c.q.asked == nil && !c.q.fewGroups() {
		return s
	}
	s.own = c.q.asked == nil
	for _, row := range c.rows {
		if name, ok := row.values[0].(string); ok && c.small(row) {
			s.small = append(s.small, name)
		} else if ok {
			s.large = append(s.large, name)
		}
	}
	return s
}
