package report

import "slices"

// maxUnited is how many visitors the rows have together at most for the totals to come along, where all of their sets are read: the engine unites these on one thread.
const maxUnited = 200_000

// along says whether the totals of the part with visitors come with its rows, as the engine unites what it has counted: asked for by themselves they cost as much as the rows again, and where
// there is little to count nearly all of that is the statement itself. They do where the last answer to such a question says that visitors are to be counted exactly at once, and are few
// in all. Of a series in minutes they do not: the whole range can be read from coarser rollups. Of few groups they come with the sample too.
func (r *Reporter) along(q Question) bool {
	if !slices.Contains(q.Metrics, Visitors) {
		return false
	}
	a := q.aspect(Visitors)
	if a != ofEvents && a != ofVisitors {
		return false
	}
	known := r.large.of(q.aspectOf(a).kind())
	few := known.how == countExact && known.sum <= maxUnited
	if len(q.GroupBy) > 0 {
		return q.fewGroups() && q.Offset == 0 && (few || known.how == countRough)
	}
	return few && q.Interval != "" && q.Interval != Minute && len(q.aspects()) == 1
}

// takeTotals takes the totals of an answer from the row that came along; nil: there were no rows. The visitors of an estimate are left out if they may be few: then it does not stand for them.
func (q Question) takeTotals(a *answered, whole []any, c precision) {
	if whole == nil {
		whole = q.nothing()
	}
	a.total = map[string]any{}
	for i, m := range q.Metrics {
		if m != Visitors || c == exactly || countOf(whole[i]) >= surelyMore {
			a.total[m] = whole[i]
		}
	}
}

// sum is how many visitors the rows have together; who is in two of them counts twice.
func (c *sampled) sum() (n uint64) {
	for _, row := range c.rows {
		n += countOf(row.values[c.column])
	}
	return n
}

// summedMetrics are those whose sums over all groups come with the rows: of counts each event is in one group and one interval. A page of groups without any has none.
func (q Question) summedMetrics() []string {
	if !q.summed || q.along {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(q.Metrics), func(m string) bool { return m != Events && m != Pageviews })
}
