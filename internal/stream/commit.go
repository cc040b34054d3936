package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/dedupe"
	"weir/internal/event"
	"weir/internal/eventlog"
)

// taken is what one commit takes from the log.
type taken struct {
	spans   []span
	skipped []eventlog.Record    // could not be decoded; Data may be nil
	times   map[uint16]time.Time // of the last record taken
	began   time.Time            // before the log was read
	drained []uint16             // partitions that had nothing more
}

// commitMain takes what the log has, up to the bounds of one insert, and commits it.
func (p *Processor) commitMain(ctx context.Context) error {
	if err := p.free(writerMain); err != nil {
		return err
	}
	if err := p.waitDisk(ctx); err != nil {
		return err
	}
	s := &p.scratch
	s.begin(time.Now())
	t, err := p.take(ctx, s.in)
	s.taken(time.Now())
	if err != nil || len(t.spans) == 0 {
		return err
	}
	if err := p.judge(s); err != nil {
		return err
	}
	in := &intent{Seq: p.seq(writerMain) + 1, Spans: t.spans, Verdicts: s.verdicts}
	for _, r := range t.skipped {
		in.Skipped = append(in.Skipped, span{r.Partition, r.Offset, r.Offset + 1})
	}
	block, late := split(s.in, s.verdicts)
	p.observeMain.Observe(block.Batch)
	if block.Len() > 0 {
		p.versions.begin(slotMain, p.observeMain.Tenants(), false)
		p.links.note(writerMain, in.Seq, block.Batch)
		in.Hash = block.hash()
		if err := p.db.Set(key16(keyIntent, writerMain), in.encode(), pebble.Sync); err != nil {
			return fmt.Errorf("write intent: %w", err)
		}
		p.fault("intent")
		if err := p.store(ctx, p.cfg.Table, writerMain, in.Seq, block, false); err != nil {
			return err
		}
		p.fault("insert")
	}
	return p.finishMain(in, t, s.in, late, block.Len())
}

// take reads records of all partitions in turn and decodes them into b.
func (p *Processor) take(ctx context.Context, b *Block) (taken, error) {
	t := taken{times: map[uint16]time.Time{}}
	next := p.offsets()
	t.began = time.Now()
	for more := true; more; {
		more = false
		for part := range next {
			if _, end := p.cfg.Log.Bounds(uint16(part)); next[part] >= end {
				continue
			}
			recs, err := p.cfg.Log.Read(ctx, uint16(part), next[part], p.cfg.chunk)
			if err != nil {
				return t, fmt.Errorf("read the log: %w", err)
			}
			for _, r := range recs {
				if b.Len() >= maxRows || b.Batch.Bytes() >= maxBytes {
					return t, nil // with the last record it is a little more, which fits a block of OneBlockSettings
				}
				if !p.decode(ctx, r, b) {
					t.skipped = append(t.skipped, r)
				}
				t.extend(r)
				next[part] = r.Offset + 1
				more = true
			}
		}
	}
	for part := range next {
		t.drained = append(t.drained, uint16(part)) // at the latest look, which was after t.began
	}
	return t, nil
}

func (t *taken) extend(r eventlog.Record) {
	t.times[r.Partition] = r.Time
	// Only the last span may grow: the order of the spans is the order of the rows.
	if n := len(t.spans); n > 0 {
		if s := &t.spans[n-1]; s.Partition == r.Partition && s.To == r.Offset {
			s.To++
			return
		}
	}
	t.spans = append(t.spans, span{r.Partition, r.Offset, r.Offset + 1})
}

// decode appends the rows of a record to b. After three tries, reading it from the log anew each time, it gives
// up and returns false; b is then as it was.
func (p *Processor) decode(ctx context.Context, r eventlog.Record, b *Block) bool {
	for try := 0; ; try++ {
		before := b.Batch.Rows()
		if r.Data != nil {
			err := b.Batch.DecodeRecord(r.Data)
			if err == nil {
				b.addRefs(r.Partition, r.Offset, b.Batch.Rows()-before)
				return true
			}
			p.log.Warn("record cannot be decoded", "partition", r.Partition, "offset", r.Offset, "try", try+1, "error", err)
		}
		if try == 2 {
			return false
		}
		again, err := p.cfg.Log.Read(ctx, r.Partition, r.Offset, 1)
		if err == nil && len(again) > 0 {
			r = again[0]
		}
	}
}

