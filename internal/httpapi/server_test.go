package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/httpapi"
)

// serve runs the API on a real connection. stop ends it and returns what Run returned.
func (f *fixture) serve() (addr string, stop func() error) {
	f.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.api.Run(ctx, ln) }()
	f.t.Cleanup(cancel)
	return ln.Addr().String(), func() error { cancel(); return <-done }
}

func TestPanic(t *testing.T) {
	f := newFixture(t)
	f.api.Mux().HandleFunc("GET /x/before", func(http.ResponseWriter, *http.Request) { panic("boom") })
	f.api.Mux().HandleFunc("GET /x/during", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		panic("boom")
	})
	w := f.do("GET", "/x/before", "", "")
	f.wantProblem(w, 500, "internal", "", w.Header().Get("X-Request-Id"))
	if strings.Contains(w.Body.String(), "boom") || !strings.Contains(f.log.String(), "boom") || !strings.Contains(f.log.String(), "server_test.go") {
		t.Errorf("the caller gets %s, the log %s", w.Body, f.log)
	}
	addr, _ := f.serve()
	resp, err := http.Get("http://" + addr + "/x/during")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looks whole")
	}
	if m := f.do("GET", "/metrics", operator, "").Body.String(); !strings.Contains(m, "weir_http_panics_total 2") {
		t.Error("panics are not counted")
	}
}

func TestRequestID(t *testing.T) {
	f := newFixture(t)
	for sent, kept := range map[string]bool{"abc-1": true, "": false, "with space": false, "ä": false, strings.Repeat("x", 65): false} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Header.Set("X-Request-Id", sent)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if got := w.Header().Get("X-Request-Id"); (got == sent) != kept || got == "" {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

func TestSlowBody(t *testing.T) {
	f := newFixture(t, func(c *httpapi.Config) { c.BodyTimeout = 150 * time.Millisecond })
	addr, _ := f.serve()
	for name, request := range map[string]string{
		"lying Content-Length": "Content-Length: 100\r\n\r\n{",
		"chunked":              "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			fmt.Fprintf(c, "POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s", operator, request)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != 408 || !bytes.Contains(body, []byte("body_timeout")) {
				t.Errorf("status %d: %s", resp.StatusCode, body)
			}
		})
	}
}

func TestBodyCutOff(t *testing.T) {
	f := newFixture(t)
	addr, _ := f.serve()
	c := dial(t, addr)
	fmt.Fprintf(c, "POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", operator)
	_ = c.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 || !bytes.Contains(body, []byte("body_incomplete")) {
		t.Errorf("status %d: %s", resp.StatusCode, body)
	}
}

// An answer may take longer than every timeout as long as it moves, and the wait for its first byte does not count.
func TestLongAnswer(t *testing.T) {
	// A write is due 120 ms after the last: a busy machine has most of a second for it.
	f := newFixture(t, func(c *httpapi.Config) { c.BodyTimeout, c.WriteTimeout = 500*time.Millisecond, time.Second })
	const steps = 10
	const wait = 1100 * time.Millisecond // more than BodyTimeout and WriteTimeout, as are all steps
	f.api.Mux().HandleFunc("POST /x/long", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		time.Sleep(wait)
		for range steps {
			fmt.Fprintln(w, "row")
			w.(http.Flusher).Flush()
			time.Sleep(120 * time.Millisecond)
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("the request was cancelled: %v", err)
		}
	})
	f.api.Mux().HandleFunc("POST /x/blocks", func(w http.ResponseWriter, _ *http.Request) {
		for range steps {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 8<<10)) // sent without a flush
			time.Sleep(120 * time.Millisecond)
		}
	})
	f.api.Mux().HandleFunc("POST /x/nobody", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // as huma does with its own timeout
		time.Sleep(100 * time.Millisecond)
		fmt.Fprint(w, r.Context().Err())
	})
	type input struct{ Body struct{} }
	type output struct{ Body struct{ OK bool } }
	huma.Register(f.api.Huma(), huma.Operation{Method: "POST", Path: "/x/huma"}, func(ctx context.Context, _ *input) (*output, error) {
		time.Sleep(wait)
		return &output{}, ctx.Err()
	})
	addr, _ := f.serve()
	for path, want := range map[string]string{"/x/long": strings.Repeat("row\n", steps), "/x/huma": "{\"OK\":false}\n",
		"/x/blocks": strings.Repeat("x", steps*8<<10), "/x/nobody": "<nil>"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			req, _ := http.NewRequest("POST", "http://"+addr+path, strings.NewReader("{}"))
			req.Header.Set("Authorization", "Bearer "+operator)
			for range 2 { // the second on the same connection
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
				if path == "/x/nobody" {
					req.Body, req.ContentLength = http.NoBody, 0
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || string(body) != want {
					t.Errorf("%s: %d bytes, %.100q, want %d bytes, %v", path, len(body), body, len(want), err)
				}
			}
		})
	}
}

