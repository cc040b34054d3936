package query

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/cache"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

func TestCachedAnswers(t *testing.T) {
	d, v, e := &desk{}, &data{version: 1, snapshot: token.Token{{Partition: 0, Offset: 9}}}, &fakeEngine{body: engineJSON}
	deps := d.deps(e)
	deps.Data, deps.Cache = v, newCache(t, cache.Config{})
	h := newService(t, Config{}, deps)
	ask := func(body string, runs int, cached string) *httptest.ResponseRecorder {
		t.Helper()
		w := post(h, analyst, body)
		if w.Code != 200 || len(e.got) != runs || w.Header().Get(headerCache) != cached {
			t.Fatalf("%s: %d, %d statements ran, want %d; cache %s, want %s", body, w.Code, len(e.got), runs, w.Header().Get(headerCache), cached)
		}
		return w
	}
	first := ask(`{"sql":"SELECT 1 AS n"}`, 1, "miss")
	second := ask(`{"sql":"SELECT 1 AS n"}`, 1, "hit")
	var a, b map[string]any
	if err := json.Unmarshal(first.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(second.Body.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	cost := b["cost"].(map[string]any)
	if cost["rows_read"] != 0.0 || cost["cpu_seconds"].(float64) <= 0 || cost["cpu_seconds"].(float64) > 0.5 || cost["budget_remaining"] != 7.0 {
		t.Errorf("a hit costs %v", cost)
	}
	delete(a, "cost")
	delete(b, "cost")
	if diff := cmp.Diff(a, b); diff != "" || a["snapshot"] != v.snapshot.String() {
		t.Errorf("the answers differ: %s", diff)
	}
	if last := d.records[len(d.records)-1]; len(d.records) != 2 || last.Kind != usage.KindCache || last.BytesOut == 0 || len(d.asked) != 1 {
		t.Errorf("a hit is charged as %+v", last)
	}
	ask(`{"sql":"SELECT 1 AS n","format":"CSV"}`, 2, "miss")
	ask(`{"sql":"SELECT 1 AS n","params":{"x":1}}`, 3, "miss")
	ask(`{"sql":"SELECT 1 AS n","params":{"x":2}}`, 4, "miss")
	ask(`{"sql":"SELECT 1 AS n"}`, 4, "hit")
	v.set(2, false)
	ask(`{"sql":"SELECT 1 AS n"}`, 5, "miss")
	ask(`{"sql":"SELECT 1 AS n"}`, 5, "hit")
	v.set(2, true) // a commit is under way: some may see it already
	ask(`{"sql":"SELECT 1 AS n"}`, 6, "miss")
	v.set(3, false)
	ask(`{"sql":"SELECT 1 AS n"}`, 7, "miss")
	ask(`{"sql":"SELECT 1 AS n"}`, 7, "hit")
	d.blocked = problem.New(429, "budget_exhausted", "no")
	if w := run(h, "SELECT 1 AS n"); w.Code != 429 {
		t.Errorf("a blocked tenant is answered from the cache: %d", w.Code)
	}
}

// changing is an engine during whose statements the data changes.
type changing struct {
	*fakeEngine
	change func()
}

func (c changing) Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	c.change()
	return c.fakeEngine.Query(ctx, s)
}

func TestAnswersAcrossAChangeAreNotKept(t *testing.T) {
	for name, change := range map[string]func(*data){"committed": func(v *data) { v.set(2, false) }, "begun": func(v *data) { v.set(1, true) }} {
		v, e := &data{version: 1}, &fakeEngine{body: engineJSON}
		h := newService(t, Config{}, Deps{Engine: changing{e, func() { change(v) }}, Data: v, Cache: newCache(t, cache.Config{})})
		run(h, "SELECT 1")
		v.set(v.version, false)
		run(h, "SELECT 1")
		if len(e.got) != 2 {
			t.Errorf("%s: an answer of before or after, nobody knows, was given again", name)
		}
	}
}

// Who waits for somebody else's run pays for looking its answer up, not for the wait.
func TestWaitingIsNoWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell the CPU of a thread")
	}
	d, e := &desk{}, &fakeEngine{body: engineJSON}
	began, release := make(chan struct{}, 10), make(chan struct{})
	deps := d.deps(changing{e, func() { began <- struct{}{}; <-release }})
	deps.Data, deps.Cache = &data{version: 1}, newCache(t, cache.Config{})
	h := newService(t, Config{}, deps)
	var wg sync.WaitGroup
	wg.Go(func() { run(h, "SELECT 1 AS n") })
	<-began
	const waiters = 3
	for range waiters {
		wg.Go(func() { run(h, "SELECT 1 AS n") })
	}
	time.Sleep(300 * time.Millisecond) // the wait
	close(release)
	wg.Wait()
	hits := 0
	for _, r := range d.records {
		if r.Kind != usage.KindCache {
			continue
		}
		hits++
		if r.CPU <= 0 || r.CPU > 100*time.Millisecond {
			t.Errorf("an answer from the cache is said to cost %v of CPU", r.CPU)
		}
	}
	if hits != waiters || len(e.got) != 1 {
		t.Errorf("%d answers came from the cache, %d statements ran", hits, len(e.got))
	}
}

