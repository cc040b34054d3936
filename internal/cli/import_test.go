package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/client"
)

// TestStrictImportAgain shows that a strict import of a file with a bad line fails each time, and says what to do.
func TestStrictImportAgain(t *testing.T) {
	ledger := client.Ledger{Imports: []client.ImportEntry{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/imports", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(ledger) })
	mux.HandleFunc("PUT /api/v1/imports/s1/{file}", func(w http.ResponseWriter, r *http.Request) {
		e := client.ImportEntry{File: r.PathValue("file")}
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		ledger.Imports = []client.ImportEntry{e}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /ingest", func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		_ = json.NewEncoder(w).Encode(client.IngestResult{Accepted: bytes.Count(body.Bytes(), []byte("\n"))})
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte("{\"type\":\"a\"}\n{\"type\":\n{\"type\":\"b\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", "--server", s.URL, "--key", "k", "--site-id", "s1", "--format", "ndjson", "--compression", "none", file}
	for i, c := range []struct {
		strict    bool
		code      int
		out, says string
	}{
		{true, 1, "2 events imported, 1 rejected, 0 already done", "1 line was rejected: put these lines, corrected, into a file of their own"},
		{true, 1, "0 events imported, 0 rejected, 3 already done (1 of them rejected then)", "1 line was rejected by an earlier import and not tried again"},
		{false, 0, "3 already done (1 of them rejected then)", ""},
		{true, 1, "3 already done", "import without --strict"},
	} {
		call := args
		if c.strict {
			call = append([]string{"import", "--strict"}, args[1:]...)
		}
		code, out, errs := weir(t, "", call...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.says) {
			t.Errorf("import %d: exit code %d\n%s%s", i, code, out, errs)
		}
	}
}
