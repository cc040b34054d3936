package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCosts(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery)
		if strings.HasSuffix(r.URL.Path, "export") {
			_, _ = w.Write([]byte("PAR1"))
			return
		}
		_, _ = w.Write([]byte(`{"as_of":"2026-06-01T10:00:00Z","currency":"EUR","by":["tenant","shape"],"omitted_lines":3,"total":{"amount":4},
			"lines":[{"tenant":"acme","shape":"f00d","shape_text":"SELECT ` + strings.Repeat("x", 100) + `","amount":3,"cpu_seconds":1.2345,"events":2000000},{"tenant":"b\u001b[31m","amount":0.00001234},{"tenant":"old","amount":2.5,"currency":"USD"}],
			"other_currencies":{"USD":2.5},"budget":{"month":"2026-06","amount":8,"spent":6,"action":"block"},
			"installation":{"tenants_cpu_seconds":90,"overhead_cpu_seconds":9.5,"unexplained_ratio":0.005}}`))
	}))
	defer srv.Close()
	run := func(args ...string) (string, int) {
		var out, errs bytes.Buffer
		code := Main(context.Background(), &Process{Args: append([]string{"costs", "--server", srv.URL, "--key", "k"}, args...), Out: &out, Err: &errs})
		return out.String() + errs.String(), code
	}
	out, code := run("--by", "tenant,shape")
	if code != 0 || strings.Contains(out, "\x1b") {
		t.Fatalf("%d\n%s", code, out)
	}
	for _, want := range []string{"EUR", "acme", "3.000", "1.23", "2000000", "███████████████\n", "0.00001234", "xxx…", "sum", "3 lines more", "unexplained 0.50 %", "overhead 9.5 s", "2.500 USD", "And 2.500 USD, priced before", "Budget of 2026-06: 6.000 of 8.000 EUR used (75 %); at 100 %: block."} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	file := filepath.Join(t.TempDir(), "bill.parquet")
	if out, code := run("--export", file, "--daily"); code != 0 {
		t.Fatal(out)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "PAR1" {
		t.Errorf("%q, %v", b, err)
	}
	if last := asked[len(asked)-1]; !strings.Contains(last, "format=parquet") || !strings.Contains(last, "granularity=day") {
		t.Error(last)
	}
	if out, code := run("--export", "bill.xls"); code == 0 || !strings.Contains(out, ".csv or .parquet") {
		t.Error(out)
	}
}

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		part, whole float64
		want        string
	}{{1, 2, "██████████"}, {2, 2, "████████████████████"}, {3, 2, "████████████████████"}, {0, 1, ""}, {1, 0, ""}, {-1, 2, ""}, {1, 160, "▏"}} {
		if got := bar(tc.part, tc.whole); got != tc.want {
			t.Errorf("%v of %v: %q", tc.part, tc.whole, got)
		}
	}
}

func TestDeleteKeepsBilling(t *testing.T) {
	asked := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.RequestURI()
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"id":"abc"}`))
	}))
	defer srv.Close()
	for flag, want := range map[string]string{"": "", "--keep-billing": "?keep_billing=true", "--no-keep-billing": "?keep_billing=false"} {
		var out bytes.Buffer
		args := []string{"tenant", "delete", "--server", srv.URL, "--key", "k", "acme"}
		if flag != "" {
			args = append(args, flag)
		}
		if code := Main(context.Background(), &Process{Args: args, Out: &out, Err: &out}); code != 0 || asked != "DELETE /api/v1/tenants/acme"+want {
			t.Errorf("%s: exit code %d, asked %s\n%s", flag, code, asked, &out)
		}
	}
}
