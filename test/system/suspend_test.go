//go:build system

package system

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"weir/test/system/harness"
)

// TestSuspend: a suspended tenant's events are refused with 403 at every door, which all clients take for final, and its questions with the reason, also after a restart; the
// loss is visible afterwards, nothing else is lost, and another tenant notices nothing.
func TestSuspend(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{ClickHouse: "auto"})
	ctx := t.Context()
	acme, err := srv.NewTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	other, err := srv.NewTenant(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	send := func(key string) answer { return call(ctx, t, "POST", srv.URL+"/ingest", key, `{"type":"a"}`) }
	ask := func(key string) answer {
		return call(ctx, t, "POST", srv.URL+"/api/v1/query", key, `{"sql":"SELECT count() AS n FROM events"}`)
	}
	if a := send(acme.WriteKey); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	if err := harness.WaitCount(ctx, srv.Client(acme.Analyst), "SELECT count() FROM events", 1); err != nil {
		t.Fatal(err)
	}
	embed := embedOf(t, srv, acme)
	run := func(args ...string) string {
		bin, err := harness.Binary()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, bin, append([]string{"tenant"}, args...)...)
		cmd.Env = append(os.Environ(), "WEIR_SERVER="+srv.URL, "WEIR_KEY="+harness.AdminToken)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("weir tenant %v: %v %s", args, err, out)
		}
		return string(out)
	}
	if a := call(ctx, t, "PUT", srv.URL+"/api/v1/operator/tenants/acme/suspension", acme.Admin, `{}`); a.status != 403 || a.Code != "forbidden" {
		t.Errorf("a tenant's admin suspends it: %d %s", a.status, a.text)
	}
	if a := call(ctx, t, "PUT", srv.URL+"/api/v1/operator/tenants/nobody/suspension", harness.AdminToken, `{}`); a.status != 404 {
		t.Errorf("a tenant that is not there: %d %s", a.status, a.text)
	}
	if out := run("suspend", "acme", "--reason", "unpaid bill"); !strings.Contains(out, "is suspended") {
		t.Errorf("the command says %q", out)
	}
	lost := 0
	for range 2 { // the second time after a restart
		fill := strings.NewReplacer("KEY", acme.WriteKey, "SITE", acme.SiteID, "SECRET", "x")
		for _, b := range badRequests {
			headers := make([]string, len(b.headers))
			for i, h := range b.headers {
				headers[i] = fill.Replace(h)
			}
			a := call(ctx, t, b.method, srv.URL+fill.Replace(b.path), "", fill.Replace(b.body), headers...)
			switch {
			case b.door == "": // it validates only, and counts nothing
				if !strings.Contains(a.text, "suspended") {
					t.Errorf("%s: %d %s", b.name, a.status, a.text)
				}
				continue
			case a.status != 403 && !(b.status == 400 && a.status == 400), a.retry != "":
				t.Errorf("%s: %d %s, retry %q; want 403", b.name, a.status, a.text, a.retry)
			case a.status == 403 && (!strings.Contains(a.text, "tenant_suspended") || !strings.Contains(a.text, "is suspended")):
				t.Errorf("%s: %s", b.name, a.text)
			}
			if a.status == 403 {
				lost++
			}
		}
		if a := ask(acme.Analyst); a.status != 403 || a.Code != "tenant_suspended" || !strings.Contains(a.text, "unpaid bill") {
			t.Errorf("a query: %d %s", a.status, a.text)
		}
		for _, path := range []string{"/api/v1/analytics/" + acme.SiteID + "/report?metric=events", "/api/v1/analytics/" + acme.SiteID + "/live", "/api/v1/tenants/acme", "/api/v1/embeds/panel?token=" + embed} {
			key := acme.Admin
			if strings.Contains(path, "embeds") {
				key = ""
			}
			short, cancel := context.WithTimeout(ctx, 30*time.Second) // a live view that is answered has no end
			a := call(short, t, "GET", srv.URL+path, key, "")
			cancel()
			if a.status != 403 || a.Code != "tenant_suspended" || strings.Contains(path, "embeds") && strings.Contains(a.text, "unpaid") {
				t.Errorf("GET %.60s: %d %s", path, a.status, a.text)
			}
		}
		if a := call(ctx, t, "POST", srv.ClickHouse()+"/", acme.Analyst, "SELECT count() FROM events"); a.status != 403 || !strings.Contains(a.text, "suspended") {
			t.Errorf("the ClickHouse port: %d %s", a.status, a.text)
		}
		if a := call(ctx, t, "POST", srv.URL+"/ingest", harness.AdminToken, `{"type":"a","site_id":"`+acme.SiteID+`"}`, "X-Weir-Tenant", "acme"); a.status != 403 || a.Code != "tenant_suspended" {
			t.Errorf("the operator sends for it: %d %s", a.status, a.text)
		}
		if a := call(ctx, t, "GET", srv.URL+"/api/v1/analytics/"+acme.SiteID+"/health", harness.AdminToken, "", "X-Weir-Tenant", "acme"); a.status != 200 {
			t.Errorf("the operator looks after it: %d %s", a.status, a.text)
		}
		if a, b := send(other.WriteKey), ask(other.Analyst); a.status != 200 || b.status != 200 {
			t.Errorf("another tenant: %+v, %+v", a, b)
		}
		if err := errors.Join(srv.Stop(), srv.Spawn(), srv.WaitReady(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	var list struct {
		Tenants []struct {
			ID, Standing string
			Suspended    *struct{ Reason string }
		}
	}
	if err := srv.Admin().Do(ctx, http.MethodGet, "/api/v1/operator/tenants?sort=id", nil, &list); err != nil || len(list.Tenants) != 2 ||
		list.Tenants[0].Standing != "suspended" || list.Tenants[0].Suspended.Reason != "unpaid bill" || list.Tenants[1].Suspended != nil {
		t.Errorf("the operator sees %+v, %v", list, err)
	}
	run("resume", "acme")
	if a := send(acme.WriteKey); a.status != 200 {
		t.Errorf("after it resumed: %+v", a)
	}
	if err := harness.WaitCount(ctx, srv.Client(acme.Analyst), "SELECT count() FROM events", 2); err != nil {
		t.Error(err)
	}
	h := awaitHealth(ctx, t, srv.Client(acme.Admin), acme.SiteID, 2, lost)
	if h.Totals.Rejected != lost {
		t.Errorf("%d events are rejected, want %d", h.Totals.Rejected, lost)
	}
	for _, r := range h.Rejected { // one for each door
		if lost -= r.Count; r.Code != "tenant_suspended" {
			t.Errorf("%+v is rejected, want tenant_suspended only", r)
		}
	}
	if lost != 0 {
		t.Errorf("%+v is rejected, which is not the total: %d are missing", h.Rejected, lost)
	}
	if a := call(ctx, t, "GET", srv.URL+"/api/v1/audit?limit=1000", acme.Admin, ""); strings.Count(a.text, `"action":"suspend-tenant"`) != 2 || // the admin's attempt is one
		strings.Count(a.text, `"action":"resume-tenant"`) != 1 {
		t.Errorf("the audit log: %d %s", a.status, a.text)
	}
}

// embedOf makes a link to a panel of a tenant.
func embedOf(t *testing.T, srv *harness.Server, tn harness.Tenant) string {
	t.Helper()
	var dashboard struct{ ID string }
	panel := map[string]any{"id": "p", "title": "Events", "kind": "tile", "site_id": tn.SiteID, "question": map[string]any{"metric": []string{"events"}}, "x": 0, "y": 0, "w": 4, "h": 3}
	if err := srv.Client(tn.Admin).Do(t.Context(), http.MethodPost, "/api/v1/dashboards", map[string]any{"name": "D", "panels": []any{panel}}, &dashboard); err != nil {
		t.Fatal(err)
	}
	var made struct{ Token string }
	if err := srv.Client(tn.Admin).Do(t.Context(), http.MethodPost, "/api/v1/embeds", map[string]string{"dashboard": dashboard.ID, "panel": "p"}, &made); err != nil {
		t.Fatal(err)
	}
	return made.Token
}
