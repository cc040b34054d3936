package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// send writes raw bytes to a real server and returns its answers until it closes or stays silent. With closeWrite the client ends its side.
func send(t *testing.T, r *rig, raw string, closeWrite bool) *http.Response {
	t.Helper()
	srv := httptest.NewServer(r.mux)
	t.Cleanup(srv.Close)
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	if closeWrite {
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

const head = "POST /ingest HTTP/1.1\r\nHost: x\r\n" + acmeKey + "\r\n"

// TestBrokenBodies sends bodies that end early, on real connections.
func TestBrokenBodies(t *testing.T) {
	lines := "{\"type\":\"a\"}\n{\"type\":\"b\"}\n"
	for _, tt := range []struct {
		name, raw    string
		closeWrite   bool
		status, rows int
		code         string
	}{
		{"whole", head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(lines), lines), false, 200, 2, ""},
		{"whole, chunked", head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(lines), lines), false, 200, 2, ""},
		{"cut off at a line's end", head + "Content-Length: 100\r\n\r\n" + lines, true, 400, 0, "body_truncated"},
		{"chunks without an end", head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(lines), lines), true, 400, 0, "body_truncated"},
		{"broken chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, 400, 0, "body_truncated"},
		{"stalled", head + "Content-Length: 100\r\n\r\n" + lines, false, 408, 0, "body_timeout"},
		{"stalled chunks", head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(lines), lines), false, 408, 0, "body_timeout"},
		{"a length that is too small", head + "Content-Length: 20\r\n\r\n" + lines, false, 200, 1, ""}, // what is announced counts
		{"a huge length", head + "Content-Length: 99999999999\r\n\r\n" + lines, false, 413, 0, "body_too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(c *Config, _ *Deps) {
				if tt.status == 408 { // of the others a busy machine may read for longer
					c.BodyTimeout = 100 * time.Millisecond
				}
			})
			res := send(t, r, tt.raw, tt.closeWrite)
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.status || !strings.Contains(string(body), tt.code) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if n := len(r.log.all()); n != tt.rows {
				t.Errorf("%d rows", n)
			}
			if n := r.account.count["acme/site-1 "+tt.code]; tt.code == "body_truncated" && n != 1 || tt.status == 408 && n != 0 { // which is sent again
				t.Errorf("%d counted as %s", n, tt.code)
			}
			if tt.rows == 0 && !res.Close {
				t.Error("the connection stays open behind a broken body")
			}
			if used := r.budget.used.Load(); used != 0 {
				t.Errorf("%d bytes are still taken", used)
			}
		})
	}
}

// TestDeadlineEnds shows that the deadline of one body does not cut the next request on its connection.
func TestDeadlineEnds(t *testing.T) {
	for timeout := 50 * time.Millisecond; ; timeout *= 2 { // until the machine is as fast as that
		r := newRig(t, func(c *Config, _ *Deps) { c.BodyTimeout = timeout })
		srv := httptest.NewServer(r.mux)
		second, err := 0, error(nil)
		for i := range 2 {
			req, _ := http.NewRequest("POST", srv.URL+"/collect", strings.NewReader(page))
			var res *http.Response
			if res, err = srv.Client().Do(req); err != nil {
				break
			}
			second = res.StatusCode
			_ = res.Body.Close()
			if i == 0 {
				time.Sleep(timeout + 30*time.Millisecond) // longer than the deadline
			}
		}
		srv.Close()
		if err == nil && second == 204 {
			return
		}
		if timeout > 3*time.Second {
			t.Fatalf("%d %v", second, err)
		}
	}
}

// TestClientGone shows that events of a whole body count although the client has left before the answer.
func TestClientGone(t *testing.T) {
	r := newRig(t)
	r.log.block = make(chan struct{})
	srv := httptest.NewServer(r.mux)
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /collect HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
	for r.budget.used.Load() == 0 { // until the request is in work
		time.Sleep(time.Millisecond)
	}
	_ = c.Close()
	time.Sleep(20 * time.Millisecond) // the server notices
	close(r.log.block)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if len(r.log.all()) == 3 {
			return
		}
	}
	t.Errorf("%d rows", len(r.log.all()))
}

// TestTwoLengths: of a request with a length and chunks the chunks count, and the length for nothing, so that nothing within a body is taken for a request of its own; frames that
// two servers may read differently are refused, and the connection ends. net/http does that, before a door sees the request: this shows that it stays so.
func TestTwoLengths(t *testing.T) {
	const line = "{\"type\":\"a\"}\n"
	within := head + "Content-Length: 13\r\n\r\n" + line // a whole request
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(line), line)
	for _, tt := range []struct {
		name, raw string
		statuses  []int
		rows      int
		closed    bool
	}{
		{"a length that is too small", head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + within, []int{200, 200}, 2, false},
		{"a length that is too large", head + "Content-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + within, []int{200, 200}, 2, false},
		{"chunks first", head + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunk + within, []int{200, 200}, 2, false},
		{"a request in a chunk", head + fmt.Sprintf("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(within), within), []int{200}, 1, false}, // lines of one body, the last of which is an event
		{"a length that is none", head + "Content-Length: 1x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + within, []int{400}, 0, true},
		{"two lengths that differ", head + "Content-Length: 13\r\nContent-Length: 0\r\n\r\n" + line + within, []int{400}, 0, true},
		{"two codings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + within, []int{501}, 0, true},
		{"another coding", head + "Content-Length: 13\r\nTransfer-Encoding: identity\r\n\r\n" + line + within, []int{501}, 0, true},
		{"a coding with a blank before the colon", head + "Content-Length: 13\r\nTransfer-Encoding : chunked\r\n\r\n" + line + within, []int{400}, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			srv := httptest.NewServer(r.mux)
			defer srv.Close()
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, tt.raw); err != nil {
				t.Fatal(err)
			}
			in, statuses := bufio.NewReader(c), []int(nil)
			for {
				wait := time.Minute
				if len(statuses) == len(tt.statuses) && !tt.closed {
					wait = 500 * time.Millisecond // for what must not come
				}
				if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					if _, open := err.(net.Error); open == tt.closed {
						t.Errorf("it ends with %v", err)
					}
					break
				}
				statuses = append(statuses, res.StatusCode)
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			if fmt.Sprint(statuses) != fmt.Sprint(tt.statuses) || len(r.log.all()) != tt.rows {
				t.Errorf("answered %v, want %v; %d rows, want %d", statuses, tt.statuses, len(r.log.all()), tt.rows)
			}
		})
	}
}
