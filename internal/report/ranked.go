package report

import (
	"cmp"
	"math"
	"slices"

	"weir/internal/rollup"
)

// doubt is how far the bounds of a sample's number are from it: what is counted lies beyond either of them with a probability of at most e^-doubt, 1.4·10⁻¹¹.
const doubt = 25

// atMost is what at most so many in the sample stand for, and atLeast what they stand for at least, in eighths of visitors. Of m that are expected in a sample fewer than m-√(2m·doubt) are found, or more than m+√(2m·doubt)+doubt/3, with a probability of
// at most e^-doubt each (the bounds of Chernoff and Bernstein, as in S. Boucheron, G. Lugosi and P. Massart, Concentration Inequalities, 2013, section 2.8).
func atMost(sample float64) float64 {
	root := (math.Sqrt(2*doubt) + math.Sqrt(2*doubt+4*sample)) / 2
	return root * root
}

func atLeast(sample float64) float64 {
	if sample <= doubt/3. {
		return 0
	}
	root := (math.Sqrt(2*doubt+4*(sample-doubt/3.)) - math.Sqrt(2*doubt)) / 2
	return root * root
}

// contenders are the rows that may be among those that are shown, which visitors rank, by what the sample says of them; ok is false if groups may be, too, that the sample has not told because there are too many.
func (c *sampled) contenders() (rows []Row, ok bool) {
	sample := func(row Row) float64 { return float64(countOf(row.values[c.column])) / rollup.SampleShare }
	ranked := slices.SortedStableFunc(slices.Values(c.rows), func(a, b Row) int { return cmp.Compare(sample(b), sample(a)) })
	shown := c.q.Offset + c.q.Limit
	if shown >= len(ranked) {
		return c.rows, len(ranked) < widest
	}
	least := atLeast(sample(ranked[shown-1]))
	out := slices.IndexFunc(ranked, func(row Row) bool { return atMost(sample(row)) < least })
	if out < 0 {
		return c.rows, len(ranked) < widest
	}
	return ranked[:out], true
}
