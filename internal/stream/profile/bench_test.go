package profile

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/event"
)

// webBatch is rows page views of tenants, in runs of run rows of one tenant, with a few properties each.
func webBatch(rows, tenants, run int) *event.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	b := event.NewBatch()
	for i := range rows {
		t := (i / run) % tenants
		r := event.Row{Tenant: fmt.Sprintf("tenant%d", t), Site: fmt.Sprintf("site-%d", t), TS: 1_790_000_000_000 + int64(i), ReceivedAt: 1_790_000_000_900 + int64(i),
			Type: []byte("pageview"), EventID: fmt.Appendf(nil, "%032x", rng.Uint64()), ClientID: fmt.Appendf(nil, "%036x", rng.Uint64()),
			URL: fmt.Appendf(nil, "https://www.shop%d.example/products/blue-shirt-%d", t, rng.IntN(500)), Path: fmt.Appendf(nil, "/products/blue-shirt-%d", rng.IntN(500)),
			Country: "DE", Browser: "Chrome", PayloadHash: rng.Uint32(),
			Props: []event.Prop{{Key: []byte("theme"), Value: []byte("dark")}, {Key: []byte("signed_in"), Value: []byte("true")}, {Key: []byte("plan"), Value: []byte("enterprise")}},
			Nums:  []event.Num{{Key: []byte("price"), Value: float64(rng.IntN(10000)) / 100}, {Key: []byte("items"), Value: float64(rng.IntN(10))}}}
		b.Append(&r)
	}
	return b
}

func newSet(tb testing.TB, fs vfs.FS) (*Set, *pebble.DB) {
	tb.Helper()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: quiet{}})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := Open(Config{DB: db, Known: func(string) bool { return true }, Registerer: prometheus.NewRegistry()})
	if err != nil {
		tb.Fatal(err)
	}
	return s, db
}

// cpuTime is the CPU that the process has used, in nanoseconds: on a busy machine it says more than the clock.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkObserve is what looking at the rows costs, and keeping what was seen: five properties a row.
func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct{ tenants, run int }{{1, 1}, {50, 100}, {50, 1}, {5000, 1}} {
		batch := webBatch(50_000, c.tenants, c.run)
		b.Run(fmt.Sprintf("tenants=%d/run=%d", c.tenants, c.run), func(b *testing.B) {
			s, db := newSet(b, vfs.NewMem())
			defer db.Close()
			var o Observer
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				o.Observe(batch)
				wb := db.NewBatch()
				if err := s.Commit(&o, wb, func() error { return wb.Commit(pebble.NoSync) }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/float64(batch.Rows()), "cpu-ns/row")
		})
	}
}

// BenchmarkObserveMadeUp is the same when each of 50 tenants gives every event a property of a new name.
func BenchmarkObserveMadeUp(b *testing.B) {
	s, db := newSet(b, vfs.NewMem())
	defer db.Close()
	var o Observer
	batch := event.NewBatch()
	n := 0
	b.ReportAllocs()
	used := int64(0)
	for b.Loop() {
		batch.Reset()
		for i := range 50_000 {
			n++
			batch.Append(&event.Row{Tenant: fmt.Sprint("tenant", i%50), Props: []event.Prop{{Key: fmt.Append(nil, "name", n), Value: []byte("x")}}})
		}
		before := cpuTime(b)
		o.Observe(batch)
		wb := db.NewBatch()
		if err := s.Commit(&o, wb, func() error { return wb.Commit(pebble.NoSync) }); err != nil {
			b.Fatal(err)
		}
		used += cpuTime(b) - before
	}
	b.ReportMetric(float64(used)/float64(n), "cpu-ns/row")
}

// BenchmarkOpen is a start with 10 000 tenants, 20 properties and 30 days each.
func BenchmarkOpen(b *testing.B) {
	fs := vfs.NewMem()
	s, db := newSet(b, fs)
	var o Observer
	for n := 0; n < 10_000; n += 100 {
		batch := event.NewBatch()
		for i := range 100 * 30 {
			r := event.Row{Tenant: fmt.Sprint("tenant-", n+i/30), Site: "site", TS: 1_790_000_000_000 - int64(i%30)*dayMillis}
			if i%30 == 0 {
				for p := range 20 {
					r.Props = append(r.Props, event.Prop{Key: fmt.Append(nil, "property_", p), Value: []byte("x")})
				}
			}
			batch.Append(&r)
		}
		o.Observe(batch)
		wb := db.NewBatch()
		if err := s.Commit(&o, wb, func() error { return wb.Commit(pebble.NoSync) }); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		before := cpuTime(b)
		_, db := newSet(b, fs)
		b.ReportMetric(float64(cpuTime(b)-before)/1e6, "cpu-ms")
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
