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

// wire is a server of the doors, and a connection to it.
type wire struct {
	t    *testing.T
	rig  *rig
	conn net.Conn
	in   *bufio.Reader
}

func newWire(t *testing.T, r *rig) *wire {
	t.Helper()
	srv := httptest.NewServer(r.mux)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); srv.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &wire{t, r, conn, bufio.NewReader(conn)}
}

// send writes all that it is given, as clients do which read no answer meanwhile.
func (w *wire) send(head string, body io.Reader) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, head+"\r\n\r\n"); err != nil {
		w.t.Fatalf("the head: %v", err)
	}
	if body == nil {
		return
	}
	if n, err := io.Copy(w.conn, body); err != nil {
		w.t.Fatalf("after %d bytes of the body: %v", n, err)
	}
}

// answer reads one answer whole.
func (w *wire) answer() (*http.Response, string) {
	w.t.Helper()
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("half an answer: %v", err)
	}
	return resp, string(text)
}

// ended says that the server has closed the connection.
func (w *wire) ended() bool {
	_, err := w.in.ReadByte()
	return err != nil && !strings.Contains(err.Error(), "i/o timeout")
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func blank(n int64) io.Reader { return io.LimitReader(blanks{}, n) }

// chunked is a body of n bytes in chunks of 1 MB.
func chunked(n int64) io.Reader {
	var parts []io.Reader
	for ; n > 0; n -= 1 << 20 {
		size := min(n, 1<<20)
		parts = append(parts, strings.NewReader(fmt.Sprintf("%x\r\n", size)), blank(size), strings.NewReader("\r\n"))
	}
	return io.MultiReader(append(parts, strings.NewReader("0\r\n\r\n"))...)
}

func headOf(target, key string, more ...string) string {
	h := "POST " + target + " HTTP/1.1\r\nHost: x\r\n" + key
	for _, m := range more {
		h += "\r\n" + m
	}
	return h
}

const large = 16 << 20 // more than the kernel's buffers of a connection hold, and 6 MB over the limit

// TestAnswersAreRead: a client that writes all of a body before it reads, a few MB over the limit, reads why it is refused, at every door, whatever the length says and whatever the reason is.
func TestAnswersAreRead(t *testing.T) {
	length := fmt.Sprintf("Content-Length: %d", large)
	const chunks = "Transfer-Encoding: chunked"
	for name, c := range map[string]struct {
		target, key, how string
		status           int
		code             string
	}{
		"with its length":           {"/ingest", acmeKey, length, 413, "body_too_large"},
		"in chunks":                 {"/ingest", acmeKey, chunks, 413, "body_too_large"},
		"of a browser":              {"/collect", "X: y", length, 413, "body_too_large"},
		"of a browser in chunks":    {"/collect", "X: y", chunks, 413, "body_too_large"},
		"of CloudEvents":            {"/api/v1/events", acmeKey, chunks, 413, "body_too_large"},
		"with a key that is wrong":  {"/ingest", "Authorization: Bearer none", length, 401, "unknown_key"},
		"with no key, in chunks":    {"/ingest", "X: y", chunks, 401, "unknown_key"},
		"in a coding that is wrong": {"/ingest", acmeKey + "\r\nContent-Encoding: br", fmt.Sprintf("Content-Length: %d", 9<<20), 415, "unsupported_encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.drains.pace, r.drains.all = time.Minute, time.Minute // a busy machine writes slowly
			w := newWire(t, r)
			var body io.Reader
			var n int64
			if c.how == chunks {
				body = chunked(large)
			} else {
				_, _ = fmt.Sscanf(c.how, "Content-Length: %d", &n)
				body = blank(n)
			}
			w.send(headOf(c.target, c.key, c.how), body)
			resp, text := w.answer()
			if resp.StatusCode != c.status || !strings.Contains(text, `"code":"`+c.code+`"`) || !resp.Close {
				t.Errorf("%d %s, closes %v", resp.StatusCode, text, resp.Close)
			}
			if !w.ended() {
				t.Error("the connection stays")
			}
		})
	}
}

// TestTooLargeIsAnsweredAtOnce: whoever says how long a body is that is too large need not send it, and is not waited for: a slow sender is cut, one that waits to be told to go on is not told,
// and what is far too large is not read.
func TestTooLargeIsAnsweredAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		length int64
		more   []string
		pace   time.Duration // 0: as it is, so that waiting would be seen
	}{
		"a slow sender":      {large, nil, 20 * time.Millisecond},
		"one that asks":      {large, []string{"Expect: 100-continue"}, time.Hour},
		"far over the limit": {1 << 40, nil, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.drains.pace, r.drains.all = c.pace, time.Hour
			w := newWire(t, r)
			w.send(headOf("/ingest", acmeKey, append(c.more, fmt.Sprintf("Content-Length: %d", c.length))...), nil)
			resp, text := w.answer()
			if resp.StatusCode != 413 || !strings.Contains(text, "body_too_large") || !resp.Close {
				t.Errorf("%d %s, closes %v", resp.StatusCode, text, resp.Close)
			}
			if !w.ended() {
				t.Error("the connection stays")
			}
			if r.budget.used.Load() != 0 || len(r.drains.slots) != 0 {
				t.Errorf("%d bytes and %d slots are held", r.budget.used.Load(), len(r.drains.slots))
			}
		})
	}
}