// judge decides what happens to each row of s.in.
func (p *Processor) judge(s *scratch) error {
	b := s.in.Batch
	n := b.Rows()
	s.verdicts = append(s.verdicts[:0], make([]verdict, n)...)
	s.entries, s.rows, s.fresh = s.entries[:0], s.rows[:0], s.fresh[:0]
	numbers, known := p.tenantNumbers(b)
	_, tenantOf := b.Dict(event.ColTenant)
	sites, siteOf := b.Dict(event.ColSite)
	ts, received := b.Times(event.ColTS), b.Times(event.ColReceivedAt)
	flags, payloads := b.Flags(), b.PayloadHashes()
	lateAfter := p.cfg.LateAfter.Milliseconds()
	for i := range n {
		switch t := tenantOf[i]; {
		case !known[t]:
			s.verdicts[i] = verdictFilter
			continue
		case received[i]-ts[i] > lateAfter:
			s.verdicts[i] = verdictLate
			fallthrough
		default:
			if flags[i]&event.FlagSenderID == 0 {
				continue
			}
			id := b.Str(event.ColEventID, i)
			key := p.cfg.Dedupe.Key
			if flags[i]&event.FlagPublic != 0 {
				key = p.cfg.Dedupe.PublicKey
			}
			s.entries = append(s.entries, dedupe.Entry{
				Key:      key(numbers[t], sites[siteOf[i]], id),
				Payload:  payloads[i],
				Received: received[i],
				IDTime:   dedupe.IDTime(id),
			})
			s.rows = append(s.rows, i)
		}
	}
	return p.judgeRepeats(s)
}

func (p *Processor) judgeRepeats(s *scratch) error {
	if len(s.entries) == 0 {
		return nil
	}
	s.found = append(s.found[:0], make([]dedupe.Verdict, len(s.entries))...)
	if err := p.cfg.Dedupe.Check(s.entries, s.found); err != nil {
		return fmt.Errorf("look up event ids: %w", err)
	}
	for j, i := range s.rows {
		switch s.found[j] {
		case dedupe.New:
			s.fresh = append(s.fresh, s.entries[j])
		case dedupe.Duplicate:
			s.verdicts[i] = verdictDuplicate
		default:
			s.verdicts[i] = verdictConflict
		}
	}
	return nil
}

// tenantNumbers resolves the tenants of a batch, by their number in its dictionary.
func (p *Processor) tenantNumbers(b *event.Batch) (numbers []uint32, known []bool) {
	values, _ := b.Dict(event.ColTenant)
	numbers, known = make([]uint32, len(values)), make([]bool, len(values))
	for i, v := range values {
		numbers[i], known[i] = p.cfg.Tenants.Number(string(v))
	}
	return numbers, known
}

// split returns the rows to insert, and the indices of the rows for the late stream.
// Without any other row the block is in itself.
func split(in *Block, verdicts []verdict) (block *Block, late []int) {
	stored := 0
	for i, v := range verdicts {
		switch v {
		case verdictStore:
			stored++
		case verdictLate:
			late = append(late, i)
		}
	}
	if stored == in.Len() {
		return in, nil
	}
	rows := make([]int, 0, stored)
	for i, v := range verdicts {
		if v == verdictStore {
			rows = append(rows, i)
		}
	}
	block = newBlock()
	block.pick(in, rows)
	return block, late
}

