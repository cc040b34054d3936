package report

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/usage"
)

// liveEngine answers the two statements of a live view, and counts the first.
type liveEngine struct {
	asked atomic.Int64
	fail  atomic.Bool
}

func (e *liveEngine) Rows(_ context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	if e.fail.Load() {
		return clickhouse.Summary{}, clickhouse.ErrUnavailable
	}
	if !strings.Contains(s.SQL, "groupArray(") {
		return clickhouse.Summary{}, nil
	}
	n := e.asked.Add(1)
	rows, err := decodeRows(fmt.Sprintf(`[[%d, 20, 3, [["https://x/a", "/a", 5]], [["DE", 2]], [["x.test", 1]], [[-1773144000000, "pageview", "/a", "DE", "mobile"]]]]`, n))
	if err != nil {
		return clickhouse.Summary{}, err
	}
	return clickhouse.Summary{}, fn(rows[0])
}

// liveServer serves live views to whoever holds the key in its map.
type liveServer struct {
	*httptest.Server
	r    *Reporter
	e    *liveEngine
	mu   sync.Mutex
	keys map[string]tenant.Principal
	stop chan struct{}
	sink recorder
}

// liveData is a tenant's data whose version moves.
type liveData struct {
	data
	at atomic.Uint64
}

func newLiveData() *liveData { d := &liveData{}; d.set(1); return d }

func (d *liveData) set(v uint64)                         { d.at.Store(v) }
func (d *liveData) DataVersion(tenant.ID) (uint64, bool) { return d.at.Load(), true }

func bareAPI(r *Reporter) http.Handler {
	mux := http.NewServeMux()
	Register(humago.New(mux, huma.DefaultConfig("weir", "1")), r)
	return mux
}

type recorder struct {
	mu   sync.Mutex
	recs []usage.Record
}

func (r *recorder) Record(u usage.Record) { r.mu.Lock(); r.recs = append(r.recs, u); r.mu.Unlock() }

func newLiveServer(t *testing.T, d Deps) *liveServer {
	t.Helper()
	s := &liveServer{e: &liveEngine{}, keys: map[string]tenant.Principal{"a": {Tenant: "acme", Role: tenant.RoleViewer, KeyID: "a"}, "b": {Tenant: "acme", Role: tenant.RoleViewer, KeyID: "b"},
		"o": {Tenant: "other", Role: tenant.RoleViewer, KeyID: "o"}, "berlin": {Tenant: "acme", Role: tenant.RoleViewer, KeyID: "z", Site: "berlin"}}, stop: make(chan struct{})}
	if d.Engine == nil {
		d.Engine = s.e
	}
	d.Sink = &s.sink
	s.r = reporterOf(t, d, Config{Rollups: []rollup.Rollup{}})
	s.r.now = time.Now
	s.r.liveTimes.heartbeat, s.r.liveTimes.recheck = 200*time.Millisecond, 50*time.Millisecond
	check := func(key string) (tenant.Principal, *problem.Problem) {
		s.mu.Lock()
		defer s.mu.Unlock()
		who, ok := s.keys[key]
		if !ok {
			return who, problem.New(401, "invalid_key", "the key is not valid")
		}
		return who, nil
	}
	api := http.Handler(bareAPI(s.r))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-Key")
		who, p := check(key)
		if p != nil {
			p.Write(w)
			return
		}
		ctx := tenant.WithStanding(tenant.With(r.Context(), who), tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) { return check(key) }, Stopping: s.stop})
		api.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(s.Close)
	return s
}

// stream is an open live view.
type stream struct {
	*http.Response
	lines *bufio.Reader
	end   context.CancelFunc
}

func (s *liveServer) open(t *testing.T, key, site string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/api/v1/analytics/"+site+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &stream{res, bufio.NewReader(res.Body), cancel}
}

// next returns the next event, or the error that ends the stream.
func (s *stream) next() (name, data string, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		switch line = strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case strings.HasPrefix(line, ": still"):
			return "heartbeat", "", nil
		case line == "" && name != "":
			return name, data, nil
		}
	}
}

