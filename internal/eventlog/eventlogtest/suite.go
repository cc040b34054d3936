// Package eventlogtest holds the tests that every eventlog.Log must pass.
package eventlogtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"weir/internal/eventlog"
)

// Harness makes the logs under test. Every log has at least two partitions.
type Harness struct {
	// Open returns a new, empty log. The harness closes it when the test ends, if the test has not.
	Open func(t *testing.T) eventlog.Log
	// Reopen closes a log that Open or Reopen returned and opens the same data again.
	Reopen func(t *testing.T, l eventlog.Log) eventlog.Log
	// Damage changes a stored record behind the log's back, so that its checksum
	// no longer matches. Nil skips the tests that need it.
	Damage func(t *testing.T, l eventlog.Log, partition uint16, offset uint64)
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Empty", testEmpty},
		{"Offsets", testOffsets},
		{"Concurrent", testConcurrent},
		{"Start", testStart},
		{"Reopen", testReopen},
		{"ReadLimits", testReadLimits},
		{"Truncate", testTruncate},
		{"TruncateByAge", testTruncateByAge},
		{"TruncateBySize", testTruncateBySize},
		{"Wait", testWait},
		{"TooLarge", testTooLarge},
		{"BadPartition", testBadPartition},
		{"Cancelled", testCancelled},
		{"Closed", testClosed},
		{"Damaged", testDamaged},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

func mustAppend(t *testing.T, l eventlog.Log, p uint16, data string) uint64 {
	t.Helper()
	off, err := l.Append(t.Context(), p, []byte(data))
	if err != nil {
		t.Fatalf("append to partition %d: %v", p, err)
	}
	return off
}

// readAll reads a partition from an offset to its end, in steps of maxBytes.
func readAll(t *testing.T, l eventlog.Log, p uint16, from uint64, maxBytes int) []eventlog.Record {
	t.Helper()
	var out []eventlog.Record
	for {
		recs, err := l.Read(t.Context(), p, from, maxBytes)
		if err != nil {
			t.Fatalf("read partition %d from %d: %v", p, from, err)
		}
		if len(recs) == 0 {
			return out
		}
		for i, r := range recs {
			if r.Partition != p || r.Offset != from+uint64(i) {
				t.Fatalf("record %d of the answer is %d/%d, want %d/%d", i, r.Partition, r.Offset, p, from+uint64(i))
			}
		}
		from += uint64(len(recs))
		out = append(out, recs...)
	}
}

func wantBounds(t *testing.T, l eventlog.Log, p uint16, first, next uint64) {
	t.Helper()
	if f, n := l.Bounds(p); f != first || n != next {
		t.Fatalf("bounds of partition %d are [%d, %d), want [%d, %d)", p, f, n, first, next)
	}
}

func testEmpty(t *testing.T, h Harness) {
	l := h.Open(t)
	if l.Partitions() < 2 {
		t.Fatalf("%d partitions, the suite needs 2", l.Partitions())
	}
	wantBounds(t, l, 0, 0, 0)
	for _, from := range []uint64{0, 7} {
		if recs, err := l.Read(t.Context(), 0, from, 1000); err != nil || len(recs) != 0 {
			t.Errorf("read of an empty partition from %d: %d records, %v", from, len(recs), err)
		}
	}
	if off, err := l.OffsetAt(t.Context(), 0, time.Now()); err != nil || off != 0 {
		t.Errorf("OffsetAt of an empty partition: %d, %v", off, err)
	}
	if l.Size(0) != 0 {
		t.Errorf("size of an empty partition is %d", l.Size(0))
	}
}

func testOffsets(t *testing.T, h Harness) {
	l := h.Open(t)
	before := time.Now().Truncate(time.Millisecond)
	for i := range 5 {
		for p := range uint16(2) {
			if off := mustAppend(t, l, p, fmt.Sprintf("%d-%d", p, i)); off != uint64(i) {
				t.Fatalf("offset %d, want %d", off, i)
			}
			wantBounds(t, l, p, 0, uint64(i)+1)
		}
	}
	mustAppend(t, l, 1, "")
	recs := readAll(t, l, 1, 0, 1<<20)
	if len(recs) != 6 || string(recs[3].Data) != "1-3" {
		t.Fatalf("read back %d records, %v", len(recs), recs)
	}
	if recs[5].Data == nil || len(recs[5].Data) != 0 {
		t.Errorf("an empty record came back as %v, want empty and not nil", recs[5].Data)
	}
	last := before
	for _, r := range recs {
		if r.Time.Before(last) || r.Time.After(time.Now()) {
			t.Errorf("record %d has time %v, after one with %v", r.Offset, r.Time, last)
		}
		last = r.Time
	}
	if n := l.Size(0); n < 15 {
		t.Errorf("size of 5 records of 3 bytes is %d", n)
	}
}

// testConcurrent appends from many goroutines while readers follow: no gap, no
// repeat, each producer's order kept, everything below next readable.
func testConcurrent(t *testing.T, h Harness) {
	l := h.Open(t)
	const producers, each = 16, 40
	var wg sync.WaitGroup
	for w := range producers {
		wg.Go(func() {
			p, prev := uint16(w%2), int64(-1)
			for i := range each {
				off, err := l.Append(t.Context(), p, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(i)))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				if int64(off) <= prev {
					t.Errorf("offset %d after %d", off, prev)
				}
				prev = int64(off)
				if _, next := l.Bounds(p); next <= off {
					t.Errorf("offset %d is acknowledged, next is %d", off, next)
				}
			}
		})
	}
	read := make([][]eventlog.Record, 2)
	for p := range uint16(2) {
		wg.Go(func() { read[p] = follow(t, l, p, producers/2*each) })
	}
	wg.Wait()
	for p, recs := range read {
		next := map[uint32]uint32{}
		for i, r := range recs {
			if r.Offset != uint64(i) || len(r.Data) != 8 {
				t.Fatalf("record %d of partition %d has offset %d and %d bytes", i, p, r.Offset, len(r.Data))
			}
			w, n := binary.BigEndian.Uint32(r.Data), binary.BigEndian.Uint32(r.Data[4:])
			if next[w] != n {
				t.Fatalf("producer %d: record %d where %d was due", w, n, next[w])
			}
			next[w]++
		}
	}
}

