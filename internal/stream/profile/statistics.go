package profile

import (
	"slices"
	"sort"
	"time"

	"weir/internal/event"
)

// Day is how much a tenant has of one day of event time.
type Day struct {
	Day   int32 // days since the Unix epoch
	Rows  uint64
	Bytes uint64 // of the rows as the engine reads them, uncompressed
}

// Days before the first of 2000 and after the last of 2100 count as these.
const (
	minDay = 10957
	maxDay = 47846
)

// clampDay bounds how many days a tenant can have.
func clampDay(d int32) int32 { return max(minDay, min(maxDay, d)) }

// Statistics are how much a tenant has. Rows and Bytes are all that was ever stored, less what was taken away.
type Statistics struct {
	Rows, Bytes uint64
	Days        []Day             // sorted
	Columns     map[string]uint64 // bytes by column of events
}

// Statistics returns what is known of a tenant.
func (s *Set) Statistics(tenant string) Statistics {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.tenants[tenant]
	if p == nil {
		return Statistics{}
	}
	out := Statistics{Rows: p.rows, Bytes: p.bytes, Days: slices.Clone(p.days), Columns: map[string]uint64{}}
	for i, c := range event.Columns {
		if c.Stored {
			out.Columns[c.Name] = p.sizes[i]
		}
	}
	return out
}

// EachDay calls fn with the days in [from, to] of which the tenant has rows, in order. fn must not call the Set.
func (s *Set) EachDay(tenant string, from, to int32, fn func(Day)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.tenants[tenant]
	if p == nil {
		return
	}
	at := sort.Search(len(p.days), func(i int) bool { return p.days[i].Day >= from })
	for ; at < len(p.days) && p.days[at].Day <= to; at++ {
		fn(p.days[at])
	}
}

// Stored returns the rows and bytes of a tenant.
func (s *Set) Stored(tenant string) (rows, bytes uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p := s.tenants[tenant]; p != nil {
		return p.rows, p.bytes
	}
	return 0, 0
}

// Reads estimates what a query reads that needs these columns of events with ts in [from, to); zero times are no bounds,
// no column at all means ts alone, and no tenant means all of them. The engine reads whole hours, and rows of a day are
// taken to be spread evenly over it.
func (s *Set) Reads(tenant string, from, to, now time.Time, columns []string) (rows, bytes uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if tenant != "" {
		return s.tenants[tenant].reads(from, to, now, columns)
	}
	for _, p := range s.tenants {
		r, b := p.reads(from, to, now, columns)
		rows, bytes = rows+r, bytes+b
	}
	return rows, bytes
}

func (p *profile) reads(from, to, now time.Time, columns []string) (rows, bytes uint64) {
	if p == nil || p.rows == 0 {
		return 0, 0
	}
	rows = p.rowsWithin(from, to, now)
	return rows, uint64(float64(rows) * p.rowBytes(columns))
}

const hourMillis = 60 * 60 * 1000

func (p *profile) rowsWithin(from, to, now time.Time) uint64 {
	lo, hi := int64(minDay)*dayMillis, int64(maxDay+1)*dayMillis
	if !from.IsZero() {
		lo = max(lo, min(from.UnixMilli(), hi-1)/hourMillis*hourMillis)
	}
	if !to.IsZero() {
		hi = max(int64(minDay)*dayMillis+1, min(hi, to.UnixMilli()))
		hi = (hi + hourMillis - 1) / hourMillis * hourMillis
	}
	if lo >= hi {
		return 0
	}
	first, last := dayOf(lo), dayOf(hi-1)
	at := sort.Search(len(p.days), func(i int) bool { return p.days[i].Day >= first })
	total := 0.0
	for ; at < len(p.days) && p.days[at].Day <= last; at++ {
		d := p.days[at]
		begin := int64(d.Day) * dayMillis
		end := begin + dayMillis
		if n := (now.UnixMilli()/hourMillis + 1) * hourMillis; n > begin && n < end {
			end = n // the rest of today has no rows yet
		}
		if d.Day == minDay || d.Day == maxDay { // and whatever lies beyond
			total += float64(d.Rows)
			continue
		}
		if share := float64(min(hi, end)-max(lo, begin)) / float64(end-begin); share > 0 {
			total += share * float64(d.Rows)
		}
	}
	return uint64(total + 0.5)
}

// rowBytes is the average size of a row in these columns.
func (p *profile) rowBytes(columns []string) float64 {
	var n uint64
	seen := map[string]bool{}
	for _, name := range columns {
		i, ok := columnIndex[name]
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		n += p.sizes[i]
	}
	// tenant and ts are read by every query: the row policy needs the one, and the other stands for whatever a count reads.
	for _, name := range []string{"tenant", "ts"} {
		if !seen[name] {
			n += p.sizes[columnIndex[name]]
		}
	}
	return float64(n) / float64(p.rows)
}

var columnIndex = func() map[string]int {
	index := map[string]int{}
	for i, c := range event.Columns {
		if c.Stored {
			index[c.Name] = i
		}
	}
	return index
}()
