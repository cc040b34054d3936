package metering

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Notices calls fn with the notices of budgets, by key. They are valid for the call.
func (l *Ledger) Notices(fn func(k, v []byte) error) error {
	leave, err := l.use()
	if err != nil {
		return err
	}
	defer leave()
	return l.iterate([]byte{spaceBudget}, []byte{spaceBudget + 1}, fn)
}

// PutNotice keeps a notice, durably.
func (l *Ledger) PutNotice(k, v []byte) error {
	leave, err := l.use()
	if err != nil {
		return err
	}
	defer leave()
	if err := l.db.Set(k, v, pebble.Sync); err != nil {
		return fmt.Errorf("metering: notice of a budget: %w", err)
	}
	return nil
}

// keepNotices is how many months of notices are kept.
const keepNotices = 13

// dropNotices removes the notices of months before the last year. Those that still wait are kept.
func (l *Ledger) dropNotices(now time.Time) error {
	first := monthOf(now).AddDate(0, -keepNotices, 0).Format("2006-01")
	b := l.db.NewBatch()
	defer b.Close()
	err := l.iterate([]byte{spaceBudget}, []byte{spaceBudget + 1}, func(k, v []byte) error {
		var n notice
		if err := json.Unmarshal(v, &n); err != nil {
			return fmt.Errorf("metering: notice of a budget: %w", err)
		}
		if n.Month >= first || n.State == noticePending {
			return nil
		}
		return b.Delete(bytes.Clone(k), nil)
	})
	if err != nil {
		return err
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("metering: drop notices of budgets: %w", err)
	}
	return nil
}
