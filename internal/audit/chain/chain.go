// Package chain keeps the audit log in a Pebble store of its own. Each entry has a link and a text. Links form a chain of hashes over
// salted commitments to the texts, so that a changed, missing or reordered entry is found, and a text can be erased without breaking the chain.
// The end of the chain is anchored in the catalog, so that a cut tail is found too. DESIGN.md says what this proves and what it does not.
package chain

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/tenant"
)

// Anchors keep small values outside of the store. *sqlite.Catalog does.
type Anchors interface {
	Setting(ctx context.Context, name string) (string, error) // catalog.ErrNotFound
	SetSetting(ctx context.Context, name, value string) error
}

// Config configures a Log.
type Config struct {
	Dir       string
	FS        vfs.FS // nil: the disk
	Anchors   Anchors
	Retention time.Duration // entries older than this are removed; 0: never
	ReadOnly  bool          // for Verify of a directory that no server uses
	Logger    *slog.Logger
	// Fatal is told that the store cannot go on writing, and does not return; nil panics.
	Fatal      func(message string)
	Registerer prometheus.Registerer
	Now        func() time.Time // default: time.Now; a seam of tests
}

// Validate reports every problem.
func (c Config) Validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("audit: Dir is empty"))
	}
	if c.Anchors == nil {
		errs = append(errs, errors.New("audit: Anchors is nil"))
	}
	if c.Retention != 0 && c.Retention < MinRetention {
		errs = append(errs, fmt.Errorf("audit.keep is %s, want at least %s, or 0 for ever", c.Retention, MinRetention))
	}
	return errors.Join(errs...)
}

// MinRetention is the shortest time that entries are kept.
const MinRetention = 24 * time.Hour

// The pace of the work behind.
const (
	syncEvery   = 500 * time.Millisecond // what Record took is durable within this and the time of a sync
	anchorEvery = 10 * time.Second
	keepEvery   = time.Hour // retention
)

const (
	secretSetting = "audit_secret"
	anchorSetting = "audit_anchor"
	lostSetting   = "audit_lost"    // anchors that the log no longer had when it was opened
	removeSetting = "audit_removed" // how far retention has removed entries
)

// Log is an audit log. It is safe for concurrent use.
type Log struct {
	cfg     Config
	log     *slog.Logger
	db      *pebble.DB
	secret  []byte
	metrics *metrics
	gather  gatherer

	mu     sync.Mutex // orders links
	last   link       // the end of the chain
	base   base
	dirty  bool // something is not synced yet
	failed error
	// forgotten are deleted tenants whose texts were erased. Their ids are never given again.
	forgotten map[tenant.ID]bool

	told    sync.Map     // files of which was logged that they are damaged
	reading atomic.Int64 // reads that run
	closing context.Context
	stop    context.CancelFunc // of closing

	anchorMu sync.Mutex
	anchored uint64

	maxExpire int // a seam of tests
}

// Open opens the log. A tail that was torn by a crash is dropped by the store: it was never acknowledged as durable.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{cfg: cfg, log: cfg.Logger.With("component", "audit"), metrics: newMetrics(), maxExpire: maxExpire}
	l.closing, l.stop = context.WithCancel(context.Background())
	if cfg.Registerer != nil {
		if err := l.metrics.register(cfg.Registerer); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	var err error
	if l.secret, err = secretOf(ctx, cfg); err != nil {
		return nil, err
	}
	cache := pebble.NewCache(1 << 20)
	defer cache.Unref()
	l.db, err = pebble.Open(cfg.Dir, l.options(cache))
	if err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	if !cfg.ReadOnly { // Verify needs none of it
		err = l.begin(ctx)
	}
	if err != nil {
		l.stop()
		return nil, errors.Join(err, l.db.Close())
	}
	return l, nil
}

// secretOf is the key of the tags of tenants, made at the first start.
func secretOf(ctx context.Context, cfg Config) ([]byte, error) {
	text, err := cfg.Anchors.Setting(ctx, secretSetting)
	if errors.Is(err, catalog.ErrNotFound) && !cfg.ReadOnly {
		raw := make([]byte, 32)
		if _, err := rand.Read(raw); err != nil {
			return nil, fmt.Errorf("audit: random: %w", err)
		}
		return raw, cfg.Anchors.SetSetting(ctx, secretSetting, hex.EncodeToString(raw))
	}
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, errors.New("audit: there is no audit log in this data directory")
	}
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(text)
}

// begin reads what entries go on from. Where that is damaged there is no log to add to.
func (l *Log) begin(ctx context.Context) error {
	defer l.reads()()
	if err := l.find(); err != nil {
		return err
	}
	if err := l.findForgotten(); err != nil {
		return err
	}
	return errors.Join(l.rejoin(ctx), l.rememberBase(ctx))
}

// find reads where the chain begins and ends. Damage further inside is for Verify to find: it must not keep weir from starting.
func (l *Log) find() error {
	v, err := l.get(baseKey)
	if err != nil {
		return err
	}
	if v != nil {
		if l.base, err = decodeBase(v); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	l.last = link{seq: l.base.Seq, hash: l.base.Hash}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: linkKey(0), UpperBound: endOfLinks})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		seq, good := seqOf(it.Key())
		if !good {
			continue // no link has such a key: new entries must not begin anew because of it
		}
		if seq > l.base.Seq {
			last, err := decodeLink(seq, it.Value())
			if err != nil { // new entries go on behind it; its own hash stands as it is
				l.log.Error("the last entry of the audit log cannot be read: run `weir audit verify`", "seq", seq)
			}
			l.last = last
		}
		break
	}
	return readable(it.Close())
}

