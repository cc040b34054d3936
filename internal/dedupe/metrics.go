package dedupe

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	checked    [3]prometheus.Counter // by Verdict
	refused    prometheus.Counter
	readErrors prometheus.Counter
	falseHits  prometheus.Counter
	head       prometheus.Gauge
	keys       prometheus.Gauge
	runs       prometheus.Gauge
	memory     prometheus.Gauge
	writes     *prometheus.CounterVec
	failures   *prometheus.CounterVec
	forgotten  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_dedupe_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_dedupe_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_dedupe_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		refused:    counter("refused_total", "Commits refused because too many keys wait in memory for run files."),
		readErrors: counter("read_errors_total", "Checks that failed because a run file could not be read."),
		falseHits:  counter("filter_false_hits_total", "Lookups in run files that the Bloom filter could have spared."),
		head:       gauge("head_keys", "Keys in the part of memory that takes new ones."),
		keys:       gauge("run_keys", "Keys in run files."),
		runs:       gauge("runs", "Run files."),
		memory:     gauge("memory_bytes", "Memory of filters, indexes and the head."),
		writes:     vec("run_keys_written_total", "Keys written to run files, by reason.", "reason"),
		failures:   vec("maintain_failures_total", "Failed background steps, by step.", "step"),
		forgotten:  vec("forgotten_keys_total", "Keys forgotten, by reason, counted when their space is freed.", "reason"),
	}
	verdicts := vec("checked_total", "Keys checked, by verdict.", "verdict")
	for v := range m.checked {
		m.checked[v] = verdicts.WithLabelValues(Verdict(v).String())
	}
	for _, c := range []prometheus.Collector{
		verdicts, m.refused, m.readErrors, m.falseHits, m.head, m.keys, m.runs, m.memory, m.writes, m.failures, m.forgotten,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) count(verdicts []Verdict) {
	var n [3]int
	for _, v := range verdicts {
		n[v]++
	}
	for v, c := range m.checked {
		c.Add(float64(n[v]))
	}
}
