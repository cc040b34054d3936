package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func example() results {
	return results{Events: 100e6, Questions: []answered{
		{Name: "fast", Budget: 300, Count: 20, P50: 10, P95: 20},
		{Name: "slow", Budget: 300, Count: 20, P50: 10, P95: 301},
		{Name: "free", Count: 20, P50: 1, P95: 2},
		{Name: "kept only", Budget: 300},
		{Name: "broken", Budget: 300, Failed: "status 500"},
	}, FreshP95: 900, FreshN: 10}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "BENCHMARKS.md")
	if err := os.WriteFile(name, []byte("# Benchmarks\n\nmy words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(example(), name); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(name)
	page := string(text)
	for _, want := range []string{"my words", "| fast | 10 ms | 20 ms | 0 ms | 0 ms | 0 | ≤ 300 ms | met |", "| slow | 10 ms | 301 ms | 0 ms | 0 ms | 0 | ≤ 300 ms | **missed** |",
		"| free | 1 ms | 2 ms | 0 ms | 0 ms | 0 |  |  |", "| kept only | 0 ms | 0 ms | 0 ms | 0 ms | 0 | ≤ 300 ms | **missed** |", "| broken | | | | | | ≤ 300 ms | **failed** |", "| 0 ms | 900 ms | | | | ≤ 1000 ms | met |"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	svg := filepath.Join(dir, "analytics.svg")
	if err := plotTimes(example(), svg); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(svg); err != nil || !strings.Contains(string(text), "fast") {
		t.Errorf("no bars of the questions: %v", err)
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
