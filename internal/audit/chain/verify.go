package chain

import (
	"bytes"
	"context"
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
	snap := l.db.NewSnapshot()
	defer snap.Close()
	noted, known, err := l.removed(ctx) // after the snapshot: it is noted before it is done
	if err != nil {
		return audit.Verdict{}, err
	}
	v := &verifier{ctx: ctx, log: l, snap: snap, missing: map[uint64][16]byte{}, heads: append(lost, anchor, kept), noted: noted, known: known}
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
	if raw, closer, err := v.snap.Get(baseKey); err == nil {
		if v.base, err = decodeBase(raw); err != nil {
			v.find(0, "unreadable", "%v", err)
		}
		if err := closer.Close(); err != nil {
			return err
		}
	} else if !errors.Is(err, pebble.ErrNotFound) {
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

// links walks along the chain.
func (v *verifier) links() (link, error) {
	prev := link{seq: v.base.Seq, hash: v.base.Hash}
	it, err := v.snap.NewIter(&pebble.IterOptions{LowerBound: linkKey(0), UpperBound: endOfLinks})
	if err != nil {
		return prev, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err := v.ctx.Err(); err != nil {
			return prev, errors.Join(err, it.Close())
		}
		seq, ok := seqOf(it.Key())
		if !ok || seq <= prev.seq {
			v.find(seq, "foreign", "there is an entry %d where none can be", seq)
			continue
		}
		if seq > prev.seq+1 {
			v.find(prev.seq+1, "missing", "%s missing", entries(prev.seq+1, seq-1))
			prev.hash = [32]byte{} // what it was is not known
		}
		l, err := decodeLink(seq, it.Value())
		if err != nil {
			v.find(seq, "unreadable", "entry %d: %v", seq, err)
			prev = link{seq: seq}
			continue
		}
		v.checkLink(prev, l)
		v.checkText(l)
		prev = l
	}
	return prev, errors.Join(it.Error(), it.Close())
}

func entries(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("entry %d is", from)
	}
	return fmt.Sprintf("entries %d to %d are", from, to)
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
		v.find(l.seq, "unreadable", "the text of entry %d: %v", l.seq, err)
		return
	}
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
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		v.find(e.Seq, "unlisted", "entry %d is hidden from its tenant %s: the index lacks it", e.Seq, e.Tenant)
	case err != nil:
		v.find(e.Seq, "unreadable", "the index of entry %d: %v", e.Seq, err)
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
		v.find(seq, "text_missing", "the text of entry %d is missing, and no entry says that it was erased", seq)
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
	v.find(v.base.Seq, "missing", "the entries up to %d are missing, and no entry says that they were removed for their age", v.base.Seq)
}

// strays finds texts that belong to no entry.
func (v *verifier) strays() error {
	it, err := v.snap.NewIter(&pebble.IterOptions{LowerBound: textKey(0), UpperBound: []byte{'T' + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		seq, good := seqOf(it.Key())
		if _, closer, err := v.snap.Get(linkKey(seq)); good && err == nil {
			if err := closer.Close(); err != nil {
				return errors.Join(err, it.Close())
			}
			continue
		}
		v.find(seq, "foreign", "there is a text of entry %d, which does not exist", seq)
	}
	return errors.Join(it.Error(), it.Close())
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
