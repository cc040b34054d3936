package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"weir/internal/client"
	"weir/internal/problem"
)

// server is a stand-in for weir's ledger and /ingest: it keeps every event that it accepts.
type server struct {
	mu     sync.Mutex
	ledger map[string]client.ImportEntry
	events map[string][]map[string]any // by event_id: one entry a time it was sent
	order  []string
	// refuse may answer a request instead (return true); item may reject one event.
	refuse func(w http.ResponseWriter, n int, body []byte) bool
	item   func(ev map[string]any) *client.Rejection
	n      int
}

func newServer() *server {
	return &server{ledger: map[string]client.ImportEntry{}, events: map[string][]map[string]any{}}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/ingest":
		s.ingest(w, r)
	case r.Method == "PUT" && strings.HasPrefix(r.URL.Path, "/api/v1/imports/site-1/"):
		var e client.ImportEntry
		_ = json.NewDecoder(r.Body).Decode(&e)
		e.File = strings.TrimPrefix(r.URL.Path, "/api/v1/imports/site-1/")
		if known, ok := s.ledger[e.File]; !ok || e.Lines > known.Lines {
			s.ledger[e.File] = e
		}
		w.WriteHeader(204)
	case r.Method == "GET" && r.URL.Path == "/api/v1/imports" && r.URL.Query().Get("site_id") == "site-1":
		l := client.Ledger{Salt: "pepper"}
		for _, e := range s.ledger {
			l.Imports = append(l.Imports, e)
		}
		_ = json.NewEncoder(w).Encode(l)
	default:
		problem.New(404, "not_found", "no %s %s", r.Method, r.URL).Write(w)
	}
}

func (s *server) ingest(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	switch r.Header.Get("Content-Encoding") {
	case "zstd":
		d, _ := zstd.NewReader(nil)
		body, err = d.DecodeAll(body, nil)
		d.Close()
	case "gzip":
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	if err != nil || r.URL.Query().Get("mode") != "import" || r.URL.Query().Get("site_id") != "site-1" {
		problem.New(400, "bad_body", "%v", err).Write(w)
		return
	}
	s.n++
	if s.refuse != nil && s.refuse(w, s.n, body) {
		return
	}
	var res client.IngestResult
	for i, l := range bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
		var ev map[string]any
		if err := json.Unmarshal(l, &ev); err != nil {
			res.Rejected = append(res.Rejected, client.Rejection{Index: i, Code: "malformed_json", Message: err.Error()})
			continue
		}
		if s.item != nil {
			if rej := s.item(ev); rej != nil {
				rej.Index = i
				res.Rejected = append(res.Rejected, *rej)
				continue
			}
		}
		id := fmt.Sprint(ev["event_id"])
		s.events[id] = append(s.events[id], ev)
		s.order = append(s.order, id)
		res.Accepted++
	}
	_ = json.NewEncoder(w).Encode(res)
}

type tester interface {
	Helper()
	Fatal(...any)
	Cleanup(func())
}

func run(t tester, s *server, change func(*Options), inputs ...Input) (Summary, error) {
	t.Helper()
	srv := httptest.NewServer(s)
	defer srv.Close()
	o := Options{Client: client.New(srv.URL, "k", client.Options{RetryFor: -1}), SiteID: "site-1", Format: Combined, Inputs: inputs, BatchEvents: 10, LedgerEvery: 1}
	if change != nil {
		change(&o)
	}
	return Run(context.Background(), o, nil)
}

