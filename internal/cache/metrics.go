package cache

import "github.com/prometheus/client_golang/prometheus"

// Why answers were dropped.
const (
	reasonChanged = "changed" // the tenant's data did
	reasonTenant  = "tenant"  // the tenant had too much
	reasonSpace   = "space"   // all together had
	reasonDropped = "dropped" // somebody said so
)

type metrics struct {
	hits, misses, shared, refused prometheus.Counter
	evicted                       *prometheus.CounterVec
	bytes, tenants                prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_cache_" + name, Help: help})
	}
	m := &metrics{
		hits:    counter("hits_total", "Questions whose answer was kept."),
		misses:  counter("misses_total", "Questions whose answer was not kept, or not at the current version of the data."),
		shared:  counter("shared_total", "Questions that took the answer of an identical one that ran meanwhile."),
		refused: counter("refused_total", "Answers that were too large to be kept."),
		evicted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_cache_evicted_total", Help: "Answers that were dropped, by reason: changed data, the tenant's bound, the bound of all, dropped on demand."}, []string{"reason"}),
		bytes:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_cache_bytes", Help: "Bytes of kept answers."}),
		tenants: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_cache_tenants", Help: "Tenants with kept answers."}),
	}
	for _, c := range []prometheus.Collector{m.hits, m.misses, m.shared, m.refused, m.evicted, m.bytes, m.tenants} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) size(c *Cache) {
	m.bytes.Set(float64(c.bytes))
	m.tenants.Set(float64(len(c.tenants)))
}
