package httpapi_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/httpapi"
	"weir/internal/tenant"
)

// ownLimits are a tenant's limits as the API shows them: all are there.
func ownLimits(set map[string]any) map[string]any {
	all := map[string]any{}
	for _, name := range strings.Fields("dedupe_keys event_bytes events_per_second bytes_per_second burst_seconds queries expensive_queries" +
		" cpu_seconds_per_minute cpu_seconds_per_hour scan_bytes_per_hour result_bytes weight") {
		all[name] = 0.
	}
	maps.Copy(all, set)
	return all
}

type fakeLimits struct{}

func (fakeLimits) LimitState(t tenant.ID) httpapi.LimitState {
	return httpapi.LimitState{Limits: catalog.Limits{Queries: 7}, WaitsFor: "limits.queries", Events: -1,
		Queries: []httpapi.QueriesState{{Class: "cheap", Running: 7, Waiting: 2, Places: 16}}}
}

// Every limit can be set and is shown; one that is not named stays.
func TestSetLimits(t *testing.T) {
	f := newFixture(t)
	want, n := ownLimits(nil), 0
	for name := range want {
		n++
		body, err := json.Marshal(map[string]any{"limits": map[string]any{name: n}})
		if err != nil {
			t.Fatal(err)
		}
		want[name] = float64(n)
		got := f.want(200, f.do("PATCH", "/api/v1/tenants/acme", operator, string(body)))
		if shown, _ := got["limits"].(map[string]any); !maps.Equal(shown, want) {
			t.Fatalf("after %s: %v, want %v", body, shown, want)
		}
	}
	for name, bad := range map[string]string{"weight": "1001", "burst_seconds": "3601", "queries": "-1", "cpu_seconds_per_minute": "1.5"} {
		w := f.do("PATCH", "/api/v1/tenants/acme", operator, `{"limits":{"`+name+`":`+bad+`}}`)
		if w.Code != 422 || !strings.Contains(w.Body.String(), "limits."+name) {
			t.Errorf("%s = %s: %d %s", name, bad, w.Code, w.Body)
		}
	}
	if w := f.do("PATCH", "/api/v1/tenants/acme", f.keys["admin"], `{"limits":{"queries":100}}`); w.Code != 403 {
		t.Errorf("a tenant raises its own limits: %d %s", w.Code, w.Body)
	}
}

func TestShowLimits(t *testing.T) {
	f := newFixture(t)
	got := f.want(200, f.do("GET", "/api/v1/limits", f.keys["admin"], ""))
	limits, _ := got["limits"].(map[string]any)
	now, _ := got["now"].(map[string]any)
	if got["tenant"] != "acme" || limits["queries"] != 7. || now["waits_for"] != "limits.queries" || now["events_available"] != -1. {
		t.Errorf("%v", got)
	}
	for key, want := range map[string]int{f.keys["analyst"]: 403, operator: 422, "": 401} {
		if w := f.do("GET", "/api/v1/limits", key, ""); w.Code != want {
			t.Errorf("key %q: %d, want %d: %s", key, w.Code, want, w.Body)
		}
	}
}
