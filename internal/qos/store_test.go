package qos

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/catalog"
	"weir/internal/damage"
	"weir/internal/tenant"
	"weir/internal/testkit/damagekit"
	"weir/internal/usage"
)

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)      {}
func (quietLogger) Errorf(string, ...any)     {}
func (quietLogger) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// opened calls do with the state store of fs.
func opened(t testing.TB, fs vfs.FS, do func(db *pebble.DB)) {
	t.Helper()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: quietLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	do(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// keeping is a gate that keeps in db what it learns.
func keeping(t testing.TB, db *pebble.DB, change ...func(*Config, *Deps)) *Gate {
	t.Helper()
	c, d := Config{Cores: 2}, Deps{Tenants: newWorld(), State: db}
	for _, f := range change {
		f(&c, &d)
	}
	g, err := New(c, d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func write(t testing.TB, g *Gate) {
	t.Helper()
	if err := g.store.write(g.history); err != nil {
		t.Fatal(err)
	}
}

// kept are the keys of costs in a store, and their values.
func kept(t testing.TB, db *pebble.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := (&store{db: db}).each([]byte(prefix), func(key, value []byte) { all[string(key)] = string(value) }); err != nil {
		t.Fatal(err)
	}
	return all
}

const shape = "0123456789abcdef"

// join is a query that was seen to be expensive; at first it is taken for cheap.
func join(t testing.TB, g *Gate) {
	t.Helper()
	if e := g.Estimate(shaped("a", shape)); e.Learned || e.Class != usage.Cheap {
		t.Fatalf("at first: %+v", e)
	}
	run(t, g, shaped("a", shape), usage.Record{CPU: 70 * time.Second, BytesScanned: 3 << 20})
	run(t, g, shaped("a", shape), usage.Record{CPU: 86 * time.Second, BytesScanned: 5 << 20})
}

// What was learned is known after a restart exactly as before, goes on from there, and is nobody else's. Only the tenant, the hash and numbers are stored.
func TestLearnedOverRestart(t *testing.T) {
	fs := vfs.NewMem()
	data := func(_ *Config, d *Deps) {
		w := newWorld()
		w.bytes["a"] = 1 << 20
		d.Statistics = w
	}
	costOf := func(g *Gate) cost {
		c := g.history.shapes[shapeKey{"a", shape}].cost
		c.at = time.UnixMilli(c.at.UnixMilli())
		return c
	}
	var before cost
	var further usage.Estimate
	opened(t, fs, func(db *pebble.DB) {
		g := keeping(t, db, data)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()
		join(t, g)
		before = costOf(g)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if all := kept(t, db); len(all) != 1 || len(all["costs/a\x00"+shape]) != costBytes {
			t.Errorf("stored is %q", all)
		}
		run(t, g, shaped("a", shape), usage.Record{CPU: 10 * time.Second}) // not stored any more
		further = g.Estimate(shaped("a", shape))
	})
	opened(t, fs, func(db *pebble.DB) {
		g := keeping(t, db, data)
		if e := g.Estimate(shaped("a", shape)); !e.Learned || e.Class != usage.Expensive || costOf(g) != before || before.dev == 0 || before.expected == 0 {
			t.Errorf("after a restart: %+v, %+v; before %+v", e, costOf(g), before)
		}
		if e := g.Estimate(shaped("b", shape)); e.Learned {
			t.Errorf("another tenant's: %+v", e)
		}
		run(t, g, shaped("a", shape), usage.Record{CPU: 10 * time.Second})
		if e := g.Estimate(shaped("a", shape)); e.Class != further.Class || (e.CPU-further.CPU).Abs() > time.Millisecond { // a second's age weighs that
			t.Errorf("learned on: %+v, without a restart %+v", e, further)
		}
	})
}

// Who is killed has lost two seconds' learning at most: what was stored is durable without a close.
func TestLearnedOverKill(t *testing.T) {
	fs := vfs.NewCrashableMem()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var crash *vfs.MemFS
		opened(t, fs, func(db *pebble.DB) {
			g := keeping(t, db)
			done := make(chan error)
			go func() { done <- g.Run(ctx) }()
			join(t, g)
			time.Sleep(writeEvery + time.Millisecond)
			synctest.Wait()
			crash = fs.CrashClone(vfs.CrashCloneCfg{})
			stop()
			<-done
		})
		opened(t, crash, func(db *pebble.DB) {
			if e := keeping(t, db).Estimate(shaped("a", shape)); !e.Learned || e.Class != usage.Expensive {
				t.Errorf("after the kill: %+v", e)
			}
		})
	})
}

// What cannot be read is told, left out and taken away; the rest is known.
func TestUnreadableCosts(t *testing.T) {
	good := (&cost{cpu: 20e9, dev: 1e9, read: 5, expected: 7, at: time.Now()}).encode()
	number := func(v float64) string {
		return string(binary.BigEndian.AppendUint64(bytes.Clone(good[:1]), math.Float64bits(v))) + string(good[9:])
	}
	for name, c := range map[string]struct{ key, value, why string }{
		"unknown version": {"costs/a\x00bad", "\x09" + string(good[1:]) + "and more", "its version is 9, this weir knows 1"},
		"cut off":         {"costs/a\x00bad", string(good[:20]), "it has 20 bytes, not 41"},
		"too long":        {"costs/a\x00bad", string(good) + "x", "it has 42 bytes, not 41"},
		"empty":           {"costs/a\x00bad", "", "it has 0 bytes, not 41"},
		"no number":       {"costs/a\x00bad", number(math.NaN()), "its number 0 is NaN"},
		"negative":        {"costs/a\x00bad", number(-1), "its number 0 is -1"},
		"infinite":        {"costs/a\x00bad", number(math.Inf(1)), "its number 0 is +Inf"},
		"no tenant":       {"costs/bad", string(good), "its key has no tenant or no shape"},
		"no shape":        {"costs/a\x00", string(good), "its key has no tenant or no shape"},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, vfs.NewMem(), func(db *pebble.DB) {
				for k, v := range map[string]string{c.key: c.value, "costs/a\x00" + shape: string(good), "costz": "another's", "cost": "another's"} {
					if err := db.Set([]byte(k), []byte(v), pebble.Sync); err != nil {
						t.Fatal(err)
					}
				}
				var log bytes.Buffer
				g := keeping(t, db, func(_ *Config, d *Deps) { d.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), c.why) || !strings.Contains(log.String(), "shapes=1") {
					t.Errorf("the log says %s", &log)
				}
				if e := g.Estimate(shaped("a", shape)); !e.Learned || e.Class != usage.Expensive || g.Estimate(shaped("a", "bad")).Learned || len(g.history.shapes) != 1 {
					t.Errorf("the good one: %+v; %d are known", e, len(g.history.shapes))
				}
				write(t, g)
				if all := kept(t, db); len(all) != 1 || all["costs/a\x00"+shape] == "" {
					t.Errorf("stored is %q", all)
				}
				log.Reset()
				keeping(t, db, func(_ *Config, d *Deps) { d.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				if log.Len() > 0 {
					t.Errorf("the next start says %s", &log)
				}
				for _, k := range []string{"cost", "costz"} {
					if _, c, err := db.Get([]byte(k)); err != nil || c.Close() != nil {
						t.Errorf("%s: %v", k, err)
					}
				}
			})
		})
	}
}

// Damage in the files of the store ends no start: what is read before it is known, and the next start reads no damage any more.
func TestDamagedStore(t *testing.T) {
	const telling = 123456789 * time.Microsecond // is found in the file
	dir, o := filepath.Join(t.TempDir(), "state"), &pebble.Options{Logger: quietLogger{}}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	if err := damage.Survive(o, damage.Config{Store: "state", Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	with := func(do func(db *pebble.DB)) {
		t.Helper()
		db, err := pebble.Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		do(db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	with(func(db *pebble.DB) {
		g := keeping(t, db)
		for i := range 2000 {
			cpu := time.Minute
			if i == 1000 {
				cpu = telling
			}
			run(t, g, shaped("a", fmt.Sprintf("%016d", i)), usage.Record{CPU: cpu})
		}
		write(t, g)
		if err := db.Flush(); err != nil {
			t.Fatal(err)
		}
	})
	damagekit.FlipBit(t, dir, string(binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(telling)))))
	known := 0
	with(func(db *pebble.DB) {
		var log bytes.Buffer
		g := keeping(t, db, func(_ *Config, d *Deps) { d.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		known = len(g.history.shapes)
		if !strings.Contains(log.String(), "cannot be read to its end") || known == 0 || known > 1000 || !g.Estimate(shaped("a", "0000000000000000")).Learned {
			t.Fatalf("%d shapes are known; the log says %s", known, &log)
		}
		write(t, g)
	})
	with(func(db *pebble.DB) {
		var log bytes.Buffer
		g := keeping(t, db, func(_ *Config, d *Deps) { d.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		if len(g.history.shapes) != known || log.Len() > 0 {
			t.Errorf("%d shapes are known, want %d; the log says %s", len(g.history.shapes), known, &log)
		}
	})
}

// The store has what the history has, whatever gives way and comes back.
func TestStoreIsBounded(t *testing.T) {
	opened(t, vfs.NewMem(), func(db *pebble.DB) {
		small := func(c *Config, _ *Deps) { c.Shapes = 40 }
		g := keeping(t, db, small)
		for i := range 2000 {
			run(t, g, shaped(tenant.ID(fmt.Sprint("t", i%7)), fmt.Sprint(i*i%97)), usage.Record{CPU: time.Second})
			if len(g.history.changed) > 2*40 {
				t.Fatalf("%d changes wait", len(g.history.changed))
			}
			if i%13 != 0 {
				continue
			}
			write(t, g)
			want := map[string]bool{}
			of := map[tenant.ID]int{}
			for k := range g.history.shapes {
				want[string(k.encode())] = true
				of[k.tenant]++
			}
			if got := kept(t, db); len(got) > 40 || len(got) != len(want) || slices.Max(slices.Collect(maps.Values(of))) > 10 {
				t.Fatalf("after %d: %d are stored, %d remembered; %v", i, len(got), len(want), of)
			}
		}
		for i := range 2000 { // nothing is written, and what comes is not stored
			run(t, g, shaped("t0", fmt.Sprint("new", i)), usage.Record{CPU: time.Second})
		}
		if len(g.history.changed) > 2*40 {
			t.Fatalf("%d changes wait", len(g.history.changed))
		}
	})
	opened(t, vfs.NewMem(), func(db *pebble.DB) { // a shape that gives way, comes back and gives way
		g := keeping(t, db, func(c *Config, _ *Deps) { c.Shapes = 4 })
		run(t, g, shaped("a", "x"), usage.Record{CPU: time.Second})
		write(t, g)
		for _, s := range []string{"y", "x", "y"} {
			run(t, g, shaped("a", s), usage.Record{CPU: time.Second})
		}
		write(t, g)
		if all := kept(t, db); len(all) != 1 || all["costs/a\x00y"] == "" {
			t.Errorf("stored is %q", all)
		}
	})
}

// A start remembers what ran last when it may remember less than is stored, and the rest goes.
func TestSmallerBound(t *testing.T) {
	opened(t, vfs.NewMem(), func(db *pebble.DB) {
		c := &clock{time.Unix(1e9, 0)}
		g := keeping(t, db, func(_ *Config, d *Deps) { d.Now = c.now })
		for i := range 20 {
			c.t = c.t.Add(time.Second)
			run(t, g, shaped(tenant.ID(fmt.Sprint("t", i)), shape), usage.Record{CPU: time.Second})
		}
		write(t, g)
		g = keeping(t, db, func(cfg *Config, d *Deps) { cfg.Shapes, d.Now = 8, c.now })
		write(t, g)
		for i := range 20 {
			id := tenant.ID(fmt.Sprint("t", i))
			_, stored := kept(t, db)["costs/"+string(id)+"\x00"+shape]
			if want := i >= 12; stored != want || g.Estimate(shaped(id, shape)).Learned != want {
				t.Errorf("%s: stored %v, want %v", id, stored, want)
			}
		}
	})
}

// Of a deleted tenant nothing is stored once Forget returns, also after a crash, and of its neighbours everything.
func TestForgetStored(t *testing.T) {
	fs := vfs.NewCrashableMem()
	opened(t, fs, func(db *pebble.DB) {
		g := keeping(t, db)
		for _, id := range []tenant.ID{"a", "a-", "ab", "", "b"} {
			run(t, g, shaped(id, shape), usage.Record{CPU: time.Minute})
		}
		write(t, g)
		run(t, g, shaped("a", "not stored yet"), usage.Record{CPU: time.Minute})
		run(t, g, shaped("a", shape), usage.Record{CPU: time.Minute})
		if n, err := g.Forget("a"); n != 2 || err != nil {
			t.Errorf("%d shapes are forgotten, %v", n, err)
		}
		if n := len(g.history.changed); n != 0 { // else the next write names the tenant in the store's files again
			t.Errorf("%d changes wait", n)
		}
		crash := fs.CrashClone(vfs.CrashCloneCfg{})
		write(t, g)
		check := func(db *pebble.DB) {
			t.Helper()
			if keys := slices.Sorted(maps.Keys(kept(t, db))); !slices.Equal(keys, []string{"costs/\x00" + shape, "costs/a-\x00" + shape, "costs/ab\x00" + shape, "costs/b\x00" + shape}) {
				t.Errorf("stored is %q", keys)
			}
		}
		check(db)
		opened(t, crash, check)
	})
}

// fewTenants is a catalog in which only a is left.
type fewTenants struct{}

func (fewTenants) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	return catalog.Tenant{ID: id}, id == "a"
}

// What a start finds that is too old, or of a tenant that is gone, is not known and goes with the next write. A time that is yet to come is now.
func TestStaleCosts(t *testing.T) {
	opened(t, vfs.NewMem(), func(db *pebble.DB) {
		c := &clock{time.Unix(1e9, 0)}
		at := func(_ *Config, d *Deps) { d.Now = c.now }
		g := keeping(t, db, at)
		run(t, g, shaped("a", "old"), usage.Record{CPU: time.Minute})
		c.t = c.t.Add(forgetAfter)
		for _, id := range []tenant.ID{"a", "gone", ""} {
			run(t, g, shaped(id, "new"), usage.Record{CPU: time.Minute})
		}
		write(t, g)
		c.t = c.t.Add(-time.Hour)
		g = keeping(t, db, at, func(_ *Config, d *Deps) { d.Tenants = fewTenants{} })
		if len(g.history.shapes) != 3 || g.history.shapes[shapeKey{"a", "new"}].cost.at != c.t {
			t.Errorf("an hour before: %v", g.history.shapes)
		}
		c.t = c.t.Add(time.Hour)
		g = keeping(t, db, at, func(_ *Config, d *Deps) { d.Tenants = fewTenants{} })
		write(t, g)
		if keys := slices.Sorted(maps.Keys(kept(t, db))); !slices.Equal(keys, []string{"costs/\x00new", "costs/a\x00new"}) || len(g.history.shapes) != 2 {
			t.Errorf("stored is %q, known are %d", keys, len(g.history.shapes))
		}
	})
}

// What cannot be stored now, because the disk is full or the store takes nothing, is stored later.
func TestStoredLater(t *testing.T) {
	fs, full := vfs.NewMem(), true
	opened(t, fs, func(db *pebble.DB) {
		g := keeping(t, db, func(_ *Config, d *Deps) { d.Full = func() bool { return full } })
		join(t, g)
		write(t, g)
		if n := len(kept(t, db)); n != 0 {
			t.Errorf("%d are stored on a full disk", n)
		}
		full = false
		deaf := vfs.NewMem()
		opened(t, deaf, func(*pebble.DB) {})
		db, err := pebble.Open("state", &pebble.Options{FS: deaf, Logger: quietLogger{}, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		g.store.db, db = db, g.store.db
		if err := g.store.write(g.history); err == nil {
			t.Error("a store that takes nothing has taken something")
		}
		g.store.db, db = db, g.store.db
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, g)
	})
	opened(t, fs, func(db *pebble.DB) {
		if e := keeping(t, db).Estimate(shaped("a", shape)); !e.Learned || e.Class != usage.Expensive {
			t.Errorf("%+v", e)
		}
	})
}

// A start reads as many shapes as can be remembered, here two each of 10 000 tenants.
func BenchmarkLoad(b *testing.B) {
	opened(b, vfs.NewMem(), func(db *pebble.DB) {
		g := keeping(b, db)
		for i := range g.cfg.Shapes {
			run(b, g, shaped(tenant.ID(fmt.Sprint("tenant", i%10_000)), fmt.Sprintf("%016d", i)), usage.Record{CPU: time.Second})
		}
		write(b, g)
		if err := db.Flush(); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if n := len(keeping(b, db).history.shapes); n != g.cfg.Shapes {
				b.Fatal(n)
			}
		}
	})
}

func FuzzDecodeCost(f *testing.F) {
	f.Add((&cost{cpu: 1, dev: 2, read: 3, expected: 4, at: time.UnixMilli(5)}).encode())
	f.Add([]byte{costVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeCost(b); err == nil && !bytes.Equal(c.encode(), b) {
			t.Errorf("%x is read as %+v", b, c)
		}
	})
}
