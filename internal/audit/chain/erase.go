package chain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/audit"
	"weir/internal/tenant"
)

// maxErase bounds the single texts that one entry says were erased.
const maxErase = 1000

// ForgetTenant erases the texts of a tenant's entries and returns how many. The chain stays, and an entry says what was erased. A second call
// finishes what a crash interrupted.
func (l *Log) ForgetTenant(ctx context.Context, t tenant.ID) (int, error) {
	if t == "" {
		return 0, errors.New("audit: the installation's own entries are not erased")
	}
	l.flushGathered(l.cfg.Now().AddDate(1, 0, 0)) // whatever was gathered of it
	if err := l.forget(t); err != nil {
		return 0, err
	}
	seqs, err := l.indexed(t)
	if err != nil || len(seqs) == 0 {
		return 0, err
	}
	owner := l.owned(t)
	return len(seqs), l.erase(ctx, t, seqs, erasure{Owner: hex.EncodeToString(owner[:]), UpTo: seqs[len(seqs)-1]})
}

// forget notes, durably, that nothing of a tenant is kept any more: what it asked before it was deleted may end, and be recorded, after its texts were erased.
func (l *Log) forget(t tenant.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forgotten[t] {
		return nil
	}
	if err := l.db.Set(append([]byte{'F'}, t...), nil, pebble.Sync); err != nil {
		return fmt.Errorf("audit: forget tenant: %w", err)
	}
	l.forgotten[t] = true
	return nil
}

func (l *Log) findForgotten() error {
	l.forgotten = map[tenant.ID]bool{}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{'F'}, UpperBound: []byte{'F' + 1}})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		l.forgotten[tenant.ID(it.Key()[1:])] = true
	}
	return readable(it.Close())
}

// strip leaves of an entry of a forgotten tenant that something was done, and of what an operator did, who did it to what.
func strip(e *audit.Entry) {
	e.Tenant, e.Text = "", ""
	if e.Role != tenant.RoleOperator {
		e.Actor, e.Target, e.From, e.Request = "", "", "", ""
	}
}

// Erase erases single texts, at most 1000 at once, and returns how many there were. Entries that speak of erasure and retention stay.
func (l *Log) Erase(ctx context.Context, seqs []uint64) (int, error) {
	if len(seqs) > maxErase {
		return 0, fmt.Errorf("audit: at most %d texts are erased at once, not %d", maxErase, len(seqs))
	}
	var there []uint64
	for _, seq := range seqs {
		e, ok, err := l.entry(seq)
		if err != nil {
			return 0, err
		}
		if ok && !e.Erased && e.Action != audit.Erase && e.Action != audit.Retention {
			there = append(there, seq)
		}
	}
	if len(there) == 0 {
		return 0, nil
	}
	slices.Sort(there)
	return len(there), l.erase(ctx, "", there, erasure{Seqs: there})
}

// erase says what is erased, durably, and then does it, with t's index unless t is empty: a crash between the two leaves texts, never a chain that looks damaged.
func (l *Log) erase(ctx context.Context, t tenant.ID, seqs []uint64, x erasure) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	// The entry belongs to the installation: it must outlive the tenant's own.
	if err := l.Append(ctx, audit.Entry{Action: audit.Erase, Text: string(text), Outcome: audit.OK, Count: uint64(len(seqs))}); err != nil {
		return err
	}
	b := l.db.NewBatch()
	defer b.Close()
	for _, seq := range seqs {
		err = errors.Join(err, b.Delete(textKey(seq), nil))
		if t != "" {
			err = errors.Join(err, b.Delete(indexKey(t, seq), nil))
		}
	}
	if err == nil {
		err = l.db.Apply(b, pebble.Sync)
	}
	if err != nil {
		return fmt.Errorf("audit: erase: %w", err)
	}
	l.metrics.erased.Add(float64(len(seqs)))
	return l.purge(ctx, seqs[0], seqs[len(seqs)-1], t)
}

