package metering

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"weir/internal/tenant"
	"weir/internal/usage"
)

func openDB(t testing.TB, fs vfs.FS) *pebble.DB {
	t.Helper()
	db, err := pebble.Open("ledger", &pebble.Options{FS: fs, Logger: quietLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)         {}
func (quietLogger) Errorf(string, ...any)        {}
func (quietLogger) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

func newLedger(t testing.TB) *Ledger {
	db := openDB(t, vfs.NewMem())
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return onDB(t, db)
}

func onDB(t testing.TB, db *pebble.DB) *Ledger {
	t.Helper()
	l, err := NewLedger(db)
	must(t, err)
	return l
}

func rowsOf(t testing.TB, l *Ledger, id tenant.ID, all bool) map[Key]Amounts {
	t.Helper()
	out := map[Key]Amounts{}
	if err := l.Scan(id, all, 0, 1<<31, func(k Key, a Amounts) error {
		if _, twice := out[k]; twice {
			return fmt.Errorf("%+v is there twice", k)
		}
		out[k] = a
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLedgerAddsUp(t *testing.T) {
	l := newLedger(t)
	now := time.Unix(1_000_000*3600, 0)
	h := hourOf(now)
	k := Key{Tenant: "acme", Hour: h, Kind: usage.KindQuery, Source: "s\x00x", User: "u", Shape: "f00d"}
	must(t, l.Add(k, Amounts{CPU: 1.5, Count: 1}))
	must(t, l.Flush(now, true))
	must(t, l.Flush(now, true)) // the same again changes nothing
	must(t, l.Add(k, Amounts{CPU: -0.5, Out: 7}))
	must(t, l.Add(Key{Tenant: "acme-2", Hour: h, Kind: usage.KindIngest}, Amounts{Events: 3}))
	must(t, l.Add(Key{Hour: h, Kind: KindOverhead, Source: "gc"}, Amounts{CPU: 2}))
	k.Source = "sx"
	want := map[Key]Amounts{k: {CPU: 1, Count: 1, Out: 7}}
	if d := cmp.Diff(want, rowsOf(t, l, "acme", false)); d != "" {
		t.Error(d)
	}
	if got := rowsOf(t, l, "", true); len(got) != 3 {
		t.Errorf("all tenants: %v", got)
	}
	// An hour later the row is not in memory any more, and is added to all the same.
	must(t, l.Add(Key{Hour: h, Kind: KindOverhead, Source: "gc"}, Amounts{CPU: 1}))
	must(t, l.Flush(now.Add(time.Hour), true))
	if len(l.rows) != 0 || len(l.hours) != 0 {
		t.Errorf("%d rows and %d hours stay in memory", len(l.rows), len(l.hours))
	}
	must(t, l.Add(k, Amounts{CPU: 1}))
	if got := rowsOf(t, l, "acme", false)[k]; got.CPU != 2 {
		t.Errorf("CPU %v, want 2", got.CPU)
	}
}

// A power cut at any moment loses at most what was added since the last synced Flush, and nothing counts twice.
func TestLedgerSurvivesPowerCuts(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		db := openDB(t, fs)
		l := onDB(t, db)
		now := time.Unix(1_000_000*3600, 0)
		synced, added := map[Key]float64{}, map[Key]float64{}
		for range 200 {
			k := Key{Tenant: tenant.ID(fmt.Sprint("t", rng.IntN(3))), Hour: hourOf(now), Kind: usage.KindQuery, User: fmt.Sprint(rng.IntN(4))}
			must(t, l.Add(k, Amounts{CPU: 1}))
			added[k]++
			switch rng.IntN(10) {
			case 0:
				must(t, l.Flush(now, true))
				synced = maps.Clone(added)
			case 1:
				must(t, l.Flush(now, false))
			case 2:
				now = now.Add(20 * time.Minute)
			}
		}
		clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		must(t, db.Close())
		db = openDB(t, clone)
		for k, a := range rowsOf(t, onDB(t, db), "", true) {
			if a.CPU < synced[k] || a.CPU > added[k] {
				t.Fatalf("seed %d: %+v has %v after the cut, want %v to %v", seed, k, a.CPU, synced[k], added[k])
			}
			delete(synced, k)
		}
		if len(synced) > 0 {
			t.Fatalf("seed %d: %v are lost", seed, synced)
		}
		must(t, db.Close())
	}
}

// A synced flush makes durable what was written before it too, also when nothing was added since.
func TestSyncedMeansSynced(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db := openDB(t, fs)
	l := onDB(t, db)
	now := time.Unix(1_000_000*3600, 0)
	must(t, l.Add(Key{Tenant: "a", Hour: hourOf(now), Kind: usage.KindQuery}, Amounts{CPU: 1}))
	rowsOf(t, l, "a", false) // writes, and does not sync
	must(t, l.Flush(now, true))
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	must(t, db.Close())
	db = openDB(t, clone)
	if got := rowsOf(t, onDB(t, db), "a", false); len(got) != 1 {
		t.Errorf("after a power cut: %v", got)
	}
	must(t, db.Close())
}

// Reading costs nothing for rows that did not change: ten thousand bills are read one after the other.
func BenchmarkScanOfNothing(b *testing.B) {
	l := newLedger(b)
	now := time.Unix(1_000_000*3600, 0)
	for i := range 50_000 {
		must(b, l.Add(Key{Tenant: tenant.ID(fmt.Sprint("t", i)), Hour: hourOf(now), Kind: usage.KindQuery}, Amounts{CPU: 1}))
	}
	for b.Loop() {
		must(b, l.Scan("nobody", false, 0, 1<<31, func(Key, Amounts) error { return nil }))
	}
}

func TestLedgerIsBounded(t *testing.T) {
	l := newLedger(t)
	l.maxRows = 10
	now := time.Unix(1_000_000*3600, 0)
	for i := range 200 {
		must(t, l.Add(Key{Tenant: "acme", Hour: hourOf(now), Kind: usage.KindQuery, Source: fmt.Sprint(i), User: fmt.Sprint(i), Shape: fmt.Sprint(i)}, Amounts{Count: 1}))
		if i == 100 { // after a restart it is counted anew
			must(t, l.Flush(now, true))
			db := l.db
			l = onDB(t, db)
			l.maxRows = 10
		}
	}
	got, sum := rowsOf(t, l, "acme", false), 0.0
	for _, a := range got {
		sum += a.Count
	}
	if len(got) > 21 || sum != 200 {
		t.Errorf("%d rows with %v requests, want at most 21 rows with 200", len(got), sum)
	}
	if got[Key{Tenant: "acme", Hour: hourOf(now), Kind: usage.KindQuery, Source: Other, User: Other, Shape: Other}].Count < 150 {
		t.Errorf("what is beyond the bound is not in %q: %v", Other, got)
	}
}

func TestLedgerCompacts(t *testing.T) {
	l := newLedger(t)
	now := time.Date(2026, 6, 1, 5, 0, 0, 0, time.UTC)
	old := hourOf(now) - keepHours - 50
	total := 0.0
	for h := old; h < hourOf(now); h += 5 {
		for _, id := range []tenant.ID{"a", "b"} {
			must(t, l.Add(Key{Tenant: id, Hour: h, Kind: usage.KindQuery, User: "u"}, Amounts{CPU: 1}))
			total++
		}
	}
	must(t, l.Flush(now.Add(time.Hour), true))
	if n, err := l.Compact(now); err != nil || n != 2*2 {
		t.Errorf("%d days, %v, want 4", n, err)
	}
	if n, err := l.Compact(now); err != nil || n != 0 {
		t.Errorf("the second time: %d days, %v", n, err)
	}
	sum, days := 0.0, 0
	for k, a := range rowsOf(t, l, "", true) {
		sum += a.CPU
		if k.Day {
			days++
			if k.Hour%24 != 0 {
				t.Errorf("a day begins at hour %d", k.Hour)
			}
		} else if k.Hour < (hourOf(now)-keepHours)/24*24 {
			t.Errorf("hour %d is left", k.Hour)
		}
	}
	if sum != total || days != 4 {
		t.Errorf("the sum is %v with %d days, want %v with 4", sum, days, total)
	}
}

func TestPricesHoldFromTheirHour(t *testing.T) {
	l := newLedger(t)
	at := time.Date(2026, 6, 1, 5, 30, 0, 0, time.UTC)
	b := DefaultBook()
	for range 2 {
		if list, err := l.SetPrices(b, at); err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		at = at.Add(time.Minute)
	}
	b.CPUSecond = 7
	list, err := l.SetPrices(b, at.Add(2*time.Hour))
	if err != nil || len(list) != 2 || list[1].Book.CPUSecond != 7 {
		t.Fatal(list, err)
	}
	m := &Meter{prices: list}
	for hour, want := range map[int]float64{0: DefaultBook().CPUSecond, 6: DefaultBook().CPUSecond, 7: 7, 9: 7} {
		if got := m.book(hourOf(time.Date(2026, 6, 1, hour, 0, 0, 0, time.UTC))).CPUSecond; got != want {
			t.Errorf("at %d: %v, want %v", hour, got, want)
		}
	}
}

func FuzzDecodeAmounts(f *testing.F) {
	f.Add(Amounts{CPU: 1, Count: 2}.encode(nil))
	f.Add([]byte{1, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAmounts(b)
		if err != nil {
			return
		}
		again, err := decodeAmounts(a.encode(nil))
		if err != nil {
			t.Fatal(err)
		}
		from := again.fields()
		for i, v := range a.fields() {
			if *v != *from[i] && (*v == *v || *from[i] == *from[i]) {
				t.Errorf("field %d: %v became %v", i, *v, *from[i])
			}
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	f.Add(Key{Tenant: "a", Hour: 7, Kind: "query", Source: "s", User: "u", Shape: "x"}.encode())
	f.Add([]byte("u\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, ok := decodeKey(b)
		if !ok {
			return
		}
		if got := string(k.encode()); got != string(b) {
			t.Errorf("%q became %q", b, got)
		}
	})
}
