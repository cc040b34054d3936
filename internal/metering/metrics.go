package metering

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are weir_metering_*.
type metrics struct {
	cpu      *prometheus.CounterVec
	records  *prometheus.CounterVec
	failures *prometheus.CounterVec
	notices  *prometheus.CounterVec
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, m *Meter) (*metrics, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "weir", Subsystem: "metering", Name: name, Help: help}, labels)
	}
	x := &metrics{
		cpu:      vec("cpu_seconds_total", "CPU of this process and the engine by whom it was charged to: tenants or overhead.", "to"),
		records:  vec("records_total", "Records of work that components sent, by kind.", "kind"),
		failures: vec("failures_total", "Looks at a process that failed (profile, engine, storage); its CPU is charged at a later look or estimated.", "what"),
		notices:  vec("budget_notices_total", "Budget notices by result: sent, retried, refused, given_up.", "result"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "weir", Subsystem: "metering", Name: "tick_seconds",
			Help: "Time to look at the processes and charge what they used.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 12)}),
	}
	gauge := func(name, help string, f func(balance) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "weir", Subsystem: "metering", Name: name, Help: help}, func() float64 {
			b := m.balanceNow()
			if b.cpu <= 0 {
				return 0
			}
			return f(b) / b.cpu
		})
	}
	if reg == nil {
		return x, nil
	}
	for _, c := range []prometheus.Collector{x.cpu, x.records, x.failures, x.notices, x.seconds,
		gauge("unexplained_ratio", "Share of the CPU of the last minute that no measurement shows. Above 0.01 under load the bill is not to be trusted.", func(b balance) float64 { return math.Abs(b.unexplained) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "weir", Subsystem: "metering", Name: "sampled_ratio",
			Help: "CPU that the samples of this process stand for at 10 ms each, over the CPU it used, in the last minute. Far below 1 the process does little, or in short bursts, and the shares within it are rough."},
			func() float64 {
				b := m.balanceNow()
				if b.profiled <= 0 {
					return 1
				}
				return b.sampled / b.profiled
			}),
		gauge("overhead_ratio", "Share of the CPU of the last minute that served no tenant.", func(b balance) float64 { return b.overhead }),
		gauge("estimated_ratio", "Share of the CPU of the last minute that was used while this process was not sampled and is charged like the rest.", func(b balance) float64 { return b.estimated }),
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// charged counts a tick.
func (x *metrics) charged(b balance) {
	x.cpu.WithLabelValues("overhead").Add(max(0, b.overhead))
	x.cpu.WithLabelValues("tenants").Add(max(0, b.cpu-b.overhead-b.unexplained))
}
