package metering

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/damage"
	"weir/internal/tenant"
)

// textKey names a shape's text.
type textKey struct {
	tenant tenant.ID
	shape  string
}

func (k textKey) encode() []byte { return append(tenantPrefix(spaceText, k.tenant), k.shape...) }

const (
	maxText  = 1000 // bytes of a text that is kept
	maxTexts = 1000 // texts of one tenant
	keepText = 90   // days after the last hour in which the shape was asked
)

// A text is kept with the day on which its shape was last asked: 4 bytes, big endian, days since the Unix epoch; then the text.

// NoteTexts keeps the texts of shapes that have come into the ledger since the last call, so that a bill can be read after a restart. A tenant with
// more than maxTexts shapes gets no new ones until old ones go. textOf returns "" for a text that is not known.
func (l *Ledger) NoteTexts(now time.Time, textOf func(tenant.ID, string) string) error {
	leave, err := l.use()
	if err != nil {
		return err
	}
	defer leave()
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	l.mu.Lock()
	fresh := l.fresh
	l.fresh = map[textKey]bool{}
	l.mu.Unlock()
	day := hourOf(now) / 24
	b := l.db.NewBatch()
	defer b.Close()
	for k := range fresh {
		old, known, err := l.text(k)
		if damage.Of(err) {
			continue // the shape stays a hash
		}
		if err != nil {
			return err
		}
		text := old.text
		switch {
		case known && old.day == day:
			continue
		case !known:
			if text = strings.ToValidUTF8(cut(textOf(k.tenant, k.shape), maxText), ""); text == "" {
				continue
			}
			room, err := l.roomForText(k.tenant)
			if err != nil && !damage.Of(err) {
				return err
			}
			if !room {
				continue
			}
		}
		if err := b.Set(k.encode(), append(binary.BigEndian.AppendUint32(nil, day), text...), nil); err != nil {
			return fmt.Errorf("metering: keep the text of a query: %w", err)
		}
	}
	if b.Empty() {
		return nil
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("metering: keep the text of a query: %w", err)
	}
	return nil
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// roomForText says whether a tenant may have one more text, and counts it.
func (l *Ledger) roomForText(t tenant.ID) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.texts[t]
	if !ok {
		if err := l.iterate(tenantPrefix(spaceText, t), tenantEnd(spaceText, t), func(_, _ []byte) error { n++; return nil }); err != nil {
			return false, err
		}
	}
	if n < maxTexts && l.gone[t] == 0 {
		n++
		l.texts[t] = n
		return true, nil
	}
	l.texts[t] = n
	return false, nil
}

type keptText struct {
	day  uint32
	text string
}

func (l *Ledger) text(k textKey) (keptText, bool, error) {
	v, closer, err := l.db.Get(k.encode())
	if err == pebble.ErrNotFound {
		return keptText{}, false, nil
	}
	if err != nil {
		return keptText{}, false, fmt.Errorf("metering: read the text of a query: %w", err)
	}
	defer closer.Close()
	if len(v) < 4 {
		return keptText{}, false, errAmounts
	}
	return keptText{binary.BigEndian.Uint32(v), string(v[4:])}, true, nil
}

// Text returns the text of a shape that is kept; empty if there is none.
func (l *Ledger) Text(t tenant.ID, shape string) (string, error) {
	leave, err := l.use()
	if err != nil {
		return "", err
	}
	defer leave()
	found, _, err := l.text(textKey{t, shape})
	return found.text, err
}

// dropTexts removes the texts of shapes that were not asked for long.
func (l *Ledger) dropTexts(now time.Time) error {
	before := hourOf(now)/24 - keepText
	b := l.db.NewBatch()
	defer b.Close()
	err := l.iterate([]byte{spaceText}, []byte{spaceText + 1}, func(k, v []byte) error {
		if len(v) < 4 || binary.BigEndian.Uint32(v) >= before {
			return nil
		}
		return b.Delete(bytes.Clone(k), nil)
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	clear(l.texts) // counted anew
	l.mu.Unlock()
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("metering: drop texts of queries: %w", err)
	}
	return nil
}
