package main

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"weir/test/load/publish"
)

type series struct {
	name string
	at   func(step) float64
}

// plotLoad draws two figures above each other: throughput, and times, against offered load.
func plotLoad(r results, name string) error {
	top, err := panel(r, "Throughput", "accepted, thousand events/s", []series{
		{"accepted", func(s step) float64 { return s.Accepted / 1000 }},
		{"offered", func(s step) float64 { return s.Offered / 1000 }},
	})
	if err != nil {
		return err
	}
	bottom, err := panel(r, "Freshness and acknowledgement", "ms", []series{
		{"visible in SQL, p95", func(s step) float64 { return s.FreshP95 }},
		{"visible in SQL, p50", func(s step) float64 { return s.FreshP50 }},
		{"acknowledged, p99", func(s step) float64 { return s.AckP99 }},
		{"acknowledged, p50", func(s step) float64 { return s.AckP50 }},
	})
	if err != nil {
		return err
	}
	bottom.Y.Scale, bottom.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	return publish.SVG(name, 8*vg.Inch, 7.5*vg.Inch, func(c draw.Canvas) {
		tiles := draw.Tiles{Rows: 2, Cols: 1, PadTop: 6, PadBottom: 6, PadLeft: 6, PadRight: 12, PadY: 14}
		for i, row := range plot.Align([][]*plot.Plot{{top}, {bottom}}, tiles, c) {
			[]*plot.Plot{top, bottom}[i].Draw(row[0])
		}
	})
}

func panel(r results, title, unit string, lines []series) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text, p.X.Label.Text = title, unit, "offered, thousand events/s"
	p.Legend.Top, p.Legend.Left = true, true
	p.X.Min = 0
	p.Add(plotter.NewGrid())
	for i, s := range lines {
		var xy plotter.XYs
		for _, st := range r.Steps {
			xy = append(xy, plotter.XY{X: st.Offered / 1000, Y: max(s.at(st), 0.1)})
		}
		line, points, err := plotter.NewLinePoints(xy)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", s.name, err)
		}
		line.Color, points.Color = plotutil.Color(i), plotutil.Color(i)
		line.Width = vg.Points(1.5)
		points.Shape = plotutil.Shape(i)
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	return p, nil
}
