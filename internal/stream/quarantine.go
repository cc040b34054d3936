package stream

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/event"
	"weir/internal/eventlog"
)

// Quarantined is a record of the log that could not be decoded in three tries. It counts for no tenant, for nobody can tell how many rows it has of
// whom; the operator sees it. Whose rows it holds can often be told all the same: when a tenant is deleted.
type Quarantined struct {
	ID        string    `json:"id"`
	Partition uint16    `json:"partition"`
	Offset    uint64    `json:"offset"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason"`
	Bytes     int       `json:"bytes"`
	Data      []byte    `json:"data,omitempty"` // the record as it stands in the log; nil if the log could not return it
}

// ErrNoQuarantine says that there is no such record in quarantine.
var ErrNoQuarantine = errors.New("no such record in quarantine")

// ErrStillUndecodable says that a quarantined record cannot be decoded by this version either.
var ErrStillUndecodable = errors.New("record still cannot be decoded")

func quarantineKey(partition uint16, offset uint64) []byte {
	return binary.BigEndian.AppendUint64(key16(keyQuarantine, partition), offset)
}

func stageQuarantine(b *pebble.Batch, r eventlog.Record, now time.Time) error {
	q := Quarantined{Partition: r.Partition, Offset: r.Offset, At: now.UTC(), Bytes: len(r.Data), Data: r.Data}
	if r.Data == nil {
		q.Reason = "the log's checksum of the record does not match: it was damaged on disk"
	} else if err := event.NewBatch().DecodeRecord(r.Data); err != nil {
		q.Reason = err.Error()
	}
	v, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode quarantine: %w", err)
	}
	return b.Set(quarantineKey(r.Partition, r.Offset), v, nil)
}

// Quarantine lists what is in quarantine, without the data.
func (p *Processor) Quarantine() ([]Quarantined, error) {
	var out []Quarantined
	err := scan(p.db, []byte{keyQuarantine}, func(key, value []byte) error {
		q, err := readQuarantined(key, value)
		q.Data = nil
		out = append(out, q)
		return err
	})
	return out, err
}

func readQuarantined(key, value []byte) (Quarantined, error) {
	var q Quarantined
	if err := json.Unmarshal(value, &q); err != nil {
		return q, fmt.Errorf("read quarantine: %w", err)
	}
	q.ID = hex.EncodeToString(key[1:])
	return q, nil
}

func (p *Processor) quarantined(id string) ([]byte, Quarantined, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 10 {
		return nil, Quarantined{}, ErrNoQuarantine
	}
	key := append([]byte{keyQuarantine}, raw...)
	v, err := readValue(p.db, key)
	if err != nil {
		return nil, Quarantined{}, err
	}
	if v == nil {
		return nil, Quarantined{}, ErrNoQuarantine
	}
	q, err := readQuarantined(key, v)
	return key, q, err
}

// QuarantineRecord returns one record with its data, or ErrNoQuarantine.
func (p *Processor) QuarantineRecord(id string) (Quarantined, error) {
	_, q, err := p.quarantined(id)
	return q, err
}

// DropQuarantine removes a record for good.
func (p *Processor) DropQuarantine(id string) error {
	key, _, err := p.quarantined(id)
	if err != nil {
		return err
	}
	defer p.poison.changed()
	return p.db.Delete(key, pebble.Sync)
}

// DecodeQuarantine decodes a record again, after a fix, and returns its rows for the caller to append to the log; then call DropQuarantine.
func (p *Processor) DecodeQuarantine(id string) (partition uint16, b *event.Batch, err error) {
	_, q, err := p.quarantined(id)
	if err != nil {
		return 0, nil, err
	}
	b = event.NewBatch()
	if err := b.DecodeRecord(q.Data); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrStillUndecodable, err)
	}
	return q.Partition, b, nil
}

// QuarantineShare is what lies in quarantine of a tenant: records that hold rows of it, and of nobody who lives (Own), and such that hold rows of the
// living too, or do not tell whose (Undecided). Rows counts records.
type QuarantineShare struct{ Own, Undecided Erased }

