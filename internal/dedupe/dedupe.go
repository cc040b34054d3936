// Package dedupe is the exact, durable, memory-bounded set of event keys by
// which the stream processor drops repeats: of every event id that a sender
// chose, it knows whether the same id of the same source and tenant was stored
// within the window (7 days of received time by default).
//
// One commit of the processor is: Check tells new keys from repeats, Stage adds
// the new keys to the batch that also holds the processor's offsets, the caller
// commits that batch with a sync, Apply makes the keys visible. When the commit
// fails the Staged value is dropped and the set is unchanged.
//
// Newest keys live in memory and as one blob per commit in the state store. In
// the background they are sorted and written to immutable run files with a
// Bloom filter each, grouped by day and merged; DESIGN.md has the reasons and
// the proof that no repeat is missed.
package dedupe

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Key names an event: 4 bytes tenant number, big endian, and 12 bytes of a
// keyed 128-bit hash of (site, 0, event id).
type Key [16]byte

// Entry is an event to look up or to remember.
type Entry struct {
	Key      Key
	Payload  uint32 // hash of the event's content: tells a retry from a conflict
	Received int64  // when the event arrived, Unix milliseconds; counted in whole seconds
	IDTime   int64  // result of IDTime for the event id, Unix milliseconds, 0 if none
}

// Verdict is what Check says of an entry.
type Verdict uint8

// Verdicts. A repeat is measured against the latest copy that was stored.
const (
	New       Verdict = iota // not stored within the window: store it
	Duplicate                // stored within the window with the same payload
	Conflict                 // stored within the window with another payload; the first one stays
)

func (v Verdict) String() string {
	switch v {
	case New:
		return "new"
	case Duplicate:
		return "duplicate"
	case Conflict:
		return "conflict"
	}
	return fmt.Sprintf("verdict %d", uint8(v))
}

// Config configures a Set. DB, Dir and Secret are required.
type Config struct {
	DB     *pebble.DB // the state store, owned by the caller; must outlive the Set
	Prefix string     // of all keys in DB, "dedupe/" by default; no other key may start with it
	FS     vfs.FS     // file system of Dir, the operating system's by default
	Dir    string     // directory of the run files, made if absent; the Set owns every *.run file in it

	Window  time.Duration // how long a key is remembered, by received time; 7 days by default, 1 hour to 14 days
	Lag     time.Duration // how far an event's received time may lie behind the newest one's without losing exactness; 24 h by default
	MaxKeys int64         // bound on the keys remembered by the process, 100 million by default; the oldest are forgotten first

	FreezeKeys int // the head is written to a run at this size, 1 million keys by default (32 bytes each), at most 2 million
	HeadKeys   int // Stage refuses when this many keys wait in memory because runs cannot be written; 8 times FreezeKeys by default

	// QuotaOf returns how many keys of the tenant are kept, 0 for no limit. Called by Maintain only. Nil: no limits.
	QuotaOf func(tenantNumber uint32) int64

	// DropDamaged makes Open forget run files that are missing or damaged, and move the horizon
	// accordingly, instead of failing.
	DropDamaged bool

	Secret     Secret // of the keyed hash; must stay the same for the life of the state store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Window, 7*24*time.Hour)
	def(&c.Lag, 24*time.Hour)
	if c.Prefix == "" {
		c.Prefix = "dedupe/"
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = 100_000_000
	}
	if c.FreezeKeys == 0 {
		c.FreezeKeys = 1_000_000
	}
	if c.HeadKeys == 0 {
		c.HeadKeys = 8 * c.FreezeKeys
	}
	if c.QuotaOf == nil {
		c.QuotaOf = func(uint32) int64 { return 0 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}

// Validate reports every problem of the configuration, after defaults were filled in.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("dedupe."+format, args...))
		}
	}
	bad(c.DB == nil, "db: is missing")
	bad(c.Dir == "", "dir: is missing")
	bad(c.Secret == Secret{}, "secret: is missing; give 16 random bytes")
	bad(c.Window < time.Hour || c.Window > maxWindow, "window: %v is outside of 1h to %v", c.Window, maxWindow)
	bad(c.Lag < time.Second || c.Lag > maxWindow, "lag: %v is outside of 1s to %v", c.Lag, maxWindow)
	bad(c.MaxKeys < 1, "max_keys: %d is not positive", c.MaxKeys)
	bad(c.FreezeKeys < 1 || c.FreezeKeys > maxSegment/2, "freeze_keys: %d is outside of 1 to %d", c.FreezeKeys, maxSegment/2)
	bad(c.HeadKeys < c.FreezeKeys, "head_keys: %d is less than freeze_keys %d", c.HeadKeys, c.FreezeKeys)
	return errors.Join(errs...)
}

const (
	maxWindow = 14 * 24 * time.Hour
	// MaxStage is the largest number of entries of one Stage.
	MaxStage = 1 << 20
)

// Errors of a Set.
var (
	ErrClosed = errors.New("dedupe set is closed")
	// ErrBehind matches a *BehindError.
	ErrBehind = errors.New("dedupe set cannot write its run files")
	// ErrCorrupt matches a *CorruptError.
	ErrCorrupt = errors.New("dedupe state is damaged")
)

// BehindError is returned by Stage when too many keys wait in memory for a run
// file. Nothing is lost: the caller stalls and tries again later.
type BehindError struct {
	Held, Limit int   // keys in memory, and Config.HeadKeys
	Cause       error // why the last run file could not be written; nil if writing is only slow
}

func (e *BehindError) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("%v: %d keys wait in memory, the limit head_keys is %d; wait until they are written", ErrBehind, e.Held, e.Limit)
	}
	return fmt.Sprintf("%v: %d keys wait in memory, the limit head_keys is %d; free disk space or repair the disk: %v", ErrBehind, e.Held, e.Limit, e.Cause)
}

// Is reports whether target is ErrBehind.
func (e *BehindError) Is(target error) bool { return target == ErrBehind }

// Unwrap returns the cause.
func (e *BehindError) Unwrap() error { return e.Cause }

// CorruptError says which part of the set's state does not read as it was written.
type CorruptError struct {
	What   string // the file or key, and the place in it
	Detail string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: %s: %s; restore the state directory from a backup, or start once with drop_damaged to forget these ids", ErrCorrupt, e.What, e.Detail)
}

// Is reports whether target is ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
