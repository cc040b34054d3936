// Package client is the Go client of weir's own HTTP API. The command line,
// the importer, the demo and the load tests use it; it knows the surface and nothing of the server's inside.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Options change how a Client behaves. The zero value is ready for use.
type Options struct {
	// HTTP does the requests. Nil means a client of its own that keeps connections alive.
	HTTP *http.Client
	// RetryFor bounds the time spent on retries of one call. Zero means 30 s, negative means no retry.
	RetryFor time.Duration
	// OnRetry is told of each failure that will be retried after wait. It may be nil.
	OnRetry func(err error, wait time.Duration)
	// UserAgent is sent with each request; "weir-client" if empty.
	UserAgent string
	// CAs are the authorities that a server's certificate may come from; nil: those of the system. It is ignored with HTTP.
	CAs *x509.CertPool
	// Tenant names the tenant that an operator's request is about; empty for all other keys.
	Tenant string
}

// Client calls one server with one key. It is safe for concurrent use.
type Client struct {
	base string
	key  string
	opts Options
	http *http.Client
	err  error // the server's address is wrong; every call returns it
}

const (
	defaultRetryFor = 30 * time.Second
	firstBackoff    = 100 * time.Millisecond
	maxBackoff      = 5 * time.Second
	maxErrorBody    = 64 << 10 // bytes of an error answer that are read
)

// New returns a client of server ("http://127.0.0.1:8080") that proves itself with key, an API key, a
// write key or the operator's token; without a key it sends none. New does no I/O; a wrong address is reported by the first call.
func New(server, key string, opts Options) *Client {
	c := &Client{key: key, opts: opts, http: opts.HTTP}
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		c.err = fmt.Errorf("the server's address %q is not a URL like http://127.0.0.1:8080", server)
		return c
	}
	c.base = strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/")
	if c.http == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		t.DisableCompression = true
		if opts.CAs != nil {
			t.TLSClientConfig = &tls.Config{RootCAs: opts.CAs, MinVersion: tls.VersionTLS12}
		}
		c.http = &http.Client{Transport: t}
	}
	if c.opts.RetryFor == 0 {
		c.opts.RetryFor = defaultRetryFor
	}
	if c.opts.UserAgent == "" {
		c.opts.UserAgent = "weir-client"
	}
	return c
}

// Server is the address that the client calls, without a slash at its end.
func (c *Client) Server() string { return c.base }

// call is one request that can be sent again.
type call struct {
	method, path string
	body         []byte
	header       http.Header
	// idempotent says that sending it twice is the same as sending it once, so that a broken
	// connection may be retried. Other calls are retried only if the server certainly did not act on them.
	idempotent bool
}

// Do sends in as JSON (nothing if nil) to path and decodes the answer's JSON into out (discarded if nil).
// An answer of 400 or more is returned as a *problem.Problem. 429 and 503 are retried, honouring
// Retry-After; broken connections are retried for GET, HEAD, PUT and DELETE.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	q := call{method: method, path: path, header: http.Header{}, idempotent: method != http.MethodPost && method != http.MethodPatch}
	if in != nil {
		var err error
		if q.body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request of %s %s: %w", method, path, err)
		}
		q.header.Set("Content-Type", "application/json")
	}
	q.header.Set("Accept", "application/json")
	resp, err := c.send(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // so that the connection is used again
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("decode answer of %s %s: %w", method, path, err)
	}
	return nil
}

// Get returns the body of an answer as it comes. The caller closes it.
func (c *Client) Get(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path, header: http.Header{}, idempotent: true})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send does one call with retries. The caller closes the answer's body.
func (c *Client) send(ctx context.Context, q call) (*http.Response, error) {
	if c.err != nil {
		return nil, c.err
	}
	var deadline time.Time
	if c.opts.RetryFor > 0 {
		deadline = time.Now().Add(c.opts.RetryFor)
	}
	backoff := firstBackoff
	for {
		resp, err := c.once(ctx, q)
		if err == nil {
			return resp, nil
		}
		wait, again := retryAfter(err, q.idempotent, backoff)
		if !again || ctx.Err() != nil || deadline.IsZero() || time.Now().Add(wait).After(deadline) {
			return nil, err
		}
		if c.opts.OnRetry != nil {
			c.opts.OnRetry(err, wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		backoff = min(backoff*2, maxBackoff)
	}
}

// once does one attempt. An answer of 400 or more becomes a *problem.Problem.
func (c *Client) once(ctx context.Context, q call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, c.base+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	for k, v := range q.header {
		req.Header[k] = v
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.opts.UserAgent)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.opts.Tenant != "" {
		req.Header.Set(tenant.Header, c.opts.Tenant)
	}
	resp, err := c.http.Do(req)
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return nil, fmt.Errorf("cannot trust %s: %w: give the authority that its certificate comes from with --ca-file or WEIR_CA_FILE", c.base, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", c.base, err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// readProblem turns an error answer into a problem, whatever its body is.
func readProblem(resp *http.Response) *problem.Problem {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what was read is shown
	p := &problem.Problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(body, p) != nil || p.Code == "" {
		text := strings.TrimSpace(string(body[:min(len(body), 300)]))
		p = problem.New(resp.StatusCode, "http_error", "%s %s answered %s: %s", resp.Request.Method, resp.Request.URL.Path, resp.Status, text)
	}
	p.Status = resp.StatusCode
	p.RetryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	return p
}

func parseRetryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// retryAfter says whether a call that failed with err may be sent again, and after how long.
func retryAfter(err error, idempotent bool, backoff time.Duration) (time.Duration, bool) {
	jittered := backoff/2 + rand.N(backoff/2+1)
	var p *problem.Problem
	if errors.As(err, &p) {
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			return max(p.RetryAfter, jittered), true
		case http.StatusBadGateway, http.StatusGatewayTimeout:
			return jittered, idempotent
		}
		return 0, false
	}
	return jittered, idempotent || notSent(err)
}

// WaitReady returns nil as soon as the server answers /readyz with 200, or the context's error with the last reason.
func (c *Client) WaitReady(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	for {
		resp, err := c.once(ctx, call{method: http.MethodGet, path: "/readyz"})
		if err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", c.base, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
