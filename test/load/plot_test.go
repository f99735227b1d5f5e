// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// line is a named series of a plot.
type line struct {
	name   string
	points plotter.XYs
}

func newPlot(title, x, y string, lines []line) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.White
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	defer func() { p.Y.Max *= 1.3 }() // room for the legend
	for i, l := range lines {
		drawn, points, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return nil, err
		}
		drawn.Color, points.Color = plotutil.Color(i), plotutil.Color(i)
		drawn.Width = vg.Points(1.5)
		if len(l.points) > 50 {
			points.Radius = 0
		}
		p.Add(drawn, points)
		p.Legend.Add(l.name, drawn)
	}
	return p, nil
}

func savePlot(p *plot.Plot, err error, name string) error {
	if err != nil {
		return err
	}
	return p.Save(16*vg.Centimeter, 9*vg.Centimeter, filepath.Join(docs, "pictures", name))
}

// plot draws CPU and latency against load.
func (r *results) plot() error {
	var cpu, latency []line
	for _, v := range inDetail {
		c, l := line{name: v.name}, line{name: v.name + ", p99"}
		for _, at := range r.rates[v.name] {
			thousands := at.measured.throughput / 1e3
			c.points = append(c.points, plotter.XY{X: thousands, Y: at.measured.cores * 100})
			l.points = append(l.points, plotter.XY{X: thousands, Y: at.measured.p99})
		}
		cpu, latency = append(cpu, c), append(latency, l)
	}
	p, err := newPlot("CPU by load", "thousand spans a second", "% of a core", cpu)
	err = savePlot(p, err, "cpu-by-load.svg")
	if err != nil {
		return err
	}
	p, err = newPlot("Latency of an app's export call by load", "thousand spans a second", "ms", latency)
	return savePlot(p, err, "latency-by-load.svg")
}
