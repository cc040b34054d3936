package stream

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// lateStore is a processor of which nothing runs, with a way to put a late row of a day into its store.
func lateStore(t *testing.T) (p *Processor, put func(day int32)) {
	db, err := pebble.Open("state", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p = &Processor{db: db, late: newLateQueue()}
	p.cfg.LateInterval = 10 * time.Second
	seq := uint64(0)
	return p, func(day int32) {
		t.Helper()
		l := newMemLog(1)
		appendRows(t, l, 0, row("t1", "a", time.Since(time.Unix(int64(day)*86400+3600, 0))))
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

// TestLateTurns checks in which turns late rows are inserted: at most 20 days at once, none forgotten, and the days before the cursor at once where there is room.
func TestLateTurns(t *testing.T) {
	p, put := lateStore(t)
	for day := range int32(25) {
		put(1000 + day)
	}
	if days := takeTurn(t, p); len(days) != 20 || days[0] != 1000 || days[19] != 1019 {
		t.Fatalf("first: %v", days)
	}
	put(1003)
	put(1019) // of the cursor's day, and behind it
	put(1022)
	if days := takeTurn(t, p); len(days) != 8 || days[0] != 1019 || days[6] != 1024 || days[7] != 1003 {
		t.Fatalf("the rest, and what came behind it: %v", days)
	}
	if days := takeTurn(t, p); len(days) != 0 {
		t.Fatalf("nothing waits: %v", days)
	}
	for day := range int32(30) { // the cursor stands in 1003
		put(990 + day)
	}
	if days := takeTurn(t, p); len(days) != 20 || days[0] != 1003 || days[16] != 1019 || days[17] != 990 || days[19] != 992 {
		t.Fatalf("from the cursor on, then from the first day: %v", days)
	}
	if days := takeTurn(t, p); len(days) != 10 || days[0] != 993 || days[9] != 1002 {
		t.Fatalf("the others: %v", days)
	}
}

// TestLatePause checks that late inserts make at most two parts a second, and that few days are not waited for long.
func TestLatePause(t *testing.T) {
	p, _ := lateStore(t)
	for _, c := range []struct {
		days, waiting int
		want          time.Duration
	}{
		{20, 1, 10 * time.Second}, {10, 1, 5 * time.Second}, {4, 1, 2 * time.Second}, {1, 1, 2 * time.Second}, {0, 1, 2 * time.Second}, {20, maxRows, 2 * time.Second},
	} {
		if got := p.pauseLate(c.days, c.waiting); got != c.want {
			t.Errorf("after %d days, with %d rows waiting: %v, want %v", c.days, c.waiting, got, c.want)
		}
	}
}
