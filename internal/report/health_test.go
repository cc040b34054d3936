package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// ledger is a Health of a fixed state; it notes what it was asked.
type ledger struct {
	since    time.Time
	from, to time.Time
	tenants  map[tenant.ID]bool
}

func (l *ledger) Since() time.Time { return l.since }

func (l *ledger) LateAfter() time.Duration { return 48 * time.Hour }

func (l *ledger) Hours(t tenant.ID, site string, from, to time.Time) ([]HealthHour, error) {
	l.from, l.to = from, to
	l.tenants[t] = true
	if site == "" {
		return []HealthHour{{Hour: from, HealthCounts: HealthCounts{Received: 5, Rejected: 5}}}, nil
	}
	return []HealthHour{
		{Hour: from, HealthCounts: HealthCounts{Received: 10, Stored: 6, Deduplicated: 1, Rejected: 2, Pending: 1, Late: 3}, Delays: HealthDelays{1, 1, 1}, Waiting: 1},
		{Hour: from.Add(time.Hour), HealthCounts: HealthCounts{Received: 4, Stored: 4, Late: 1}, Delays: HealthDelays{Minutes: 1}},
	}, nil
}

func (l *ledger) Rejected(_ tenant.ID, site string, _, _ time.Time) ([]HealthRejection, error) {
	if site == "" {
		return []HealthRejection{{Code: "site_unknown", Count: 5, LastAt: &noon, Message: "no such site"}}, nil
	}
	return []HealthRejection{{Code: "invalid_type", Count: 2, LastAt: &noon, Field: "url", Message: "url must be a text", Example: `{"url":0}`},
		{Code: "number_out_of_range", Count: 1, LastAt: &noon, Field: "props.plan", Message: "plan is too large", Example: `{"plan":0}`}}, nil
}

func (l *ledger) Seen(tenant.ID, string) (first, last time.Time, err error) {
	return noon.Add(-time.Hour), noon, nil
}

func (l *ledger) Conflict(tenant.ID, string) *HealthConflict {
	return &HealthConflict{EventID: "e1", Type: "view", At: noon}
}

func (l *ledger) Properties(tenant.ID) ([]HealthProperty, HealthLeftOut, bool) {
	return []HealthProperty{{Name: "plan", Kind: "string", Kinds: []string{"int", "string"}, Diverges: true, Sites: []string{"site"}, FirstSeen: &noon}, {Name: "foreign", Kind: "int", Sites: []string{"another"}}},
		HealthLeftOut{Values: 3, Examples: []string{"late"}, Public: HealthPublicNames{Names: 1, Limit: 1000, HourLimit: 200, Values: 5, Examples: []string{"junk"}, LastAt: &noon}}, true
}

func (l *ledger) Quarantine(tenant.ID) (HealthQuarantine, error) {
	return HealthQuarantine{Records: 2, Bytes: 300, LastAt: &noon}, nil
}

func health(t *testing.T, r *Reporter, who tenant.Principal, query string) (int, HealthDoc, string) {
	t.Helper()
	status, _, body := call(t, serve(r, who), "GET", "/api/v1/analytics/site/health"+query, "")
	var doc HealthDoc
	if status == 200 {
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatal(err)
		}
	}
	return status, doc, body
}

