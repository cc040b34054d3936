package report

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	refuse  *problem.Problem
	asked   []usage.Question
	done    []usage.Record
	records []usage.Record
}

func (d *desk) Estimate(usage.Question) usage.Estimate { return usage.Estimate{} }

func (d *desk) Admit(q usage.Question, _ <-chan struct{}) (usage.Ticket, *problem.Problem) {
	d.asked = append(d.asked, q)
	if d.refuse != nil {
		return nil, d.refuse
	}
	return ticket{d}, nil
}

type ticket struct{ *desk }

func (ticket) Waited() time.Duration                   { return 0 }
func (t ticket) Done(r usage.Record)                   { t.done = append(t.done, r) }
func (ticket) Settings() map[string]string             { return map[string]string{"max_threads": "1"} }
func (d *desk) Record(r usage.Record)                  { d.records = append(d.records, r) }
func (d *desk) Price(r usage.Record) (float64, string) { return r.CPU.Seconds() * 2, "EUR" }
func (d *desk) Remaining(tenant.ID) (float64, bool)    { return 7, true }

// data is a tenant's data at a version.
type data struct {
	version   uint64
	unsettled bool
	acked     token.Token
}

func (d *data) DataVersion(tenant.ID) (uint64, bool) { return d.version, !d.unsettled }
func (d *data) Snapshot(tenant.ID) token.Token       { return token.Token{{Partition: 1, Offset: 9}} }
func (d *data) Acknowledged(tenant.ID) token.Token   { return d.acked }

