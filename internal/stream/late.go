package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
)

// A late entry holds rows of one day that one commit of the main stream handed
// over. Key: l <day 4, offset so that it sorts><seq 8><part 4>. Value: version, row count, the
// origin of each row, the record.

const (
	lateVersion  = 1
	lateRefBytes = 2 + 8 + 4
	maxLateRows  = 10_000 // of one entry
	// maxLateEntries bounds the memory that waiting entries take, about 300 bytes each.
	maxLateEntries = 200_000
	maxLateBytes   = 4 << 20 // of one entry, uncompressed; the row that crosses it is included
)

var errLate = errors.New("entry of the late stream cannot be read")

func lateKey(day int32, seq uint64, part uint32) []byte {
	k := binary.BigEndian.AppendUint32([]byte{keyLate}, uint32(int64(day)-math.MinInt32))
	k = binary.BigEndian.AppendUint64(k, seq)
	return binary.BigEndian.AppendUint32(k, part)
}

func lateDay(key []byte) (int32, error) {
	if len(key) != 1+4+8+4 {
		return 0, fmt.Errorf("%w: key of %d bytes", errLate, len(key))
	}
	return int32(int64(binary.BigEndian.Uint32(key[1:])) + math.MinInt32), nil
}

func encodeLate(b *Block) []byte {
	v := make([]byte, 0, 5+lateRefBytes*b.Len()+b.Batch.Bytes())
	v = binary.BigEndian.AppendUint32(append(v, lateVersion), uint32(b.Len()))
	for i := range b.Partitions {
		v = binary.BigEndian.AppendUint16(v, b.Partitions[i])
		v = binary.BigEndian.AppendUint64(v, b.Offsets[i])
		v = binary.BigEndian.AppendUint32(v, b.Rows[i])
	}
	return b.Batch.AppendRecord(v)
}

// decodeLate appends the rows of an entry to b, or leaves b as it was.
func decodeLate(v []byte, b *Block) error {
	if len(v) < 5 || v[0] != lateVersion {
		return fmt.Errorf("%w: %d bytes", errLate, len(v))
	}
	n := int(binary.BigEndian.Uint32(v[1:]))
	v = v[5:]
	if n > len(v)/lateRefBytes {
		return fmt.Errorf("%w: cut off", errLate)
	}
	refs, rec := v[:n*lateRefBytes], v[n*lateRefBytes:]
	before := b.Batch.Rows()
	if err := b.Batch.DecodeRecord(rec); err != nil {
		return fmt.Errorf("%w: %w", errLate, err)
	}
	if b.Batch.Rows()-before != n {
		return fmt.Errorf("%w: %d rows and %d origins", errLate, b.Batch.Rows()-before, n)
	}
	for ; len(refs) > 0; refs = refs[lateRefBytes:] {
		b.Partitions = append(b.Partitions, binary.BigEndian.Uint16(refs))
		b.Offsets = append(b.Offsets, binary.BigEndian.Uint64(refs[2:]))
		b.Rows = append(b.Rows, binary.BigEndian.Uint32(refs[10:]))
	}
	return nil
}

// stageLate adds the late rows of src to the batch, one entry a day (several if it is large).
func stageLate(b *pebble.Batch, src *Block, rows []int, seq uint64) error {
	byDay := map[int32][]int{}
	ts := src.Batch.Times(event.ColTS)
	for _, i := range rows {
		d := dayOf(ts[i])
		byDay[d] = append(byDay[d], i)
	}
	for day, list := range byDay {
		part := uint32(0)
		for len(list) > 0 {
			e := newBlock()
			n := e.fill(src, list, maxLateRows, maxLateBytes)
			if err := b.Set(lateKey(day, seq, part), encodeLate(e), nil); err != nil {
				return fmt.Errorf("hand rows to the late stream: %w", err)
			}
			list = list[n:]
			part++
		}
	}
	return nil
}

// lateIntent is what the late writer is about to insert: the entries, by key.
func encodeLateIntent(seq uint64, keys [][]byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte{intentVersion}, seq)
	for _, k := range keys {
		b = append(b, k...)
	}
	return b
}

