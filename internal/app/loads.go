package app

import (
	"context"
	"time"

	"weir/internal/httpapi"
	"weir/internal/tenant"
)

// loads tells the operator what tenants do.
type loads struct{ *app }

func (l loads) Loads(ctx context.Context, now time.Time) (map[tenant.ID]httpapi.TenantLoad, string, error) {
	all, err := l.catalog.Tenants(ctx)
	if err != nil {
		return nil, "", err
	}
	now = now.UTC()
	day, hour := now.Truncate(24*time.Hour), now.Truncate(time.Hour)
	spent, currency, err := l.meter.Spent(day, hour.Add(time.Hour))
	if err != nil {
		return nil, "", err
	}
	out := make(map[tenant.ID]httpapi.TenantLoad, len(all))
	for _, t := range all {
		id := string(t.ID)
		x := httpapi.TenantLoad{Amount: spent[t.ID]}
		x.Received, x.Rejected = l.processor.Lately(id, day, now)
		recent, _ := l.processor.Lately(id, hour.Add(-time.Hour), now)
		x.Rate = float64(recent) / (time.Hour + now.Sub(hour)).Seconds()
		_, x.Stored = l.processor.Stored(id)
		out[t.ID] = x
	}
	return out, currency, nil
}
