package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the commands ask, and what they print of the answers.
func TestJobCommands(t *testing.T) {
	const job = `{"id":"abc","kind":"query","tenant":"acme","owner":"key:k1","title":"SELECT 1","state":"done","progress":{"done":2,"total":4,"unit":"rows"},
		"created":"2026-01-02T03:04:05Z","ended":"2026-01-02T03:04:06Z","result":{"url":"/jobs/abc/result","content_type":"text/csv","bytes":4,"rows":1}}`
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Weir-Tenant"))
		switch r.Method + r.URL.Path {
		case "GET/jobs":
			_, _ = io.WriteString(w, `{"jobs":[`+job+`]}`)
		case "GET/jobs/abc":
			_, _ = io.WriteString(w, job)
		case "GET/jobs/bad":
			_, _ = io.WriteString(w, `{"id":"bad","kind":"query","owner":"o","state":"failed","created":"2026-01-02T03:04:05Z","error":{"code":"interrupted","detail":"start it again","status":503}}`)
		case "GET/jobs/abc/result":
			_, _ = io.WriteString(w, "a,b\n")
		case "DELETE/jobs/abc":
			w.WriteHeader(204)
		case "DELETE/jobs/run":
			_, _ = io.WriteString(w, `{"id":"run","state":"cancelled"}`)
		default:
			w.WriteHeader(404)
		}
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "out")
	for _, tc := range []struct {
		line string
		code int
		want string // what is printed contains
		ask  string
	}{
		{"list --tenant acme --limit 5", 0, "2 of 4 rows", "GET /jobs?limit=5 acme"},
		{"show abc", 0, "SELECT 1", "GET /jobs/abc "},
		{"show abc --format json", 0, `"content_type": "text/csv"`, "GET /jobs/abc "},
		{"wait abc", 0, "done", "GET /jobs/abc "},
		{"wait bad", 1, "interrupted: start it again", "GET /jobs/bad "},
		{"result abc", 0, "a,b\n", "GET /jobs/abc/result "},
		{"result abc -o " + file, 0, "", "GET /jobs/abc/result "},
		{"cancel abc", 0, "job abc is removed", "DELETE /jobs/abc "},
		{"cancel run", 0, "job run is cancelled", "DELETE /jobs/run "},
		{"show none", 1, "404", "GET /jobs/none "},
	} {
		asked = nil
		code, out, errs := weir(t, "", append(append([]string{"job"}, strings.Fields(tc.line)...), "--server", s.URL, "--key", "k")...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) || len(asked) != 1 || asked[0] != tc.ask {
			t.Errorf("job %s: %d, asked %q\n%s%s", tc.line, code, asked, out, errs)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "a,b\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
