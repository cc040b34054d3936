package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/audit"
)

// The bounds of a page.
const (
	MaxPage  = 1000
	maxSteps = 50_000 // entries that are looked at for one page
)

// entry reads one entry; false when it does not exist.
func (l *Log) entry(seq uint64) (audit.Entry, bool, error) {
	raw, err := l.get(linkKey(seq))
	if err != nil || raw == nil {
		return audit.Entry{}, false, err
	}
	k, err := decodeLink(seq, raw)
	if err != nil {
		return audit.Entry{}, false, fmt.Errorf("%w: entry %d: %w", audit.ErrDamaged, seq, err)
	}
	text, err := l.get(textKey(seq))
	if err != nil {
		return audit.Entry{}, false, err
	}
	if text == nil {
		e, _ := decodeEntry(k, nil)
		e.Erased = true
		return e, true, nil
	}
	e, err := decodeEntry(k, text)
	if err != nil {
		return e, false, fmt.Errorf("%w: the text of entry %d: %w", audit.ErrDamaged, seq, err)
	}
	return e, true, nil
}

// List returns entries, the newest first.
func (l *Log) List(ctx context.Context, q audit.Question) (audit.Page, error) {
	if q.All == (q.Tenant != "") {
		return audit.Page{}, errors.New("audit: a question is about one tenant or about all")
	}
	if q.Limit <= 0 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	low, high, skip := linkKey(0), endOfLinks, 0
	if !q.All {
		low, high, skip = indexKey(q.Tenant, 0), append(append([]byte{'I'}, q.Tenant...), 1), len(q.Tenant)+1
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return audit.Page{}, fmt.Errorf("audit: %w", err)
	}
	defer l.reads()()
	page, err := l.scan(ctx, it, q, skip)
	return page, errors.Join(err, readable(it.Close()))
}

func (l *Log) scan(ctx context.Context, it *pebble.Iterator, q audit.Question, skip int) (audit.Page, error) {
	page := audit.Page{Entries: []audit.Entry{}}
	ok := it.Last()
	if q.Before > 0 {
		start := linkKey(q.Before)
		if !q.All {
			start = indexKey(q.Tenant, q.Before)
		}
		ok = it.SeekLT(start)
	}
	for steps := 0; ok; ok = it.Prev() {
		if err := ctx.Err(); err != nil {
			return page, err
		}
		seq, good := seqOf(it.Key()[skip:])
		if !good {
			continue
		}
		if steps++; steps > maxSteps || len(page.Entries) == q.Limit {
			page.Next = seq + 1
			return page, nil
		}
		e, there, err := l.entry(seq)
		if err != nil {
			return page, err
		}
		if !q.From.IsZero() && e.At.Before(q.From.Add(-slack)) {
			return page, nil
		}
		if there && matches(q, e) {
			page.Entries = append(page.Entries, e)
		}
	}
	return page, nil
}

// slack is how far entries may lie out of the order of their times: gathered ones carry the time of the first.
const slack = 2 * time.Minute

func matches(q audit.Question, e audit.Entry) bool {
	return (q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || e.At.Before(q.To)) &&
		(q.Actor == "" || q.Actor == e.Actor) && (q.Action == "" || q.Action == e.Action) &&
		(q.Outcome == "" || q.Outcome == e.Outcome || q.Outcome == "failed" && e.Outcome != audit.OK && !e.Erased) &&
		strings.HasPrefix(e.Target, q.Target)
}
