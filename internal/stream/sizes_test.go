package stream

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/testkit"
)

// TestSizes compares the sizes by column with what the engine says that it reads. Empty columns cost it less.
func TestSizes(t *testing.T) {
	client := testkit.Engine(t)
	testkit.Exec(t, client, "TRUNCATE TABLE weir.events")
	l := newMemLog(1)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	r.p.cfg.Table = NewEventsTable(client)
	rng := rand.New(rand.NewPCG(1, 1))
	now := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour).UnixMilli()
	const rows = 40_000
	for range rows / 1000 {
		b := event.NewBatch()
		for range 1000 {
			n := rng.IntN(500)
			x := event.Row{Tenant: "t1", Site: "s1", TS: now + int64(rng.IntN(3600_000)), ReceivedAt: now + 3600_000, Type: []byte("pageview"), EventID: []byte(fmt.Sprintf("%032x", rng.Uint64())),
				ClientID: []byte(fmt.Sprintf("%036d", n)), URL: []byte("https://www.example.com/products/" + strconv.Itoa(n)), Host: []byte("www.example.com"), Path: []byte("/products/" + strconv.Itoa(n)),
				Country: "DE", Device: "mobile", UserAgent: []byte("Mozilla/5.0 " + strconv.Itoa(n%60)),
				Props: []event.Prop{text("plan", "enterprise"), text("theme", "dark")}, Nums: []event.Num{num("price", rng.Float64())}}
			b.Append(&x)
		}
		if _, err := l.Append(t.Context(), 0, b.AppendRecord(nil)); err != nil {
			t.Fatal(err)
		}
	}
	for range 40 {
		commit(t, r)
	}
	for _, c := range event.Columns {
		if !c.Stored || c.Number == event.ColTenant {
			continue
		}
		sum, err := client.Rows(t.Context(), clickhouse.Statement{SQL: "SELECT toString(count()) FROM weir.events WHERE NOT ignore(" + c.Name + ", tenant, ts)"}, func([]any) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		n, bytes := r.p.Reads("t1", time.Time{}, time.Time{}, []string{c.Name})
		if ratio := float64(bytes) / float64(sum.ReadBytes); n != sum.ReadRows || ratio < 0.9 || ratio > 1.4 {
			t.Errorf("%s: the engine reads %d rows, %d bytes; expected %d, %d (%.2f times)", c.Name, sum.ReadRows, sum.ReadBytes, n, bytes, ratio)
		}
	}
}
