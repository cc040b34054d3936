package report

import (
	"encoding/json"
	"fmt"
	"strconv"

	"weir/internal/rollup"
)

// Visitors are counted exactly up to ExactVisitors in each number of an answer. More are estimated by a sample.
//
// Exactly: a set of 64-bit hashes of their ids (rollup.VisitorHash). Two of 100 000 share a hash with a probability of 3·10⁻¹⁰ (n²/2⁶⁵). The hashes that are not in
// the sample stop to be collected at one more than ExactVisitors.
//
// The sample are the hashes that rollup.SampleShare divides, so each with the probability p = 1/8. Times 8, their number is that of all with a standard error of
// √((1-p)/(n·p)) = √(7/n): 0.84 % of 100 000, and less of more.
const ExactVisitors = rollup.ExactClients

// visitorsError is the relative error of the estimate that 95 of 100 answers keep: two standard errors.
const visitorsError = 0.017

// fullSet is how large a set of hashes must be to say that there are more than ExactVisitors.
const fullSet = ExactVisitors + 1

// precision is how a statement counts visitors.
type precision int

const (
	exactly precision = iota // those that are not more than ExactVisitors exactly, the others by the sample
	roughly                  // by the sample only, an eighth of what there is to read
	bySize                   // Question.small exactly, the others roughly
)

// surelyMore is what the sample must say at least for there to be more than ExactVisitors: 12 standard errors above.
const surelyMore = ExactVisitors + ExactVisitors/10

// merge is the value of a metric from those of its parts.
func (b *builder) merge(metric string) string {
	if metric != Visitors {
		return "sum(part_" + metric + ")"
	}
	estimate := fmt.Sprintf("%d * uniqExactArray(part_sample)", rollup.SampleShare)
	if b.precision == roughly {
		return estimate
	}
	// A set that is not full is of less than fullSet, and so is every set that it was made of: then the sample counts exactly, too.
	exact := fmt.Sprintf("if(length(%s(part_clients) AS others) >= %d, greatest(%s, %[2]d), length(others) + uniqExactArray(part_sample))", rollup.UnionSQL(fullSet), fullSet, estimate)
	if b.precision == bySize {
		small := b.isSmall()
		if b.q.along { // the totals are of large groups too
			small = b.isWhole() + " = 0 AND " + small
		}
		return "if(" + small + ", " + exact + ", " + estimate + ")"
	}
	return exact
}

// isSmall says of bySize whether a row's group is counted exactly.
func (b *builder) isSmall() string { return "g0 IN " + b.texts("small", b.q.small) }

// total is the value of a metric of all intervals of a group, by which the groups of a series are ranked; over is the window of the group.
func (b *builder) total(metric, over string) string {
	if metric != Visitors {
		return "sum(sum(part_" + metric + ")) " + over
	}
	estimate := fmt.Sprintf("%d * uniqArrayMerge(uniqArrayState(part_sample)) %s", rollup.SampleShare, over)
	if b.precision == roughly {
		return estimate
	}
	all := "uniqArrayMerge(uniqArrayState(arrayConcat(part_clients, part_sample))) " + over
	return fmt.Sprintf("if(%s > %d, greatest(%[1]s, %[3]s), %[1]s)", all, ExactVisitors, estimate)
}

func countOf(v any) uint64 {
	switch x := v.(type) {
	case json.Number:
		n, _ := strconv.ParseUint(x.String(), 10, 64)
		return n
	case string:
		n, _ := strconv.ParseUint(x, 10, 64)
		return n
	}
	return 0
}

// approximate says of which metrics the rows have numbers that are estimated, with the relative error.
func (q Question) approximate(rows ...Row) map[string]float64 {
	for _, row := range rows {
		for i, name := range row.names {
			if name == Visitors && i >= len(row.names)-len(q.Metrics) && countOf(row.values[i]) > ExactVisitors {
				return map[string]float64{Visitors: visitorsError}
			}
		}
	}
	return nil
}
