package chport

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/go-faster/city"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"weir/internal/clickhouse"
	"weir/internal/testkit"
)

// unpackers undo the content codings.
var unpackers = map[string]func(io.Reader) (io.Reader, error){
	"":        func(r io.Reader) (io.Reader, error) { return r, nil },
	"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
	"br":      func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
	"zstd":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	"lz4":     func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil },
}

func TestCodings(t *testing.T) {
	for _, size := range []int{0, 10, 3 << 20} {
		want := strings.Repeat("0123456789", size/10)
		for _, c := range []struct{ accept, enable, coding string }{
			{"gzip", "1", "gzip"}, {"deflate", "1", "deflate"}, {"br", "1", "br"}, {"zstd", "true", "zstd"}, {"lz4", "1", "lz4"},
			{"gzip;q=0, br ; q=0.5", "1", "br"}, {"lz4,zstd,br,gzip,deflate", "1", "lz4"}, {"identity", "1", ""}, {"*", "1", ""}, {"gzip", "0", ""}, {"gzip", "", ""}, {"", "1", ""},
		} {
			p, _ := newPort(t, &fakeAsker{body: strings.NewReader(want)})
			w := do(p, "POST", "/?enable_http_compression="+c.enable, "SELECT 1", "Accept-Encoding", c.accept)
			coding := c.coding
			if size == 0 {
				coding = ""
			}
			if w.Code != 200 || w.Header().Get("Content-Encoding") != coding {
				t.Errorf("%+v: %d, %q", c, w.Code, w.Header().Get("Content-Encoding"))
				continue
			}
			r, err := unpackers[coding](w.Body)
			if err != nil {
				t.Errorf("%+v: %v", c, err)
				continue
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%+v: %d bytes, %v; want %d", c, len(got), err, len(want))
			}
		}
		for method, code := range map[string]byte{"": methodLZ4, "LZ4": methodLZ4, "lz4hc": methodLZ4, "ZSTD": methodZSTD, "NONE": methodNone} {
			p, _ := newPort(t, &fakeAsker{body: strings.NewReader(want)})
			w := do(p, "POST", "/?compress=1&network_compression_method="+method, "SELECT 1", "Accept-Encoding", "gzip")
			if size > 0 && w.Body.Bytes()[hashSize] != code {
				t.Errorf("%s: method 0x%02x", method, w.Body.Bytes()[hashSize])
			}
			got, err := io.ReadAll(compress.NewReader(w.Body))
			if err != nil && !errors.Is(err, io.EOF) || string(got) != want {
				t.Errorf("%s: %d bytes, %v; want %d", method, len(got), err, len(want))
			}
		}
	}
}

// packed returns text in a content coding, or in blocks.
func packed(t *testing.T, coding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "deflate", "br", "zstd", "lz4":
		var err error
		if w, err = encoder(coding, &b); err != nil {
			t.Fatal(err)
		}
	default:
		w = newFramer(&b, coding)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPackedBodies(t *testing.T) {
	const sql = "SELECT 1 AS a, 2 AS b, 3 AS c"
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "lz4", "LZ4", "ZSTD", "NONE", "LZ4HC"} {
		send := func(body string) (*fakeAsker, *httptest.ResponseRecorder) {
			a := &fakeAsker{}
			p, _ := newPort(t, a)
			if _, framed := frameMethods[coding]; framed {
				return a, do(p, "POST", "/?decompress=1", body)
			}
			return a, do(p, "POST", "/", body, "Content-Encoding", coding)
		}
		whole := packed(t, coding, sql)
		if a, w := send(whole); w.Code != 200 || a.last().SQL != sql {
			t.Errorf("%s: %d %s", coding, w.Code, w.Body)
		}
		for _, broken := range []string{"no such data", "SELECT 1 -- " + strings.Repeat("x", 100)} {
			if coding == "br" { // any bytes may begin a brotli stream
				continue
			}
			_, w := send(broken)
			wantException(t, coding+" broken", w, 400, codeCannotDecompress, "body")
		}
		if coding != "NONE" {
			_, w := send(whole[:len(whole)-5])
			wantException(t, coding+" cut off", w, 400, codeCannotDecompress, "body")
		}
		_, w := send(packed(t, coding, strings.Repeat("x", 30<<20))) // a bomb
		wantException(t, coding+" bomb", w, 413, codeQueryTooLarge, "more than")
	}
	p, _ := newPort(t, &fakeAsker{})
	wantException(t, "unknown", do(p, "POST", "/", sql, "Content-Encoding", "snappy"), 400, codeNotImplemented, "snappy")
}

