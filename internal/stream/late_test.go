package stream

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// lateStore is a processor of which nothing runs, with a way to put a late row of a day into its store.
func lateStore(t *testing.T) (p *Processor, put func(tenant string, day int32)) {
	db, err := pebble.Open("state", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p = &Processor{db: db, late: newLateQueue()}
	p.cfg.LateInterval = 10 * time.Second
	seq := uint64(0)
	return p, func(tenant string, day int32) {
		t.Helper()
		l := newMemLog(1)
		appendRows(t, l, 0, row(tenant, "a", time.Since(time.Unix(int64(day)*86400+3600, 0))))
		b := newBlock()
		if err := b.Batch.DecodeRecord(l.parts[0][0].Data); err != nil {
			t.Fatal(err)
		}
		b.Partitions, b.Offsets, b.Rows = []uint16{0}, []uint64{seq}, []uint32{0}
		seq++
		key, value := lateKey(day, seq, 0), encodeLate(b)
		if err := db.Set(key, value, nil); err != nil {
			t.Fatal(err)
		}
		p.late.add(string(key), newLateEntry(b, len(value)), time.Now())
	}
}

// takeTurn is one late insert, without the insert: the days that it takes, in order.
func takeTurn(t *testing.T, p *Processor) (days []int32) {
	t.Helper()
	keys, b, touched, err := p.takeLate()
	if err != nil || b.Len() != len(keys) {
		t.Fatalf("%d rows of %d entries, %v", b.Len(), len(keys), err)
	}
	seen := map[int32]bool{}
	for _, k := range keys {
		day, err := lateDay(k)
		if err != nil {
			t.Fatal(err)
		}
		seen[day] = true
		days = append(days, day)
		if err := p.db.Delete(k, nil); err != nil {
			t.Fatal(err)
		}
		p.late.remove(string(k))
	}
	if touched != len(seen) || touched > lateDays {
		t.Errorf("an insert of %d days says that it touches %d", len(seen), touched)
	}
	return days
}

// TestLateTurns checks in which turns late rows are inserted: at most 40 days at once, none forgotten, and tenants in turn where more wait.
func TestLateTurns(t *testing.T) {
	p, put := lateStore(t)
	for day := range int32(50) {
		put("many", 1000+day)
	}
	if days := takeTurn(t, p); len(days) != 40 || days[0] != 1000 || days[39] != 1039 {
		t.Fatalf("of one tenant, those that came first: %v", days)
	}
	for day := range int32(100) {
		put("many", 2000+day)
	}
	put("many", 3)   // came last
	put("few", 1049) // the last of the other's, too
	put("few", 5)
	put("one", 2050)
	days := takeTurn(t, p)
	for _, day := range []int32{1049, 5, 2050} {
		if !slices.Contains(days, day) {
			t.Errorf("a day of a tenant with few of them, %d, is not among %v", day, days)
		}
	}
	if slices.Contains(days, 3) {
		t.Errorf("what came last is taken first: %v", days)
	}
	if seen := slices.Compact(slices.Sorted(slices.Values(days))); len(seen) != 40 {
		t.Errorf("%d days: %v", len(seen), days)
	}
	put("one", 7)
	for turns := 0; p.late.rows > 0; turns++ {
		days := takeTurn(t, p)
		if turns == 0 && !slices.Contains(days, 7) {
			t.Errorf("a row that came later, of a tenant with nothing else, waits behind %v", days)
		}
		if turns > 2 {
			t.Fatal("some rows are never taken")
		}
	}
}

// TestLateTurnsOfManyTenants: where there are more tenants than days of an insert, the next ones have the next turn.
func TestLateTurnsOfManyTenants(t *testing.T) {
	p, put := lateStore(t)
	for i := range 100 {
		for day := range int32(2) {
			put(fmt.Sprintf("t%02d", i), int32(i)*10+day)
		}
	}
	taken := map[int32]int{}
	for turn := range 3 {
		for _, day := range takeTurn(t, p) {
			taken[day] = turn
		}
	}
	for i := range 100 {
		if turn, ok := taken[int32(i)*10]; !ok || turn != i/40 {
			t.Errorf("the first day of tenant %d was taken in turn %d (%v)", i, turn, ok)
		}
	}
	if len(taken) != 120 {
		t.Errorf("%d days were taken in three turns", len(taken))
	}
}

// TestLateTurnsOfLargeDays: a day of many entries does not take the place of the others.
func TestLateTurnsOfLargeDays(t *testing.T) {
	p, put := lateStore(t)
	for range 30 {
		put("large", 10)
	}
	put("small", 20)
	put("small", 30)
	keys, _ := lateTurn(p.late.entries, "")
	var days []int32
	for _, k := range keys[:4] {
		day, err := lateDay([]byte(k))
		if err != nil {
			t.Fatal(err)
		}
		days = append(days, day)
	}
	if !slices.Equal(days, []int32{10, 20, 30, 10}) || len(keys) != 32 {
		t.Errorf("%d entries, first those of %v", len(keys), days)
	}
	if days := takeTurn(t, p); len(days) != 32 {
		t.Errorf("taken: %v", days)
	}
}

// TestLatePause checks that late inserts make at most eight parts a second, four where no more wait, and that few days are not waited for long.
func TestLatePause(t *testing.T) {
	p, _ := lateStore(t)
	for _, c := range []struct {
		days, waiting int
		want          time.Duration
	}{
		{40, 1, 5 * time.Second}, {36, 1, 9 * time.Second}, {20, 1, 5 * time.Second}, {8, 1, 2 * time.Second}, {1, 1, 2 * time.Second}, {0, 1, 2 * time.Second}, {40, maxRows, 2 * time.Second},
	} {
		if got := p.pauseLate(c.days, c.waiting); got != c.want {
			t.Errorf("after %d days, with %d rows waiting: %v, want %v", c.days, c.waiting, got, c.want)
		}
	}
}
