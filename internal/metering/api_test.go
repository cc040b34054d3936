package metering

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/parquet-go/parquet-go"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/usage"
)

var (
	adminA   = tenant.Principal{Tenant: "a", Role: tenant.RoleAdmin}
	analystA = tenant.Principal{Tenant: "a", Role: tenant.RoleAnalyst}
	operator = tenant.Principal{Role: tenant.RoleOperator}
)

// serve returns a function that asks the API as somebody.
func serve(m *Meter) func(p tenant.Principal, path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	m.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	mux.Handle("/api/v1/costs/export", m.Export(func(id tenant.ID) string { return "name of " + string(id) }))
	return func(p tenant.Principal, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		mux.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), p)))
		return w
	}
}

func filled(t *testing.T) (*Meter, *clock) {
	m, c := newMeter(t, func(c *Config) {
		c.ShapeText = func(_ tenant.ID, s string) string { return "SELECT " + s }
		c.Budget = func(t tenant.ID) (catalog.Budget, bool) { return catalog.Budget{Amount: 5}, t == "a" }
	})
	for i, id := range []tenant.ID{"a", "b"} {
		m.Record(usage.Record{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: id, Source: "=s"}, Events: 2_000_000, BytesIn: 500e6})
		for _, shape := range []string{"x", "y"} {
			m.Record(usage.Record{Kind: usage.KindQuery, Subject: usage.Subject{Tenant: id, User: "u" + string(id), Shape: shape}, CPU: time.Second, BytesScanned: 3e9, BytesOut: 1e9, Count: 1})
		}
		m.charged(t, window{sampled: true, cpu: float64(2 + i), parts: map[part]float64{{component: usage.Door, tenant: id}: float64(1 + i), {overhead: overheadGC}: 1}},
			&engineWindow{cpu: 4, statement: 3.99, statements: map[string]float64{"query/" + string(id): 3.99}})
		c.now = c.now.Add(time.Hour)
	}
	return m, c
}

type costs struct {
	Lines        []Line
	Total        Line
	Currency     string
	Omitted      int `json:"omitted_lines"`
	Budget       *budgetView
	Installation *installationView
}

func ask(t *testing.T, w *httptest.ResponseRecorder) costs {
	t.Helper()
	var c costs
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &c))
	return c
}

