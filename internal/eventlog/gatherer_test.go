package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
	"weir/internal/event"
	"weir/internal/eventlog"
)

// fakeLog keeps records in memory. gate, if set, is called before each record is
// stored: it may block or fail.
type fakeLog struct {
	eventlog.Log
	gate  func(ctx context.Context, partition uint16) error
	parts int

	mu      sync.Mutex
	records map[uint16][][]byte
}

func newFakeLog(parts int) *fakeLog { return &fakeLog{parts: parts, records: map[uint16][][]byte{}} }

func (l *fakeLog) Partitions() int { return l.parts }

func (l *fakeLog) Append(ctx context.Context, p uint16, data []byte) (uint64, error) {
	if len(data) > eventlog.MaxRecord {
		return 0, eventlog.ErrTooLarge
	}
	if l.gate != nil {
		if err := l.gate(ctx, p); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[p] = append(l.records[p], append([]byte(nil), data...))
	return uint64(len(l.records[p])) - 1, nil
}

// orderedLog adds Start: the place is fixed at once, the gate delays the answer.
type orderedLog struct{ *fakeLog }

func (l orderedLog) Start(ctx context.Context, p uint16, data []byte) (func() (uint64, error), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[p] = append(l.records[p], append([]byte(nil), data...))
	off := uint64(len(l.records[p])) - 1
	return func() (uint64, error) {
		if l.gate != nil {
			if err := l.gate(ctx, p); err != nil {
				return 0, err
			}
		}
		return off, nil
	}, nil
}

// ids decodes the event ids of a record.
func ids(t testing.TB, rec []byte) (out []string) {
	t.Helper()
	b := event.NewBatch()
	if err := b.DecodeRecord(rec); err != nil {
		t.Fatalf("decode a record of %d bytes: %v", len(rec), err)
	}
	for i := range b.Rows() {
		out = append(out, string(b.Str(event.ColEventID, i)))
	}
	return out
}

func (l *fakeLog) rows(t testing.TB, p uint16) (out []string) {
	for _, r := range l.records[p] {
		out = append(out, ids(t, r)...)
	}
	return out
}

func row(id string, pad int) *event.Row {
	return &event.Row{
		Tenant: "acme", Site: "shop", TS: 1, ReceivedAt: 2, Type: []byte("pageview"), EventID: []byte(id),
		URL: []byte("https://example.com/" + strings.Repeat("x", pad)), Country: "DE",
	}
}

func batch(ids ...string) *event.Batch {
	b := event.NewBatch()
	for _, id := range ids {
		b.Append(row(id, 0))
	}
	return b
}

// start runs a gatherer; stop drains and waits for it.
func start(t testing.TB, cfg eventlog.GathererConfig) (g *eventlog.Gatherer, stop func()) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	g, err := eventlog.NewGatherer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return g, stop
}

func TestGathererConfig(t *testing.T) {
	err := eventlog.GathererConfig{MaxRecordBytes: 2 << 20, MaxPending: 1, Retry: -1}.Validate()
	for _, field := range []string{"Log", "Logger", "MaxRecordBytes", "MaxPending", "Retry"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("validation does not name %s: %v", field, err)
		}
	}
}

// gathered returns the values of the named counters and gauges.
func gathered(t *testing.T, reg prometheus.Gatherer, names map[string]float64) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if _, ok := names[f.GetName()]; ok {
			out[f.GetName()] = f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
		}
	}
	return out
}

// TestGathers blocks the first records and checks that what arrives meanwhile becomes one.
func TestGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog(2)
		release := make(chan struct{})
		log.gate = func(context.Context, uint16) error { <-release; return nil }
		reg := prometheus.NewPedanticRegistry()
		g, stop := start(t, eventlog.GathererConfig{Log: orderedLog{log}, Registerer: reg})
		var futures []*eventlog.Future
		for i := range 12 {
			f, err := g.AppendAsync(1, batch(fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			futures = append(futures, f)
			synctest.Wait() // the first two go out alone, each in its slot
		}
		close(release)
		want := []uint64{0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}
		var got []uint64
		for _, f := range futures {
			off, err := f.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, off)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("offsets (-want +got):\n%s", d)
		}
		stop()
		if d := cmp.Diff([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, log.rows(t, 1)); d != "" {
			t.Errorf("rows (-want +got):\n%s", d)
		}
		metrics := map[string]float64{"weir_gatherer_records_total": 3, "weir_gatherer_rows_total": 12, "weir_gatherer_pending_bytes": 0, "weir_gatherer_pending_age_seconds": 0}
		if d := cmp.Diff(metrics, gathered(t, reg, metrics)); d != "" {
			t.Errorf("metrics (-want +got):\n%s", d)
		}
		if _, err := g.AppendAsync(0, batch("late")); !errors.Is(err, eventlog.ErrClosed) {
			t.Errorf("append after the end of Run: %v, want ErrClosed", err)
		}
	})
}

