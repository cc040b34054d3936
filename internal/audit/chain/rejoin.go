package chain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"weir/internal/audit"
	"weir/internal/catalog"
)

// maxLost bounds the lost anchors that are remembered: the oldest ones stay.
const maxLost = 100

// rejoin holds the log that was found against its anchor. If it no longer has what was anchored, the anchor is remembered for good before a new one takes its
// place, and numbers go on behind what is missing: neither a restart nor new entries make a cut or a replaced log look whole.
func (l *Log) rejoin(ctx context.Context) error {
	anchor, err := l.anchor(ctx)
	if err != nil || anchor.Seq <= l.base.Seq {
		return err
	}
	there, err := l.has(anchor)
	if err != nil || there {
		return err
	}
	if err := l.rememberLost(ctx, anchor); err != nil {
		return err
	}
	l.log.Error("the audit log does not have the entry that was anchored: it was cut, or replaced; run `weir audit verify`", "anchored", anchor.Seq, "last", l.last.seq)
	if anchor.Seq > l.last.seq {
		hash, err := hex.DecodeString(anchor.Hash)
		if err != nil || len(hash) != 32 {
			return fmt.Errorf("audit: the anchor %q in the catalog cannot be read", anchor.Hash)
		}
		l.last = link{seq: anchor.Seq, hash: [32]byte(hash)}
	}
	return nil
}

// has says whether a head is part of the log.
func (l *Log) has(h audit.Head) (bool, error) {
	raw, err := l.get(linkKey(h.Seq))
	if err != nil || raw == nil {
		return false, err
	}
	k, err := decodeLink(h.Seq, raw)
	return err == nil && hex.EncodeToString(k.hash[:]) == h.Hash, nil
}

func (l *Log) rememberLost(ctx context.Context, h audit.Head) error {
	all, err := l.lost(ctx)
	if err != nil || len(all) >= maxLost {
		return err
	}
	for _, x := range all {
		if x == h {
			return nil
		}
	}
	text, err := json.Marshal(append(all, h))
	if err != nil {
		return err
	}
	if err := l.cfg.Anchors.SetSetting(ctx, lostSetting, string(text)); err != nil {
		return fmt.Errorf("audit: remember a lost anchor: %w", err)
	}
	return nil
}

// lost are the anchors that the log no longer had when it was opened.
func (l *Log) lost(ctx context.Context) ([]audit.Head, error) {
	var all []audit.Head
	text, err := l.cfg.Anchors.Setting(ctx, lostSetting)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &all)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: read lost anchors: %w", err)
	}
	return all, nil
}

// rememberBase notes in the catalog, once, where the log begins: from then on only what Expire has noted there may be missing at the beginning.
func (l *Log) rememberBase(ctx context.Context) error {
	_, known, err := l.removed(ctx)
	if err != nil || known {
		return err
	}
	return l.noteRemoved(ctx, l.base)
}

// noteRemoved notes how far entries are about to be removed.
func (l *Log) noteRemoved(ctx context.Context, to base) error {
	text, err := json.Marshal(audit.Head{Seq: to.Seq, Hash: hex.EncodeToString(to.Hash[:])})
	if err != nil {
		return err
	}
	if err := l.cfg.Anchors.SetSetting(ctx, removeSetting, string(text)); err != nil {
		return fmt.Errorf("audit: note what is removed: %w", err)
	}
	return nil
}

// removed is how far entries were removed for their age; false when nothing is noted.
func (l *Log) removed(ctx context.Context) (audit.Head, bool, error) {
	var h audit.Head
	text, err := l.cfg.Anchors.Setting(ctx, removeSetting)
	if errors.Is(err, catalog.ErrNotFound) {
		return h, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &h)
	}
	if err != nil {
		return h, false, fmt.Errorf("audit: read what was removed: %w", err)
	}
	return h, true, nil
}
