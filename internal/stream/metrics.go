package stream

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	commits       *prometheus.CounterVec
	rows          *prometheus.CounterVec
	stalls        prometheus.Counter
	quarantined   prometheus.Counter
	commitSeconds prometheus.Histogram
	rollupSeconds *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer, p *Processor) *metrics {
	m := &metrics{
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_stream_commits_total",
			Help: "Commits, by stream."}, []string{"stream"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_stream_rows_total",
			Help: "Rows taken from the log, by what became of them; late: rows inserted by the late stream."}, []string{"outcome"}),
		stalls: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_stream_insert_failures_total",
			Help: "Inserts and rollup steps that failed and were tried again."}),
		quarantined: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_stream_quarantined_records_total",
			Help: "Records that could not be decoded."}),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_stream_commit_seconds",
			Help: "Time of a commit of the main stream.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 12)}),
		rollupSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "weir_stream_rollup_step_seconds",
			Help: "Time of a step of a rollup.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 12)}, []string{"rollup"}),
	}
	r.MustRegister(m.commits, m.rows, m.stalls, m.quarantined, m.commitSeconds, m.rollupSeconds, progress{p})
	return m
}

func (p *Processor) countMetrics(in *intent, skipped int) {
	var n [verdictFilter + 1]int
	for _, v := range in.Verdicts {
		n[v]++
	}
	p.metrics.commits.WithLabelValues("main").Inc()
	for v, name := range []string{"stored", "to_late", "duplicate", "conflict", "filtered"} {
		p.metrics.rows.WithLabelValues(name).Add(float64(n[v]))
	}
	p.metrics.quarantined.Add(float64(skipped))
}

// progress reports where each partition, writer and rollup stands.
type progress struct{ p *Processor }

var (
	descLag       = prometheus.NewDesc("weir_stream_lag_records", "Records of a partition that wait to be processed.", []string{"partition"}, nil)
	descWatermark = prometheus.NewDesc("weir_stream_watermark_seconds", "Highest event time processed of a partition, Unix seconds, never in the future.", []string{"partition"}, nil)
	descBacklog   = prometheus.NewDesc("weir_stream_backlog_bytes", "Bytes of records that wait to be processed, estimated.", nil, nil)
	descDelay     = prometheus.NewDesc("weir_stream_delay_seconds", "How long ago the time lies up to which everything is visible.", nil, nil)
	descLateRows  = prometheus.NewDesc("weir_stream_late_rows", "Rows that wait in the late stream.", nil, nil)
	descLateBytes = prometheus.NewDesc("weir_stream_late_bytes", "Bytes that wait in the late stream.", nil, nil)
	descRollupLag = prometheus.NewDesc("weir_stream_rollup_lag_inserts", "Inserts that a rollup has not taken yet.", []string{"rollup", "writer"}, nil)
)

func (g progress) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLag, descWatermark, descBacklog, descDelay, descLateRows, descLateBytes, descRollupLag, descAccount} {
		c <- d
	}
}

func (g progress) Collect(c chan<- prometheus.Metric) {
	p := g.p
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	p.acct.collect(c)
	gauge(descBacklog, float64(p.backlogBytes()))
	gauge(descDelay, time.Since(p.Reached()).Seconds())
	p.mu.Lock()
	defer p.mu.Unlock()
	for part, at := range p.next {
		_, end := p.cfg.Log.Bounds(uint16(part))
		gauge(descLag, float64(end-min(at, end)), strconv.Itoa(part))
		gauge(descWatermark, float64(p.watermark[part])/1000, strconv.Itoa(part))
	}
	gauge(descLateRows, float64(p.late.rows))
	gauge(descLateBytes, float64(p.late.bytes))
	for name, at := range p.positions {
		for w, seq := range at {
			gauge(descRollupLag, float64(p.seqs[w]-seq), name, strconv.Itoa(int(w)))
		}
	}
}