// finishMain is step c of the protocol: one synced batch with the dedupe keys, the offsets, the late rows,
// the accounting and the end of the intent. Only then does anything become visible in memory.
func (p *Processor) finishMain(in *intent, t taken, all *Block, late []int, stored int) error {
	const keyBytes = 26 // of a remembered event id in the batch
	batch := p.db.NewBatchWithSize(4096 + keyBytes*len(p.scratch.fresh))
	staged, err := p.cfg.Dedupe.Stage(batch, p.scratch.fresh, in.Seq)
	if err != nil {
		return fmt.Errorf("remember event ids: %w", err)
	}
	if err := stageLate(batch, all, late, in.Seq); err != nil {
		return err
	}
	ends := map[uint16]uint64{}
	for _, s := range in.Spans {
		ends[s.Partition] = max(ends[s.Partition], s.To)
	}
	for part, to := range ends {
		if err := batch.Set(key16(keyOffset, part), uint64Value(to), nil); err != nil {
			return fmt.Errorf("commit offsets: %w", err)
		}
	}
	for _, r := range t.skipped {
		if err := stageQuarantine(batch, r, time.Now()); err != nil {
			return err
		}
	}
	if err := p.stageSeq(batch, writerMain, in.Seq, stored); err != nil {
		return fmt.Errorf("commit insert: %w", err)
	}
	delta := count(all, in.Verdicts, p.cfg.LateAfter.Milliseconds())
	entries, err := lateEntries(batch)
	if err != nil {
		return err
	}
	if err := p.profiles.Commit(&p.observeMain, batch, func() error { return p.acct.commit(batch, delta, rowsByHour(all.Batch)) }); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	p.fault("commit")
	if len(t.skipped) > 0 {
		p.poison.changed()
	}
	p.versions.inserted(writerMain, in.Seq, p.observeMain.Tenants())
	p.cfg.Dedupe.Apply(staged)
	p.charge(all.Batch, func(i int) bool { return in.Verdicts[i] == verdictStore })
	p.noteConflicts(all, in.Verdicts)
	p.acct.sight(delta, time.Now())
	p.advance(in, ends, t, all, entries)
	p.countMetrics(in, len(t.skipped))
	return nil
}

// drainSlack is how much older than the look at the log a record may be that was not readable then: it has its time, and waits for its sync.
const drainSlack = time.Second

// advance makes a commit visible in memory.
func (p *Processor) advance(in *intent, ends map[uint16]uint64, t taken, all *Block, entries map[string]lateEntry) {
	now := time.Now()
	p.lastCommit.Store(now.UnixNano())
	ts, received := all.Batch.Times(event.ColTS), all.Batch.Times(event.ColReceivedAt)
	p.mu.Lock()
	for k, e := range entries {
		for ref, s := range e.spans { // their records came behind what was processed before, however old what they hold says it is
			s.before = max(s.before, p.processed[ref.partition].UnixMilli())
			e.spans[ref] = s
		}
		p.late.add(k, e, now)
	}
	p.seqs[writerMain] = in.Seq // whoever is told that the rows can be seen finds them below Committed
	for part, to := range ends {
		p.next[part] = to
		if at, ok := t.times[part]; ok && at.After(p.processed[part]) {
			p.processed[part] = at
		}
	}
	for _, part := range t.drained {
		// The log's clock has whole milliseconds, and a record gets its time before it can be read.
		if at := t.began.Add(-drainSlack); at.After(p.processed[part]) {
			p.processed[part] = at
		}
	}
	for i, part := range all.Partitions {
		p.watermark[part] = max(p.watermark[part], min(ts[i], received[i]))
	}
	p.mu.Unlock()
	stored := 0
	for _, v := range in.Verdicts {
		if v == verdictStore {
			stored++
		}
	}
	p.publish(writerMain, in.Seq, stored)
	p.versions.end(slotMain)
	if len(entries) > 0 {
		p.signal(p.lateWake)
	}
}

// count is what a commit adds to the accounting, by site.
func count(b *Block, verdicts []verdict, lateAfter int64) map[hourKey]Counts {
	tenants, of := b.Batch.Dict(event.ColTenant)
	sites, siteOf := b.Batch.Dict(event.ColSite)
	ts, flags := b.Batch.Times(event.ColTS), b.Batch.Flags()
	var last *Counts
	var lastKey hourKey
	lastTenant, lastSite := uint32(0), uint32(0)
	at := map[hourKey]*Counts{}
	for i, ms := range b.Batch.Times(event.ColReceivedAt) {
		if h := hourOf(ms); last == nil || of[i] != lastTenant || siteOf[i] != lastSite || h != lastKey.hour {
			lastTenant, lastSite, lastKey = of[i], siteOf[i], hourKey{h, string(tenants[of[i]]), string(sites[siteOf[i]])}
			if last = at[lastKey]; last == nil {
				last = &Counts{}
				at[lastKey] = last
			}
		}
		switch verdicts[i] {
		case verdictStore:
			last.Stored++
		case verdictLate:
			last.Late++
		case verdictDuplicate:
			last.Deduplicated++
		case verdictConflict:
			last.Deduplicated++
			last.Conflicts++
		case verdictFilter:
			last.Filtered++
		}
		if late := ms - ts[i]; late > delayFrom && flags[i]&event.FlagImport == 0 && (verdicts[i] == verdictStore || verdicts[i] == verdictLate) {
			last.Delayed[delayOf(late, lateAfter)]++
		}
	}
	delta := make(map[hourKey]Counts, len(at))
	for k, c := range at {
		delta[k] = *c
	}
	return delta
}

