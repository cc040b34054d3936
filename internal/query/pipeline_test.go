package query

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/audit"
	"weir/internal/cache"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

// desk is a gate, a sink and a price book that note what they are told.
type desk struct {
	mu       sync.Mutex
	refuse   *problem.Problem
	blocked  *problem.Problem
	estimate usage.Estimate
	asked    []usage.Question
	done     []usage.Record
	records  []usage.Record
	open     int // tickets that were not given back
}

func (d *desk) Estimate(q usage.Question) usage.Estimate {
	if q.Measured != nil {
		return *q.Measured
	}
	return d.estimate
}

func (d *desk) Admit(q usage.Question, _ <-chan struct{}) (usage.Ticket, *problem.Problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, q)
	if d.refuse != nil {
		return nil, d.refuse
	}
	d.open++
	return ticket{d}, nil
}

func (d *desk) Blocked(usage.Subject, usage.Kind) *problem.Problem { return d.blocked }

type ticket struct{ *desk }

func (ticket) Waited() time.Duration { return 0 }

func (t ticket) Done(r usage.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	t.done = append(t.done, r)
}

func (d *desk) Record(r usage.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records = append(d.records, r)
}

func (d *desk) Price(r usage.Record) (float64, string) { return r.CPU.Seconds() * 2, "EUR" }

func (d *desk) Remaining(t tenant.ID) (float64, bool) { return 7, t == "acme" }

// data is a tenant's data at a version.
type data struct {
	mu       sync.Mutex
	version  uint64
	busy     bool
	snapshot token.Token
	acked    token.Token
}

func (d *data) DataVersion(tenant.ID) (uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.version, !d.busy
}

func (d *data) Given(_ tenant.ID, to token.Token) bool {
	return !slices.ContainsFunc(to, func(p token.Pair) bool { return p.Offset > 1000 })
}

func (d *data) Distance(tenant.ID, token.Token) (records uint64, late int, lag time.Duration) {
	return 16, 3, 1500 * time.Millisecond
}

func (d *data) set(version uint64, busy bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version, d.busy = version, busy
}

func (d *data) Snapshot(tenant.ID) token.Token     { return d.snapshot }
func (d *data) Acknowledged(tenant.ID) token.Token { return d.acked }

// tenantsOf is a catalog of one tenant.
type tenantsOf struct {
	t      catalog.Tenant
	strong bool
}

func (c tenantsOf) TenantByID(tenant.ID) (catalog.Tenant, bool) { return c.t, true }
func (c tenantsOf) Strong(tenant.ID) bool                       { return c.strong }