func (d *data) WaitVisibleTo(ctx context.Context, _ tenant.ID, to token.Token) error {
	if len(to) == 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func reporterOf(t testing.TB, d Deps, cfg Config) *Reporter {
	t.Helper()
	if d.Sources == nil {
		d.Sources = testSources
	}
	c := clock{asOf: noon, positions: map[string]map[uint16]uint64{}}
	d.Clock, d.Positions = c, c
	r, err := New(cfg, d, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r.now = func() time.Time { return noon }
	r.counted = time.Now()
	return r
}

func newCache(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.New(cache.Config{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// counting answers every statement, and says what it used.
type counting struct {
	mu     sync.Mutex // statements of one question run at once
	ran    []clickhouse.Statement
	rows   string
	err    error
	during func()
}

func (e *counting) Rows(_ context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	e.mu.Lock()
	e.ran = append(e.ran, s)
	e.mu.Unlock()
	if e.during != nil {
		e.during()
	}
	used := clickhouse.Summary{CPU: time.Second, ReadRows: 10, ReadBytes: 100, PeakMemory: 1000, Elapsed: 2 * time.Second}
	if e.err != nil {
		return clickhouse.Summary{}, e.err
	}
	rows, err := decodeRows(e.rows)
	if err != nil {
		return used, err
	}
	for _, r := range rows {
		if err := fn(r); err != nil {
			return used, err
		}
	}
	return used, nil
}

const fixed = "/api/v1/analytics/site/report?from=2026-03-01&to=2026-03-07&group_by=props.plan&totals=false"

func TestReportsAreChargedAndKept(t *testing.T) {
	d, v, e := &desk{}, &data{version: 1}, &counting{rows: `[["pro", 5]]`}
	h := serve(reporterOf(t, Deps{Engine: e, Gate: d, Sink: d, Pricer: d, Data: v, Cache: newCache(t)}, Config{}), acmeViewer)
	ask := func(target string, runs int, cached string) (http.Header, string) {
		t.Helper()
		status, head, body := call(t, h, "GET", target, "")
		if status != 200 || len(e.ran) != runs || head.Get("X-Weir-Cache") != cached || head.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d, %d statements ran, want %d; cache %q, want %q: %s", target, status, len(e.ran), runs, head.Get("X-Weir-Cache"), cached, body)
		}
		return head, body
	}
	head, first := ask(fixed+"&compare=previous", 2, "miss")
	want := usage.Record{Subject: usage.Subject{Tenant: "acme", Source: "site", User: "key:k", Role: tenant.RoleViewer}, Kind: usage.KindReport,
		CPU: 2 * time.Second, MemorySeconds: 4000, BytesScanned: 256 << 10, RowsRead: 8192, BytesOut: uint64(len(first)), Count: 1}
	got := d.records[0]
	got.At = time.Time{}
	if len(got.Shape) != 16 {
		t.Errorf("shape %q", got.Shape)
	}
	got.Shape = ""
	if got != want || len(d.done) != 1 || len(d.records) != 1 || d.asked[0].Kind != usage.KindReport || d.asked[0].From.IsZero() {
		t.Errorf("charged %+v\nwant    %+v", got, want)
	}
	var cost usage.Cost
	if err := json.Unmarshal([]byte(head.Get("X-Weir-Cost")), &cost); err != nil || cost.Amount != 4 || cost.Currency != "EUR" || *cost.Remaining != 7 || cost.MemoryBytes != 1000 {
		t.Errorf("cost %s", head.Get("X-Weir-Cost"))
	}
	if e.ran[0].Settings["max_threads"] != "1" || e.ran[0].Settings["max_execution_time"] != "15" {
		t.Errorf("settings %v", e.ran[0].Settings)
	}
	if head.Get("X-Weir-Snapshot") == "" {
		t.Error("no snapshot")
	}
	if _, second := ask(fixed+"&compare=previous", 2, "hit"); first != second {
		t.Errorf("the answers differ:\n%s\n%s", first, second)
	}
	if r := d.records[1]; r.Kind != usage.KindCache || r.RowsRead != 0 || r.CPU <= 0 || r.CPU > 500*time.Millisecond || len(d.asked) != 1 {
		t.Errorf("a hit is charged as %+v", r)
	}
	ask(fixed, 3, "miss")
	ask(fixed+"&limit=5", 4, "miss")
	ask(fixed, 4, "hit")
	v.version = 2
	ask(fixed, 5, "miss")
	v.unsettled = true
	ask(fixed, 6, "miss")
	v.unsettled = false
	ask(fixed, 6, "hit")
	e.during = func() { v.version++ }
	ask(fixed+"&limit=7", 7, "miss")
	e.during = nil
	ask(fixed+"&limit=7", 8, "miss")
}

// TestMergeUndoneMeanwhile: an answer during which a merge was undone is not kept for those who ask when it is restored.
func TestMergeUndoneMeanwhile(t *testing.T) {
	e, merges := &counting{rows: `[["pro", 5]]`}, fakeMerges{}
	h := serve(reporterOf(t, Deps{Engine: e, Data: &data{version: 1}, Cache: newCache(t), Merges: merges}, Config{}), acmeViewer)
	for i, want := range []string{"miss", "miss", "hit"} {
		if e.during = nil; i == 0 {
			e.during = func() { merges["0123"] = true }
		}
		if status, head, body := call(t, h, "GET", fixed, ""); status != 200 || head.Get("X-Weir-Cache") != want {
			t.Errorf("%d: %d, %q, want a %s: %s", i, status, head.Get("X-Weir-Cache"), want, body)
		}
		delete(merges, "0123")
	}
}

func TestFailedReportsAreCharged(t *testing.T) {
	d := &desk{}
	e := &counting{err: &clickhouse.Error{Code: 241, Summary: clickhouse.Summary{CPU: 3 * time.Second, ReadRows: 4}}}
	status, _, body := call(t, serve(reporterOf(t, Deps{Engine: e, Gate: d, Sink: d}, Config{}), acmeViewer), "GET", fixed, "")
	if status != 422 || !strings.Contains(body, "query.memory") || len(d.records) != 1 || d.records[0].CPU != 3*time.Second || !d.records[0].Partial || len(d.done) != 1 {
		t.Errorf("%d %s: %+v", status, body, d.records)
	}
	d = &desk{refuse: problem.New(429, "over", "no").WithRetry(2 * time.Second)}
	status, head, _ := call(t, serve(reporterOf(t, Deps{Engine: e, Gate: d, Sink: d}, Config{}), acmeViewer), "GET", fixed, "")
	if status != 429 || head.Get("Retry-After") != "2" || len(d.records) != 0 {
		t.Errorf("%d %v", status, head)
	}
}

func TestStrongSourcesWait(t *testing.T) {
	v, e := &data{version: 1}, &counting{rows: `[["pro", 5]]`}
	strong := true
	h := serve(reporterOf(t, Deps{Engine: e, Data: v, Strong: func(tenant.ID) bool { return strong }}, Config{TokenWait: 10 * time.Millisecond}), acmeViewer)
	for _, c := range []struct {
		strong bool
		acked  token.Token
		want   int
	}{{true, nil, 200}, {true, token.Token{{Partition: 0, Offset: 1}}, 503}, {false, token.Token{{Partition: 0, Offset: 1}}, 200}} {
		strong, v.acked = c.strong, c.acked
		if status, head, body := call(t, h, "GET", fixed, ""); status != c.want || (status == 503) != (head.Get("Retry-After") != "") {
			t.Errorf("%+v: %d %s", c, status, body)
		}
	}
}

// What a role does not see, it cannot find out by counting either.
func TestMaskedColumns(t *testing.T) {
	masks := []catalog.Mask{{Column: "country", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide},
		{Column: "plan", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHash}, {Column: "path", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide}}
	e := &counting{rows: `[[1, 0, 0]]`}
	r := reporterOf(t, Deps{Engine: e, Masks: func(tenant.ID) []catalog.Mask { return masks }}, Config{})
	admin := tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "a"}
	for _, c := range []struct {
		who   tenant.Principal
		query string
		want  int
		field string
	}{
		{acmeViewer, "group_by=country", 403, "group_by"}, {acmeViewer, "filter=country:DE", 403, "filter"}, {acmeViewer, "group_by=props.plan", 403, "group_by"},
		{acmeViewer, "filter=browser:x", 200, ""}, {admin, "filter=country:DE", 200, ""},
	} {
		status, _, body := call(t, serve(r, c.who), "GET", "/api/v1/analytics/site/report?from=1d&"+c.query, "")
		if status != c.want || c.field != "" && !strings.Contains(body, `"field":"`+c.field+`"`) {
			t.Errorf("%s as %s: %d %s", c.query, c.who.Role, status, body)
		}
	}
	e.rows = `[[3, 20, [["http://x/", 4]]]]`
	if _, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/realtime", ""); !strings.Contains(body, `"top_pages":[]`) || !strings.Contains(body, `"active_users":3`) {
		t.Errorf("realtime of a viewer: %s", body)
	}
	masks = append(masks, catalog.Mask{Column: "client_id", Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide})
	if _, _, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/realtime", ""); !strings.Contains(body, `"active_users":null`) {
		t.Errorf("realtime of a viewer who sees no client ids: %s", body)
	}
	if _, _, body := call(t, serve(r, admin), "GET", "/api/v1/analytics/site/realtime", ""); !strings.Contains(body, `"views":4`) {
		t.Errorf("realtime of an admin: %s", body)
	}
}

// Ranges that end now are the same question for a while, and hold everything that has come.
func TestRangesThatMove(t *testing.T) {
	for _, c := range []struct {
		from, to, now, want string
	}{
		{"1h", "", "12:00:00.4", "11:00:01 12:00:01"},
		{"1h", "now", "12:00:00", "11:00:00 12:00:00"},
		{"24h", "", "12:00:00.4", "12:00:10 12:00:10"},
		{"7d", "", "12:00:00.001", "12:01:00 12:01:00"},
		{"7d", "1h", "12:00:30", "11:01:00 11:01:00"},
		{"2026-03-10T10:00:00Z", "now", "10:30:00.5", "10:00:00 10:30:01"},
		{"2026-03-09T10:00:00.7Z", "2026-03-10T10:00:00.9Z", "10:30:00.5", "10:00:00 10:00:00"},
	} {
		now, err := time.Parse("2006-01-02 15:04:05", "2026-03-10 "+c.now)
		if err != nil {
			t.Fatal(err)
		}
		q, p := ask{From: c.from, To: c.to}.question(testSources["site"], now, time.LoadLocation)
		if p != nil {
			t.Fatal(p)
		}
		if got := q.From.Format("15:04:05") + " " + q.To.Format("15:04:05"); got != c.want {
			t.Errorf("%s to %q at %s: %s, want %s", c.from, c.to, c.now, got, c.want)
		}
	}
}

// BenchmarkCachedPanel asks for one panel again and again: in process, and over a connection.
func BenchmarkCachedPanel(b *testing.B) {
	d := &desk{}
	var rows []string
	for i := range 20 {
		rows = append(rows, `["/products/`+string(rune('a'+i))+`", 1234567]`)
	}
	e := &counting{rows: "[" + strings.Join(rows, ",") + "]"}
	h := serve(reporterOf(b, Deps{Engine: e, Gate: d, Data: &data{version: 1}, Pricer: d, Cache: newCache(b)}, Config{}), acmeViewer)
	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", fixed, nil))
			if w.Code != 200 {
				b.Fatal(w.Body)
			}
		}
	})
	b.Run("http", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &http.Server{Handler: h}
		go s.Serve(l)
		defer s.Close()
		c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				resp, err := c.Get("http://" + l.Addr().String() + fixed)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	})
	if len(e.ran) != 1 {
		b.Errorf("%d statements ran", len(e.ran))
	}
}

