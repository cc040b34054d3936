package stream

import (
	"encoding/binary"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// hours returns the accounting of a tenant for hours that begin in [from, to), oldest first. Hours without events are left out.
func (a *account) hours(tenant string, from, to, now time.Time) ([]Hour, error) {
	first, ok, err := a.firstHour()
	if err != nil {
		return nil, err
	}
	end := hourOf(now.UnixMilli()) + 1
	if !ok {
		first = end
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := map[uint32]*Hour{}
	at := func(hour uint32) *Hour {
		if t := time.Unix(int64(hour)*3600, 0).UTC(); seen[hour] == nil && !t.Before(from) && t.Before(to) {
			seen[hour] = &Hour{Hour: t}
		}
		return seen[hour]
	}
	for h := first; h < min(a.recent, end); h++ {
		k := hourKey{hour: h, tenant: tenant}
		if a.counts[k] != nil || time.Unix(int64(h)*3600, 0).Before(from) {
			continue
		}
		c, err := a.read(k)
		if err != nil {
			return nil, err
		}
		if c == (Counts{}) {
			continue
		}
		if x := at(h); x != nil {
			x.Counts = c
		}
	}
	for k, c := range a.counts {
		if k.tenant != tenant || k.site != "" || *c == (Counts{}) {
			continue
		}
		if x := at(k.hour); x != nil {
			x.Counts = *c
		}
	}
	for k, n := range a.pending {
		if k.tenant != tenant || k.site != "" || n <= 0 {
			continue
		}
		if x := at(k.hour); x != nil {
			x.Pending = uint64(n)
		}
	}
	return finish(seen), nil
}

func finish(seen map[uint32]*Hour) []Hour {
	out := make([]Hour, 0, len(seen))
	for _, h := range seen {
		h.Pending += h.Late
		h.Received = h.Stored + h.Deduplicated + h.Rejected + h.Filtered + h.Quarantined + h.Erased + h.Pending
		out = append(out, *h)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Hour.Before(out[j].Hour) })
	return out
}

// lately sums up hours that are in memory; it holds the lock for a moment.
func (a *account) lately(tenant string, from, to time.Time) (received, rejected uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for h := max(hourOf(from.UnixMilli()), a.recent); h <= hourOf(to.UnixMilli()); h++ {
		k := hourKey{hour: h, tenant: tenant}
		if n := a.pending[k]; n > 0 {
			received += uint64(n)
		}
		if c := a.counts[k]; c != nil {
			received += c.Stored + c.Deduplicated + c.Rejected + c.Filtered + c.Quarantined + c.Erased + c.Late
			rejected += c.Rejected
		}
	}
	return received, rejected
}

// firstHour is the oldest hour in the store.
func (a *account) firstHour() (hour uint32, ok bool, err error) {
	it, err := a.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyAccount}, UpperBound: []byte{keyAccount + 1}})
	if err != nil {
		return 0, false, err
	}
	if it.First() && len(it.Key()) >= 5 {
		hour, ok = binary.BigEndian.Uint32(it.Key()[1:]), true
	}
	return hour, ok, it.Close()
}

// maxTenantSeries bounds the tenants that have series of their own in the metrics; the others are summed up as one.
const maxTenantSeries = 1000

var descAccount = prometheus.NewDesc("weir_account_events_total",
	"Events since the start, by tenant and what became of them. Beyond 1000 tenants, the ones with the fewest are summed up under the tenant \"_others\".",
	[]string{"tenant", "outcome"}, nil)

// collect reports the totals.
func (a *account) collect(c chan<- prometheus.Metric) {
	type total struct {
		tenant string
		Counts
	}
	a.mu.Lock()
	all := make([]total, 0, len(a.totals))
	for t, n := range a.totals {
		all = append(all, total{t, *n})
	}
	a.mu.Unlock()
	sort.Slice(all, func(i, j int) bool {
		if all[i].Stored != all[j].Stored {
			return all[i].Stored > all[j].Stored
		}
		return all[i].tenant < all[j].tenant
	})
	if len(all) > maxTenantSeries {
		others := total{tenant: "_others"} // not a tenant's id: those do not begin so
		for _, t := range all[maxTenantSeries-1:] {
			others.add(t.Counts)
		}
		all = append(all[:maxTenantSeries-1], others)
	}
	for _, t := range all {
		for outcome, n := range map[string]uint64{"stored": t.Stored, "deduplicated": t.Deduplicated, "rejected": t.Rejected,
			"filtered": t.Filtered, "quarantined": t.Quarantined, "conflict": t.Conflicts} {
			c <- prometheus.MustNewConstMetric(descAccount, prometheus.CounterValue, float64(n), t.tenant, outcome)
		}
	}
}
