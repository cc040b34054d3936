package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/problem"
)

// script answers the n-th request with the n-th handler and counts.
type script struct {
	t     *testing.T
	steps []http.HandlerFunc
	n     atomic.Int32
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(s.n.Add(1))
	if n > len(s.steps) {
		s.t.Errorf("unexpected request %d: %s %s", n, r.Method, r.URL)
		w.WriteHeader(500)
		return
	}
	s.steps[n-1](w, r)
}

func start(t *testing.T, opts Options, steps ...http.HandlerFunc) (*Client, *script) {
	s := &script{t: t, steps: steps}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return New(srv.URL, "secret", opts), s
}

func refuse(p *problem.Problem) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { p.Write(w) }
}

func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, _ := w.(http.Hijacker).Hijack()
	conn.Close()
}

func accept(t *testing.T, wantBody string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) != wantBody {
			t.Errorf("body is %q, want %q", b, wantBody)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("Authorization is %q", got)
		}
		_, _ = io.WriteString(w, `{"accepted":2,"rejected":[{"index":1,"code":"bad_ts","field":"ts","message":"too new"}],"token":"0:5"}`)
	}
}

func TestIngestRetries(t *testing.T) {
	var waits []time.Duration
	opts := Options{OnRetry: func(_ error, d time.Duration) { waits = append(waits, d) }}
	c, s := start(t, opts,
		refuse(problem.New(503, "log_full", "wait").WithRetry(time.Second)), cut, refuse(problem.New(429, "rate", "slow down")), accept(t, "{}\n{}"))
	got, err := c.Ingest(context.Background(), []byte("{}\n{}"), IngestOptions{Import: true})
	if err != nil {
		t.Fatal(err)
	}
	want := IngestResult{Accepted: 2, Token: "0:5", Rejected: []Rejection{{Index: 1, Code: "bad_ts", Field: "ts", Message: "too new"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.n.Load() != 4 || len(waits) != 3 {
		t.Errorf("%d requests, %d waits; want 4 and 3", s.n.Load(), len(waits))
	}
	if waits[0] < time.Second {
		t.Errorf("waited %v after Retry-After: 1", waits[0])
	}
}

func TestRetryEnds(t *testing.T) {
	p := problem.New(503, "log_full", "wait").WithRetry(time.Hour)
	c, s := start(t, Options{}, refuse(p))
	_, err := c.Ingest(context.Background(), nil, IngestOptions{})
	var got *problem.Problem
	if !errors.As(err, &got) || got.Code != "log_full" || got.RetryAfter != time.Hour || s.n.Load() != 1 {
		t.Errorf("got %v after %d requests", err, s.n.Load())
	}
}

func TestNoRetryOfPost(t *testing.T) {
	c, s := start(t, Options{}, cut)
	if err := c.Do(context.Background(), "POST", "/api/v1/tenants", map[string]string{"id": "a"}, nil); err == nil || s.n.Load() != 1 {
		t.Errorf("a cut POST: error %v after %d requests; want an error after one", err, s.n.Load())
	}
}

func TestDo(t *testing.T) {
	c, _ := start(t, Options{}, cut, func(w http.ResponseWriter, r *http.Request) {
		var in ImportEntry
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if r.Method != "PUT" || r.URL.Path != "/api/v1/imports/site-1/ab" || in.Lines != 7 || in.Rejected != 2 || in.PrefixLen != 4096 {
			t.Errorf("got %s %s %+v", r.Method, r.URL.Path, in)
		}
		w.WriteHeader(204)
	})
	if err := c.AdvanceImport(context.Background(), "site-1", ImportEntry{File: "ab", PrefixLen: 4096, Lines: 7, Rejected: 2}); err != nil {
		t.Error(err)
	}
}

func TestProblems(t *testing.T) {
	c, _ := start(t, Options{},
		refuse(problem.New(422, "bad_field", "no such role").WithField("role")),
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>oops", 500) })
	var p *problem.Problem
	if err := c.Do(context.Background(), "GET", "/x", nil, nil); !errors.As(err, &p) || p.Code != "bad_field" || p.Field != "role" {
		t.Errorf("got %v", err)
	}
	if err := c.Do(context.Background(), "GET", "/x", nil, nil); !errors.As(err, &p) || p.Status != 500 || !strings.Contains(p.Detail, "<html>oops") {
		t.Errorf("got %v", err)
	}
}

func TestDialErrorIsRetried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	retries := 0
	c := New(addr, "", Options{OnRetry: func(error, time.Duration) {
		if retries++; retries == 2 {
			stop()
		}
	}})
	if err := c.Do(ctx, "POST", "/x", nil, nil); !errors.Is(err, context.Canceled) || retries != 2 {
		t.Errorf("got %v after %d retries", err, retries)
	}
}

func TestWrongAddress(t *testing.T) {
	if err := New("ftp://x", "", Options{}).Do(context.Background(), "GET", "/", nil, nil); err == nil || !strings.Contains(err.Error(), "ftp://x") {
		t.Errorf("got %v", err)
	}
}

func TestQueryRows(t *testing.T) {
	c, _ := start(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		var in QueryRequest
		_ = json.NewDecoder(r.Body).Decode(&in)
		if in.Format != "JSON" || in.MinToken != "0:5" {
			t.Errorf("got %+v", in)
		}
		_, _ = io.WriteString(w, `{"meta":[{"name":"n","type":"UInt64"}],"data":[{"n":12}],"rows":1,"as_of":"x"}`)
	})
	got, err := c.QueryRows(context.Background(), QueryRequest{SQL: "SELECT 12 AS n", MinToken: "0:5"})
	if err != nil || got.Rows != 1 || got.Data[0]["n"] != json.Number("12") {
		t.Errorf("got %+v, %v", got, err)
	}
}
