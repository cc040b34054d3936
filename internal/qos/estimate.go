package qos

import (
	"time"

	"weir/internal/event"
	"weir/internal/usage"
)

// Statistics knows how much data a tenant has, from memory.
type Statistics interface {
	// Reads estimates the rows, and their uncompressed bytes, that a query reads that needs these columns of the tenant's events with a ts in
	// [from, to); a zero time is no bound. Names that are no columns are ignored.
	Reads(t string, from, to time.Time, columns []string) (rows, bytes uint64)
}

// Estimate implements usage.Gate. It costs about a microsecond.
func (g *Gate) Estimate(q usage.Question) usage.Estimate {
	e, _ := g.estimate(&q)
	return e
}

// unknownFactor is how much more than reading its bytes a query of a shape that never ran may cost: grouping by a column of many values
// costs that. It decides where the query waits, not what it is said to cost.
const unknownFactor = 4

// unproven says whether nothing is known of what a query computes. It may read next to nothing and keep a core busy until its time is over, and each
// of a burst may be a new one: until it has run once it counts as one that is not small. What it is said to cost stays what is expected.
func unproven(q *usage.Question, e usage.Estimate) bool {
	return !e.Learned && q.Kind != usage.KindReport && (q.Measured == nil || q.Measured.CPU == 0)
}

// estimate also returns the bytes that the statistics expect, which is what the history learns by.
func (g *Gate) estimate(q *usage.Question) (e usage.Estimate, expected uint64) {
	if q.Measured != nil {
		e.Rows, expected = q.Measured.Rows, q.Measured.Bytes
	} else if g.deps.Statistics != nil {
		e.Rows, expected = g.deps.Statistics.Reads(string(q.Tenant), q.From, q.To, stored(q.Columns))
	}
	x := g.history.expect(q.Subject, expected, g.now())
	if q.Measured != nil && q.Measured.CPU > 0 {
		x.cpu, x.worst = q.Measured.CPU, q.Measured.CPU
	}
	priced := x.cpu
	if !x.learned && q.Measured == nil && expected >= tellingBytes { // nothing says yet what is computed of what is read: let it prove itself
		x.cpu, x.worst = unknownFactor*x.cpu, unknownFactor*x.worst
	}
	e.CPU, e.Bytes, e.Learned = max(x.cpu, time.Millisecond), x.read, x.learned
	if q.Measured != nil {
		e.Bytes = expected
	}
	e.Class = classOf(x.worst)
	if q.Kind == usage.KindReport && !x.learned { // reports read rollups where they can: what the events would cost says nothing
		e.CPU, e.Class = min(e.CPU, cheapBelow/10), usage.Cheap
	}
	if g.deps.Pricer != nil {
		e.Amount, _ = g.deps.Pricer.Price(usage.Record{Subject: q.Subject, Kind: q.Kind, CPU: min(e.CPU, max(priced, time.Millisecond)), BytesScanned: e.Bytes, RowsRead: e.Rows})
	}
	return e, expected
}

func classOf(cpu time.Duration) usage.Class {
	switch {
	case cpu < cheapBelow:
		return usage.Cheap
	case cpu > expensiveAbove:
		return usage.Expensive
	}
	return usage.Medium
}

var isColumn = func() map[string]bool {
	names := map[string]bool{}
	for _, c := range event.Columns {
		names[c.Name] = true
	}
	return names
}()

// stored returns the stored columns that these are read from: any name that is not a column's is a property's.
func stored(columns []string) []string {
	for i, c := range columns {
		if !isColumn[c] {
			out := append(make([]string, 0, len(columns)+1), columns[:i]...)
			for _, c := range columns[i:] {
				if isColumn[c] {
					out = append(out, c)
				}
			}
			return append(out, "props", "props_num")
		}
	}
	return columns
}