// TestHostileBlocks: sizes that lie cost nothing.
func TestHostileBlocks(t *testing.T) {
	block := func(change func(b []byte) []byte) string {
		b := change([]byte(packed(t, "ZSTD", "SELECT 1")))
		return string(b)
	}
	var bomb bytes.Buffer
	z, _ := zstd.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 200<<20))
	_ = z.Close()
	for name, body := range map[string]string{
		"size":     block(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[17:], 1<<31); return b }),
		"unpacked": block(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[21:], 1<<31); return b }),
		"small":    block(func(b []byte) []byte { binary.LittleEndian.PutUint32(b[17:], 3); return b }),
		"hash":     block(func(b []byte) []byte { b[3]++; return b }),
		"method":   hashed(methodLZ4+1, []byte("SELECT 1"), 8),
		"zstd":     hashed(methodZSTD, bomb.Bytes(), 1000),
		"lz4":      hashed(methodLZ4, []byte{0xff, 0xff, 0xff}, 1000),
		"longer":   hashed(methodNone, []byte("SELECT 1"), 7),
	} {
		p, _ := newPort(t, &fakeAsker{})
		text := "block"
		if name == "size" || name == "unpacked" { // refused by what they say, before anything is made for them
			text = "at most"
		}
		wantException(t, name, do(p, "POST", "/?decompress=1", body), 400, codeCannotDecompress, text)
	}
}

// endless repeats a text and counts what was read of it.
type endless struct {
	text string
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n > 64<<20 {
		return 0, errors.New("far too much was read")
	}
	for i := range p {
		p[i] = e.text[(e.n+i)%len(e.text)]
	}
	e.n += len(p)
	return len(p), nil
}

// A body that unpacks to nothing, without end, is given up.
func TestEndlessBodies(t *testing.T) {
	p, _ := newPort(t, &fakeAsker{})
	for name, text := range map[string]string{"gzip": packed(t, "gzip", ""), "zstd": "\x50\x2a\x4d\x18\x04\x00\x00\x00skip", "blocks": hashed(methodNone, nil, 0), "": " "} {
		body := &endless{text: text}
		r := httptest.NewRequest("POST", "/", body)
		if name == "blocks" {
			r.URL.RawQuery = "decompress=1"
		} else {
			r.Header.Set("Content-Encoding", name)
		}
		r.SetBasicAuth("acme", "KEY")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != 413 && name != "zstd" || w.Code/100 != 4 || body.n > 4<<20 { // the reader of zstd takes any error for the end
			t.Errorf("%q: %d after %d bytes: %s", name, w.Code, body.n, w.Body)
		}
	}
}

// hashed makes a block with a right hash.
func hashed(method byte, data []byte, size int) string {
	head := make([]byte, headerSize)
	head[hashSize] = method
	binary.LittleEndian.PutUint32(head[17:], uint32(len(data)+9))
	binary.LittleEndian.PutUint32(head[21:], uint32(size))
	return string(withHash(append(head, data...)))
}

func withHash(b []byte) []byte {
	h := city.CH128(b[hashSize:])
	binary.LittleEndian.PutUint64(b, h.Low)
	binary.LittleEndian.PutUint64(b[8:], h.High)
	return b
}

func FuzzUnframe(f *testing.F) {
	f.Add([]byte(hashed(methodNone, []byte("SELECT 1"), 8)))
	f.Add([]byte(hashed(methodLZ4, []byte{0x80, 'S', 'E', 'L', 'E', 'C', 'T', ' ', '1'}, 8)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= headerSize { // give it the hash that it must have, to come further
			withHash(data)
		}
		out, err := io.ReadAll(io.LimitReader(&unframer{r: bytes.NewReader(data)}, 64<<20))
		if err == nil && len(out) > 1024*(len(data)+1) {
			t.Fatalf("%d bytes became %d", len(data), len(out))
		}
	})
}

