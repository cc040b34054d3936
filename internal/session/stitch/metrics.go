package stitch

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	stitched, totalled, seams, rows, failures, removed prometheus.Counter
	seconds                                            prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, s *Stitcher) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_sessions_" + name, Help: help})
	}
	m := &metrics{
		stitched: counter("stitched_days_total", "Versions of tenants' days that were stitched."),
		totalled: counter("totalled_days_total", "Of these, the ones that have totals, if only of the part of a day that is past."),
		seams:    counter("totalled_midnights_total", "Midnights between days with totals whose sessions were totalled."),
		rows:     counter("stitched_events_total", "Events that they were made of."),
		failures: counter("failures_total", "Days that could not be stitched or totalled; they are tried again."),
		removed:  counter("removed_versions_total", "Old versions that were removed."),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_sessions_stitch_seconds", Help: "How long it takes to stitch a day.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 8)}),
	}
	days := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_sessions_days", Help: "Stitched days of all tenants."}, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, k := range s.tenants {
			n += len(k.days)
		}
		return float64(n)
	})
	var errs []error
	for _, c := range []prometheus.Collector{m.stitched, m.totalled, m.seams, m.rows, m.failures, m.removed, m.seconds, days} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
