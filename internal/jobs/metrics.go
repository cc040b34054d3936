package jobs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	started *prometheus.CounterVec
	ended   *prometheus.CounterVec
	refused *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, js *Jobs) (*metrics, error) {
	m := &metrics{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_jobs_started_total", Help: "Jobs that were started, by kind."}, []string{"kind"}),
		ended:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_jobs_ended_total", Help: "Jobs that ended, by kind and state."}, []string{"kind", "state"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_jobs_refused_total", Help: "Jobs that were not started, by the limit that was met."}, []string{"limit"}),
	}
	for _, c := range []prometheus.Collector{m.started, m.ended, m.refused, gauges{js}} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// gauges tell what waits, runs, and is kept.
type gauges struct{ js *Jobs }

var (
	descState  = prometheus.NewDesc("weir_jobs_jobs", "Jobs, by state.", []string{"state"}, nil)
	descOldest = prometheus.NewDesc("weir_jobs_oldest_queued_seconds", "How long the oldest waiting job has waited.", nil, nil)
	descDisk   = prometheus.NewDesc("weir_jobs_result_bytes", "Bytes of kept results, those under way included.", nil, nil)
	descLimit  = prometheus.NewDesc("weir_jobs_result_limit_bytes", "The limit jobs.max_disk.", nil, nil)
)

// Describe implements prometheus.Collector.
func (gauges) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descState, descOldest, descDisk, descLimit} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(c chan<- prometheus.Metric) {
	counts := map[State]int{Queued: 0, Running: 0, Done: 0, Failed: 0, Cancelled: 0}
	oldest := time.Duration(0)
	now := g.js.cfg.Now()
	g.js.mu.Lock()
	for _, e := range g.js.entries {
		counts[e.job.State]++
		if e.job.State == Queued {
			oldest = max(oldest, now.Sub(e.job.Created))
		}
	}
	disk := g.js.disk
	g.js.mu.Unlock()
	for s, n := range counts {
		c <- prometheus.MustNewConstMetric(descState, prometheus.GaugeValue, float64(n), string(s))
	}
	c <- prometheus.MustNewConstMetric(descOldest, prometheus.GaugeValue, oldest.Seconds())
	c <- prometheus.MustNewConstMetric(descDisk, prometheus.GaugeValue, float64(disk))
	c <- prometheus.MustNewConstMetric(descLimit, prometheus.GaugeValue, float64(g.js.cfg.MaxDisk))
}
