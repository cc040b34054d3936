package ingest

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// agedAuth is fakeAuth, whose keys of the role "old" have expired.
type agedAuth struct{ fakeAuth }

func (a agedAuth) aged(p tenant.Principal, prob *problem.Problem) (tenant.Principal, *problem.Problem) {
	if p.Role == "old" {
		return tenant.Principal{Tenant: p.Tenant, Site: p.Site}, problem.New(http.StatusUnauthorized, tenant.CodeExpired, "the key has expired")
	}
	return p, prob
}

func (a agedAuth) Authenticate(r *http.Request) (tenant.Principal, *problem.Problem) {
	return a.aged(a.fakeAuth.Authenticate(r))
}

func (a agedAuth) AuthenticateKey(r *http.Request, key string) (tenant.Principal, *problem.Problem) {
	return a.aged(a.fakeAuth.AuthenticateKey(r, key))
}

// TestBarredKeys: what comes with a key that is known, but may not send it or no more, counts as one rejected event: clients of foreign protocols do not look at the answer.
func TestBarredKeys(t *testing.T) {
	for _, c := range []struct {
		key, query string
		status     int
		counted    string // nothing: nobody's
	}{
		{"old:acme:site-1", "", 401, "acme/site-1 key_expired"},
		{"old:acme:", "", 401, "acme/ key_expired"},
		{"old:gone:", "", 401, ""},
		{"viewer:acme:", "", 403, "acme/ forbidden"},
		{"writer:acme:", "?site_id=nobody", 404, "acme/ site_unknown"},
		{"writer:acme:", "?site_id=site-3", 404, "acme/ site_unknown"}, // of another tenant
		{"writer:acme:site-1", "?site_id=site-2", 403, "acme/ site_forbidden"},
		{"nonsense", "", 401, ""},
		{"writer:acme:site-1", "", 200, "acme/site-1 accepted"},
	} {
		var want map[string]int
		if c.counted != "" {
			want = map[string]int{c.counted: 1}
		}
		for _, target := range []string{"/ingest", "/api/v1/events", "/thing"} {
			if target == "/thing" && c.status == 403 && c.query != "" {
				continue // there the key's own site goes before the one that is named
			}
			r := newRig(t, func(_ *Config, d *Deps) { d.Auth = agedAuth{} })
			r.mux.Handle("/thing", r.Handle(Door{Name: "thing", Methods: []string{http.MethodPost}, Serve: func(q *Request) *problem.Problem {
				if prob := q.OpenKey("", q.HTTP.URL.Query().Get("site_id")); prob != nil {
					return prob
				}
				if prob := q.Add([]byte("x"), func(e *Event) error {
					e.Row().Type = []byte("thing")
					return nil
				}); prob != nil {
					return prob
				}
				_, prob := q.Commit()
				return prob
			}}))
			w := r.do("POST", target+c.query, `{"specversion":"1.0","id":"1","source":"s","type":"a"}`, "Authorization: Bearer "+c.key)
			if d := cmp.Diff(want, r.account.count); w.Code/100 != c.status/100 || c.status >= 400 && w.Code != c.status || d != "" {
				t.Errorf("%s, %s%s: %d %s, want %d, counted: %s", c.key, target, c.query, w.Code, w.Body, c.status, d)
			}
		}
	}
}