func mustRun(t tester, s *server, change func(*Options), inputs ...Input) Summary {
	t.Helper()
	sum, err := run(t, s, change, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func content(s string) Input {
	return Input{Name: "test.log", Open: func() (io.ReadCloser, int64, error) { return io.NopCloser(strings.NewReader(s)), int64(len(s)), nil }}
}

func logLine(i int) string {
	return fmt.Sprintf(`10.0.%d.%d - - [17/May/2015:10:%02d:%02d +0000] "GET /p/%d HTTP/1.1" 200 %d "-" "agent %d"`, i%7, i%11, i/60%60, i%60, i, 100+i, i%3)
}

func logText(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		b.WriteString(logLine(i) + "\n")
	}
	return b.String()
}

// checkOnce fails unless exactly the lines 1 to n were stored, each under one id, and each sent at most most times.
func (s *server) checkOnce(t interface{ Fatalf(string, ...any) }, n, most int) {
	seen := map[string]string{}
	for id, sent := range s.events {
		url := sent[0]["url"].(string)
		if other, ok := seen[url]; ok {
			t.Fatalf("%s has two ids: %s and %s", url, other, id)
		}
		seen[url] = id
		if len(sent) > most {
			t.Fatalf("%s was sent %d times", url, len(sent))
		}
	}
	if len(seen) != n {
		t.Fatalf("%d lines were stored, want %d", len(seen), n)
	}
	for i := 1; i <= n; i++ {
		if _, ok := seen["/p/"+strconv.Itoa(i)]; !ok {
			t.Fatalf("line %d is missing", i)
		}
	}
}

func TestCombinedEvents(t *testing.T) {
	text := strings.Join([]string{
		`83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a?x=1 HTTP/1.1" 200 203023 "http://e.com/\"q\"" "Mozilla/5.0 (X11)"`,
		`83.149.9.216 - - [18/May/2015:10:05:03 +0000] "GET /b.png HTTP/1.1" 404 - "-" "Mozilla/5.0 (X11)`,
		`2001:db8::1 - - [18/May/2015:10:05:03 +0000] "\x16\x03" 400 5 "-" "-"`,
		`www.e.com:443 host.name - - [18/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`, // not vhost_combined: host.name is no address
		`www.e.com:443 1.1.1.1 - - [18/May/2015:10:05:03 +0000] "GET /x HTTP/1.1" 200 5 "-" "-"`,
		`1.1.1.1 - - [18/May/2015:10:05:03 +0000] "GET //y.ico HTTP/1.1" 200 5 "-" "-"`,
	}, "\n") + "\n"
	s := newServer()
	sum := mustRun(t, s, nil, content(text))
	if sum.Accepted != 6 || sum.Rejected != 0 {
		t.Fatalf("got %+v", sum)
	}
	got := make([]map[string]any, 0, 6)
	for _, id := range s.order {
		ev := s.events[id][0]
		if !strings.HasPrefix(id, "imp-") || !strings.HasSuffix(id, "-"+strconv.Itoa(len(got)+1)) {
			t.Errorf("event id %q", id)
		}
		delete(ev, "event_id")
		got = append(got, ev)
	}
	client1 := got[0]["client_id"]
	if client1 != got[1]["client_id"] || len(client1.(string)) != 32 || client1 == got[2]["client_id"] {
		t.Errorf("client ids: %v, %v, %v", client1, got[1]["client_id"], got[2]["client_id"])
	}
	want := []map[string]any{
		{"type": "pageview", "ts": 1431857103000., "client_id": client1, "url": "/a?x=1", "referrer": `http://e.com/"q"`, "user_agent": "Mozilla/5.0 (X11)", "ip": "83.149.9.216",
			"props": map[string]any{"status": 200., "bytes": 203023., "method": "GET", "protocol": "HTTP/1.1", "user": "frank"}},
		{"type": "request", "ts": 1431943503000., "client_id": client1, "url": "/b.png", "user_agent": "Mozilla/5.0 (X11)", "ip": "83.149.9.216",
			"props": map[string]any{"status": 404., "method": "GET", "protocol": "HTTP/1.1"}},
		{"type": "request", "ts": 1431943503000., "client_id": got[2]["client_id"], "ip": "2001:db8::1",
			"props": map[string]any{"status": 400., "bytes": 5., "request": `\x16\x03`}},
		{"type": "pageview", "ts": 1431943503000., "client_id": got[3]["client_id"], "url": "/",
			"props": map[string]any{"status": 200., "bytes": 5., "method": "GET", "protocol": "HTTP/1.1", "ident": "host.name", "user": "- -"}},
		{"type": "pageview", "ts": 1431943503000., "client_id": got[4]["client_id"], "url": "https://www.e.com/x", "ip": "1.1.1.1",
			"props": map[string]any{"status": 200., "bytes": 5., "method": "GET", "protocol": "HTTP/1.1"}},
		{"type": "request", "ts": 1431943503000., "client_id": got[4]["client_id"], "url": "////y.ico", "ip": "1.1.1.1",
			"props": map[string]any{"status": 200., "bytes": 5., "method": "GET", "protocol": "HTTP/1.1"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// Another salt, another id.
	other := newServer()
	mustRun(t, other, func(o *Options) { o.Salt = []byte("other"); o.BaseURL = "https://e.com/" }, content(text))
	for _, sent := range other.events {
		if sent[0]["client_id"] == client1 {
			t.Error("the salt does not count")
		}
		if u, _ := sent[0]["url"].(string); u != "" && !strings.HasPrefix(u, "https://e.com/") {
			t.Errorf("url %q is not behind the base", u)
		}
	}
}

func TestTwiceChangesNothing(t *testing.T) {
	s := newServer()
	mustRun(t, s, nil, content(logText(1, 95)))
	sum := mustRun(t, s, nil, content(logText(1, 95)))
	if sum.Accepted != 0 || sum.Done != 95 {
		t.Errorf("the second import: %+v", sum)
	}
	s.checkOnce(t, 95, 1)
	sum = mustRun(t, s, nil, content(logText(1, 120)))
	if sum.Accepted != 25 || sum.Done != 95 {
		t.Errorf("the import of the grown log: %+v", sum)
	}
	s.checkOnce(t, 120, 1)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, logText(1, 121))
	z.Close()
	if sum = mustRun(t, s, nil, content(packed.String())); sum.Accepted != 1 {
		t.Errorf("the same log in gzip: %+v", sum)
	}
	// Within one run too.
	one := newServer()
	sum = mustRun(t, one, nil, content(logText(1, 50)), content(logText(1, 60)))
	if sum.Accepted != 60 || sum.Done != 50 {
		t.Errorf("a file and its grown copy in one run: %+v", sum)
	}
}

// A log that begins shorter than 4 KB, grows by any steps and is imported by imports that break at any
// request ends with each line once.
func TestGrowthAndBreaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newServer()
		n := 0
		for range rapid.IntRange(1, 5).Draw(t, "imports") {
			n += rapid.IntRange(0, 60).Draw(t, "new lines")
			failAt := s.n + rapid.IntRange(1, 12).Draw(t, "fail at request")
			s.refuse = func(w http.ResponseWriter, i int, _ []byte) bool {
				if i == failAt {
					problem.New(403, "revoked", "no").Write(w)
				}
				return i == failAt
			}
			_, _ = run(t, s, nil, content(logText(1, n))) // an error is what is tested
		}
		s.refuse = nil
		mustRun(t, s, nil, content(logText(1, n)))
		s.checkOnce(t, n, 100)
		if sum := mustRun(t, s, nil, content(logText(1, n))); sum.Accepted != 0 || sum.Done != int64(n) {
			t.Fatalf("after all: %+v", sum)
		}
	})
}