func TestLiveStream(t *testing.T) {
	d := newLiveData()
	s := newLiveServer(t, Deps{Data: d})
	first := s.open(t, "a", "site")
	if first.StatusCode != 200 || first.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", first.StatusCode, first.Header)
	}
	name, body, err := first.next()
	var got Live
	if err != nil || name != "live" || json.Unmarshal([]byte(body), &got) != nil {
		t.Fatalf("%s %s %v", name, body, err)
	}
	if *got.ActiveUsers != 1 || got.EventsPerSec != 2 || *got.PageviewsPerMin != 3 || len(got.Series) != 30 || got.TopPages[0] != (LivePage{"https://x/a", "/a", 5}) || got.Countries[0].Users != 2 ||
		got.Referrers[0].Host != "x.test" || *got.Recent[0].Path != "/a" || got.Recent[0].TS != "2026-03-10T12:00:00.000Z" || got.AsOf == "" {
		t.Errorf("%s", body)
	}
	// A second viewer of the site is shown the same state, which costs nothing.
	asked := s.e.asked.Load()
	second := s.open(t, "b", "alias")
	if _, again, err := second.next(); err != nil || again != body || s.e.asked.Load() != asked {
		t.Errorf("%v after %d questions, then %d:\n%s\n%s", err, asked, s.e.asked.Load(), body, again)
	}
	if name, _, err := first.next(); name != "heartbeat" || err != nil { // nothing changes
		t.Errorf("%s %v", name, err)
	}
	d.set(2)
	for _, v := range []*stream{first, second} {
		for {
			name, body, err := v.next()
			if err != nil {
				t.Fatal(err)
			}
			if name == "live" {
				if !strings.Contains(body, `"active_users":2,`) {
					t.Error(body)
				}
				break
			}
		}
	}
	// They pay in turn.
	s.sink.mu.Lock()
	payers := map[string]int{}
	for _, r := range s.sink.recs {
		payers[r.Subject.User]++
	}
	s.sink.mu.Unlock()
	if len(payers) == 0 || payers["key:a"] == 0 {
		t.Errorf("payers %v", payers)
	}
	first.end()
	second.end()
	until(t, "hubs of nobody end", func() bool {
		s.r.live.mu.Lock()
		defer s.r.live.mu.Unlock()
		return len(s.r.live.hubs) == 0 && len(s.r.live.viewers) == 0 && s.r.live.total == 0
	})
	n := s.e.asked.Load()
	d.set(3)
	time.Sleep(livePace + 200*time.Millisecond)
	if s.e.asked.Load() != n {
		t.Error("nobody watches, and questions go on")
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestLiveEnds: a stream ends when its key is revoked, has other rights, when masks change, when the site is gone, and when the server stops; others go on.
func TestLiveEnds(t *testing.T) {
	var masks atomic.Pointer[[]catalog.Mask]
	masks.Store(&[]catalog.Mask{})
	s := newLiveServer(t, Deps{Data: newLiveData(), Masks: func(tenant.ID) []catalog.Mask { return *masks.Load() }})
	drop := func(v *stream) string {
		t.Helper()
		last := ""
		for {
			name, body, err := v.next()
			if err != nil {
				return last
			}
			if name == "problem" {
				last = body
			}
		}
	}
	a, b := s.open(t, "a", "site"), s.open(t, "b", "site")
	s.mu.Lock()
	delete(s.keys, "a")
	s.mu.Unlock()
	if last := drop(a); !strings.Contains(last, "invalid_key") {
		t.Errorf("revoked: %s", last)
	}
	if name, _, err := b.next(); err != nil || name == "problem" {
		t.Errorf("the other stream: %s %v", name, err)
	}
	s.mu.Lock()
	s.keys["b"] = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "b"}
	s.mu.Unlock()
	if last := drop(b); !strings.Contains(last, "principal_changed") {
		t.Errorf("other rights: %s", last)
	}
	b = s.open(t, "b", "site")
	masks.Store(&[]catalog.Mask{{Column: "path", Action: catalog.MaskHide, Roles: []tenant.Role{tenant.RoleAnalyst}}})
	if last := drop(b); !strings.Contains(last, "masks_changed") {
		t.Errorf("masks: %s", last)
	}
	b = s.open(t, "b", "site")
	if _, body, err := b.next(); err != nil || !strings.Contains(body, `"top_pages":[]`) || !strings.Contains(body, `"path":null,"country":"DE"`) {
		t.Errorf("masked: %s %v", body, err)
	}
	close(s.stop)
	drop(b)
}