func TestHealth(t *testing.T) {
	l := &ledger{tenants: map[tenant.ID]bool{}}
	r := reporterOf(t, Deps{Engine: &counting{}, Health: l}, Config{})
	status, doc, body := health(t, r, acmeViewer, "")
	want := HealthCounts{Received: 14, Stored: 10, Deduplicated: 1, Rejected: 2, Pending: 1, Late: 4}
	if status != 200 || doc.Totals != want || doc.Late.Minutes != 2 || doc.Late.Hours != 1 || doc.Late.Days != 1 || doc.Late.Waiting != 1 || len(doc.Rejected) != 2 || doc.Since != nil || doc.FirstEventAt == nil {
		t.Errorf("%d %s", status, body)
	}
	if doc.Tenant == nil || doc.Tenant.Totals.Rejected != 5 || doc.Tenant.Rejected[0].Code != "site_unknown" || doc.Tenant.Quarantine.Records != 2 {
		t.Errorf("of the tenant: %s", body)
	}
	if len(doc.Schema.Properties) != 1 || !doc.Schema.Properties[0].Diverges || doc.Schema.LeftOut != 3 || doc.Schema.Public.Values != 5 || len(doc.Schema.Examples) != 1 || len(doc.Schema.Public.Examples) != 1 {
		t.Errorf("schema: %+v", doc.Schema)
	}
	if l.to.Sub(l.from) != 24*time.Hour || l.from.Minute() != 0 {
		t.Errorf("asked from %s to %s", l.from, l.to)
	}
	bound := acmeViewer
	bound.Site = "site"
	if status, doc, body := health(t, r, bound, "?from=7d"); status != 200 || doc.Tenant != nil || strings.Contains(body, "site_unknown") || strings.Contains(body, "junk") || strings.Contains(body, `"late"]`) || doc.Schema.Public.Values != 5 || l.to.Sub(l.from) != 7*24*time.Hour {
		t.Errorf("a key of the site: %d %s", status, body)
	}
	bound.Site = "elsewhere"
	if status, _, body := health(t, r, bound, ""); status != 404 {
		t.Errorf("a key of another site: %d %s", status, body)
	}
	l.tenants = map[tenant.ID]bool{}
	operator := tenant.Principal{Role: tenant.RoleOperator, KeyID: "o"}
	if status, doc, body := health(t, r, operator, ""); status != 200 || doc.Tenant == nil || !l.tenants["acme"] || len(l.tenants) != 1 {
		t.Errorf("the operator: %d %s, of %v", status, body, l.tenants)
	}
	for query, field := range map[string]string{"?from=tomorrow": "from", "?from=2026-01-02&to=2026-01-01": "from", "?from=10000d": "from"} {
		if status, _, body := health(t, r, acmeViewer, query); status != 422 || !strings.Contains(body, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// TestHealthOfAnUpgrade: when the first event of a site from before sites were told apart came is not known, and is not made up.
func TestHealthOfAnUpgrade(t *testing.T) {
	l := &ledger{tenants: map[tenant.ID]bool{}, since: noon.Add(-30 * time.Minute)}
	r := reporterOf(t, Deps{Engine: &counting{}, Health: l}, Config{})
	if status, doc, body := health(t, r, acmeViewer, ""); status != 200 || doc.Since == nil || doc.FirstEventAt != nil || doc.LastEventAt == nil {
		t.Errorf("%d %s", status, body)
	}
}

func TestHealthMasks(t *testing.T) {
	masks := []catalog.Mask{{Column: "plan", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide}}
	l := &ledger{tenants: map[tenant.ID]bool{}}
	r := reporterOf(t, Deps{Engine: &counting{}, Health: l, Masks: func(tenant.ID) []catalog.Mask { return masks }}, Config{})
	_, doc, body := health(t, r, acmeViewer, "")
	if x := doc.Rejected; x[0].Masked || x[0].Message == "" || !x[1].Masked || x[1].Message+x[1].Example+x[1].Field != "" || x[1].Count != 1 {
		t.Errorf("a viewer gets %s", body)
	}
	if q := doc.Schema.Properties[0]; !q.Masked || len(q.Kinds) != 0 || q.Diverges {
		t.Errorf("a viewer gets the property %+v", q)
	}
	if _, doc, body := health(t, r, tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "a"}, ""); doc.Rejected[1].Masked || doc.Schema.Properties[0].Masked {
		t.Errorf("an analyst gets %s", body)
	}
	masks[0].Column = "type"
	if _, doc, body := health(t, r, acmeViewer, ""); !doc.Rejected[0].Masked || doc.Rejected[0].Example != "" || doc.Conflict != nil {
		t.Errorf("a viewer who does not see types gets %s", body)
	}
}

// TestHealthIsAdmitted: the question waits for its turn and is charged like others, reads no events, and is refused with what the gate says.
func TestHealthIsAdmitted(t *testing.T) {
	l, d := &ledger{tenants: map[tenant.ID]bool{}}, &desk{}
	r := reporterOf(t, Deps{Engine: &counting{}, Health: l, Gate: d, Sink: d, Pricer: d, Cache: newCache(t), Data: &data{version: 1}}, Config{})
	for range 2 { // never kept: what doors reject changes no version
		if status, doc, body := health(t, r, acmeViewer, ""); status != 200 || doc.AsOf.IsZero() || doc.CompleteUntil.IsZero() || doc.SiteID != "site" {
			t.Fatalf("%d %s", status, body)
		}
	}
	if len(d.asked) != 2 || len(d.done) != 2 || len(d.records) != 2 || d.records[0].Kind != usage.KindReport || d.records[0].Tenant != "acme" || d.records[0].BytesOut == 0 || d.records[0].CPU <= 0 {
		t.Errorf("asked %+v, charged %+v", d.asked, d.records)
	}
	if m := d.asked[0].Measured; m == nil || m.Rows != 0 {
		t.Errorf("it is expected to read %+v", m)
	}
	if text := r.ShapeText("acme", d.asked[0].Shape); text != "health" {
		t.Errorf("the bill calls it %q", text)
	}
	d.refuse = problem.New(429, "over", "no").WithRetry(2 * time.Second)
	if status, _, body := health(t, r, acmeViewer, ""); status != 429 || len(d.records) != 2 {
		t.Errorf("refused: %d %s", status, body)
	}
}
