package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"weir/internal/dedupe"
	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/rollup"
	"weir/internal/stream/profile"
	"weir/internal/usage"
)

// The writers of the events table: each has its own sequence of inserts.
const (
	writerMain uint16 = 1
	writerLate uint16 = 2
	writers           = 2
)

// Bounds of one insert.
const (
	maxRows  = 500_000
	maxBytes = 128 << 20
)

// Tenants tells the processor which tenants there are.
type Tenants interface {
	// Number returns the number that stands for the tenant in dedupe keys; false when there is no such tenant any more.
	Number(tenant string) (uint32, bool)
}

// Config is what a Processor works on. All fields are required unless said otherwise.
type Config struct {
	Log       eventlog.Log
	State     *pebble.DB // owned by the caller
	Dedupe    *dedupe.Set
	Table     Table // of the main stream
	LateTable Table // of the late stream
	Rollups   RollupTable
	List      []rollup.Rollup // rollup.Projections by default
	Tenants   Tenants
	History   History // nil: what is older than the tenants' profiles is not learned

	// MinInterval is the least time from the start of one commit to the start of the next: 500 ms by default.
	MinInterval time.Duration
	// LateAfter is the age (received_at - ts) from which a row goes through the late stream: 48 h by default.
	LateAfter time.Duration
	// LateInterval is the time in which late inserts may touch 40 days (10 s; twice as many where more wait, see pauseLate), LateGather how long the first waits for more (500 ms).
	LateInterval, LateGather time.Duration
	// RollupInterval is how often a rollup moves forward: 5 s by default.
	RollupInterval time.Duration
	// MaxBacklog is how many bytes of unprocessed records the log may hold before doors answer 503: 8 GiB by default.
	MaxBacklog int64
	// MaxLate is the same for the late stream: 4 GiB by default.
	MaxLate int64
	// StopWait is how long a commit under way may take to finish when the processor stops: 3 s by default.
	StopWait time.Duration
	// KeepLog is how long records stay in the log after they were processed: 24 h by default; KeepBytes
	// bounds them by size: 32 GiB by default.
	KeepLog   time.Duration
	KeepBytes int64

	// Sink, if set, is told how many rows of whom each commit stored.
	Sink usage.Sink

	// DiskFull, if set, says that so little of the disk is left that nothing more may be written: commits wait until it returns false.
	DiskFull func() bool

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Fault, if set, is called between the steps of the commit protocol with the name of the step just done:
	// tests kill the process there.
	Fault func(step string)

	chunk int // bytes read of a partition before the next one's turn: 4 MiB by default
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.MinInterval, 500*time.Millisecond)
	set(&c.LateAfter, 48*time.Hour)
	set(&c.LateInterval, 10*time.Second)
	set(&c.LateGather, 500*time.Millisecond)
	set(&c.RollupInterval, 5*time.Second)
	set(&c.KeepLog, 24*time.Hour)
	set(&c.StopWait, 3*time.Second)
	if c.chunk == 0 {
		c.chunk = 4 << 20
	}
	if c.MaxBacklog == 0 {
		c.MaxBacklog = 8 << 30
	}
	if c.MaxLate == 0 {
		c.MaxLate = 4 << 30
	}
	if c.KeepBytes == 0 {
		c.KeepBytes = 32 << 30
	}
	if c.List == nil {
		c.List = rollup.Projections
	}
	return c
}

// Validate reports every field that is missing.
func (c Config) Validate() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Log": c.Log == nil, "State": c.State == nil, "Dedupe": c.Dedupe == nil, "Table": c.Table == nil,
		"LateTable": c.LateTable == nil, "Rollups": c.Rollups == nil, "Tenants": c.Tenants == nil,
		"Logger": c.Logger == nil, "Registerer": c.Registerer == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("stream: config field %s is missing", name))
		}
	}
	return errors.Join(errs...)
}

