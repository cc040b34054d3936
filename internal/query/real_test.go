package query

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
	"weir/internal/usage"
)

// endless runs until its limit.
const endless = "SELECT count() FROM events AS a, events AS b, events AS c, (SELECT arrayJoin(range(1000)) AS x) AS d WHERE cityHash64(a.path, b.url, c.host, x) = 1"

// The engine ends a statement whose client has left, and what it used until then is charged.
func TestLeavingEndsTheStatement(t *testing.T) {
	c := engine(t)
	d := &desk{}
	deps := d.deps(c)
	deps.Watcher = c
	s := newService(t, Config{MaxTime: time.Minute}, deps)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ids := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a, p := s.Ask(ctx, &Question{Who: analyst, Door: DoorAPI, SQL: endless, Running: func(id string, _ usage.Estimate) { ids <- id }})
		if p == nil {
			a.Body.Close()
			t.Error("the statement came to an end")
		} else if p.Status != 499 {
			t.Errorf("%+v", p)
		}
	}()
	id := <-ids
	for p, err := c.Process(t.Context(), id); err != nil || p.CPU == 0; p, err = c.Process(t.Context(), id) {
		if t.Context().Err() != nil {
			t.Fatal("the statement does not run")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	left := time.Now()
	<-done // it returns when the engine has ended it
	t.Logf("ended %v after the client left", time.Since(left))
	p, err := c.Process(t.Context(), id)
	if err != nil || !p.Ended || p.CPU == 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if len(d.records) != 1 || d.records[0].CPU != p.CPU || !d.records[0].Partial || d.open != 0 {
		t.Errorf("charged %+v, used %v", d.records, p.CPU)
	}
	if _, err := c.Process(t.Context(), "nobody's"); err == nil {
		t.Error("a statement that there never was is known")
	}
}

// A statement that needs too much memory ends alone.
func TestOnlyTheGreedyOneDies(t *testing.T) {
	c := engine(t)
	h := newHandler(t, Config{MaxMemory: 50 << 20}, c)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			p := problemIn(t, run(h, "SELECT length(groupArray(arrayJoin(range(30000000))))"))
			if p.Status != 422 || p.Code != "query_memory" || p.Limit != "query.memory" || p.LimitValue != 50<<20 {
				t.Errorf("%+v", p)
			}
		})
		wg.Go(func() {
			for range 10 {
				if w := run(h, "SELECT count() FROM events FORMAT TSV"); w.Body.String() != "1000\n" {
					t.Errorf("another's query: %d %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
}

func TestEstimatesOfTheEngine(t *testing.T) {
	c := engine(t)
	d := &desk{}
	deps := d.deps(c)
	deps.Gate = nil
	h := newService(t, Config{}, deps)
	w := post(h, analyst, `{"sql":"SELECT path, count() FROM events GROUP BY path","dry_run":true}`)
	var got struct{ Estimate Plan }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Estimate.Rows < 1000 || got.Estimate.Bytes == 0 || !got.Estimate.Measured {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if p := problemIn(t, post(h, analyst, `{"sql":"SELECT path, count() FROM events GROUP BY path","max_bytes":10}`)); p.Code != "over_max_bytes" {
		t.Errorf("%+v", p)
	}
	if w := post(h, analyst, `{"sql":"SELECT path, count() FROM events GROUP BY path","max_bytes":1000000000}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestEstimatesAreInUnits: what is read of a tenant's few rows, alone in their part, is estimated in the units in which it is charged, and so bounded.
func TestEstimatesAreInUnits(t *testing.T) {
	c := engine(t)
	testkit.Exec(t, c, "INSERT INTO weir.events (tenant, ts, type, _offset) SELECT 'few', now64(3), 'x', number FROM numbers(500)")
	deps := (&desk{}).deps(c)
	deps.Gate = nil
	h := newService(t, Config{}, deps)
	who := tenant.Principal{Tenant: "few", Role: tenant.RoleAnalyst, KeyID: "k"}
	for sql, rows := range map[string]uint64{"SELECT count() FROM events": 8192, "SELECT max(ts) FROM events": 8192, "SELECT 1": 0} {
		w := post(h, who, `{"sql":"`+sql+`","dry_run":true}`)
		var got struct{ Estimate Plan }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Estimate.Rows != rows || got.Estimate.Bytes != rows*32 {
			t.Errorf("%s: %d %s, want %d rows", sql, w.Code, w.Body, rows)
		}
	}
	if p := problemIn(t, post(h, who, `{"sql":"SELECT count() FROM events","max_bytes":262143}`)); p.Code != "over_max_bytes" {
		t.Errorf("%+v", p)
	}
}

func TestAsOfReadsAgain(t *testing.T) {
	c := engine(t)
	insert := func(partition, from, n int) {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, ts, type, _partition, _offset) SELECT 'again', now64(3), 'x', %d, number FROM numbers(%d, %d)", partition, from, n))
	}
	insert(0, 0, 8)
	insert(1, 0, 3)
	who := tenant.Principal{Tenant: "again", Role: tenant.RoleAnalyst, KeyID: "k"}
	h := newService(t, Config{}, Deps{Engine: c, Data: &data{snapshot: token.Token{{Partition: 0, Offset: 7}, {Partition: 1, Offset: 2}}}, Visibility: visibility{0: 100, 1: 100}})
	for _, want := range []string{"11\n", "31\n"} {
		if w := post(h, who, `{"sql":"SELECT count() FROM events FORMAT TSV"}`); w.Body.String() != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
		for tok, n := range map[string]string{
			token.Token{{Partition: 0, Offset: 7}, {Partition: 1, Offset: 2}}.String(): "11\n",
			token.Token{{Partition: 0, Offset: 3}, {Partition: 1, Offset: 0}}.String(): "5\n",
			token.Token{}.String(): "0\n",
		} {
			if w := post(h, who, `{"sql":"SELECT count() FROM events FORMAT TSV","as_of":"`+tok+`"}`); w.Body.String() != n || w.Header().Get(headerSnapshot) != tok {
				t.Errorf("as_of %s: %d %s, want %s", tok, w.Code, w.Body, n)
			}
		}
		if want == "11\n" {
			insert(0, 8, 10)
			insert(1, 3, 10)
		}
	}
}

// propertyList are the properties of every tenant.
type propertyList []event.Property

func (p propertyList) Properties(tenant.ID) []event.Property { return p }

// TestTextsAreNamed: who sums a property that has become text is told so, and how its numbers are read.
func TestTextsAreNamed(t *testing.T) {
	c := engine(t)
	testkit.Exec(t, c, "INSERT INTO weir.events (tenant, ts, type, props, props_num) SELECT 'texts', now64(3), 'x', if(number = 0, map('amount', 'x'), map()), if(number = 0, map(), map('amount', 5)) FROM numbers(3)")
	d := &desk{}
	deps := d.deps(c)
	deps.Properties = propertyList{{Name: "amount", Kind: event.PropString}, {Name: "n", Kind: event.PropFloat}}
	h := newService(t, Config{}, deps)
	who := tenant.Principal{Tenant: "texts", Role: tenant.RoleAnalyst, KeyID: "k"}
	p := problemIn(t, post(h, who, `{"sql":"SELECT sum(amount), max(n) FROM events"}`))
	if p.Status != 422 || !strings.Contains(p.Detail, "; amount is text") || !strings.Contains(p.Detail, "props_num['amount']") {
		t.Errorf("%+v", p)
	}
	if w := post(h, who, `{"sql":"SELECT sum(props_num['amount']) FROM events FORMAT TSV"}`); w.Body.String() != "10\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if p := problemIn(t, post(h, who, `{"sql":"SELECT sum(path) FROM events"}`)); !strings.Contains(p.Detail, "code 43") || strings.Contains(p.Detail, "is text") {
		t.Errorf("%+v", p)
	}
}

// BenchmarkRouter asks the engine directly, and through the service: what the router adds to a light and to a heavy statement.
func BenchmarkRouter(b *testing.B) {
	c := engine(b)
	testkit.Exec(b, c, "INSERT INTO weir.events (tenant, ts, type, path, client_id) SELECT 'heavy', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number % 86400, 'pageview', concat('/', toString(number % 1000)), toString(number % 100000) FROM numbers(3000000)")
	who := tenant.Principal{Tenant: "heavy", Role: tenant.RoleAnalyst, KeyID: "k"}
	d := &desk{}
	deps := d.deps(c)
	deps.Watcher = c
	h := newService(b, Config{}, deps)
	for name, sql := range map[string]string{"light": "SELECT count() FROM events WHERE type = 'nothing'", "heavy": "SELECT path, uniq(client_id) AS u FROM events GROUP BY path ORDER BY u DESC, path LIMIT 10"} {
		checked, err := h.guard.Check(sql, Scope{Tenant: "heavy"})
		if err != nil {
			b.Fatal(err)
		}
		raw := strings.ReplaceAll(sql, "FROM events", "FROM weir.events")
		raw = strings.Replace(raw, "WHERE ", "WHERE tenant = 'heavy' AND ", 1)
		if !strings.Contains(raw, "WHERE") {
			raw = strings.Replace(raw, "FROM weir.events", "FROM weir.events WHERE tenant = 'heavy'", 1)
		}
		for _, direct := range []clickhouse.Statement{{SQL: raw}, {SQL: checked.SQL, Tenant: "heavy"}} {
			kind := "engine"
			if direct.Tenant != "" {
				kind = "engine+barrier"
			}
			direct.Settings, direct.Format = h.settings, "JSON"
			b.Run(name+"/"+kind, func(b *testing.B) {
				for b.Loop() {
					res, err := c.Query(b.Context(), direct)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, res.Body); err != nil {
						b.Fatal(err)
					}
					res.Body.Close()
				}
			})
		}
		body, err := json.Marshal(map[string]string{"sql": sql})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/router", func(b *testing.B) {
			for b.Loop() {
				if w := post(h, who, string(body)); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
