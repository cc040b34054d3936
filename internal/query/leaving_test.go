package query

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/tenant"
)

// oneBlock gives one block, or none, and then nothing more for as long as its statement is not ended.
type oneBlock struct {
	silent, deaf bool // not even a block; it does not hear its end, and gives another one then

	ended chan struct{} // closed when the statement was ended
	given atomic.Int64  // blocks
}

func (e *oneBlock) Query(ctx context.Context, _ clickhouse.Statement) (*clickhouse.Result, error) {
	context.AfterFunc(ctx, func() { close(e.ended) })
	if e.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &clickhouse.Result{Body: &blockBody{e: e, ctx: ctx}, Summary: func() clickhouse.Summary { return clickhouse.Summary{} }}, nil
}

type blockBody struct {
	e    *oneBlock
	ctx  context.Context
	left int // of the block
}

func (b *blockBody) Read(p []byte) (int, error) {
	if b.left == 0 && b.e.given.Load() > 0 {
		<-b.ctx.Done()
		if !b.e.deaf {
			return 0, b.ctx.Err()
		}
	}
	if b.left == 0 {
		b.e.given.Add(1)
		b.left = 2 * prefixSize
	}
	n := min(len(p), b.left)
	b.left -= n
	return copy(p, strings.Repeat("1\n", n/2+1)[:n]), nil
}

func (*blockBody) Close() error { return nil }

// A statement whose client leaves is ended at once: by the leaving, not when something more is to be sent. Nothing that the engine still gives is asked for.
func TestLeavingAloneEndsTheStatement(t *testing.T) {
	for name, e := range map[string]*oneBlock{"while it is read": {}, "before the first block": {silent: true}, "while it is read, of an engine that goes on": {deaf: true}} {
		for _, format := range []string{"TSV", "JSON"} {
			t.Run(name+" as "+format, func(t *testing.T) {
				e := &oneBlock{silent: e.silent, deaf: e.deaf, ended: make(chan struct{})}
				d := &desk{}
				deps := d.deps(&fakeEngine{})
				deps.Engine = e
				h := newService(t, Config{}, deps)
				served, began := make(chan struct{}), make(chan struct{})
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(served)
					close(began)
					h.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), analyst)))
				}))
				defer srv.Close()
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader(`{"sql":"SELECT 1","format":"`+format+`"}`))
				if err != nil {
					t.Fatal(err)
				}
				if e.silent {
					go func() {
						<-began
						leave()
					}()
				}
				resp, err := http.DefaultClient.Do(r)
				switch {
				case e.silent && !errors.Is(err, context.Canceled):
					t.Fatalf("answered %v", err)
				case !e.silent && err != nil:
					t.Fatal(err)
				case !e.silent:
					defer resp.Body.Close()
					if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
						t.Fatal(err)
					}
					leave()
				}
				for what, done := range map[string]chan struct{}{"the engine goes on": e.ended, "the request is still served": served} {
					select {
					case <-done:
					case <-time.After(20 * time.Second):
						t.Fatal(what)
					}
				}
				if n := e.given.Load(); e.silent && n != 0 || !e.silent && !e.deaf && n != 1 || e.deaf && n > 2 {
					t.Errorf("%d blocks were read", n)
				}
				if d.open != 0 || len(d.records) != 1 || !d.records[0].Partial {
					t.Errorf("%d places taken, charged %+v", d.open, d.records)
				}
			})
		}
	}
}
