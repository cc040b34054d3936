package httpapi_test

import (
	"strings"
	"testing"

	"weir/internal/tenant"
)

// Every error of the control API: status, code, field and text.
func TestRefusals(t *testing.T) {
	f := newFixture(t)
	const tenants, sources, keys = "/api/v1/tenants", "/api/v1/tenants/acme/sources", "/api/v1/tenants/acme/keys"
	sha := strings.Repeat("0a", 32)
	for _, tc := range []struct {
		name, method, path, key, body string
		status                        int
		code, field, detail           string
	}{
		{"no key", "GET", tenants, "", "", 401, "missing_key", "", "Authorization"},
		{"key in the URL", "GET", tenants + "?key=x", "", "", 401, "key_in_url", "key", "logs"},
		{"wrong key", "GET", tenants, "nonsense", "", 401, "unknown_key", "", ""},
		{"no key, unknown tenant", "GET", "/api/v1/tenants/none/keys", "", "", 401, "missing_key", "", ""},

		{"admin lists tenants", "GET", tenants, "admin", "", 403, "forbidden", "", "operator"},
		{"admin creates a tenant", "POST", tenants, "admin", `{"id":"x"}`, 403, "forbidden", "", "operator"},
		{"admin changes its tenant", "PATCH", tenants + "/acme", "admin", `{}`, 403, "forbidden", "", "operator"},
		{"admin changes its tenant's name", "PATCH", tenants + "/acme", "admin", `{"name":"x","settings":{"session_timeout":"1h"}}`, 403, "forbidden", "", "operator"},
		{"analyst changes a setting", "PATCH", tenants + "/acme", "analyst", `{"settings":{"session_timeout":"1h"}}`, 403, "forbidden", "", "admin"},
		{"admin of another changes a setting", "PATCH", tenants + "/acme", "other", `{"settings":{"session_timeout":"1h"}}`, 403, "wrong_tenant", "tenant", "belongs to tenant other"},
		{"admin of another shows it", "GET", tenants + "/acme", "other", "", 403, "wrong_tenant", "tenant", "belongs to tenant other"},
		{"analyst shows its tenant", "GET", tenants + "/acme", "analyst", "", 403, "forbidden", "", "admin"},
		{"short session timeout", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":"4m"}}`, 422, "invalid_field", "settings.session_timeout", "outside of 5m to 24h"},
		{"session timeout in halves of seconds", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":"30.5s"}}`, 422, "invalid_field", "settings.session_timeout", "30.5s is not a number of whole seconds: write 5m to 24h"},
		{"session timeout as a number", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":2700}}`, 422, "invalid_field", "settings.session_timeout", `expected string, such as "30m"`},
		{"long session timeout", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":"25h"}}`, 422, "invalid_field", "settings.session_timeout", "outside of 5m to 24h"},
		{"no session timeout", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":"0"}}`, 422, "invalid_field", "settings.session_timeout", "outside of 5m to 24h"},
		{"session timeout without unit", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":"30"}}`, 422, "invalid_field", "settings.session_timeout", "unit"},
		{"odd session timeout", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timeout":"300500ms"}}`, 422, "invalid_field", "settings.session_timeout", "whole seconds"},
		{"unknown setting", "PATCH", tenants + "/acme", operator, `{"settings":{"session_timout":"1h"}}`, 422, "unknown_field", "settings.session_timout", "(did you mean session_timeout?)"},
		{"admin deletes its tenant", "DELETE", tenants + "/acme", "admin", "", 403, "forbidden", "", "operator"},
		{"analyst creates a key", "POST", keys, "analyst", `{"role":"viewer"}`, 403, "forbidden", "", "role admin; the key has the role analyst"},
		{"viewer lists sources", "GET", sources, "viewer", "", 403, "forbidden", "", "admin"},
		{"writer deletes a source", "DELETE", sources + "/web", "writer", "", 403, "forbidden", "", "admin"},
		{"admin of another", "GET", sources, "other", "", 403, "wrong_tenant", "tenant", "belongs to tenant other"},
		{"admin of another creates a key", "POST", keys, "other", `{"role":"admin"}`, 403, "wrong_tenant", "tenant", ""},
		{"admin of another, unknown tenant", "GET", tenants + "/none/sources", "other", "", 403, "wrong_tenant", "tenant", ""},

		{"no body", "POST", tenants, operator, "", 400, "body_missing", "", "JSON object"},
		{"not JSON", "POST", tenants, operator, "{", 400, "malformed_json", "", "unexpected"},
		{"trailing", "POST", tenants, operator, `{"id":"x"} x`, 400, "malformed_json", "", "invalid character"},
		{"two values", "POST", tenants, operator, `{"id":"x"}{"id":"y"}`, 400, "malformed_json", "", "after top-level value"},
		{"key twice", "POST", tenants, operator, `{"id":"x","id":"y"}`, 400, "malformed_json", "", `"id" twice`},
		{"key twice inside", "POST", tenants, operator, `{"id":"x","limits":{"event_bytes":1,"event_bytes":2}}`, 400, "malformed_json", "", `"event_bytes" twice`},
		{"UTF-8", "POST", tenants, operator, "{\"id\":\"\xff\"}", 400, "malformed_json", "", "UTF-8"},
		{"deep", "POST", tenants, operator, strings.Repeat("[", 100) + strings.Repeat("]", 100), 400, "malformed_json", "", "deeper than"},
		{"huge number", "POST", tenants, operator, `{"id":"x","limits":{"event_bytes":1e999}}`, 400, "malformed_json", "", "1e999"},
		{"too large", "POST", tenants, operator, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "body_too_large", "", "larger than 1048576 bytes"},
		{"array", "POST", tenants, operator, `[]`, 422, "invalid_field", "", "expected object"},
		{"null", "POST", tenants, operator, `null`, 422, "invalid_field", "", "expected object"},
		{"missing field", "POST", tenants, operator, `{}`, 422, "missing_field", "id", "field id is missing"},
		{"unknown field", "POST", tenants, operator, `{"id":"x","nmae":"y"}`, 422, "unknown_field", "nmae", "nmae is not known (did you mean name?)"},
		{"unknown field inside", "POST", tenants, operator, `{"id":"x","limits":{"event_byts":1}}`, 422, "unknown_field", "limits.event_byts", "(did you mean event_bytes?)"},
		{"unknown field without a like", "POST", tenants, operator, `{"id":"x","zzzzzzzz":1}`, 422, "unknown_field", "zzzzzzzz", "zzzzzzzz is not known:"},
		{"field in another case", "POST", tenants, operator, `{"id":"x","NAME":"y"}`, 422, "unknown_field", "NAME", ""},
		{"wrong type", "POST", tenants, operator, `{"id":7}`, 422, "invalid_field", "id", "expected string"},
		{"bad id", "POST", tenants, operator, `{"id":"A b"}`, 422, "invalid_field", "id", "1 to 63 characters"},
		{"id taken", "POST", tenants, operator, `{"id":"acme"}`, 409, "exists", "id", `"acme"`},
		{"negative limit", "POST", tenants, operator, `{"id":"x","limits":{"event_bytes":-1}}`, 422, "invalid_field", "limits.event_bytes", ">= 0"},
		{"fraction", "POST", tenants, operator, `{"id":"x","limits":{"event_bytes":1.5}}`, 422, "invalid_field", "limits.event_bytes", "integer"},
		{"retention without unit", "POST", tenants, operator, `{"id":"x","retention":"90"}`, 422, "invalid_field", "retention", "lacks a unit"},
		{"retention too short", "PATCH", tenants + "/acme", operator, `{"retention":"6d"}`, 422, "invalid_field", "retention", "7d to 2557d"},
		{"null in a change", "PATCH", tenants + "/acme/policy", operator, `{"budget":{"amount":null}}`, 422, "invalid_field", "budget.amount", "budget.amount is null"},
		{"null as a change", "PATCH", tenants + "/acme/policy", operator, `{"budget":null}`, 422, "invalid_field", "budget", "leave it out"},
		{"null for a limit", "PATCH", tenants + "/acme", operator, `{"name":"x","limits":{"queries":null}}`, 422, "invalid_field", "limits.queries", "leave it out"},
		{"null for a user", "PATCH", tenants + "/acme/users/x", operator, `{"role":null}`, 422, "invalid_field", "role", "leave it out"},
		{"null for a source", "PATCH", tenants + "/acme/sources/x", operator, `{"privacy":{"rules":null}}`, 422, "invalid_field", "privacy.rules", "leave it out"},
		{"long name", "POST", tenants, operator, `{"id":"x","name":"` + strings.Repeat("n", 201) + `"}`, 422, "invalid_field", "name", "200"},
		{"unknown tenant", "PATCH", tenants + "/none", operator, `{}`, 404, "not_found", "", `tenant "none"`},
		{"unknown tenant's sources", "GET", tenants + "/none/sources", operator, "", 404, "not_found", "", `tenant "none"`},
		{"source for nobody", "POST", tenants + "/none/sources", operator, `{"id":"web"}`, 404, "not_found", "", `tenant "none"`},
		{"unknown parameter", "GET", tenants + "?limit=3", operator, "", 422, "unknown_parameter", "limit", "limit is not known"},
		{"misspelt parameter", "GET", "/api/v1/usage?form=2026-01-01T00:00:00Z", "admin", "", 422, "unknown_parameter", "form", "(did you mean from?)"},
		{"parameter twice", "GET", "/api/v1/audit?limit=5&limit=6", "admin", "", 422, "duplicate_parameter", "limit", "limit is given 2 times"},
		{"parameter twice, the same", "GET", "/api/v1/audit?limit=5&from=7d&limit=5", "admin", "", 422, "duplicate_parameter", "limit", "give it once"},
		{"parameter twice of a change", "DELETE", tenants + "/acme?keep_billing=true&keep_billing=false", operator, "", 422, "duplicate_parameter", "keep_billing", "commas between"},
		{"unknown parameter twice", "GET", tenants + "?limit=3&limit=4", operator, "", 422, "unknown_parameter", "limit", "limit is not known"},
		{"parameter twice without a key", "GET", "/api/v1/audit?limit=5&limit=6", "", "", 401, "missing_key", "", ""},

		{"a number that is none", "PATCH", "/api/v1/tenants/acme/policy", "admin", `{"budget":{"amount":1e400}}`, 400, "malformed_json", "", "number 1e400 that its field cannot hold"},
		{"source id taken", "POST", sources, "admin", `{"id":"web"}`, 409, "exists", "id", `"web"`},
		{"site_id taken", "POST", "/api/v1/tenants/other/sources", "other", `{"id":"web","site_id":"s1"}`, 409, "exists", "site_id", `"s1"`},
		{"alias taken", "POST", "/api/v1/tenants/other/sources", "other", `{"id":"web","aliases":["one.example"]}`, 409, "exists", "aliases", `"one.example"`},
		{"alias taken by change", "PATCH", sources + "/web", "admin", `{"aliases":["s1"]}`, 409, "exists", "aliases", `"s1"`},
		{"alias is a key", "PATCH", sources + "/web", "admin", `{"aliases":["` + f.keys["other"] + `"]}`, 422, "invalid_field", "aliases", "looks like a key"},
		{"alias is an own key", "POST", sources, "admin", `{"id":"x","aliases":["` + f.keys["web"] + `"]}`, 422, "invalid_field", "aliases", "choose another name"},
		{"alias like a key", "POST", sources, "admin", `{"id":"x","aliases":["wk_w_nobody"]}`, 422, "invalid_field", "aliases", "looks like a key"},
		{"site_id is a key", "POST", sources, "admin", `{"id":"x","site_id":"` + f.keys["other"] + `"}`, 422, "invalid_field", "site_id", "looks like a key"},
		{"bad source id", "POST", sources, "admin", `{"id":"a b"}`, 422, "invalid_field", "id", ""},
		{"bad site_id", "POST", sources, "admin", `{"id":"x","site_id":"a/b"}`, 422, "invalid_field", "site_id", ""},
		{"bad alias", "POST", sources, "admin", `{"id":"x","aliases":["a b"]}`, 422, "invalid_field", "aliases", "spaces"},
		{"bad host", "POST", sources, "admin", `{"id":"x","hostnames":["https://example.com"]}`, 422, "invalid_field", "hostnames", "https://"},
		{"bad address [::1", "POST", sources, "admin", `{"id":"x","hostnames":["[::1"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"bad address ::1]", "POST", sources, "admin", `{"id":"x","hostnames":["::1]"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"bad address [1.2.3.4]", "POST", sources, "admin", `{"id":"x","hostnames":["[1.2.3.4]"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"bad address [fe80::1%25eth0]", "POST", sources, "admin", `{"id":"x","hostnames":["[fe80::1%25eth0]"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"bad address *.[::1]", "POST", sources, "admin", `{"id":"x","hostnames":["*.[::1]"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"bad address [::1]:http", "POST", sources, "admin", `{"id":"x","hostnames":["[::1]:http"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"bad address 1:2:3", "POST", sources, "admin", `{"id":"x","hostnames":["1:2:3"]}`, 422, "invalid_field", "hostnames", "[2001:db8::1]"},
		{"privacy: unknown field of a rule", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"action":"mask","feild":"x"}]}}`, 422, "unknown_field", "privacy.rules[0].feild", "(did you mean field?)"},
		{"privacy: unknown field", "PATCH", sources + "/web", "admin", `{"privacy":{"cookies":true}}`, 422, "unknown_field", "privacy.cookies", ""},
		{"privacy: both", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"field":"url","pattern":"email","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[0].pattern", "not both"},
		{"privacy: neither", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[0].field", "set one"},
		{"privacy: action", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"field":"url","action":"burn"}]}}`, 422, "invalid_field", "privacy.rules[0].action", "burn"},
		{"privacy: keep a field", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"field":"url","action":"keep"}]}}`, 422, "invalid_field", "privacy.rules[0].action", "patterns"},
		{"privacy: column", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"field":"event_id","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[0].field", "event_id"},
		{"privacy: property", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"field":"props.","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[0].field", "name of a property"},
		{"privacy: pattern", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"field":"city","action":"drop"},{"pattern":"mail","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[1].pattern", "re:"},
		{"privacy: expression", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"pattern":"re:(","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[0].pattern", "missing closing"},
		{"privacy: empty match", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[{"pattern":"re:x*","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules[0].pattern", "empty text"},
		{"privacy: parameter", "PATCH", sources + "/web", "admin", `{"privacy":{"query_parameters":["a=b"]}}`, 422, "invalid_field", "privacy.query_parameters[0]", "a=b"},
		{"privacy: many rules", "PATCH", sources + "/web", "admin", `{"privacy":{"rules":[` + strings.Repeat(`{"field":"city","action":"drop"},`, 50) + `{"field":"city","action":"drop"}]}}`, 422, "invalid_field", "privacy.rules", "50"},
		{"bad zone", "POST", sources, "admin", `{"id":"x","time_zone":"Mars/Base"}`, 422, "invalid_field", "time_zone", "IANA"},
		{"local zone", "POST", sources, "admin", `{"id":"x","time_zone":"Local"}`, 422, "invalid_field", "time_zone", "IANA"},
		{"zone with leap seconds", "POST", sources, "admin", `{"id":"x","time_zone":"right/UTC"}`, 422, "invalid_field", "time_zone", "IANA"},
		{"zone of a machine, by change", "PATCH", sources + "/web", "admin", `{"time_zone":"posix/Europe/Berlin"}`, 422, "invalid_field", "time_zone", "IANA"},
		{"bad day", "POST", sources, "admin", `{"id":"x","first_day":8}`, 422, "invalid_field", "first_day", "<= 7"},
		{"site_id cannot change", "PATCH", sources + "/web", "admin", `{"site_id":"x"}`, 422, "unknown_field", "site_id", ""},
		{"unknown source", "PATCH", sources + "/none", "admin", `{}`, 404, "not_found", "", `source "none"`},

		{"no role", "POST", keys, "admin", `{}`, 422, "missing_field", "role", ""},
		{"bad role", "POST", keys, "admin", `{"role":"operator"}`, 422, "invalid_field", "role", "one of"},
		{"past", "POST", keys, "admin", `{"role":"viewer","expires":"2020-01-01T00:00:00Z"}`, 422, "invalid_field", "expires", "past"},
		{"not a time", "POST", keys, "admin", `{"role":"viewer","expires":"tomorrow"}`, 422, "invalid_field", "expires", "3339"},
		{"too far", "POST", keys, "admin", `{"role":"viewer","expires":"400000d"}`, 422, "invalid_field", "expires", "100 years"},
		{"farther than clocks go", "POST", keys, "admin", `{"role":"viewer","expires":"9999-01-01T00:00:00Z"}`, 422, "invalid_field", "expires", "leave it out"},
		{"source and role", "POST", keys, "admin", `{"role":"viewer","source":"web"}`, 422, "invalid_field", "source", "writer"},
		{"key of an unknown source", "POST", keys, "admin", `{"role":"writer","source":"none"}`, 404, "not_found", "", `source "none"`},
		{"unknown key id", "DELETE", keys + "/none", "admin", "", 404, "not_found", "", `key "none"`},

		{"ledger by viewer", "GET", "/api/v1/imports?site_id=s1", "viewer", "", 403, "forbidden", "", "writer"},
		{"ledger without site", "GET", "/api/v1/imports", "writer", "", 422, "missing_parameter", "site_id", ""},
		{"ledger of an unknown site", "GET", "/api/v1/imports?site_id=none", "writer", "", 404, "site_not_found", "site_id", `"none"`},
		{"ledger of another's site", "GET", "/api/v1/imports?site_id=s1", "other", "", 404, "site_not_found", "site_id", ""},
		{"ledger by operator for nobody", "GET", "/api/v1/imports?site_id=s1", operator, "", 422, "tenant_required", tenant.Header, tenant.Header},
		{"file unseen", "GET", "/api/v1/imports/s1/" + sha, "writer", "", 404, "not_found", "", "import"},
		{"bad file", "GET", "/api/v1/imports/s1/xyz", "writer", "", 422, "invalid_field", "file", "hexadecimal"},
		{"lines negative", "PUT", "/api/v1/imports/s1/" + sha, "writer", `{"prefix_len":1,"lines":-1}`, 422, "invalid_field", "lines", ""},
		{"prefix too long", "PUT", "/api/v1/imports/s1/" + sha, "writer", `{"prefix_len":5000,"lines":1}`, 422, "invalid_field", "prefix_len", ""},
		{"lines missing", "PUT", "/api/v1/imports/s1/" + sha, "writer", `{"prefix_len":1}`, 422, "missing_field", "lines", ""},

		{"usage by analyst", "GET", "/api/v1/usage", "analyst", "", 403, "forbidden", "", "admin"},
		{"usage backwards", "GET", "/api/v1/usage?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "admin", "", 422, "invalid_field", "from", "not before"},
		{"usage too long", "GET", "/api/v1/usage?from=2020-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "admin", "", 422, "invalid_field", "from", "400 days"},
		{"usage of nonsense", "GET", "/api/v1/usage?from=yesterday", "admin", "", 422, "invalid_field", "from", ""},
		{"quarantine by analyst", "GET", "/api/v1/quarantine", "analyst", "", 403, "forbidden", "", "admin"},
		{"unknown record", "GET", "/api/v1/quarantine/xx", operator, "", 404, "not_found", "id", `"xx"`},
		{"replay in vain", "POST", "/api/v1/quarantine/00ff/replay", operator, "", 422, "not_decodable", "id", "torn"},

		{"no such path", "GET", "/api/v2/x", "", "", 404, "no_such_path", "", "/api/v2/x"},
		{"no such path with a key", "POST", "/nothing", operator, "x", 404, "no_such_path", "", "/docs"},
		{"wrong method", "PUT", tenants, operator, "{}", 405, "method_not_allowed", "", "only GET, HEAD, POST"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key := tc.key
			if k, ok := f.keys[key]; ok {
				key = k
			}
			g := *f
			g.t = t
			g.wantProblem(f.do(tc.method, tc.path, key, tc.body), tc.status, tc.code, tc.field, tc.detail)
		})
	}
	if text := f.log.String(); text != "" {
		t.Errorf("refusals are logged as failures: %s", text)
	}
}
