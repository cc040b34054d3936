package stream

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/usage"
)

// RollupTable moves the rollups' tables forward.
type RollupTable interface {
	// Advance adds the rows of events with from < _seq <= to of the writer to the rollup, as one insert: each of the given months
	// (yyyymm) gets all or nothing; no month given means all months. Unless it is urgent it leaves the machine to others.
	Advance(ctx context.Context, r rollup.Rollup, writer uint16, from, to uint64, months []int, urgent bool) error
	// Missing makes sure that no such insert runs any more, and returns the months that should have something of it and do not.
	Missing(ctx context.Context, r rollup.Rollup, writer uint16, from, to uint64) ([]int, error)
	// End returns where a step behind from ends that reads at most so many rows of the writer's: more than from, at most to.
	End(ctx context.Context, writer uint16, from, to uint64, rows int) (uint64, error)
}

// maxStepRows bounds the rows that one step of a rollup reads.
const maxStepRows = 1_000_000 // below OneBlockSettings' 1 048 576: a step has at most as many cells as rows

// maxStepInserts bounds the inserts of a step whose rows the engine must count.
const maxStepInserts = 200_000

// loadPositions reads how far each rollup has come. A rollup without a position begins at 0, and so is
// built from everything that the events table holds. What was known of former versions is forgotten.
func (p *Processor) loadPositions() error {
	for _, name := range rollup.Former {
		for _, w := range []uint16{writerMain, writerLate} {
			for _, key := range [][]byte{keyRollup(keyPosition, name, w), keyRollup(keyStep, name, w)} {
				if err := p.db.Delete(key, pebble.NoSync); err != nil { // lost by a crash, it is done again
					return fmt.Errorf("forget the former %s: %w", name, err)
				}
			}
		}
	}
	for _, r := range p.cfg.List {
		p.positions[r.Name] = map[uint16]uint64{}
		for _, w := range []uint16{writerMain, writerLate} {
			at, err := readUint64(p.db, keyRollup(keyPosition, r.ID(), w))
			if err != nil {
				return err
			}
			p.positions[r.Name][w] = at
		}
	}
	return nil
}

// runRollups moves every rollup forward every RollupInterval, while there is something to do.
func (p *Processor) runRollups(ctx context.Context) error {
	defer usage.Label(ctx, usage.Rollup, "")()
	// Steps that a crash interrupted come first. They are not part of the recovery that ingest waits for: a rollup never holds it up.
	if err := p.inTurn(ctx, slotRollup, func() error { return p.retry(ctx, p.recoverRollups, p.recoverRollups) }); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("recover rollups: %w", err)
	}
	patience := urgentAfter * p.cfg.RollupInterval
	for took := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-p.rollWake:
		}
		began := time.Now()
		late := began
		if took <= patience {
			late = began.Add(patience)
		}
		if err := p.advanceRollups(ctx, late); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		took = time.Since(began)
		if err := sleep(ctx, p.cfg.RollupInterval); err != nil {
			return nil
		}
	}
}

// urgentAfter is how many intervals a round of steps may take before they yield to nobody any more, and nor do those of the next round: on a machine that is busy
// all the time they would hardly come forward, and questions would read ever more of the raw events.
const urgentAfter = 1

// advanceRollups brings everything into every rollup. What begins behind late is urgent.
func (p *Processor) advanceRollups(ctx context.Context, late time.Time) error {
	for _, r := range p.cfg.List {
		for _, w := range []uint16{writerMain, writerLate} {
			for {
				var from, to uint64
				next := func(ctx context.Context) (err error) {
					from, to, err = p.nextStep(ctx, r, w)
					return err
				}
				if err := p.retry(ctx, next, next); err != nil {
					return err
				}
				if from == to {
					break
				}
				if err := p.waitDisk(ctx); err != nil {
					return err
				}
				step := p.unhurried(func(ctx context.Context) error { return p.step(ctx, r, w, from, to, time.Now().After(late)) })
				if err := p.inTurn(ctx, slotRollup, func() error { return step(ctx) }); err != nil {
					return err
				}
			}
		}
	}
	return p.forgetSeqRows()
}