// TestSplits hands over batches larger than a record, and one event that is.
func TestSplits(t *testing.T) {
	log := newFakeLog(1)
	g, stop := start(t, eventlog.GathererConfig{Log: orderedLog{log}, MaxRecordBytes: 20_000, MaxPending: 4 << 20})
	b, rng := event.NewBatch(), rand.New(rand.NewPCG(1, 1))
	var want []string
	for i := range 2000 {
		// Most rows are small, some fill half a record: the first guess of how many fit is wrong.
		pad := rng.IntN(50)
		if i%97 == 0 {
			pad = 12_000
		}
		want = append(want, fmt.Sprint(i))
		b.Append(row(want[i], pad))
	}
	off, err := g.Append(t.Context(), 0, b)
	if err != nil {
		t.Fatal(err)
	}
	if n := uint64(len(log.records[0])); off != n-1 || n < 10 {
		t.Errorf("offset %d after %d records", off, n)
	}
	small := event.NewBatch()
	for _, r := range log.records[0] {
		small.Reset()
		if err := small.DecodeRecord(r); err != nil || small.Bytes() > 22_000 { // joined dictionaries may need wider keys
			t.Errorf("record of %d bytes before compression, %v", small.Bytes(), err)
		}
	}
	b.Append(row("huge", 25_000))
	if _, err := g.Append(t.Context(), 0, b); !errors.Is(err, eventlog.ErrTooLarge) || !strings.Contains(err.Error(), "event 2000") {
		t.Errorf("an event larger than a record: %v, want ErrTooLarge and its index", err)
	}
	for b.Bytes() <= 4<<20 {
		b.AppendBatch(batchOf(1000), nil)
	}
	if _, err := g.Append(t.Context(), 0, b); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("a batch larger than MaxPending: %v, want ErrTooLarge", err)
	}
	if _, err := g.Append(t.Context(), 0, event.NewBatch()); err == nil {
		t.Error("an empty batch was taken")
	}
	if _, err := g.Append(t.Context(), 1, batch("x")); err == nil {
		t.Error("a partition that does not exist was taken")
	}
	stop()
	if d := cmp.Diff(want, log.rows(t, 0)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func batchOf(n int) *event.Batch {
	b := event.NewBatch()
	for i := range n {
		b.Append(row(fmt.Sprint("n", i), 100))
	}
	return b
}

// TestIncompressible makes records that do not shrink: none may exceed MaxRecord.
func TestIncompressible(t *testing.T) {
	log := newFakeLog(1)
	g, stop := start(t, eventlog.GathererConfig{Log: orderedLog{log}, MaxRecordBytes: 1_000_000})
	b, rng := event.NewBatch(), rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 200)
	for i := range 20_000 {
		for j := range noise {
			noise[j] = byte(rng.Uint32())
		}
		b.Append(&event.Row{EventID: fmt.Append(nil, i), URL: noise})
	}
	if _, err := g.Append(t.Context(), 0, b); err != nil {
		t.Fatal(err)
	}
	stop()
	if n := len(log.rows(t, 0)); n != 20_000 {
		t.Errorf("%d rows stored", n)
	}
	for _, r := range log.records[0] {
		if len(r) > eventlog.MaxRecord {
			t.Errorf("record of %d bytes", len(r))
		}
	}
}

func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog(1)
		release := make(chan struct{})
		log.gate = func(context.Context, uint16) error { <-release; return nil }
		one := int64(batchOf(10).Bytes())
		g, _ := start(t, eventlog.GathererConfig{Log: log, MaxRecordBytes: int(one), MaxPending: 3 * one, Retry: 7 * time.Second})
		var futures []*eventlog.Future
		for range 3 {
			f, err := g.AppendAsync(0, batchOf(10))
			if err != nil {
				t.Fatal(err)
			}
			futures = append(futures, f)
		}
		_, err := g.Append(t.Context(), 0, batch("x"))
		var over *eventlog.OverloadError
		if !errors.Is(err, eventlog.ErrOverloaded) || !errors.As(err, &over) || over.Retry != 7*time.Second || over.Limit != 3*one || over.Pending != 3*one {
			t.Fatalf("append beyond MaxPending: %v", err)
		}
		close(release)
		for _, f := range futures {
			if _, err := f.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := g.Append(t.Context(), 0, batchOf(30)); errors.Is(err, eventlog.ErrOverloaded) {
			t.Errorf("append after the load has gone: %v", err)
		}
	})
}

