package query

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/cache"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
)

// several is a catalog of tenants.
type several map[tenant.ID]catalog.Tenant

func (s several) TenantByID(id tenant.ID) (catalog.Tenant, bool) { t, ok := s[id]; return t, ok }
func (s several) Strong(tenant.ID) bool                          { return false }

// echo is an engine that answers with what it was asked, and for whom.
type echo struct {
	mu   sync.Mutex
	runs int
	hold func() // called in each run
}

func (e *echo) Query(_ context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	e.mu.Lock()
	e.runs++
	e.mu.Unlock()
	if e.hold != nil {
		e.hold()
	}
	b, err := json.Marshal(map[string]any{"tenant": s.Tenant, "sql": s.SQL, "params": s.Params, "format": s.Format, "settings": s.Settings["session_timezone"]})
	if err != nil {
		return nil, err
	}
	return &clickhouse.Result{Body: io.NopCloser(strings.NewReader(string(b))), Summary: func() clickhouse.Summary { return clickhouse.Summary{} }}, nil
}

// apart is a service over a cache, with tenants whose roles see different things.
func apart(t testing.TB, e Engine) (*Service, several) {
	mask := func(column, action string, roles ...tenant.Role) catalog.Mask {
		return catalog.Mask{Column: column, Action: action, Roles: roles}
	}
	ts := several{
		"acme":  {ID: "acme", Policy: catalog.Policy{Masks: []catalog.Mask{mask("user_id", catalog.MaskHide, tenant.RoleAnalyst), mask("path", catalog.MaskHash, tenant.RoleAdmin)}}},
		"typed": {ID: "typed", Policy: catalog.Policy{Masks: []catalog.Mask{mask("user_id", catalog.MaskHash, tenant.RoleAnalyst)}}},
	}
	ts["other"] = catalog.Tenant{ID: "other", Policy: ts["acme"].Policy} // sees the same of other data
	s, err := NewService(Config{}, Deps{Engine: e, Visibility: visibility{0: 10, 1: 5}, Data: &data{version: 1}, Tenants: ts, Cache: newCache(t, cache.Config{}), MaskKey: []byte("key")},
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return s, ts
}

// questions are questions that must not get each other's answers, though their text is the same.
func questions() map[string]*Question {
	all := map[string]*Question{}
	tok := func(offset uint64) string { return token.Token{{Partition: 0, Offset: offset}}.String() }
	for _, id := range []tenant.ID{"acme", "other", "typed"} {
		for _, role := range []tenant.Role{tenant.RoleAnalyst, tenant.RoleAdmin} {
			for name, change := range map[string]func(*Question){
				"plain": func(*Question) {}, "format": func(q *Question) { q.Format = "CSV" }, "param": func(q *Question) { q.Params["x"] = "2" }, "zone": func(q *Question) { q.Settings["session_timezone"] = "Asia/Tokyo" },
				"other zone": func(q *Question) { q.Settings["session_timezone"] = "UTC" }, "as of 1": func(q *Question) { q.AsOf = tok(1) }, "as of 2": func(q *Question) { q.AsOf = tok(2) },
				"shifted": func(q *Question) { q.Params, q.Settings = q.Settings, q.Params },
			} {
				q := &Question{Who: tenant.Principal{Tenant: id, Role: role}, Door: DoorAPI, SQL: "SELECT user_id, path FROM events", Params: map[string]string{"x": "1"}, Settings: map[string]string{}}
				change(q)
				all[fmt.Sprint(id, " ", role, " ", name)] = q
			}
		}
	}
	return all
}

func text(t testing.TB, s *Service, q *Question) (body string, cached bool) {
	t.Helper()
	ans, p := s.Ask(t.Context(), q)
	if p != nil {
		t.Fatal(p)
	}
	b, err := io.ReadAll(ans.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := ans.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(b), ans.Cached
}

// TestKeptAnswersStayApart: no tenant, role, mask, format, parameter, setting or token gets the answer of another.
func TestKeptAnswersStayApart(t *testing.T) {
	e := &echo{}
	s, ts := apart(t, e)
	first := map[string]string{}
	for name, q := range questions() {
		body, cached := text(t, s, q)
		if cached {
			t.Errorf("%s: the answer of another question: %s", name, body)
		}
		if !strings.Contains(body, `"tenant":"`+string(q.Who.Tenant)+`"`) {
			t.Errorf("%s is answered for another tenant: %.200s", name, body)
		}
		first[name] = body
	}
	if e.runs != len(first) {
		t.Errorf("%d runs for %d questions", e.runs, len(first))
	}
	for name, q := range questions() {
		if body, cached := text(t, s, q); !cached || body != first[name] {
			t.Errorf("%s: from the cache %v:\n%s\nwant\n%s", name, cached, body, first[name])
		}
	}
	// A mask that comes holds at once, and one that goes is gone at once.
	ask := &Question{Who: tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst}, Door: DoorAPI, SQL: "SELECT user_id, path FROM events", Params: map[string]string{"x": "1"}}
	before, cached := text(t, s, ask)
	old := ts["acme"]
	masked := old
	masked.Policy.Masks = append([]catalog.Mask{{Column: "path", Action: catalog.MaskHide, Roles: []tenant.Role{tenant.RoleAnalyst}}}, old.Policy.Masks...)
	ts["acme"] = masked
	after, cachedAfter := text(t, s, ask)
	if !cached || cachedAfter || after == before || strings.Contains(after, "_e.path") {
		t.Errorf("after a new mask, from the cache %v: %s", cachedAfter, after)
	}
	ts["acme"] = old
	if again, cached := text(t, s, ask); !cached || again != before {
		t.Errorf("after the mask is gone, from the cache %v: %s", cached, again)
	}
}

// TestSharedRunsStayApart: identical questions at once share a run only when they come from the same tenant and see the same.
func TestSharedRunsStayApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		go1 := make(chan struct{})
		e := &echo{hold: func() { <-go1 }}
		s, _ := apart(t, e)
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]map[string]bool{}
		for name, q := range questions() {
			got[name] = map[string]bool{}
			for range 3 {
				wg.Go(func() {
					body, _ := text(t, s, &Question{Who: q.Who, Door: q.Door, SQL: q.SQL, Params: q.Params, Settings: q.Settings, Format: q.Format, AsOf: q.AsOf})
					mu.Lock()
					defer mu.Unlock()
					got[name][body] = true
				})
			}
		}
		synctest.Wait() // all that may run at once do
		e.mu.Lock()
		if e.runs != len(got) {
			t.Errorf("%d runs at once for %d questions", e.runs, len(got))
		}
		e.mu.Unlock()
		close(go1)
		wg.Wait()
		whose := map[string]string{}
		for name, bodies := range got {
			if len(bodies) != 1 {
				t.Errorf("%s has %d different answers", name, len(bodies))
			}
			for body := range maps.Keys(bodies) {
				if other := whose[body]; other != "" {
					t.Errorf("%s and %s have the same answer: %s", name, other, body)
				}
				whose[body] = name
			}
		}
	})
}

