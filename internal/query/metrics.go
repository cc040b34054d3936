package query

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	waited   prometheus.Histogram
	cpu      prometheus.Counter
	read     prometheus.Counter

	overtaken prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_query_requests_total", Help: "Queries, by outcome: ok or the problem's code."}, []string{"outcome"}),
		seconds:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_query_duration_seconds", Help: "Time from a query's arrival to the end of its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
		waited:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_query_admission_seconds", Help: "Time that queries waited for their turn.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
		cpu:       prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_query_cpu_seconds_total", Help: "CPU time that the engine spent on queries."}),
		read:      prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_query_read_bytes_total", Help: "Bytes that queries read, uncompressed."}),
		overtaken: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_query_rollup_overtaken_total", Help: "Runs that came to nothing because a rollup moved on while it was read; another run followed."}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.waited, m.cpu, m.read, m.overtaken} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) done(outcome string, d time.Duration) {
	m.requests.WithLabelValues(outcome).Inc()
	m.seconds.Observe(d.Seconds())
}
