package httpapi_test

import (
	"net/http"
	"strconv"
	"testing"

	"weir/internal/catalog"
	"weir/internal/httpapi"
)

// TestShownTexts: what people read as a name has no control characters, at whatever door it is given.
func TestShownTexts(t *testing.T) {
	f := newFixture(t)
	const acme = "/api/v1/tenants/acme"
	key := f.want(201, f.do("POST", acme+"/keys", operator, `{"role":"viewer","name":"fine – ünïcode 🙂 \u200b"}`))["id"].(string)
	user := f.want(201, f.do("POST", acme+"/users", operator, `{"email":"ann@example.com","role":"viewer"}`))["id"].(string)
	for _, door := range []struct{ method, path, before, field string }{
		{"POST", "/api/v1/tenants", `{"id":"x",`, "name"},
		{"PATCH", acme, `{"retention":"30d",`, "name"},
		{"PATCH", acme, `{"retention":"30d",`, "region"},
		{"POST", acme + "/keys", `{"role":"viewer",`, "name"},
		{"POST", acme + "/keys/" + key + "/rotate", `{"overlap":"1h",`, "name"},
		{"POST", "/api/v1/operators/keys", `{"expires":"2100-01-01T00:00:00Z",`, "name"},
		{"POST", acme + "/users", `{"email":"bob@example.com","role":"viewer",`, "name"},
		{"PATCH", acme + "/users/" + user, `{"role":"viewer",`, "name"},
		{"POST", "/api/v1/operators/users", `{"email":"bob@example.com",`, "name"},
		{"PATCH", acme + "/sources/web", `{"time_zone":"UTC",`, "name"},
		{"PUT", "/api/v1/operator/tenants/acme/suspension", "{", "reason"},
	} {
		for text, said := range map[string]string{`a\u0000b`: `'\x00' at byte 1`, `\u001b[31mred`: `'\x1b' at byte 0`, `é\nb`: `'\n' at byte 2`, `a\u0085b`: `'\u0085' at byte 1`, `a\u007fb`: `'\x7f' at byte 1`} {
			f.wantProblem(f.do(door.method, door.path, operator, door.before+`"`+door.field+`":"`+text+`"}`), 422, "invalid_field", door.field, "control character ("+said+")")
		}
	}
}

// TestPackedBody: a body that nothing unpacks is not called broken JSON.
func TestPackedBody(t *testing.T) {
	f := newFixture(t)
	b := &browser{f: f, cookies: map[string]*http.Cookie{}}
	for i, coding := range []string{"gzip", "ZSTD", "gzip, identity"} {
		f.wantProblem(b.send("POST", "/api/v1/tenants", `{"id":"packed`+strconv.Itoa(i)+`"}`, "Authorization", "Bearer "+operator, "Content-Encoding", coding), 415, "unsupported_encoding", "Content-Encoding", "without this header")
		f.want(200, b.send("GET", "/api/v1/tenants", "", "Authorization", "Bearer "+operator, "Content-Encoding", coding)) // it has no body
	}
	f.want(201, b.send("POST", "/api/v1/tenants", `{"id":"x"}`, "Authorization", "Bearer "+operator, "Content-Encoding", "Identity"))
}

// TestReservedTenants: databases' names are for no new tenant; one that has such an id from before goes on.
func TestReservedTenants(t *testing.T) {
	var c catalog.Catalog
	f := newFixture(t, func(cfg *httpapi.Config) { c = cfg.Catalog })
	for _, id := range []string{"system", "default", "information_schema", "weir"} {
		f.wantProblem(f.do("POST", "/api/v1/tenants", operator, `{"id":"`+id+`"}`), 422, "invalid_field", "id", id+" is reserved")
	}
	for _, id := range []string{"systems", "default-1", "weir_"} {
		f.want(201, f.do("POST", "/api/v1/tenants", operator, `{"id":"`+id+`"}`))
	}
	if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "weir"}); err != nil {
		t.Fatal(err)
	}
	f.want(200, f.do("PATCH", "/api/v1/tenants/weir", operator, `{"name":"Weir"}`))
	key := f.want(201, f.do("POST", "/api/v1/tenants/weir/keys", operator, `{"role":"admin"}`))["key"].(string)
	if me := f.want(200, f.do("GET", "/api/v1/me", key, "")); me["tenant"] != "weir" {
		t.Errorf("got %v", me)
	}
}