// Processor moves events from the log into the tables. One Processor works on a state store.
type Processor struct {
	cfg     Config
	db      *pebble.DB
	log     *slog.Logger
	metrics *metrics
	acct    *account

	profiles    *profile.Set
	observeMain profile.Observer // owned by the main stream
	observeLate profile.Observer // owned by the late stream
	versions    *versions
	links       *linkNotes
	rebuildUpTo map[uint16]uint64        // inserts to rebuild the profiles from; nil: none
	turns       [slotCount]chan struct{} // held while a writer or the rollups have something half done; by slot

	lateWake    chan struct{}
	rollWake    chan struct{}
	lateTenant  string // who had the last turn of a late insert; owned by the late stream, as is lateTouched: how many days its last insert touched
	lateTouched int
	bootFrom    []uint64 // by partition: what was in the log and not processed at the start, [from, end)
	bootEnd     []uint64
	ready       chan struct{}

	lastCommit atomic.Int64 // Unix nanoseconds
	stalled    atomic.Bool  // the last try of the main stream's insert failed
	senders    senders

	mu        sync.Mutex
	next      []uint64          // by partition: everything below is processed
	processed []time.Time       // by partition: what was appended before it is processed
	watermark []int64           // by partition: highest ts processed that is not in the future, ms
	seqs      map[uint16]uint64 // by writer: last committed
	positions map[string]map[uint16]uint64
	late      lateQueue
	changed   chan struct{} // closed and replaced when something becomes visible
	scratch   scratch       // owned by the main stream
	poison    quarantineIndex

	// Owned by the upkeep: whether the log's files may hold what was truncated away, and when they were made to forget it last.
	unpurged bool
	purged   time.Time
}

// Open reads the state store and returns a Processor. Doors may use its accounting and its
// backlog at once; nothing is processed before Run.
func Open(cfg Config) (*Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	n := cfg.Log.Partitions()
	p := &Processor{
		cfg: cfg, db: cfg.State, log: cfg.Logger.With("component", "stream"), acct: newAccount(cfg.State),
		lateWake: make(chan struct{}, 1), rollWake: make(chan struct{}, 1), ready: make(chan struct{}),
		next: make([]uint64, n), processed: make([]time.Time, n), watermark: make([]int64, n),
		seqs: map[uint16]uint64{}, positions: map[string]map[uint16]uint64{},
		late: newLateQueue(), changed: make(chan struct{}), versions: newVersions(), links: newLinkNotes(),
		unpurged: true, // the last process may have ended in between
	}
	for i := range p.turns {
		p.turns[i] = make(chan struct{}, 1)
	}
	p.metrics = newMetrics(cfg.Registerer, p)
	var err error
	if p.profiles, err = profile.Open(profile.Config{DB: cfg.State, Known: p.known, Registerer: cfg.Registerer}); err != nil {
		return nil, fmt.Errorf("open stream state: %w", err)
	}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("open stream state: %w", err)
	}
	return p, nil
}

func (p *Processor) load() error {
	p.bootEnd = make([]uint64, len(p.next))
	for i := range p.next {
		var err error
		if p.next[i], err = readUint64(p.db, key16(keyOffset, uint16(i))); err != nil {
			return err
		}
		if first, next := p.cfg.Log.Bounds(uint16(i)); p.next[i] > next {
			return fmt.Errorf("partition %d of the log ends at %d, but the state store has processed it up to %d: "+
				"the log and the state directory do not belong together, or the log has lost records", i, next, p.next[i])
		} else if p.next[i] < first {
			return fmt.Errorf("partition %d of the log begins at %d, but the state store has processed it only up to %d: "+
				"records are missing that were never processed", i, first, p.next[i])
		} else {
			p.bootEnd[i] = next
		}
		p.processed[i] = time.Now()
		if recs, err := p.cfg.Log.Read(context.Background(), uint16(i), p.next[i], 1); err == nil && len(recs) > 0 {
			p.processed[i] = recs[0].Time.Add(-time.Millisecond) // everything before the first waiting record is processed
		}
	}
	p.bootFrom = append([]uint64{}, p.next...)
	for _, w := range []uint16{writerMain, writerLate} {
		seq, err := readUint64(p.db, key16(keySeq, w))
		if err != nil {
			return err
		}
		p.seqs[w], p.links.boot[w] = seq, seq
	}
	if err := p.loadPositions(); err != nil {
		return err
	}
	if err := p.loadVersions(); err != nil {
		return err
	}
	var err error
	if p.rebuildUpTo, err = p.profiles.StartRebuild(p.seqs); err != nil {
		return err
	}
	if err := p.loadLate(); err != nil {
		return err
	}
	return p.acct.load(time.Now())
}

