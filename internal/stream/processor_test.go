package stream

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/dedupe"
	"weir/internal/event"
)

func appendRows(t *testing.T, l *memLog, part uint16, rows ...event.Row) uint64 {
	t.Helper()
	b := event.NewBatch()
	for i := range rows {
		b.Append(&rows[i])
	}
	off, err := l.Append(context.Background(), part, b.AppendRecord(nil))
	if err != nil {
		t.Fatal(err)
	}
	return off
}

func row(tenant, id string, age time.Duration) event.Row {
	now := time.Now()
	return event.Row{Tenant: tenant, Site: "s", Type: []byte("pageview"), EventID: []byte(id), Flags: event.FlagSenderID,
		ReceivedAt: now.UnixMilli(), TS: now.Add(-age).UnixMilli()}
}

// TestQuarantine puts records into the log that cannot be decoded: they go to quarantine with a reason, and everything else is processed.
func TestQuarantine(t *testing.T) {
	l, e := newMemLog(2), newFakeEngine()
	appendRows(t, l, 0, row("t1", "a", 0))
	if _, err := l.Append(t.Context(), 0, []byte("no record at all")); err != nil {
		t.Fatal(err)
	}
	appendRows(t, l, 0, row("t1", "b", 0))
	l.parts[1] = append(l.parts[1], eventlogRecordLost())
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	defer x.stop()
	settled(t, x)
	if len(e.rows) != 2 {
		t.Errorf("%d rows are stored, want 2", len(e.rows))
	}
	list, err := x.p.Quarantine()
	if err != nil || len(list) != 2 || list[0].Offset != 1 || list[0].Reason == "" || list[1].Partition != 1 {
		t.Fatalf("quarantine: %+v, %v", list, err)
	}
	q, err := x.p.QuarantineRecord(list[0].ID)
	if err != nil || string(q.Data) != "no record at all" {
		t.Errorf("record %+v, %v", q, err)
	}
	if _, _, err := x.p.DecodeQuarantine(list[0].ID); !errors.Is(err, ErrStillUndecodable) {
		t.Errorf("decoding it again: %v", err)
	}
	if err := x.p.DropQuarantine(list[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := x.p.QuarantineRecord(list[0].ID); !errors.Is(err, ErrNoQuarantine) {
		t.Errorf("a dropped record: %v", err)
	}
}

// TestUnknownTenant checks that rows of a tenant that is gone are counted and not stored.
func TestUnknownTenant(t *testing.T) {
	l, e := newMemLog(1), newFakeEngine()
	appendRows(t, l, 0, row("t1", "a", 0), row("gone", "b", 0))
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	defer x.stop()
	settled(t, x)
	if len(e.rows) != 1 || e.rows[0].tenant != "t1" {
		t.Errorf("stored: %+v", e.rows)
	}
	hours, err := x.p.Usage("gone", time.Time{}, time.Now().Add(time.Hour))
	if err != nil || len(hours) != 1 || hours[0].Filtered != 1 || hours[0].Received != 1 {
		t.Errorf("accounting: %+v", hours)
	}
}

// TestVisible checks that a token is visible when its rows are, late ones included.
func TestVisible(t *testing.T) {
	l, e := newMemLog(2), newFakeEngine()
	now := appendRows(t, l, 0, row("t1", "a", 0))
	late := appendRows(t, l, 1, row("t1", "b", 30*24*time.Hour))
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	defer x.stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := x.p.WaitVisible(ctx, map[uint16]uint64{0: now, 1: late}); err != nil {
		t.Fatal(err)
	}
	if len(e.rows) != 2 {
		t.Errorf("both rows are said to be visible, %d are stored", len(e.rows))
	}
	if x.p.Visible(0, now+1) || x.p.Visible(9, 0) {
		t.Error("an offset that does not exist is visible")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.p.WaitVisible(gone, map[uint16]uint64{0: now + 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting without end: %v", err)
	}
}

// TestTruncate checks that only processed records leave the log, by age and by size.
func TestTruncate(t *testing.T) {
	l, e := newMemLog(1), newFakeEngine()
	for range 10 {
		appendRows(t, l, 0, row("t1", "x", 0))
	}
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	defer x.stop()
	settled(t, x)
	first := func() uint64 { f, _ := l.Bounds(0); return f }
	if err := x.p.truncate(t.Context(), time.Now()); err != nil || first() != 0 {
		t.Fatalf("young records were removed up to %d, %v", first(), err)
	}
	x.p.cfg.KeepBytes = l.Size(0) / 2
	if err := x.p.truncate(t.Context(), time.Now()); err != nil || first() < 4 || first() > 6 {
		t.Fatalf("half of the bytes may stay, the log begins at %d, %v", first(), err)
	}
	x.p.mu.Lock()
	x.p.next[0] = 7 // as if the last three were not processed
	x.p.mu.Unlock()
	if err := x.p.truncate(t.Context(), time.Now().Add(100*time.Hour)); err != nil || first() != 7 {
		t.Errorf("old records were removed up to %d, want 7, %v", first(), err)
	}
	x.p.mu.Lock()
	x.p.next[0] = 10
	x.p.mu.Unlock()
}

// TestPace checks that doors are slowed down only while the processor moves, is behind, and has much to do; and who sends little beside others later.
func TestPace(t *testing.T) {
	l, e := newMemLog(1), newFakeEngine()
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	x.stop()
	appendRows(t, l, 0, row("t1", "a", 0))
	of := func(tenant string, behind, sinceCommit time.Duration) time.Duration {
		for {
			now := time.Now()
			x.p.processed[0] = now.Add(-behind)
			x.p.lastCommit.Store(now.Add(-sinceCommit).UnixNano())
			if d := x.p.Pace(tenant); time.Since(now) < 100*time.Millisecond { // else it is further behind by now
				return d
			}
		}
	}
	at := func(behind, sinceCommit time.Duration) time.Duration { return of("t1", behind, sinceCommit) }
	if d := at(time.Minute, 0); d != 0 {
		t.Errorf("one event has waited for a minute: %v", d)
	}
	if _, err := l.Append(t.Context(), 0, make([]byte, paceBytes)); err != nil {
		t.Fatal(err)
	}
	if d := at(1400*time.Millisecond, 0); d != 0 {
		t.Errorf("1.4 s behind: %v", d)
	}
	a, b := at(3*time.Second, 0), at(5*time.Second, 0)
	if a <= 0 || b <= a || b > paceMax {
		t.Errorf("3 s behind: %v, 5 s behind: %v", a, b)
	}
	if d := at(time.Hour, 0); d != paceMax {
		t.Errorf("an hour behind: %v", d)
	}
	x.p.stalled.Store(true)
	if d := at(time.Hour, 0); d != 0 {
		t.Errorf("when the engine is down: %v", d)
	}
	x.p.stalled.Store(false)
	if d := at(time.Hour, time.Minute); d != 0 {
		t.Errorf("when nothing moves: %v", d)
	}

	b1, r := event.NewBatch(), row("t1", "b", 0)
	b1.Append(&r)
	if x.p.Appended(b1); x.p.senders.now["t1"] != float64(b1.Bytes()) {
		t.Errorf("an append of t1 is known as %v, want %d bytes", x.p.senders.now, b1.Bytes())
	}
	x.p.senders = senders{began: time.Now(), now: map[string]float64{}, before: map[string]float64{"t1": 9000, "t2": 1000}, typical: 8200}
	if heavy, light := at(3*time.Second, 0), of("t2", 3*time.Second, 0); heavy <= 0 || light != 0 {
		t.Errorf("beside each other at 3 s: who sends most waits %v, the other %v", heavy, light)
	}
	if heavy, light := at(5*time.Second, 0), of("t2", 5*time.Second, 0); light <= 0 || light >= heavy {
		t.Errorf("beside each other at 5 s: who sends most waits %v, the other %v", heavy, light)
	}
}

// TestScratch: the memory of commits is that of a burst only for a while after it.
func TestScratch(t *testing.T) {
	var s scratch
	now := time.Now()
	commit := func(rows int) *Block {
		s.begin(now)
		for range rows {
			r := row("t1", "a", 0)
			r.URL = bytes.Repeat([]byte("x"), 4096)
			s.in.Batch.Append(&r)
		}
		s.taken(now)
		return s.in
	}
	small := commit(10)
	now = now.Add(time.Hour)
	burst := commit(largeBytes / 4096)
	if burst != small {
		t.Error("without a burst the memory was given back")
	}
	s.fresh = make([]dedupe.Entry, 1)
	now = now.Add(keepLarge - time.Second)
	if commit(10) != burst || s.in.Batch.Rows() != 10 {
		t.Error("soon after a burst the memory was given back, or had rows still")
	}
	now = now.Add(time.Second)
	if commit(10) == burst || s.fresh != nil || s.in.Batch.Rows() != 10 {
		t.Error("a minute after the burst its memory was kept")
	}
	after := s.in
	now = now.Add(time.Hour)
	if commit(10) != after {
		t.Error("small commits gave their memory back")
	}
}

// TestSenders checks who counts as sending little.
func TestSenders(t *testing.T) {
	for _, tc := range []struct {
		name  string
		sent  map[string]int
		light map[string]bool
	}{
		{"one alone", map[string]int{"a": 10}, map[string]bool{"a": false, "new": true}},
		{"equals", map[string]int{"a": 10, "b": 10, "c": 11}, map[string]bool{"a": false, "b": false, "c": false}},
		{"one far above", map[string]int{"a": 2000, "b": 300}, map[string]bool{"a": false, "b": true}},
		{"many that send next to nothing do not make the second heavy", map[string]int{"a": 2000, "b": 300, "c": 1, "d": 1, "e": 1, "f": 1}, map[string]bool{"a": false, "b": true, "c": true}},
	} {
		s, at := senders{}, time.Now()
		for tenant, n := range tc.sent {
			s.sent(tenant, n, at)
		}
		if s.light("nobody", at) {
			t.Errorf("%s: in the first window nobody is known to send much, so nobody sends little", tc.name)
		}
		for tenant, want := range tc.light {
			if got := s.light(tenant, at.Add(senderWindow)); got != want {
				t.Errorf("%s: %s sends little: %v", tc.name, tenant, got)
			}
		}
		if s.sent("new", 1<<20, at.Add(senderWindow)); s.light("new", at.Add(senderWindow)) {
			t.Errorf("%s: who has just begun to send much counts as light", tc.name)
		}
		if s.light("a", at.Add(5*senderWindow)); len(s.before)+len(s.now) != 0 {
			t.Errorf("%s: long after, %v and %v are still known", tc.name, s.before, s.now)
		}
	}
}

// TestBacklog checks the bounds at which doors refuse.
func TestBacklog(t *testing.T) {
	l, e := newMemLog(1), newFakeEngine()
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	x.stop()
	appendRows(t, l, 0, row("t1", "a", 0))
	if err := x.p.Backlog(); err != nil {
		t.Error(err)
	}
	x.p.cfg.MaxBacklog = l.Size(0) - 1
	if err := x.p.Backlog(); !errors.Is(err, ErrBacklog) {
		t.Errorf("above the bound: %v", err)
	}
	x.p.cfg.MaxBacklog = 1 << 30
	x.p.late.bytes = x.p.cfg.MaxLate + 1
	if err := x.p.Backlog(); !errors.Is(err, ErrBacklog) {
		t.Errorf("late rows above the bound: %v", err)
	}
}
