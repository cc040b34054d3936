package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/config"
	"weir/internal/tenant"
)

// Usage is where the accounting comes from.
type Usage interface {
	// Usage returns the hours of a tenant in [from, to), by hour; hours without events are left out.
	Usage(ctx context.Context, t tenant.ID, from, to time.Time) ([]UsageRow, error)
	// Conflict returns an example of an event id that came with two payloads, or nil.
	Conflict(ctx context.Context, t tenant.ID) (*ConflictExample, error)
}

// UsageRow says what became of the events of one tenant that arrived in one hour. Always
// Received = Stored + Deduplicated + Rejected + Filtered + Quarantined + Erased + Pending.
type UsageRow struct {
	Hour         time.Time `json:"hour" doc:"Hour of arrival, UTC"`
	Received     uint64    `json:"received" doc:"Sum of what follows, without conflicts and bytes"`
	Stored       uint64    `json:"stored"`
	Deduplicated uint64    `json:"deduplicated" doc:"Repeats of an event id"`
	Rejected     uint64    `json:"rejected"`
	Filtered     uint64    `json:"filtered"`
	Quarantined  uint64    `json:"quarantined"`
	Erased       uint64    `json:"erased"`
	Pending      uint64    `json:"pending" doc:"Accepted and not yet processed"`
	Conflicts    uint64    `json:"conflicts" doc:"Repeats whose payload differs from the first, part of deduplicated"`
	Bytes        uint64    `json:"bytes" doc:"Bytes of request bodies with accepted events, after decompression"`
}

func (r *UsageRow) add(o UsageRow) {
	r.Received += o.Received
	r.Stored += o.Stored
	r.Deduplicated += o.Deduplicated
	r.Rejected += o.Rejected
	r.Filtered += o.Filtered
	r.Quarantined += o.Quarantined
	r.Erased += o.Erased
	r.Pending += o.Pending
	r.Conflicts += o.Conflicts
	r.Bytes += o.Bytes
}

// ConflictExample is an event id that came with two payloads.
type ConflictExample struct {
	SiteID  string    `json:"site_id"`
	EventID string    `json:"event_id"`
	Type    string    `json:"type"`
	At      time.Time `json:"at"`
}

type usageInput struct {
	From string `query:"from" example:"24h" doc:"Start: a time (RFC 3339), or a length such as 24h or 7d back from to; rounded down to the hour; a day before to by default"`
	To   string `query:"to" doc:"End, exclusive: a time (RFC 3339), now, or a length back from now; rounded up to the hour; now by default"`
}

type usageHour struct {
	Tenant string `json:"tenant"`
	UsageRow
}

// Resources are what a tenant used in a range, of all kinds of work. GET /api/v1/costs tells them apart.
type Resources struct {
	CPUSeconds        float64 `json:"cpu_seconds"`
	MemoryByteSeconds float64 `json:"memory_byte_seconds"`
	BytesScanned      float64 `json:"bytes_scanned"`
	BytesCold         float64 `json:"bytes_scanned_cold"`
	BytesOut          float64 `json:"bytes_out"`
	StoredByteSeconds float64 `json:"stored_byte_seconds"`
	Amount            float64 `json:"amount" doc:"In currency"`
	Currency          string  `json:"currency"`
}

type usageTotal struct {
	Tenant string `json:"tenant"`
	UsageRow
	Resources *Resources       `json:"resources,omitempty" doc:"CPU, memory, bytes, and what they cost"`
	Conflict  *ConflictExample `json:"conflict_example,omitempty" doc:"The last event id that came with another payload than before"`
}

type usageOutput struct {
	Body struct {
		From   time.Time    `json:"from"`
		To     time.Time    `json:"to"`
		Hours  []usageHour  `json:"hours" doc:"By tenant and hour; hours without events are left out"`
		Totals []usageTotal `json:"totals" doc:"By tenant; hour is the start of the range"`
	}
}

func (a *API) registerUsage() {
	if a.cfg.Usage == nil {
		return
	}
	huma.Register(a.huma, huma.Operation{OperationID: "usage", Method: http.MethodGet, Path: "/api/v1/usage", Tags: []string{"Usage (tenant admin)"},
		Summary:     "What became of the events, by hour of arrival",
		Description: "The tenant is the key's. The operator sees all tenants, or the one that the header " + tenant.Header + " names.",
		Errors:      []int{401, 403}}, a.usage)
}

// timeBack reads a time of a range; def if it is not given.
func timeBack(field, s string, def, base, now time.Time) (time.Time, error) {
	if s == "" {
		return def, nil
	}
	t, err := config.TimeBack(s, base, now)
	if err != nil {
		return t, invalid(field, "%v", err)
	}
	return t, nil
}

const maxUsageHours = 400 * 24

func (a *API) usage(ctx context.Context, in *usageInput) (*usageOutput, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return nil, err
	}
	now := a.cfg.Now()
	to, err := timeBack("to", in.To, now, now, now)
	if err != nil {
		return nil, err
	}
	if end := to.Truncate(time.Hour); !end.Equal(to) {
		to = end.Add(time.Hour)
	}
	from, err := timeBack("from", in.From, to.Add(-24*time.Hour), to, now)
	if err != nil {
		return nil, err
	}
	from = from.Truncate(time.Hour)
	if !from.Before(to) {
		return nil, invalid("from", "%s is not before to, %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	if to.Sub(from) > maxUsageHours*time.Hour {
		return nil, invalid("from", "the range is longer than 400 days: ask for less at once")
	}
	ids := []tenant.ID{p.Tenant}
	if p.Tenant == "" {
		if ids, err = a.tenantIDs(ctx); err != nil {
			return nil, err
		}
	}
	out := &usageOutput{}
	out.Body.From, out.Body.To = from.UTC(), to.UTC()
	out.Body.Hours, out.Body.Totals = []usageHour{}, []usageTotal{}
	for _, id := range ids {
		if err := a.addUsage(ctx, id, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *API) addUsage(ctx context.Context, id tenant.ID, out *usageOutput) error {
	rows, err := a.cfg.Usage.Usage(ctx, id, out.Body.From, out.Body.To)
	if err != nil {
		return err
	}
	total := usageTotal{Tenant: string(id), UsageRow: UsageRow{Hour: out.Body.From}}
	for _, r := range rows {
		out.Body.Hours = append(out.Body.Hours, usageHour{string(id), r})
		total.add(r)
	}
	if total.Conflict, err = a.cfg.Usage.Conflict(ctx, id); err != nil {
		return err
	}
	if a.cfg.Resources != nil {
		r, err := a.cfg.Resources(id, out.Body.From, out.Body.To)
		if err != nil {
			return err
		}
		total.Resources = &r
	}
	out.Body.Totals = append(out.Body.Totals, total)
	return nil
}

func (a *API) tenantIDs(ctx context.Context) ([]tenant.ID, error) {
	all, err := a.cfg.Catalog.Tenants(ctx)
	if err != nil {
		return nil, catalogError(err)
	}
	ids := make([]tenant.ID, len(all))
	for i, t := range all {
		ids[i] = t.ID
	}
	return ids, nil
}