func TestCosts(t *testing.T) {
	m, _ := filled(t)
	get := serve(m)
	own := ask(t, get(adminA, "/api/v1/costs?by=tenant,user,shape"))
	if own.Installation != nil || own.Budget == nil || own.Budget.SigningKey != "" || own.Currency != "USD" {
		t.Errorf("%+v", own)
	}
	sum, texts := 0.0, 0
	for _, l := range own.Lines {
		sum += l.Amount
		if l.Tenant != "a" {
			t.Errorf("a line of another tenant: %+v", l)
		}
		if l.ShapeText == "SELECT "+l.Shape && l.Shape != "" {
			texts++
		}
	}
	if !near(sum, own.Total.Amount) || texts != 2 || own.Total.Events != 2e6 {
		t.Errorf("lines add up to %v, the total is %v; %d texts", sum, own.Total.Amount, texts)
	}
	b := DefaultBook()
	want := (1+3.99)*b.CPUSecond + 6*b.ScannedGB + 2*b.OutGB + 2*b.MillionEvents
	if math.Abs(own.Total.Amount-want) > 1e-6 {
		t.Errorf("amount %v, want %v", own.Total.Amount, want)
	}
	all := ask(t, get(operator, "/api/v1/costs?by=hour,kind"))
	in := all.Installation
	if in == nil || !near(in.Overhead["gc"], 2) || !near(in.Unexplained["engine"], 0.02) || !near(in.TenantsCPU+in.OverheadCPU+in.Unexplained["engine"]+in.Unexplained["server"], 13) {
		t.Errorf("%+v", in)
	}
	if len(all.Lines) < 4 || all.Lines[0].Hour == nil || all.Lines[0].Hour.After(*all.Lines[len(all.Lines)-1].Hour) {
		t.Errorf("%+v", all.Lines)
	}
	if few := ask(t, get(operator, "/api/v1/costs?by=hour,kind&limit=1")); len(few.Lines) != 1 || few.Omitted == 0 || !near(few.Total.Amount, all.Total.Amount) {
		t.Errorf("%+v", few)
	}
	span := func(query string) (b struct{ From, To time.Time }) {
		must(t, json.Unmarshal(get(operator, "/api/v1/costs?"+query).Body.Bytes(), &b))
		return b
	}
	usual, two, day := span(""), span("from=2h"), span("from=24h&to=now")
	if two.To.Sub(two.From) != 2*time.Hour || !two.To.Equal(usual.To) || day != usual {
		t.Errorf("2h is %v, a day %v, by default it is %v", two, day, usual)
	}
	if c := ask(t, get(operator, "/api/v1/costs?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")); len(c.Lines) != 0 || c.Total.Amount != 0 {
		t.Errorf("%+v", c)
	}
	for path, status := range map[string]int{
		"/api/v1/costs?from=2h": 200, "/api/v1/costs?from=1d12h&to=now": 200, "/api/v1/costs?from=7d&to=2d": 200, "/api/v1/costs/export?from=2h": 200, "/api/v1/costs/export?from=2w&to=1h30m": 200,
		"/api/v1/costs?from=2": 422, "/api/v1/costs?to=tomorrow": 422, "/api/v1/costs?from=900d": 422, "/api/v1/costs/export?to=1x": 422,
		"/api/v1/costs?by=colour": 422, "/api/v1/costs?by=hour,day": 422, "/api/v1/costs?from=2027-01-01T00:00:00Z": 422, "/api/v1/costs?from=2000-01-01T00:00:00Z": 422,
		"/api/v1/costs/export?format=xls": 422, "/api/v1/costs/export?x=1": 422, "/api/v1/costs/export?from=yesterday": 422, "/api/v1/costs/export?from=2027-01-01": 422,
	} {
		if w := get(adminA, path); w.Code != status || strings.Contains(w.Body.String(), "2006") {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/api/v1/costs", "/api/v1/budget", "/api/v1/costs/export"} {
		if w := get(analystA, path); w.Code != http.StatusForbidden {
			t.Errorf("%s: an analyst gets %d", path, w.Code)
		}
	}
	if w := get(operator, "/api/v1/budget"); w.Code != 422 {
		t.Errorf("operator without a tenant: %d", w.Code)
	}
	if w := get(tenant.Principal{Tenant: "b", Role: tenant.RoleAdmin}, "/api/v1/budget"); w.Code != 404 || !strings.Contains(w.Body.String(), "no_budget") && !strings.Contains(w.Body.String(), "has no budget") {
		t.Errorf("no budget: %d %s", w.Code, w.Body)
	}
	if w := get(adminA, "/api/v1/budget"); w.Code != 200 {
		t.Errorf("budget: %d %s", w.Code, w.Body)
	}
}

func TestFocusExport(t *testing.T) {
	m, _ := filled(t)
	get := serve(m)
	w := get(operator, "/api/v1/costs/export?granularity=day")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	must(t, err)
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for _, name := range []string{"BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
		"ChargeCategory", "ChargeDescription", "ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit", "ServiceName", "ServiceCategory", "ProviderName", "PublisherName",
		"SubAccountId", "SubAccountName", "ResourceId", "ResourceName", "ResourceType", "RegionId", "SkuId", "Tags"} {
		if _, ok := at[name]; !ok {
			t.Errorf("no column %s", name)
		}
	}
	seen := map[string]bool{}
	for _, r := range rows[1:] {
		seen[r[at["SubAccountId"]]+" "+r[at["SkuId"]]] = true
		if r[at["ResourceType"]] == "Source" && r[at["ResourceId"]] != "'=s" {
			t.Errorf("resource %q can be a formula", r[at["ResourceId"]])
		}
		if r[at["ChargePeriodStart"]] != "2026-06-15T00:00:00Z" || r[at["ChargePeriodEnd"]] != "2026-06-16T00:00:00Z" || r[at["BillingPeriodStart"]] != "2026-06-01T00:00:00Z" || r[at["BillingPeriodEnd"]] != "2026-07-01T00:00:00Z" {
			t.Errorf("periods: %v", r)
		}
	}
	for _, want := range []string{"a cpu", "a events", "a scan-hot", "a egress", "b cpu", "b events"} {
		if !seen[want] {
			t.Errorf("no row %q of %v", want, seen)
		}
	}
	// Parquet says the same, and adds up to the bill.
	w = get(adminA, "/api/v1/costs/export?format=parquet")
	charges, err := parquet.Read[Charge](bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	must(t, err)
	sum := 0.0
	for _, c := range charges {
		sum += c.BilledCost
		if c.SubAccountId != "a" || c.SubAccountName != "name of a" || c.ChargePeriodEnd.Sub(c.ChargePeriodStart) != time.Hour || c.BilledCost != c.ListUnitPrice*c.PricingQuantity {
			t.Errorf("%+v", c)
		}
	}
	bill := ask(t, get(adminA, "/api/v1/costs"))
	if len(charges) == 0 || math.Abs(sum-bill.Total.Amount) > 1e-9 {
		t.Errorf("%d rows add up to %v, the bill is %v", len(charges), sum, bill.Total.Amount)
	}
}

// An idle tenant has no row; ten thousand with one row each are read in one pass.
func TestTenThousandTenants(t *testing.T) {
	m, _ := newMeter(t, nil)
	for i := range 10_000 {
		m.Record(usage.Record{Kind: usage.KindIngest, Subject: usage.Subject{Tenant: tenant.ID("t" + string(rune('a'+i%26)) + time.Duration(i).String())}, Events: 1, BytesIn: 100})
	}
	m.charged(t, window{}, nil)
	b, err := m.bill("", true, m.cfg.Now().Add(-time.Hour), m.cfg.Now(), []dimension{byTenant})
	if err != nil || len(b.Lines) != 10_000 || b.Total.Events != 10_000 {
		t.Errorf("%d lines, %v", len(b.Lines), err)
	}
	must(t, m.ledger.Flush(m.cfg.Now().Add(2*time.Hour), true))
	if len(m.ledger.rows) != 0 || len(m.ledger.hours) != 0 || len(m.pending) != 0 {
		t.Error("tenants that are idle again take memory")
	}
}

func TestRunMeasures(t *testing.T) {
	m, _ := newMeter(t, func(c *Config) { c.Interval, c.Now = 200*time.Millisecond, nil })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	end := usage.Label(ctx, usage.Query, "runner")
	burn(1500 * time.Millisecond)
	end()
	cancel()
	must(t, <-done)
	if got, _ := sums(t, m); got["runner/query"] < 0.9 {
		t.Errorf("%v, want most of 1.5 s at runner", got)
	}
}
