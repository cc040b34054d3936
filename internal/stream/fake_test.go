package stream

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/rollup"
)

// memLog is an event log in memory whose appends are durable at once.
type memLog struct {
	mu      sync.Mutex
	parts   [][]eventlog.Record
	first   []uint64
	changed chan struct{}
}

func newMemLog(partitions int) *memLog {
	return &memLog{parts: make([][]eventlog.Record, partitions), first: make([]uint64, partitions), changed: make(chan struct{})}
}

func (l *memLog) Partitions() int { return len(l.parts) }

func (l *memLog) Append(_ context.Context, part uint16, data []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	off := l.first[part] + uint64(len(l.parts[part]))
	l.parts[part] = append(l.parts[part], eventlog.Record{Partition: part, Offset: off, Time: time.Now(), Data: data})
	close(l.changed)
	l.changed = make(chan struct{})
	return off, nil
}

func (l *memLog) Read(_ context.Context, part uint16, off uint64, maxBytes int) ([]eventlog.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off < l.first[part] {
		return nil, eventlog.ErrTruncated
	}
	var out []eventlog.Record
	for _, r := range l.parts[part][min(off-l.first[part], uint64(len(l.parts[part]))):] {
		if len(out) > 0 && maxBytes <= 0 {
			break
		}
		maxBytes -= len(r.Data)
		out = append(out, r)
	}
	return out, nil
}

func (l *memLog) Bounds(part uint16) (uint64, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first[part], l.first[part] + uint64(len(l.parts[part]))
}

func (l *memLog) Wait(ctx context.Context, seen []uint64) error {
	for {
		l.mu.Lock()
		for part := range l.parts {
			if l.first[part]+uint64(len(l.parts[part])) > seen[part] {
				l.mu.Unlock()
				return nil
			}
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (l *memLog) Truncate(_ context.Context, part uint16, off uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off > l.first[part] {
		l.parts[part] = l.parts[part][off-l.first[part]:]
		l.first[part] = off
	}
	return nil
}

func (l *memLog) OffsetAt(_ context.Context, part uint16, t time.Time) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := sort.Search(len(l.parts[part]), func(i int) bool { return !l.parts[part][i].Time.Before(t) })
	return l.first[part] + uint64(i), nil
}

func (l *memLog) Size(part uint16) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, r := range l.parts[part] {
		n += int64(len(r.Data))
	}
	return n
}

func (l *memLog) Close() error { return nil }

// storedRow is a row of the fake events table.
type storedRow struct {
	writer   uint16
	seq      uint64
	tenant   string
	id       string
	part     uint16
	off      uint64
	row      uint32
	ts       int64
	payload  uint32
	received int64
	links    bool
}

// in says whether a projection has something of the row.
func (s storedRow) in(r rollup.Rollup) bool { return s.links || r.Name != rollup.Links.Name }

// fakeEngine is the events table and the rollups: durable, each day (month) of an insert whole or not at all.
type fakeEngine struct {
	mu      sync.Mutex
	rows    []storedRow
	counts  map[uint64]int                       // rows of inserts that nobody needs to hold
	cells   map[string]map[int]map[string]uint64 // rollup, month, tenant: events
	steps   map[string]map[int]map[uint16]uint64 // rollup, month, writer: highest step
	inserts int
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{cells: map[string]map[int]map[string]uint64{}, steps: map[string]map[int]map[uint16]uint64{}}
}

var errInjected = errors.New("injected failure")

// session is the engine as one life of the processor sees it: after dead it changes nothing any more.
type session struct {
	*fakeEngine
	rng    *rand.Rand // nil: nothing fails
	dead   bool       // guarded by fakeEngine.mu
	urgent []bool     // of the steps of rollups
}

func (e *session) fails() bool { return e.rng != nil && e.rng.IntN(4) == 0 }

func (e *session) Insert(_ context.Context, writer uint16, seq uint64, b *Block) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dead {
		return errInjected
	}
	e.inserts++
	days := sortedDays(b.days())
	fail := e.fails()
	for i, day := range days {
		if fail && e.rng.IntN(len(days)) <= i {
			return errInjected
		}
		e.insertDay(writer, seq, b, day)
	}
	if fail { // everything is there, but the caller does not learn it
		return errInjected
	}
	return nil
}

