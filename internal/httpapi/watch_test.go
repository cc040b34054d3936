package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/audit"
	"weir/internal/httpapi"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// TestAnswersEndWithTheirKey: a report, and what is taken out, end soon after whoever asked may not have them any more; the audit log says why.
func TestAnswersEndWithTheirKey(t *testing.T) {
	f := newFixture(t, func(c *httpapi.Config) { c.Recheck = 20 * time.Millisecond })
	began := make(chan struct{}, 1)
	type site struct {
		Site string `path:"site_id"`
	}
	register := func(name, path string, do func(ctx context.Context, in *site) (*struct{ Body string }, error)) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			huma.Register(f.api.Huma(), huma.Operation{OperationID: name + method, Method: method, Path: path}, do)
		}
	}
	register("slow", "/api/v1/analytics/{site_id}/slow", func(ctx context.Context, _ *site) (*struct{ Body string }, error) {
		began <- struct{}{}
		select {
		case <-ctx.Done():
			return nil, problem.New(499, "client_gone", "the client closed the request")
		case <-time.After(time.Minute):
			return &struct{ Body string }{"secret"}, nil
		}
	})
	register("deaf", "/api/v1/analytics/{site_id}/deaf", func(ctx context.Context, _ *site) (*struct{ Body string }, error) {
		began <- struct{}{}
		<-ctx.Done() // and it answers all the same
		return &struct{ Body string }{"secret"}, nil
	})
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "get-job-result", Method: http.MethodGet, Path: "/jobs/{site_id}/result"}, func(context.Context, *site) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			for i := range 6000 {
				if _, err := w.Write([]byte("rows")); err != nil {
					return
				}
				if i == 0 {
					began <- struct{}{}
				}
				time.Sleep(10 * time.Millisecond)
			}
		}}, nil
	})
	f.api.Mux().Handle("GET /export", f.api.Exported(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("rows"))
		began <- struct{}{}
		<-r.Context().Done()
		_, _ = w.Write([]byte("rows"))
	})))
	revoke := func(id string) { f.do("DELETE", "/api/v1/tenants/acme/keys/"+id, operator, "") }
	suspend := func(string) {
		f.want(200, f.do("PUT", "/api/v1/operator/tenants/acme/suspension", operator, `{"reason":"unpaid"}`))
	}
	for _, c := range []struct {
		method, path string
		end          func(id string)
		want         string
		cut          bool
	}{
		{"GET", "/api/v1/analytics/s1/slow", revoke, "access_revoked", false},
		{"POST", "/api/v1/analytics/s1/slow", revoke, "access_revoked", false},
		{"GET", "/api/v1/analytics/s1/deaf", revoke, "access_revoked", false},
		{"GET", "/jobs/x/result", revoke, "access_revoked", true},
		{"GET", "/export", revoke, "access_revoked", true},
		{"GET", "/api/v1/analytics/s1/slow", suspend, "tenant_suspended", false},
	} {
		t.Run(c.method+c.path+" "+c.want, func(t *testing.T) {
			made := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", operator, `{"role":"analyst"}`))
			f.audit.take()
			type result struct {
				w   *httptest.ResponseRecorder
				cut any
			}
			done := make(chan result, 1)
			go func() {
				w := httptest.NewRecorder()
				defer func() { done <- result{w, recover()} }()
				r := httptest.NewRequest(c.method, c.path, nil)
				r.Header.Set("Authorization", "Bearer "+made["key"].(string))
				if c.path == "/export" { // a plain handler, which authenticates by itself
					who := tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst}
					r = r.WithContext(tenant.WithStanding(tenant.With(r.Context(), who), tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) {
						if f.do("GET", "/api/v1/me", made["key"].(string), "").Code != 200 {
							return tenant.Principal{}, problem.New(401, "unknown_key", "no")
						}
						return who, nil
					}}))
				}
				f.handler.ServeHTTP(w, r)
			}()
			<-began
			time.Sleep(50 * time.Millisecond) // it is looked at twice
			c.end(made["id"].(string))
			var got result
			select {
			case got = <-done:
			case <-time.After(30 * time.Second):
				t.Fatal("it goes on")
			}
			if c.cut {
				if got.cut != http.ErrAbortHandler || got.w.Code != 200 {
					t.Errorf("not cut off: %v, %d", got.cut, got.w.Code)
				}
			} else {
				f.wantProblem(got.w, 403, c.want, "", "")
			}
			n := 0
			for _, e := range f.audit.take() {
				if e.Outcome == c.want && (e.Action == audit.Report || c.cut) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("recorded %d times", n)
			}
		})
	}
}

// TestAnswersOfAKeyThatStays: who may go on is not disturbed.
func TestAnswersOfAKeyThatStays(t *testing.T) {
	f := newFixture(t, func(c *httpapi.Config) { c.Recheck = time.Millisecond })
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "slow", Method: http.MethodGet, Path: "/api/v1/analytics/{site_id}/slow"}, func(ctx context.Context, _ *struct {
		Site string `path:"site_id"`
	}) (*struct{ Body string }, error) {
		time.Sleep(50 * time.Millisecond)
		return &struct{ Body string }{"rows"}, ctx.Err()
	})
	if w := f.do("GET", "/api/v1/analytics/s1/slow", f.keys["viewer"], ""); w.Code != 200 || w.Body.String() != "\"rows\"\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
