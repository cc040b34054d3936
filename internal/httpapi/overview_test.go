package httpapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/httpapi"
	"weir/internal/tenant"
)

// fakeLoads gives each tenant a load by its name.
type fakeLoads struct {
	loads map[tenant.ID]httpapi.TenantLoad
	asked int
}

func (f *fakeLoads) Loads(context.Context, time.Time) (map[tenant.ID]httpapi.TenantLoad, string, error) {
	f.asked++
	return f.loads, "EUR", nil
}

// TestTenantsOverview pages through tenants in every order; each comes once, in the order that this test sorts by itself.
func TestTenantsOverview(t *testing.T) {
	f := newFixture(t)
	loads := f.loads
	rng := rand.New(rand.NewPCG(3, 3))
	type row struct {
		id     string
		events uint64
	}
	var want []row
	for i := range 57 {
		id := fmt.Sprintf("fleet%02d", i)
		f.want(201, f.do("POST", "/api/v1/tenants", operator, fmt.Sprintf(`{"id":%q,"name":"Ship %d"}`, id, 57-i)))
		x := row{id, uint64(rng.IntN(9))} // many are equal
		loads.loads[tenant.ID(id)] = httpapi.TenantLoad{Received: x.events, Stored: 10 * x.events, Amount: float64(i)}
		want = append(want, x)
	}
	slices.SortFunc(want, func(a, b row) int {
		if a.events != b.events {
			return int(b.events) - int(a.events)
		}
		return strings.Compare(a.id, b.id)
	})
	page := func(query string) (ids []string, all map[string]any) {
		t.Helper()
		all = f.want(200, f.do("GET", "/api/v1/operator/tenants?"+query, operator, ""))
		for _, x := range all["tenants"].([]any) {
			ids = append(ids, x.(map[string]any)["id"].(string))
		}
		return ids, all
	}
	walk := func(query string) (ids []string) {
		t.Helper()
		for cursor := ""; ; {
			some, all := page(query + "&limit=10&cursor=" + cursor)
			ids = append(ids, some...)
			if cursor, _ = all["next"].(string); cursor == "" {
				return ids
			}
		}
	}
	got := walk("search=SHIP&sort=events")
	for i, x := range want {
		if i >= len(got) || got[i] != x.id {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d tenants, want %d", len(got), len(want))
	}
	up := walk("search=fleet&sort=id")
	down := walk("search=fleet&sort=id&order=desc")
	if slices.Reverse(down); len(up) != 57 || !slices.IsSorted(up) || !slices.Equal(up, down) {
		t.Errorf("by id: %v, backwards %v", up, down)
	}
	for _, sort := range []string{"name", "created", "rejected", "rate", "stored", "amount"} {
		ids := walk("search=fleet&sort=" + sort)
		if slices.Sort(ids); !slices.Equal(ids, up) {
			t.Errorf("by %s: %v", sort, ids)
		}
	}
	_, all := page("search=" + url.QueryEscape("ship 7"))
	if all["matching"] != 1. || all["currency"] != "EUR" {
		t.Errorf("got %v", all)
	}
	if loads.asked != 1 {
		t.Errorf("all tenants were looked at %d times within a moment", loads.asked)
	}
	f.wantProblem(f.do("GET", "/api/v1/operator/tenants", f.keys["admin"], ""), 403, "forbidden", "", "operator")
	f.wantProblem(f.do("GET", "/api/v1/operator/tenants?cursor=nonsense", operator, ""), 422, "invalid_field", "cursor", "")
	_, all = page("sort=id&limit=1")
	f.wantProblem(f.do("GET", "/api/v1/operator/tenants?sort=name&cursor="+all["next"].(string), operator, ""), 422, "invalid_field", "cursor", "")
	if w := f.do("GET", "/api/v1/operator/tenants?sort=colour", operator, ""); w.Code != 422 {
		t.Errorf("sort=colour: %d", w.Code)
	}
}
