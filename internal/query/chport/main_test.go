package chport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/query"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
	"weir/internal/usage"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// keys are the keys that fakeAuth knows.
var keys = map[string]tenant.Principal{
	"KEY": {Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k"}, "VIEWER": {Tenant: "acme", Role: tenant.RoleViewer, KeyID: "v"},
	"OTHER": {Tenant: "victim", Role: tenant.RoleAnalyst, KeyID: "o"}, "OPERATOR": {Role: tenant.RoleOperator, KeyID: "operator"},
}

type fakeAuth struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (f *fakeAuth) Authenticate(r *http.Request) (tenant.Principal, *problem.Problem) {
	f.mu.Lock()
	f.seen = append(f.seen, r)
	f.mu.Unlock()
	user, key, ok := r.BasicAuth()
	if !ok {
		key = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	who, ok := keys[key]
	if !ok {
		return who, problem.New(http.StatusUnauthorized, "unknown_key", "the key is not known here")
	}
	if who.Role == tenant.RoleOperator && user != "" {
		who.Tenant = tenant.ID(user)
	}
	return who, nil
}

// fakeAsker notes the questions and answers with body.
type fakeAsker struct {
	body    io.Reader
	format  string // of the answer; empty: the question's
	problem *problem.Problem
	wait    bool // until the caller has gone

	mu     sync.Mutex
	got    []*query.Question
	ctx    context.Context // of the last question
	told   []string        // statements that the port refused, by role
	gone   chan struct{}
	closed int
}

func (f *fakeAsker) Ask(ctx context.Context, q *query.Question) (*query.Answer, *problem.Problem) {
	f.mu.Lock()
	f.got, f.ctx = append(f.got, q), ctx
	f.mu.Unlock()
	if f.wait {
		<-ctx.Done()
		close(f.gone)
		return nil, problem.New(499, "client_gone", "the client closed the request")
	}
	if f.problem != nil {
		return nil, f.problem
	}
	body := f.body
	if body == nil {
		body = strings.NewReader("body")
	}
	format := f.format
	if format == "" {
		format = q.Format
	}
	return &query.Answer{Body: closing{body, f}, Format: format, QueryID: q.QueryID, AsOf: time.Unix(1_800_000_000, 0),
		Summary: func() clickhouse.Summary { return clickhouse.Summary{ReadRows: 3, Elapsed: 5} }, Cost: func() usage.Cost { return usage.Cost{CPUSeconds: 2} }}, nil
}

func (f *fakeAsker) Problem(_ context.Context, _ *query.Question, err error) *problem.Problem {
	var e *clickhouse.Error
	if errors.As(err, &e) {
		return problem.New(http.StatusUnprocessableEntity, "query_memory", "the query needs more memory")
	}
	return problem.New(http.StatusServiceUnavailable, "engine_unavailable", "the query engine is restarting").WithRetry(2 * time.Second)
}

func (f *fakeAsker) Refused(_ context.Context, q *query.Question, p *problem.Problem) {
	f.told = append(f.told, string(q.Who.Role)+" "+q.Door+" "+p.Code+" "+q.SQL)
}

func (f *fakeAsker) last() *query.Question { return f.got[len(f.got)-1] }

type closing struct {
	io.Reader
	f *fakeAsker
}

func (c closing) Close() error { c.f.closed++; return nil }

// newPort returns a port over an asker.
func newPort(t testing.TB, a Asker) (*Port, *fakeAuth) {
	t.Helper()
	auth := &fakeAuth{}
	p, err := New(Config{Asker: a, Auth: auth, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), MaxHeld: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return p, auth
}

// visible says that everything can be seen.
type visible struct{}

func (visible) AsOf(tenant.ID) time.Time                                    { return time.Unix(1_800_000_000, 0) }
func (visible) VisibleTo(tenant.ID, token.Token) bool                       { return true }
func (visible) WaitVisibleTo(context.Context, tenant.ID, token.Token) error { return nil }
func (visible) Properties(tenant.ID) []event.Property                       { return nil }

// realPort returns a port over the real service and engine, with a few rows of acme and of a victim.
func realPort(t testing.TB) *Port {
	t.Helper()
	c := testkit.Engine(t)
	seed.Do(func() {
		testkit.Exec(t, c, "INSERT INTO weir.events (tenant, ts, type, client_id, path) SELECT if(number < 100, 'acme', 'victim'), toDateTime64('2026-03-09 00:00:00', 3, 'UTC') + number,"+
			" if(number < 100, ['view', 'click'][number % 2 + 1], 'CaNaRy'), toString(number % 10), '/' FROM numbers(337)")
	})
	s, err := query.NewService(query.Config{MaxTime: time.Minute, MaxMemory: 1 << 30, MaxResultRows: 500_000}, query.Deps{Engine: c, Visibility: visible{}}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	p, _ := newPort(t, s)
	return p
}

var seed sync.Once

// do sends a request as acme.
func do(p *Port, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if method == http.MethodGet {
		r = httptest.NewRequest(method, target, nil)
	}
	r.SetBasicAuth("acme", "KEY")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func wantException(t *testing.T, what string, w *httptest.ResponseRecorder, status, code int, text string) {
	t.Helper()
	body := w.Body.String()
	if w.Code != status || w.Header().Get(clickhouse.HeaderExceptionCode) != itoa(code) || !strings.HasPrefix(body, "Code: "+itoa(code)+". DB::Exception: ") ||
		!strings.Contains(body, "("+names[code]+") (version "+query.Version) || !strings.Contains(body, text) {
		t.Errorf("%s: status %d, code %s, %s; want %d, %d, %q", what, w.Code, w.Header().Get(clickhouse.HeaderExceptionCode), body, status, code, text)
	}
}
