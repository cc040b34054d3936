package metering

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/catalog"
	"weir/internal/damage"
	"weir/internal/tenant"
	"weir/internal/testkit/damagekit"
	"weir/internal/usage"
)

const manyHours = 300

const countToFind = 12345.678

var damagedHour = hourOf(time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC))

// onDisk is a store of many rows of tenants a, b and c, one a shape and hour, on a disk.
func onDisk(t *testing.T) (dir string, o *pebble.Options) {
	t.Helper()
	dir, o = filepath.Join(t.TempDir(), "metering"), &pebble.Options{Logger: quietLogger{}}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	must(t, damage.Survive(o, damage.Config{Store: "metering", Mend: "mend it", Logger: slog.New(slog.DiscardHandler)}))
	db, err := pebble.Open(dir, o)
	must(t, err)
	l := onDB(t, db)
	for _, id := range []tenant.ID{"a", "b", "c"} {
		for h := range uint32(manyHours) {
			hour := damagedHour - manyHours/2 + h
			for i := range 4 {
				a := Amounts{CPU: 1}
				if id == "b" && hour == damagedHour && i == 2 {
					a.Count = countToFind
				}
				must(t, l.Add(Key{Tenant: id, Hour: hour, Kind: usage.KindQuery, Shape: fmt.Sprint("shape", i)}, a))
			}
		}
		for i := range 200 {
			must(t, l.PutNotice(noticeKey(id, "2026-06", i, 7), fmt.Appendf(nil, `{"tenant":%q,"month":"2026-06","id":"notice %s %03d","state":"sent"}`, id, id, i)))
		}
	}
	must(t, l.Flush(time.Now(), true))
	must(t, db.Flush())
	must(t, db.Compact(t.Context(), []byte{0}, []byte{255}, false))
	must(t, db.Close())
	return dir, o
}

// damaged is a meter on such a store, in which a bit has flipped where a row of b's lies, or a text that is given.
func damaged(t *testing.T, text string) (*Meter, *clock) {
	t.Helper()
	dir, o := onDisk(t)
	if text == "" {
		text = string(binary.BigEndian.AppendUint64(nil, math.Float64bits(countToFind)))
	}
	damagekit.FlipBit(t, dir, text)
	db, err := pebble.Open(dir, o)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return newMeter(t, func(c *Config) {
		c.DB, c.Interval = db, 100*time.Millisecond
		c.Budget = func(tenant.ID) (catalog.Budget, bool) {
			return catalog.Budget{Amount: 0.013, Action: catalog.BudgetBlock}, true
		}
	})
}

// Who reads where the ledger is damaged is told so; all others, and other hours, are as ever.
func TestDamage(t *testing.T) {
	m, c := damaged(t, "")
	get := serve(m)
	adminB := tenant.Principal{Tenant: "b", Role: tenant.RoleAdmin}
	costsOf := func(from uint32, hours uint32) string {
		return "/api/v1/costs?from=" + timeOf(from).Format(time.RFC3339) + "&to=" + timeOf(from+hours).Format(time.RFC3339)
	}
	all := costsOf(damagedHour-manyHours/2, manyHours)
	if got := ask(t, get(adminA, all)); got.Total.CPU != 4*manyHours || got.Budget == nil {
		t.Errorf("another tenant is told %+v", got)
	}
	for _, path := range []string{all, costsOf(damagedHour, 1), "/api/v1/budget", strings.Replace(all, "costs", "costs/export", 1), strings.Replace(all, "costs", "costs/export", 1) + "&format=parquet"} {
		for _, who := range []tenant.Principal{adminB, operator} {
			if path != all && who == operator { // it has no budget, and its export has begun before the damage
				continue
			}
			w := get(who, path)
			if strings.Contains(path, "export") { // others are made problems by the API
				if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"store_damaged"`) || w.Header().Get("Content-Disposition") != "" {
					t.Errorf("%s of %v: %d %v %.300q", path, who, w.Code, w.Header(), w.Body)
				}
			} else if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "amount") {
				t.Errorf("%s of %v: %d %.300q", path, who, w.Code, w.Body)
			}
		}
	}
	for _, in := range []*costsInput{{Range: Range{From: timeOf(damagedHour).Format(time.RFC3339), To: timeOf(damagedHour + 1).Format(time.RFC3339)}, Limit: 1}} {
		if _, err := m.costs(tenant.With(t.Context(), adminB), in); !damage.Of(err) {
			t.Errorf("costs: %v", err)
		}
	}
	if _, err := m.budget(tenant.With(t.Context(), adminB), nil); !damage.Of(err) {
		t.Errorf("budget: %v", err)
	}
	if _, _, _, err := m.Total("b", timeOf(damagedHour), timeOf(damagedHour+1)); !damage.Of(err) {
		t.Errorf("usage: %v", err)
	}
	if got := ask(t, get(adminB, costsOf(damagedHour+100, 10))); got.Total.CPU != 40 || got.Budget != nil {
		t.Errorf("other hours are %+v", got)
	}
	s, ok := m.BudgetState("b")
	if whole := 4 * manyHours * m.book(damagedHour).CPUSecond; !ok || s.Spent >= whole || s.Spent < 0.8*whole || m.BudgetAction("b") != catalog.BudgetBlock {
		t.Errorf("the budget is %+v, %v, of %v", s, ok, whole)
	}
	m.spend(t, "b", 1)
	if now, _ := m.BudgetState("b"); !near(now.Spent, s.Spent+1) {
		t.Errorf("then %+v", now)
	}
	c.now = timeOf(damagedHour).Add(time.Minute) // rows that cannot be read are added to
	m.spend(t, "b", 1)
	must(t, m.ledger.Flush(c.now, true))
	m.spend(t, "a", 1)
	if got := ask(t, get(adminA, costsOf(damagedHour, 1))); !near(got.Total.Amount, 1+4*m.book(damagedHour).CPUSecond) {
		t.Errorf("a is charged %+v", got.Total)
	}
}

// The meter goes on where the ledger is damaged: it charges, and makes days of what it can read.
func TestDamageDoesNotEnd(t *testing.T) {
	for name, text := range map[string]string{"a row": "", "a notice": "notice b 100"} {
		t.Run(name, func(t *testing.T) {
			m, c := damaged(t, text)
			c.now = c.now.AddDate(0, 0, 100)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- m.Run(ctx) }()
			days := func() bool {
				n := 0
				must(t, m.ledger.Scan("c", false, 0, ^uint32(0), func(k Key, _ Amounts) error {
					if k.Day {
						n++
					}
					return nil
				}))
				return n > 0
			}
			for begun := time.Now(); !days(); time.Sleep(10 * time.Millisecond) {
				if time.Since(begun) > time.Minute {
					t.Fatal("no hours become days")
				}
			}
			time.Sleep(3 * m.cfg.Interval)
			select {
			case err := <-ended:
				t.Fatalf("the meter has ended: %v", err)
			default:
			}
			cancel()
			must(t, <-ended)
		})
	}
}

// Notices that damage keeps from being read leave budgets as they are.
func TestDamagedNotices(t *testing.T) {
	m, _ := damaged(t, "notice b 100")
	for range 2 { // the second time there is nothing to load
		m.spend(t, "a", 1)
		if s, ok := m.BudgetState("a"); !ok || !s.Exceeded {
			t.Errorf("the budget is %+v, %v", s, ok)
		}
	}
	if len(m.budgets.notices) < 100 {
		t.Errorf("%d notices are known", len(m.budgets.notices))
	}
}