func TestLiveRefuses(t *testing.T) {
	s := newLiveServer(t, Deps{Data: newLiveData()})
	for _, c := range []struct {
		key, site string
		want      int
	}{{"o", "site", 404}, {"berlin", "site", 404}, {"a", "nowhere", 404}, {"gone", "site", 401}, {"a", "site?bots=maybe", 422}, {"berlin", "berlin", 200}} {
		site, query, _ := strings.Cut(c.site, "?")
		req, err := http.NewRequest("GET", s.URL+"/api/v1/analytics/"+site+"/live?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Key", c.key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%+v: %d", c, res.StatusCode)
		}
	}
	// Places are bounded.
	until(t, "the last viewer has left", func() bool { s.r.live.mu.Lock(); defer s.r.live.mu.Unlock(); return s.r.live.total == 0 })
	var places []*hub
	for range liveViewers {
		h, p := s.r.watch(t.Context(), s.keys["a"], testSources["site"], BotsExclude)
		if p != nil {
			t.Fatal(p)
		}
		places = append(places, h)
	}
	if v := s.open(t, "a", "site"); v.StatusCode != 429 || v.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", v.StatusCode)
	}
	if v := s.open(t, "o", "other"); v.StatusCode != 200 {
		t.Errorf("another tenant: %d", v.StatusCode)
	}
	for _, h := range places {
		s.r.leave(h, s.keys["a"])
	}
	if v := s.open(t, "a", "site"); v.StatusCode != 200 {
		t.Errorf("there is room again: %d", v.StatusCode)
	}
}

// TestLiveProblem: what fails now is told in the stream, which goes on.
func TestLiveProblem(t *testing.T) {
	s := newLiveServer(t, Deps{Data: newLiveData()})
	s.e.fail.Store(true)
	v := s.open(t, "a", "site")
	name, body, err := v.next()
	if err != nil || name != "problem" || !strings.Contains(body, "engine_unavailable") {
		t.Fatalf("%s %s %v", name, body, err)
	}
	s.e.fail.Store(false)
	for name != "live" {
		if name, _, err = v.next(); err != nil {
			t.Fatal(err)
		}
	}
}

// stubbornGate refuses once, for long.
type stubbornGate struct{ asked atomic.Int64 }

func (*stubbornGate) Estimate(usage.Question) usage.Estimate { return usage.Estimate{} }
func (g *stubbornGate) Admit(usage.Question, <-chan struct{}) (usage.Ticket, *problem.Problem) {
	if g.asked.Add(1) == 1 {
		return nil, problem.New(http.StatusTooManyRequests, "budget_spent", "the month's budget is spent").WithRetry(700 * time.Hour)
	}
	return nil, nil
}

// TestLiveOutlivesARefusal: a budget that is raised is noticed long before the time that its refusal named.
func TestLiveOutlivesARefusal(t *testing.T) {
	s := newLiveServer(t, Deps{Data: newLiveData(), Gate: &stubbornGate{}})
	s.r.liveTimes.pause = 50 * time.Millisecond
	v := s.open(t, "a", "site")
	if name, body, err := v.next(); err != nil || name != "problem" || !strings.Contains(body, "budget_spent") {
		t.Fatalf("%s %s %v", name, body, err)
	}
	time.AfterFunc(20*time.Second, v.end)
	for name := ""; name != "live"; {
		var err error
		if name, _, err = v.next(); err != nil {
			t.Fatal("no state after the refusal: ", err)
		}
	}
}