func TestLargeAnswersPassTheCache(t *testing.T) {
	body := `{"data":["` + strings.Repeat("x", 2000) + `"]}`
	e := &fakeEngine{body: body}
	h := newService(t, Config{}, Deps{Engine: e, Data: &data{version: 1}, Cache: newCache(t, cache.Config{EntryBytes: 100})})
	for range 2 {
		if w := run(h, "SELECT 1"); !bytes.HasPrefix(w.Body.Bytes(), []byte(body[:2010])) || w.Header().Get(headerCache) != "miss" {
			t.Errorf("%d %.100s", w.Code, w.Body)
		}
	}
	if len(e.got) != 2 {
		t.Error("an answer above the bound was kept")
	}
}

// sized is a cache that notes what is kept, and never has anything.
type sized struct {
	Cache
	bytes, taken int
}

func (s *sized) Load(tenant.ID, [32]byte, uint64) (any, bool) { return nil, false }

func (s *sized) Store(_ tenant.ID, _ [32]byte, _ uint64, v any, bytes int) {
	s.bytes, s.taken = bytes, cap(v.(*kept).body)
}

// TestKeptAnswersTakeWhatTheyCount: the memory behind an answer is about as much as the cache counts.
func TestKeptAnswersTakeWhatTheyCount(t *testing.T) {
	for _, n := range []int{1, 100, 600, 5000, 70_000, 300_000} {
		c := &sized{Cache: newCache(t, cache.Config{})}
		h := newService(t, Config{}, Deps{Engine: &fakeEngine{body: strings.Repeat("x", n)}, Data: &data{version: 1}, Cache: c})
		if w := post(h, analyst, `{"sql":"SELECT 1","format":"TSV"}`); w.Code != 200 || w.Body.Len() != n {
			t.Fatalf("%d bytes: %d, %d", n, w.Code, w.Body.Len())
		}
		if c.taken < n || c.taken > c.bytes+c.bytes/8+16 {
			t.Errorf("an answer of %d bytes counts as %d and takes %d", n, c.bytes, c.taken)
		}
	}
}

func TestMasksAreNotShared(t *testing.T) {
	masks := []catalog.Mask{{Column: "user_id", Roles: []tenant.Role{tenant.RoleAnalyst}, Action: catalog.MaskHide}}
	if got := masksOf(masks, tenant.RoleAdmin); got != nil {
		t.Errorf("an admin has the masks %v", got)
	}
	key := func(role tenant.Role) [32]byte {
		s := newService(t, Config{}, Deps{Tenants: tenantsOf{t: catalog.Tenant{Policy: catalog.Policy{Masks: masks}}}})
		a, p := s.asking(&Question{Who: tenant.Principal{Tenant: "acme", Role: role}, SQL: "SELECT user_id FROM events"})
		if p != nil {
			t.Fatal(p)
		}
		return a.key()
	}
	if key(tenant.RoleAnalyst) == key(tenant.RoleAdmin) {
		t.Error("roles that see different things share answers")
	}
}

// TestAsOfOfLateRows: answers of a tenant of whom late rows wait are complete up to before these, kept ones too.
func TestAsOfOfLateRows(t *testing.T) {
	d, e := &desk{}, &fakeEngine{body: engineJSON}
	deps := d.deps(e)
	deps.Data, deps.Cache = &data{version: 1}, newCache(t, cache.Config{})
	h := newService(t, Config{}, deps)
	who := analyst
	for _, cached := range []string{"miss", "hit"} {
		for name, want := range map[tenant.ID]string{"acme": "2026-03-10T12:00:00.000Z", "late": "2026-03-10T11:00:00.000Z"} {
			who.Tenant = name
			w := post(h, who, `{"sql":"SELECT 1 AS n"}`)
			var got struct {
				AsOf string `json:"as_of"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.AsOf != want || w.Header().Get(headerAsOf) != want || w.Header().Get(headerCache) != cached {
				t.Errorf("%s, %s: %d %s %v", name, cached, w.Code, w.Body, w.Header())
			}
		}
	}
}
