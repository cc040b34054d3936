package chain

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/audit"
	"weir/internal/erasable"
)

// neverStall puts Pebble's own stall out of reach: while damage keeps files of level 0 from being compacted, entries are still taken.
const neverStall = 100_000

// restAfterDamage is how long the store's own work waits when it meets damage: Pebble tries again at once, without end.
const restAfterDamage = time.Second

// options of the store. What cannot be written ends the process (Fatalf). Damage that is met while reading is an error of whoever reads, and no reason to end:
// without a DataCorruption of ours, Pebble takes both for the same.
func (l *Log) options(cache *pebble.Cache) *pebble.Options {
	return &pebble.Options{FS: l.cfg.FS, Cache: cache, MemTableSize: 1 << 20, ReadOnly: l.cfg.ReadOnly, Logger: storeLogger{l}, Cleaner: erasable.Cleaner{},
		L0StopWritesThreshold: neverStall, CompactionConcurrencyRange: func() (int, int) { return 1, 1 },
		EventListener: &pebble.EventListener{DataCorruption: l.damaged, BackgroundError: func(err error) {
			if !pebble.IsCorruptionError(err) { // damaged has told it
				l.log.Error("the files of the audit log could not be rewritten", "error", err)
			}
		}}}
}

// damaged logs that a file is damaged: once, as it is met again and again.
func (l *Log) damaged(i pebble.DataCorruptionInfo) {
	l.metrics.damaged.Inc()
	if _, told := l.told.LoadOrStore(i.Path, true); !told {
		l.log.Error("a file of the audit log is damaged: run `weir audit verify`, and restore it from a backup", "file", i.Path, "error", fmt.Sprint(i.Details))
	}
	if l.reading.Load() > 0 {
		return
	}
	select {
	case <-time.After(restAfterDamage):
	case <-l.closing.Done():
	}
}

// reads says that reads of ours begin, which do not rest at damage; what it returns, that they have ended.
func (l *Log) reads() func() {
	l.reading.Add(1)
	return func() { l.reading.Add(-1) }
}

// readable makes an error that damage caused audit.ErrDamaged.
func readable(err error) error {
	if err != nil && pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %s", audit.ErrDamaged, where(err))
	}
	return err
}

// where names what is damaged, for operators: a damaged block's error tells its stack too.
func where(err error) string {
	if i := pebble.ExtractDataCorruptionInfo(err); i != nil {
		return "file " + filepath.Base(i.Path)
	}
	return "a file of the store"
}

// storeLogger passes on what the store has to say.
type storeLogger struct{ l *Log }

func (s storeLogger) Infof(string, ...any) {}

func (s storeLogger) Errorf(format string, args ...any) { s.l.log.Error(fmt.Sprintf(format, args...)) }

func (s storeLogger) Fatalf(format string, args ...any) {
	message := "the audit log cannot go on: " + fmt.Sprintf(format, args...)
	if s.l.cfg.Fatal != nil {
		s.l.cfg.Fatal(message)
	}
	panic(message)
}
