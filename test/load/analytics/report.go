package main

import (
	"errors"
	"fmt"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"weir/test/load/measure"
)

const (
	beginMark = "<!-- bench-analytics:begin: written by make bench-analytics, do not edit -->"
	endMark   = "<!-- bench-analytics:end -->"
)

// writeReport puts the figures between the marks of the page; at its end when it has none.
func writeReport(r results, name string) error {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("# Benchmarks\n"), os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err != nil {
		return err
	}
	page := string(text)
	if !strings.Contains(page, beginMark) {
		page = strings.TrimRight(page, "\n") + "\n\n## A dashboard's questions over many events\n\n" + beginMark + "\n" + endMark + "\n"
	}
	before, rest, _ := strings.Cut(page, beginMark)
	_, after, ok := strings.Cut(rest, endMark)
	if !ok {
		return fmt.Errorf("%s has no line %q", name, endMark)
	}
	return os.WriteFile(name, []byte(before+beginMark+"\n"+render(r)+endMark+after), 0o644)
}

// verdict judges a p95 by its budget.
func (a answered) verdict() string {
	switch {
	case a.Failed != "":
		return "**failed**"
	case a.Budget == 0:
		return ""
	case a.Count > 0 && a.P95 <= a.Budget:
		return "met"
	}
	return "**missed**"
}

// render writes the figures as a table.
func render(r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores (%s) by `make bench-analytics`: one tenant with %.1f million events of the last %d weeks, %d visitors, visits of %d events. Each question was asked one after the other, every time a little different, so that no answer was kept; times are the client's.\n\n",
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
	fmt.Fprintf(&b, "\nThe import took in %.0f events a second, until all could be seen; the data directory then had %.1f GB.\n", r.LoadRate, r.DiskGB)
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
	canvas := vgsvg.New(9*vg.Inch, vg.Length(1.2+0.25*float64(len(names)))*vg.Inch)
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	p.Draw(c)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		return errors.Join(fmt.Errorf("draw %s: %w", name, err), f.Close())
	}
	return f.Close()
}
