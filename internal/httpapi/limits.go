package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// limitsView are a tenant's own limits as the API shows them.
type limitsView struct {
	DedupeKeys          int64 `json:"dedupe_keys" minimum:"0" doc:"Event ids remembered for deduplication; 0 is no limit"`
	EventBytes          int64 `json:"event_bytes" minimum:"0" doc:"Largest event in bytes; 0 is the installation's limit"`
	EventsPerSecond     int64 `json:"events_per_second" minimum:"0" doc:"Events a second, of all doors; 0 is the installation's default, limits.events_per_second"`
	BytesPerSecond      int64 `json:"bytes_per_second" minimum:"0" doc:"Bytes of request bodies a second, decompressed; 0 is the default"`
	BurstSeconds        int64 `json:"burst_seconds" minimum:"0" doc:"How many seconds' worth of events and bytes may come at once; 0 is the default, 5"`
	Queries             int64 `json:"queries" minimum:"0" doc:"Queries that run at once; further ones wait. 0 is the default"`
	ExpensiveQueries    int64 `json:"expensive_queries" minimum:"0" doc:"Of these, queries that are expected to need more than 10 s of CPU; 0 is the default"`
	CPUSecondsPerMinute int64 `json:"cpu_seconds_per_minute" minimum:"0" doc:"Seconds of CPU of all queries in a minute; 0 is the default"`
	CPUSecondsPerHour   int64 `json:"cpu_seconds_per_hour" minimum:"0" doc:"Seconds of CPU of all queries in an hour; 0 is the default"`
	ScanBytesPerHour    int64 `json:"scan_bytes_per_hour" minimum:"0" doc:"Bytes that all queries read in an hour, uncompressed; 0 is the default"`
	ResultBytes         int64 `json:"result_bytes" minimum:"0" doc:"Bytes of one answer; 0 is the default"`
	Weight              int64 `json:"weight" minimum:"0" doc:"Share of the machine among tenants whose queries wait; 0 is 1"`
}

func viewLimits(l catalog.Limits) limitsView {
	return limitsView{
		DedupeKeys:          l.DedupeKeys,
		EventBytes:          l.EventBytes,
		EventsPerSecond:     l.EventsPerSecond,
		BytesPerSecond:      l.BytesPerSecond,
		BurstSeconds:        l.BurstSeconds,
		Queries:             l.Queries,
		ExpensiveQueries:    l.ExpensiveQueries,
		CPUSecondsPerMinute: l.CPUSecondsPerMinute,
		CPUSecondsPerHour:   l.CPUSecondsPerHour,
		ScanBytesPerHour:    l.ScanBytesPerHour,
		ResultBytes:         l.ResultBytes,
		Weight:              l.Weight,
	}
}

// limitsPatch changes only what it names.
type limitsPatch struct {
	DedupeKeys          *int64 `json:"dedupe_keys,omitempty" minimum:"0" doc:"Event ids remembered for deduplication; 0 is no limit"`
	EventBytes          *int64 `json:"event_bytes,omitempty" minimum:"0" doc:"Largest event in bytes; 0 is the installation's limit"`
	EventsPerSecond     *int64 `json:"events_per_second,omitempty" minimum:"0" maximum:"1000000000" doc:"Events a second, of all doors; 0 is the installation's default, limits.events_per_second"`
	BytesPerSecond      *int64 `json:"bytes_per_second,omitempty" minimum:"0" maximum:"1000000000000" doc:"Bytes of request bodies a second, decompressed; 0 is the default"`
	BurstSeconds        *int64 `json:"burst_seconds,omitempty" minimum:"0" maximum:"3600" doc:"How many seconds' worth of events and bytes may come at once; 0 is the default, 5"`
	Queries             *int64 `json:"queries,omitempty" minimum:"0" maximum:"10000" doc:"Queries that run at once; further ones wait. 0 is the default"`
	ExpensiveQueries    *int64 `json:"expensive_queries,omitempty" minimum:"0" maximum:"10000" doc:"Of these, queries that are expected to need more than 10 s of CPU; 0 is the default"`
	CPUSecondsPerMinute *int64 `json:"cpu_seconds_per_minute,omitempty" minimum:"0" maximum:"1000000" doc:"Seconds of CPU of all queries in a minute; 0 is the default"`
	CPUSecondsPerHour   *int64 `json:"cpu_seconds_per_hour,omitempty" minimum:"0" maximum:"100000000" doc:"Seconds of CPU of all queries in an hour; 0 is the default"`
	ScanBytesPerHour    *int64 `json:"scan_bytes_per_hour,omitempty" minimum:"0" maximum:"1000000000000000000" doc:"Bytes that all queries read in an hour, uncompressed; 0 is the default"`
	ResultBytes         *int64 `json:"result_bytes,omitempty" minimum:"0" maximum:"1000000000000000" doc:"Bytes of one answer; 0 is the default"`
	Weight              *int64 `json:"weight,omitempty" minimum:"0" maximum:"1000" doc:"Share of the machine among tenants whose queries wait; 0 is 1"`
}

