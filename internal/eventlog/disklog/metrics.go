package disklog

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"weir/internal/eventlog"
)

// metrics are the metrics of one Log.
type metrics struct {
	reg        prometheus.Registerer
	registered []prometheus.Collector

	records  prometheus.Counter
	bytes    prometheus.Counter
	seconds  prometheus.Histogram
	refused  *prometheus.CounterVec // reason: full, too_large, closed, cancelled, disk
	failures prometheus.Counter
	damaged  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, l *Log) *metrics {
	m := &metrics{
		reg:      reg,
		records:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_disklog_records_total", Help: "Records appended and acknowledged."}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_disklog_append_bytes_total", Help: "Bytes of the records appended and acknowledged."}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_disklog_append_seconds", Help: "Time of an acknowledged append, sync included.", Buckets: prometheus.ExponentialBuckets(0.0002, 2, 16)}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_disklog_refused_total", Help: "Appends that failed, by reason."}, []string{"reason"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_disklog_failures_total", Help: "Failures of the disk that closed the store; each is followed by a reopening."}),
		damaged:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_disklog_damaged_total", Help: "Records read whose checksum did not match."}),
	}
	for _, r := range []string{"full", "too_large", "closed", "cancelled", "disk"} {
		m.refused.WithLabelValues(r)
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	m.register(m.records, m.bytes, m.seconds, m.refused, m.failures, m.damaged,
		gauge("weir_disklog_kept_bytes", "Bytes of the kept records of all partitions.", func() float64 {
			var n int64
			for i := range l.parts {
				n += l.Size(uint16(i))
			}
			return float64(n)
		}),
		gauge("weir_disklog_disk_used_ratio", "Used share of the file system at the last append; appends stop at the configured limit.", l.guard.share),
		gauge("weir_disklog_writable", "1 when the log takes appends, 0 while it waits for the disk.", func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.cause != nil || l.closed {
				return 0
			}
			return 1
		}),
	)
	return m
}

func (m *metrics) register(cs ...prometheus.Collector) {
	if m.reg == nil {
		return
	}
	for _, c := range cs {
		m.reg.MustRegister(c)
		m.registered = append(m.registered, c)
	}
}

// unregister lets a log be opened again with the same registerer.
func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.reg.Unregister(c)
	}
}

func (m *metrics) appended(n int, d time.Duration, err error) {
	if err == nil {
		m.records.Inc()
		m.bytes.Add(float64(n))
		m.seconds.Observe(d.Seconds())
		return
	}
	m.refused.WithLabelValues(reason(err)).Inc()
}

func reason(err error) string {
	switch {
	case errors.Is(err, eventlog.ErrFull):
		return "full"
	case errors.Is(err, eventlog.ErrTooLarge):
		return "too_large"
	case errors.Is(err, eventlog.ErrClosed):
		return "closed"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	}
	return "disk"
}
