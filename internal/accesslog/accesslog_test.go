package accesslog

import (
	"bytes"
	"fmt"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	who   = `83.149.9.216 - - [17/May/2015:10:05:03 +0000] `
	req   = `"GET /a/b.html?x=1 HTTP/1.1" `
	tail  = `200 203023 "http://e.com/" "Mozilla/5.0 (X11)"`
	stamp = 1431857103000
)

// seen is a Line as text.
type seen struct {
	VHost, Host, Ident, User, Method, Target, Protocol, Referrer, UserAgent string
	Time                                                                    int64
	Status                                                                  int
	Bytes                                                                   int64
	Truncated                                                               bool
}

func see(l *Line) seen {
	return seen{string(l.VirtualHost), string(l.Host), string(l.Ident), string(l.User), string(l.Method), string(l.Target), string(l.Protocol),
		string(l.Referrer), string(l.UserAgent), l.Time, l.Status, l.Bytes, l.Truncated}
}

func base(change func(*seen)) seen {
	s := seen{Host: "83.149.9.216", Method: "GET", Target: "/a/b.html?x=1", Protocol: "HTTP/1.1", Referrer: "http://e.com/",
		UserAgent: "Mozilla/5.0 (X11)", Time: stamp, Status: 200, Bytes: 203023}
	if change != nil {
		change(&s)
	}
	return s
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, line string
		want       seen
	}{
		{"combined", who + req + tail, base(nil)},
		{"unterminated last quote", who + req + tail[:len(tail)-1], base(func(s *seen) { s.Truncated = true })},
		{"unterminated referrer", who + req + `200 203023 "http://e.com/`, base(func(s *seen) { s.Truncated = true; s.UserAgent = "" })},
		{"common format", who + req + `200 203023`, base(func(s *seen) { s.Truncated = true; s.UserAgent, s.Referrer = "", "" })},
		{"no bytes", who + req + `200`, base(func(s *seen) { s.Truncated = true; s.UserAgent, s.Referrer, s.Bytes = "", "", -1 })},
		{"dashes", who + `"-" 408 - "-" "-"`, base(func(s *seen) {
			s.Method, s.Target, s.Protocol, s.Referrer, s.UserAgent, s.Status, s.Bytes = "", "", "", "", "", 408, -1
		})},
		{"further fields", who + req + tail + ` "10.0.0.1" 0.003`, base(nil)},
		{"escaped quotes", who + req + `200 203023 "-" "a \"b\" \\"`, base(func(s *seen) { s.Referrer, s.UserAgent = "", `a \"b\" \\` })},
		{"bare quotes", who + req + `200 203023 "-" "a"b"`, base(func(s *seen) { s.Referrer, s.UserAgent = "", `a"b` })},
		{"user", `::1 id frank [17/May/2015:10:05:03 +0000] ` + req + tail, base(func(s *seen) { s.Host, s.Ident, s.User = "::1", "id", "frank" })},
		{"user with spaces", `::1 - frank van  zapp [17/May/2015:10:05:03 +0000] ` + req + tail, base(func(s *seen) { s.Host, s.User = "::1", "frank van  zapp" })},
		{"IPv6", `2001:db8::ff00:42:8329 - - [17/May/2015:10:05:03 +0000] ` + req + tail, base(func(s *seen) { s.Host = "2001:db8::ff00:42:8329" })},
		{"virtual host", `www.e.com:443 ` + who + req + tail, base(func(s *seen) { s.VHost = "www.e.com:443" })},
		{"zone", `83.149.9.216 - - [17/May/2015:12:35:03 +0230] ` + req + tail, base(nil)},
		{"zone west", `83.149.9.216 - - [17/May/2015:02:05:03 -0800] ` + req + tail, base(nil)},
		{"garbage request", who + `"\x16\x03\x01 a" 200 203023 "http://e.com/" "Mozilla/5.0 (X11)"`, base(func(s *seen) { s.Method, s.Target, s.Protocol = "", "", "" })},
		{"empty request", who + `"" 200 203023 "http://e.com/" "Mozilla/5.0 (X11)"`, base(func(s *seen) { s.Method, s.Target, s.Protocol = "", "", "" })},
		{"method only", who + `"GET" 200 203023 "http://e.com/" "Mozilla/5.0 (X11)"`, base(func(s *seen) { s.Method, s.Target, s.Protocol = "", "", "" })},
		{"no target", who + `"GET HTTP/1.1" 200 203023 "http://e.com/" "Mozilla/5.0 (X11)"`, base(func(s *seen) { s.Method, s.Target, s.Protocol = "", "", "" })},
		{"HTTP/0.9", who + `"GET /a/b.html?x=1" ` + tail, base(func(s *seen) { s.Protocol = "" })},
		{"spaces in target", who + `"GET /a b c HTTP/1.1" ` + tail, base(func(s *seen) { s.Target = "/a b c" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l Line
			if err := l.Parse([]byte(tt.line)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, see(&l)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		line string
		want error
	}{
		{"", ErrEmpty}, {" \t", ErrEmpty},
		{"hello", ErrHost}, {"83.149.9.216 - [17/May/2015:10:05:03 +0000] " + req + tail, ErrHost},
		{"1.1.1.1 - - [17/May/2015:10:05:03 +0000 " + req + tail, ErrTime},
		{"1.1.1.1 - - [17/Mai/2015:10:05:03 +0000] " + req + tail, ErrTime},
		{"1.1.1.1 - - [31/Jun/2015:10:05:03 +0000] " + req + tail, ErrTime},
		{"1.1.1.1 - - [29/Feb/2015:10:05:03 +0000] " + req + tail, ErrTime},
		{"1.1.1.1 - - [17/May/2015:24:05:03 +0000] " + req + tail, ErrTime},
		{who, ErrRequest}, {who + `GET / HTTP/1.1 200 1`, ErrRequest}, {who + `"GET / HTTP/1.1`, ErrRequest},
		{who + req, ErrStatus}, {who + req + `20 1`, ErrStatus}, {who + req + `2x0 1`, ErrStatus},
		{who + req + `200 -1 "-" "-"`, ErrBytes}, {who + req + `200 1e5 "-" "-"`, ErrBytes}, {who + req + `200 9999999999999999999 "-" "-"`, ErrBytes},
	}
	for _, tt := range tests {
		var l Line
		if err := l.Parse([]byte(tt.line)); err != tt.want {
			t.Errorf("%q: got %v, want %v", tt.line, err, tt.want)
		}
	}
}

func TestTimeEqualsStandardLibrary(t *testing.T) {
	const layout = "02/Jan/2006:15:04:05 -0700"
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.IntRange(-14*60, 14*60).Draw(t, "zone")
		at := time.Unix(rapid.Int64Range(-62135596800+86400, 253402300799-86400).Draw(t, "unix"), 0).In(time.FixedZone("", zone*60))
		got, ok := parseTime([]byte(at.Format(layout)))
		if !ok || got != at.UnixMilli() {
			t.Fatalf("%s: got %d, %v; want %d", at.Format(layout), got, ok, at.UnixMilli())
		}
	})
}

func TestPageView(t *testing.T) {
	tests := []struct {
		request string
		status  int
		want    bool
	}{
		{"GET / HTTP/1.1", 200, true}, {"GET /a/b HTTP/1.1", 304, true}, {"GET /a.b/c HTTP/1.1", 200, true}, {"GET /a.html?x=y.png HTTP/1.1", 200, true},
		{"GET /x.php HTTP/1.1", 206, true}, {"GET /v1.2.longextension HTTP/1.1", 200, true},
		{"GET /a.PNG HTTP/1.1", 200, false}, {"GET /a.css?v=1 HTTP/1.1", 200, false}, {"GET /robots.txt HTTP/1.1", 200, false},
		{"GET / HTTP/1.1", 404, false}, {"GET / HTTP/1.1", 301, false}, {"HEAD / HTTP/1.1", 200, false}, {"POST / HTTP/1.1", 200, false}, {"garbage", 200, false},
	}
	for _, tt := range tests {
		var l Line
		if err := l.Parse(fmt.Appendf(nil, `%s"%s" %d 1 "-" "-"`, who, tt.request, tt.status)); err != nil {
			t.Fatal(err)
		}
		if got := l.PageView(); got != tt.want {
			t.Errorf("%s %d: %v, want %v", tt.request, tt.status, got, tt.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	tests := []struct{ in, want string }{
		{`plain`, `plain`}, {`a \"b\" \\c`, `a "b" \c`}, {`\x22q\x22`, `"q"`}, {`\xc3\xa4`, `ä`},
		{`http://\xe4\xe5/`, `http://\xe4\xe5/`}, // not UTF-8: stays as it was written
		{`\x16\x03\x00`, `\x16\x03\x00`},         // control characters: likewise
		{"\xe4b", `\xe4b`}, {"a\x00b", `a\x00b`}, {`end\`, `end\`}, {`\x4`, `\x4`}, {`\xzz`, `\xzz`}, {`a\tb`, "a\tb"},
	}
	for _, tt := range tests {
		if got := string(Unescape([]byte("> "), []byte(tt.in))); got != "> "+tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(who + req + tail))
	f.Add([]byte(`www.e.com:443 ` + who + `"\x16" 408 - "-" "a\"`))
	f.Add([]byte(`::1 - a b [29/Feb/2016:23:59:60 -0330] "GET  HTTP/1.0" 200 - "`))
	f.Fuzz(func(t *testing.T, in []byte) {
		kept := bytes.Clone(in)
		var l Line
		err := l.Parse(in)
		if !bytes.Equal(kept, in) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		if l.Status < 0 || l.Status > 999 || l.Bytes < -1 || (len(l.Method) == 0) != (len(l.Target) == 0) {
			t.Fatalf("inconsistent: %+v", see(&l))
		}
		for _, field := range [][]byte{l.Host, l.User, l.Request, l.Target, l.Referrer, l.UserAgent} {
			out := Unescape(nil, field)
			if !utf8.Valid(out) || bytes.IndexByte(out, 0) >= 0 {
				t.Fatalf("%q was unescaped to %q", field, out)
			}
		}
		l.PageView()
	})
}

func TestParseAllocatesNothing(t *testing.T) {
	line := []byte(who + req + tail)
	var l Line
	if n := testing.AllocsPerRun(100, func() { _ = l.Parse(line); _ = l.PageView() }); n != 0 {
		t.Errorf("%v allocations a line, want 0", n)
	}
}

func BenchmarkParse(b *testing.B) {
	line := []byte(who + req + tail)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var l Line
	for b.Loop() {
		if err := l.Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}
