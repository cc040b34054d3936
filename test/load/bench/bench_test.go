package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

func example() results {
	r := results{Ratio: 1.234, Engine: engineRun{Rate: 100_000, Writers: 2, Insert: 100_000}}
	r.Max.VisibleRate, r.Max.PeakRSS = 123_400, 3000<<20
	r.Max.ParentCPU, r.Max.EngineCPU, r.Engine.CPU, r.Machine.Load = 2, 3, 7, 4.2
	for _, share := range []float64{0.1, 0.5, 1} {
		r.Steps = append(r.Steps, step{Share: share, Offered: share * 123_400, Accepted: share * 123_000, AckP50: 3, AckP99: 30 + 40*share, FreshP50: 200, FreshP95: 900})
	}
	return r
}

func TestReport(t *testing.T) {
	name := filepath.Join(t.TempDir(), "docs", "BENCHMARKS.md")
	if err := writeReport(example(), name); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(name)
	for _, want := range []string{"| ratio of the rates | 1.23 | ≥ 1.5 | **missed** |", "| 3.0 / 50.0 ms | p99 ≤ 50 ms | met |", "200 / 900 ms | p95 ≤ 1 s | met |", "123,400 events/s", "3000 MB", "7.00 / 5.00 µs = 1.40", "load average 4.2", "| 50 % | 61,700 |"} {
		if !strings.Contains(string(first), want) {
			t.Errorf("%q is missing in\n%s", want, first)
		}
	}
	// What stands around the figures stays.
	if err := os.WriteFile(name, []byte("my words\n"+string(first)+"more words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(example(), name); err != nil {
		t.Fatal(err)
	}
	second, _ := os.ReadFile(name)
	if d := cmp.Diff("my words\n"+string(first)+"more words\n", string(second)); d != "" {
		t.Error(d)
	}
	if err := os.WriteFile(name, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(example(), name); err == nil {
		t.Error("a page without a place for the figures was overwritten")
	}
}

func TestPlot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "img", "load.svg")
	if err := plotLoad(example(), name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(text), "<svg") || !strings.Contains(string(text), "visible in SQL, p95") {
		t.Errorf("%v: %.200s", err, text)
	}
}

func TestStageOf(t *testing.T) {
	sample := func(names ...string) *profile.Sample {
		s := &profile.Sample{}
		for _, n := range names {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: n}}}})
		}
		return s
	}
	for want, s := range map[string]*profile.Sample{
		"enrichment":                          sample("runtime.memmove", "weir/internal/enrich.(*Enricher).Agent", "weir/internal/ingest.(*Door).ServeHTTP", "net/http.serve"),
		"door: decode and validate":           sample("github.com/go-faster/jx.(*Decoder).Str", "weir/internal/ingest.decode", "net/http.serve"),
		"HTTP":                                sample("syscall.Syscall", "net/http.(*conn).serve"),
		"runtime: scheduler and system calls": sample("runtime.futex", "runtime.mcall"),
		"event log":                           sample("crc32.update", "github.com/cockroachdb/pebble/v2/record.(*LogWriter).flush", "weir/internal/eventlog/disklog.(*Log).commit"),
	} {
		if got := stageOf(s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
