package metering

import (
	"errors"
	"fmt"
	"math"
	"regexp"

	"weir/internal/usage"
)

// Book is a price book: what a unit of each thing costs. A gigabyte has 10⁹ bytes, a month 730 hours.
type Book struct {
	Currency      string  `json:"currency"` // ISO 4217
	CPUSecond     float64 `json:"cpu_second"`
	MemoryGBHour  float64 `json:"memory_gb_hour"`
	ScannedGB     float64 `json:"scanned_gb"` // uncompressed, from hot storage
	ScannedColdGB float64 `json:"scanned_cold_gb"`
	StoredGBMonth float64 `json:"stored_gb_month"`
	OutGB         float64 `json:"out_gb"`
	MillionEvents float64 `json:"million_events"`
	CacheHits1000 float64 `json:"cache_hits_1000"`
}

// DefaultBook is what things cost unless it is configured: about what the hardware costs in a public cloud. It is meant to be changed.
func DefaultBook() Book {
	return Book{Currency: "USD", CPUSecond: 0.000_015, MemoryGBHour: 0.006, ScannedGB: 0.000_2, ScannedColdGB: 0.002,
		StoredGBMonth: 0.08, OutGB: 0.05, MillionEvents: 0.02, CacheHits1000: 0.000_05}
}

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// Validate reports every problem by its full key.
func (b Book) Validate() error {
	var errs []error
	if !currency.MatchString(b.Currency) {
		errs = append(errs, fmt.Errorf("prices.currency: %q is not a code of three capital letters, like EUR", b.Currency))
	}
	for _, p := range []struct {
		name string
		v    float64
	}{{"cpu_second", b.CPUSecond}, {"memory_gb_hour", b.MemoryGBHour}, {"scanned_gb", b.ScannedGB}, {"scanned_cold_gb", b.ScannedColdGB},
		{"stored_gb_month", b.StoredGBMonth}, {"out_gb", b.OutGB}, {"million_events", b.MillionEvents}, {"cache_hits_1000", b.CacheHits1000}} {
		if !(p.v >= 0) || math.IsInf(p.v, 0) {
			errs = append(errs, fmt.Errorf("prices.%s: is %v, it must not be negative", p.name, p.v))
		}
	}
	return errors.Join(errs...)
}

const (
	gb         = 1e9
	gbHour     = gb * 3600
	monthHours = 730
	gbMonth    = gbHour * monthHours
	million    = 1e6
	thousand   = 1000
)

// sku is one thing that has a price.
type sku struct {
	id, name string
	unit     string // of what is consumed, and of the price, in the form of FOCUS
	price    func(*Book) float64
	quantity func(usage.Kind, *Amounts) float64 // in units
}

// skus are all things that have a price. Events count where they are taken, answers of the cache where they are given.
var skus = []sku{
	{"cpu", "CPU time", "Seconds", func(b *Book) float64 { return b.CPUSecond }, func(_ usage.Kind, a *Amounts) float64 { return a.CPU }},
	{"memory", "Memory", "GB-Hours", func(b *Book) float64 { return b.MemoryGBHour }, func(_ usage.Kind, a *Amounts) float64 { return a.MemorySeconds / gbHour }},
	{"scan-hot", "Data scanned, hot", "GB", func(b *Book) float64 { return b.ScannedGB }, func(_ usage.Kind, a *Amounts) float64 { return a.Scanned / gb }},
	{"scan-cold", "Data scanned, cold", "GB", func(b *Book) float64 { return b.ScannedColdGB }, func(_ usage.Kind, a *Amounts) float64 { return a.Cold / gb }},
	{"storage", "Data stored", "GB-Months", func(b *Book) float64 { return b.StoredGBMonth }, func(_ usage.Kind, a *Amounts) float64 { return a.ByteSeconds / gbMonth }},
	{"egress", "Answers", "GB", func(b *Book) float64 { return b.OutGB }, func(_ usage.Kind, a *Amounts) float64 { return a.Out / gb }},
	{"events", "Events taken", "1000000 Events", func(b *Book) float64 { return b.MillionEvents }, func(k usage.Kind, a *Amounts) float64 {
		if k != usage.KindIngest {
			return 0
		}
		return a.Events / million
	}},
	{"cache", "Answers from the cache", "1000 Requests", func(b *Book) float64 { return b.CacheHits1000 }, func(k usage.Kind, a *Amounts) float64 {
		if k != usage.KindCache {
			return 0
		}
		return a.Count / thousand
	}},
}

// Cost is the price of what was used for a kind of work. The installation's own rows cost nothing.
func (b *Book) Cost(k usage.Kind, a Amounts) float64 {
	if k == KindOverhead || k == KindUnexplained {
		return 0
	}
	sum := 0.0
	for i := range skus {
		sum += skus[i].price(b) * skus[i].quantity(k, &a)
	}
	return sum
}

// amountsOf are the amounts of a record. The events of KindProcess are a measure for sharing out, not for the bill: they were counted at the door.
func amountsOf(r *usage.Record) Amounts {
	a := Amounts{CPU: r.CPU.Seconds(), MemorySeconds: r.MemorySeconds, Scanned: float64(r.BytesScanned), Cold: float64(r.BytesCold), Rows: float64(r.RowsRead),
		In: float64(r.BytesIn), Out: float64(r.BytesOut), Events: float64(r.Events), ByteSeconds: r.ByteSeconds, Count: max(1, float64(r.Count))}
	switch r.Kind {
	case usage.KindProcess, usage.KindRollup, usage.KindMerge:
		a.Events, a.Count = 0, 0
	case usage.KindStorage:
		a.Count = 0
	}
	return a
}
