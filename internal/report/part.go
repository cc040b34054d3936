package report

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// part is the answer about one range, in JSON.
type part struct {
	from, to    string
	rows        []byte
	marks       []mark
	totals      []byte // null: not wanted
	approximate map[string]float64
	answered    []Row
}

// mark is a place in an answer for the mark that a row's numbers still move, which they do until complete_until has passed end.
type mark struct {
	at  int // in bytes
	end time.Time
}

const settlingMark = `,"settling":true`

// answers makes the answer to a question, and to the same about the time before it: there about the same groups.
func (r *Reporter) answers(ctx context.Context, t *tally, q Question, compare, totals bool) (*kept, error) {
	var main, prev part
	before, grouped := q.previous(), len(q.GroupBy) > 0
	run := []func(context.Context) error{func(ctx context.Context) (err error) {
		main, err = r.part(ctx, t, q, totals)
		return err
	}}
	if compare && !grouped {
		run = append(run, func(ctx context.Context) (err error) {
			prev, err = r.part(ctx, t, before, totals)
			return err
		})
	}
	var all []Row // of the time before, if its totals are wanted
	if compare && grouped && totals {
		run = append(run, func(ctx context.Context) (err error) {
			all, err = r.answer(ctx, t, before.whole(q.Metrics))
			return err
		})
	}
	if err := together(ctx, run...); err != nil {
		return nil, err
	}
	if compare && grouped {
		var err error
		if prev, err = r.partAbout(ctx, t, before, main.answered, all); err != nil {
			return nil, err
		}
	}
	// The fields in the order of Report.
	k := &kept{}
	k.head, k.headMarks = main.write([]byte("{"), nil)
	approximate := main.approximate
	if compare {
		k.tail, k.tailMarks = prev.write([]byte(`,"previous":{`), nil)
		k.tail = append(k.tail, '}')
		if approximate == nil {
			approximate = prev.approximate
		}
	}
	if approximate != nil {
		b, err := marshal(approximate)
		if err != nil {
			return nil, err
		}
		k.head = append(append(k.head, `,"approximate":`...), b...)
	}
	return k, nil
}

// write appends the part's fields, and its marks at their places.
func (p part) write(b []byte, marks []mark) ([]byte, []mark) {
	b = append(b, `"data":`...)
	for _, m := range p.marks {
		marks = append(marks, mark{m.at + len(b), m.end})
	}
	b = fmt.Appendf(append(b, p.rows...), `,"from":%q,"to":%q`, p.from, p.to)
	if p.totals != nil {
		b = append(append(b, `,"totals":`...), p.totals...)
	}
	return b, marks
}

// part answers about one range. The totals that cannot come with the rows are asked for at the same time.
func (r *Reporter) part(ctx context.Context, t *tally, q Question, totals bool) (part, error) {
	var a answered
	var apart []Row
	q.along, q.summed = totals && r.along(q), totals && len(q.GroupBy) > 0
	run := []func(context.Context) error{func(ctx context.Context) (err error) {
		a, err = r.answerParts(ctx, t, q)
		return err
	}}
	if alone, ok := q.totalsApart(); ok && totals {
		run = append(run, func(ctx context.Context) (err error) {
			apart, err = r.answer(ctx, t, alone)
			return err
		})
	}
	p := part{from: boundText(q.From.In(q.Location)), to: boundText(q.To.In(q.Location))}
	err := together(ctx, run...)
	if err != nil {
		return p, err
	}
	if p.rows, p.marks, err = q.write(a.rows); err != nil {
		return p, err
	}
	p.approximate, p.answered = q.approximate(a.rows...), a.rows
	if !totals {
		return p, nil
	}
	total, err := r.total(ctx, t, q, a, apart)
	if err != nil {
		return p, err
	}
	if more := q.approximate(total); p.approximate == nil {
		p.approximate = more
	}
	p.totals, err = marshal(total)
	return p, err
}

// partAbout answers about the groups of rows. all is the row of the whole range; empty: it is not wanted.
func (r *Reporter) partAbout(ctx context.Context, t *tally, q Question, rows, all []Row) (p part, err error) {
	p = part{from: boundText(q.From.In(q.Location)), to: boundText(q.To.In(q.Location))}
	var a answered
	if len(rows) > 0 {
		if a, err = r.answerParts(ctx, t, q.only(rows)); err != nil {
			return p, err
		}
	}
	about := newMerger(q)
	about.take(rows)
	a.rows = slices.DeleteFunc(a.rows, func(row Row) bool { return !about.has(row) }) // of several columns, what else there is of their values
	if p.rows, p.marks, err = q.write(a.rows); err != nil {
		return p, err
	}
	if p.approximate = q.approximate(a.rows...); len(all) == 0 {
		return p, nil
	}
	if more := q.approximate(all...); p.approximate == nil {
		p.approximate = more
	}
	p.totals, err = marshal(all[0])
	return p, err
}

// write writes rows as a JSON array, and says where marks of rows that may still move have their places.
func (q Question) write(rows []Row) ([]byte, []mark, error) {
	ends := q.ends()
	b := []byte{'['}
	var marks []mark
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		text, err := marshal(row)
		if err != nil {
			return nil, nil, err
		}
		b = append(b, text...)
		if name, ok := row.values[0].(string); ok && q.Interval != "" {
			if end, ok := ends[name]; ok {
				marks = append(marks, mark{len(b) - 1, end})
			}
		}
	}
	return append(b, ']'), marks, nil
}

// ends are the ends of the intervals by their names, cut at the end of the range.
func (q Question) ends() map[string]time.Time {
	if q.Interval == "" {
		return nil
	}
	ends := map[string]time.Time{}
	for t := q.bucketStart(q.From); t.Before(q.To); {
		name := q.bucketName(t)
		t = q.nextBucket(t)
		end := t
		if q.To.Before(end) {
			end = q.To
		}
		ends[name] = end // of hours with one name, the last
	}
	return ends
}

// settle puts the marks in whose time is not over at till.
func settle(b []byte, marks []mark, till time.Time) []byte {
	open := slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return !m.end.After(till) })
	if len(open) == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+len(open)*len(settlingMark))
	from := 0
	for _, m := range open {
		out = append(append(out, b[from:m.at]...), settlingMark...)
		from = m.at
	}
	return append(out, b[from:]...)
}
