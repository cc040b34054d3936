package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// keys is a catalog of two tenants.
type keys struct{ byHash map[[32]byte]catalog.Key }

func (k keys) KeyByHash(h [32]byte) (catalog.Key, catalog.Tenant, bool) {
	key, ok := k.byHash[h]
	return key, catalog.Tenant{ID: key.Tenant}, ok
}

func (k keys) SourceBySite(site string) (catalog.Source, catalog.Tenant, bool) {
	return catalog.Source{ID: "web", SiteID: "s1"}, catalog.Tenant{ID: "acme"}, site == "s1"
}

func (k keys) TenantByID(id tenant.ID) (catalog.Tenant, bool) {
	return catalog.Tenant{ID: id}, id == "acme" || id == "other"
}

const (
	admin, viewer, write, stale, edge = "wk_a_admin", "wk_v_viewer", "wk_w_write", "wk_a_stale", "wk_a_edge"
	second                            = "wk_o_second" // an operator's key
	operator                          = "the-operators-token"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func authenticator(t testing.TB) (*Authenticator, *prometheus.Registry) {
	t.Helper()
	k := keys{map[[32]byte]catalog.Key{
		Hash(admin):  {ID: "k1", Tenant: "acme", Role: tenant.RoleAdmin, Expires: now.Add(time.Second)},
		Hash(viewer): {ID: "k2", Tenant: "other", Role: tenant.RoleViewer},
		Hash(write):  {ID: "k3", Tenant: "acme", Role: tenant.RoleWriter, Site: "s1"},
		Hash(stale):  {ID: "k4", Tenant: "acme", Role: tenant.RoleAdmin, Expires: now.Add(-time.Hour)},
		Hash(second): {ID: "k6", Role: tenant.RoleOperator},
		Hash(edge):   {ID: "k5", Tenant: "acme", Role: tenant.RoleAdmin, Expires: now},
	}}
	reg := prometheus.NewRegistry()
	a, err := New(Config{Keys: k, OperatorToken: operator, Registerer: reg, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return a, reg
}

func basic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuthenticate(t *testing.T) {
	a, _ := authenticator(t)
	acme := tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, KeyID: "k1"}
	op := tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}
	opFor := func(id tenant.ID) tenant.Principal { p := op; p.Tenant = id; return p }
	for _, tc := range []struct {
		name, authorization string
		header              map[string]string
		query               string
		want                tenant.Principal
	}{
		{"bearer", "Bearer " + admin, nil, "", acme},
		{"bearer in another case", "bEARER  " + admin + " ", nil, "", acme},
		{"basic, user ignored", basic("anyone:" + admin), nil, "", acme},
		{"basic, empty user", basic(":" + admin), nil, "", acme},
		{"basic, key as user", basic(admin + ":"), nil, "", acme},
		{"basic without padding", "Basic " + base64.RawStdEncoding.EncodeToString([]byte("x:"+admin)), nil, "", acme},
		{"header", "", map[string]string{"X-Weir-Key": admin}, "", acme},
		{"own tenant named", "Bearer " + admin, map[string]string{tenant.Header: "acme"}, "", acme},
		{"a key in the query is ignored beside a header", "Bearer " + admin, nil, "?key=" + viewer, acme},
		{"viewer", "Bearer " + viewer, nil, "", tenant.Principal{Tenant: "other", Role: tenant.RoleViewer, KeyID: "k2"}},
		{"write key", "Bearer " + write, nil, "", tenant.Principal{Tenant: "acme", Role: tenant.RoleWriter, KeyID: "write:web", Site: "s1"}},
		{"operator", "Bearer " + operator, nil, "", op},
		{"operator for a tenant", "Bearer " + operator, map[string]string{tenant.Header: "other"}, "", opFor("other")},
		{"operator, tenant as user", basic("acme:" + operator), nil, "", opFor("acme")},
		{"operator, other user", basic("admin:" + operator), nil, "", op},
		{"operator's key", "Bearer " + second, nil, "", tenant.Principal{Role: tenant.RoleOperator, KeyID: "k6"}},
		{"operator's key for a tenant", basic("acme:" + second), nil, "", tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, KeyID: "k6"}},
		{"operator, header before user", basic("acme:" + operator), map[string]string{tenant.Header: "other"}, "", opFor("other")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, prob := a.Authenticate(request(tc.authorization, tc.header, tc.query))
			if prob != nil {
				t.Fatal(prob)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func request(authorization string, header map[string]string, query string) *http.Request {
	r := httptest.NewRequest("GET", "/x"+query, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	return r
}

func TestRefusals(t *testing.T) {
	a, reg := authenticator(t)
	cases := []struct {
		name, authorization string
		header              map[string]string
		query               string
		status              int
		code, field, detail string
	}{
		{"none", "", nil, "", 401, "missing_key", "", "Authorization: Bearer"},
		{"empty header", "", map[string]string{"X-Weir-Key": ""}, "", 401, "missing_key", "", "no key"},
		{"in the query", "", nil, "?key=" + admin, 401, "key_in_url", "key", "logs"},
		{"in the query, empty", "", nil, "?a=b&key", 401, "key_in_url", "key", "logs"},
		{"a query with a broken escape", "", nil, "?x=%zz", 401, "missing_key", "", "no key"},
		{"unknown", "Bearer nonsense", nil, "", 401, "unknown_key", "", "not known"},
		{"unknown in X-Weir-Key", "", map[string]string{"X-Weir-Key": "nonsense"}, "", 401, "unknown_key", "", "not known"},
		{"case of a key counts", "Bearer " + strings.ToUpper(admin), nil, "", 401, "unknown_key", "", "not known"},
		{"expired", "Bearer " + stale, nil, "", 401, "key_expired", "", "expired at 2026-01-02T02:04:05Z"},
		{"expires now", "Bearer " + edge, nil, "", 401, "key_expired", "", "k5"},
		{"bearer without key", "Bearer ", nil, "", 401, "bad_authorization", "Authorization", "Bearer KEY"},
		{"scheme only", "Bearer", nil, "", 401, "bad_authorization", "Authorization", "Bearer KEY"},
		{"another scheme", "Digest x", nil, "", 401, "bad_authorization", "Authorization", "Bearer KEY"},
		{"not base64", "Basic !!!", nil, "", 401, "bad_authorization", "Authorization", "Basic"},
		{"basic without colon", "Basic " + base64.StdEncoding.EncodeToString([]byte(admin)), nil, "", 401, "bad_authorization", "Authorization", "Basic"},
		{"basic, both empty", basic(":"), nil, "", 401, "bad_authorization", "Authorization", "Basic"},
		{"tenant of another", "Bearer " + admin, map[string]string{tenant.Header: "other"}, "", 403, "wrong_tenant", tenant.Header, "belongs to tenant acme"},
		{"operator for nobody", "Bearer " + operator, map[string]string{tenant.Header: "none"}, "", 404, "tenant_not_found", tenant.Header, `"none"`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var whose tenant.Principal
			a.cfg.Refused = func(_ *http.Request, who tenant.Principal, _ *problem.Problem) { whose = who }
			p, prob := a.Authenticate(request(tc.authorization, tc.header, tc.query))
			if known := whose != (tenant.Principal{}); known != (tc.code == "wrong_tenant" || tc.code == "key_expired") || known && (whose.Tenant != "acme" || (whose.KeyID == "") != (tc.code == "key_expired")) {
				t.Errorf("the credentials are said to be those of %+v", whose)
			}
			if prob == nil {
				t.Fatalf("accepted as %v", p)
			}
			if prob.Status != tc.status || prob.Code != tc.code || prob.Field != tc.field || !strings.Contains(prob.Detail, tc.detail) {
				t.Errorf("got %+v", prob)
			}
			of := tenant.Principal{}
			if tc.code == "key_expired" {
				of.Tenant = "acme" // whose loss it is; without a role it may do nothing
			}
			if p != of {
				t.Errorf("a refused request has the principal %v, want %v", p, of)
			}
			for _, secret := range []string{admin, stale, edge, operator} {
				if strings.Contains(prob.Detail, secret) {
					t.Errorf("the answer holds the key: %s", prob.Detail)
				}
			}
			w := httptest.NewRecorder()
			prob.Write(w)
			if got := w.Header().Get("WWW-Authenticate") != ""; got != (tc.status == 401) {
				t.Errorf("WWW-Authenticate is sent: %v", got)
			}
		})
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "weir_auth_refused_total" {
		t.Fatalf("metrics are %v, %v", families, err)
	}
	counted := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		counted[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	want := map[string]float64{"missing_key": 3, "key_in_url": 2, "unknown_key": 3, "key_expired": 2, "bad_authorization": 6, "wrong_tenant": 1, "tenant_not_found": 1}
	if d := cmp.Diff(want, counted); d != "" {
		t.Error(d)
	}
}

// It is never chance who makes a request, or for whom.
func TestAmbiguousRefused(t *testing.T) {
	a, _ := authenticator(t)
	for _, tc := range []struct {
		name                string
		header              []string // added one by one
		code, field, detail string
	}{
		{"two keys", []string{"Authorization", "Bearer " + admin, "Authorization", "Bearer " + viewer}, "duplicate_header", "Authorization", "given 2 times"},
		{"twice the same", []string{"Authorization", "Bearer " + admin, "Authorization", "Bearer " + admin}, "duplicate_header", "Authorization", "given 2 times"},
		{"another key in X-Weir-Key", []string{"Authorization", "Bearer " + admin, "X-Weir-Key", viewer}, "ambiguous_key", "X-Weir-Key", "different keys"},
		{"another key in X-Weir-Key, with Basic", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("acme:"+viewer)), "X-Weir-Key", admin}, "ambiguous_key", "X-Weir-Key", "different keys"},
		{"two keys in X-Weir-Key", []string{"X-Weir-Key", admin, "X-Weir-Key", viewer}, "duplicate_header", "X-Weir-Key", "given 2 times"},
		{"two tenants", []string{"Authorization", "Bearer " + operator, tenant.Header, "acme", tenant.Header, "other"}, "duplicate_header", tenant.Header, "given 2 times"},
		{"an empty and a tenant", []string{"Authorization", "Bearer " + operator, tenant.Header, "", tenant.Header, "other"}, "duplicate_header", tenant.Header, "given 2 times"},
		{"empty tenant of an operator", []string{"Authorization", "Bearer " + operator, tenant.Header, ""}, "empty_header", tenant.Header, "is empty: name a tenant, or leave the header out"},
		{"empty tenant of a key", []string{"Authorization", "Bearer " + admin, tenant.Header, ""}, "empty_header", tenant.Header, "is empty"},
	} {
		r := request("", nil, "")
		for i := 0; i < len(tc.header); i += 2 {
			r.Header.Add(tc.header[i], tc.header[i+1])
		}
		for door, by := range map[string]func() (tenant.Principal, *problem.Problem){
			"all":    func() (tenant.Principal, *problem.Problem) { return a.Authenticate(r) },
			"keyed":  func() (tenant.Principal, *problem.Problem) { return a.WithoutSessions().Authenticate(r) },
			"by key": func() (tenant.Principal, *problem.Problem) { return a.WithoutSessions().AuthenticateKey(r, operator) },
		} {
			who, p := by()
			if p == nil || p.Status != 400 || p.Code != tc.code || p.Field != tc.field || !strings.Contains(p.Detail, tc.detail) || who != (tenant.Principal{}) {
				t.Errorf("%s, %s: %+v, %+v", tc.name, door, who, p)
			}
		}
	}
	r := request("", nil, "")
	r.Header.Set("Authorization", basic("acme:"+admin))
	r.Header.Set("X-Weir-Key", admin)
	if who, p := a.Authenticate(r); p != nil || who.Tenant != "acme" {
		t.Errorf("one key in two headers: %+v, %v", who, p)
	}
}

func TestNewRefusesNothing(t *testing.T) {
	if _, err := New(Config{OperatorToken: "x"}); err == nil {
		t.Error("Keys may be nil")
	}
	if _, err := New(Config{Keys: keys{}}); err == nil {
		t.Error("the operator's token may be empty")
	}
}

func TestNewKey(t *testing.T) {
	seen := map[string]bool{}
	for role := range roleLetters {
		k, err := NewKey(role)
		if err != nil || seen[k] {
			t.Errorf("NewKey(%s) = %q, %v", role, k, err)
		}
		seen[k] = true
		if got, err := RoleOf(k); err != nil || got != role {
			t.Errorf("RoleOf(%q) = %q, %v; want %q", k, got, err, role)
		}
	}
	if _, err := NewKey("boss"); err == nil {
		t.Error("a key exists for an unknown role")
	}
	k, _ := NewKey(tenant.RoleAdmin)
	for _, bad := range []string{"", "wk_", "wk_a_", k[:len(k)-1], k + "a", strings.ToUpper(k), "wk_x_" + k[5:], "wkxa_" + k[5:], "wk_ax" + k[5:], k[:36] + "1"} {
		if _, err := RoleOf(bad); !errors.Is(err, ErrKeyFormat) {
			t.Errorf("RoleOf(%q) = %v", bad, err)
		}
	}
}

func FuzzRoleOf(f *testing.F) {
	k, _ := NewKey(tenant.RoleViewer)
	f.Add(k)
	f.Add("wk_a_\n\nabcdefghijklmnopqrstuvwxyz2345")
	f.Fuzz(func(t *testing.T, s string) {
		role, err := RoleOf(s)
		if err == nil && (len(s) != 37 || roleLetters[role] != s[3] || strings.ContainsAny(s, "\r\n ")) {
			t.Errorf("RoleOf(%q) = %q", s, role)
		}
	})
}

func FuzzCredentials(f *testing.F) {
	f.Add("Bearer x", "a=b")
	f.Add(basic("a:b"), "key=1")
	f.Fuzz(func(t *testing.T, authorization, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", authorization)
		if _, key, prob := credentials(r); (key == "") != (prob != nil) {
			t.Errorf("key %q with problem %v", key, prob)
		}
	})
}

func TestOperatorToken(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadOperatorToken(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if got, created, err := OperatorToken(dir, "configured"); got != "configured" || created || err != nil {
		t.Errorf("configured: %q %v %v", got, created, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("a configured token leaves files: %v", files)
	}
	token, created, err := OperatorToken(dir, "")
	if err != nil || !created || len(token) < 32 {
		t.Fatalf("first start: %q %v %v", token, created, err)
	}
	again, created, err := OperatorToken(dir, "")
	if err != nil || created || again != token {
		t.Errorf("second start: %q %v %v, want %q", again, created, err, token)
	}
	path := filepath.Join(dir, TokenFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("files are left over: %v", files)
	}
	if err := os.WriteFile(path, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OperatorToken(dir, ""); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file gives %v", err)
	}
	if _, _, err := OperatorToken(filepath.Join(dir, "none"), ""); err == nil {
		t.Error("a token is made in a directory that does not exist")
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	a, _ := authenticator(b)
	for name, authorization := range map[string]string{"bearer": "Bearer " + admin, "write key": "Bearer " + write, "basic": basic("x:" + admin), "operator": "Bearer " + operator} {
		b.Run(name, func(b *testing.B) {
			r := request(authorization, nil, "")
			b.ReportAllocs()
			for b.Loop() {
				if _, prob := a.Authenticate(r); prob != nil {
					b.Fatal(prob)
				}
			}
		})
	}
}

type useStore struct{ got []catalog.KeyUse }

func (u *useStore) NoteKeyUses(_ context.Context, list []catalog.KeyUse) error {
	u.got = append(u.got, list...)
	return nil
}

// Uses are noted to the minute, for keys that work only, and written once.
func TestUses(t *testing.T) {
	a, _ := authenticator(t)
	for _, key := range []string{viewer, viewer, stale, "nonsense", operator} {
		a.Authenticate(request("Bearer "+key, nil, ""))
	}
	var store useStore
	for range 2 {
		if err := a.FlushUses(t.Context(), &store); err != nil {
			t.Fatal(err)
		}
	}
	want := []catalog.KeyUse{{Tenant: "other", ID: "k2", At: now.Truncate(time.Minute)}}
	if d := cmp.Diff(want, store.got); d != "" {
		t.Error(d)
	}
}