// TestMasksHoldInTheCache asks the engine for rows, first as who may not see them, then as who may, and once more.
func TestMasksHoldInTheCache(t *testing.T) {
	s, _ := apart(t, engine(t))
	ask := func(role tenant.Role) string {
		body, _ := text(t, s, &Question{Who: tenant.Principal{Tenant: "typed", Role: role}, Door: DoorAPI, SQL: "SELECT user_id FROM events WHERE event_id = 'a'", Format: "TSV"})
		return strings.TrimSpace(body)
	}
	for range 2 {
		if got := ask(tenant.RoleAnalyst); len(got) != 32 || strings.Contains(got, secret) {
			t.Errorf("an analyst sees %q", got)
		}
		if got := ask(tenant.RoleAdmin); got != "u-"+secret {
			t.Errorf("an admin sees %q", got)
		}
	}
}

// TestMaskedIdsInAliases: what masks an id of a person masks it in alias events, too, and equal ids stay equal.
func TestMaskedIdsInAliases(t *testing.T) {
	c := engine(t)
	for _, id := range []string{"ids_hidden", "ids_hashed", "ids_seen"} {
		testkit.Exec(t, c, "INSERT INTO weir.events (tenant, event_id, ts, type, user_id, props) SELECT '"+id+"', 'before', '2002-03-03 00:00:00', 'pageview', 'u-old', map('plan', 'pro')")
		testkit.Exec(t, c, "INSERT INTO weir.events (tenant, event_id, ts, type, user_id, props) SELECT '"+id+"', 'alias', '2002-03-03 00:00:01', 'alias', 'u-new', map('previous_id', 'u-old', 'plan', 'pro')")
	}
	masked := func(column, action string) catalog.Policy {
		return catalog.Policy{Masks: []catalog.Mask{{Column: column, Action: action, Roles: []tenant.Role{tenant.RoleAnalyst}}}}
	}
	for _, tc := range []struct {
		tenant tenant.ID
		policy catalog.Policy
		role   tenant.Role
		want   string // previous_id, plan, and whether it is the user_id of then
		hashed bool
	}{
		{"ids_hidden", masked("user_id", catalog.MaskHide), tenant.RoleAnalyst, "\tpro\t1", false},
		{"ids_hidden", masked("client_id", catalog.MaskHide), tenant.RoleAnalyst, "\tpro\t0", false},
		{"ids_hashed", masked("user_id", catalog.MaskHash), tenant.RoleAnalyst, "\tpro\t1", true},
		{"ids_seen", masked("user_id", catalog.MaskHide), tenant.RoleAdmin, "u-old\tpro\t1", false},
		{"ids_seen", masked("city", catalog.MaskHide), tenant.RoleAnalyst, "u-old\tpro\t1", false},
	} {
		s, err := NewService(Config{}, Deps{Engine: c, Visibility: visibility{0: 10, 1: 5}, Tenants: several{tc.tenant: {ID: tc.tenant, Policy: tc.policy}}, MaskKey: []byte("key")}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		body, _ := text(t, s, &Question{Who: tenant.Principal{Tenant: tc.tenant, Role: tc.role}, Door: DoorAPI, Format: "TSV",
			SQL: "SELECT props['previous_id'] AS previous, props['plan'], previous = (SELECT user_id FROM events WHERE event_id = 'before') FROM events WHERE type = 'alias'"})
		got := strings.TrimSuffix(body, "\n")
		if tc.hashed {
			if len(got) < 32 || strings.Contains(got, "u-old") {
				t.Errorf("%s: hashed it is %q", tc.tenant, got)
				continue
			}
			got = got[32:]
		}
		if got != tc.want {
			t.Errorf("%s as %s: %q, want %q", tc.tenant, tc.role, got, tc.want)
		}
	}
}

// changingKind is a tenant whose property is a number until it is not.
type changingKind struct {
	*data
	text bool
}

func (c *changingKind) Properties(tenant.ID) []event.Property {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := event.PropInt
	if c.text {
		kind = event.PropString
	}
	return []event.Property{{Name: "size", Kind: kind}}
}

// TestTurnSeesTheProperties: whoever waits for his turn asks with the properties of then: those who wait with him may have come when they were others already.
func TestTurnSeesTheProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := make(chan struct{})
		e := &echo{hold: func() { <-turn }}
		c := &changingKind{data: &data{version: 1}}
		s, err := NewService(Config{}, Deps{Engine: e, Visibility: visibility{0: 10, 1: 5}, Data: c, Properties: c, Cache: newCache(t, cache.Config{})}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		ask := func() string {
			body, _ := text(t, s, &Question{Who: analyst, Door: DoorAPI, SQL: "SELECT size FROM events"})
			return body
		}
		var wg sync.WaitGroup
		var late string
		wg.Go(func() { ask() }) // runs
		synctest.Wait()
		wg.Go(func() { ask() }) // waits for its turn
		synctest.Wait()
		c.mu.Lock()
		c.text, c.version = true, 2
		c.mu.Unlock()
		wg.Go(func() { late = ask() }) // shares that turn
		synctest.Wait()
		close(turn)
		wg.Wait()
		if strings.Contains(late, "Int64") || !strings.Contains(late, "coalesce") {
			t.Errorf("who came when the property was text is answered with numbers: %s", late)
		}
	})
}
