package chain

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/audit"
	"weir/internal/catalog"
)

const maxFindings = 100

// Verify reads the whole chain and says whether it is what was written: every entry there, none changed, none moved, none cut from the end. A head
// that was kept elsewhere (Seq > 0) must be part of it. Findings are no error; an error means that the log could not be read.
func (l *Log) Verify(ctx context.Context, kept audit.Head) (audit.Verdict, error) {
	anchor, err := l.anchor(ctx)
	if err != nil {
		return audit.Verdict{}, err
	}
	lost, err := l.lost(ctx)
	if err != nil {
		return audit.Verdict{}, err
	}
	defer l.reads()()
	end := l.Head().Seq
	snap := l.db.NewSnapshot()
	defer snap.Close()
	noted, known, err := l.removed(ctx) // after the snapshot: it is noted before it is done
	if err != nil {
		return audit.Verdict{}, err
	}
	v := &verifier{ctx: ctx, log: l, snap: snap, missing: map[uint64][16]byte{}, heads: append(lost, anchor, kept), noted: noted, known: known,
		end: max(end, anchor.Seq), runs: map[string]*run{}}
	if err := v.run(); err != nil {
		return audit.Verdict{}, err
	}
	v.verdict.OK = v.total == 0
	if v.verdict.Findings == nil {
		v.verdict.Findings = []audit.Finding{}
	}
	return v.verdict, nil
}

func (l *Log) anchor(ctx context.Context) (audit.Head, error) {
	var h audit.Head
	text, err := l.cfg.Anchors.Setting(ctx, anchorSetting)
	if errors.Is(err, catalog.ErrNotFound) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("audit: read the anchor: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return h, fmt.Errorf("audit: read the anchor: %w", err)
	}
	return h, nil
}

type verifier struct {
	ctx     context.Context
	log     *Log
	snap    *pebble.Snapshot
	base    base
	missing map[uint64][16]byte // entries without a text, with their owner
	erased  []erasure           // what the chain itself says was erased
	removed []base              // what the chain itself says retention removed
	heads   []audit.Head        // that must be part of the chain
	noted   audit.Head          // up to where the catalog says that entries were removed
	known   bool                // the catalog says so
	end     uint64              // no entry that is known of is behind it
	runs    map[string]*run     // by what it is of: what cannot be read so far
	damage  bool
	verdict audit.Verdict
	total   int
}

