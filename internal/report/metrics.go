package report

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	answers   *prometheus.CounterVec
	overtaken prometheus.Counter
	seconds   *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		answers:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_report_answers_total", Help: "Answers of reports, by what they were read from: a rollup and the raw events behind it, or raw events only."}, []string{"source"}),
		overtaken: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_report_overtaken_total", Help: "Answers thrown away because the rollup moved forward while it was read."}),
		seconds:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_report_duration_seconds", Help: "Time to answer, by endpoint.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}, []string{"endpoint"}),
	}
	for _, c := range []prometheus.Collector{m.answers, m.overtaken, m.seconds} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
