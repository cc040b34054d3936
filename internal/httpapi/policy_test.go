package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPolicy(t *testing.T) {
	f := newFixture(t)
	const path = "/api/v1/tenants/acme/policy"
	admin := f.keys["admin"]
	const noMasks = "e3b0c44298fc1c14" // SHA-256 of nothing
	none := map[string]any{"masks": []any{}, "masks_version": noMasks, "budget": map[string]any{"amount": 0., "action": "notify", "webhook": ""}}
	if d := cmp.Diff(none, f.want(200, f.do("GET", path, admin, ""))); d != "" {
		t.Error(d)
	}
	got := f.want(200, f.do("PATCH", path, admin, `{"masks":[{"column":"user_id","roles":["viewer","analyst","viewer"],"action":"hash"},{"column":"props.email","roles":["viewer"],"action":"hide"}]}`))
	masks := []any{map[string]any{"column": "user_id", "roles": []any{"viewer", "analyst"}, "action": "hash"}, map[string]any{"column": "email", "roles": []any{"viewer"}, "action": "hide", "unknown": true}}
	if d := cmp.Diff(masks, got["masks"]); d != "" {
		t.Error(d)
	}
	// The tenant says where notices go; how much it may cost is the operator's to say.
	got = f.want(200, f.do("PATCH", path, admin, `{"budget":{"webhook":"https://hooks.example.com/weir"}}`))
	if d := cmp.Diff(masks, got["masks"]); d != "" {
		t.Error(d)
	}
	f.wantProblem(f.do("PATCH", path, admin, `{"budget":{"amount":5}}`), 403, "forbidden", "", "operator")
	f.wantProblem(f.do("PATCH", path, admin, `{"budget":{"action":"notify"}}`), 403, "forbidden", "", "operator")
	got = f.want(200, f.do("PATCH", path, operator, `{"budget":{"amount":12.5,"action":"block"},"masks":[]}`))
	want := map[string]any{"masks": []any{}, "masks_version": noMasks, "budget": map[string]any{"amount": 12.5, "action": "block", "webhook": "https://hooks.example.com/weir"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, f.want(200, f.do("GET", path, admin, ""))); d != "" {
		t.Error(d)
	}
	mask := func(column, role, action string) string {
		return `{"masks":[{"column":"` + column + `","roles":["` + role + `"],"action":"` + action + `"}]}`
	}
	for _, tc := range []struct{ body, field, says string }{
		{mask("user_di", "viewer", "hide"), "masks.column", `did you mean "user_id"`},
		{mask("ts", "viewer", "hide"), "masks.column", "cannot be masked"},
		{mask("", "viewer", "hide"), "masks.column", "no name"},
		{mask("props.", "viewer", "hide"), "masks.column", "no name"},
		{mask("url", "admin", "hide"), "masks[0].roles[0]", "one of"},
		{mask("url", "viewer", "blur"), "masks[0].action", "one of"},
		{`{"masks":[{"column":"url","roles":["viewer"],"action":"hide"},{"column":"url","roles":["viewer"],"action":"hash"}]}`, "masks.column", "twice"},
		{`{"masks":[{"column":"salary","roles":["viewer"],"action":"hide"},{"column":"props.salary","roles":["viewer"],"action":"hash"}]}`, "masks.column", "salary is masked twice"},
		{mask("events.user_id", "viewer", "hide"), "masks.column", `leave "events." out, as in user_id`},
		{mask("sessions.entry_path", "viewer", "hide"), "masks.column", `leave "sessions." out, as in path`},
		{mask("exit_host", "viewer", "hide"), "masks.column", "mask host, which hides both"},
		{mask("rollup_hour_page.path", "viewer", "hide"), "masks.column", `leave "rollup_hour_page." out`},
		{mask(strings.Repeat("n", 513), "viewer", "hide"), "masks.column", "1 to 512 bytes"},
		{`{"budget":{"webhook":"ftp://x"}}`, "budget.webhook", "https"},
		{`{"budget":{"webhook":"https://user:pass@example.com/"}}`, "budget.webhook", "without user name"},
		{`{"budget":{"webhook":"http://127.0.0.1/"}}`, "budget.webhook", "not a public one"},
		{`{"budget":{"webhook":"http://169.254.169.254/latest"}}`, "budget.webhook", "not a public one"},
		{`{"budget":{"webhook":"http://127.1:8000/"}}`, "budget.webhook", "not a public name"},
		{`{"budget":{"amount":-1}}`, "budget.amount", ">= 0"},
	} {
		f.wantProblem(f.do("PATCH", path, operator, tc.body), 422, "invalid_field", tc.field, tc.says)
	}
	f.want(200, f.do("PATCH", path, operator, mask("props.user_di", "viewer", "hide"))) // that is said to be meant
	f.want(200, f.do("PATCH", path, operator, mask("salary", "viewer", "hide")))        // not seen yet, and like nothing
	// What is known, what will be, and what is meant by props.
	for written, want := range map[string]struct {
		shown   string
		unknown bool
	}{
		"user_id": {"user_id", false}, "plan": {"plan", false}, "props.plan": {"plan", false}, "salary": {"salary", true}, "props": {"props", false},
		"user.address.street": {"user.address.street", false}, "user.address": {"user.address", false}, "user": {"user", false}, "user.add": {"user.add", true}, // parents of a property
		"props.ts": {"props.ts", true}, "props.received_at": {"props.received_at", true}, "props.path": {"props.path", false}, "props.url": {"props.url", true}, "path": {"path", false},
		"props.events.user_id": {"events.user_id", true}, "props.props.plan": {"props.props.plan", true}, "props.props": {"props.props", true},
		strings.Repeat("n", 512): {strings.Repeat("n", 512), true}, "props." + strings.Repeat("n", 512): {strings.Repeat("n", 512), true},
	} {
		one := map[string]any{"column": want.shown, "roles": []any{"viewer"}, "action": "hide"}
		if want.unknown {
			one["unknown"] = true
		}
		got := f.want(200, f.do("PATCH", path, operator, mask(written, "viewer", "hide")))
		if d := cmp.Diff([]any{one}, got["masks"]); d != "" {
			t.Errorf("%.20s: %s", written, d)
		}
		sent, err := json.Marshal(map[string]any{"masks": got["masks"]}) // what is shown can be sent back
		if err != nil {
			t.Fatal(err)
		}
		f.want(200, f.do("PATCH", path, operator, string(sent)))
		if d := cmp.Diff(got, f.want(200, f.do("GET", path, operator, ""))); d != "" {
			t.Errorf("%.20s sent back: %s", written, d)
		}
	}
	// Of two who change what they have read, the second is told.
	read := f.want(200, f.do("GET", path, admin, ""))["masks_version"].(string)
	versioned := func(column string) string {
		return `{"masks_version":"` + read + `","masks":[{"column":"` + column + `","roles":["viewer"],"action":"hide"}]}`
	}
	first := f.want(200, f.do("PATCH", path, admin, versioned("country")))
	f.wantProblem(f.do("PATCH", path, operator, versioned("city")), 409, "version_conflict", "masks_version", "read them again")
	if d := cmp.Diff(first, f.want(200, f.do("GET", path, admin, ""))); d != "" || first["masks_version"] == read {
		t.Errorf("after the conflict: %v, %s", first, d)
	}
	f.want(200, f.do("PATCH", path, admin, `{"budget":{"webhook":""},"masks_version":"`+read+`"}`)) // no masks are changed
	// Each part of a mask is told apart.
	versions := map[any]string{}
	for _, m := range []string{
		`{"column":"country","roles":["viewer"],"action":"hide"}`, `{"column":"city","roles":["viewer"],"action":"hide"}`,
		`{"column":"country","roles":["viewer","analyst"],"action":"hide"}`, `{"column":"country","roles":["viewer"],"action":"hash"}`,
	} {
		v := f.want(200, f.do("PATCH", path, admin, `{"masks":[`+m+`]}`))["masks_version"]
		if same, ok := versions[v]; ok {
			t.Errorf("%s has the version of %s", m, same)
		}
		versions[v] = m
	}
	for _, key := range []string{f.keys["analyst"], f.keys["viewer"], f.keys["writer"]} {
		f.wantProblem(f.do("GET", path, key, ""), 403, "forbidden", "", "admin")
		f.wantProblem(f.do("PATCH", path, key, `{}`), 403, "forbidden", "", "admin")
	}
	f.wantProblem(f.do("PATCH", path, f.keys["other"], `{}`), 403, "wrong_tenant", "tenant", "other")
}