// QuarantineOf looks for records that hold rows of a tenant. It reads all of them.
func (p *Processor) QuarantineOf(tenant string) (QuarantineShare, error) {
	var s QuarantineShare
	err := p.quarantineOf(tenant, func(_ []byte, q *Quarantined, own bool) error {
		of := &s.Undecided
		if own {
			of = &s.Own
		}
		of.Rows++
		of.Bytes += uint64(len(q.Data))
		return nil
	})
	return s, err
}

// EraseQuarantine removes the records that hold rows of a deleted tenant and of nobody who lives. The tenant must be gone from the catalog.
func (p *Processor) EraseQuarantine(tenant string) error {
	b := p.db.NewBatch()
	defer b.Close()
	err := p.quarantineOf(tenant, func(key []byte, _ *Quarantined, own bool) error {
		if !own {
			return nil
		}
		return b.Delete(append([]byte{}, key...), nil)
	})
	if err != nil || b.Empty() {
		return err
	}
	defer p.poison.changed()
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("erase from quarantine: %w", err)
	}
	return nil
}

// quarantineOf calls fn with the records that hold, or may hold, rows of a tenant.
func (p *Processor) quarantineOf(tenant string, fn func(key []byte, q *Quarantined, own bool) error) error {
	return scan(p.db, []byte{keyQuarantine}, func(key, value []byte) error {
		q, err := readQuarantined(key, value)
		if err != nil || q.Data == nil { // nothing of it could be read at all
			return err
		}
		names, told := event.RecordTenants(q.Data)
		if told && !slices.Contains(names, tenant) {
			return nil
		}
		return fn(key, &q, told && !slices.ContainsFunc(names, p.known))
	})
}

// quarantineIndex remembers what is in quarantine, without the data, so that a tenant's view of its own does not read all of it each time.
type quarantineIndex struct {
	changes atomic.Uint64 // of what is there
	mu      sync.Mutex    // held while the list is read and made; commits do not wait for it
	at      uint64        // 1 more than the changes that the list knows; 0: there is none
	list    []ownedRecord
}

type ownedRecord struct {
	Quarantined
	owner string // the one tenant that it holds rows of; empty: not certain, or several
}

// changed is called after a record came or went.
func (x *quarantineIndex) changed() { x.changes.Add(1) }

// QuarantineOwn lists the records that hold rows of this tenant alone, without the data.
func (p *Processor) QuarantineOwn(tenant string) ([]Quarantined, error) {
	x := &p.poison
	x.mu.Lock()
	defer x.mu.Unlock()
	if now := x.changes.Load() + 1; x.at != now {
		x.at, x.list = 0, nil
		err := scan(p.db, []byte{keyQuarantine}, func(key, value []byte) error {
			q, err := readQuarantined(key, value)
			if err != nil {
				return err
			}
			owner := q.owner()
			q.Data = nil
			x.list = append(x.list, ownedRecord{q, owner})
			return nil
		})
		if err != nil {
			return nil, err
		}
		x.at = now
	}
	var out []Quarantined
	for _, q := range x.list {
		if q.owner == tenant {
			out = append(out, q.Quarantined)
		}
	}
	return out, nil
}

// owner is the tenant that the record holds rows of, if there is but one.
func (q *Quarantined) owner() string {
	if q.Data == nil {
		return ""
	}
	if names, told := event.RecordTenants(q.Data); told && len(names) == 1 {
		return names[0]
	}
	return ""
}

// QuarantinedOf is QuarantineRecord for a tenant: records that are not its alone do not exist. Data is left out when the record is damaged: whose it is
// is then not certain enough to show it.
func (p *Processor) QuarantinedOf(tenant, id string) (Quarantined, error) {
	_, q, err := p.quarantined(id)
	if err != nil {
		return Quarantined{}, err
	}
	if q.owner() != tenant {
		return Quarantined{}, ErrNoQuarantine
	}
	if !event.RecordIntact(q.Data) {
		q.Data = nil
	}
	return q, nil
}