func TestInterruptedIsRemembered(t *testing.T) {
	s := newServer()
	ctx, stop := context.WithCancel(context.Background())
	s.refuse = func(_ http.ResponseWriter, n int, _ []byte) bool {
		if n == 5 {
			stop()
		}
		return false
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	o := Options{Client: client.New(srv.URL, "k", client.Options{}), SiteID: "site-1", Format: Combined, Inputs: []Input{content(logText(1, 500))},
		BatchEvents: 10, InFlight: 1, LedgerEvery: time.Hour}
	_, err := Run(ctx, o, nil)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	for _, e := range s.ledger {
		if e.Lines < 40 || e.Lines > 50 {
			t.Errorf("the ledger says %d lines after 4 or 5 batches of 10", e.Lines)
		}
	}
	if len(s.ledger) != 1 {
		t.Error("nothing was remembered")
	}
	mustRun(t, s, nil, content(logText(1, 500)))
	s.checkOnce(t, 500, 2)
}

func TestRejections(t *testing.T) {
	s := newServer()
	s.item = func(ev map[string]any) *client.Rejection {
		if ev["url"] == "/p/17" {
			return &client.Rejection{Code: "bad_ts", Field: "ts", Message: "too late"}
		}
		return nil
	}
	long := strings.Repeat("x", 3000)
	text := logText(1, 10) + "nonsense\n" + long + "\n" + logText(11, 20) + `1.1.1.1 - - [17/May/2015:10`
	sum := mustRun(t, s, func(o *Options) { o.LineBytes = 1000 }, content(text))
	sum.Elapsed = 0
	want := Summary{Files: 1, Lines: 22, Accepted: 19, Rejected: 3,
		Reasons: []Reason{
			{Code: "bad_host", Field: "host", Message: "the line does not begin with a host, an identity and a user", Count: 1, Examples: []Example{{"test.log", 11, "nonsense"}}},
			{Code: "bad_ts", Field: "ts", Message: "too late", Count: 1, Examples: []Example{{"test.log", 19, logLine(17)}}},
			{Code: "line_too_long", Message: "the line is longer than 1000 bytes (line-bytes)", Count: 1, Examples: []Example{{"test.log", 12, long[:200]}}},
		},
		Incomplete: []Example{{File: "test.log", Line: 23}}}
	if d := cmp.Diff(want, sum); d != "" {
		t.Error(d)
	}
	var out strings.Builder
	if err := sum.Write(&out); err != nil || !strings.Contains(out.String(), `test.log:19: "10.0.`) || !strings.Contains(out.String(), "bad_ts (ts): 1 line: too late") {
		t.Errorf("%v: %s", err, out.String())
	}
	// The incomplete line is complete at last.
	s.item = nil
	sum = mustRun(t, s, nil, content(text+`:05:03 +0000] "GET /p/21 HTTP/1.1" 200 1 "-" "-"`))
	if sum.Accepted != 1 || sum.Done != 22 || len(sum.Incomplete) != 0 {
		t.Errorf("got %+v", sum)
	}
}

func TestTooLargeBatchIsHalved(t *testing.T) {
	s := newServer()
	s.refuse = func(w http.ResponseWriter, _ int, body []byte) bool {
		big := bytes.Count(body, []byte("\n")) > 3 || bytes.Contains(body, []byte(`"/p/7"`))
		if big {
			problem.New(413, "body_too_large", "at most 3 events").Write(w)
		}
		return big
	}
	sum := mustRun(t, s, nil, content(logText(1, 20)))
	if sum.Accepted != 19 || sum.Rejected != 1 || sum.Reasons[0].Examples[0].Line != 7 {
		t.Errorf("got %+v", sum)
	}
}

func TestNDJSON(t *testing.T) {
	text := strings.Join([]string{
		`{"type":"a","ts":1431857103000}`,
		` {"event_id":"mine","type":"b","ts":1431857104,"site_id":"site-1"} `,
		``,
		`{}`,
		`{"event_id":null,"type":"c","ts":"2015-05-17T10:05:05Z"}`,
		`{"specversion":"1.0","id":"ce-1","type":"d","source":"/x","data":{"a":1}}`,
		`[1]`, `{"a":1} x`, `{"a":1}{}`, `{"a":`,
	}, "\r\n") + "\n"
	s := newServer()
	sum := mustRun(t, s, func(o *Options) { o.Format = NDJSON }, content(text))
	if sum.Accepted != 5 || sum.Rejected != 4 || sum.Blank != 1 || sum.Lines != 10 {
		t.Fatalf("got %+v", sum)
	}
	file := "imp-" + fileID(NDJSON, []byte(text))[:16] + "-"
	want := map[string][]map[string]any{
		file + "1": {{"event_id": file + "1", "type": "a", "ts": 1431857103000.}},
		"mine":     {{"event_id": "mine", "site_id": "site-1", "type": "b", "ts": 1431857104.}},
		file + "4": {{"event_id": file + "4"}},
		file + "5": {{"event_id": file + "5", "type": "c", "ts": "2015-05-17T10:05:05Z"}},
		"<nil>":    {{"specversion": "1.0", "id": "ce-1", "type": "d", "source": "/x", "data": map[string]any{"a": 1.}}},
	}
	if d := cmp.Diff(want, s.events); d != "" {
		t.Error(d)
	}
}

// TestByteOrderMark: a mark at the beginning of a file, of any format and compressed or not, belongs to no line; one further down is what it is. The file's identity
// holds it, as ever: files from before are known.
func TestByteOrderMark(t *testing.T) {
	const bom = "\xEF\xBB\xBF"
	pack := func(s string) string {
		var b bytes.Buffer
		g := gzip.NewWriter(&b)
		_, _ = g.Write([]byte(s))
		g.Close()
		return b.String()
	}
	events := `{"type":"a","ts":1431857103}` + "\n" + `{"type":"b","ts":1431857104}` + "\n"
	for name, tt := range map[string]struct {
		format   Format
		text     string
		accepted int64
		rejected int64
	}{
		"NDJSON":              {NDJSON, bom + events, 2, 0},
		"access log":          {Combined, bom + logText(1, 2), 2, 0},
		"two marks":           {NDJSON, bom + bom + events, 1, 1},
		"mark of a later one": {NDJSON, events + bom + events, 3, 1},
		"nothing else":        {NDJSON, bom, 0, 0},
		"part of a mark":      {NDJSON, bom[:2] + "\n" + events, 2, 1},
	} {
		for _, packed := range []bool{false, true} {
			s, in := newServer(), tt.text
			if packed {
				in = pack(in)
			}
			if sum := mustRun(t, s, func(o *Options) { o.Format = tt.format }, content(in)); sum.Accepted != tt.accepted || sum.Rejected != tt.rejected {
				t.Errorf("%s (packed %v): %+v", name, packed, sum)
			}
			for id, sent := range s.events {
				if tt.format == Combined && !strings.HasPrefix(fmt.Sprint(sent[0]["ip"]), "10.0.") {
					t.Errorf("%s: %v", name, sent[0])
				}
				if prefix := "imp-" + fileID(tt.format, []byte(tt.text))[:16]; !strings.HasPrefix(id, prefix) {
					t.Errorf("%s: the id %s does not begin with %s", name, id, prefix)
				}
			}
		}
	}
	// The first line's time counts when times are shifted.
	s, now := newServer(), time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	mustRun(t, s, func(o *Options) { o.Format, o.ShiftToNow, o.Now = NDJSON, true, func() time.Time { return now } }, content(bom+`{"event_id":"1","type":"a","ts":1431857103}`+"\n"))
	if len(s.events["1"]) != 1 || s.events["1"][0]["ts"] != float64(now.UnixMilli()) {
		t.Errorf("shifted: %v", s.events)
	}
}

func TestShiftToNow(t *testing.T) {
	now := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	shift := func(f Format) func(*Options) {
		return func(o *Options) { o.Format, o.ShiftToNow, o.Now = f, true, func() time.Time { return now } }
	}
	last := func(s *server, key, value string) float64 {
		for _, sent := range s.events {
			if sent[0][key] == value {
				return sent[0]["ts"].(float64)
			}
		}
		return 0
	}
	s := newServer()
	mustRun(t, s, shift(Combined), content(logText(1, 30)))
	if got := last(s, "url", "/p/30"); got != float64(now.UnixMilli()) {
		t.Errorf("the last line is at %v", got)
	}
	if got := last(s, "url", "/p/20"); got != float64(now.UnixMilli()-10_000) {
		t.Errorf("the line ten seconds earlier is at %v", got)
	}
	s = newServer()
	mustRun(t, s, shift(NDJSON), content(`{"type":"a","ts":1431857103}`+"\n"+`{"type":"b","ts":"2015-05-17T10:05:04Z","props":{"ts":1}}`+"\n"))
	if a, b := last(s, "type", "a"), last(s, "type", "b"); a != float64(now.UnixMilli()-1000) || b != float64(now.UnixMilli()) {
		t.Errorf("got %v and %v", a, b)
	}
	_, err := run(t, s, func(o *Options) { o.ShiftToNow = true }, File("-", strings.NewReader("")))
	if err == nil || !strings.Contains(err.Error(), "shift-to-now") {
		t.Errorf("stdin: %v", err)
	}
}

func TestInputs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log.zst")
	z, _ := zstd.NewWriter(nil)
	if err := os.WriteFile(name, z.EncodeAll([]byte(logText(1, 30)), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer()
	for _, c := range []string{CompressZstd, CompressGzip, CompressNone} {
		if sum := mustRun(t, newServer(), func(o *Options) { o.Compression = c }, File(name, nil)); sum.Accepted != 30 {
			t.Errorf("%s: %+v", c, sum)
		}
	}
	mustRun(t, s, nil, File(name, nil))
	// Standard input is the same file if it begins like it.
	if sum := mustRun(t, s, nil, File("-", strings.NewReader(logText(1, 33)))); sum.Accepted != 3 || sum.Done != 30 {
		t.Errorf("standard input: %+v", sum)
	}
	if _, err := run(t, s, nil, File(filepath.Dir(name), nil)); err == nil {
		t.Error("a directory was imported")
	}
	if _, err := run(t, s, nil, content("\x1f\x8bxx")); err == nil {
		t.Error("broken gzip was imported")
	}
	if sum, err := run(t, s, nil, content("")); err != nil || sum.Lines != 0 {
		t.Errorf("an empty file: %+v, %v", sum, err)
	}
	// A file cut off within gzip: what can be read is imported, and the error is told.
	var packed bytes.Buffer
	g := gzip.NewWriter(&packed)
	for i := 200; i < 3000; i++ {
		fmt.Fprintln(g, logLine(i))
	}
	g.Close()
	sum, err := run(t, newServer(), nil, content(packed.String()[:packed.Len()/2]))
	if err == nil || sum.Accepted == 0 {
		t.Errorf("a cut file: %+v, %v", sum, err)
	}
}

func TestValidate(t *testing.T) {
	_, err := Run(context.Background(), Options{Format: "x", Compression: "y", InFlight: -1}, nil)
	for _, want := range []string{"client:", "site-id:", "format:", "file:", "compression:", "in-flight:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	m := newMeter(&out, newTally(1), []Input{content("abc")})
	m.tally.accept(1200)
	m.show()
	m.stop()
	if !strings.Contains(out.String(), "1,200 lines (0 %), 0 rejected") {
		t.Errorf("got %q", out.String())
	}
}

func BenchmarkCombined(b *testing.B) {
	c := &combined{salt: []byte("pepper")}
	l := []byte(logLine(12))
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(l)))
	for b.Loop() {
		dst, _, _ = c.appendEvent(dst[:0], l, []byte("imp-0123456789abcdef-12"), 0)
	}
}

func TestClientID(t *testing.T) {
	seen := map[string]string{}
	for _, in := range [][3]string{{"s", "1.1.1.1", "2x"}, {"s", "1.1.1.12", "x"}, {"s", "1.1.1.1", ""}, {"t", "1.1.1.1", ""}} {
		id := ClientID([]byte(in[0]), []byte(in[1]), []byte(in[2]))
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %s have one id", in, other)
		}
		seen[id] = fmt.Sprint(in)
	}
	if got := ClientID([]byte("pepper"), []byte("10.0.1.1"), []byte("agent 1")); got != "c1b33c6770ec1635dd44232b746c114c" {
		t.Errorf("the id of a client changed: %s", got)
	}
}

// Lines longer than any buffer are cut out; those around them stay.
func TestVeryLongLine(t *testing.T) {
	for _, size := range []int{255 << 10, 256 << 10, 256<<10 + 1, 700 << 10} {
		s := newServer()
		sum := mustRun(t, s, func(o *Options) { o.LineBytes = 1000 }, content(logLine(1)+"\n"+strings.Repeat("x", size)+"\n\n"+logLine(2)+"\r\n"+logLine(3)))
		if sum.Accepted != 3 || sum.Rejected != 1 || sum.Blank != 1 || sum.Lines != 5 {
			t.Fatalf("%d: %+v", size, sum)
		}
		s.checkOnce(t, 3, 1)
		if r := sum.Reasons[0]; r.Code != "line_too_long" || r.Examples[0].Line != 2 || len(r.Examples[0].Text) != 200 {
			t.Errorf("%d: %+v", size, sum.Reasons)
		}
	}
}
