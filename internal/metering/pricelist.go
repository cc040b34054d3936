package metering

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Prices returns the price books by the time from which each holds, the oldest first.
func (l *Ledger) Prices() ([]PricedFrom, error) {
	leave, err := l.use()
	if err != nil {
		return nil, err
	}
	defer leave()
	return l.priceList()
}

func (l *Ledger) priceList() ([]PricedFrom, error) {
	var out []PricedFrom
	err := l.iterate([]byte{spacePrices}, []byte{spacePrices + 1}, func(k, v []byte) error {
		if len(k) != 9 {
			return errAmounts
		}
		p := PricedFrom{From: time.Unix(int64(binary.BigEndian.Uint64(k[1:])), 0).UTC()}
		if err := json.Unmarshal(v, &p.Book); err != nil {
			return fmt.Errorf("metering: price book of %s: %w", p.From, err)
		}
		out = append(out, p)
		return nil
	})
	return out, err
}

// PricedFrom is a price book and the time from which it holds.
type PricedFrom struct {
	From time.Time
	Book Book
}

// SetPrices makes a book hold from now on (from the hour that has begun), if it differs from the latest.
func (l *Ledger) SetPrices(b Book, now time.Time) ([]PricedFrom, error) {
	leave, err := l.use()
	if err != nil {
		return nil, err
	}
	defer leave()
	list, err := l.priceList()
	if err != nil {
		return nil, err
	}
	if n := len(list); n > 0 && list[n-1].Book == b {
		return list, nil
	}
	v, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("metering: price book: %w", err)
	}
	from := now.Truncate(time.Hour)
	if err := l.db.Set(binary.BigEndian.AppendUint64([]byte{spacePrices}, uint64(from.Unix())), v, pebble.Sync); err != nil {
		return nil, fmt.Errorf("metering: price book: %w", err)
	}
	return l.priceList()
}

// segment is the part of the day of an hour in which the same prices hold as in that hour: a row of a whole day is a segment's, so that it is
// priced as its hours were.
func segment(list []PricedFrom, hour uint32) (from, to uint32) {
	from = hour / 24 * 24
	to = from + 24
	for i, p := range list {
		switch h := hourOf(p.From); {
		case i == 0: // the first holds for all that was before too
		case h <= hour:
			from = max(from, h)
		case h < to:
			to = h
		}
	}
	return from, to
}
