package report

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

func TestBotsOf(t *testing.T) {
	for _, c := range []struct {
		ask        ask
		want, says string
	}{
		{ask{}, BotsExclude, ""},
		{ask{Bots: "only"}, BotsOnly, ""},
		{ask{Bots: "include"}, BotsInclude, ""},
		{ask{Filter: []string{"is_bot:true"}}, BotsInclude, ""},
		{ask{GroupBy: []string{"country", "is_bot"}}, BotsInclude, ""},
		{ask{GroupBy: []string{"is_bot"}, Bots: "exclude"}, BotsExclude, ""},
		{ask{GroupBy: []string{"props.is_bot"}}, BotsExclude, ""},
		{ask{Bots: "exlude"}, "", "did you mean exclude?"},
		{ask{Bots: "\xff"}, "", "include, only"},
	} {
		q, p := c.ask.question(testSources["site"], noon, time.LoadLocation)
		if c.says != "" {
			if p == nil || p.Status != http.StatusUnprocessableEntity || p.Field != "bots" || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%+v: %v, want %q", c.ask, p, c.says)
			}
			continue
		}
		if p != nil || q.Bots != c.want {
			t.Errorf("%+v: %q %v, want %q", c.ask, q.Bots, p, c.want)
		}
	}
}

// TestBotsAreMasked: who may not see is_bot gets people only, and cannot take the difference.
func TestBotsAreMasked(t *testing.T) {
	r := newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: `[]`}}}, clock{asOf: noon}, Config{})
	r.deps.Masks = func(tenant.ID) []catalog.Mask {
		return []catalog.Mask{{Column: "is_bot", Action: catalog.MaskHide, Roles: []tenant.Role{tenant.RoleViewer}}}
	}
	viewer, analyst := tenant.Principal{Tenant: "acme", Role: tenant.RoleViewer}, tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst}
	for _, c := range []struct {
		who     tenant.Principal
		bots    string
		refused bool
	}{{viewer, BotsExclude, false}, {viewer, "", false}, {viewer, BotsInclude, true}, {viewer, BotsOnly, true}, {analyst, BotsOnly, false}} {
		p := r.masked(c.who, Question{Bots: c.bots})
		if (p != nil) != c.refused || p != nil && (p.Field != "bots" || p.Status != http.StatusForbidden) {
			t.Errorf("%s, bots=%s: %v", c.who.Role, c.bots, p)
		}
	}
}

// TestBotsKeys: questions that differ in bots only are kept apart.
func TestBotsKeys(t *testing.T) {
	seen := map[[32]byte]bool{}
	for _, b := range []string{BotsExclude, BotsInclude, BotsOnly} {
		seen[keyOf(Question{Bots: b, Location: time.UTC}.parts()...)] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d keys, want 3", len(seen))
	}
}
