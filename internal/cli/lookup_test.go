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
func TestLookupCommands(t *testing.T) {
	const stores = `{"name":"stores","columns":[{"name":"id","type":"String"},{"name":"n","type":"Nullable(Int64)"}],"rows":2,"bytes":40,"updated":"2026-01-02T03:04:05Z"}`
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.String()+" "+string(body))
		switch r.Method + strings.TrimPrefix(r.URL.Path, "/api/v1/tenants/acme") {
		case "PUT/lookups/stores":
			_, _ = io.WriteString(w, stores)
		case "GET/lookups":
			_, _ = io.WriteString(w, `{"lookups":[`+stores+`]}`)
		case "GET/lookups/stores":
			_, _ = io.WriteString(w, "\"id\",\"n\"\n")
		case "DELETE/lookups/stores":
			w.WriteHeader(204)
		default:
			w.WriteHeader(404)
		}
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "stores.csv")
	if err := os.WriteFile(file, []byte("id,n\na,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const at = " /api/v1/tenants/acme/lookups"
	for _, tc := range []struct {
		line string
		code int
		want string // what is printed contains
		ask  string
	}{
		{"put acme stores " + file, 0, "id String, n Nullable(Int64)", "PUT" + at + "/stores id,n\na,1\n"},
		{"put acme stores -", 0, "stores", "PUT" + at + "/stores [{}]"},
		{"put acme stores - --type id:String --type a,b:Int64 --delimiter ; --input csv --format json", 0, `"rows": 2`, "PUT" + at + "/stores?delimiter=%3B&format=csv&type=id%3AString&type=a%2Cb%3AInt64 [{}]"},
		{"put acme stores " + file + ".none", 1, "no such file", ""},
		{"list acme", 0, "2026-01-02 03:04:05", "GET" + at + " "},
		{"get acme stores", 0, `"id","n"`, "GET" + at + "/stores?format=csv "},
		{"get acme stores --format ndjson", 0, `"id","n"`, "GET" + at + "/stores?format=ndjson "},
		{"delete acme stores", 0, "lookup table stores of tenant acme is deleted", "DELETE" + at + "/stores "},
		{"delete acme none", 1, "404", "DELETE" + at + "/none "},
	} {
		asked = nil
		code, out, errs := weir(t, "[{}]", append(append([]string{"lookup"}, strings.Fields(tc.line)...), "--server", s.URL, "--key", "k")...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) || strings.Join(asked, "|") != tc.ask {
			t.Errorf("lookup %s: %d, asked %q\n%s%s", tc.line, code, asked, out, errs)
		}
	}
}
