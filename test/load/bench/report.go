package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"weir/test/load/measure"
	"weir/test/load/publish"
)

const freshReport = "# Benchmarks\n\n`make bench` measures weir on the machine where it runs and writes this page. Ratios matter more than absolute figures.\n\n" +
	"<!-- bench:begin: written by make bench, do not edit -->\n<!-- bench:end -->\n"

// writeReport puts the figures between the marks of the page, which is created if it is missing.
func writeReport(r results, page string) error {
	if _, err := os.Stat(page); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(page), 0o755), os.WriteFile(page, []byte(freshReport), 0o644)); err != nil {
			return err
		}
	}
	return publish.Section(page, "bench", "", report(r))
}

func rate(v float64) string { return humanize.Comma(int64(v + 0.5)) }

// report renders the figures.
func report(r results) string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Measured %s on %d cores (%s), %d GB, %s, %s; the load generator ran on the same machine. Events of %.0f bytes, %d a request, %d connections, each with a random id, all enriched, deduplicated and rolled up.\n\n",
		r.When.Format("2006-01-02"), m.Cores, m.CPU, m.MemoryGB, m.OS, m.Go, r.Max.BytesPer, r.Batch, r.Conns)
	if m.Load > measure.Quiet {
		fmt.Fprintf(&b, "**Other work was running on the machine (load average %.1f before the start): the figures are too low, only the CPU times are near the truth.**\n\n", m.Load)
	}
	b.WriteString("| what | measured | budget | |\n|---|---|---|---|\n")
	row := func(what, measured, budget, ok string) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", what, measured, budget, ok)
	}
	row("ingest over HTTP, until every event is visible in SQL", rate(r.Max.VisibleRate)+" events/s", "≥ 250,000 (1.2 × VictoriaLogs' JSON lines, about 209,000 on this kind of machine, without fsync or deduplication)", publish.Verdict(r.Max.VisibleRate >= 250_000))
	row("the same, accepted at the door while sending", rate(r.Max.AcceptedRate)+" events/s", "", "")
	row("the engine's own `INSERT … FORMAT JSONEachRow` of the same events, with rollups", fmt.Sprintf("%s events/s (%d writers, %s events an insert)", rate(r.Engine.Rate), r.Engine.Writers, rate(float64(r.Engine.Insert))), "", "")
	row("ratio of the rates", fmt.Sprintf("%.2f", r.Ratio), "≥ 1.5", publish.Verdict(r.Ratio >= 1.5))
	if ours := r.Max.ParentCPU + r.Max.EngineCPU; ours > 0 {
		row("ratio of CPU an event: the engine's own INSERT against both processes of weir", fmt.Sprintf("%.2f / %.2f µs = %.2f", r.Engine.CPU, ours, r.Engine.CPU/ours), "", "")
	}
	for _, s := range r.Steps {
		switch s.Share {
		case 0.5:
			row("acknowledgement at half of the maximum, p50 / p99", fmt.Sprintf("%.1f / %.1f ms", s.AckP50, s.AckP99), "p99 ≤ 50 ms", publish.Verdict(s.AckP99 <= 50 && s.Refused == 0))
			row("accepted → visible in SQL at half of the maximum, p50 / p95", fmt.Sprintf("%.0f / %.0f ms", s.FreshP50, s.FreshP95), "p95 ≤ 1 s", publish.Verdict(s.FreshP95 <= 1000 && s.Lost == 0))
		case 1:
			row("accepted → visible in SQL at the maximum, p50 / p95", fmt.Sprintf("%.0f / %.0f ms", s.FreshP50, s.FreshP95), "p95 ≤ 5 s", publish.Verdict(s.FreshP95 <= 5000 && s.Lost == 0))
		}
	}
	idle := r.Idle.Parent + r.Idle.Engine
	row("memory at rest, both processes (without the mapped library)", fmt.Sprintf("%d MB (%d MB)", idle>>20, r.Idle.Anon>>20), "≤ 400 MB", publish.Verdict(idle <= 400<<20))
	row("memory at the maximum, highest (without the mapped library)", fmt.Sprintf("%d MB (%d MB)", r.Max.PeakRSS>>20, r.Max.PeakAnon>>20), "≤ 2.5 GB", publish.Verdict(r.Max.PeakRSS <= 2560<<20))
	row("ready after kill -9 under load", fmt.Sprintf("%.1f s", r.Restart.ReadyMS/1000), "≤ 5 s", publish.Verdict(r.Restart.ReadyMS <= 5000))
	row("events acknowledged before that kill / stored after it / distinct ids", fmt.Sprintf("%s / %s / %s", rate(float64(r.Restart.Acked)), rate(float64(r.Restart.Stored)), rate(float64(r.Restart.Distinct))),
		"none lost, none twice", publish.Verdict(r.Restart.Stored >= r.Restart.Acked && r.Restart.Stored == r.Restart.Distinct))
	row("disk: tables / log (kept 24 h), a stored event", fmt.Sprintf("%.0f / %.0f bytes", r.Max.TableBytes, r.Max.LogBytes), "", "")
	row("CPU an event: weir's process / engine / generator", fmt.Sprintf("%.2f / %.2f / %.2f µs", r.Max.ParentCPU, r.Max.EngineCPU, r.Max.GeneratorCPU), "", "")
	reportSteps(&b, r)
	reportStages(&b, r)
	fmt.Fprintf(&b, "\nThe engine's own INSERT writes as many rows as the maximum run did, the rows that weir stored, with the same syncs into a fresh copy of the same tables through the engine's socket, and advances the same rollups; their JSON leaves out empty columns. It does not validate, split URLs, look up places and browsers, deduplicate, or keep a log. One writer did %s, two did %s events/s. The raw figures stand in `test/load/results/bench.json`.\n", rate(r.Engine.One), rate(r.Engine.Two))
	return b.String()
}

func reportSteps(b *strings.Builder, r results) {
	b.WriteString("\n## Throughput and freshness against offered load\n\n![throughput and freshness against offered load](img/load.svg)\n\n" +
		"| of the maximum | offered/s | accepted/s | ack p50 | ack p99 | visible p50 | visible p95 | cores of weir | refused |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range r.Steps {
		fmt.Fprintf(b, "| %.0f %% | %s | %s | %.1f ms | %.1f ms | %.0f ms | %.0f ms | %.2f | %s |\n", 100*s.Share, rate(s.Offered), rate(s.Accepted), s.AckP50, s.AckP99, s.FreshP50, s.FreshP95, s.CPU, rate(float64(s.Refused)))
	}
	b.WriteString("\nLoad is offered on a schedule whether or not answers come, and the time of an acknowledgement counts from when its request was due. Visibility is measured with single marker events and includes the query that finds them.\n")
}

func reportStages(b *strings.Builder, r results) {
	if len(r.Stages) == 0 {
		return
	}
	b.WriteString("\n## CPU by stage at the maximum\n\n| stage | µs an event |\n|---|---|\n")
	for _, s := range r.Stages {
		fmt.Fprintf(b, "| %s | %.2f |\n", s.Name, s.Micro)
	}
}
