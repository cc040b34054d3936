package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// visibility sees everything below the given offsets.
type visibility map[uint16]uint64

// AsOf is noon; a row of the tenant late waits since an hour before.
func (v visibility) AsOf(t tenant.ID) time.Time {
	if t == "late" {
		return noon.Add(-time.Hour)
	}
	return noon
}

func (v visibility) VisibleTo(_ tenant.ID, to token.Token) bool {
	for _, p := range to {
		if p.Offset >= v[p.Partition] {
			return false
		}
	}
	return true
}

func (v visibility) WaitVisibleTo(ctx context.Context, t tenant.ID, to token.Token) error {
	if v.VisibleTo(t, to) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// fakeEngine answers with body, which fails with err at its end if err is set.
type fakeEngine struct {
	body     string
	err      error // instead of an answer
	breakErr error // at the end of the answer
	got      []clickhouse.Statement
}

func (f *fakeEngine) Query(_ context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	f.got = append(f.got, s)
	if f.err != nil {
		return nil, f.err
	}
	var body io.Reader = strings.NewReader(f.body)
	if f.breakErr != nil {
		body = io.MultiReader(body, errReader{f.breakErr})
	}
	return &clickhouse.Result{Body: io.NopCloser(body), Summary: func() clickhouse.Summary {
		return clickhouse.Summary{ReadRows: 11, ReadBytes: 22, PeakMemory: 33, CPU: 1500 * time.Millisecond}
	}}, nil
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func newHandler(t testing.TB, cfg Config, e Engine) *Handler {
	t.Helper()
	svc, err := NewService(cfg, Deps{Engine: e, Visibility: visibility{0: 10, 1: 5}}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return NewHandler(svc)
}

var analyst = tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "k"}

// post sends a body as a principal.
func post(h http.Handler, who tenant.Principal, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader(body))
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			} else if p != nil {
				w.Code = -1 // cut off
			}
		}()
		h.ServeHTTP(w, r.WithContext(tenant.With(r.Context(), who)))
	}()
	return w
}

// run sends a statement.
func run(h http.Handler, sql string) *httptest.ResponseRecorder {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(map[string]string{"sql": sql}); err != nil {
		panic(err)
	}
	return post(h, analyst, b.String())
}

func problemIn(t testing.TB, w *httptest.ResponseRecorder) problem.Problem {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
		t.Fatalf("%d is no problem: %s (%v)", w.Code, w.Body, err)
	}
	return p
}

var errBoom = errors.New("boom")
