package qos

import (
	"math"
	"time"

	"weir/internal/usage"
)

// cost is a moving average of what queries of one shape cost.
type cost struct {
	cpu, dev float64 // nanoseconds: the mean, and the mean distance from it
	read     float64 // bytes that were read
	expected float64 // bytes that the statistics expected
	at       time.Time
}

const (
	learnRate   = 0.3                // weight of the latest run
	forgetAfter = 7 * 24 * time.Hour // what was learned longer ago is not believed
	// Until something is measured: reading and aggregating a column costs about 1 to 4 ns a byte.
	firstPerByte = 2.0
	// Below this many bytes a query's cost says nothing about the cost of a byte.
	tellingBytes = 1 << 20
)

// expectation is what a query is expected to cost.
type expectation struct {
	cpu, worst time.Duration // on average, and what it may well be
	read       uint64        // bytes
	learned    bool
}

// expect returns what a query of s costs for which the statistics expect so many bytes.
func (h *history) expect(s usage.Subject, bytes uint64, now time.Time) expectation {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.knownLocked(s, now)
	if c == nil {
		d := nanos(h.perByte * float64(bytes))
		return expectation{cpu: d, worst: d, read: bytes}
	}
	scale := ratio(float64(bytes), c.expected)
	return expectation{cpu: nanos(c.cpu * scale), worst: nanos((c.cpu + c.dev) * scale), read: uint64(min(c.readOf(float64(bytes)), 1<<62)), learned: true}
}

func nanos(v float64) time.Duration { return time.Duration(min(v, 1<<61)) }

// ratio scales from old to new bytes, within reason: a shape costs something that does not grow with its data, and the
// statistics do not see what an index leaves out.
func ratio(now, then float64) float64 {
	const constant = 1 << 20
	return min(max((now+constant)/(then+constant), 1.0/16), 16)
}

// readOf is what is read when the statistics expect so many bytes: it grows and shrinks with them, but not beyond twice of what they expect, or of what
// was read before. Statistics spread a day's rows evenly; a shape that was learned in a dense hour would else be said to read many times all there is, and
// be refused for it without ever running again.
func (c *cost) readOf(bytes float64) float64 {
	if c.expected <= 0 {
		return c.read
	}
	return min(c.read*bytes/c.expected, max(c.read, 2*bytes))
}

// learn takes in what a query cost for which the statistics expected so many bytes. Of a query that was cut off only a cost that is higher than expected tells something.
func (h *history) learn(s usage.Subject, expected uint64, r usage.Record, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := float64(max(expected, r.BytesScanned)); b >= tellingBytes && !r.Partial {
		h.perByte += 0.05 * (min(max(float64(r.CPU)/b, 0.05), 100) - h.perByte)
	}
	if s.Shape == "" {
		return
	}
	key := shapeKey{s.Tenant, s.Shape}
	known := h.findLocked(key)
	switch {
	case known == nil:
		if r.Partial && float64(r.CPU) < h.perByte*float64(expected) {
			return
		}
		known = &remembered{key: key}
		h.addLocked(known)
	case r.Partial && float64(r.CPU) <= known.cost.cpu:
		return
	}
	known.cost.add(float64(r.CPU), float64(r.BytesScanned), float64(expected), now)
	h.changedLocked(key)
}

// add moves the averages. The longer ago the last run was, the less the old ones count.
func (c *cost) add(cpu, read, expected float64, now time.Time) {
	age := now.Sub(c.at)
	if c.at.IsZero() || age > forgetAfter {
		*c = cost{cpu: cpu, read: read, expected: expected, at: now}
		return
	}
	rate := 1 - (1-learnRate)*math.Pow(0.5, age.Hours()/24)
	scaled := c.cpu * ratio(expected, c.expected)
	c.dev += rate * (math.Abs(cpu-scaled) - c.dev)
	c.cpu += rate * (cpu - c.cpu)
	c.read += rate * (read - c.read)
	c.expected += rate * (expected - c.expected)
	c.at = now
}
