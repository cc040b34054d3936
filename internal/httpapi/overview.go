package httpapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// Loads tells the operator how much tenants use.
type Loads interface {
	// Loads returns what tenants did since midnight UTC. It reads what is in memory and today's part of the bill.
	Loads(ctx context.Context, now time.Time) (map[tenant.ID]TenantLoad, string, error)
}

// TenantLoad is what one tenant did today.
type TenantLoad struct {
	Received uint64  `json:"events_today" doc:"Received since midnight UTC"`
	Rejected uint64  `json:"rejected_today" doc:"Of these, rejected"`
	Rate     float64 `json:"events_per_second" doc:"Mean of this hour so far and the one before"`
	Stored   uint64  `json:"stored_bytes" doc:"Of its events, uncompressed"`
	Amount   float64 `json:"amount_today" doc:"What its work cost since midnight UTC"`
}

// tenantRow is a tenant in the operator's view.
type tenantRow struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	TenantLoad
	Suspended *suspended `json:"suspended,omitempty"`
	AtLimit   []string   `json:"at_limit" doc:"Limits that it meets now: events_per_second, bytes_per_second, queries, cpu_seconds_per_minute, cpu_seconds_per_hour, scan_bytes_per_hour, budget"`
	Standing  string     `json:"standing" enum:"well,limited,throttled,blocked,suspended" doc:"suspended: an operator has stopped it; limited: it meets a limit now; throttled, blocked: its budget is spent"`
}

