package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseError(t *testing.T) {
	for text, want := range map[string]Error{
		"Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 26.7.2.1 (official build))\n": {Code: 60, Name: "UNKNOWN_TABLE", Message: "Table a.b does not exist"},
		"Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify 'x' setting in readonly mode. (READONLY) (version 26.7.2.1). (READONLY)": {
			Code: 164, Name: "READONLY", Message: "Cannot modify 'x' setting in readonly mode"},
		"Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed): failed at 9 (end of query): ; x. (SYNTAX_ERROR)": {
			Code: 62, Name: "SYNTAX_ERROR", Message: "Syntax error (Multi-statements are not allowed): failed at 9 (end of query): ; x"},
		"Code: 395. DB::Exception: (oh no)": {Code: 395, Message: "(oh no)"},
		"something else":                    {Message: "something else"},
		"Code: x. DB::Exception: y":         {Message: "Code: x. DB::Exception: y"},
		"Code: -1. z":                       {Message: "Code: -1. z"},
		"":                                  {},
	} {
		want.Status = 400
		if got := ParseError(text, 400); *got != want {
			t.Errorf("%q: %+v, want %+v", text, *got, want)
		}
	}
}

func FuzzParseError(f *testing.F) {
	f.Add("Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 26.7.2.1 (official build))")
	f.Add("Code: 1. Code: 2. (A_B) (C_D)")
	f.Fuzz(func(t *testing.T, text string) {
		e := ParseError(text, 500)
		if e.Code < 0 || e.Status != 500 || len(e.Message) > len(text) || e.Name != "" && !isName(e.Name) {
			t.Errorf("%q: %+v", text, *e)
		}
		if e.Code == 0 && e.Message != strings.TrimSuffix(strings.TrimSpace(text), ".") && !strings.HasPrefix(strings.TrimSpace(text), "Code: ") {
			t.Errorf("%q: the text was changed to %q", text, e.Message)
		}
	})
}