func (in *limitsPatch) apply(l *catalog.Limits) {
	for _, f := range []struct{ from, to *int64 }{
		{in.DedupeKeys, &l.DedupeKeys},
		{in.EventBytes, &l.EventBytes},
		{in.EventsPerSecond, &l.EventsPerSecond},
		{in.BytesPerSecond, &l.BytesPerSecond},
		{in.BurstSeconds, &l.BurstSeconds},
		{in.Queries, &l.Queries},
		{in.ExpensiveQueries, &l.ExpensiveQueries},
		{in.CPUSecondsPerMinute, &l.CPUSecondsPerMinute},
		{in.CPUSecondsPerHour, &l.CPUSecondsPerHour},
		{in.ScanBytesPerHour, &l.ScanBytesPerHour},
		{in.ResultBytes, &l.ResultBytes},
		{in.Weight, &l.Weight},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
}

// Limits tells how tenants stand to their limits.
type Limits interface {
	LimitState(t tenant.ID) LimitState
}

// LimitState is how a tenant stands to its limits now.
type LimitState struct {
	Limits catalog.Limits `json:"-"` // that hold, the installation's defaults included

	CPUSecondsMinute float64        `json:"cpu_seconds_last_minute" doc:"CPU of the queries that ended in the last minute"`
	CPUSecondsHour   float64        `json:"cpu_seconds_last_hour"`
	ScanBytesHour    uint64         `json:"scan_bytes_last_hour"`
	Queries          []QueriesState `json:"queries" doc:"By class: cheap is expected to need less than 1 s of CPU, expensive more than 10 s"`
	OldestWait       float64        `json:"oldest_wait_seconds" doc:"How long the oldest waiting query has waited"`
	WaitsFor         string         `json:"waits_for,omitempty" doc:"The limit that it waits for"`
	WaitsForValue    int64          `json:"waits_for_value,omitempty"`
	MaxWait          float64        `json:"max_wait_seconds" doc:"After which a waiting query is refused"`
	MaxQueued        int            `json:"max_queued" doc:"Queries that may wait"`
	Budget           string         `json:"budget_action,omitempty" doc:"throttle or block when the budget is spent and that is its action"`

	Events      int64 `json:"events_available" doc:"Events that may come at once; -1 is no limit"`
	Bytes       int64 `json:"bytes_available" doc:"Bytes that may come at once; -1 is no limit"`
	InFlight    int64 `json:"bytes_in_flight" doc:"Bytes of the requests in work"`
	MaxInFlight int64 `json:"max_bytes_in_flight"`
}

// QueriesState says how many of a tenant's queries of a class run and wait.
type QueriesState struct {
	Class   string `json:"class" enum:"cheap,medium,expensive"`
	Running int    `json:"running"`
	Waiting int    `json:"waiting"`
	Places  int    `json:"places" doc:"Queries of the class that may run at once, of all tenants; medium and expensive share theirs"`
}

type limitsOutput struct {
	Body struct {
		Tenant string     `json:"tenant"`
		Limits limitsView `json:"limits" doc:"That hold: the tenant's own, and the installation's defaults where it has none. 0 is no limit."`
		Now    LimitState `json:"now"`
	}
}

func (a *API) registerLimits() {
	if a.cfg.Limits == nil {
		return
	}
	huma.Register(a.huma, huma.Operation{OperationID: "limits", Method: http.MethodGet, Path: "/api/v1/limits", Tags: []string{"Usage (tenant admin)"},
		Summary:     "Limits, what of them is used, and what waits",
		Description: "The tenant is the key's; the operator names one with the header " + tenant.Header + ". The operator changes limits with PATCH /api/v1/tenants/{tenant}; they hold from the next request on.",
		Errors:      []int{401, 403, 422}}, a.limits)
}

func (a *API) limits(ctx context.Context, _ *struct{}) (*limitsOutput, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return nil, err
	}
	id, prob := p.RequireTenant()
	if prob != nil {
		return nil, prob
	}
	if _, ok := a.cfg.Catalog.TenantByID(id); !ok {
		return nil, catalogError(catalog.ErrNotFound)
	}
	out := &limitsOutput{}
	out.Body.Tenant, out.Body.Now = string(id), a.cfg.Limits.LimitState(id)
	out.Body.Limits = viewLimits(out.Body.Now.Limits)
	return out, nil
}
