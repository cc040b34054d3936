package disklog

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"weir/internal/eventlog"
)

// guardBytes is how much may be appended between two looks at the disk.
const guardBytes = 16 << 20

// guard refuses appends when the file system is nearly full. It asks the file
// system once a second, and after every guardBytes.
type guard struct {
	fs      vfs.FS
	dir     string
	maxUse  float64
	minFree int64

	at       atomic.Int64 // Unix nanoseconds of the last look
	appended atomic.Int64 // bytes since
	used     atomic.Int64 // share in millionths
	free     atomic.Int64 // bytes
	known    atomic.Bool  // the file system told
}

// check is asked before n bytes are appended.
func (g *guard) check(n int) error {
	now, last := time.Now().UnixNano(), g.at.Load()
	due := now-last >= int64(time.Second) || g.appended.Add(int64(n)) >= guardBytes
	if due && g.at.CompareAndSwap(last, now) {
		g.appended.Store(0)
		used, free, ok := diskUse(g.fs, g.dir)
		g.used.Store(int64(used * 1e6))
		g.free.Store(int64(min(free, math.MaxInt64)))
		g.known.Store(ok)
	}
	if !g.known.Load() {
		return nil
	}
	if used := g.share(); used >= g.maxUse {
		return fmt.Errorf("%w: the disk of %s is %.1f %% used, the limit (log.max_disk) is %.1f %%: free some space or raise the limit",
			eventlog.ErrFull, g.dir, used*100, g.maxUse*100)
	}
	if free := g.free.Load(); free < g.minFree {
		return fmt.Errorf("%w: the disk of %s has %d bytes free, the reserve (MinDiskFree) is %d: free some space or lower the limit",
			eventlog.ErrFull, g.dir, free, g.minFree)
	}
	return nil
}

// share is the used share of the file system at the last look.
func (g *guard) share() float64 { return float64(g.used.Load()) / 1e6 }

// again makes the next check look.
func (g *guard) again() { g.at.Store(0) }

// diskUse returns the used share of the file system, and the free bytes.
// ok is false when the file system cannot say.
func diskUse(fs vfs.FS, dir string) (used float64, free uint64, ok bool) {
	u, err := fs.GetDiskUsage(dir)
	if err != nil || u.TotalBytes == 0 {
		return 0, 0, false
	}
	return 1 - float64(u.AvailBytes)/float64(u.TotalBytes), u.AvailBytes, true
}