// TestDrainsAreBounded: when as many bodies are read away as may be, another one is answered and left; what is read is bounded in time and bytes, and none of it is held.
func TestDrainsAreBounded(t *testing.T) {
	r := newRig(t)
	r.drains.pace, r.drains.all = time.Hour, time.Hour
	for range drainAtOnce {
		r.drains.slots <- struct{}{}
	}
	w := newWire(t, r)
	w.send(headOf("/ingest", acmeKey, fmt.Sprintf("Content-Length: %d", large)), nil)
	if resp, text := w.answer(); resp.StatusCode != 413 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if !w.ended() {
		t.Error("a body more than may be is read")
	}
	<-r.drains.slots
	w = newWire(t, r)
	w.send(headOf("/ingest", acmeKey, fmt.Sprintf("Content-Length: %d", large)), nil)
	if resp, text := w.answer(); resp.StatusCode != 413 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if n := len(r.drains.slots); n != drainAtOnce || r.budget.used.Load() != 0 {
		t.Errorf("%d of %d slots, %d bytes while a body is read away", n, drainAtOnce, r.budget.used.Load())
	}
	if _, err := io.Copy(w.conn, blank(large)); err != nil {
		t.Errorf("the body: %v", err)
	}
	if !w.ended() {
		t.Error("the connection stays after the body")
	}

	// What was read before the limit was met is held no more either.
	w = newWire(t, r)
	body := chunked(large)
	w.send(headOf("/ingest", acmeKey, "Transfer-Encoding: chunked"), io.LimitReader(body, 12*(1<<20+10))) // 12 chunks
	if resp, text := w.answer(); resp.StatusCode != 413 || r.budget.used.Load() != 0 {
		t.Errorf("%d %s; %d bytes are held", resp.StatusCode, text, r.budget.used.Load())
	}
	if _, err := io.Copy(w.conn, body); err != nil || !w.ended() {
		t.Errorf("the rest of the body: %v", err)
	}

	r = newRig(t)
	r.drains.pace, r.drains.all = time.Hour, 0 // the time is over
	w = newWire(t, r)
	w.send(headOf("/ingest", acmeKey, fmt.Sprintf("Content-Length: %d", large)), nil)
	if resp, text := w.answer(); resp.StatusCode != 413 || !w.ended() {
		t.Errorf("a body is read without an end of time; %d %s", resp.StatusCode, text)
	}
	r = newRig(t)
	r.drains.pace, r.drains.all = time.Hour, time.Hour
	w = newWire(t, r)
	w.send(headOf("/ingest", acmeKey, "Transfer-Encoding: chunked"), nil)
	var err error
	for err == nil { // for ever
		_, err = io.WriteString(w.conn, "100000\r\n"+strings.Repeat(" ", 1<<20)+"\r\n")
	}
	if strings.Contains(err.Error(), "timeout") {
		t.Error("a body without an end is read for ever")
	}
}

// TestSmallRefusalsKeepTheConnection: what is refused and short, or read to its end, costs nobody a connection.
func TestSmallRefusalsKeepTheConnection(t *testing.T) {
	r := newRig(t)
	r.drains.pace, r.drains.all = time.Minute, time.Minute
	w := newWire(t, r)
	for _, c := range []struct {
		key, how string
		body     io.Reader
		status   int
	}{
		{"Authorization: Bearer none", "Content-Length: 1000", blank(1000), 401},
		{"Authorization: Bearer none", "Transfer-Encoding: chunked", chunked(1000), 401},
		{acmeKey, "Content-Length: 3000000", io.MultiReader(strings.NewReader("{"), blank(2_999_999)), 400},
		{acmeKey, "Transfer-Encoding: chunked", io.MultiReader(strings.NewReader("1\r\n{\r\n"), chunked(3_000_000)), 400},
		{acmeKey + "\r\nContent-Encoding: gzip", "Content-Length: 1000", blank(1000), 400},
		{acmeKey, "Content-Length: 12", strings.NewReader(`{"type":"a"}`), 200},
	} {
		w.send(headOf("/ingest", c.key, c.how), c.body)
		if resp, text := w.answer(); resp.StatusCode != c.status || resp.Close {
			t.Errorf("%s: %d %s, closes %v", c.how, resp.StatusCode, text, resp.Close)
		}
	}
}