func newService(t testing.TB, cfg Config, d Deps) *Handler {
	t.Helper()
	if d.Visibility == nil {
		d.Visibility = visibility{0: 10, 1: 5}
	}
	svc, err := NewService(cfg, d, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return NewHandler(svc)
}

func newCache(t testing.TB, cfg cache.Config) *cache.Cache {
	t.Helper()
	c, err := cache.New(cfg, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (d *desk) deps(e Engine) Deps { return Deps{Engine: e, Gate: d, Sink: d, Pricer: d} }

// Who asks and does not take the answer gives the place back when the statement's time is over, not when they go.
func TestSlowReaderGivesPlaceBack(t *testing.T) {
	d := &desk{}
	h := newService(t, Config{MaxTime: time.Second}, d.deps(&fakeEngine{body: strings.Repeat("x", 1<<20)}))
	h.grace = -time.Second + 20*time.Millisecond
	ans, p := h.Ask(t.Context(), &Question{Who: analyst, Door: DoorAPI, SQL: "SELECT 1"})
	if p != nil {
		t.Fatal(p)
	}
	if _, err := io.ReadFull(ans.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	open := func() int {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.open
	}
	for deadline := time.Now().Add(time.Minute); open() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the place is still taken")
		}
	}
	if n, err := io.ReadAll(ans.Body); !errors.Is(err, context.DeadlineExceeded) || len(n) > 0 {
		t.Errorf("%d more bytes, %v: a part would look like the whole", len(n), err)
	}
	if p := h.Problem(t.Context(), &Question{}, context.DeadlineExceeded); p.Code != "query_too_slow" {
		t.Errorf("the problem is %v", p)
	}
	if err := ans.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if len(d.records) != 1 || !d.records[0].Partial || d.records[0].BytesOut != 1000 || d.records[0].BytesScanned != 22 {
		t.Errorf("charged %+v", d.records)
	}
	// What is whole when its time ends stays whole.
	h.grace = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	ans, p = h.Ask(ctx, &Question{Who: analyst, Door: DoorAPI, SQL: "SELECT 1"})
	if p != nil {
		t.Fatal(p)
	}
	if b, err := io.ReadAll(ans.Body); err != nil || len(b) != 1<<20 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	cancel()
	if n, err := ans.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	if err := ans.Body.Close(); err != nil || d.records[1].Partial || d.open != 0 || len(d.records) != 2 {
		t.Errorf("%v, %+v", err, d.records)
	}
}

func TestEveryStatementIsCharged(t *testing.T) {
	used := clickhouse.Summary{CPU: 3 * time.Second, ReadRows: 5, ReadBytes: 50, PeakMemory: 1000, Elapsed: 2 * time.Second}
	for name, c := range map[string]struct {
		e    *fakeEngine
		want usage.Record
	}{
		"answered":             {&fakeEngine{body: engineJSON}, usage.Record{CPU: 1500 * time.Millisecond, RowsRead: 11, BytesScanned: 22, BytesOut: uint64(len(engineJSON))}},
		"refused by engine":    {&fakeEngine{err: &clickhouse.Error{Code: 241, Summary: used}}, usage.Record{Partial: true, CPU: 3 * time.Second, RowsRead: 5, BytesScanned: 50, MemorySeconds: 2000}},
		"failed half-way":      {&fakeEngine{body: "{", breakErr: &clickhouse.Error{Code: 241, Summary: used}}, usage.Record{Partial: true, CPU: 3 * time.Second, RowsRead: 5, BytesScanned: 50, MemorySeconds: 2000, BytesOut: 1}},
		"engine is restarting": {&fakeEngine{err: clickhouse.ErrUnavailable}, usage.Record{Partial: true}},
	} {
		d := &desk{}
		w := post(newService(t, Config{}, d.deps(c.e)), tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k1"}, `{"sql":"SELECT 1 AS n"}`)
		c.want.Kind, c.want.Count = usage.KindQuery, 1
		c.want.Subject = usage.Subject{Tenant: "acme", User: "key:k1", Role: tenant.RoleAnalyst}
		ignore := cmpopts.IgnoreFields(usage.Record{}, "At", "Shape")
		if name == "answered" || name == "engine is restarting" {
			ignore = cmpopts.IgnoreFields(usage.Record{}, "At", "Shape", "MemorySeconds")
		}
		if diff := cmp.Diff([]usage.Record{c.want}, d.records, ignore); diff != "" {
			t.Errorf("%s: %d; records (-want +got): %s", name, w.Code, diff)
		}
		if len(d.done) != 1 || d.open != 0 || cmp.Diff(d.records, d.done) != "" {
			t.Errorf("%s: %d tickets are out, %d were given back", name, d.open, len(d.done))
		}
	}
}

func TestCostIsPriced(t *testing.T) {
	d := &desk{}
	w := post(newService(t, Config{}, d.deps(&fakeEngine{body: engineJSON})), analyst, `{"sql":"SELECT 1 AS n"}`)
	var body struct{ Cost usage.Cost }
	var head usage.Cost
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(w.Header().Get(headerCost)), &head); err != nil {
		t.Fatal(err)
	}
	left := 7.0
	want := usage.Cost{Amount: 3, Currency: "EUR", CPUSeconds: 1.5, MemoryBytes: 33, RowsRead: 11, BytesRead: 22, Remaining: &left}
	if diff := cmp.Diff(want, body.Cost) + cmp.Diff(want, head); diff != "" {
		t.Error(diff)
	}
}

func TestGateRefuses(t *testing.T) {
	d := &desk{refuse: problem.New(429, "too_many_queries", "wait").WithRetry(3 * time.Second)}
	e := &fakeEngine{body: engineJSON}
	w := run(newService(t, Config{}, d.deps(e)), "SELECT 1")
	if p := problemIn(t, w); w.Code != 429 || p.Code != "too_many_queries" || w.Header().Get("Retry-After") != "3" || len(e.got) > 0 || len(d.records) > 0 {
		t.Errorf("%d %+v, %d statements ran", w.Code, p, len(e.got))
	}
}

func TestResultLimitOfTheTenant(t *testing.T) {
	d := Deps{Engine: &fakeEngine{body: engineJSON}, Tenants: tenantsOf{t: catalog.Tenant{Limits: catalog.Limits{ResultBytes: 40}}}}
	p := problemIn(t, run(newService(t, Config{}, d), "SELECT 1"))
	if p.Code != "result_too_large" || p.Limit != "limits.result_bytes" || p.LimitValue != 40 {
		t.Errorf("%+v", p)
	}
}

// The ticket's settings go over the question's, and those over nothing that bounds the statement.
func TestSettings(t *testing.T) {
	s := newService(t, Config{MaxThreads: 4}, Deps{})
	a := &asking{Service: s.Service, checked: &Checked{}, q: &Question{Settings: map[string]string{"max_execution_time": "999", "output_format_json_quote_64bit_integers": "1", "extremes": "1"}}}
	got := a.engineSettings(tuned{ticket{&desk{}}})
	for name, want := range map[string]string{"max_execution_time": "15", "output_format_json_quote_64bit_integers": "1", "extremes": "1", "max_threads": "1", "priority": "9"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if s.settings["max_threads"] != "4" {
		t.Error("the shared settings were changed")
	}
	a.q = &Question{Door: DoorJob}
	if got := a.engineSettings(nil); got["max_execution_time"] != "900" {
		t.Errorf("a job may run %s s", got["max_execution_time"])
	}
}

type tuned struct{ ticket }

func (tuned) Settings() map[string]string {
	return map[string]string{"max_threads": "1", "priority": "9"}
}

// A client that leaves is charged for what its statement used until the engine had ended it.
func TestLeavingIsCharged(t *testing.T) {
	d := &desk{}
	deps := d.deps(&fakeEngine{body: engineJSON})
	deps.Watcher = &watcher{}
	s := newService(t, Config{}, deps)
	ctx, cancel := context.WithCancel(t.Context())
	a, p := s.Ask(ctx, &Question{Who: analyst, Door: DoorAPI, SQL: "SELECT 1"})
	if p != nil {
		t.Fatal(p)
	}
	if _, err := io.ReadFull(a.Body, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	cancel()
	a.Body.Close()
	a.Body.Close()
	if len(d.records) != 1 || d.records[0].CPU != 9*time.Second || d.records[0].BytesOut != 3 || d.open != 0 {
		t.Errorf("%+v", d.records)
	}
}

// watcher says at the second time that a statement has ended.
type watcher struct{ asked int }

func (w *watcher) Process(context.Context, string) (clickhouse.Process, error) {
	w.asked++
	return clickhouse.Process{Summary: clickhouse.Summary{CPU: 9 * time.Second}, Ended: w.asked > 1}, nil
}

func TestBoundsOfTheQuestion(t *testing.T) {
	estimate := "database\ttable\tparts\trows\tmarks\nweir\tevents\t3\t1000\t5\nweir\trollup\t1\t24\t1\n"
	for _, c := range []struct {
		body, code, field string
		value             float64
	}{
		{`{"sql":"SELECT path FROM events","max_bytes":1000}`, "over_max_bytes", "max_bytes", 1000},
		{`{"sql":"SELECT path FROM events","max_cost":1e-15}`, "over_max_cost", "max_cost", 1e-15},
		{`{"sql":"SELECT path FROM events","max_bytes":1000,"dry_run":true}`, "over_max_bytes", "max_bytes", 1000},
	} {
		d, e := &desk{}, &fakeEngine{body: estimate}
		deps := d.deps(e)
		deps.Gate = nil
		w := post(newService(t, Config{}, deps), analyst, c.body)
		p := problemIn(t, w)
		if w.Code != 422 || p.Code != c.code || p.Field != c.field || p.Limit != c.field || p.LimitValue != c.value || len(e.got) != 1 || !strings.HasPrefix(e.got[0].SQL, "EXPLAIN ESTIMATE ") || e.got[0].Tenant != "acme" {
			t.Errorf("%s: %d %+v; ran %d", c.body, w.Code, p, len(e.got))
		}
	}
	// Without a gate the condition of SHOW is planned too, and nothing else of it.
	for sql, ran := range map[string]string{"SHOW TABLES WHERE name IN (SELECT path FROM events)": "EXPLAIN ESTIMATE ", "SHOW TABLES": "", "SHOW TABLES WHERE name = 'x'": "", "DESCRIBE events": ""} {
		d, e := &desk{}, &fakeEngine{body: estimate}
		deps := d.deps(e)
		deps.Gate = nil
		w := post(newService(t, Config{}, deps), analyst, `{"sql":"`+sql+`","max_bytes":1000}`)
		if planned := len(e.got) == 1 && strings.HasPrefix(e.got[0].SQL, "EXPLAIN ESTIMATE "); (w.Code == 422) != (ran != "") || planned != (ran != "") {
			t.Errorf("%s: %d %s; %d ran", sql, w.Code, w.Body, len(e.got))
		}
	}
	// What the gate has learned is not asked for again.
	d, e := &desk{estimate: usage.Estimate{Bytes: 10, Amount: 0.5, Learned: true}}, &fakeEngine{body: engineJSON}
	h := newService(t, Config{}, d.deps(e))
	if w := post(h, analyst, `{"sql":"SELECT 1","max_cost":0.4}`); w.Code != 422 || len(e.got) != 0 {
		t.Errorf("above: %d, %d ran", w.Code, len(e.got))
	}
	if w := post(h, analyst, `{"sql":"SELECT 1","max_cost":0.6,"max_bytes":10}`); w.Code != 200 || len(e.got) != 1 || d.asked[0].MaxCost != 0.6 {
		t.Errorf("below: %d, %d ran", w.Code, len(e.got))
	}
}

// A plan waits for its turn like a statement, and nothing is run for it.
func TestPlanningIsAdmitted(t *testing.T) {
	for _, body := range []string{`{"sql":"SELECT path FROM events","dry_run":true}`, `{"sql":"SELECT path FROM events","max_bytes":1000000}`} {
		d, e := &desk{}, &fakeEngine{body: "rows\n10\n"}
		w := post(newService(t, Config{}, d.deps(e)), analyst, body)
		if strings.Contains(body, "dry_run") && !strings.Contains(w.Header().Get(headerCost), `"cpu_seconds":1.5`) {
			t.Errorf("%s: cost %q", body, w.Header().Get(headerCost))
		}
		if w.Code/100 == 4 || len(d.asked) == 0 || !strings.HasPrefix(d.asked[0].Shape, "plan/") || d.asked[0].Columns != nil || d.open != 0 || strings.Contains(d.records[0].Shape, "/") {
			t.Errorf("%s: %d %s; admitted %+v, %d open, records %+v", body, w.Code, w.Body, d.asked, d.open, d.records)
		}
		d, e = &desk{refuse: problem.New(429, "over_limit", "full").WithLimit("limits.queries", 1)}, &fakeEngine{}
		if w := post(newService(t, Config{}, d.deps(e)), analyst, body); w.Code != 429 || len(e.got) != 0 {
			t.Errorf("%s: %d %s; %d statements ran", body, w.Code, w.Body, len(e.got))
		}
	}
	for _, sql := range []string{"SELECT (SELECT uniq(path) FROM events)", "SELECT count() FROM events WHERE path IN (SELECT path FROM events)", "SELECT 1 WHERE EXISTS (SELECT 1 FROM events)",
		"WITH x AS (SELECT path FROM events) SELECT count() FROM events WHERE path IN x", "WITH (SELECT max(ts) FROM events) AS m SELECT m", "WITH x AS (SELECT (SELECT 1 FROM events) AS y) SELECT y FROM x",
		"SHOW TABLES WHERE name IN (SELECT path FROM events)", "SHOW COLUMNS FROM events WHERE 1 = (SELECT count() FROM events)"} {
		d, e := &desk{estimate: usage.Estimate{Bytes: 1000}}, &fakeEngine{body: "rows\n10\n"}
		h := newService(t, Config{}, d.deps(e))
		if w := post(h, analyst, `{"sql":"`+sql+`","dry_run":true}`); w.Code != 200 || len(e.got) != 0 || !strings.Contains(w.Body.String(), `"measured":false`) {
			t.Errorf("%s: %d %s; %d statements ran", sql, w.Code, w.Body, len(e.got))
		}
		if w := post(h, analyst, `{"sql":"`+sql+`","max_bytes":999}`); w.Code != 422 || len(e.got) != 0 {
			t.Errorf("%s: %d %s; %d statements ran", sql, w.Code, w.Body, len(e.got))
		}
	}
	for _, sql := range []string{"WITH x AS (SELECT path FROM events) SELECT path FROM x", "SELECT path FROM (SELECT path FROM events)", "SELECT path FROM events WHERE path IN ('a', 'b')", "SELECT * FROM sessions"} {
		if c, err := NewGuard().Check(sql, Scope{Tenant: "acme"}); err != nil || c.Nested {
			t.Errorf("%s: nested %v, %v", sql, c.Nested, err)
		}
	}
}

// TestLenientDryRun: who asks while somebody writes has what is wrong with the statement as part of the answer; anything else stays a failure.
func TestLenientDryRun(t *testing.T) {
	over := problem.New(429, "over_limit", "full").WithLimit("limits.queries", 1)
	for _, c := range []struct {
		body, prefer string
		refuse       *problem.Problem
		status       int
		code         string
	}{
		{`{"sql":"SELECT (path","dry_run":true}`, "handling=lenient", nil, 200, "query_syntax"},
		{`{"sql":"SELECT pth FROM events","dry_run":true}`, `foo, Handling="lenient"; x`, nil, 200, "unknown_column"},
		{`{"sql":"SELECT path FROM events","max_bytes":1,"dry_run":true}`, "handling=lenient", nil, 200, "over_max_bytes"},
		{`{"sql":"SELECT (path","dry_run":true}`, "", nil, 400, "query_syntax"},
		{`{"sql":"SELECT (path","dry_run":true}`, "handling=strict", nil, 400, "query_syntax"},
		{`{"sql":"SELECT (path"}`, "handling=lenient", nil, 400, "query_syntax"},
		{`{"sql":"SELECT path FROM events","dry":true}`, "handling=lenient", nil, 422, "unknown_field"},
		{`{"sql":"SELECT path FROM events","dry_run":true}`, "handling=lenient", over, 429, "over_limit"},
		{`{"sql":"SELECT path FROM events","dry_run":true}`, "handling=lenient", nil, 200, ""},
	} {
		d := &desk{estimate: usage.Estimate{Bytes: 1000}, refuse: c.refuse}
		h := newService(t, Config{}, d.deps(&fakeEngine{body: "rows\n10\n"}))
		r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(c.body))
		r.Header.Set("Prefer", c.prefer)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), analyst)))
		var got struct {
			problem.Problem
			Estimate *Plan
			Within   *problem.Problem `json:"problem"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		said := got.Problem.Code
		if got.Within != nil {
			said = got.Within.Code
		}
		if w.Code != c.status || said != c.code || (got.Within != nil) != (c.status == 200 && c.code != "") || (got.Estimate != nil) != (c.code == "") {
			t.Errorf("%s, Prefer: %s: %d %s", c.body, c.prefer, w.Code, w.Body)
		}
	}
}

// TestDryRunIsAudited: a plan tells something of the data, so that who asked for one is recorded, with what it cost.
func TestDryRunIsAudited(t *testing.T) {
	h, records := newHandler(t, Config{}, engine(t)), &recorder{}
	h.deps.Audit = records
	for _, sql := range []string{"SELECT path FROM events", "SELECT pth FROM events"} {
		post(h, analyst, `{"sql":"`+sql+`","dry_run":true}`)
	}
	if len(records.list) != 2 || records.gathered != 2 {
		t.Fatalf("recorded %+v", records)
	}
	if e := records.list[0]; e.Action != audit.Estimate || e.Outcome != audit.OK || e.Tenant != analyst.Tenant || e.Text != "SELECT path FROM events" || e.Cost == nil || e.Cost.CPUSeconds <= 0 {
		t.Errorf("recorded %+v", e)
	}
	if e := records.list[1]; e.Action != audit.Estimate || e.Outcome != "unknown_column" || e.Text != "SELECT pth FROM events" {
		t.Errorf("recorded %+v", e)
	}
}

func TestDryRun(t *testing.T) {
	d, e := &desk{}, &fakeEngine{body: "database\ttable\tparts\trows\tmarks\nweir\tevents\t3\t1000\t5\n"}
	deps := d.deps(e)
	deps.Gate = nil
	w := post(newService(t, Config{}, deps), analyst, `{"sql":"SELECT path FROM events","dry_run":true}`)
	var got struct{ Estimate Plan }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	p := got.Estimate
	if p.Rows != 8192 || p.Bytes == 0 || p.Class != usage.Cheap || p.Currency != "EUR" || !p.Measured || len(e.got) != 1 || len(d.records) != 1 {
		t.Errorf("%s", w.Body)
	}
	for _, bad := range []string{"", "a\tb\n1\t2\n", "rows\nx\n", "a\trows\n1\n"} {
		if n, err := readEstimate(strings.NewReader(bad)); err == nil && n != 0 {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

func TestAsOfAndStrong(t *testing.T) {
	tok := func(pairs ...token.Pair) string { return token.Token(nil).Merge(pairs...).String() }
	v := &data{snapshot: token.Token{{Partition: 0, Offset: 9}, {Partition: 1, Offset: 4}}}
	e := &fakeEngine{body: engineJSON}
	h := newService(t, Config{TokenWait: 10 * time.Millisecond}, Deps{Engine: e, Data: v})
	p := problemIn(t, post(h, analyst, `{"sql":"SELECT 1","as_of":"`+tok(token.Pair{Partition: 0, Offset: 3})+`"}`))
	if p.Status != 422 || p.Code != "incomplete_token" || p.Field != "as_of" || !strings.Contains(p.Detail, "1 of the 2") {
		t.Errorf("%+v", p)
	}
	p = problemIn(t, post(h, analyst, `{"sql":"SELECT 1","as_of":"`+tok(token.Pair{Partition: 0, Offset: 3}, token.Pair{Partition: 1, Offset: 20})+`"}`))
	if p.Status != 503 || p.Field != "as_of" || !strings.Contains(p.Detail, "1 of the 2 partitions") || !strings.Contains(p.Detail, "16 log records and 3 late rows are to come, the oldest is 1.5 seconds behind") {
		t.Errorf("%+v", p)
	}
	p = problemIn(t, post(h, analyst, `{"sql":"SELECT 1","min_token":"`+tok(token.Pair{Partition: 0, Offset: 5000})+`"}`))
	if p.Status != 422 || p.Code != "unknown_token" || p.Field != "min_token" {
		t.Errorf("%+v", p)
	}
	// A strong source waits for what was acknowledged, without a token.
	v.acked = token.Token{{Partition: 1, Offset: 5}}
	strong := newService(t, Config{TokenWait: 10 * time.Millisecond}, Deps{Engine: e, Data: v, Tenants: tenantsOf{strong: true}})
	if p := problemIn(t, run(strong, "SELECT 1")); p.Status != 503 || p.Code != "not_visible_yet" || len(e.got) != 0 {
		t.Errorf("%+v", p)
	}
	v.acked = token.Token{{Partition: 1, Offset: 4}}
	if w := run(strong, "SELECT 1"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// What is refused anyway does not wait.
	v.acked = token.Token{{Partition: 1, Offset: 5}}
	if w := run(strong, "SELECT sleep(1)"); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
