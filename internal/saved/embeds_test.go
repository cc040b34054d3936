package saved

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/origin"
	"weir/internal/tenant"
)

// embed makes a dashboard with two panels and a token of the first.
func (f *fixture) embed(t testing.TB) (dashboard, token string) {
	t.Helper()
	two := strings.Replace(line, `"p1"`, `"p2"`, 1)
	dashboard = text(f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"d","panels":[`+line+`,`+two+`,`+table+`]}`)["id"])
	made := f.want(t, 201, analyst, "POST", "/api/v1/embeds", `{"dashboard":"`+dashboard+`","panel":"p1","expires":"10m"}`)
	token = text(made["token"])
	if made["url"] != "/embed?token="+url.QueryEscape(token) || len(token) > maxToken {
		t.Errorf("made %v", made)
	}
	return dashboard, token
}

func (f *fixture) open(t testing.TB, token string) (int, map[string]any) {
	t.Helper()
	return f.request(t, tenant.Principal{}, "GET", "/api/v1/embeds/panel", "", http.Header{"Authorization": {"Bearer " + token}})
}

func (f *fixture) wantOpen(t testing.TB, token string, status int, code string) {
	t.Helper()
	got, out := f.open(t, token)
	if got != status || code != "" && out["code"] != code {
		t.Errorf("token %.40s…: %d %v, want %d %s", token, got, out, status, code)
	}
}

// A token answers the question of its panel, charged to the tenant and recorded, without any other credential.
func TestEmbed(t *testing.T) {
	f := newFixture(t, Limits{})
	dashboard, token := f.embed(t)
	status, out := f.open(t, token)
	panel, _ := out["panel"].(map[string]any)
	answer, _ := out["answer"].(map[string]any)
	if status != 200 || panel["id"] != "p1" || panel["title"] != "Views" || answer["data"] == nil || answer["as_of"] == nil || answer["complete_until"] == nil || out["time_zone"] != "UTC" {
		t.Fatalf("%d %v", status, out)
	}
	if status, again := f.call(t, tenant.Principal{}, "GET", "/api/v1/embeds/panel?token="+url.QueryEscape(token), ""); status != 200 || fmt.Sprint(again["panel"]) != fmt.Sprint(panel) {
		t.Errorf("as a parameter: %d %v", status, again)
	}
	got := f.engine.statements()
	if len(got) != 2 || got[0].Params["tenant"] != "acme" || got[0].Params["site"] != "s1" {
		t.Errorf("statements %v", got)
	}
	if len(f.desk.charged) != 2 || f.desk.charged[0].Tenant != "acme" || f.desk.charged[0].Source != "s1" || f.desk.charged[0].User != "key:embed:"+dashboard+"/p1" || f.desk.charged[0].Role != tenant.RoleViewer {
		t.Errorf("charged %+v", f.desk.charged)
	}
	if len(f.desk.gathered) != 2 || f.desk.gathered[0].Tenant != "acme" || f.desk.gathered[0].Action != "embed" || f.desk.gathered[0].Outcome != "ok" ||
		f.desk.gathered[0].Target != "/api/v1/dashboards/"+dashboard+"#p1" || f.desk.gathered[0].Cost == nil {
		t.Errorf("recorded %+v", f.desk.gathered)
	}
}

// The answer of an embed is for everybody: it says nothing of what it cost and what is left of a budget, and is kept nowhere.
func TestEmbedTellsNoCost(t *testing.T) {
	f := newFixture(t, Limits{})
	_, token := f.embed(t)
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/embeds/panel?token="+url.QueryEscape(token), nil))
	if cost := w.Header().Values("X-Weir-Cost"); w.Code != 200 || len(cost) > 0 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d, X-Weir-Cost %q, Cache-Control %q", w.Code, cost, w.Header().Get("Cache-Control"))
	}
	if len(f.desk.charged) != 1 {
		t.Errorf("charged %+v", f.desk.charged)
	}
}

// Of people who look at an embed no address is kept; of a token that opens nothing, where it came from is.
func TestEmbedKeepsNoAddress(t *testing.T) {
	f := newFixture(t, Limits{})
	at := time.Now()
	f.objects.now = func() time.Time { return at }
	_, token := f.embed(t)
	ctx := origin.With(t.Context(), origin.Origin{Addr: netip.MustParseAddr("192.0.2.7")})
	for _, c := range []struct {
		token, from, outcome string
		later                time.Duration
	}{{token, "", "ok", 0}, {"x", "192.0.2.7", "bad_embed_token", 0}, {token, "", "embed_expired", time.Hour}} {
		at = at.Add(c.later)
		f.desk.gathered = nil
		_, err := f.objects.getPanel(ctx, &panelInput{Token: c.token})
		if len(f.desk.gathered) != 1 || f.desk.gathered[0].From != c.from || f.desk.gathered[0].Outcome != c.outcome {
			t.Errorf("%.9s: %v, recorded %+v", c.token, err, f.desk.gathered)
		}
	}
}

// No other operation takes a token of an embed, and a token that was changed in any place opens nothing.
func TestHostileTokens(t *testing.T) {
	f := newFixture(t, Limits{})
	_, token := f.embed(t)
	f.wantOpen(t, token, 200, "")
	for i := range len(token) {
		for _, c := range []byte{token[i] ^ 1, 'A', '.', '='} {
			if c == token[i] {
				continue
			}
			changed := token[:i] + string([]byte{c}) + token[i+1:]
			if _, err := f.objects.verify(changed); err == nil {
				t.Fatalf("changed at %d of %d to %q it is taken: %s", i, len(token), c, changed)
			}
		}
	}
	body, sum, _ := strings.Cut(strings.TrimPrefix(token, tokenHead), ".")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), `"p1"`, `"p2"`, 1)))
	for _, bad := range []string{"x", ".", "..", tokenHead, tokenHead + ".", tokenHead + body, tokenHead + body + ".", tokenHead + forged + "." + sum, "we2." + body + "." + sum, body + "." + sum,
		token + ".", token + "=", token[:len(token)-1], " " + token + "x", strings.Repeat("a", 5000), tokenHead + body + "." + sum + "." + sum} {
		f.wantOpen(t, bad, 401, "bad_embed_token")
	}
	for _, in := range []*panelInput{{Authorization: "Basic " + token}, {Authorization: "Bearer " + token, Token: token}, {Authorization: "Bearer"}} {
		if _, err := f.objects.getPanel(context.Background(), in); err == nil {
			t.Errorf("%+v is taken", in)
		}
	}
	f.wantOpen(t, "", 401, "bad_embed_token")
	if status, out := f.call(t, tenant.Principal{}, "GET", "/api/v1/embeds/panel", ""); status != 401 || out["code"] != "missing_embed_token" {
		t.Errorf("without one: %d %v", status, out)
	}
	// Another installation's key.
	elsewhere := newFixture(t, Limits{})
	elsewhere.objects.deps.EmbedKey = append(make([]byte, 31), 1)
	if _, err := elsewhere.objects.verify(token); err == nil {
		t.Error("a token of another key is taken")
	}
	for _, e := range f.desk.gathered[1:] {
		if e.Tenant != "" || e.Outcome == "ok" || e.Actor != "" {
			t.Errorf("a refused token is recorded as %+v", e)
		}
	}
}

// A token ends with who made it, where weir can know that.
func TestEmbedEndsWithItsMaker(t *testing.T) {
	f := newFixture(t, Limits{})
	dashboard, _ := f.embed(t)
	gone := map[string]bool{}
	var asked []tenant.Principal
	f.objects.deps.May = func(who tenant.Principal) bool {
		asked = append(asked, who)
		return !gone[who.Actor()]
	}
	local, foreign := tenant.Principal{Tenant: "acme", Role: tenant.RoleAdmin, User: "local:u_1"}, tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "oidc:ann@example.com"}
	operator := tenant.Principal{Tenant: "acme", Role: tenant.RoleOperator, KeyID: "op1"}
	for _, c := range []struct {
		who  tenant.Principal
		asks tenant.Principal // about whom; empty: about nobody
	}{
		{analyst, analyst}, {admin, tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, KeyID: "adm"}}, {local, tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst, User: "local:u_1"}},
		{operator, operator}, {foreign, tenant.Principal{}},
	} {
		token, _ := f.want(t, 201, c.who, "POST", "/api/v1/embeds", `{"dashboard":"`+dashboard+`","panel":"p1"}`)["token"].(string)
		asked = nil
		f.wantOpen(t, token, 200, "")
		if c.asks == (tenant.Principal{}) && len(asked) > 0 || c.asks != (tenant.Principal{}) && (len(asked) != 1 || asked[0] != c.asks) {
			t.Errorf("%s: asked about %+v", c.who.Actor(), asked)
		}
		clear(gone)
		gone[c.who.Actor()] = true
		if c.who == foreign {
			f.wantOpen(t, token, 200, "")
		} else {
			f.wantOpen(t, token, 401, "embed_revoked")
		}
		clear(gone)
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err != nil || strings.Contains(string(claims), "example.com") {
			t.Errorf("%s: %s, %v", c.who.Actor(), claims, err)
		}
	}
}

func TestEmbedExpires(t *testing.T) {
	f := newFixture(t, Limits{})
	at := time.Now()
	f.objects.now = func() time.Time { return at }
	_, token := f.embed(t)
	at = at.Add(10*time.Minute - 2*time.Second)
	f.wantOpen(t, token, 200, "")
	at = at.Add(2 * time.Second)
	f.wantOpen(t, token, 401, "embed_expired")
	for _, life := range []string{"1h30m", "1d", "24h"} { // the panel comes after
		if p := f.want(t, 404, admin, "POST", "/api/v1/embeds", `{"dashboard":"d","panel":"p1","expires":"`+life+`"}`); p["field"] != "dashboard" || p["code"] != "unknown_dashboard" {
			t.Errorf("%s: %v", life, p)
		}
	}
	for _, life := range []string{"59s", "25h", "-1h", "x", "1", "2d", "1w", "9999999h"} {
		if p := f.want(t, 422, admin, "POST", "/api/v1/embeds", `{"dashboard":"d","panel":"p1","expires":"`+life+`"}`); p["field"] != "expires" {
			t.Errorf("%s: %v", life, p)
		}
	}
}

// An embed ends with its panel, its dashboard, its site, its tenant, and when the dashboard changes hands; not when something else changes.
func TestEmbedIsRevoked(t *testing.T) {
	put := func(f *fixture, t *testing.T, id string, version int, rest string) {
		t.Helper()
		f.want(t, 200, admin, "PUT", "/api/v1/dashboards/"+id, fmt.Sprintf(`{"name":"e","version":%d%s}`, version, rest))
	}
	for name, c := range map[string]struct {
		do   func(*fixture, *testing.T, string)
		want int
	}{
		"another question": {func(f *fixture, t *testing.T, id string) {
			put(f, t, id, 1, `,"panels":[`+strings.Replace(line, "pageviews", "events", 1)+`]`)
		}, 200},
		"another place": {func(f *fixture, t *testing.T, id string) {
			put(f, t, id, 1, `,"panels":[`+tile+`,`+strings.Replace(line, `"x":0`, `"x":9`, 1)+`]`)
		}, 200},
		"panel gone": {func(f *fixture, t *testing.T, id string) { put(f, t, id, 1, `,"panels":[`+tile+`]`) }, 401},
		"panel of another site": {func(f *fixture, t *testing.T, id string) {
			put(f, t, id, 1, `,"panels":[`+strings.Replace(line, "a1", "s2", 1)+`]`)
		}, 401},
		"panel comes back": {func(f *fixture, t *testing.T, id string) {
			put(f, t, id, 1, `,"panels":[]`)
			put(f, t, id, 2, `,"panels":[`+line+`]`)
		}, 401},
		"other owner": {func(f *fixture, t *testing.T, id string) { put(f, t, id, 1, `,"panels":[`+line+`],"owner":"local:u"`) }, 401},
		"dashboard gone": {func(f *fixture, t *testing.T, id string) {
			f.want(t, 204, admin, "DELETE", "/api/v1/dashboards/"+id, "")
		}, 401},
		"site gone": {func(f *fixture, t *testing.T, id string) {
			if err := f.catalog.DeleteSource(t.Context(), "acme", "web"); err != nil {
				t.Fatal(err)
			}
		}, 401},
		"tenant gone": {func(f *fixture, t *testing.T, id string) {
			if err := f.catalog.DeleteTenant(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Limits{})
			if name == "other owner" {
				u, err := f.catalog.CreateUser(t.Context(), catalog.User{Tenant: "acme", Role: tenant.RoleAnalyst, Email: "a@example.com"})
				if err != nil {
					t.Fatal(err)
				}
				c.do = func(f *fixture, t *testing.T, id string) {
					put(f, t, id, 1, `,"panels":[`+line+`],"owner":"local:`+u.ID+`"`)
				}
			}
			id, token := f.embed(t)
			f.wantOpen(t, token, 200, "")
			c.do(f, t, id)
			code := ""
			if c.want == 401 {
				code = "embed_revoked"
			}
			f.wantOpen(t, token, c.want, code)
		})
	}
}

// A question that runs ends soon after its token has ended, and its statement with it; the audit log says why.
func TestRunningEmbedEndsWithItsToken(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(f *fixture, t *testing.T, dashboard string)
		status int
		code   string
	}{
		"its maker has gone": {func(f *fixture, _ *testing.T, _ string) { f.gone.Store(true) }, 401, "embed_revoked"},
		"its dashboard has gone": {func(f *fixture, t *testing.T, id string) {
			f.want(t, 204, admin, "DELETE", "/api/v1/dashboards/"+id, "")
		}, 401, "embed_revoked"},
		"it has expired": {func(f *fixture, _ *testing.T, _ string) { f.later.Store(int64(time.Hour)) }, 401, "embed_expired"},
		"its tenant is suspended": {func(f *fixture, t *testing.T, _ string) {
			if _, err := f.catalog.UpdateTenant(t.Context(), "acme", func(x *catalog.Tenant) error { x.Suspended = time.Now(); return nil }); err != nil {
				t.Error(err)
			}
		}, 403, "tenant_suspended"},
		"nothing has": {func(f *fixture, _ *testing.T, _ string) {}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Limits{})
			began, looked, ended := make(chan struct{}), make(chan struct{}, 1000), errors.New("ended")
			f.objects.recheck = time.Millisecond
			f.objects.deps.May = func(tenant.Principal) bool {
				select {
				case looked <- struct{}{}:
				default:
				}
				return !f.gone.Load()
			}
			f.objects.now = func() time.Time { return time.Now().Add(time.Duration(f.later.Load())) }
			dashboard, token := f.embed(t)
			var got error
			f.engine.run = func(ctx context.Context) error {
				close(began)
				if c.status == 200 {
					for range 5 { // it is looked at, and goes on
						<-looked
					}
					return ctx.Err()
				}
				select {
				case <-ctx.Done():
					got = ended
					return ctx.Err()
				case <-time.After(20 * time.Second):
					return nil
				}
			}
			go func() {
				<-began
				c.end(f, t, dashboard)
			}()
			f.wantOpen(t, token, c.status, c.code)
			if c.status != 200 && got != ended {
				t.Error("its statement went on")
			}
			want := c.code
			if want == "" {
				want = "ok"
			}
			if n := len(f.desk.gathered); n != 1 || f.desk.gathered[0].Outcome != want || f.desk.gathered[0].Tenant != "acme" {
				t.Errorf("recorded %+v", f.desk.gathered)
			}
		})
	}
}

// An embed sees what a viewer of the site sees.
func TestEmbedKeepsMasks(t *testing.T) {
	// What an analyst does not see is not shown by an embed that an analyst can make, although nobody masked it for viewers.
	for _, hidden := range []tenant.Role{tenant.RoleViewer, tenant.RoleAnalyst} {
		t.Run(string(hidden), func(t *testing.T) { testEmbedKeepsMasks(t, hidden) })
	}
}

func testEmbedKeepsMasks(t *testing.T, hidden tenant.Role) {
	f := newFixture(t, Limits{})
	id := text(f.want(t, 201, admin, "POST", "/api/v1/dashboards", `{"name":"d","panels":[{"id":"p","kind":"table","site_id":"s1","question":{"group_by":["path"]}}]}`)["id"])
	token := text(f.want(t, 201, admin, "POST", "/api/v1/embeds", `{"dashboard":"`+id+`","panel":"p"}`)["token"])
	if _, err := f.catalog.UpdateTenant(t.Context(), "acme", func(x *catalog.Tenant) error {
		x.Policy.Masks = []catalog.Mask{{Column: "path", Roles: []tenant.Role{hidden}, Action: catalog.MaskHide}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	f.wantOpen(t, token, 403, "column_masked")
	if n := len(f.engine.statements()); n > 0 {
		t.Errorf("%d statements were made", n)
	}
}

func TestEmbedRefusals(t *testing.T) {
	f := newFixture(t, Limits{})
	id, _ := f.embed(t)
	for _, c := range []struct {
		who    tenant.Principal
		panel  string
		status int
		code   string
	}{
		{viewer, "p1", 403, "forbidden"}, {other, "p1", 404, "unknown_dashboard"}, {op, "p1", 422, "tenant_required"}, {tenant.Principal{}, "p1", 401, "unauthenticated"},
		{admin, "p9", 404, "unknown_panel"}, {admin, "sql", 422, "invalid_panel"},
	} {
		if p := f.want(t, c.status, c.who, "POST", "/api/v1/embeds", `{"dashboard":"`+id+`","panel":"`+c.panel+`"}`); p["code"] != c.code {
			t.Errorf("%+v: %v", c, p)
		}
	}
	// A token for a panel of SQL that was made somehow opens nothing.
	s, err := f.catalog.Saved(t.Context(), "acme", catalog.KindDashboard, id)
	if err != nil {
		t.Fatal(err)
	}
	token, err := f.objects.sign(claims{Tenant: "acme", Dashboard: id, Panel: "sql", Since: 1, Owner: f.objects.ownerDigest(s.Owner), Expires: time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	f.wantOpen(t, token, 401, "embed_revoked")
}

func FuzzToken(f *testing.F) {
	x := newFixture(f, Limits{})
	good, err := x.objects.sign(claims{Tenant: "acme", Dashboard: "d", Panel: "p", Since: 1, Owner: []byte("o"), Expires: 1})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", good, tokenHead, good + ".", strings.ToUpper(good)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := x.objects.verify(token)
		if (err == nil) != (token == good) {
			t.Errorf("%q: %v", token, err)
		}
		if b, _ := json.Marshal(c); err != nil && string(b) != `{"t":"","d":"","p":"","s":0,"o":null,"x":0}` {
			t.Errorf("%q: an error and %s", token, b)
		}
	})
}
