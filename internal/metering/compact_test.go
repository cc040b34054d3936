package metering

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// Making days of hours never changes what they cost, also of a day in which prices changed.
func TestCompactionKeepsPrices(t *testing.T) {
	m, c := newMeter(t, nil)
	day := time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
	cheap, dear := m.prices[0].Book, m.prices[0].Book
	cheap.CPUSecond, dear.CPUSecond = 1, 10
	for _, p := range []struct {
		book Book
		at   time.Time
	}{{cheap, day.AddDate(0, 0, -5)}, {dear, day.Add(12*time.Hour + time.Minute)}, {cheap, day.Add(20 * time.Hour)}} {
		list, err := m.ledger.SetPrices(p.book, p.at)
		must(t, err)
		m.prices = list
	}
	for h := range 24 {
		must(t, m.ledger.Add(Key{Tenant: "a", Hour: hourOf(day) + uint32(h), Kind: usage.KindQuery, User: "u"}, Amounts{CPU: 1}))
	}
	must(t, m.ledger.Flush(day.AddDate(0, 0, 1), true))
	look := func() (bill float64, parts int, charged float64) {
		b, err := m.bill("a", false, day, day.AddDate(0, 0, 1), []dimension{byDay})
		must(t, err)
		if len(b.Lines) != 1 {
			t.Errorf("%d lines of one day", len(b.Lines))
		}
		var last time.Time
		must(t, m.charges("a", false, day, day.AddDate(0, 0, 1), true, func(tenant.ID) string { return "" }, func(c Charge) error {
			parts++
			charged += c.BilledCost
			if c.BilledCost != c.ListUnitPrice*c.PricingQuantity || c.ChargePeriodStart.Before(last) || !c.ChargePeriodEnd.After(c.ChargePeriodStart) {
				t.Errorf("%+v", c)
			}
			last = c.ChargePeriodEnd
			return nil
		}))
		if !last.Equal(day.AddDate(0, 0, 1)) {
			t.Errorf("the day ends at %s", last)
		}
		return b.Total.Amount, parts, charged
	}
	for _, compacted := range []bool{false, true} {
		if compacted {
			if n, err := m.ledger.Compact(c.now.AddDate(0, 0, 100)); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}
		if bill, parts, charged := look(); bill != 12+8*10+4 || charged != bill || parts != 3 {
			t.Errorf("compacted %v: the bill is %v, the export %v in %d rows; want %v in 3", compacted, bill, charged, parts, 12+80+4)
		}
	}
}

// A day has as many rows as an hour may have, however many different queries were asked in it, and the most expensive keep their names.
func TestDaysAreBounded(t *testing.T) {
	l := newLedger(t)
	l.maxRows = 20
	now := time.Date(2026, 6, 1, 5, 0, 0, 0, time.UTC)
	day := hourOf(now)/24*24 - keepHours - 48
	sum := 0.0
	for h := range uint32(24) {
		for i := range 15 {
			cpu := 1.0
			if i == 0 {
				cpu = 100
			}
			must(t, l.Add(Key{Tenant: "a", Hour: day + h, Kind: usage.KindQuery, Source: fmt.Sprint("s", i), Shape: fmt.Sprint(h, "-", i)}, Amounts{CPU: cpu}))
			sum += cpu
		}
	}
	must(t, l.Flush(now, true))
	if _, err := l.Compact(now); err != nil {
		t.Fatal(err)
	}
	got, all, named := rowsOf(t, l, "a", false), 0.0, 0
	sources := map[string]bool{}
	for k, a := range got {
		sources[k.Source] = true
		all += a.CPU
		if a.CPU >= 100 && k.Shape != Other {
			named++
		}
	}
	if len(sources) != 15 || sources[Other] {
		t.Errorf("the sources are %v, want all 15", sources)
	}
	if len(got) > 2*20+1 || all != sum || named < 20 {
		t.Errorf("%d rows with %v s, %d of the expensive by name; want at most 41 with %v s, 20 by name", len(got), all, named, sum)
	}
}

// Rows in memory are bounded whatever tenants do, and what left the memory is added to all the same.
func TestMemoryIsBounded(t *testing.T) {
	l := newLedger(t)
	l.maxHeld = 100
	now := time.Unix(1_000_000*3600, 0)
	for range 3 {
		for i := range 500 {
			must(t, l.Add(Key{Tenant: tenant.ID(fmt.Sprint("t", i%50)), Hour: hourOf(now), Kind: usage.KindQuery, Shape: fmt.Sprint(i)}, Amounts{CPU: 1}))
		}
		must(t, l.Flush(now, true))
		if len(l.rows) > 100 {
			t.Errorf("%d rows stay in memory", len(l.rows))
		}
	}
	got := rowsOf(t, l, "", true)
	for k, a := range got {
		if a.CPU != 3 {
			t.Errorf("%+v has %v", k, a.CPU)
		}
	}
	if len(got) != 500 {
		t.Errorf("%d rows", len(got))
	}
}

// Amounts of different currencies are never added up.
func TestCurrencies(t *testing.T) {
	m, c := newMeter(t, nil)
	must(t, m.ledger.Add(Key{Tenant: "a", Hour: hourOf(c.now) - 1, Kind: usage.KindQuery}, Amounts{CPU: 100}))
	euro := DefaultBook()
	euro.Currency, euro.CPUSecond = "EUR", 2
	m.prices = []PricedFrom{{c.now.Add(-48 * time.Hour), DefaultBook()}, {c.now.Truncate(time.Hour), euro}}
	must(t, m.ledger.Add(Key{Tenant: "a", Hour: hourOf(c.now), Kind: usage.KindQuery}, Amounts{CPU: 3}))
	w := serve(m)(adminA, "/api/v1/costs?by=kind")
	var got struct {
		Currency string
		Lines    []Line
		Total    Line
		Others   map[string]float64 `json:"other_currencies"`
	}
	if w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &got))
	dollars := 100 * DefaultBook().CPUSecond
	if got.Currency != "EUR" || got.Total.Amount != 6 || !near(got.Others["USD"], dollars) || got.Total.CPU != 103 || len(got.Lines) != 2 {
		t.Errorf("%+v", got)
	}
	for _, l := range got.Lines {
		if l.Currency == "" && l.Amount != 6 || l.Currency == "USD" && !near(l.Amount, dollars) {
			t.Errorf("%+v", l)
		}
	}
	if spent, err := m.budgets.spentBy("a", c.now); err != nil || spent != 6 {
		t.Errorf("spent %v of a budget in euros, %v", spent, err)
	}
}

// A bill has bounded lines: who asks for more is told so.
func TestTooManyLines(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 200 000 rows")
	}
	m, c := newMeter(t, nil)
	m.ledger.maxRows = 2 * maxLines
	for i := range maxLines + 1 {
		must(t, m.ledger.Add(Key{Tenant: "a", Hour: hourOf(c.now), Kind: usage.KindQuery, Shape: fmt.Sprint(i)}, Amounts{Count: 1}))
	}
	if w := serve(m)(adminA, "/api/v1/costs?by=shape"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("status %d: %.200s", w.Code, w.Body)
	}
	if w := serve(m)(adminA, "/api/v1/costs?by=kind"); w.Code != http.StatusOK {
		t.Errorf("status %d: %.200s", w.Code, w.Body)
	}
}
