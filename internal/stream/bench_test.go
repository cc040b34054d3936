package stream

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/dedupe"
	"weir/internal/event"
)

// encoder is an events table that encodes the rows as for the engine, and throws them away.
type encoder struct {
	*session
}

func (e *encoder) Insert(_ context.Context, _ uint16, _ uint64, b *Block) error {
	_, err := io.Copy(io.Discard, b.Batch.Native())
	return err
}

// benchRecords fill a log with page views of tenants, five properties each, 500 to a record.
func benchRecords(b *testing.B, l *memLog, records, tenants int) {
	rng := rand.New(rand.NewPCG(1, 2))
	batch := event.NewBatch()
	now := time.Now().UnixMilli()
	for rec := range records {
		batch.Reset()
		for i := range 500 {
			t := (i / 10) % tenants
			batch.Append(&event.Row{Tenant: fmt.Sprint("t", t), Site: fmt.Sprint("s", t), TS: now, ReceivedAt: now, Type: []byte("pageview"), Flags: event.FlagSenderID,
				EventID: fmt.Appendf(nil, "%032x", rng.Uint64()), ClientID: fmt.Appendf(nil, "%036x", rng.Uint64()), SessionID: fmt.Appendf(nil, "%036x", rng.Uint64()),
				URL: fmt.Appendf(nil, "https://www.shop%d.example/products/blue-shirt-%d", t, rng.IntN(500)), Path: fmt.Appendf(nil, "/products/blue-shirt-%d", rng.IntN(500)),
				Host: fmt.Appendf(nil, "www.shop%d.example", t), Country: "DE", Browser: "Chrome", OS: "Linux", PayloadHash: rng.Uint32(),
				Props: []event.Prop{{Key: []byte("theme"), Value: []byte("dark")}, {Key: []byte("signed_in"), Value: []byte("true")}, {Key: []byte("plan"), Value: []byte("enterprise")}},
				Nums:  []event.Num{{Key: []byte("price"), Value: float64(rng.IntN(10000)) / 100}, {Key: []byte("items"), Value: 3}}})
		}
		if _, err := l.Append(b.Context(), uint16(rec%l.Partitions()), batch.AppendRecord(nil)); err != nil {
			b.Fatal(err)
		}
	}
}

func cpuNanos(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkCommit is a commit of the main stream, 50 000 rows, without the engine's part: CPU per row.
func BenchmarkCommit(b *testing.B) {
	for _, tenants := range []int{1, 50} {
		b.Run(fmt.Sprint("tenants=", tenants), func(b *testing.B) {
			db, err := pebble.Open(b.TempDir(), &pebble.Options{Logger: panicLogger{}})
			if err != nil {
				b.Fatal(err)
			}
			reg := prometheus.NewRegistry()
			set, err := dedupe.Open(dedupe.Config{DB: db, Dir: b.TempDir(), Secret: [16]byte{1}, Logger: quiet(), Registerer: reg})
			if err != nil {
				b.Fatal(err)
			}
			e := &encoder{session: &session{fakeEngine: newFakeEngine()}}
			l := newMemLog(4)
			p, err := Open(Config{Log: l, State: db, Dedupe: set, Table: e, LateTable: e, Rollups: e, Tenants: everyTenant{}, Logger: quiet(), Registerer: reg})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- set.Run(ctx) }()
			var used, rows int64
			for b.Loop() {
				b.StopTimer()
				benchRecords(b, l, 100, tenants)
				b.StartTimer()
				before := cpuNanos(b)
				if err := p.commitMain(b.Context()); err != nil {
					b.Fatal(err)
				}
				used += cpuNanos(b) - before
				rows += 50_000
			}
			b.ReportMetric(float64(used)/float64(rows), "cpu-ns/row")
			cancel()
			<-done
			if err := set.Close(); err != nil {
				b.Fatal(err)
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