// follow reads n records of a partition as they come.
func follow(t *testing.T, l eventlog.Log, p uint16, n int) []eventlog.Record {
	var out []eventlog.Record
	seen := make([]uint64, l.Partitions())
	for len(out) < n {
		for i := range seen {
			if uint16(i) != p {
				_, seen[i] = l.Bounds(uint16(i))
			}
		}
		seen[p] = uint64(len(out))
		if err := l.Wait(t.Context(), seen); err != nil {
			t.Errorf("wait: %v", err)
			return out
		}
		recs, err := l.Read(t.Context(), p, uint64(len(out)), 100)
		if err != nil {
			t.Errorf("read: %v", err)
			return out
		}
		out = append(out, recs...)
	}
	return out
}

// testStart starts records without waiting in between: they keep their order.
func testStart(t *testing.T, h Harness) {
	l := h.Open(t)
	s, ok := l.(eventlog.Starter)
	if !ok {
		t.Skip("this log has no Start")
	}
	const n = 50
	waits := make([]func() (uint64, error), n)
	for i := range waits {
		var err error
		if waits[i], err = s.Start(t.Context(), 1, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i, wait := range waits {
		wg.Go(func() {
			if off, err := wait(); err != nil || off != uint64(i) {
				t.Errorf("record %d got offset %d, %v", i, off, err)
			}
		})
	}
	wg.Wait()
	for i, r := range readAll(t, l, 1, 0, 1<<20) {
		if string(r.Data) != fmt.Sprint(i) {
			t.Errorf("offset %d holds %q", i, r.Data)
		}
	}
	if _, err := s.Start(t.Context(), 1, make([]byte, eventlog.MaxRecord+1)); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("start above MaxRecord: %v", err)
	}
}

func testReopen(t *testing.T, h Harness) {
	l := h.Open(t)
	n := 0
	for round := range 3 {
		for range 20 {
			mustAppend(t, l, 1, fmt.Sprint(n))
			n++
		}
		if round == 1 {
			if err := l.Truncate(t.Context(), 1, 30); err != nil {
				t.Fatal(err)
			}
		}
		size := l.Size(1)
		l = h.Reopen(t, l)
		first := uint64(0)
		if round >= 1 {
			first = 30
		}
		wantBounds(t, l, 1, first, uint64(n))
		for i, r := range readAll(t, l, 1, first, 10) {
			if string(r.Data) != fmt.Sprint(int(first)+i) {
				t.Fatalf("record %d holds %q", r.Offset, r.Data)
			}
		}
		if got := l.Size(1); got < size/2 || got > size*2 {
			t.Errorf("size is %d after reopening, was %d", got, size)
		}
	}
	// All records gone: the next offset must not start again.
	if err := l.Truncate(t.Context(), 1, uint64(n)); err != nil {
		t.Fatal(err)
	}
	l = h.Reopen(t, l)
	wantBounds(t, l, 1, uint64(n), uint64(n))
	if off := mustAppend(t, l, 1, "x"); off != uint64(n) {
		t.Errorf("offset after a full truncation is %d, want %d", off, n)
	}
	wantBounds(t, l, 0, 0, 0)
}

func testReadLimits(t *testing.T, h Harness) {
	l := h.Open(t)
	for i := range 10 {
		mustAppend(t, l, 0, fmt.Sprintf("%010d", i))
	}
	big := make([]byte, eventlog.MaxRecord)
	if _, err := l.Append(t.Context(), 0, big); err != nil {
		t.Fatalf("append of the largest record: %v", err)
	}
	for _, c := range []struct {
		from     uint64
		max      int
		min, top int // records
	}{
		{0, 0, 1, 1}, {0, 1, 1, 1}, {0, 30, 3, 4}, {8, 1 << 30, 3, 3}, {10, 1, 1, 1}, {11, 100, 0, 0}, {99, 100, 0, 0},
	} {
		recs, err := l.Read(t.Context(), 0, c.from, c.max)
		if err != nil || len(recs) < c.min || len(recs) > c.top {
			t.Errorf("read from %d with %d bytes: %d records, %v; want %d to %d", c.from, c.max, len(recs), err, c.min, c.top)
		}
	}
	if n := len(readAll(t, l, 0, 0, 25)); n != 11 {
		t.Errorf("read %d records in steps", n)
	}
	if n := len(readAll(t, l, 0, 10, 25)[0].Data); n != len(big) {
		t.Errorf("largest record came back with %d bytes", n)
	}
}

func testWait(t *testing.T, h Harness) {
	l := h.Open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := l.Wait(ctx, make([]uint64, l.Partitions())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait on an empty log ended with %v, want the deadline", err)
	}
	const waiters = 8
	woken := make(chan error, waiters)
	for range waiters {
		go func() { woken <- l.Wait(t.Context(), make([]uint64, l.Partitions())) }()
	}
	mustAppend(t, l, 1, "x")
	for range waiters {
		select {
		case err := <-woken:
			if err != nil {
				t.Errorf("wait: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("an append did not wake a waiter")
		}
	}
	if err := l.Wait(t.Context(), make([]uint64, l.Partitions())); err != nil {
		t.Errorf("wait for what is there already: %v", err)
	}
	seen := make([]uint64, l.Partitions())
	seen[1] = 1
	go func() { woken <- l.Wait(t.Context(), seen) }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-woken:
		if !errors.Is(err, eventlog.ErrClosed) {
			t.Errorf("wait across Close: %v, want ErrClosed", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Close did not wake a waiter")
	}
}

func testTooLarge(t *testing.T, h Harness) {
	l := h.Open(t)
	if _, err := l.Append(t.Context(), 0, make([]byte, eventlog.MaxRecord+1)); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("append above MaxRecord: %v, want ErrTooLarge", err)
	}
	wantBounds(t, l, 0, 0, 0)
	if off := mustAppend(t, l, 0, "x"); off != 0 {
		t.Errorf("a refused record took an offset: next got %d", off)
	}
}

func testBadPartition(t *testing.T, h Harness) {
	l := h.Open(t)
	p := uint16(l.Partitions())
	_, err := l.Append(t.Context(), p, []byte("x"))
	_, err2 := l.Read(t.Context(), p, 0, 1)
	_, err3 := l.OffsetAt(t.Context(), p, time.Now())
	for i, err := range []error{err, err2, err3, l.Truncate(t.Context(), p, 0)} {
		if err == nil {
			t.Errorf("operation %d on a partition that does not exist succeeded", i)
		}
	}
}

func testCancelled(t *testing.T, h Harness) {
	l := h.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, 0, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("append with an ended context: %v", err)
	}
	mustAppend(t, l, 0, "y")
	if err := l.Wait(ctx, []uint64{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("wait with an ended context: %v", err)
	}
}

func testClosed(t *testing.T, h Harness) {
	l := h.Open(t)
	var wg sync.WaitGroup
	var acked sync.Map
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				off, err := l.Append(t.Context(), uint16(w%2), []byte{byte(w), byte(i)})
				if errors.Is(err, eventlog.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("append during Close: %v", err)
					return
				}
				acked.Store([2]uint64{uint64(w % 2), off}, []byte{byte(w), byte(i)})
			}
		})
	}
	for _, next := l.Bounds(0); next < 5; _, next = l.Bounds(0) {
		time.Sleep(100 * time.Microsecond)
	}
	re := h.Reopen(t, l)
	wg.Wait()
	_, err := l.Append(t.Context(), 0, nil)
	_, err2 := l.Read(t.Context(), 0, 0, 1)
	for i, err := range []error{err, err2, l.Truncate(t.Context(), 0, 1), l.Wait(t.Context(), nil), l.Close()} {
		if !errors.Is(err, eventlog.ErrClosed) {
			t.Errorf("operation %d on a closed log: %v, want ErrClosed", i, err)
		}
	}
	recs := map[uint64][]eventlog.Record{0: readAll(t, re, 0, 0, 1<<20), 1: readAll(t, re, 1, 0, 1<<20)}
	acked.Range(func(k, v any) bool {
		at := k.([2]uint64)
		if all := recs[at[0]]; uint64(len(all)) <= at[1] || string(all[at[1]].Data) != string(v.([]byte)) {
			t.Errorf("record %v was acknowledged and is not there", at)
		}
		return true
	})
}