// nextStep returns the range of _seq that the rollup takes next; from == to when it has everything.
func (p *Processor) nextStep(ctx context.Context, r rollup.Rollup, w uint16) (from, to uint64, err error) {
	p.mu.Lock()
	from, last := p.positions[r.Name][w], p.seqs[w]
	p.mu.Unlock()
	rows := uint64(0)
	for to = from; to < last; to++ {
		v, err := readValue(p.db, keySeqRowsOf(w, to+1))
		if err != nil {
			return 0, 0, err
		}
		if len(v) != 8 { // not kept any more: this version of the rollup is new
			if to == from {
				to, err = p.countedStep(ctx, w, from, last)
			}
			return from, to, err
		}
		if rows += binary.BigEndian.Uint64(v); rows > maxStepRows && to > from {
			break
		}
	}
	return from, to, nil
}

// countedStep lets the engine say where the next step ends. Old inserts are many and mostly small.
func (p *Processor) countedStep(ctx context.Context, w uint16, from, last uint64) (to uint64, err error) {
	ask := func(ctx context.Context) (err error) {
		to, err = p.cfg.Rollups.End(ctx, w, from, min(last, from+maxStepInserts), maxStepRows)
		return err
	}
	return to, p.retry(ctx, ask, ask)
}

// step moves a rollup over (from, to]: the intent, the insert, the position.
func (p *Processor) step(ctx context.Context, r rollup.Rollup, w uint16, from, to uint64, urgent bool) error {
	if r.Name == rollup.Links.Name && !p.links.any(w, from, to) {
		return p.passLinks(w, to)
	}
	v := binary.BigEndian.AppendUint64(uint64Value(from), to)
	if err := p.db.Set(keyRollup(keyStep, r.ID(), w), v, pebble.Sync); err != nil {
		return fmt.Errorf("write step of %s: %w", r.Name, err)
	}
	p.fault("rollup-intent")
	tenants, all := p.versions.since(w, from)
	p.versions.begin(slotRollup, tenants, all)
	start := time.Now()
	if err := p.applyStep(ctx, r, w, from, to, false, urgent); err != nil {
		return err
	}
	p.fault("rollup-insert")
	p.metrics.rollupSeconds.WithLabelValues(r.Name).Observe(time.Since(start).Seconds())
	if err := p.finishStep(r, w, to); err != nil {
		return err
	}
	p.versions.end(slotRollup)
	return nil
}

func (p *Processor) applyStep(ctx context.Context, r rollup.Rollup, w uint16, from, to uint64, unknown, urgent bool) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		var months []int
		err := error(nil)
		if unknown {
			if months, err = p.cfg.Rollups.Missing(ctx, r, w, from, to); err == nil && len(months) == 0 {
				return nil
			}
		}
		if err == nil {
			unknown = true
			if err = p.cfg.Rollups.Advance(ctx, r, w, from, to, months, urgent); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.metrics.stalls.Inc()
		p.log.Warn("rollup step failed, trying again", "rollup", r.Name, "writer", w, "from", from, "to", to, "wait", wait, "error", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (p *Processor) finishStep(r rollup.Rollup, w uint16, to uint64) error {
	b := p.db.NewBatch()
	if err := b.Delete(keyRollup(keyStep, r.ID(), w), nil); err != nil {
		return fmt.Errorf("commit step of %s: %w", r.Name, err)
	}
	if err := b.Set(keyRollup(keyPosition, r.ID(), w), uint64Value(to), nil); err != nil {
		return fmt.Errorf("commit step of %s: %w", r.Name, err)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("commit step of %s: %w", r.Name, err)
	}
	p.mu.Lock()
	p.positions[r.Name][w] = to
	p.mu.Unlock()
	return nil
}

// recoverRollups finishes steps that a crash interrupted.
func (p *Processor) recoverRollups(ctx context.Context) error {
	for _, r := range p.cfg.List {
		for _, w := range []uint16{writerMain, writerLate} {
			v, err := readValue(p.db, keyRollup(keyStep, r.ID(), w))
			if err != nil {
				return err
			}
			if len(v) != 16 {
				continue
			}
			from, to := binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])
			p.log.Info("finishing the interrupted step of a rollup", "rollup", r.Name, "writer", w, "from", from, "to", to)
			if err := p.applyStep(ctx, r, w, from, to, true, true); err != nil {
				return err
			}
			if err := p.finishStep(r, w, to); err != nil {
				return err
			}
		}
	}
	p.versions.end(slotRollup)
	return nil
}

