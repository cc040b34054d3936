package qos

import (
	"strings"
	"testing"
	"time"

	"weir/internal/usage"
)

// run lets one query run that costs so much.
func run(t testing.TB, g *Gate, q usage.Question, r usage.Record) {
	t.Helper()
	admit(t, g, q).Done(r)
}

func TestLearning(t *testing.T) {
	w := newWorld()
	w.bytes["a"], w.bytes["b"] = 4<<30, 4<<30
	g := newGate(t, w, Config{})
	q := ask("a", 0)
	q.Measured, q.Shape = nil, "0123456789abcdef"
	if e := g.Estimate(q); e.Learned || e.Class != usage.Expensive || e.Amount > e.CPU.Seconds()/2 {
		t.Fatalf("at first: %+v", e)
	}
	run(t, g, q, usage.Record{CPU: 30 * time.Millisecond, BytesScanned: 5 << 20})
	e := g.Estimate(q)
	if !e.Learned || e.Class != usage.Cheap || e.CPU != 30*time.Millisecond || e.Bytes != 5<<20 {
		t.Errorf("after one run: %+v", e)
	}
	other := q
	other.Tenant = "b"
	if e := g.Estimate(other); e.Learned || e.Class != usage.Expensive { // it must not tell what others ask
		t.Errorf("another tenant's query of the shape: %+v", e)
	}
	for range 10 { // it became expensive
		run(t, g, q, usage.Record{CPU: 20 * time.Second, BytesScanned: 3 << 30})
	}
	if e := g.Estimate(q); e.Class != usage.Expensive || e.CPU < 15*time.Second {
		t.Errorf("after expensive runs: %+v", e)
	}
	w.bytes["a"] /= 8 // a shorter range
	if e := g.Estimate(q); e.CPU < 2*time.Second || e.CPU > 3*time.Second {
		t.Errorf("an eighth of the data: %+v", e)
	}
	w.bytes["a"] *= 8
	before := g.Estimate(q)
	for range 10 { // queries that were cut off say nothing about the whole
		run(t, g, q, usage.Record{CPU: time.Millisecond, Partial: true})
	}
	if e := g.Estimate(q); e != before {
		t.Errorf("after queries that were cut off: %+v, before %+v", e, before)
	}
	run(t, g, q, usage.Record{CPU: 200 * time.Second, Partial: true})
	if e := g.Estimate(q); e.CPU <= before.CPU {
		t.Errorf("after a query that was cut off late: %+v", e)
	}
}

// The bytes that a known query reads follow the data, within what there is.
func TestReadBytesFollowTheData(t *testing.T) {
	w := newWorld()
	w.bytes["a"] = 1000
	g := newGate(t, w, Config{})
	q := ask("a", 0)
	q.Measured, q.Shape = nil, "00"
	run(t, g, q, usage.Record{CPU: time.Millisecond, BytesScanned: 500})
	for _, tc := range [][2]uint64{{1000, 500}, {80_000, 40_000}, {10, 5}} {
		w.bytes["a"] = tc[0]
		if e := g.Estimate(q); e.Bytes != tc[1] {
			t.Errorf("of %d bytes it is said to read %d, want %d", tc[0], e.Bytes, tc[1])
		}
	}
	// The first range held more than its share of the day: 24 times what was expected.
	q.Shape, w.bytes["a"] = "01", 1000
	run(t, g, q, usage.Record{CPU: time.Millisecond, BytesScanned: 24_000})
	w.bytes["a"] = 720_000
	if e := g.Estimate(q); e.Bytes > 2*720_000 {
		t.Errorf("of 720000 bytes it is said to read %d", e.Bytes)
	}
}

// A shape that is sometimes expensive is not taken for cheap because of its mean.
func TestMixedCosts(t *testing.T) {
	g := newGate(t, newWorld(), Config{})
	q := ask("a", 0)
	q.Measured, q.Shape = nil, "00"
	for range 20 {
		run(t, g, q, usage.Record{CPU: 10 * time.Millisecond})
		run(t, g, q, usage.Record{CPU: 1500 * time.Millisecond})
	}
	if e := g.Estimate(q); e.Class == usage.Cheap {
		t.Errorf("%+v", e)
	}
}

func TestForgetting(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, err := New(Config{Cores: 2}, Deps{Tenants: newWorld(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	q := ask("a", 0)
	q.Measured, q.Shape = nil, "00"
	run(t, g, q, usage.Record{CPU: time.Minute})
	c.t = c.t.Add(forgetAfter)
	if e := g.Estimate(q); e.Learned {
		t.Errorf("after a week: %+v", e)
	}
}

// The cost of a byte is learned from whatever runs.
func TestCostOfBytes(t *testing.T) {
	w := newWorld()
	w.bytes["a"] = 1 << 30
	g := newGate(t, w, Config{})
	q := ask("a", 0)
	q.Measured = nil
	before := g.Estimate(q)
	for range 100 {
		run(t, g, q, usage.Record{CPU: 100 * time.Millisecond, BytesScanned: 1 << 30})
	}
	if e := g.Estimate(q); e.CPU > 2*unknownFactor*100*time.Millisecond || e.CPU >= before.CPU || e.Class != usage.Cheap {
		t.Errorf("%+v, before %+v", e, before)
	}
}

// Dashboards are cheap until they are known not to be.
func TestReports(t *testing.T) {
	w := newWorld()
	w.bytes["a"] = 1 << 40
	g := newGate(t, w, Config{})
	q := ask("a", 0)
	q.Measured, q.Kind, q.Shape = nil, usage.KindReport, "00"
	if e := g.Estimate(q); e.Class != usage.Cheap {
		t.Errorf("%+v", e)
	}
	run(t, g, q, usage.Record{CPU: time.Minute})
	if e := g.Estimate(q); e.Class != usage.Expensive {
		t.Errorf("learned: %+v", e)
	}
}

func TestProperties(t *testing.T) {
	w := newWorld()
	g := newGate(t, w, Config{})
	for _, tc := range [][2]string{{"", ""}, {"url ts", "url ts"}, {"url price ts title", "url ts props props_num"}} {
		q := ask("a", 0)
		q.Measured, q.Columns = nil, strings.Fields(tc[0])
		g.Estimate(q)
		if got := strings.Join(w.columns, " "); got != tc[1] {
			t.Errorf("columns %q are read from %q, want %q", tc[0], got, tc[1])
		}
	}
}
