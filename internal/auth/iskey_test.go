package auth

import (
	"testing"

	"weir/internal/tenant"
)

// TestIsKey: keys are keys whatever became of them, whoever's they are.
func TestIsKey(t *testing.T) {
	a, _ := authenticator(t)
	deleted, err := NewKey(tenant.RoleWriter)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{admin: true, viewer: true, write: true, stale: true, second: true, operator: true, deleted: true,
		"": false, "example.com": false, "wk_": false, "wk_w_short": false, "phc_" + deleted: false} {
		if got := a.WithoutSessions().IsKey(text); got != want {
			t.Errorf("%q is a key: %v", text, got)
		}
	}
}
