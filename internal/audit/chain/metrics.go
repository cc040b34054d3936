package chain

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	entries prometheus.Counter
	failed  prometheus.Counter
	erased  prometheus.Counter
	damaged prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		entries: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_audit_entries_total", Help: "Entries written to the audit log."}),
		failed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_audit_failed_total", Help: "Entries that could not be written to the audit log."}),
		erased:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_audit_erased_total", Help: "Texts of the audit log that were erased."}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_audit_damaged_reads_total", Help: "Reads of the audit log that met a damaged file: run weir audit verify."}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	return errors.Join(r.Register(m.entries), r.Register(m.failed), r.Register(m.erased), r.Register(m.damaged))
}