// TestLiveBounds: a refusal says which bound it is.
func TestLiveBounds(t *testing.T) {
	for name, c := range map[string]struct {
		of, total int
		limit     string
		value     int64
	}{
		"a place": {liveViewers - 1, liveTotal - 1, "", 0}, "tenant": {liveViewers, liveViewers, "report.live_viewers", liveViewers},
		"all": {0, liveTotal, "report.live_total", liveTotal}, "both": {liveViewers, liveTotal, "report.live_viewers", liveViewers},
	} {
		l := hubs{viewers: map[tenant.ID]int{"acme": c.of}, total: c.total}
		p := l.full("acme")
		if c.limit == "" && p != nil || c.limit != "" && (p == nil || p.Limit != c.limit || p.Status != 429 || !strings.Contains(p.Detail, fmt.Sprint(c.value, " live views"))) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestLiveSlowReader: a client that takes nothing blocks nobody, and is cut by the deadline of writing that the server moves with each write.
func TestLiveSlowReader(t *testing.T) {
	client, server := net.Pipe() // it holds nothing: the first write blocks
	defer client.Close()
	s := newLiveServer(t, Deps{Data: newLiveData()})
	h, p := s.r.watch(t.Context(), s.keys["a"], testSources["site"], BotsExclude)
	if p != nil {
		t.Fatal(p)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer s.r.leave(h, s.keys["a"])
		w := &pipeWriter{conn: server, header: http.Header{}}
		v := viewer{r: s.r, hub: h, who: s.keys["a"], standing: tenant.StandingOf(tenant.With(t.Context(), s.keys["a"])), w: w}
		v.run(t.Context())
	}()
	quick := s.open(t, "b", "site") // of the same hub
	if name, _, err := quick.next(); name != "live" || err != nil {
		t.Errorf("beside a slow reader: %s %v", name, err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the slow reader was not dropped")
	}
}

// pipeWriter gives each write 300 ms, as the server's middleware gives it http.write_timeout.
type pipeWriter struct {
	conn   net.Conn
	header http.Header
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) WriteHeader(int)     {}
func (w *pipeWriter) Flush()              {}
func (w *pipeWriter) Write(b []byte) (int, error) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	return w.conn.Write(b)
}

// TestLiveCounts compares with what was stored.
func TestLiveCounts(t *testing.T) {
	c := testkit.Engine(t)
	now := time.Now().UTC().Truncate(time.Second)
	at := func(back time.Duration) string {
		return now.Add(-back).Format("2006-01-02 15:04:05.000")
	}
	for _, e := range []string{
		"'" + at(2*time.Second) + "', 'pageview', 'u1', 'https://s/a', '/a', 'DE', 'mobile', 'x.test', 0",
		"'" + at(3*time.Second) + "', 'click', 'u1', 'https://s/a', '/a', 'DE', 'mobile', 's', 0",
		"'" + at(40*time.Second) + "', 'pageview', 'u2', '', '/b', 'FR', 'desktop', '', 0",
		"'" + at(4*time.Minute) + "', 'pageview', '', 'https://s/a?utm_source=n', '/a', '', '', '', 0",
		"'" + at(1*time.Second) + "', 'pageview', 'bot', 'https://s/bot', '/bot', 'US', '', 'b.test', 1",
		"'" + at(20*time.Minute) + "', 'pageview', 'u3', 'https://s/c', '/c', 'IT', '', '', 0",
	} {
		testkit.Exec(t, c, "INSERT INTO weir.events (tenant, site_id, ts, type, client_id, url, path, country, device, referrer_host, is_bot, host, _writer, _seq) SELECT 'livecounts', 'site', "+e+", 's', 1, 1")
	}
	odd := func(url, host, path string) { // addresses of which only the server knows the path
		testkit.Exec(t, c, "INSERT INTO weir.events (tenant, site_id, ts, type, url, host, path, _writer, _seq) SELECT 'livecounts', 'site', '"+at(4*time.Minute)+"', 'pageview', '"+url+"', '"+host+"', '"+path+"', 1, 1")
	}
	odd("/relative?x=1", "", "/relative")
	odd("https://s/ü {x}#/part", "s", "/ü {x}#/part")
	r := newReporter(t, c, clock{asOf: now}, Config{Rollups: []rollup.Rollup{}})
	src := catalog.Source{Tenant: "livecounts", SiteID: "site"}
	x, err := r.liveOf(t.Context(), &tally{}, now, now.Add(-5*time.Minute), src, BotsExclude, hiding{})
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for _, m := range x.Series {
		n += m.Events
		if at, err := time.Parse(time.RFC3339, m.Time); err != nil || m.Settling != at.Add(time.Minute).After(now.Add(-5*time.Minute)) {
			t.Errorf("%s is settling: %v, %v", m.Time, m.Settling, err)
		}
	}
	x.Series = nil
	if got, want := mustJSON(t, x), `{"active_users":2,"events_per_sec":0.2,"pageviews_per_min":2,"series":null,"top_pages":[{"url":"https://s/a","path":"/a","views":2},{"url":"/relative?x=1","path":"/relative","views":1},`+
		`{"url":"https://s/ü {x}#/part","path":"/ü {x}#/part","views":1},{"url":"s/b","path":"/b","views":1}],`+
		`"countries":[{"country":"DE","users":1},{"country":"FR","users":1}],"referrers":[{"referrer_host":"x.test","users":1}],"recent":[`; !strings.HasPrefix(got, want) || n != 7 || len(x.Recent) != 6 ||
		x.Recent[0].Type != "pageview" || *x.Recent[0].Path != "/a" || x.Recent[1].Type != "click" {
		t.Errorf("%d events in the series; %s\nwant %s", n, got, want)
	}
	if x, err = r.liveOf(t.Context(), &tally{}, now, now.Add(-5*time.Minute), src, BotsOnly, hiding{}); err != nil || *x.ActiveUsers != 1 || x.TopPages[0].URL != "https://s/bot" {
		t.Errorf("bots: %s %v", mustJSON(t, x), err)
	}
	if x, err = r.liveOf(t.Context(), &tally{}, now, now.Add(-5*time.Minute), src, BotsExclude, hiding{true, true, true, true, true, true, true, true}); err != nil || x.ActiveUsers != nil || x.PageviewsPerMin != nil ||
		len(x.TopPages)+len(x.Countries)+len(x.Referrers)+len(x.Recent) != 0 || x.Series[0].Pageviews != nil {
		t.Errorf("hidden: %s %v", mustJSON(t, x), err)
	}
}
