package profile

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	leftOut, barred prometheus.Counter
}

func newMetrics(r prometheus.Registerer, s *Set) (*metrics, error) {
	m := &metrics{leftOut: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_stream_properties_left_out_total",
		Help: "Values of properties beyond the 2000 names of a tenant: they are stored, and have no column of their own."}),
		barred: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_stream_public_properties_left_out_total",
			Help: "Values of properties that only senders without a key have sent, for whose names there was no place: beyond 1000 of a tenant, or 200 of a source and hour."})}
	return m, errors.Join(r.Register(m.leftOut), r.Register(m.barred), r.Register(size{s}))
}

// size reports how much is known.
type size struct{ s *Set }

var (
	descTenants    = prometheus.NewDesc("weir_stream_profiled_tenants", "Tenants that have data.", nil, nil)
	descProperties = prometheus.NewDesc("weir_stream_properties", "Names of properties that are known, of all tenants.", nil, nil)
	descRows       = prometheus.NewDesc("weir_stream_stored_rows", "Rows of all tenants in the events table.", nil, nil)
	descComplete   = prometheus.NewDesc("weir_stream_profiles_complete", "1 when everything that is stored is known of, 0 while the profiles are rebuilt from the events table.", nil, nil)
	descBytes      = prometheus.NewDesc("weir_stream_stored_bytes", "Bytes of these rows, uncompressed.", nil, nil)
)

func (size) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTenants, descProperties, descRows, descBytes, descComplete} {
		c <- d
	}
}

func (m size) Collect(c chan<- prometheus.Metric) {
	var names, rows, bytes, complete float64
	if m.s.Complete() {
		complete = 1
	}
	m.s.mu.RLock()
	tenants := float64(len(m.s.tenants))
	for _, p := range m.s.tenants {
		names += float64(len(p.props))
		rows += float64(p.rows)
		bytes += float64(p.bytes)
	}
	m.s.mu.RUnlock()
	for d, v := range map[*prometheus.Desc]float64{descTenants: tenants, descProperties: names, descRows: rows, descBytes: bytes, descComplete: complete} {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
}
