package dedupe

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

const (
	mergeFanIn = 8
	mergeMost  = 32      // runs in one merge
	levelKeys  = 1 << 18 // runs below are of level 0; each level above is mergeFanIn times larger
)

// merge merges or rewrites some runs of one bucket, if that is worth it.
func (s *Set) merge(ctx context.Context, v *view) (bool, error) {
	inputs, reason := s.pickMerge(v)
	if len(inputs) == 0 {
		return false, nil
	}
	var expect int64
	for _, r := range inputs {
		expect += v.live(r)
	}
	out, err := s.buildRun(reason, inputs[0].meta.day, expect, func(w *runWriter) error {
		return mergeRuns(ctx, w, v, inputs)
	})
	if err != nil {
		return false, err
	}
	var added []*run
	if out != nil {
		added = append(added, out)
	}
	b := s.cfg.DB.NewBatch()
	defer b.Close()
	if err := s.commitRuns(b, added, inputs); err != nil {
		return false, err
	}
	s.replaceRuns(added, inputs)
	return true, nil
}

// pickMerge chooses runs of one bucket to be merged into one.
func (s *Set) pickMerge(v *view) (inputs []*run, reason string) {
	byDay := map[uint16][]*run{}
	var days []uint16
	for _, r := range v.runs {
		if byDay[r.meta.day] == nil {
			days = append(days, r.meta.day)
		}
		byDay[r.meta.day] = append(byDay[r.meta.day], r)
	}
	slices.Sort(days)
	slices.Reverse(days)
	today := uint16(s.newest.Load() / daySeconds)
	for _, d := range days {
		if in := pickOfDay(byDay[d], d < today); len(in) > 0 {
			return in, "merge"
		}
	}
	return s.pickRewrite(v)
}

// pickOfDay chooses among the runs of a bucket: mergeFanIn runs of one level, or,
// when the day is over, all of them unless one outweighs the rest.
func pickOfDay(runs []*run, over bool) []*run {
	if len(runs) < 2 {
		return nil
	}
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(x, y *run) int { return int(int64(x.meta.count) - int64(y.meta.count)) })
	levels := map[int][]*run{}
	var total uint64
	for _, r := range runs {
		l := levelOf(r.meta.count)
		levels[l] = append(levels[l], r)
		total += r.meta.count
	}
	if largest := runs[len(runs)-1].meta.count; over && total-largest >= largest/4 && len(runs) <= mergeMost {
		return runs
	}
	for l := range 16 {
		if in := levels[l]; len(in) >= mergeFanIn {
			return in[:min(len(in), mergeMost)]
		}
	}
	return nil
}

func levelOf(count uint64) int {
	l := 0
	for size := uint64(levelKeys); count >= size; size *= mergeFanIn {
		l++
	}
	return l
}

// pickRewrite chooses the run with most forgotten keys, if they are half of it,
// or a tenth of the process's bound is taken by forgotten keys.
func (s *Set) pickRewrite(v *view) ([]*run, string) {
	var most *run
	var mostDead, total int64
	for _, r := range v.runs {
		dead := int64(r.meta.count) - v.live(r)
		total += int64(r.meta.count)
		if dead > 0 && dead >= int64(r.meta.count)/2 && dead >= rewriteKeys {
			return []*run{r}, "rewrite"
		}
		if dead > mostDead {
			most, mostDead = r, dead
		}
	}
	if most != nil && total > s.cfg.MaxKeys+s.cfg.MaxKeys/10 {
		return []*run{most}, "rewrite"
	}
	return nil, ""
}

// rewriteKeys is how many forgotten keys are worth a rewrite.
const rewriteKeys = 4096

// live is the number of keys of a run that are not forgotten, at most: a slice
// counts until all of it is.
func (v *view) live(r *run) int64 {
	if v.floor == 0 && len(v.floors) == 0 {
		return int64(r.meta.count)
	}
	var n int64
	for _, c := range r.slices {
		if c.maxSec >= v.floorOf(c.tenant) {
			n += int64(c.count)
		}
	}
	return n
}

// cursor reads a run from start to end.
type cursor struct {
	r    *run
	rd   reader
	page uint32
	recs []byte // not yet read of the page
	cur  rec
	done bool
}

func (c *cursor) next() error {
	if len(c.recs) == 0 {
		pages := uint32(len(c.r.fences))
		if c.page == pages {
			c.done = true
			return nil
		}
		var err error
		if c.recs, err = c.rd.page(c.page, pages-1); err != nil {
			return err
		}
		c.page++
	}
	c.cur = getRec(c.recs)
	c.recs = c.recs[recSize:]
	return nil
}

// mergeRuns adds the keys of runs to w, without those that the view has forgotten.
func mergeRuns(ctx context.Context, w *runWriter, v *view, runs []*run) error {
	var open []*cursor
	var read, want uint64
	for _, r := range runs {
		c := &cursor{r: r, rd: reader{r: r}}
		if err := c.next(); err != nil {
			return err
		}
		open = append(open, c)
		want += r.meta.count
	}
	var pending rec
	emit := func() error {
		if pending.sec < v.floor || len(v.floors) > 0 && pending.sec < v.floorOf(pending.tenant()) {
			return nil
		}
		return w.add(&pending)
	}
	for len(open) > 0 {
		at := 0
		for i := 1; i < len(open); i++ {
			x, y := &open[i].cur, &open[at].cur
			if x.a < y.a || x.a == y.a && x.b < y.b {
				at = i
			}
		}
		c := open[at]
		switch {
		case read == 0:
			pending = c.cur
		case pending.a == c.cur.a && pending.b == c.cur.b:
			if c.cur.sec > pending.sec {
				pending = c.cur
			}
		default:
			if err := emit(); err != nil {
				return err
			}
			pending = c.cur
		}
		if read++; read%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.next(); err != nil {
			return err
		}
		if c.done {
			open = slices.Delete(open, at, at+1)
		}
	}
	if read != want {
		return errors.Join(ErrCorrupt, fmt.Errorf("merge read %d keys, not %d", read, want))
	}
	return emit()
}
