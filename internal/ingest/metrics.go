package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	events   *prometheus.CounterVec
	rejected *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer, b *budget) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_ingest_requests_total",
			Help: "Requests by door and by the code of the answer: ok, or the code of the problem."}, []string{"door", "code"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_ingest_events_total",
			Help: "Events accepted, by door."}, []string{"door"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_ingest_rejected_events_total",
			Help: "Events rejected one by one, by door and code."}, []string{"door", "code"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_ingest_body_bytes_total",
			Help: "Bytes of bodies after decompression, by door."}, []string{"door"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_ingest_request_seconds",
			Help:    "Time from the first byte of a request to its answer, by door.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"door"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.events, m.rejected, m.bytes, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_ingest_buffered_bytes",
			Help: "Bytes of bodies and columns held by requests in work."}, func() float64 { return float64(b.used.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_ingest_buffered_limit_bytes",
			Help: "How many bytes requests in work may hold."}, func() float64 { return float64(b.max) }),
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
