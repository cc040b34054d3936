package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"weir/internal/tenant"
)

func open(t testing.TB, cfg Config) *Cache {
	t.Helper()
	c, err := New(cfg, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func count(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	m := &dto.Metric{}
	if err := c.Write(m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func key(n int) Key { return Key{byte(n), byte(n >> 8)} }

func TestFoundAtItsVersionOnly(t *testing.T) {
	c := open(t, Config{})
	c.Store("a", key(1), 5, "five", 4)
	c.Store("b", key(1), 9, "nine", 4)
	check := func(id tenant.ID, k, version int, want any) {
		t.Helper()
		if got, ok := c.Load(id, key(k), uint64(version)); ok != (want != nil) || got != want {
			t.Errorf("%s %d at %d: %v, %v; want %v", id, k, version, got, ok, want)
		}
	}
	check("a", 1, 5, "five")
	check("a", 2, 5, nil)
	check("b", 1, 5, nil)
	check("a", 1, 4, nil) // somebody who read the version before it changed
	check("a", 1, 5, "five")
	c.Store("a", key(2), 4, "late", 4) // and who ran meanwhile
	check("a", 2, 5, nil)
	check("a", 2, 4, nil)
	check("a", 1, 6, nil)
	check("a", 1, 5, nil) // never again
	check("b", 1, 9, "nine")
	(*Cache)(nil).Drop("b")
	c.Drop("b")
	check("b", 1, 9, nil)
	if c.bytes != 0 || len(c.tenants) != 0 || len(c.largest) != 0 {
		t.Errorf("%d bytes, %d tenants are left", c.bytes, len(c.tenants))
	}
}

func TestBounds(t *testing.T) {
	c := open(t, Config{Bytes: 100 * (1000 + overhead), TenantBytes: 60 * (1000 + overhead), EntryBytes: 1000})
	c.Store("quiet", key(0), 1, "q", 1000)
	c.Store("a", key(0), 1, "large", 1001)
	if _, ok := c.Load("a", key(0), 1); ok || count(t, c.metrics.refused) != 1 {
		t.Error("an answer above the bound was kept")
	}
	for i := range 1000 { // a tenant that asks for very much
		c.Store("a", key(i), 1, i, 1000)
	}
	for i := range 1000 {
		c.Store("b", key(i), 1, i, 1000)
	}
	if _, ok := c.Load("quiet", key(0), 1); !ok {
		t.Error("a tenant was pushed out by others that have more")
	}
	if c.bytes > c.cfg.Bytes || c.tenants["a"].bytes > c.cfg.TenantBytes || c.tenants["b"].bytes > c.cfg.TenantBytes {
		t.Errorf("%d bytes of %d, a %d, b %d of %d", c.bytes, c.cfg.Bytes, c.tenants["a"].bytes, c.tenants["b"].bytes, c.cfg.TenantBytes)
	}
	if _, ok := c.Load("b", key(999), 1); !ok {
		t.Error("the last answer is gone")
	}
	if _, ok := c.Load("b", key(0), 1); ok {
		t.Error("the oldest answer is still there")
	}
}

// TestBooks compares the cache with a plain map of what was stored, and its books with what is in it.
func TestBooks(t *testing.T) {
	c := open(t, Config{Bytes: 20_000, TenantBytes: 9_000, EntryBytes: 2_000})
	rng := rand.New(rand.NewPCG(1, 2))
	type place struct {
		t tenant.ID
		k int
	}
	stored := map[place]int{}
	version := map[tenant.ID]uint64{}
	for n := range 20_000 {
		p := place{tenant.ID(fmt.Sprint(rng.IntN(12))), rng.IntN(20)}
		switch rng.IntN(10) {
		case 0:
			version[p.t]++
			for q := range stored {
				if q.t == p.t {
					delete(stored, q)
				}
			}
		case 1, 2, 3:
			size := rng.IntN(2500)
			c.Store(p.t, key(p.k), version[p.t], n, size)
			if size <= 2000 {
				stored[p] = n
			}
		default:
			if v, ok := c.Load(p.t, key(p.k), version[p.t]); ok && v != stored[p] {
				t.Fatalf("step %d: %v is %v, want %v", n, p, v, stored[p])
			}
		}
		var sum int64
		for _, s := range c.tenants {
			var own int64
			for _, e := range s.entries {
				own += e.Value.(*entry).bytes
			}
			if own != s.bytes || c.largest[s.place] != s || len(s.entries) == 0 || len(s.entries) != s.recent.Len() {
				t.Fatalf("step %d: tenant %s: %d bytes, %d in its books, %d entries", n, s.id, own, s.bytes, len(s.entries))
			}
			sum += own
		}
		if sum != c.bytes || len(c.largest) != len(c.tenants) || sum > 20_000 {
			t.Fatalf("step %d: %d bytes, %d in the books", n, sum, c.bytes)
		}
	}
}

// Who comes while a question runs gets the answer of a run that began afterwards.
func TestTurnIsNeverOlderThanItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Config{})
		_, leave, err := c.Turn(t.Context(), "a", key(1))
		if err != nil || leave == nil {
			t.Fatal("the first is not let in")
		}
		var ran, got atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				v, leave, err := c.Turn(t.Context(), "a", key(1))
				switch {
				case err != nil:
					t.Error(err)
				case leave != nil:
					ran.Add(1)
					leave("second", Shared)
				case v == "second":
					got.Add(1)
				default:
					t.Errorf("got %v", v)
				}
			})
		}
		synctest.Wait()
		if ran.Load() != 0 {
			t.Error("two run at once")
		}
		leave("first", Shared)
		wg.Wait()
		if ran.Load() != 1 || got.Load() != 9 {
			t.Errorf("%d ran, %d were given the answer", ran.Load(), got.Load())
		}
		if len(c.flights) != 0 {
			t.Errorf("%d runs are left", len(c.flights))
		}
	})
}

func TestTurnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Config{})
		_, leave, _ := c.Turn(t.Context(), "a", key(1))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, l, err := c.Turn(ctx, "a", key(1)); l != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("the one who left: %v", err)
			}
		})
		synctest.Wait()
		var alone, ran atomic.Int64
		for range 3 { // they wait behind the one who leaves
			wg.Go(func() {
				v, l, err := c.Turn(t.Context(), "a", key(1))
				if err != nil || v != nil {
					t.Errorf("%v %v", v, err)
				}
				if l != nil {
					ran.Add(1)
					l(nil, Unshared)
				} else {
					alone.Add(1)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		leave(nil, Abandoned)
		wg.Wait()
		if ran.Load() != 1 || alone.Load() != 2 || len(c.flights) != 0 {
			t.Errorf("%d ran in turn, %d alone, %d runs are left", ran.Load(), alone.Load(), len(c.flights))
		}
	})
}

// TestTurnsAtRandom: nobody hangs, and nothing is left, whoever leaves when.
func TestTurnsAtRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Config{})
		var running [3]atomic.Int64
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 3))
				for range 50 {
					ctx, cancel := context.WithCancel(t.Context())
					if rng.IntN(3) == 0 {
						go func() { cancel() }()
					}
					k := rng.IntN(3)
					_, leave, _ := c.Turn(ctx, "a", key(k))
					if leave != nil {
						if running[k].Add(1) > 1 {
							t.Error("two run at once")
						}
						running[k].Add(-1)
						leave("v", End(rng.IntN(3)))
					}
					cancel()
				}
			})
		}
		wg.Wait()
		if len(c.flights) != 0 {
			t.Errorf("%d runs are left", len(c.flights))
		}
	})
}

func TestConfig(t *testing.T) {
	err := Config{Bytes: -1, TenantBytes: -1, EntryBytes: -1}.Validate()
	for _, name := range []string{"query.cache ", "query.cache_tenant ", "query.cache_entry "} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported: %v", name, err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	c := open(b, Config{})
	for i := range 1000 {
		c.Store("a", key(i), 1, "v", 100)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			c.Load("a", key(i%1000), 1)
		}
	})
}
