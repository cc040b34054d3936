// Package drive sends load to weir's /ingest: over keep-alive connections with a hand-written HTTP client, because the
// generator shares the machine with the server that it measures.
package drive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"weir/test/load/events"
)

// Config says what to send where.
type Config struct {
	Addr   string // host:port
	Key    string // write key
	Conns  int
	Events events.Config
	IDs    *events.Counter
	// Rate is the offered load in events a second: requests have due times, whether or not earlier ones are
	// answered, and latency counts from the due time. Zero sends as fast as answers come.
	Rate     float64
	Duration time.Duration
	// Total ends the run when IDs has given out so many numbers; 0: only Duration does.
	Total uint64
	// Import sends the events as an import, for which any time is allowed.
	Import bool
	// Retry sends a refused request again, with the same ids, until it is taken or the run is over.
	Retry bool
}

// Result is what came of a run.
type Result struct {
	Sent     int64 // events in requests that were answered or failed
	Accepted int64
	Rejected int64
	Refused  int64         // events answered with 429 or 503
	Failed   int64         // events of broken connections and other answers: their fate is unknown
	Bytes    int64         // of bodies
	Elapsed  time.Duration // until the last answer
	Latency  Histogram     // of acknowledged requests
	FirstErr error
}

// AcceptedRate is the accepted events a second.
func (r *Result) AcceptedRate() float64 { return float64(r.Accepted) / r.Elapsed.Seconds() }

// runNumber makes the event ids of each run its own.
func runNumber() uint32 { return rand.Uint32() }

// Run sends until the duration is over or ctx ends and waits for all answers.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Addr == "" || cfg.Conns < 1 || cfg.Events.Batch < 1 || cfg.Duration <= 0 {
		return nil, errors.New("drive: Addr, Conns, Events.Batch and Duration must be set")
	}
	if cfg.IDs == nil {
		cfg.IDs = &events.Counter{}
	}
	workers := make([]*worker, cfg.Conns)
	run := runNumber()
	for i := range workers {
		ec := cfg.Events
		ec.Seed += uint64(i)
		w := &worker{cfg: &cfg, events: events.New(ec, run, cfg.IDs)}
		if err := w.dial(ctx); err != nil {
			return nil, err
		}
		workers[i] = w
	}
	began := time.Now()
	sched := &schedule{began: began, end: began.Add(cfg.Duration), ids: cfg.IDs, total: cfg.Total}
	if cfg.Rate > 0 {
		sched.interval = time.Duration(float64(cfg.Events.Batch) / cfg.Rate * float64(time.Second))
	}
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.run(ctx, sched)
		}()
	}
	wg.Wait()
	total := &Result{Elapsed: time.Since(began)}
	for _, w := range workers {
		total.add(&w.res)
	}
	return total, nil
}

func (r *Result) add(o *Result) {
	r.Sent += o.Sent
	r.Accepted += o.Accepted
	r.Rejected += o.Rejected
	r.Refused += o.Refused
	r.Failed += o.Failed
	r.Bytes += o.Bytes
	r.Latency.Merge(&o.Latency)
	if r.FirstErr == nil {
		r.FirstErr = o.FirstErr
	}
}

// schedule gives each request its due time.
type schedule struct {
	began, end time.Time
	interval   time.Duration // 0: at once
	next       atomic.Int64
	ids        *events.Counter
	total      uint64
}

// wait sleeps until the next request is due; ok is false when the run is over. A request that is sent again needs no number of Total.
func (s *schedule) wait(ctx context.Context, again bool) (due time.Time, ok bool) {
	if ctx.Err() != nil || !again && s.total > 0 && s.ids.Count() >= s.total {
		return due, false
	}
	if s.interval == 0 {
		due = time.Now()
		return due, due.Before(s.end)
	}
	due = s.began.Add(time.Duration(s.next.Add(1)-1) * s.interval)
	if !due.Before(s.end) {
		return due, false
	}
	if d := time.Until(due); d > 0 {
		select {
		case <-ctx.Done():
			return due, false
		case <-time.After(d):
		}
	}
	return due, true
}

// worker is one connection.
type worker struct {
	cfg    *Config
	events *events.Renderer
	conn   net.Conn
	r      *bufio.Reader
	head   []byte
	text   []byte // the body of the request
	body   bytes.Buffer
	res    Result
}

func (w *worker) dial(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", w.cfg.Addr)
	if err != nil {
		return fmt.Errorf("drive: connect to %s: %w", w.cfg.Addr, err)
	}
	w.conn, w.r = conn, bufio.NewReaderSize(conn, 16<<10)
	return nil
}

const (
	answerTimeout = time.Minute
	refusedPause  = 50 * time.Millisecond // of a connection, when it sends as fast as it can
)

func (w *worker) run(ctx context.Context, s *schedule) {
	defer w.hangUp()
	batch := int64(w.cfg.Events.Batch)
	again := false // the request before was refused
	for {
		due, ok := s.wait(ctx, again)
		if !ok {
			return
		}
		if w.conn == nil {
			if err := w.dial(ctx); err != nil {
				w.fail(batch, err)
				time.Sleep(refusedPause)
				continue
			}
		}
		if !again {
			w.text = w.events.Next(time.Now())
		}
		status, err := w.send(time.Now())
		again = false
		w.res.Sent += batch
		switch {
		case err != nil:
			w.fail(batch, err)
			w.hangUp()
		case status == http.StatusOK:
			w.res.Latency.Add(time.Since(due))
			accepted := acceptedIn(w.body.Bytes())
			w.res.Accepted += accepted
			w.res.Rejected += batch - accepted
			if accepted != batch && w.res.FirstErr == nil {
				w.res.FirstErr = fmt.Errorf("an answer with rejected events: %.300s", w.body.Bytes())
			}
		case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
			w.res.Refused += batch
			again = w.cfg.Retry
			if s.interval == 0 {
				time.Sleep(refusedPause)
			}
		default:
			w.fail(batch, fmt.Errorf("status %d: %.300s", status, w.body.Bytes()))
		}
	}
}

func (w *worker) fail(batch int64, err error) {
	w.res.Failed += batch
	if w.res.FirstErr == nil {
		w.res.FirstErr = err
	}
}

// send writes one request and reads its answer into w.body.
func (w *worker) send(now time.Time) (int, error) {
	if err := w.conn.SetDeadline(now.Add(answerTimeout)); err != nil {
		return 0, err
	}
	path := "/ingest"
	if w.cfg.Import {
		path += "?mode=import"
	}
	w.head = fmt.Appendf(w.head[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", path, w.cfg.Addr, w.cfg.Key, len(w.text))
	bufs := net.Buffers{w.head, w.text}
	if _, err := bufs.WriteTo(w.conn); err != nil {
		return 0, err
	}
	w.res.Bytes += int64(len(w.text))
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return 0, err
	}
	w.body.Reset()
	_, err = io.Copy(&w.body, resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if resp.Close {
		w.hangUp()
	}
	return resp.StatusCode, err
}

// hangUp closes the connection; the next request opens another.
func (w *worker) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close() // nothing is expected of it any more
		w.conn = nil
	}
}

var acceptedKey = []byte(`"accepted":`)

// acceptedIn finds the number behind "accepted" in an answer; 0 if there is none.
func acceptedIn(answer []byte) int64 {
	i := bytes.Index(answer, acceptedKey)
	if i < 0 {
		return 0
	}
	digits := bytes.TrimLeft(answer[i+len(acceptedKey):], " ")
	end := 0
	for end < len(digits) && digits[end] >= '0' && digits[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(digits[:end]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
