package dedupe

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

func testContext(t tb) context.Context {
	if c, ok := t.(interface{ Context() context.Context }); ok {
		return c.Context()
	}
	return context.Background()
}

// sender draws events over simulated weeks: ids with and without times of their
// own, on and around every limit of the bucket rule, and retries at any delay.
type sender struct {
	t       *rapid.T
	h       *harness
	now     int64
	tenants uint32
	sent    []Entry
}

// offsets of an id's time from the moment of its first sending.
var idOffsets = []int64{
	0, -1 * second, -day, -day - second, -2 * day, -2*day - second, -2*day + second, -3 * day, -8 * day,
	second, hour - second, hour, hour + second, 3 * hour, day, 3 * day, 6 * day, 7 * day, 7*day + 2*hour, 13 * day, 15 * day, 15*day + 2*hour, 40 * day,
}

func (s *sender) entry() Entry {
	received := s.now
	if rapid.IntRange(0, 4).Draw(s.t, "late") == 0 {
		received -= rapid.Int64Range(0, day-second).Draw(s.t, "lag")
	}
	if len(s.sent) > 0 && rapid.IntRange(0, 9).Draw(s.t, "repeat") < 6 {
		at := rapid.IntRange(0, len(s.sent)-1).Draw(s.t, "which")
		if rapid.Bool().Draw(s.t, "recent") {
			at = max(0, len(s.sent)-1-at%8)
		}
		e := s.sent[at]
		e.Received = received
		if rapid.IntRange(0, 9).Draw(s.t, "other payload") == 0 {
			e.Payload++
		}
		return e
	}
	idTime := int64(0)
	if rapid.IntRange(0, 3).Draw(s.t, "timed") > 0 {
		idTime = received + rapid.SampledFrom(idOffsets).Draw(s.t, "offset")
	}
	e := s.h.entry(rapid.Uint32Range(1, s.tenants).Draw(s.t, "tenant"), len(s.sent), received, idTime)
	s.sent = append(s.sent, e)
	return e
}

func (s *sender) batch() []Entry {
	out := make([]Entry, rapid.IntRange(1, 12).Draw(s.t, "size"))
	for i := range out {
		out[i] = s.entry()
	}
	return out
}

var steps = []int64{0, second, hour, 5 * hour, 12 * hour, day - second, day, day + hour, 2 * day, 6 * day, 7*day - hour, 7 * day}

func (s *sender) run(n int) {
	h := s.h
	for range n {
		s.now += rapid.SampledFrom(steps).Draw(s.t, "step")
		fresh := h.check(s.batch())
		switch what := rapid.IntRange(0, 19).Draw(s.t, "what"); {
		case what == 0:
			h.stageOnly(fresh)
		case what == 1:
			h.store(fresh)
			h.reopen()
		case what < 8:
			h.store(fresh)
			h.maintain()
		default:
			h.store(fresh)
		}
	}
}

// TestExact compares the set with a map over simulated weeks.
func TestExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHarness(t, vfs.NewMem(), Config{
			FreezeKeys: rapid.SampledFrom([]int{1, 4, 30}).Draw(t, "freeze"),
			HeadKeys:   1 << 20,
			Window:     rapid.SampledFrom([]time.Duration{7 * 24 * time.Hour, 2 * time.Hour, 14 * 24 * time.Hour}).Draw(t, "window"),
		})
		defer h.close()
		s := &sender{t: t, h: h, now: start, tenants: 3}
		s.run(40)
	})
}

// TestExactWithLimits does the same with quotas and a bound: the oracle forgets
// what lies below the floors, no earlier and no later.
func TestExactWithLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHarness(t, vfs.NewMem(), Config{
			FreezeKeys: 4, HeadKeys: 1 << 20, MaxKeys: 60,
			QuotaOf: func(tenant uint32) int64 { return int64(tenant-1) * 10 },
		})
		defer h.close()
		h.limits = true
		s := &sender{t: t, h: h, now: start, tenants: 3}
		for range 4 {
			s.run(10)
			h.maintain()
			h.checkQuotas(map[uint32]int{2: 10, 3: 20})
			if st := h.set.Stats(); st.HeadKeys+st.RunKeys > 60+60/10+4 {
				t.Fatalf("%d keys in the head and %d in runs are above the bound of 60", st.HeadKeys, st.RunKeys)
			}
		}
	})
}

// TestFarBehind checks that lookups far behind the newest event are exact too,
// as long as KeepFrom holds their window.
func TestFarBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHarness(t, vfs.NewMem(), Config{FreezeKeys: 2, HeadKeys: 1 << 20})
		defer h.close()
		h.set.KeepFrom(time.UnixMilli(start))
		s := &sender{t: t, h: h, now: start, tenants: 1}
		for range 30 {
			s.now = start + rapid.Int64Range(0, 21*day/second).Draw(t, "at")*second
			h.store(h.check(s.batch()))
			if rapid.Bool().Draw(t, "maintain") {
				h.maintain()
			}
		}
	})
}

// checkQuotas checks that a floor above the window's leaves each tenant its quota.
func (h *harness) checkQuotas(quotas map[uint32]int) {
	h.t.Helper()
	for tenant, quota := range quotas {
		floor, own := h.set.view.floors[tenant]
		if !own {
			continue
		}
		n := 0
		for _, e := range h.copies { // an id stored again after it was forgotten counts twice
			if _, b := keyHalves(&e.Key); uint32(b) == tenant && seconds(e.Received) >= floor {
				n++
			}
		}
		if n < quota {
			h.t.Fatalf("tenant %d keeps %d keys, its quota is %d", tenant, n, quota)
		}
	}
}
