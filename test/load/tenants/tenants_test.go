package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func example() results {
	r := results{Load: 3.2, Queries: compare(quantiles{Count: 9, P50: 10, P99: 20}, quantiles{Count: 9, P50: 11, P99: 30}), Acks: compare(quantiles{P50: 1, P99: 2}, quantiles{P50: 1, P99: 2})}
	r.Router = []overhead{{Name: "light", Added: 1}, {Name: "heavy", Added: 3, Share: 0.1}}
	r.Cached = cachedRun{Conns: 4, Rate: 12_000, Times: quantiles{P99: 20}}
	r.Leaving = quantiles{Count: 3, P50: 20, P99: 201}
	r.Many = manyRun{Tenants: 10, PerTenant: 70 << 10, Start: 1000}
	r.Phases = []phaseResult{{QueryP50: 1, QueryP99: 2, AckP50: 1, AckP99: 3}, {Under: true, QueryP50: 2, QueryP99: 4, AckP50: 1, AckP99: 3}}
	return r
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "BENCHMARKS.md")
	if err := os.WriteFile(name, []byte("# Benchmarks\n\nmy words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var pages [2]string
	for i := range pages { // the second time in its place
		if err := writeReport(example(), name); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(name)
		pages[i] = string(text)
	}
	if pages[0] != pages[1] {
		t.Error("a second report does not replace the first")
	}
	for _, want := range []string{"my words", "| 1.50 (1.10) | ≤ 1.25 | **missed** |", "| 1.00 (1.00) | ≤ 1.10 | met |", "1.00 ms (0.0 %) | ≤ 2 ms, or ≤ 5 % of a heavy query | met", "3.00 ms (10.0 %) | ≤ 2 ms, or ≤ 5 % of a heavy query | **missed**", "12000 a second", "| 20.0 / 201.0 ms | ≤ 200 ms | **missed** |", "70.0 KB | ≤ 64 KB | **missed**", "load average 3.2"} {
		if !strings.Contains(pages[0], want) {
			t.Errorf("%q is missing in\n%s", want, pages[0])
		}
	}
	svg := filepath.Join(dir, "img", "tenants.svg")
	if err := plotPhases(example(), svg); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(svg); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("no drawing: %v", err)
	}
}

func TestStream(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case r.Header.Get("Authorization") != "Bearer k":
			w.WriteHeader(401)
		case n%10 == 0:
			w.WriteHeader(429)
		}
	}))
	defer s.Close()
	got := stream(context.Background(), strings.TrimPrefix(s.URL, "http://"), "k", 4, 1000, 100*time.Millisecond, func(int64) request { return request{method: "GET", path: "/"} })
	if n := got.ok.Count(); n != 90 || got.refused != 10 || got.failed != 0 {
		t.Errorf("%d answered, %d refused, %d failed: %v", n, got.refused, got.failed, got.first)
	}
	got = stream(context.Background(), strings.TrimPrefix(s.URL, "http://"), "x", 1, 100, 50*time.Millisecond, func(int64) request { return request{method: "GET", path: "/"} })
	if got.failed != 5 || got.first == nil {
		t.Errorf("a wrong key: %d failed, %v", got.failed, got.first)
	}
}

// TestQuick runs the whole harness once, without judging figures. It needs the engine's library, and is skipped with -short.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a server")
	}
	if err := run(t.Context(), []string{"-quick", "-write=false", "-dir", t.TempDir()}); err != nil {
		t.Fatal(err)
	}
}