// Run finishes what a crash interrupted and then processes until ctx ends. It returns nil on a clean stop:
// the commit under way is finished first, what is left in the log is processed after the next start.
func (p *Processor) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer usage.Label(ctx, usage.Upkeep, "")()
		return p.cfg.Dedupe.Run(ctx)
	}) // first: what is recovered may have to wait until it has written keys
	g.Go(func() error {
		defer usage.Label(ctx, usage.Stream, "")() // also that of the goroutines below
		if err := p.retry(ctx, p.recover, p.recover); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("recover: %w", err)
		}
		close(p.ready)
		p.signal(p.lateWake)
		p.signal(p.rollWake)
		g.Go(func() error { return p.countBacklog(ctx) })
		g.Go(func() error { return p.rebuildProfiles(ctx) })
		g.Go(func() error { return p.runMain(ctx) })
		g.Go(func() error { return p.runLate(ctx) })
		g.Go(func() error { return p.runRollups(ctx) })
		g.Go(func() error { return p.runUpkeep(ctx) })
		return nil
	})
	return errors.Join(g.Wait(), p.acct.flush(time.Now()))
}

// Ready is closed when what a crash interrupted has been finished.
func (p *Processor) Ready() <-chan struct{} { return p.ready }

func (p *Processor) recover(ctx context.Context) error {
	if err := p.recoverMain(ctx); err != nil {
		return err
	}
	return p.recoverLate(ctx)
}

// runMain commits whenever the log has something, at most once per MinInterval.
func (p *Processor) runMain(ctx context.Context) error {
	for {
		if err := p.cfg.Log.Wait(ctx, p.offsets()); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("wait for the log: %w", err)
		}
		start := time.Now()
		if err := p.inTurn(ctx, slotMain, func() error { return p.retry(ctx, p.unhurried(p.commitMain), p.recoverMain) }); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		p.metrics.commitSeconds.Observe(time.Since(start).Seconds())
		if err := sleep(ctx, p.cfg.MinInterval-time.Since(start)); err != nil {
			return nil
		}
	}
}

// unhurried gives do some time to finish after ctx has ended, so that a clean stop leaves nothing half done.
func (p *Processor) unhurried(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(p.cfg.StopWait, cancel) })
		defer stop()
		err := do(work)
		if err != nil && ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		return err
	}
}

// retry runs do; when it fails it runs again, the repair of what do may have left undone, with growing waits until that succeeds.
// It returns an error only when trying again cannot help, or when ctx ends: an intent may then be pending, and nothing
// more may be committed by that writer before it has been recovered.
func (p *Processor) retry(ctx context.Context, do, again func(context.Context) error) error {
	err := do(ctx)
	for wait := 100 * time.Millisecond; err != nil; wait = min(2*wait, 5*time.Second) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errTorn) || errors.Is(err, errIntent) || errors.Is(err, errLate) {
			return err
		}
		p.metrics.stalls.Inc()
		p.log.Warn("commit failed, trying again", "wait", wait, "error", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		err = again(ctx)
	}
	return nil
}

// waitDisk returns when there is room to write.
func (p *Processor) waitDisk(ctx context.Context) error {
	for told := false; p.cfg.DiskFull != nil && p.cfg.DiskFull(); told = true {
		if !told {
			p.log.Warn("the disk is nearly full: commits wait until there is room")
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (p *Processor) offsets() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]uint64{}, p.next...)
}

func (p *Processor) seq(writer uint16) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seqs[writer]
}