// TestCancel ends waits while batches are queued and while they are in flight.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog(1)
		release := make(chan struct{})
		log.gate = func(context.Context, uint16) error { <-release; return nil }
		g, stop := start(t, eventlog.GathererConfig{Log: log})
		ctx, cancel := context.WithCancel(t.Context())
		wait := func(ctx context.Context, id string) chan error {
			f, err := g.AppendAsync(0, batch(id))
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := f.Wait(ctx)
				done <- err
			}()
			synctest.Wait()
			return done
		}
		inFlight := wait(ctx, "in flight")
		queued := wait(ctx, "queued")
		kept := wait(t.Context(), "kept")
		cancel()
		for what, done := range map[string]chan error{"in flight": inFlight, "queued": queued} {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("wait %s: %v", what, err)
			}
		}
		close(release)
		if err := <-kept; err != nil {
			t.Error(err)
		}
		stop()
		if d := cmp.Diff([]string{"in flight", "kept"}, log.rows(t, 0)); d != "" {
			t.Errorf("rows (-want +got):\n%s", d)
		}
	})
}

// TestFailure fails a record: those in it get the error, later ones succeed.
func TestFailure(t *testing.T) {
	log := newFakeLog(1)
	var fail atomic.Bool
	log.gate = func(context.Context, uint16) error {
		if fail.Load() {
			return fmt.Errorf("disk: %w", eventlog.ErrFull)
		}
		return nil
	}
	g, _ := start(t, eventlog.GathererConfig{Log: log})
	fail.Store(true)
	if _, err := g.Append(t.Context(), 0, batch("a")); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("append to a full log: %v, want ErrFull", err)
	}
	fail.Store(false)
	if off, err := g.Append(t.Context(), 0, batch("b")); err != nil || off != 0 {
		t.Errorf("append after a failure: %d, %v", off, err)
	}
}

// TestGathererProperty runs random producers against random logs: every
// acknowledged row is there once, a refused one never, each producer's rows are
// in order, and the offset returned is that of the record with the last row.
func TestGathererProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		log := newFakeLog(rapid.IntRange(1, 3).Draw(rt, "partitions"))
		failEvery := int64(rapid.SampledFrom([]int{0, 3, 10}).Draw(rt, "failEvery"))
		var calls atomic.Int64
		log.gate = func(context.Context, uint16) error {
			if n := calls.Add(1); failEvery > 0 && n%failEvery == 0 {
				return errors.New("injected")
			}
			return nil
		}
		var l eventlog.Log = log
		if rapid.Bool().Draw(rt, "ordered") {
			l = orderedLog{log}
		}
		g, stop := start(t, eventlog.GathererConfig{Log: l, MaxRecordBytes: rapid.SampledFrom([]int{2000, 900_000}).Draw(rt, "record")})
		producers := rapid.IntRange(1, 8).Draw(rt, "producers")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 60), 1, 10).Draw(rt, "sizes")
		type outcome struct {
			ids []string
			off uint64
			err error
			p   uint16
		}
		results := make([][]outcome, producers)
		var wg sync.WaitGroup
		for w := range producers {
			wg.Go(func() { // one partition per producer, several batches under way
				p, seq := uint16(w%log.parts), 0
				var futures []*eventlog.Future
				for _, size := range sizes {
					var list []string
					for range size {
						list = append(list, fmt.Sprintf("%d:%d", w, seq))
						seq++
					}
					f, err := g.AppendAsync(p, batch(list...))
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
					futures = append(futures, f)
					results[w] = append(results[w], outcome{ids: list, p: p})
				}
				for i, f := range futures {
					results[w][i].off, results[w][i].err = f.Wait(context.Background())
				}
			})
		}
		wg.Wait()
		stop()
		at, last := map[string]uint64{}, map[string]int{}
		for p := range uint16(log.parts) {
			for off, rec := range log.records[p] {
				for _, id := range ids(t, rec) {
					if _, twice := at[id]; twice {
						rt.Fatalf("row %s is stored twice", id)
					}
					at[id] = uint64(off)
					var w, seq int
					fmt.Sscanf(id, "%d:%d", &w, &seq)
					if prev, ok := last[fmt.Sprint(w)]; ok && seq <= prev {
						rt.Fatalf("producer %d: row %d after row %d", w, seq, prev)
					}
					last[fmt.Sprint(w)] = seq
				}
			}
		}
		for _, r := range results {
			for _, o := range r {
				if o.err != nil {
					continue
				}
				for _, id := range o.ids {
					if _, ok := at[id]; !ok {
						rt.Fatalf("row %s was acknowledged and is not stored", id)
					}
				}
				if want := at[o.ids[len(o.ids)-1]]; o.off != want {
					rt.Fatalf("offset %d for a batch that ends in record %d", o.off, want)
				}
			}
		}
	})
}