func decodeLateIntent(b []byte) (seq uint64, keys [][]byte, err error) {
	const size = 1 + 4 + 8 + 4
	if len(b) < 9 || b[0] != intentVersion || (len(b)-9)%size != 0 {
		return 0, nil, fmt.Errorf("%w: %d bytes", errIntent, len(b))
	}
	seq = binary.BigEndian.Uint64(b[1:])
	for b = b[9:]; len(b) > 0; b = b[size:] {
		keys = append(keys, b[:size])
	}
	return seq, keys, nil
}

// lateDays is how many days, and so partitions of the events table, one late insert may touch.
const lateDays = 40

// runLate inserts what waits in the late stream.
func (p *Processor) runLate(ctx context.Context) error {
	var last time.Time
	for {
		if err := p.waitLate(ctx, last); err != nil {
			return nil // ctx ended
		}
		last, p.lateTouched = time.Now(), lateDays
		if err := p.inTurn(ctx, slotLate, func() error { return p.retry(ctx, p.unhurried(p.commitLate), p.recoverLate) }); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// pauseLate is how long the late stream waits after the start of an insert, so that it makes no more than lateDays parts of the events table in a
// LateInterval: an insert that touched few days is soon followed by the next one, but not before a fifth of LateInterval. Half of LateInterval is enough where it touched as many as it may, for
// then others are likely to wait; when a whole block waits, a fifth is.
func (p *Processor) pauseLate(days, waiting int) time.Duration {
	switch {
	case waiting >= maxRows:
		return p.cfg.LateInterval / 5
	case days >= lateDays:
		return p.cfg.LateInterval / 2
	}
	return p.cfg.LateInterval * time.Duration(max(days, lateDays/5)) / lateDays
}

// waitLate returns when a late insert is due: something waits, LateGather has passed since it came, and the pause since the last insert.
func (p *Processor) waitLate(ctx context.Context, last time.Time) error {
	for {
		p.mu.Lock()
		rows, oldest := p.late.rows, p.late.oldest
		p.mu.Unlock()
		if rows > 0 {
			due := last.Add(p.pauseLate(p.lateTouched, rows))
			if first := oldest.Add(p.cfg.LateGather); first.After(due) {
				due = first
			}
			wait := time.Until(due)
			if wait <= 0 {
				return nil
			}
			if err := sleep(ctx, min(wait, time.Second)); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.lateWake:
		}
	}
}

// commitLate takes entries of at most lateDays days, in turn, and commits them.
func (p *Processor) commitLate(ctx context.Context) error {
	if err := p.free(writerLate); err != nil {
		return err
	}
	if err := p.waitDisk(ctx); err != nil {
		return err
	}
	keys, b, days, err := p.takeLate()
	p.lateTouched = days
	if err != nil || b.Len() == 0 {
		return err
	}
	seq := p.seq(writerLate) + 1
	p.observeLate.Observe(b.Batch)
	p.versions.begin(slotLate, p.observeLate.Tenants(), false)
	p.links.note(writerLate, seq, b.Batch)
	if err := p.db.Set(key16(keyIntent, writerLate), encodeLateIntent(seq, keys), pebble.Sync); err != nil {
		return fmt.Errorf("write intent of the late stream: %w", err)
	}
	p.fault("late-intent")
	if err := p.store(ctx, p.cfg.LateTable, writerLate, seq, b, false); err != nil {
		return err
	}
	return p.finishLate(seq, keys, b)
}

// takeLate reads the entries of the next turn from the state store. An entry that a commit of the main stream has just written, and not yet made known, waits for the
// next time: taken now, it would be forgotten in memory before it is learnt, and then be believed to wait for ever.
func (p *Processor) takeLate() (keys [][]byte, b *Block, touched int, err error) {
	p.mu.Lock()
	waiting := maps.Clone(p.late.entries) // to choose among many takes long, and others wait for the lock
	p.mu.Unlock()
	turn, last := lateTurn(waiting, p.lateTenant)
	b = newBlock()
	days := map[int32]bool{}
	for _, key := range turn {
		if b.Len() >= maxRows || b.Batch.Bytes() >= maxBytes {
			break
		}
		k := []byte(key)
		day, err := lateDay(k)
		if err != nil {
			return nil, nil, 0, err
		}
		value, err := readValue(p.db, k)
		if err != nil {
			return nil, nil, 0, err
		}
		if value == nil {
			return nil, nil, 0, fmt.Errorf("%w: it is missing", errLate)
		}
		if err := decodeLate(value, b); err != nil {
			return nil, nil, 0, err
		}
		days[day] = true
		keys = append(keys, k)
	}
	p.lateTenant = last
	return keys, b, len(days), nil
}

func (p *Processor) finishLate(seq uint64, keys [][]byte, b *Block) error {
	delta := map[hourKey]Counts{}
	received := b.Batch.Times(event.ColReceivedAt)
	tenants, of := b.Batch.Dict(event.ColTenant)
	sites, siteOf := b.Batch.Dict(event.ColSite)
	for i := range received {
		k := hourKey{hourOf(received[i]), string(tenants[of[i]]), string(sites[siteOf[i]])}
		c := delta[k]
		c.Stored++
		c.Late-- // wraps: added to what waits, it takes one away
		delta[k] = c
	}
	batch := p.db.NewBatch()
	for _, k := range keys {
		if err := batch.Delete(k, nil); err != nil {
			return fmt.Errorf("commit of the late stream: %w", err)
		}
	}
	if err := p.stageSeq(batch, writerLate, seq, b.Len()); err != nil {
		return err
	}
	if err := p.profiles.Commit(&p.observeLate, batch, func() error { return p.acct.commit(batch, delta, nil) }); err != nil {
		return fmt.Errorf("commit of the late stream: %w", err)
	}
	p.fault("late-commit")
	p.versions.inserted(writerLate, seq, p.observeLate.Tenants())
	p.mu.Lock()
	p.seqs[writerLate] = seq // as in advance
	for _, k := range keys {
		p.late.remove(string(k))
	}
	p.late.oldest = time.Now()
	p.mu.Unlock()
	p.charge(b.Batch, nil)
	p.publish(writerLate, seq, b.Len())
	p.versions.end(slotLate)
	p.metrics.commits.WithLabelValues("late").Inc()
	p.metrics.rows.WithLabelValues("late").Add(float64(b.Len()))
	return nil
}

// recoverLate finishes a pending intent of the late writer and learns what waits.
func (p *Processor) recoverLate(ctx context.Context) error {
	v, err := readValue(p.db, key16(keyIntent, writerLate))
	if err != nil || v == nil {
		if err == nil {
			p.versions.end(slotLate)
		}
		return err
	}
	seq, keys, err := decodeLateIntent(v)
	if err != nil {
		return err
	}
	b := newBlock()
	for _, k := range keys {
		v, err := readValue(p.db, k)
		if err != nil {
			return err
		}
		if v == nil {
			return fmt.Errorf("%w: an entry of the pending insert %d is missing", errLate, seq)
		}
		if err := decodeLate(v, b); err != nil {
			return err
		}
	}
	p.observeLate.Observe(b.Batch)
	p.versions.begin(slotLate, p.observeLate.Tenants(), false)
	p.links.note(writerLate, seq, b.Batch)
	p.log.Info("finishing the interrupted insert of the late stream", "seq", seq, "rows", b.Len())
	if err := p.store(ctx, p.cfg.LateTable, writerLate, seq, b, true); err != nil {
		return err
	}
	return p.finishLate(seq, keys, b)
}

// loadLate learns what waits in the late stream.
func (p *Processor) loadLate() error {
	b := newBlock()
	return scan(p.db, []byte{keyLate}, func(key, value []byte) error {
		b.reset()
		if err := decodeLate(value, b); err != nil {
			return err
		}
		p.late.add(string(key), newLateEntry(b, len(value)), time.Now())
		return nil
	})
}
