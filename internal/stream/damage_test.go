package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/damage"
	"weir/internal/event"
)

// flip changes one bit of the only table of the state store, or changes it back. place finds it.
func flip(t *testing.T, fs *vfs.MemFS, place func(table []byte) int) {
	t.Helper()
	names, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			tables = append(tables, name)
		}
	}
	f, err := fs.OpenReadWrite("state/"+tables[0], vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, info.Size())
	if _, err := f.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	at := place(raw)
	if at < 0 {
		t.Fatal("the table does not hold it")
	}
	if _, err := f.WriteAt([]byte{raw[at] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

func at(share float64) func([]byte) int {
	return func(table []byte) int { return int(share * float64(len(table)-1)) }
}

func where(find string) func([]byte) int {
	return func(table []byte) int { return bytes.Index(table, []byte(find)) }
}

// whole puts everything into one table, and closes.
func (r rig) whole(t *testing.T) {
	t.Helper()
	if err := errors.Join(r.p.acct.flush(time.Now()), r.db.Flush(), r.db.Compact(t.Context(), []byte{0}, []byte{255}, false)); err != nil {
		t.Fatal(err)
	}
	r.close(t)
}

// TestDamage flips a bit somewhere in the state store. The processor does not start then, or goes on, or tries again for as long as it is damaged; when the file is
// restored, each event is stored once and all is counted.
func TestDamage(t *testing.T) {
	const shares, hours = 14, 100
	var refused, read, went int
	for i := range shares {
		share := float64(i) / (shares - 1)
		fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
		r := newRig(t, fs, l, e)
		first, begin := uint64(0), time.Now().Add(-(hours+2)*time.Hour)
		for n := range hours {
			var rows []event.Row
			for j := range 10 {
				x := row(fmt.Sprint("t", j), fmt.Sprint("id", n), 0)
				x.Site, x.ReceivedAt = fmt.Sprint("a site of some length ", j), begin.Add(time.Duration(n)*time.Hour).UnixMilli()
				x.TS = x.ReceivedAt
				rows = append(rows, x)
			}
			first = appendRows(t, l, 0, rows...)
			for j := range 10 {
				r.p.Rejected(fmt.Sprint("t", j), fmt.Sprint("a site of some length ", j), Rejection{Code: "too_deep", Count: 1, At: time.Now(), Message: "too deep", Example: strings.Repeat("x", 100)})
			}
		}
		r.runUntil(t, func() bool { return r.p.Visible(0, first) })
		r.whole(t)
		flip(t, fs, at(share))
		rows := func(id string) (rows []event.Row) {
			for j := range 10 {
				x := row(fmt.Sprint("t", j), id, 0)
				x.Site = fmt.Sprint("a site of some length ", j)
				rows = append(rows, x)
			}
			return rows
		}
		last := appendRows(t, l, 0, append(rows(fmt.Sprint("id", hours-1)), rows("new")...)...) // some were there before
		r, err := openRig(fs, l, e)
		if err != nil {
			if refused++; !damage.Of(err) {
				t.Errorf("at %v: does not start: %v", share, err)
			}
		} else {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			for j := range 10 { // without an example: what is there is read
				r.p.Rejected(fmt.Sprint("t", j), fmt.Sprint("a site of some length ", j), Rejection{Code: "too_deep", Count: 1, At: time.Now()})
			}
			if err := r.p.acct.flush(time.Now()); err != nil {
				t.Errorf("at %v: the accounting is not written: %v", share, err)
			}
			for j := range 10 {
				if _, err := r.p.Usage(fmt.Sprint("t", j), begin.Add(-time.Hour), time.Now()); damage.Of(err) {
					read++
				} else if err != nil {
					t.Errorf("at %v: usage: %v", share, err)
				}
			}
			if err := r.p.Run(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("at %v: the processor ended by itself: %v", share, err)
			}
			cancel()
			if r.p.Visible(0, last) {
				went++
			}
			r.close(t)
		}
		flip(t, fs, at(share))
		r = newRig(t, fs, l, e)
		r.runUntil(t, func() bool { return r.p.Visible(0, last) })
		r.close(t)
		if len(e.rows) != 10*(hours+1) {
			t.Errorf("at %v: %d rows are stored, want %d", share, len(e.rows), 10*(hours+1))
		}
	}
	if t.Logf("%d did not start, %d went on, %d reads failed", refused, went, read); refused == 0 || went == 0 || read == 0 {
		t.Error("not all of it was met")
	}
}

// TestDamagedExample: counts are written where the example of a rejected event is damaged.
func TestDamagedExample(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	for i := range 300 {
		r.p.Rejected("t1", fmt.Sprint("site", i), Rejection{Code: "too_deep", Count: 1, At: time.Now(), Message: "it is too deep", Example: fmt.Sprintf("example %d of them", i)})
	}
	r.whole(t)
	flip(t, fs, where("example 200 of them"))
	r = newRig(t, fs, l, e)
	defer r.close(t)
	for i := range 300 {
		r.p.Rejected("t1", fmt.Sprint("site", i), Rejection{Code: "too_deep", Count: 1, At: time.Now()})
	}
	if err := r.p.acct.flush(time.Now()); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedSteps: rollups try again where the sizes of inserts are damaged.
func TestDamagedSteps(t *testing.T) {
	const inserts, rows = 1000, 0x1234567890abcd
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	b := r.db.NewBatch()
	for n := range uint64(inserts) {
		if err := b.Set(keySeqRowsOf(writerMain, n+1), uint64Value(1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Set(keySeqRowsOf(writerMain, inserts/2), uint64Value(rows), nil), b.Set(key16(keySeq, writerMain), uint64Value(inserts), nil), b.Commit(nil)); err != nil {
		t.Fatal(err)
	}
	r.whole(t)
	flip(t, fs, where(string(uint64Value(rows))))
	r = newRig(t, fs, l, e)
	defer r.close(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := r.p.advanceRollups(ctx, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("rollups ended with %v", err)
	}
}
