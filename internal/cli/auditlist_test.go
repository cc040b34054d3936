package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAuditListTellsCounts: what was gathered says how often it happened.
func TestAuditListTellsCounts(t *testing.T) {
	server(t, nil) // for its environment
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"entries":[{"seq":2,"action":"report","outcome":"ok","count":12},{"seq":1,"action":"query","outcome":"unknown_column"}]}`))
	}))
	defer s.Close()
	code, out, errs := weir(t, "", "audit", "list", "--key", "k", "--server", s.URL)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 4 || !strings.Contains(lines[2], " ok ×12 ") || !strings.Contains(lines[3], " unknown_column ") || strings.Contains(lines[3], "×") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}