func TestSummary(t *testing.T) {
	s := Summary{ReadRows: 1, ReadBytes: 2, WrittenRows: 3, WrittenBytes: 4, ResultRows: 5, ResultBytes: 1 << 60, Elapsed: 7, CPU: 8 * time.Second, PeakMemory: 9}
	if got := ParseSummary(EncodeSummary(s)); got != s {
		t.Error(cmp.Diff(s, got))
	}
	// A server's own, with fewer fields, numbers instead of strings, or nonsense.
	for text, want := range map[string]Summary{
		`{"read_rows":"5","elapsed_ns":"1000","memory_usage":"77"}`: {ReadRows: 5, Elapsed: 1000, PeakMemory: 77},
		`{"read_rows":5,"result_rows":-1,"read_bytes":null}`:        {ReadRows: 5},
		`{"elapsed_ns":"18446744073709551615"}`:                     {},
		`nonsense`:                                                  {}, ``: {}, `[]`: {},
	} {
		if got := ParseSummary(text); got != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func FuzzParseSummary(f *testing.F) {
	f.Add(EncodeSummary(Summary{ReadRows: 1}))
	f.Add(`{"read_rows":1e300,"cpu_ns":"-1"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := ParseSummary(text)
		if s.Elapsed < 0 || s.CPU < 0 {
			t.Errorf("%q: %+v", text, s)
		}
		if again := ParseSummary(EncodeSummary(s)); again != s {
			t.Errorf("%q: %+v became %+v", text, s, again)
		}
	})
}

// serve answers on a Unix socket and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	c, err := New("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
	})
	s := Statement{SQL: "SELECT {a:String}", Params: map[string]string{"a": "x&y"}, Settings: map[string]string{"max_threads": "2"},
		Format: "JSON", QueryID: "q1", Comment: "why", Tenant: "acme"}
	if _, err := c.Exec(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"param_a": {"x&y"}, "max_threads": {"2"}, "default_format": {"JSON"}, "query_id": {"q1"}, "log_comment": {"why"}}
	if diff := cmp.Diff(want, map[string][]string(got.URL.Query())); diff != "" {
		t.Error(diff)
	}
	if body != s.SQL || got.Header.Get(HeaderUser) != "t_acme" || got.Header.Get(HeaderDatabase) != "t_acme" {
		t.Errorf("body %q, header %v", body, got.Header)
	}
	if _, err := c.Insert(context.Background(), Statement{SQL: "INSERT INTO t FORMAT CSV"}, strings.NewReader("1,2")); err != nil {
		t.Fatal(err)
	}
	if body != "1,2" || got.URL.Query().Get("query") != "INSERT INTO t FORMAT CSV" || got.URL.Query().Get("query_id") == "" || got.Header.Get(HeaderUser) != "" {
		t.Errorf("insert: %q %v %v", body, got.URL, got.Header)
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "unix://", "unix://host/x", "ftp://x", "http://", "://"} {
		if _, err := New(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	for _, good := range []string{"unix:///a/b", "http://h:8123", "https://u:p@h"} {
		if _, err := New(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// A failure after the first byte is told in the body. However the body is cut
// into reads, the data before it arrives whole and the marker never does.
func TestLateError(t *testing.T) {
	const tag = "abcdefghijklmnop"
	mark := "\r\n__exception__\r\n" + tag + "\r\n"
	const text = "Code: 395. DB::Exception: late. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)"
	rows := strings.Repeat("row\n", 50_000)
	if testing.Short() {
		rows = rows[:len(rows)/10] // still several buffers
	}
	fail := mark + text + fmt.Sprintf("\r\n%d %s\r\n__exception__\r\n", len(text)+2, tag)
	for name, tt := range map[string]struct {
		body, want string
		late       bool
	}{
		"none":            {"some data", "some data", false},
		"empty":           {"", "", false},
		"at once":         {fail, "", true},
		"after data":      {rows + fail, rows, true},
		"part of a mark":  {"x\r\n__exception__\r\nabc", "x\r\n__exception__\r\nabc", false},
		"another's mark":  {"x\r\n__exception__\r\nAAAAAAAAAAAAAAAA\r\n", "x\r\n__exception__\r\nAAAAAAAAAAAAAAAA\r\n", false},
		"mark after mark": {"x\r\n__exception__\r\n" + fail, "x\r\n__exception__\r\n", true},
	} {
		for reader, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r },
			"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "with the end": iotest.DataErrReader} {
			c := &Client{}
			resp := &http.Response{Header: http.Header{http.CanonicalHeaderKey(HeaderExceptionTag): {tag}}, Body: io.NopCloser(wrap(strings.NewReader(tt.body))),
				Trailer: http.Header{http.CanonicalHeaderKey(HeaderSummary): {`{"read_rows":"7"}`}}}
			res := c.result(resp)
			got, err := io.ReadAll(res.Body)
			if string(got) != tt.want {
				t.Errorf("%s, %s: %d bytes, want %d", name, reader, len(got), len(tt.want))
			}
			var e *Error
			if tt.late != errors.As(err, &e) || !tt.late && err != nil {
				t.Errorf("%s, %s: error %v", name, reader, err)
			}
			if tt.late && (e.Code != 395 || e.Message != "late") {
				t.Errorf("%s, %s: %+v", name, reader, *e)
			}
			if res.Summary().ReadRows != 7 {
				t.Errorf("%s, %s: summary %+v", name, reader, res.Summary())
			}
		}
	}
}

func TestUnavailable(t *testing.T) {
	c, err := New("unix://" + filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := c.Ping(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	if _, err := c.Exec(ctx, Statement{SQL: "SELECT 1"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("exec: %v", err)
	}
	if _, err := c.Insert(ctx, Statement{SQL: "INSERT"}, strings.NewReader("x")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("insert: %v", err)
	}

	c = serve(t, func(w http.ResponseWriter, r *http.Request) {
		sql, _ := io.ReadAll(r.Body)
		switch string(sql) {
		case "drop":
			panic(http.ErrAbortHandler)
		case "cut":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("half"))
		case "starting":
			http.Error(w, "starting", http.StatusServiceUnavailable)
		case "hang":
			<-r.Context().Done()
		}
	})
	for _, step := range []string{"drop", "cut", "starting"} {
		if _, err := c.Exec(ctx, Statement{SQL: step}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", step, err)
		}
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(short, Statement{SQL: "hang"}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
		t.Errorf("hang: %v", err)
	}
	// A host that does not answer: the dial's own time is over, not the caller's, though its error says that it is both.
	var timeout error
	if _, timeout = (&net.Dialer{Deadline: time.Unix(1, 0)}).Dial("tcp", "127.0.0.1:1"); !errors.Is(timeout, context.DeadlineExceeded) {
		t.Fatalf("a dial's timeout is %v", timeout)
	}
	c.http.Transport = failing{timeout}
	_, query := c.Query(ctx, Statement{SQL: "SELECT 1"})
	_, process := c.Process(ctx, "x")
	for op, err := range map[string]error{"query": query, "ping": c.Ping(ctx), "process": process} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s with a dial that took too long: %v", op, err)
		}
	}
}

// failing is a transport that gives no answers.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestStatusAndCode(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(HeaderSummary, `{"cpu_ns":"5"}`)
		w.WriteHeader(404)
		io.WriteString(w, "Code: 60. DB::Exception: no. (UNKNOWN_TABLE)\n")
	})
	_, err := c.Insert(context.Background(), Statement{SQL: "INSERT INTO x FORMAT CSV"}, strings.NewReader(strings.Repeat("1\n", 1<<20)))
	var e *Error
	if !errors.As(err, &e) || e.Code != 60 || e.Status != 404 || e.Name != "UNKNOWN_TABLE" || e.Summary.CPU != 5 {
		t.Errorf("%+v", err)
	}
}
