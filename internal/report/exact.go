package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"weir/internal/rollup"
)

// Visitors are counted exactly up to ExactVisitors in each number of an answer. More are estimated by a sketch.
//
// Exactly: a set of 64-bit hashes of the client ids (rollup.ClientSet), which stops to grow at one more than ExactVisitors. Two of
// 100 000 share a hash with a probability of 3·10⁻¹⁰ (n²/2⁶⁵).
//
// The sketch is the engine's uniq: adaptive sampling of hashes (Wegman's, analysed by P. Flajolet, "On adaptive sampling", Computing 34, 1990). It keeps
// the hashes that end in d zero bits, with d such that at most 65 536 remain, and more than half as many: the estimate's
// standard error is at most 1/√32 768 = 0.55 % (each hash is kept with probability p = 2^-d: √((1-p)/(n·p))).
const ExactVisitors = rollup.ExactClients

// visitorsError is the relative error of the sketch that 95 of 100 answers keep: two standard errors.
const visitorsError = 0.011

// precision is how a statement counts visitors.
type precision int

const (
	exactly precision = iota // by sets: ExactVisitors+1 stands for any larger number
	both                     // by sets, and by the sketch where they are full
	roughly                  // by the sketch only
)

// surelyMore is what the sketch must say at least for there to be more than ExactVisitors: 18 standard errors above.
const surelyMore = ExactVisitors + ExactVisitors/10

// sketches says whether the statement reads sketches.
func (b *builder) sketches() bool {
	series := b.q.Interval != "" && len(b.q.GroupBy) > 0 && b.q.Metrics[0] == Visitors // it ranks by them
	return b.precision != exactly || series
}

// merge is the value of a metric from the states of its parts.
func (b *builder) merge(metric string) string {
	if metric != Visitors {
		return "sum(part_" + metric + ")"
	}
	set := "length(" + rollup.ClientSet("Merge") + "(part_set))"
	sketch := "uniqMerge(part_" + Visitors + ")"
	switch b.precision {
	case exactly:
		return set
	case roughly:
		return sketch
	}
	return fmt.Sprintf("if(%s > %d, greatest(%s, %d), %[1]s)", set, ExactVisitors, sketch, ExactVisitors+1)
}

// counts asks by a plan, as often as it takes to count visitors right. Small sites, which most are, need one statement; so do large ones, once it
// is known of a question that its numbers are large.
func (r *Reporter) counts(ctx context.Context, t *tally, q Question, p plan) (rows []Row, overtaken bool, err error) {
	at := slices.Index(q.Metrics, Visitors)
	if at < 0 {
		return r.ask(ctx, t, q, p, exactly)
	}
	key := q.kind()
	mode := r.large.of(key)
	rows, overtaken, err = r.ask(ctx, t, q, p, mode)
	if err != nil || overtaken {
		return rows, overtaken, err
	}
	least, most := extremes(rows, len(q.names())-len(q.Metrics)+at)
	if mode == exactly && most > ExactVisitors || mode == roughly && least < surelyMore {
		mode = both
		if rows, overtaken, err = r.ask(ctx, t, q, p, mode); err != nil || overtaken {
			return rows, overtaken, err
		}
		least, most = extremes(rows, len(q.names())-len(q.Metrics)+at)
	}
	switch {
	case most <= ExactVisitors: // of nothing too
		r.large.set(key, exactly)
	case least >= surelyMore:
		r.large.set(key, roughly)
	default:
		r.large.set(key, both)
	}
	return rows, overtaken, nil
}

// extremes are the least and the greatest number in a column, both 0 if there is none; a 0 is always right and does not count.
func extremes(rows []Row, column int) (least, most uint64) {
	for _, row := range rows {
		n := countOf(row.values[column])
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
		most = max(most, n)
	}
	return least, most
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

// kind names questions whose visitors are about as many: alike but for where in time the range lies.
func (q Question) kind() [32]byte {
	if q.asked != nil {
		q = *q.asked
	}
	length := q.To.Sub(q.From)
	q.From = time.Time{}
	q.To = q.From.Add(length.Round(time.Minute))
	return keyOf(q.parts()...)
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
