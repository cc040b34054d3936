package weir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sender is the HTTP client for the requests: given or new, and without redirects: a POST would become a GET, and events would go where nobody said.
func sender(given *http.Client) *http.Client {
	c := &http.Client{}
	if given != nil {
		*c = *given
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		c.Transport = t.Clone()
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// run sends what is queued until ctx ends.
func (c *Client) run(ctx context.Context) {
	timer := time.NewTimer(c.opts.FlushInterval)
	timer.Stop()
	waits := false // an event waits for the timer
	for {
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.arrived:
			if !waits {
				timer.Reset(c.opts.FlushInterval)
				waits = true
			}
		case <-c.full:
			c.sendQueued(ctx, false)
		case <-timer.C:
			waits = false
			c.sendQueued(ctx, true)
		case <-c.urgent:
			c.sendQueued(ctx, true)
		}
	}
}

// sendQueued sends full batches as long as there are any, and, if all is set, everything that is queued by now.
func (c *Client) sendQueued(ctx context.Context, all bool) {
	_, upTo, _ := c.queue.count()
	for ctx.Err() == nil {
		waiting, pushed, _ := c.queue.count()
		if waiting == 0 || !c.batchIsFull() && (!all || pushed-waiting >= upTo) {
			return
		}
		b, err := c.queue.next(c.opts.BatchEvents, c.limit)
		if err != nil { // the disk cannot be read: perhaps later
			c.failed(err)
			if c.pause(ctx, c.nextBackoff()) != nil {
				return
			}
			continue
		}
		items := c.fresh(b.items)
		if len(items) > 0 && c.deliver(ctx, items) != nil {
			return
		}
		if err := c.queue.settle(b); err != nil {
			c.fault(err)
		}
		c.mu.Lock()
		c.settled = b.done
		c.changeLocked()
		c.mu.Unlock()
	}
}

func (c *Client) batchIsFull() bool {
	waiting, _, bytes := c.queue.count()
	return waiting >= uint64(c.opts.BatchEvents) || bytes >= int64(c.opts.BatchBytes)
}

// fresh takes out the events that waited too long.
func (c *Client) fresh(items []item) []item {
	oldest := time.Now().Add(-c.opts.MaxAge).UnixMilli()
	return slices.DeleteFunc(items, func(it item) bool {
		if it.at >= oldest {
			return false
		}
		c.note(func(s *Stats) { s.Dropped++ })
		if c.opts.OnDropped != nil {
			c.opts.OnDropped(decode(it.line), ErrExpired)
		}
		return true
	})
}

// deliver sends events until each is confirmed or rejected. An error is that of ctx.
func (c *Client) deliver(ctx context.Context, items []item) error {
	for {
		rejected, err := c.post(ctx, items)
		if err == nil {
			c.backoff = 0
			c.limit = min(c.limit+max(c.opts.BatchBytes/64, 1), c.opts.BatchBytes)
			c.confirmed(items, rejected)
			return nil
		}
		var refused *refusal
		if !errors.As(err, &refused) {
			refused = &refusal{}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case refused.halve() && len(items) > 1:
			c.failed(err)
			if refused.status == http.StatusRequestEntityTooLarge {
				c.limit = max(c.limit/2, 1)
			}
			half := len(items) / 2
			if err := c.deliver(ctx, items[:half]); err != nil {
				return err
			}
			items = items[half:]
			continue
		case refused.halve():
			c.backoff = 0
			c.confirmed(items, []Rejection{refused.reason()})
			return nil
		}
		c.failed(err)
		if err := c.pause(ctx, max(c.nextBackoff(), refused.after)); err != nil {
			return err
		}
		if items = c.fresh(items); len(items) == 0 {
			return nil
		}
	}
}

// confirmed tells of the outcome of a request. A Rejection without a code is none.
func (c *Client) confirmed(items []item, rejected []Rejection) {
	n := uint64(0)
	for _, r := range rejected {
		if r.Code != "" {
			n++
		}
	}
	c.note(func(s *Stats) {
		s.Rejected += n
		s.Sent += uint64(len(items)) - n
		s.LastError = nil
	})
	if c.opts.OnRejected == nil {
		return
	}
	for i, r := range rejected {
		if r.Code != "" {
			c.opts.OnRejected(decode(items[i].line), r)
		}
	}
}

// failed tells of an attempt that will be repeated.
func (c *Client) failed(err error) {
	c.note(func(s *Stats) {
		s.Failures++
		s.LastError = err
	})
	c.fault(err)
}

// nextBackoff is the pause after the failures so far: from half of it to all of it, by chance, so that clients do not come back together.
func (c *Client) nextBackoff() time.Duration {
	c.backoff = min(max(c.backoff*2, c.opts.MinBackoff), c.opts.MaxBackoff)
	return c.backoff - rand.N(c.backoff/2+1)
}

func (c *Client) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post does one attempt. Without an error all events are settled, and rejected has a Rejection for each (or is empty).
func (c *Client) post(ctx context.Context, items []item) (rejected []Rejection, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	c.mu.Lock()
	c.stats.Requests++
	c.mu.Unlock()
	var body bytes.Buffer
	c.zip.Reset(&body)
	for _, it := range items {
		_, _ = c.zip.Write(it.line) // memory takes it
		_, _ = c.zip.Write([]byte("\n"))
	}
	if err := c.zip.Close(); err != nil {
		return nil, fmt.Errorf("weir: compress: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body.Bytes()))
	if err != nil {
		return nil, fmt.Errorf("weir: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.opts.WriteKey)
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "weir-go/"+Version)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("weir: send: %w", err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection is used again
		_ = resp.Body.Close()                         // it was only read
	}()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return nil, nil
	case http.StatusOK:
		return readAnswer(resp.Body, len(items))
	}
	return nil, readRefusal(resp, time.Now())
}

// readAnswer reads what the server says of each of n events. Whatever is not such an answer is an error: the events are sent again.
func readAnswer(body io.Reader, n int) ([]Rejection, error) {
	var answer struct {
		Accepted *int `json:"accepted"`
		Rejected []struct {
			Index int `json:"index"`
			Rejection
		} `json:"rejected"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 16<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("weir: the answer cannot be read: %w", err)
	}
	if answer.Accepted == nil || *answer.Accepted+len(answer.Rejected) != n {
		return nil, errors.New("weir: the answer is not of a weir server, or not to this request")
	}
	if len(answer.Rejected) == 0 {
		return nil, nil
	}
	rejected := make([]Rejection, n)
	for _, r := range answer.Rejected {
		if r.Index < 0 || r.Index >= n || rejected[r.Index].Code != "" || r.Code == "" {
			return nil, fmt.Errorf("weir: the answer rejects event %d of %d in a way that is not understood", r.Index, n)
		}
		rejected[r.Index] = r.Rejection
	}
	return rejected, nil
}

// refusal is an answer that refuses the request as a whole.
type refusal struct {
	status  int
	code    string // of weir; empty: somebody else answered
	field   string
	message string
	after   time.Duration // how long the server asks to wait
}

func (r *refusal) Error() string {
	return fmt.Sprintf("weir: send: the server answered %d %s: %s", r.status, r.code, r.message)
}

// halve says that the request must not be repeated as it is: it is too large, or weir itself says that something in it is wrong. Of one event, this is a rejection.
// What a body damaged on its way gets is not meant.
func (r *refusal) halve() bool {
	switch r.status {
	case http.StatusRequestEntityTooLarge:
		return true
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return r.code != "" && r.code != "body_truncated" && r.code != "empty_body" && r.code != "invalid_encoding"
	}
	return false
}

func (r *refusal) reason() Rejection {
	code := r.code
	if code == "" {
		code = "request_too_large"
	}
	return Rejection{Code: code, Field: r.field, Message: r.message}
}

func readRefusal(resp *http.Response, now time.Time) *refusal {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what was read is shown
	r := &refusal{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"), now)}
	var p struct{ Code, Field, Detail string }
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" && json.Unmarshal(text, &p) == nil && p.Code != "" {
		r.code, r.field, r.message = p.Code, p.Field, p.Detail
		return r
	}
	r.message = strings.TrimSpace(strings.ToValidUTF8(string(text[:min(len(text), 300)]), "\uFFFD"))
	if at := resp.Header.Get("Location"); at != "" {
		r.message = "redirected to " + at + ": set Options.Endpoint to it"
	}
	return r
}

// retryAfter reads seconds or a date; at most an hour, 0 for anything else.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
