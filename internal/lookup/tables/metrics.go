package tables

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	uploads *prometheus.CounterVec
	rows    prometheus.Counter
	removed prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_lookup_uploads_total", Help: "Uploads of lookup tables, by outcome: ok, refused, failed."}, []string{"outcome"}),
		rows:    prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_lookup_rows_total", Help: "Rows of lookup tables that were stored."}),
		removed: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_lookup_removed_versions_total", Help: "Replaced or deleted versions of lookup tables whose rows were removed."}),
	}
	for _, outcome := range []string{"ok", "refused", "failed"} {
		m.uploads.WithLabelValues(outcome)
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.uploads), reg.Register(m.rows), reg.Register(m.removed))
}
