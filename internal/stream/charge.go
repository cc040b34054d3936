package stream

import (
	"time"

	"weir/internal/event"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// charge tells the sink, by tenant and source, how many rows a commit stored. The CPU of the commit, of the insert and of what follows (rollups,
// merges) is shared out by that. keep says which rows count; nil: all.
func (p *Processor) charge(b *event.Batch, keep func(row int) bool) {
	if p.cfg.Sink == nil {
		return
	}
	type key struct{ tenant, site uint32 }
	tenants, tenantOf := b.Dict(event.ColTenant)
	sites, siteOf := b.Dict(event.ColSite)
	rows := map[key]uint64{}
	var last key
	n := uint64(0)
	for i := range b.Rows() {
		if keep != nil && !keep(i) {
			continue
		}
		if k := (key{tenantOf[i], siteOf[i]}); k != last {
			if n > 0 {
				rows[last] += n
			}
			last, n = k, 0
		}
		n++
	}
	if n > 0 {
		rows[last] += n
	}
	now := time.Now()
	for k, n := range rows {
		p.cfg.Sink.Record(usage.Record{Kind: usage.KindProcess, At: now, Events: n,
			Subject: usage.Subject{Tenant: tenant.ID(tenants[k.tenant]), Source: string(sites[k.site])}})
	}
}
