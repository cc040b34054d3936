package main

import (
	"errors"
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
	return publish.Section(page, "bench-analytics", "A dashboard's questions over many events", render(r))
}

// verdict judges a p95 by its budget.
func (a answered) verdict() string {
	switch {
	case a.Failed != "":
		return "**failed**"
	case a.Budget == 0:
		return ""
	}
	return publish.Verdict(a.Count > 0 && a.P95 <= a.Budget)
}

// render writes the figures as a table.
func render(r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores (%s) by `make bench-analytics`: one tenant with %.1f million events of the last %d weeks, %d visitors, visits of %d events. Each question was asked one after the other, up to now, those of several days from the beginning of the first, as the dashboard asks, and every time a little different, so that no answer was kept (over a month: for 10 to 13 rows, with a day more every fourth time); times are the client's.\n\n",
		r.When.Format("2006-01-02"), r.Machine.Cores, r.Machine.CPU, float64(r.Events)/1e6, r.Weeks, r.Clients, r.Visit)
	if r.Machine.Load > measure.Quiet {
		fmt.Fprintf(&b, "**Other work was running on the machine (load average %.1f before the start).**\n\n", r.Machine.Load)
	}
	b.WriteString("| question | p50 | p95 | most | CPU of the engine | rows read | budget (p95) | |\n|---|---|---|---|---|---|---|---|\n")
	for _, a := range r.Questions {
		budget := ""
		if a.Budget > 0 {
			budget = fmt.Sprintf("≤ %.0f ms", a.Budget)
		}
		if a.Failed != "" {
			fmt.Fprintf(&b, "| %s | | | | | | %s | %s |\n", a.Name, budget, a.verdict())
			continue
		}
		fmt.Fprintf(&b, "| %s | %.0f ms | %.0f ms | %.0f ms | %.0f ms | %.0f | %s | %s |\n", a.Name, a.P50, a.P95, a.Max, a.CPU, a.Rows, budget, a.verdict())
	}
	fresh := answered{Budget: 1000, Count: r.FreshN, P95: r.FreshP95}
	fmt.Fprintf(&b, "| from the acknowledgement until an answer holds the event, while %.0f events a second come in (%d markers) | %.0f ms | %.0f ms | | | | ≤ 1000 ms | %s |\n", r.FreshRate, r.FreshN, r.FreshP50, r.FreshP95, fresh.verdict())
	fmt.Fprintf(&b, "\nThe questions were asked %.0f minutes after the import: days that are over have their totals then, which are made in the background. Something had been asked %.0f minutes before: the sessions of the current day are stitched when somebody asks, and each few minutes from then on. The data directory had %.1f GB.\n", r.Rested, r.Rest, r.DiskGB)
	if r.LoadRate > 0 {
		fmt.Fprintf(&b, "The import took in %.0f events a second, until all could be seen.\n", r.LoadRate)
	}
	b.WriteString("\n![times of a dashboard's questions](img/analytics.svg)\n\nThe raw figures stand in `test/load/results/analytics.json`.\n")
	return b.String()
}

// plotTimes draws the p50 and p95 of each question as bars.
func plotTimes(r results, name string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = fmt.Sprintf("Questions over %.0f million events, not kept", float64(r.Events)/1e6), "ms"
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	var p50, p95 plotter.Values
	var names []string
	for i := len(r.Questions) - 1; i >= 0; i-- { // the first one on top
		a := r.Questions[i]
		p50, p95, names = append(p50, a.P50), append(p95, a.P95), append(names, a.Name)
	}
	if len(names) == 0 {
		return errors.New("draw: there are no figures")
	}
	for i, s := range []struct {
		name   string
		values plotter.Values
	}{{"p50", p50}, {"p95", p95}} {
		bars, err := plotter.NewBarChart(s.values, vg.Points(5))
		if err != nil {
			return fmt.Errorf("draw %s: %w", s.name, err)
		}
		bars.Horizontal, bars.Color, bars.LineStyle.Width = true, plotutil.Color(i), 0
		bars.Offset = vg.Points(2.5 - 5*float64(i))
		p.Add(bars)
		p.Legend.Add(s.name, bars)
	}
	p.NominalY(names...)
	return publish.SVG(name, 9*vg.Inch, vg.Length(1.2+0.25*float64(len(names)))*vg.Inch, p.Draw)
}
