package query

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// ceaseless answers with rows until its caller has gone; silent, it never answers.
type ceaseless struct {
	silent bool
	ended  chan struct{} // closed when the engine's statement was ended
	read   atomic.Int64  // blocks of rows
}

func (e *ceaseless) Query(ctx context.Context, _ clickhouse.Statement) (*clickhouse.Result, error) {
	context.AfterFunc(ctx, func() { close(e.ended) })
	if e.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &clickhouse.Result{Body: rows{ctx, e}, Summary: func() clickhouse.Summary { return clickhouse.Summary{} }}, nil
}

type rows struct {
	ctx context.Context
	e   *ceaseless
}

func (r rows) Read(p []byte) (int, error) {
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case <-time.After(time.Millisecond):
		r.e.read.Add(1)
		return copy(p, strings.Repeat("1\n", 32<<10)), nil
	}
}

func (rows) Close() error { return nil }

// A statement ends, and its answer, soon after whoever asked may not have it any more, and the audit log says why.
func TestQueryEndsWithItsKey(t *testing.T) {
	suspended := tenant.Suspended("acme", "")
	lesser := analyst
	lesser.Role = tenant.RoleViewer
	for name, c := range map[string]struct {
		silent bool
		who    tenant.Principal
		p      *problem.Problem
		want   string
	}{
		"an answer, revoked":           {false, tenant.Principal{}, problem.New(401, "unknown_key", "no"), "access_revoked"},
		"before the answer, revoked":   {true, tenant.Principal{}, problem.New(401, "unknown_key", "no"), "access_revoked"},
		"an answer, suspended":         {false, analyst, suspended, "tenant_suspended"},
		"before the answer, suspended": {true, analyst, suspended, "tenant_suspended"},
		"an answer, a lesser role":     {false, lesser, nil, "principal_changed"},
		"a silent one, a lesser role":  {true, lesser, nil, "principal_changed"},
	} {
		t.Run(name, func(t *testing.T) {
			e, records, d := &ceaseless{silent: c.silent, ended: make(chan struct{})}, &recorder{}, &desk{}
			deps := d.deps(&fakeEngine{})
			deps.Engine, deps.Audit = e, records
			h := newService(t, Config{}, deps)
			h.recheck = 20 * time.Millisecond
			var looks atomic.Int64
			standing := tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) {
				if looks.Add(1) < 5 || !c.silent && e.read.Load() < 5 { // the answer has begun
					return analyst, nil
				}
				return c.who, c.p
			}}
			r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(`{"sql":"SELECT 1","format":"TSV"}`))
			r = r.WithContext(tenant.WithStanding(tenant.With(r.Context(), analyst), standing))
			w := httptest.NewRecorder()
			cut := func() (v any) {
				defer func() { v = recover() }()
				h.ServeHTTP(w, r)
				return nil
			}()
			switch {
			case !c.silent && (cut != http.ErrAbortHandler || w.Code != 200 || w.Body.Len() == 0):
				t.Errorf("not cut off: %v, %d, %d bytes", cut, w.Code, w.Body.Len())
			case c.silent && (cut != nil || w.Code != 403 || problemIn(t, w).Code != c.want):
				t.Errorf("%v %d %s", cut, w.Code, w.Body)
			}
			select {
			case <-e.ended:
			case <-time.After(30 * time.Second):
				t.Error("the engine goes on")
			}
			if len(records.list) != 1 || records.list[0].Outcome != c.want {
				t.Errorf("recorded %+v", records.list)
			}
			if d.open != 0 || len(d.records) != 1 || !d.records[0].Partial {
				t.Errorf("%d places taken, charged %+v", d.open, d.records)
			}
			n := looks.Load()
			time.Sleep(100 * time.Millisecond)
			if looks.Load() > n+1 { // one may have been under way
				t.Error("it is looked at after its end")
			}
		})
	}
}

// The estimate of a statement ends with its key too: what the engine plans may compute for long.
func TestPlanEndsWithItsKey(t *testing.T) {
	e, d := &ceaseless{silent: true, ended: make(chan struct{})}, &desk{}
	deps := d.deps(&fakeEngine{})
	deps.Engine = e
	h := newService(t, Config{}, deps)
	h.recheck = 20 * time.Millisecond
	standing := tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) {
		return tenant.Principal{}, problem.New(401, "unknown_key", "no")
	}}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(`{"sql":"SELECT path FROM events","dry_run":true}`))
	ctx, cancel := context.WithTimeout(tenant.WithStanding(tenant.With(r.Context(), analyst), standing), time.Minute)
	defer cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ctx))
	if w.Code != 403 || problemIn(t, w).Code != "access_revoked" || ctx.Err() != nil {
		t.Errorf("%d %s, %v", w.Code, w.Body, ctx.Err())
	}
	select {
	case <-e.ended:
	case <-time.After(30 * time.Second):
		t.Error("the engine goes on")
	}
	if d.open != 0 || len(d.records) != 1 {
		t.Errorf("%d places taken, charged %+v", d.open, d.records)
	}
}

// Who may go on is not disturbed, and not looked after once the answer is there.
func TestQueryOfAKeyThatStays(t *testing.T) {
	h := newHandler(t, Config{}, &fakeEngine{body: engineJSON})
	h.recheck = time.Millisecond
	var looks atomic.Int64
	ctx := tenant.WithStanding(tenant.With(t.Context(), analyst), tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) {
		looks.Add(1)
		return analyst, nil
	}})
	a, p := h.Ask(ctx, &Question{Who: analyst, Door: DoorAPI, SQL: "SELECT 1"})
	if p != nil {
		t.Fatal(p)
	}
	for looks.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	if b, err := io.ReadAll(a.Body); err != nil || string(b) != engineJSON {
		t.Errorf("%q, %v", b, err)
	}
	if err := a.Body.Close(); err != nil {
		t.Error(err)
	}
	n := looks.Load()
	time.Sleep(30 * time.Millisecond)
	if looks.Load() > n+1 { // one may have been under way
		t.Error("it is looked at after its end")
	}
}