// forgetSeqRows removes the row counts of inserts that every rollup has passed.
func (p *Processor) forgetSeqRows() error {
	for _, w := range []uint16{writerMain, writerLate} {
		p.mu.Lock()
		low := p.seqs[w]
		for _, at := range p.positions {
			low = min(low, at[w])
		}
		p.mu.Unlock()
		if err := p.db.DeleteRange(keySeqRowsOf(w, 0), keySeqRowsOf(w, low+1), pebble.NoSync); err != nil {
			return fmt.Errorf("forget row counts: %w", err)
		}
	}
	return nil
}

// EngineRollups is RollupTable on the engine.
type EngineRollups struct{ Engine *clickhouse.Client }

// Advance implements RollupTable.
func (t EngineRollups) Advance(ctx context.Context, r rollup.Rollup, writer uint16, from, to uint64, months []int, urgent bool) error {
	settings := clickhouse.OneBlockSettings()
	if !urgent {
		settings["max_threads"], settings[clickhouse.NiceSetting] = "1", rollupNice
	}
	var each []*int
	for i := range months {
		each = append(each, &months[i])
	}
	if each == nil {
		each = []*int{nil}
	}
	for _, month := range each {
		if _, err := t.Engine.Exec(ctx, clickhouse.Statement{
			SQL:      r.AdvanceSQL(writer, from, to, month),
			Settings: settings,
			QueryID:  fmt.Sprintf("%s%d", stepID(r, writer, to), time.Now().UnixNano()),
			Comment:  "rollup",
		}); err != nil {
			return fmt.Errorf("advance %s to %d of writer %d: %w", r.Name, to, writer, err)
		}
	}
	return nil
}

// rollupNice is by how much a step's threads yield to others: DESIGN.md has the measurements.
const rollupNice = "5"

func stepID(r rollup.Rollup, writer uint16, to uint64) string {
	return fmt.Sprintf("weir-step-%s-%d-%d-", r.Name, writer, to)
}

// Missing implements RollupTable.
func (t EngineRollups) Missing(ctx context.Context, r rollup.Rollup, writer uint16, from, to uint64) ([]int, error) {
	if err := stopQueries(ctx, t.Engine, stepID(r, writer, to)); err != nil {
		return nil, err
	}
	want, err := t.months(ctx, r.WantSQL(writer, from, to))
	if err != nil {
		return nil, err
	}
	held, err := t.months(ctx, r.HoldsSQL(writer, to))
	if err != nil {
		return nil, err
	}
	var missing []int
	for m := range want {
		if !held[m] {
			missing = append(missing, m)
		}
	}
	return missing, nil
}

// End implements RollupTable.
func (t EngineRollups) End(ctx context.Context, writer uint16, from, to uint64, rows int) (uint64, error) {
	var end, inserts uint64
	_, err := t.Engine.Rows(ctx, clickhouse.Statement{SQL: rollup.EndSQL(writer, from, to, rows), Comment: "rollup"}, func(row []any) (err error) {
		if end, err = strconv.ParseUint(fmt.Sprint(row[0]), 10, 64); err == nil {
			inserts, err = strconv.ParseUint(fmt.Sprint(row[1]), 10, 64)
		}
		return err
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask where a step of a rollup ends: %w", err)
	case inserts == 0: // nothing is left of them
		return to, nil
	case end == 0:
		return from + 1, nil
	}
	return end, nil
}

func (t EngineRollups) months(ctx context.Context, sql string) (map[int]bool, error) {
	out := map[int]bool{}
	_, err := t.Engine.Rows(ctx, clickhouse.Statement{SQL: sql, Comment: "reconcile"}, func(row []any) error {
		m, err := strconv.Atoi(strings.TrimSpace(fmt.Sprint(row[0])))
		if err != nil {
			return fmt.Errorf("unexpected month %v", row[0])
		}
		out[m] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask which months hold a step: %w", err)
	}
	return out, nil
}