// purge rewrites the files that still hold what was deleted.
func (l *Log) purge(ctx context.Context, first, last uint64, t tenant.ID) error {
	err := errors.Join(l.db.Flush(), l.db.Compact(ctx, textKey(first), textKey(last+1), false))
	if t != "" {
		err = errors.Join(err, l.db.Compact(ctx, indexKey(t, first), indexKey(t, last+1), false))
	}
	if err != nil {
		return fmt.Errorf("audit: rewrite files: %w", readable(err))
	}
	return nil
}

// indexed are a tenant's entries that have a text, in order.
func (l *Log) indexed(t tenant.ID) ([]uint64, error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: indexKey(t, 0), UpperBound: append(append([]byte{'I'}, t...), 1)})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	defer l.reads()()
	var out []uint64
	for ok := it.First(); ok; ok = it.Next() {
		if seq, ok := seqOf(it.Key()[len(t)+1:]); ok {
			out = append(out, seq)
		}
	}
	return out, readable(it.Close())
}

// expireAll is Expire until nothing is left to remove.
func (l *Log) expireAll(ctx context.Context) error {
	for {
		if n, err := l.Expire(ctx); n == 0 || err != nil {
			return err
		}
	}
}

// Expire removes entries that are older than the retention, a bounded number at once, and returns how many. An entry says what was removed.
func (l *Log) Expire(ctx context.Context) (int, error) {
	if l.cfg.Retention == 0 {
		return 0, nil
	}
	before := l.cfg.Now().Add(-l.cfg.Retention)
	l.mu.Lock()
	from := l.base
	l.mu.Unlock()
	to, owners, err := l.older(from, before.UnixNano())
	if err != nil || to.Seq == from.Seq {
		return 0, err
	}
	text, err := json.Marshal(removal{to.Seq, hex.EncodeToString(to.Hash[:]), before.UTC()})
	if err != nil {
		return 0, err
	}
	if err := l.Append(ctx, audit.Entry{Action: audit.Retention, Text: string(text), Outcome: audit.OK, Count: to.Seq - from.Seq}); err != nil {
		return 0, err
	}
	if err := l.noteRemoved(ctx, to); err != nil {
		return 0, err
	}
	b := l.db.NewBatch()
	defer b.Close()
	err = errors.Join(b.DeleteRange(linkKey(0), linkKey(to.Seq+1), nil), b.DeleteRange(textKey(0), textKey(to.Seq+1), nil), b.Set(baseKey, encodeBase(to), nil))
	for t := range owners {
		err = errors.Join(err, b.DeleteRange(indexKey(t, 0), indexKey(t, to.Seq+1), nil))
	}
	if err == nil {
		err = l.db.Apply(b, pebble.Sync)
	}
	if err != nil {
		return 0, fmt.Errorf("audit: retention: %w", err)
	}
	l.mu.Lock()
	l.base = to
	l.mu.Unlock()
	return int(to.Seq - from.Seq), nil
}

// maxExpire bounds what one step of the retention removes.
const maxExpire = 100_000

// older finds the last entry of the beginning of the chain that is older than before, and the tenants of what is removed with it. The newest entry stays.
func (l *Log) older(from base, before int64) (base, map[tenant.ID]bool, error) {
	to, owners := from, map[tenant.ID]bool{}
	last := l.Head().Seq
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: linkKey(from.Seq + 1), UpperBound: endOfLinks})
	if err != nil {
		return to, nil, fmt.Errorf("audit: %w", err)
	}
	defer l.reads()()
	steps := 0
	for ok := it.First(); ok; ok = it.Next() {
		seq, ok := seqOf(it.Key())
		k, err := decodeLink(seq, it.Value())
		if steps++; !ok || err != nil || k.at >= before || seq >= last || steps > l.maxExpire {
			break // also at damage: what cannot be read is not removed
		}
		to = base{seq, k.hash}
		if e, ok, err := l.entry(seq); err == nil && ok && e.Tenant != "" {
			owners[e.Tenant] = true
		}
	}
	return to, owners, readable(it.Close())
}