func TestSlowReader(t *testing.T) {
	f := newFixture(t, func(c *httpapi.Config) { c.WriteTimeout = 300 * time.Millisecond })
	cut := make(chan error, 1)
	f.api.Mux().HandleFunc("GET /x/flood", func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<20)
		for {
			if _, err := w.Write(block); err != nil {
				cut <- err
				return
			}
		}
	})
	addr, _ := f.serve()
	fmt.Fprint(dial(t, addr), "GET /x/flood HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-cut:
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("cut with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("a client that reads nothing holds its connection for ever")
	}
}

func TestDrain(t *testing.T) {
	f := newFixture(t)
	started := make(chan struct{})
	f.api.Mux().HandleFunc("GET /x/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		time.Sleep(200 * time.Millisecond)
		_, _ = io.WriteString(w, "whole")
	})
	addr, stop := f.serve()
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + addr + "/x/slow")
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		got <- string(body)
	}()
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
	if body := <-got; body != "whole" {
		t.Errorf("the running request got %q", body)
	}
	if _, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		t.Error("the listener is still open")
	}
}

func TestDrainCutsWhatDoesNotEnd(t *testing.T) {
	f := newFixture(t, func(c *httpapi.Config) { c.Drain = 500 * time.Millisecond })
	started := make(chan struct{})
	ended := make(chan struct{})
	f.api.Mux().HandleFunc("GET /x/forever", func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		time.Sleep(100 * time.Millisecond) // it still works on what is about to be closed
		close(ended)
	})
	addr, stop := f.serve()
	fmt.Fprint(dial(t, addr), "GET /x/forever HTTP/1.1\r\nHost: x\r\n\r\n")
	<-started
	begin := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < 500*time.Millisecond || took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	select {
	case <-ended:
	default:
		t.Error("the request was not cut, or was not waited for")
	}
}

// TestBodyTooLarge: who writes all of a body before reading gets the answer that it is too large, also in chunks.
func TestBodyTooLarge(t *testing.T) {
	f := newFixture(t)
	addr, _ := f.serve()
	const size = 24 << 20
	for name, head := range map[string]string{"with its length": fmt.Sprintf("Content-Length: %d", size), "in chunks": "Transfer-Encoding: chunked"} {
		c := dial(t, addr)
		fmt.Fprintf(c, "POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n\r\n", operator, head)
		part := strings.Repeat("x", 1<<20)
		for range size >> 20 {
			chunk := part
			if name == "in chunks" {
				chunk = fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
			}
			if _, err := io.WriteString(c, chunk); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if name == "in chunks" {
			fmt.Fprint(c, "0\r\n\r\n")
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 413 {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
}

func TestHeadTooLarge(t *testing.T) {
	f := newFixture(t)
	addr, _ := f.serve()
	c := dial(t, addr)
	go fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 200<<10))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 431 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