// FuzzRequest: no request makes the port panic, and none is asked for another tenant.
func FuzzRequest(f *testing.F) {
	f.Add("query=SELECT+1&param_x=1&compress=1", "FORMAT Native", "text/plain", "")
	f.Add("database=acme&decompress=1", "x", "multipart/form-data; boundary=x", "gzip")
	f.Fuzz(func(t *testing.T, rawQuery, body, contentType, coding string) {
		a := &fakeAsker{}
		p, _ := newPort(t, a)
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.URL.RawQuery = rawQuery
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Content-Encoding", coding)
		r.SetBasicAuth("acme", "KEY")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != 200 && (w.Code < 400 || w.Header().Get(clickhouse.HeaderExceptionCode) == "") {
			t.Fatalf("status %d without a code", w.Code)
		}
		for _, q := range a.got {
			if q.Who.Tenant != "acme" {
				t.Fatalf("asked for %s", q.Who.Tenant)
			}
		}
	})
}

// TestLateError: an answer that fails after its first bytes keeps its status, ends with the exception block that the tag of the
// header announces, and is cut.
func TestLateError(t *testing.T) {
	for _, query := range []string{"/", "/?enable_http_compression=1", "/?compress=1"} {
		late := &clickhouse.Error{Code: 241, Name: "MEMORY_LIMIT_EXCEEDED"}
		p, _ := newPort(t, &fakeAsker{body: io.MultiReader(strings.NewReader(strings.Repeat("row\n", 1<<18)), failing{late})})
		srv := httptest.NewServer(p)
		req, err := http.NewRequest("POST", srv.URL+query, strings.NewReader("SELECT 1"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("acme", "KEY")
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = resp.Body
		if resp.Header.Get("Content-Encoding") == "gzip" {
			if r, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		got, err := io.ReadAll(r)
		tag := resp.Header.Get("X-ClickHouse-Exception-Tag")
		mark := "\r\n__exception__\r\n" + tag + "\r\nCode: 241. DB::Exception: the query needs more memory. (MEMORY_LIMIT_EXCEEDED) (version 25.8.1.1 (weir))\n"
		end := " " + tag + "\r\n__exception__\r\n"
		if resp.StatusCode != 200 || len(tag) != 16 || !strings.Contains(string(got), mark) || !strings.HasSuffix(string(got), end) {
			t.Errorf("%s: %d, tag %q, ends with %q", query, resp.StatusCode, tag, got[max(0, len(got)-300):])
		}
		if resp.Header.Get("Content-Encoding") == "" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the answer ends with %v", query, err)
		}
		resp.Body.Close()
		srv.Close()
	}
	// Before the first byte it is an error like any other.
	p, _ := newPort(t, &fakeAsker{body: io.MultiReader(strings.NewReader("row\n"), failing{&clickhouse.Error{Code: 241}})})
	wantException(t, "early", do(p, "POST", "/", "SELECT 1"), 400, codeMemory, "more memory")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestHolding(t *testing.T) {
	big := strings.Repeat("0123456789", 60_000) // 600 KB; the port of the tests may hold 1 MB
	for _, c := range []struct {
		query, body string
		whole       bool
	}{
		{"/", big, false}, {"/?wait_end_of_query=1", big, true}, {"/?buffer_size=700000", big, true}, {"/?buffer_size=99999999999", big + big, false},
		{"/?wait_end_of_query=1", big + big, false}, // drivers send it always: what is longer is streamed
	} {
		p, _ := newPort(t, &fakeAsker{body: strings.NewReader(c.body)})
		w := do(p, "POST", c.query, "SELECT 1")
		if w.Code != 200 {
			t.Errorf("%s: %d %.200s", c.query, w.Code, w.Body)
			continue
		}
		resp := w.Result()
		if w.Body.String() != c.body || (w.Header().Get("X-ClickHouse-Exception-Tag") == "") != c.whole {
			t.Errorf("%s: %d bytes of %d, header %v", c.query, w.Body.Len(), len(c.body), w.Header())
		}
		if !c.whole && (resp.Trailer.Get("X-ClickHouse-Summary") == "" || resp.Trailer.Get("X-Weir-Cost") == "") {
			t.Errorf("%s: trailers %v", c.query, resp.Trailer)
		}
	}
}

// TestProgress: who asks for it has the progress once, with the numbers that are known when the head is sent.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		query, sql string
		size       int
		want       bool
	}{
		{"/?send_progress_in_http_headers=1&http_headers_progress_interval_ms=50&wait_end_of_query=1", "SELECT 1", 10, true}, {"/", "SELECT 1 SETTINGS send_progress_in_http_headers = 1", 10, true},
		{"/?send_progress_in_http_headers=1", "SELECT 1", 1 << 20, true}, {"/?send_progress_in_http_headers=0", "SELECT 1", 10, false}, {"/", "SELECT 1", 10, false},
	} {
		p, _ := newPort(t, &fakeAsker{body: strings.NewReader(strings.Repeat("x", c.size))})
		h := do(p, "POST", c.query, c.sql).Result().Header
		got := h.Values("X-ClickHouse-Progress")
		if len(got) != map[bool]int{true: 1}[c.want] || c.want && clickhouse.ParseSummary(got[0]).ReadRows != 3 {
			t.Errorf("%s %s: %q", c.query, c.sql, got)
		}
	}
}

// TestClientGone: when the client leaves, the question's context ends.
func TestClientGone(t *testing.T) {
	a := &fakeAsker{wait: true, gone: make(chan struct{})}
	p, _ := newPort(t, a)
	srv := httptest.NewServer(p)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\nContent-Length: 8\r\n\r\nSELECT 1")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		n := len(a.got)
		a.mu.Unlock()
		if n > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the question is not asked")
		}
	}
	begin := time.Now()
	conn.Close()
	select {
	case <-a.gone:
		t.Logf("cancelled after %v", time.Since(begin))
	case <-time.After(time.Minute):
		t.Fatal("the question is still asked")
	}
}

