package chport

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	bytes    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_chport_requests_total", Help: "Statements on the ClickHouse port, by outcome: ok, or the name of the error."}, []string{"outcome"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_chport_duration_seconds", Help: "Time from a statement's arrival on the ClickHouse port to the end of its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_chport_sent_bytes_total", Help: "Bytes of answers on the ClickHouse port, as sent: compressed, if they were."}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.bytes} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("chport: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) done(outcome string, d time.Duration) {
	m.requests.WithLabelValues(outcome).Inc()
	m.seconds.Observe(d.Seconds())
}