// A panic gives the place in admission back.
func TestPanicGivesThePlaceBack(t *testing.T) {
	for _, q := range []string{fixed, strings.Replace(fixed, "props.plan", "country", 1) + "&compare=previous&metric=visitors,sessions"} { // one statement, and several at once
		d, e := &desk{}, &counting{rows: `[["pro", 5]]`, during: func() { panic("for the test") }}
		h := serve(reporterOf(t, Deps{Engine: e, Gate: d}, Config{}), acmeViewer)
		var said any
		func() {
			defer func() { said = recover() }()
			call(t, h, "GET", q, "")
		}()
		if len(d.asked) != 1 || len(d.done) != 1 || !d.done[0].Partial || !strings.Contains(fmt.Sprint(said), "for the test") {
			t.Errorf("%s: asked %d, done %+v, %v", q, len(d.asked), d.done, said)
		}
	}
}

// TestTimesOfLateRows: while rows of the tenant wait that are late, its answers, kept ones too, say that they are complete up to before them; what asks about the last minutes looks at no such row.
func TestTimesOfLateRows(t *testing.T) {
	r := reporterOf(t, Deps{Engine: &counting{rows: "[]"}, Data: &data{version: 1}, Cache: newCache(t)}, Config{})
	late := clock{asOf: noon, positions: map[string]map[uint16]uint64{}, waited: map[tenant.ID]time.Duration{"acme": time.Hour}}
	check := func(path, cache, asOf, till string) {
		t.Helper()
		status, head, body := call(t, serve(r, acmeViewer), "GET", "/api/v1/analytics/site/"+path, "")
		var got struct {
			AsOf string `json:"as_of"`
			Till string `json:"complete_until"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || got.AsOf != asOf || got.Till != till || head.Get("X-Weir-Cache") != cache {
			t.Errorf("%s: %d %s %s (%v), want %s, as_of %s and complete_until %s", path, status, head.Get("X-Weir-Cache"), body, err, cache, asOf, till)
		}
	}
	const before, after, twelve = "2026-03-10T11:00:00.000Z", "2026-03-10T10:55:00.000Z", "2026-03-10T12:00:00.000Z"
	check("report", "miss", twelve, "2026-03-10T11:55:00.000Z")
	r.deps.Clock = late
	check("report", "hit", before, after)
	check("report?metric=pageviews", "miss", before, after)
	check("retention?period=day&from=2026-03-09&to=2026-03-10", "miss", before, after)
	check("sessions", "miss", before, after)
	check("realtime", "miss", twelve, after)
	late.waited = map[tenant.ID]time.Duration{"other": time.Hour}
	r.deps.Clock = late
	check("report", "hit", twelve, "2026-03-10T11:55:00.000Z")
}
