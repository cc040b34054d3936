package main

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"weir/test/load/measure"
	"weir/test/load/publish"
)

// writeReport writes the section of the page.
func writeReport(r results, page string) error {
	return publish.Section(page, "bench-tenants", "Many tenants on one system", render(r))
}

// render writes the figures as a table.
func render(r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores by `make bench-tenants`, the load generator on the same machine; A and B had %d events each before. Phases of B alone and of B beside A's flood took turns. A sent a hundred full scans and wide group-bys at once, over and over, and ten times its limit of events.\n\n",
		r.When.Format("2006-01-02"), r.Cores, r.Events)
	if r.Load > measure.Quiet {
		fmt.Fprintf(&b, "**Other work was running on the machine (load average %.1f before the start).**\n\n", r.Load)
	}
	b.WriteString("| what | measured | budget | |\n|---|---|---|---|\n")
	row := func(what, measured, budget, ok string) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", what, measured, budget, ok)
	}
	side := func(what string, s sideBySide, limit float64) {
		row(what+", p50 / p99: alone, beside A", fmt.Sprintf("%.1f / %.1f ms (%d), %.1f / %.1f ms (%d; %d refused, %d failed)", s.Alone.P50, s.Alone.P99, s.Alone.Count, s.Under.P50, s.Under.P99, s.Under.Count, s.Under.Refused, s.Under.Failed), "", "")
		row(what+", ratio of the p99 (p50)", fmt.Sprintf("%.2f (%.2f)", s.RatioP99, s.RatioP50), fmt.Sprintf("≤ %.2f", limit), publish.Verdict(s.RatioP99 > 0 && s.RatioP99 <= limit && s.Under.Refused+s.Under.Failed == 0))
	}
	side("B's dashboard queries", r.Queries, 1.25)
	for _, k := range r.Kinds {
		row("of these, "+k.Kind+", p50 / p99: alone, beside A", fmt.Sprintf("%.1f / %.1f ms, %.1f / %.1f ms", k.Alone.P50, k.Alone.P99, k.Under.P50, k.Under.P99), "", "")
	}
	side("B's acknowledgements", r.Acks, 1.1)
	row("A meanwhile, in the last phase", fmt.Sprintf("%d statements answered, %d refused, %d failed; in all phases %d of %d events accepted", r.A.Scans.Count, r.A.Scans.Refused, r.A.Scans.Failed, r.A.Accepted, r.A.Sent), "", "")
	for _, o := range r.Router {
		row("router, "+o.Name+": through weir, on the engine's socket, added (p50)", fmt.Sprintf("%.2f ms, %.2f ms, %.2f ms (%.1f %%)", o.Weir.P50, o.Engine.P50, o.Added, 100*o.Share), "≤ 2 ms, or ≤ 5 % of a heavy query", publish.Verdict(o.within()))
	}
	row(fmt.Sprintf("kept panels, %d connections", r.Cached.Conns), fmt.Sprintf("%.0f a second, p99 %.1f ms", r.Cached.Rate, r.Cached.Times.P99), "≥ 10 000 at p99 ≤ 50 ms", publish.Verdict(r.Cached.Rate >= 10_000 && r.Cached.Times.P99 <= 50))
	row(fmt.Sprintf("statements whose clients left (%d) went on for, p50 / p99", r.Leaving.Count), fmt.Sprintf("%.1f / %.1f ms", r.Leaving.P50, r.Leaving.P99), fmt.Sprintf("≤ %d ms", leavingLimit), publish.Verdict(r.Leaving.Count > 0 && r.Leaving.P99 <= leavingLimit))
	row("CPU that stays unexplained, since the start (last minute)", fmt.Sprintf("%.2f %% (%.2f %%)", 100*r.CPU.Ratio, 100*r.CPU.LastMinute), "≤ 1 %", publish.Verdict(r.CPU.Ratio <= 0.01))
	m := r.Many
	row(fmt.Sprintf("creating one of %d tenants, p50 / p99 (with a source and two keys)", m.Tenants), fmt.Sprintf("%.1f / %.1f ms (%.1f / %.1f ms)", m.Create.P50, m.Create.P99, m.With.P50, m.With.P99), "< 50 ms", publish.Verdict(m.Create.P99 < 50))
	each := fmt.Sprintf("%.1f KB", m.PerTenant/1024)
	if m.PerTenant < 0 {
		each = "less than two starts differ by"
	}
	row("memory of an idle tenant, both processes", each, "≤ 64 KB", publish.Verdict(m.PerTenant <= 64<<10))
	row("start until ready, with all of them", fmt.Sprintf("%.1f s", m.Start/1000), "< 5 s", publish.Verdict(m.Start < 5000))
	row("the first tenant against the last: first query, queries p50, acknowledgements p50", fmt.Sprintf("%.1f / %.1f ms, %.1f / %.1f ms, %.1f / %.1f ms", m.First.FirstQuery, m.Last.FirstQuery, m.First.Queries.P50, m.Last.Queries.P50, m.First.Acks.P50, m.Last.Acks.P50), "as fast", "")
	row("/metrics, with all of them", fmt.Sprintf("%d KB", m.Metrics>>10), "", "")
	b.WriteString("\n![B's times by phase](img/tenants.svg)\n\nThe raw figures stand in `test/load/results/tenants.json`.\n")
	return b.String()
}

// plotPhases draws B's times of each phase: alone, beside A, alone, …
func plotPhases(r results, name string) error {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text, p.X.Label.Text = "B by phase: odd ones alone, even ones beside A", "ms", "phase"
	p.Legend.Top = true
	p.X.Min = 0
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Add(plotter.NewGrid())
	for i, s := range []struct {
		name string
		at   func(phaseResult) float64
	}{
		{"queries, p99", func(x phaseResult) float64 { return x.QueryP99 }}, {"queries, p50", func(x phaseResult) float64 { return x.QueryP50 }},
		{"acknowledged, p99", func(x phaseResult) float64 { return x.AckP99 }}, {"acknowledged, p50", func(x phaseResult) float64 { return x.AckP50 }},
	} {
		var xy plotter.XYs
		for n, x := range r.Phases {
			xy = append(xy, plotter.XY{X: float64(n + 1), Y: max(s.at(x), 0.1)})
		}
		line, points, err := plotter.NewLinePoints(xy)
		if err != nil {
			return fmt.Errorf("draw %s: %w", s.name, err)
		}
		line.Color, points.Color, points.Shape = plotutil.Color(i), plotutil.Color(i), plotutil.Shape(i)
		line.Width = vg.Points(1.5)
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	return publish.SVG(name, 8*vg.Inch, 4.5*vg.Inch, p.Draw)
}
