package qos

import (
	"time"

	"weir/internal/event"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Statistics knows how much data a tenant has, from memory.
type Statistics interface {
	// Size returns the rows of the tenant's events with a ts from from to to (zero: no bound), and their uncompressed bytes in all columns.
	Size(t tenant.ID, from, to time.Time) (rows, bytes uint64)
}

// Estimate implements usage.Gate. It costs about a microsecond.
func (g *Gate) Estimate(q usage.Question) usage.Estimate {
	e, _ := g.estimate(&q)
	return e
}

// estimate also returns the bytes that the statistics expect, which is what the history learns by.
func (g *Gate) estimate(q *usage.Question) (e usage.Estimate, expected uint64) {
	if q.Measured != nil {
		e.Rows, expected = q.Measured.Rows, q.Measured.Bytes
	} else if g.deps.Statistics != nil {
		rows, bytes := g.deps.Statistics.Size(q.Tenant, q.From, q.To)
		e.Rows, expected = rows, uint64(float64(bytes)*share(q.Columns))
	}
	x := g.history.expect(q.Subject, expected, g.now())
	if q.Measured != nil && q.Measured.CPU > 0 {
		x.cpu, x.worst = q.Measured.CPU, q.Measured.CPU
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
		e.Amount, _ = g.deps.Pricer.Price(usage.Record{Subject: q.Subject, Kind: q.Kind, CPU: e.CPU, BytesScanned: e.Bytes, RowsRead: e.Rows})
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

// widths are the usual uncompressed bytes of the columns that are not of the usual width.
var widths = map[string]float64{
	"event_id": 36, "url": 60, "referrer": 40, "user_agent": 110, "props": 120, "props_num": 40, "client_id": 20, "session_id": 20, "user_id": 16, "path": 20,
	"ts": 8, "received_at": 8, "is_bot": 1,
}

const (
	usualWidth = 8.0
	propWidth  = 80.0 // a property is read out of a map
)

var isColumn, allWidths = func() (map[string]bool, float64) {
	names, total := map[string]bool{}, 0.0
	for _, c := range event.Columns {
		names[c.Name] = true
		total += width(c.Name)
	}
	return names, total
}()

func width(column string) float64 {
	if w, ok := widths[column]; ok {
		return w
	}
	return usualWidth
}

// share is the part of a row's bytes that lies in these columns; nil stands for all. Any other name is a property's.
func share(columns []string) float64 {
	if columns == nil {
		return 1
	}
	total, prop := width("ts"), false // rows are found by their time
	for _, c := range columns {
		switch {
		case isColumn[c]:
			total += width(c)
		case !prop:
			total, prop = total+propWidth, true
		}
	}
	return min(1, total/allWidths)
}
