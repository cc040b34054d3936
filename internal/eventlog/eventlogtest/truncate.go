package eventlogtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"weir/internal/eventlog"
)

func testTruncate(t *testing.T, h Harness) {
	l := h.Open(t)
	for i := range 10 {
		mustAppend(t, l, 0, fmt.Sprint(i))
		mustAppend(t, l, 1, fmt.Sprint(i))
	}
	for _, c := range []struct{ to, first uint64 }{{0, 0}, {4, 4}, {4, 4}, {2, 4}, {9, 9}, {10, 10}, {50, 10}} {
		if err := l.Truncate(t.Context(), 0, c.to); err != nil {
			t.Fatalf("truncate to %d: %v", c.to, err)
		}
		wantBounds(t, l, 0, c.first, 10)
		if n := len(readAll(t, l, 0, c.first, 1000)); n != int(10-c.first) {
			t.Errorf("after truncation to %d %d records are left", c.to, n)
		}
		if c.first > 0 {
			if _, err := l.Read(t.Context(), 0, c.first-1, 100); !errors.Is(err, eventlog.ErrTruncated) {
				t.Errorf("read before the first record: %v, want ErrTruncated", err)
			}
		}
	}
	if recs, err := l.Read(t.Context(), 0, 10, 100); err != nil || len(recs) != 0 {
		t.Errorf("read at the end of a truncated partition: %d records, %v", len(recs), err)
	}
	wantBounds(t, l, 1, 0, 10)
	if n := len(readAll(t, l, 1, 0, 1000)); n != 10 {
		t.Errorf("truncation of partition 0 left %d of 10 records in partition 1", n)
	}
	mustAppend(t, l, 0, "after")
	l = h.Reopen(t, l)
	wantBounds(t, l, 0, 10, 11)
	if recs := readAll(t, l, 0, 10, 100); len(recs) != 1 || string(recs[0].Data) != "after" {
		t.Errorf("after reopening partition 0 holds %v", recs)
	}
}

func testTruncateByAge(t *testing.T, h Harness) {
	l := h.Open(t)
	var times []time.Time
	for i := range 6 {
		off := mustAppend(t, l, 0, fmt.Sprint(i))
		times = append(times, readAll(t, l, 0, off, 1)[0].Time)
		for !time.Now().Truncate(time.Millisecond).After(times[i]) {
			time.Sleep(100 * time.Microsecond)
		}
	}
	at := func(tm time.Time) uint64 {
		t.Helper()
		off, err := l.OffsetAt(t.Context(), 0, tm)
		if err != nil {
			t.Fatal(err)
		}
		return off
	}
	for i, tm := range times {
		if got := at(tm); got != uint64(i) {
			t.Errorf("OffsetAt(time of %d) = %d", i, got)
		}
		if got := at(tm.Add(time.Microsecond)); got != uint64(i)+1 {
			t.Errorf("OffsetAt(just after %d) = %d", i, got)
		}
	}
	if got := at(time.Time{}); got != 0 {
		t.Errorf("OffsetAt(long ago) = %d", got)
	}
	if err := l.Truncate(t.Context(), 0, at(times[3])); err != nil {
		t.Fatal(err)
	}
	wantBounds(t, l, 0, 3, 6)
	if got := at(time.Time{}); got != 3 {
		t.Errorf("OffsetAt(long ago) after truncation = %d, want the first kept", got)
	}
	if got := at(time.Now().Add(time.Hour)); got != 6 {
		t.Errorf("OffsetAt(future) = %d, want next", got)
	}
}

func testTruncateBySize(t *testing.T, h Harness) {
	l := h.Open(t)
	data := string(make([]byte, 10_000))
	for range 20 {
		mustAppend(t, l, 0, data)
	}
	full := l.Size(0)
	if full < 150_000 || full > 400_000 {
		t.Errorf("size of 20 records of 10 kB is %d", full)
	}
	if err := l.Truncate(t.Context(), 0, 15); err != nil {
		t.Fatal(err)
	}
	if left := l.Size(0); left < full/8 || left > full*3/8 {
		t.Errorf("size of 5 of 20 records is %d of %d", left, full)
	}
	if l.Size(1) > 1000 {
		t.Errorf("size of an empty partition is %d", l.Size(1))
	}
}