// store inserts the block exactly once. unknown says that an earlier try may have left something.
// It returns only when every row is held, or when ctx ends.
func (p *Processor) store(ctx context.Context, t Table, writer uint16, seq uint64, b *Block, unknown bool) error {
	if b.Len() == 0 {
		return nil
	}
	rest := b
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := error(nil)
		if unknown {
			rest, err = p.missing(ctx, t, writer, seq, b)
			if errors.Is(err, errTorn) {
				return err
			}
		}
		if err == nil && rest.Len() > 0 {
			unknown = true
			err = t.Insert(ctx, writer, seq, rest)
		}
		if writer == writerMain {
			p.stalled.Store(err != nil)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.metrics.stalls.Inc()
		p.log.Warn("insert failed, trying again", "writer", writer, "seq", seq, "rows", b.Len(), "wait", wait, "error", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// errTorn says that a partition holds some of the rows of an insert: the one thing that an insert must never do.
var errTorn = errors.New("an insert is stored partly")

func (p *Processor) missing(ctx context.Context, t Table, writer uint16, seq uint64, b *Block) (*Block, error) {
	held, err := t.Held(ctx, writer, seq, sortedDays(b.days()))
	if err != nil {
		return nil, err
	}
	rest, err := b.without(held)
	if err != nil {
		return nil, fmt.Errorf("%w: writer %d, insert %d: %w", errTorn, writer, seq, err)
	}
	return rest, nil
}

// stageSeq adds to the batch that insert seq of the writer is committed and its intent is done.
func (p *Processor) stageSeq(b *pebble.Batch, writer uint16, seq uint64, rows int) error {
	return errors.Join(
		b.Delete(key16(keyIntent, writer), nil),
		b.Set(key16(keySeq, writer), uint64Value(seq), nil),
		b.Set(keySeqRowsOf(writer, seq), uint64Value(uint64(rows)), nil),
	)
}

// free returns an error while an intent of the writer is pending: it says what may be half done, and must never be
// overwritten or deleted by another commit.
func (p *Processor) free(writer uint16) error {
	pending, err := readValue(p.db, key16(keyIntent, writer))
	if err == nil && pending != nil {
		err = fmt.Errorf("writer %d: an earlier intent is pending", writer)
	}
	return err
}

// publish makes a committed insert known to readers and to the rollups.
func (p *Processor) publish(writer uint16, seq uint64, rows int) {
	p.mu.Lock()
	p.seqs[writer] = seq
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if rows > 0 {
		p.signal(p.rollWake)
	}
}

func (p *Processor) signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *Processor) fault(step string) {
	if p.cfg.Fault != nil {
		p.cfg.Fault(step)
	}
}

// scratch is the memory that commits of the main stream reuse.
type scratch struct {
	in       *Block
	entries  []dedupe.Entry
	rows     []int // of entries: the row in the block
	found    []dedupe.Verdict
	verdicts []verdict
	fresh    []dedupe.Entry

	large time.Time // when a commit last needed much of it; zero: none since it is new
}

// When scratch memory is given back.
const (
	largeBytes = 16 << 20    // of the rows of a commit: from so many on it needs much
	keepLarge  = time.Minute // since the last one
)

// begin makes the memory ready for a commit. After a minute of small commits it is new, so that a burst does not hold what an insert of the largest size needs for ever.
func (s *scratch) begin(now time.Time) {
	switch {
	case s.in == nil || !s.large.IsZero() && now.Sub(s.large) >= keepLarge:
		*s = scratch{in: newBlock()}
	default:
		s.in.reset()
	}
}

// taken notes how much of it a commit needs.
func (s *scratch) taken(now time.Time) {
	if s.in.Batch.Bytes() >= largeBytes {
		s.large = now
	}
}

// countBacklog counts the rows that were in the log before this start, so that they show as pending.
func (p *Processor) countBacklog(ctx context.Context) error {
	b := event.NewBatch()
	for part, from := range p.bootFrom {
		for off := from; off < p.bootEnd[part]; {
			recs, err := p.cfg.Log.Read(ctx, uint16(part), off, 4<<20)
			if err != nil || len(recs) == 0 {
				break // ctx ended, or the rest is processed and truncated
			}
			for _, r := range recs {
				off = r.Offset + 1
				b.Reset()
				if r.Offset >= p.bootEnd[part] || r.Data == nil || b.DecodeRecord(r.Data) != nil {
					continue // appended since the start, or it goes to quarantine
				}
				p.acct.pend(rowsByHour(b))
			}
		}
	}
	return nil
}
