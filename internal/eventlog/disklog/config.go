package disklog

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// Config configures a Log. The zero value of a field means its default.
type Config struct {
	// Dir is the directory of the log; it is created if absent. Required.
	Dir string
	// Partitions is fixed when the directory is created (default 8, at most 65535).
	Partitions int
	// FS is the file system (default vfs.Default, the operating system's).
	FS vfs.FS
	// CacheBytes is the size of the block cache for reads (default 32 MiB).
	CacheBytes int64
	// MemTableBytes is the size of one memtable, and about that of one
	// write-ahead log file (default 32 MiB, at least 4 MiB).
	MemTableBytes int64
	// MaxMemTables is how many memtables may hold records that are not yet in
	// tables before appends wait (default 4, at least 2).
	MaxMemTables int
	// MaxDiskUse is the used share of the file system from which on appends get
	// ErrFull (default 0.95; above 1 is never). Keep it below 1: the rest is what
	// truncation and recovery work with.
	MaxDiskUse float64
	// MinDiskFree is the free space, in bytes, below which appends get ErrFull as
	// well: what flushes and compactions may need at once (default 2 *
	// MaxMemTables * MemTableBytes, 256 MiB; negative is none).
	MinDiskFree int64
	// RetryMin and RetryMax bound the pause between attempts to reopen after a
	// failure of the disk (defaults 200 ms and 10 s).
	RetryMin, RetryMax time.Duration
	// Logger is required.
	Logger *slog.Logger
	// Registerer takes the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// Now is the clock of append times (default time.Now).
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Partitions == 0 {
		c.Partitions = 8
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 32 << 20
	}
	if c.MemTableBytes == 0 {
		c.MemTableBytes = 32 << 20
	}
	if c.MaxMemTables == 0 {
		c.MaxMemTables = 4
	}
	if c.MaxDiskUse == 0 {
		c.MaxDiskUse = 0.95
	}
	if c.MinDiskFree == 0 {
		c.MinDiskFree = 2 * int64(c.MaxMemTables) * c.MemTableBytes
	}
	if c.RetryMin == 0 {
		c.RetryMin = 200 * time.Millisecond
	}
	if c.RetryMax == 0 {
		c.RetryMax = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports every problem of the configuration at once. Zero fields are
// valid where they have a default.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("disklog: "+format, args...)) }
	if c.Dir == "" {
		bad("Dir is empty: name a directory")
	}
	if c.Partitions < 1 || c.Partitions > 65535 {
		bad("Partitions is %d: choose 1 to 65535", c.Partitions)
	}
	if c.CacheBytes < 0 {
		bad("CacheBytes is %d: it cannot be negative", c.CacheBytes)
	}
	if c.MemTableBytes < 4<<20 || c.MemTableBytes > 1<<30 {
		bad("MemTableBytes is %d: choose 4 MiB to 1 GiB", c.MemTableBytes)
	}
	if c.MaxMemTables < 2 {
		bad("MaxMemTables is %d: choose at least 2", c.MaxMemTables)
	}
	if c.MaxDiskUse < 0 {
		bad("MaxDiskUse is %g: choose a share such as 0.95", c.MaxDiskUse)
	}
	if c.RetryMin < 0 || c.RetryMax < c.RetryMin {
		bad("RetryMin is %v and RetryMax %v: choose 0 < RetryMin <= RetryMax", c.RetryMin, c.RetryMax)
	}
	if c.Logger == nil {
		bad("Logger is nil")
	}
	return errors.Join(errs...)
}