// lateEntries reads back what a batch hands to the late stream.
func lateEntries(batch *pebble.Batch) (map[string]lateEntry, error) {
	out := map[string]lateEntry{}
	b := newBlock()
	r := batch.Reader()
	for {
		kind, key, value, ok, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("read back the commit: %w", err)
		}
		if !ok {
			return out, nil
		}
		if kind != pebble.InternalKeyKindSet || key[0] != keyLate {
			continue
		}
		b.reset()
		if err := decodeLate(value, b); err != nil {
			return nil, err
		}
		out[string(key)] = newLateEntry(b, len(value))
	}
}

func (p *Processor) noteConflicts(b *Block, verdicts []verdict) {
	for i, v := range verdicts {
		if v == verdictConflict {
			p.acct.conflict(string(b.Batch.Str(event.ColTenant, i)), Conflict{
				Site:    string(b.Batch.Str(event.ColSite, i)),
				EventID: string(b.Batch.Str(event.ColEventID, i)),
				Type:    string(b.Batch.Str(event.ColType, i)),
				At:      time.UnixMilli(b.Batch.Times(event.ColReceivedAt)[i]).UTC(),
			})
		}
	}
}

// recoverMain finishes a pending intent: the same records, the same verdicts, the same rows.
func (p *Processor) recoverMain(ctx context.Context) error {
	v, err := readValue(p.db, key16(keyIntent, writerMain))
	if err != nil || v == nil {
		if err == nil {
			p.versions.end(slotMain)
		}
		return err
	}
	in, err := decodeIntent(v)
	if err != nil {
		return err
	}
	s := &p.scratch
	s.in = newBlock()
	t, err := p.retake(ctx, in, s.in)
	if err != nil {
		return err
	}
	if s.in.Len() != len(in.Verdicts) {
		return fmt.Errorf("%w: the log holds %d rows for insert %d, its intent has %d", errIntent, s.in.Len(), in.Seq, len(in.Verdicts))
	}
	block, late := split(s.in, in.Verdicts)
	if h := block.hash(); h != in.Hash {
		return fmt.Errorf("%w: the rows of insert %d differ from those of its intent", errIntent, in.Seq)
	}
	// The keys to remember are those of the rows that the intent keeps, whatever the set would say today.
	if err := p.judge(s); err != nil {
		return err
	}
	s.fresh = s.fresh[:0]
	for j, i := range s.rows {
		if v := in.Verdicts[i]; v == verdictStore || v == verdictLate {
			s.fresh = append(s.fresh, s.entries[j])
		}
	}
	p.observeMain.Observe(block.Batch)
	p.versions.begin(slotMain, p.observeMain.Tenants(), false)
	p.links.note(writerMain, in.Seq, block.Batch)
	p.log.Info("finishing the interrupted insert", "seq", in.Seq, "rows", block.Len())
	if err := p.store(ctx, p.cfg.Table, writerMain, in.Seq, block, true); err != nil {
		return err
	}
	return p.finishMain(in, t, s.in, late, block.Len())
}

// retake reads exactly the records of an intent.
func (p *Processor) retake(ctx context.Context, in *intent, b *Block) (taken, error) {
	t := taken{times: map[uint16]time.Time{}}
	skip := map[span]bool{}
	for _, s := range in.Skipped {
		skip[s] = true
	}
	for _, s := range in.Spans {
		for off := s.From; off < s.To; off++ {
			recs, err := p.cfg.Log.Read(ctx, s.Partition, off, 1)
			if err != nil && !errors.Is(err, eventlog.ErrTruncated) {
				return t, fmt.Errorf("read record %d of partition %d of the log again: %w", off, s.Partition, err) // tried again
			}
			if err != nil || len(recs) == 0 {
				return t, fmt.Errorf("%w: record %d of partition %d is gone from the log", errIntent, off, s.Partition)
			}
			r := recs[0]
			t.times[s.Partition] = r.Time
			if skip[span{s.Partition, off, off + 1}] {
				t.skipped = append(t.skipped, r)
			} else if !p.decode(ctx, r, b) {
				return t, fmt.Errorf("%w: record %d of partition %d could be decoded before and now cannot", errIntent, off, s.Partition)
			}
		}
	}
	t.spans = in.Spans
	return t, nil
}
