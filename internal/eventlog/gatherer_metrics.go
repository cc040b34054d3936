package eventlog

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gathererMetrics are the metrics of one Gatherer.
type gathererMetrics struct {
	records    prometheus.Counter
	rows       prometheus.Counter
	bytes      prometheus.Counter
	failed     prometheus.Counter
	recordRows prometheus.Histogram
	seconds    prometheus.Histogram
	refused    *prometheus.CounterVec // reason: overloaded, too_large, closed, cancelled, invalid
}

func newGathererMetrics(reg prometheus.Registerer, g *Gatherer) *gathererMetrics {
	m := &gathererMetrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_gatherer_records_total", Help: "Records made durable."}),
		rows:    prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_gatherer_rows_total", Help: "Rows put into records, including those whose record failed."}),
		bytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_gatherer_record_bytes_total", Help: "Bytes of the encoded records made durable."}),
		failed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_gatherer_failed_total", Help: "Records that the log did not take."}),
		recordRows: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_gatherer_record_rows", Help: "Rows per record.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 9)}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_gatherer_append_seconds", Help: "Time from handing a record to the log until it is durable.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 16)}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_gatherer_refused_total", Help: "Batches refused, and waits cancelled, by reason."}, []string{"reason"}),
	}
	for _, r := range []string{"overloaded", "too_large", "closed", "cancelled", "invalid"} {
		m.refused.WithLabelValues(r)
	}
	if reg == nil {
		return m
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	reg.MustRegister(m.records, m.rows, m.bytes, m.failed, m.recordRows, m.seconds, m.refused,
		gauge("weir_gatherer_pending_bytes", "Estimated bytes of batches that are not durable yet.", func() float64 { return float64(g.pending.Load()) }),
		gauge("weir_gatherer_pending_limit_bytes", "Bytes above which batches are refused.", func() float64 { return float64(g.cfg.MaxPending) }),
		gauge("weir_gatherer_pending_age_seconds", "Age of the oldest batch that no record has taken yet.", func() float64 { return g.oldest().Seconds() }),
	)
	return m
}

// oldest is how long the batch has waited that has waited longest.
func (g *Gatherer) oldest() (age time.Duration) {
	for _, p := range g.parts {
		p.mu.Lock()
		if len(p.queue) > 0 {
			age = max(age, time.Since(p.queue[0].since))
		}
		p.mu.Unlock()
	}
	return age
}

func (m *gathererMetrics) refuse(err error) {
	reason := "invalid"
	switch {
	case errors.Is(err, ErrOverloaded):
		reason = "overloaded"
	case errors.Is(err, ErrTooLarge):
		reason = "too_large"
	case errors.Is(err, ErrClosed):
		reason = "closed"
	}
	m.refused.WithLabelValues(reason).Inc()
}