func (v *verifier) find(seq uint64, kind, format string, args ...any) {
	v.total++
	if len(v.verdict.Findings) < maxFindings {
		v.verdict.Findings = append(v.verdict.Findings, audit.Finding{Seq: seq, Kind: kind, Detail: fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) run() error {
	if err := v.readBase(); err != nil {
		return err
	}
	last, err := v.links()
	if err != nil {
		return err
	}
	v.verdict.First, v.verdict.Last, v.verdict.Head = v.base.Seq+1, last.seq, headOf(last)
	v.checkMissing()
	v.checkBase()
	for _, h := range v.heads {
		if h.Seq > last.seq {
			v.find(last.seq+1, "truncated", "the log ends at entry %d, but there were %d: the last %d are missing", last.seq, h.Seq, h.Seq-last.seq)
		}
	}
	return v.strays()
}

func (v *verifier) readBase() error {
	raw, closer, err := v.snap.Get(baseKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err == nil {
		v.base, err = decodeBase(raw)
		if err != nil {
			v.find(0, "unreadable", "%v", err)
		}
		return closer.Close()
	}
	if !pebble.IsCorruptionError(err) {
		return err
	}
	v.damage = true
	v.find(0, "unreadable", "what stands before the first entry cannot be read: %s is damaged", where(err))
	v.base.Seq = v.noted.Seq
	if hash, err := hex.DecodeString(v.noted.Hash); err == nil && len(hash) == 32 {
		v.base.Hash = [32]byte(hash)
	}
	return nil
}

// links walks along the chain.
func (v *verifier) links() (link, error) {
	prev := link{seq: v.base.Seq, hash: v.base.Hash}
	err := v.walk('L', prev.seq+1, func(key, value []byte) {
		seq, ok := seqOf(key)
		if !ok || seq <= prev.seq {
			v.find(seq, "foreign", "there is an entry %d where none can be", seq)
			return
		}
		if seq > prev.seq+1 {
			v.find(prev.seq+1, "missing", "%s missing", entries(prev.seq+1, seq-1))
			prev.hash = [32]byte{} // what it was is not known
		}
		l, err := decodeLink(seq, value)
		if err != nil {
			v.find(seq, "unreadable", "entry %d: %v", seq, err)
			prev = link{seq: seq}
			return
		}
		v.checkLink(prev, l)
		v.checkText(l)
		prev = l
	}, func(r run) {
		v.cannotRead("", r)
		prev = link{seq: r.to}
	})
	for what := range v.runs {
		v.readable(what)
	}
	return prev, err
}

// run is a run of entries of which something cannot be read.
type run struct {
	from, to uint64
	err      error
}

// unreadable notes that something of an entry cannot be read, because its file is damaged. One finding tells of a whole run.
func (v *verifier) unreadable(what string, seq uint64, err error) {
	r := v.runs[what]
	if r == nil {
		r = &run{from: seq}
		v.runs[what] = r
	}
	r.to, r.err, v.damage = seq, err, true
}

// readable ends a run.
func (v *verifier) readable(what string) {
	if r := v.runs[what]; r != nil {
		v.cannotRead(what, *r)
		delete(v.runs, what)
	}
}

func (v *verifier) cannotRead(what string, r run) {
	v.find(r.from, "unreadable", "%s%s cannot be read: %s is damaged", what, numbered(r.from, r.to), where(r.err))
}

// walk goes over the keys of a kind, in order, and over what is damaged: gap is told of the numbers that cannot be read.
func (v *verifier) walk(kind byte, first uint64, each func(key, value []byte), gap func(run)) error {
	it, err := v.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ; {
		for ; ok; ok = it.Next() {
			if err := v.ctx.Err(); err != nil {
				return errors.Join(err, it.Close())
			}
			value, err := it.ValueAndErr()
			if err != nil {
				return errors.Join(err, it.Close())
			}
			each(it.Key(), value)
			if seq, good := seqOf(it.Key()); good {
				first = seq + 1
			}
		}
		if !pebble.IsCorruptionError(it.Error()) {
			return it.Close()
		}
		r := run{first, first, it.Error()}
		if ok, err = v.skip(it, kind, &r); err != nil {
			return errors.Join(err, it.Close())
		}
		v.damage = true
		gap(r)
		if !ok && it.Error() != nil { // up to the end
			_ = it.Close() // says the same
			return nil
		}
		first = r.to + 1
	}
}

// maxSingly bounds the numbers that are tried one by one behind damage.
const maxSingly = 100_000

// skip finds the first number behind the run that can be read, and sets the end of the run before it. False when there is none.
func (v *verifier) skip(it *pebble.Iterator, kind byte, r *run) (bool, error) {
	step := uint64(1)
	for tried := 1; r.to < v.end && step <= v.end-r.to; tried++ {
		if err := v.ctx.Err(); err != nil {
			return false, err
		}
		ok := it.SeekGE(binary.BigEndian.AppendUint64([]byte{kind}, r.to+step))
		if err := it.Error(); err == nil {
			r.to += step - 1
			return ok, nil
		} else if !pebble.IsCorruptionError(err) {
			return false, err
		}
		r.to += step
		if tried > maxSingly {
			step *= 2
		}
	}
	r.to = max(r.from, v.end)
	return false, nil
}

func entries(from, to uint64) string {
	if from == to {
		return numbered(from, to) + " is"
	}
	return numbered(from, to) + " are"
}

func numbered(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("entry %d", from)
	}
	return fmt.Sprintf("entries %d to %d", from, to)
}

func (v *verifier) checkLink(prev, l link) {
	known := prev.hash != [32]byte{} || prev.seq == 0
	if known && l.next(prev.hash) != l.hash {
		v.find(l.seq, "changed", "entry %d does not follow from entry %d as it was written: one of them was changed, replaced or moved", l.seq, l.seq-1)
	}
	for _, h := range v.heads {
		if h.Seq == l.seq && h.Hash != hex.EncodeToString(l.hash[:]) {
			v.find(l.seq, "changed", "entry %d is not the one that was anchored: the log was rewritten up to there", l.seq)
		}
	}
}

// checkText compares the text with its commitment, and keeps what the text says about the log itself.
func (v *verifier) checkText(l link) {
	raw, closer, err := v.snap.Get(textKey(l.seq))
	if errors.Is(err, pebble.ErrNotFound) {
		v.missing[l.seq] = l.owner
		return
	}
	if err != nil {
		v.unreadable("the text of ", l.seq, err)
		return
	}
	v.readable("the text of ")
	defer closer.Close()
	salt, text, err := openText(raw)
	if err != nil || commit(salt, text) != l.commitment {
		v.find(l.seq, "text_changed", "the text of entry %d is not the one that was written", l.seq)
		return
	}
	e, err := decodeEntry(l, raw)
	if err != nil {
		v.find(l.seq, "unreadable", "the text of entry %d: %v", l.seq, err)
		return
	}
	if owner := v.log.owned(e.Tenant); owner != l.owner {
		v.find(l.seq, "text_changed", "entry %d does not belong to the tenant it names", l.seq)
	}
	v.checkListed(e)
	v.note(e)
}

// checkListed makes sure that an entry's tenant sees it.
func (v *verifier) checkListed(e audit.Entry) {
	if e.Tenant == "" {
		return
	}
	_, closer, err := v.snap.Get(indexKey(e.Tenant, e.Seq))
	if err == nil {
		err = closer.Close()
	}
	what := "the list of the tenant " + string(e.Tenant) + " at "
	if err == nil {
		v.readable(what)
	}
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		v.find(e.Seq, "unlisted", "entry %d is hidden from its tenant %s: the index lacks it", e.Seq, e.Tenant)
	case err != nil:
		v.unreadable(what, e.Seq, err)
	}
}

// note keeps what an entry says was erased or removed.
func (v *verifier) note(e audit.Entry) {
	switch e.Action {
	case audit.Erase:
		var x erasure
		if json.Unmarshal([]byte(e.Text), &x) == nil {
			x.by = e.Seq
			v.erased = append(v.erased, x)
		}
	case audit.Retention:
		var b removal
		if json.Unmarshal([]byte(e.Text), &b) == nil {
			if hash, err := hex.DecodeString(b.Hash); err == nil && len(hash) == 32 {
				v.removed = append(v.removed, base{b.Seq, [32]byte(hash)})
			}
		}
	}
}

// checkMissing finds texts that are gone although no entry says that they were erased.
func (v *verifier) checkMissing() {
	for seq, owner := range v.missing {
		if v.wasErased(seq, owner) {
			v.verdict.Erased++
			continue
		}
		v.find(seq, "text_missing", "the text of entry %d is missing, and no entry says that it was erased%s", seq, v.unless())
	}
}

func (v *verifier) wasErased(seq uint64, owner [16]byte) bool {
	for _, x := range v.erased {
		if seq < x.by && x.covers(seq, owner) {
			return true
		}
	}
	return false
}

// checkBase makes sure that what stands before the first entry is what an entry says retention removed.
func (v *verifier) checkBase() {
	if v.base.Seq == 0 {
		return
	}
	if v.known && v.base.Seq > v.noted.Seq {
		v.find(v.base.Seq, "missing", "the entries up to %d are missing, and the catalog knows only of those up to %d that they were removed for their age", v.base.Seq, v.noted.Seq)
		return
	}
	for _, b := range v.removed {
		if b == v.base {
			return
		}
	}
	v.find(v.base.Seq, "missing", "the entries up to %d are missing, and no entry says that they were removed for their age%s", v.base.Seq, v.unless())
}

// unless qualifies what no entry says.
func (v *verifier) unless() string {
	if v.damage {
		return ", unless one that is not readable does"
	}
	return ""
}

// strays finds texts that belong to no entry.
func (v *verifier) strays() error {
	var failed error
	err := v.walk('T', v.base.Seq+1, func(key, _ []byte) {
		seq, good := seqOf(key)
		_, closer, err := v.snap.Get(linkKey(seq))
		if err == nil {
			failed = errors.Join(failed, closer.Close())
		}
		switch {
		case !good || errors.Is(err, pebble.ErrNotFound):
			v.find(seq, "foreign", "there is a text of entry %d, which does not exist", seq)
		case err != nil && !pebble.IsCorruptionError(err): // damage is told already
			failed = errors.Join(failed, err)
		}
	}, func(r run) {
		if v.total == 0 { // else it is told already
			v.cannotRead("the text of ", r)
		}
	})
	return errors.Join(err, failed)
}

// erasure is the text of an entry that says what was erased: the texts of one tenant, or single ones.
type erasure struct {
	Owner string   `json:"owner,omitempty"` // hex
	UpTo  uint64   `json:"up_to,omitempty"`
	Seqs  []uint64 `json:"entries,omitempty"`
	by    uint64   // the entry that says so
}

func (x erasure) covers(seq uint64, owner [16]byte) bool {
	if x.Owner != "" {
		raw, err := hex.DecodeString(x.Owner)
		return err == nil && bytes.Equal(raw, owner[:]) && seq <= x.UpTo
	}
	for _, s := range x.Seqs {
		if s == seq {
			return true
		}
	}
	return false
}

// removal is the text of an entry that says what retention removed.
type removal struct {
	Seq    uint64    `json:"up_to"`
	Hash   string    `json:"hash"`
	Before time.Time `json:"before"`
}
