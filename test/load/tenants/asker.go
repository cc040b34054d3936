package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"weir/test/load/drive"
)

// asker is one keep-alive connection with a hand-written client: the generator shares the machine with what it measures.
type asker struct {
	addr, key string
	conn      net.Conn
	r         *bufio.Reader
	buf       bytes.Buffer
}

// ask sends one request and reads its answer. The body is valid until the next call.
func (a *asker) ask(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	if a.conn == nil {
		var d net.Dialer
		if a.conn, err = d.DialContext(ctx, "tcp", a.addr); err != nil {
			return 0, nil, err
		}
		a.r = bufio.NewReaderSize(a.conn, 32<<10)
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if err := a.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, nil, err
	}
	req := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", method, path, a.addr, a.key, len(body))
	if _, err := a.conn.Write(append(req, body...)); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(a.r, nil)
	if err != nil {
		return 0, nil, err
	}
	a.buf.Reset()
	_, err = io.Copy(&a.buf, resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if resp.Close {
		a.close()
	}
	return resp.StatusCode, a.buf.Bytes(), err
}

func (a *asker) close() {
	if a.conn != nil {
		_ = a.conn.Close() // nothing is expected of it any more
		a.conn = nil
	}
}

// request is one request of a stream.
type request struct {
	kind         string // of those that are told apart; may be empty
	method, path string
	body         []byte
}

func (r request) of(kind string) request {
	r.kind = kind
	return r
}

// tally is what came of a stream of requests.
type tally struct {
	ok      drive.Histogram
	kinds   map[string]*drive.Histogram // of ok, of requests with a kind
	refused int64                       // 429 and 503
	failed  int64
	first   error
}

func (t *tally) count(kind string, status int, answer []byte, err error, took time.Duration) {
	switch {
	case err == nil && status == http.StatusOK:
		t.ok.Add(took)
		if kind != "" {
			t.kind(kind).Add(took)
		}
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		t.refused++
	default:
		t.failed++
		if t.first == nil {
			t.first = err
			if err == nil {
				t.first = fmt.Errorf("status %d: %.300s", status, answer)
			}
		}
	}
}

// kind finds the times of a kind of requests.
func (t *tally) kind(name string) *drive.Histogram {
	if t.kinds == nil {
		t.kinds = map[string]*drive.Histogram{}
	}
	if t.kinds[name] == nil {
		t.kinds[name] = &drive.Histogram{}
	}
	return t.kinds[name]
}

// add adds what came of other requests.
func (t *tally) add(o *tally) {
	t.ok.Merge(&o.ok)
	for name, h := range o.kinds {
		t.kind(name).Merge(h)
	}
	t.refused += o.refused
	t.failed += o.failed
	if t.first == nil {
		t.first = o.first
	}
}

// stream sends requests over conns connections until d is over: at a fixed rate, each with its due time from which its latency counts, or as fast
// as answers come when rate is 0.
func stream(ctx context.Context, addr, key string, conns int, rate float64, d time.Duration, next func(n int64) request) *tally {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var n atomic.Int64
	total := &tally{}
	began := time.Now()
	for range conns {
		wg.Go(func() {
			a, t := &asker{addr: addr, key: key}, &tally{}
			defer a.close()
			for ctx.Err() == nil {
				i := n.Add(1) - 1
				due := time.Now()
				if rate > 0 {
					due = began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
				}
				if due.Sub(began) >= d {
					break
				}
				time.Sleep(time.Until(due))
				q := next(i)
				status, answer, err := a.ask(ctx, q.method, q.path, q.body)
				if ctx.Err() != nil {
					break // cut off by ourselves
				}
				t.count(q.kind, status, answer, err, time.Since(due))
				if rate == 0 && status != http.StatusOK {
					time.Sleep(50 * time.Millisecond)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(t)
		})
	}
	wg.Wait()
	return total
}