func testDamaged(t *testing.T, h Harness) {
	if h.Damage == nil {
		t.Skip("this log cannot be damaged from outside")
	}
	l := h.Open(t)
	for i := range 5 {
		mustAppend(t, l, 0, fmt.Sprintf("record %d", i))
	}
	h.Damage(t, l, 0, 1)
	h.Damage(t, l, 0, 4)
	for range 2 {
		recs := readAll(t, l, 0, 0, 1000)
		if len(recs) != 5 {
			t.Fatalf("read %d records, want 5", len(recs))
		}
		for i, r := range recs {
			want := fmt.Sprintf("record %d", i)
			if i == 1 || i == 4 {
				if r.Data != nil {
					t.Errorf("damaged record %d came back as %q, want nil", i, r.Data)
				}
			} else if string(r.Data) != want {
				t.Errorf("record %d came back as %q", i, r.Data)
			}
		}
		if _, err := l.OffsetAt(t.Context(), 0, time.Now().Add(time.Hour)); err != nil {
			t.Errorf("OffsetAt beside a damaged record: %v", err)
		}
		l = h.Reopen(t, l)
		wantBounds(t, l, 0, 0, 5)
	}
	if err := l.Truncate(t.Context(), 0, 1); err != nil {
		t.Errorf("truncation to a damaged record: %v", err)
	}
	if off := mustAppend(t, l, 0, "next"); off != 5 {
		t.Errorf("offset after a damaged last record is %d, want 5", off)
	}
}