// TestEngineCancel: the engine itself stops a statement whose client has gone.
func TestEngineCancel(t *testing.T) {
	p := realPort(t)
	c := testkit.Engine(t)
	srv := httptest.NewServer(p)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	const sql = "SELECT max(sipHash64(a.x, b.y, c.z)) AS gone_away FROM (SELECT arrayJoin(range(100000)) AS x) AS a CROSS JOIN (SELECT arrayJoin(range(10000)) AS y) AS b CROSS JOIN (SELECT arrayJoin(range(100)) AS z) AS c"
	req, err := http.NewRequestWithContext(ctx, "POST", srv.URL, strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("acme", "KEY")
	done := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			b, _ := io.ReadAll(resp.Body)
			err = errors.New(string(b))
			resp.Body.Close()
		}
		done <- err
	}()
	running := func() bool {
		n := 0
		_, err := c.Rows(t.Context(), clickhouse.Statement{SQL: "SELECT count() FROM system.processes WHERE query LIKE '%gone_away%' AND query NOT LIKE '%system.processes%'"}, func(row []any) error {
			if text, ok := row[0].(interface{ String() string }); ok && text.String() != "0" {
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	for deadline := time.Now().Add(time.Minute); !running(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the statement does not start")
		}
	}
	begin := time.Now()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("the statement ended by itself: %v", err)
	}
	for running() {
		if time.Since(begin) > 40*time.Second { // its own limit is a minute
			t.Fatal("the engine goes on")
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Logf("gone after %v", time.Since(begin)) // 200 ms on an idle machine
}

// TestSettingList: the list of the engine's settings is the engine's.
func TestSettingList(t *testing.T) {
	c := testkit.Engine(t)
	var b strings.Builder
	if _, err := c.Rows(t.Context(), clickhouse.Statement{SQL: "SELECT name FROM system.settings ORDER BY name"}, func(row []any) error {
		b.WriteString(row[0].(string) + "\n")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if b.String() != settingList {
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile("settings.txt", []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Error("settings.txt is not the engine's list; run with UPDATE=1")
	}
	for _, name := range append(shape, ignored...) { // a misspelled name would do nothing
		if !strings.HasSuffix(name, "*") && !strings.HasPrefix(name, "*") && !known()[name] {
			t.Errorf("%s is not a setting", name)
		}
	}
}