func seqOf(key []byte) (uint64, bool) {
	if len(key) != 9 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

// get returns a copy of a value; nil if there is none.
func (l *Log) get(key []byte) ([]byte, error) {
	defer l.reads()()
	v, closer, err := l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit: read: %w", readable(err))
	}
	return append([]byte{}, v...), closer.Close()
}

// Append implements audit.Recorder. Appends that come together share a sync.
func (l *Log) Append(_ context.Context, e audit.Entry) error {
	b := l.db.NewBatch()
	defer b.Close()
	if err := l.add(b, &e, true); err != nil {
		l.metrics.failed.Inc()
		return err
	}
	if err := b.SyncWait(); err != nil {
		l.metrics.failed.Inc()
		return fmt.Errorf("audit: sync: %w", err)
	}
	return nil
}

// Record implements audit.Recorder.
func (l *Log) Record(e audit.Entry) {
	b := l.db.NewBatch()
	defer b.Close()
	if err := l.add(b, &e, false); err != nil {
		l.metrics.failed.Inc()
		l.log.Error("an entry of the audit log could not be written", "action", e.Action, "actor", e.Actor, "error", err)
	}
}

// add puts an entry at the end of the chain. When sync, it begins a sync, and b.SyncWait waits for its end.
func (l *Log) add(b *pebble.Batch, e *audit.Entry, sync bool) error {
	if l.cfg.ReadOnly {
		return errors.New("audit: the log is open for reading only")
	}
	e.Text, e.Target, e.Actor, e.Request = audit.Cut(e.Text), audit.Cut(e.Target), audit.Cut(e.Actor), audit.Cut(e.Request)
	var salt [saltSize]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return fmt.Errorf("audit: random: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	if l.forgotten[e.Tenant] {
		strip(e)
	}
	if e.At.IsZero() {
		e.At = l.cfg.Now()
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Seq = l.last.seq + 1
	text, err := sealText(salt[:], *e)
	if err != nil {
		return err
	}
	next := link{seq: e.Seq, at: e.At.UnixNano(), owner: ownerOf(l.secret, e.Tenant), commitment: commit(salt[:], text[saltSize:])}
	next.hash = next.next(l.last.hash)
	err = errors.Join(b.Set(linkKey(e.Seq), next.encode(), nil), b.Set(textKey(e.Seq), text, nil))
	if e.Tenant != "" {
		err = errors.Join(err, b.Set(indexKey(e.Tenant, e.Seq), nil, nil))
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if sync {
		err = l.db.ApplyNoSyncWait(b, pebble.Sync)
	} else {
		err = l.db.Apply(b, pebble.NoSync)
		l.dirty = true
	}
	if err != nil { // it may be in the store or not: nothing can be chained to it
		l.failed = fmt.Errorf("audit: write: %w", err)
		return l.failed
	}
	l.last = next
	l.metrics.entries.Inc()
	return nil
}

// Sync returns when everything that was taken is durable.
func (l *Log) Sync() error {
	l.mu.Lock()
	dirty := l.dirty
	l.dirty = false
	l.mu.Unlock()
	if !dirty {
		return nil
	}
	if err := l.db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("audit: sync: %w", err)
	}
	return nil
}

// Head is the end of the chain.
func (l *Log) Head() audit.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return headOf(l.last)
}

func headOf(k link) audit.Head { return audit.Head{Seq: k.seq, Hash: hex.EncodeToString(k.hash[:])} }

// Anchor notes the end of the chain in the catalog, after making everything up to it durable: a chain that ends before its anchor was cut.
func (l *Log) Anchor(ctx context.Context) error {
	l.anchorMu.Lock()
	defer l.anchorMu.Unlock()
	h := l.Head()
	if h.Seq == l.anchored {
		return nil
	}
	if err := l.db.LogData(nil, pebble.Sync); err != nil { // whoever appended them may not have waited yet
		return fmt.Errorf("audit: sync: %w", err)
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := l.cfg.Anchors.SetSetting(ctx, anchorSetting, string(text)); err != nil {
		return fmt.Errorf("audit: anchor: %w", err)
	}
	l.anchored = h.Seq
	return nil
}

// Run syncs, gathers, anchors and removes what is older than the retention, until ctx ends. Then it writes what it still holds.
func (l *Log) Run(ctx context.Context) error {
	fast, slow, keep := time.NewTicker(syncEvery), time.NewTicker(anchorEvery), time.NewTicker(keepEvery)
	defer fast.Stop()
	defer slow.Stop()
	defer keep.Stop()
	warn := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			l.log.Error(what, "error", err)
		}
	}
	for {
		select {
		case <-fast.C:
			l.flushGathered(l.cfg.Now())
			warn("the audit log could not be synced", l.Sync())
		case <-slow.C:
			warn("the end of the audit log could not be anchored", l.Anchor(ctx))
		case <-keep.C:
			warn("old entries of the audit log could not be removed", l.expireAll(ctx))
		case <-ctx.Done():
			l.flushGathered(time.Time{})
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			return l.Anchor(last)
		}
	}
}

// Close closes the store. What Gather still holds is lost unless Run has ended before.
func (l *Log) Close() error {
	l.stop()
	if l.cfg.ReadOnly {
		return l.db.Close()
	}
	return errors.Join(l.Sync(), l.db.Close())
}

// owned returns the tag of a tenant.
func (l *Log) owned(t tenant.ID) [16]byte { return ownerOf(l.secret, t) }