type overviewInput struct {
	Search string `query:"search" maxLength:"200" doc:"Part of the id or the name; case does not count"`
	Sort   string `query:"sort" enum:"id,name,created,events,rejected,rate,stored,amount" default:"events" doc:"Texts ascending, numbers and times descending, unless order says otherwise"`
	Order  string `query:"order" enum:"asc,desc"`
	Cursor string `query:"cursor" maxLength:"4000" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type overviewOutput struct {
	Body struct {
		Tenants  []tenantRow `json:"tenants"`
		Next     string      `json:"next,omitempty" doc:"The cursor of the next page; absent: there is none"`
		Matching int         `json:"matching" doc:"Tenants that the search finds"`
		Totals   TenantLoad  `json:"totals" doc:"Of all of these"`
		Currency string      `json:"currency"`
		AsOf     time.Time   `json:"as_of" doc:"At most 5 s ago"`
	}
}

const overviewAge = 5 * time.Second

// overview keeps what was gathered of all tenants for a moment, so that paging through them does not gather it again.
type overview struct {
	mu       sync.Mutex
	at       time.Time
	loads    map[tenant.ID]TenantLoad
	currency string
}

func (o *overview) get(ctx context.Context, from Loads, now time.Time) (map[tenant.ID]TenantLoad, string, time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if age := now.Sub(o.at); age < 0 || age > overviewAge {
		loads, currency, err := from.Loads(ctx, now)
		if err != nil {
			return nil, "", now, err
		}
		o.at, o.loads, o.currency = now, loads, currency
	}
	return o.loads, o.currency, o.at, nil
}

func (a *API) registerOverview() {
	if a.cfg.Loads == nil {
		return
	}
	huma.Register(a.huma, huma.Operation{OperationID: "tenants-overview", Method: http.MethodGet, Path: "/api/v1/operator/tenants", Tags: []string{"Tenants (operator)"},
		Summary:     "Tenants with what they do today",
		Description: "Page by page, searched and sorted on the server. The cursor names the last tenant of a page and its value, so that a tenant whose number moves in between may show twice or not at all.",
		Errors:      []int{401, 403, 422}}, a.tenantsOverview)
}

func (a *API) tenantsOverview(ctx context.Context, in *overviewInput) (*overviewOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	after, ok := parsePlace(in.Cursor)
	if !ok || after != nil && after.Sort != in.Sort {
		return nil, invalid("cursor", "cursor is none that an answer to this question has given away: leave it out to begin with the first page")
	}
	all, err := a.cfg.Catalog.Tenants(ctx)
	if err != nil {
		return nil, catalogError(err)
	}
	loads, currency, at, err := a.overview.get(ctx, a.cfg.Loads, a.cfg.Now())
	if err != nil {
		return nil, err
	}
	out := &overviewOutput{}
	o := &out.Body
	o.Currency, o.AsOf, o.Tenants = currency, at.UTC(), []tenantRow{}
	rows := matching(all, loads, in.Search)
	o.Matching = len(rows)
	for _, r := range rows {
		o.Totals.add(r.TenantLoad)
	}
	order := ordering(in.Sort, in.Order)
	slices.SortFunc(rows, order)
	if after != nil {
		i, found := slices.BinarySearchFunc(rows, after.Row, order)
		if found {
			i++
		}
		rows = rows[i:]
	}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		o.Next = place{in.Sort, rows[len(rows)-1]}.String()
	}
	for _, r := range rows {
		a.stand(&r)
		o.Tenants = append(o.Tenants, r)
	}
	return out, nil
}

func (l *TenantLoad) add(m TenantLoad) {
	l.Received += m.Received
	l.Rejected += m.Rejected
	l.Rate += m.Rate
	l.Stored += m.Stored
	l.Amount += m.Amount
}

func matching(all []catalog.Tenant, loads map[tenant.ID]TenantLoad, search string) []tenantRow {
	search = strings.ToLower(strings.TrimSpace(search))
	rows := make([]tenantRow, 0, len(all))
	for _, t := range all {
		if search == "" || strings.Contains(string(t.ID), search) || strings.Contains(strings.ToLower(t.Name), search) {
			rows = append(rows, tenantRow{ID: string(t.ID), Name: t.Name, Created: t.Created, TenantLoad: loads[t.ID], Suspended: viewSuspended(t)})
		}
	}
	return rows
}

// ordering compares rows; equal ones are in the order of their ids.
func ordering(by, order string) func(a, b tenantRow) int {
	compare, down := map[string]func(a, b tenantRow) int{
		"id": func(a, b tenantRow) int { return cmp.Compare(a.ID, b.ID) },
		"name": func(a, b tenantRow) int {
			return cmp.Compare(strings.ToLower(cmp.Or(a.Name, a.ID)), strings.ToLower(cmp.Or(b.Name, b.ID)))
		},
		"created":  func(a, b tenantRow) int { return a.Created.Compare(b.Created) },
		"events":   func(a, b tenantRow) int { return cmp.Compare(a.Received, b.Received) },
		"rejected": func(a, b tenantRow) int { return cmp.Compare(a.Rejected, b.Rejected) },
		"rate":     func(a, b tenantRow) int { return cmp.Compare(a.Rate, b.Rate) },
		"stored":   func(a, b tenantRow) int { return cmp.Compare(a.Stored, b.Stored) },
		"amount":   func(a, b tenantRow) int { return cmp.Compare(a.Amount, b.Amount) },
	}[by], by != "id" && by != "name"
	if order != "" {
		down = order == "desc"
	}
	return func(a, b tenantRow) int {
		n := compare(a, b)
		if down {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(a.ID, b.ID))
	}
}

// stand says how a tenant stands to its limits.
func (a *API) stand(r *tenantRow) {
	r.AtLimit, r.Standing = []string{}, "well"
	defer func() {
		if r.Suspended != nil {
			r.Standing = "suspended"
		}
	}()
	if a.cfg.Limits == nil {
		return
	}
	s := a.cfg.Limits.LimitState(tenant.ID(r.ID))
	meets := func(name string, yes bool) {
		if yes {
			r.AtLimit, r.Standing = append(r.AtLimit, name), "limited"
		}
	}
	meets("events_per_second", s.Events == 0)
	meets("bytes_per_second", s.Bytes == 0)
	meets("queries", s.WaitsFor != "")
	meets("cpu_seconds_per_minute", s.Limits.CPUSecondsPerMinute > 0 && s.CPUSecondsMinute >= float64(s.Limits.CPUSecondsPerMinute))
	meets("cpu_seconds_per_hour", s.Limits.CPUSecondsPerHour > 0 && s.CPUSecondsHour >= float64(s.Limits.CPUSecondsPerHour))
	meets("scan_bytes_per_hour", s.Limits.ScanBytesPerHour > 0 && s.ScanBytesHour >= uint64(s.Limits.ScanBytesPerHour))
	switch s.Budget {
	case catalog.BudgetThrottle:
		r.AtLimit, r.Standing = append(r.AtLimit, "budget"), "throttled"
	case catalog.BudgetBlock:
		r.AtLimit, r.Standing = append(r.AtLimit, "budget"), "blocked"
	}
}

// place is where a page ended.
type place struct {
	Sort string    `json:"s"`
	Row  tenantRow `json:"r"`
}

func (p place) String() string {
	p.Row.AtLimit, p.Row.Standing, p.Row.Suspended = nil, "", nil
	b, err := json.Marshal(p)
	if err != nil {
		return "" // it has numbers and texts only
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace returns nil for an empty cursor.
func parsePlace(text string) (*place, bool) {
	if text == "" {
		return nil, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	var p place
	if json.Unmarshal(raw, &p) != nil || p.Row.ID == "" {
		return nil, false
	}
	return &p, true
}
