package qos

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/usage"
)

type metrics struct {
	refusals *prometheus.CounterVec
	// By lane, found once: looking for a label costs as much as the rest of an admission.
	admitted [3]prometheus.Counter
	waits    [3]prometheus.Observer
	classes  [3][3]prometheus.Counter // expected, measured
}

var classes = [3]usage.Class{cheap: usage.Cheap, medium: usage.Medium, expensive: usage.Expensive}

func newRefusals() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_qos_refusals_total",
		Help: "Requests that were refused, by what they were (query, ingest, address) and the limit or reason."}, []string{"kind", "reason"})
}

func newMetrics(reg prometheus.Registerer, g *Gate) (*metrics, error) {
	m := &metrics{refusals: newRefusals()}
	var (
		admitted = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_qos_admitted_total", Help: "Queries that were admitted, by expected class."}, []string{"class"})
		waits    = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_qos_wait_seconds", Help: "How long admitted queries waited, by expected class.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"class"})
		judged = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_qos_classes_total",
			Help: "Queries that ended, by the class that was expected and the one that was measured."}, []string{"expected", "measured"})
	)
	for i, c := range classes {
		m.admitted[i], m.waits[i] = admitted.WithLabelValues(string(c)), waits.WithLabelValues(string(c))
		for j, d := range classes {
			m.classes[i][j] = judged.WithLabelValues(string(c), string(d))
		}
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{admitted, waits, judged, &queues{gate: g}} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	var err error
	m.refusals, err = shared(reg, m.refusals)
	return m, err
}

// shared registers a counter that several parts of this package count in.
func shared(reg prometheus.Registerer, c *prometheus.CounterVec) (*prometheus.CounterVec, error) {
	err := reg.Register(c)
	if have, ok := err.(prometheus.AlreadyRegisteredError); ok {
		return have.ExistingCollector.(*prometheus.CounterVec), nil
	}
	return c, err
}

func (m *metrics) admit(c usage.Class, waited time.Duration) {
	n := laneOf(c)
	m.admitted[n].Inc()
	m.waits[n].Observe(waited.Seconds())
}

func (m *metrics) judged(expected, measured usage.Class) {
	m.classes[laneOf(expected)][laneOf(measured)].Inc()
}

// queues tells of the queues when it is asked.
type queues struct{ gate *Gate }

var (
	depthDesc    = prometheus.NewDesc("weir_qos_queue_depth", "Queries that wait for their turn, by class.", []string{"class"}, nil)
	oldestDesc   = prometheus.NewDesc("weir_qos_queue_oldest_seconds", "How long the oldest waiting query has waited, by class.", []string{"class"}, nil)
	runningDesc  = prometheus.NewDesc("weir_qos_running", "Queries that run, by class.", []string{"class"}, nil)
	capacityDesc = prometheus.NewDesc("weir_qos_capacity", "Queries that may run at once, by class; medium and expensive share theirs.", []string{"class"}, nil)
	loadDesc     = prometheus.NewDesc("weir_qos_load_cpu_seconds", "Estimated CPU of the queries that run, by class.", []string{"class"}, nil)
	tenantsDesc  = prometheus.NewDesc("weir_qos_tenants", "Tenants that have queries, or had some within the last hour.", nil, nil)
)

// Describe implements prometheus.Collector.
func (q *queues) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{depthDesc, oldestDesc, runningDesc, capacityDesc, loadDesc, tenantsDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (q *queues) Collect(ch chan<- prometheus.Metric) {
	g := q.gate
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, class := range classes {
		l := &g.lanes[n]
		gauge(depthDesc, float64(l.waiting.Len()), string(class))
		gauge(oldestDesc, oldest(&l.waiting, now).Seconds(), string(class))
		gauge(runningDesc, float64(l.running), string(class))
		gauge(capacityDesc, float64(l.places), string(class))
		gauge(loadDesc, l.load.Seconds(), string(class))
	}
	gauge(tenantsDesc, float64(len(g.tenants)))
}