func (e *fakeEngine) insertDay(writer uint16, seq uint64, b *Block, day int32) {
	ts := b.Batch.Times(event.ColTS)
	for i := range b.Len() {
		if dayOf(ts[i]) != day {
			continue
		}
		e.rows = append(e.rows, storedRow{
			writer: writer, seq: seq, part: b.Partitions[i], off: b.Offsets[i], row: b.Rows[i], ts: ts[i],
			tenant:   string(b.Batch.Str(event.ColTenant, i)),
			id:       string(b.Batch.Str(event.ColEventID, i)),
			received: b.Batch.Times(event.ColReceivedAt)[i],
			payload:  b.Batch.PayloadHashes()[i],
			links:    string(b.Batch.Str(event.ColType, i)) == rollup.TypeIdentify,
		})
	}
}

func (e *session) Held(_ context.Context, writer uint16, seq uint64, days []int32) (map[int32]uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dead || e.fails() {
		return nil, errInjected
	}
	ask := map[int32]bool{}
	for _, d := range days {
		ask[d] = true
	}
	held := map[int32]uint64{}
	for _, r := range e.rows {
		if r.writer == writer && r.seq == seq && ask[dayOf(r.ts)] {
			held[dayOf(r.ts)]++
		}
	}
	return held, nil
}

func monthOf(ms int64) int {
	t := time.UnixMilli(ms).UTC()
	return t.Year()*100 + int(t.Month())
}

func (e *session) Advance(_ context.Context, r rollup.Rollup, writer uint16, from, to uint64, months []int, urgent bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.urgent = append(e.urgent, urgent)
	if e.dead {
		return errInjected
	}
	want := map[int]bool{}
	for _, m := range months {
		want[m] = true
	}
	add := map[int]map[string]uint64{}
	for _, row := range e.rows {
		m := monthOf(row.ts)
		if row.in(r) && row.writer == writer && row.seq > from && row.seq <= to && (len(months) == 0 || want[m]) {
			if add[m] == nil {
				add[m] = map[string]uint64{}
			}
			add[m][row.tenant]++
		}
	}
	fail := e.fails()
	for m, tenants := range add {
		if fail && e.rng.IntN(2) == 0 {
			return errInjected
		}
		if e.cells[r.Name] == nil {
			e.cells[r.Name], e.steps[r.Name] = map[int]map[string]uint64{}, map[int]map[uint16]uint64{}
		}
		if e.cells[r.Name][m] == nil {
			e.cells[r.Name][m], e.steps[r.Name][m] = map[string]uint64{}, map[uint16]uint64{}
		}
		for t, n := range tenants {
			e.cells[r.Name][m][t] += n
		}
		e.steps[r.Name][m][writer] = max(e.steps[r.Name][m][writer], to)
	}
	if fail {
		return errInjected
	}
	return nil
}

func (e *session) Missing(_ context.Context, r rollup.Rollup, writer uint16, from, to uint64) ([]int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dead || e.fails() {
		return nil, errInjected
	}
	var missing []int
	seen := map[int]bool{}
	for _, row := range e.rows {
		m := monthOf(row.ts)
		if row.in(r) && row.writer == writer && row.seq > from && row.seq <= to && !seen[m] {
			seen[m] = true
			if e.steps[r.Name][m][writer] != to {
				missing = append(missing, m)
			}
		}
	}
	return missing, nil
}

func (e *session) End(_ context.Context, writer uint16, from, to uint64, rows int) (uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dead || e.fails() {
		return 0, errInjected
	}
	per := maps.Clone(e.counts)
	if per == nil {
		per = map[uint64]int{}
	}
	for _, row := range e.rows {
		if row.writer == writer {
			per[row.seq]++
		}
	}
	end := from
	for total := 0; end < to; end++ {
		if total += per[end+1]; total > rows && end > from {
			break
		}
	}
	return end, nil
}

// eventlogRecordLost is a record whose checksum does not match.
func eventlogRecordLost() eventlog.Record {
	return eventlog.Record{Partition: 1, Time: time.Now()}
}
