package erasable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Logs is a store's file system whose write-ahead logs can be replaced, for a store that syncs many times a second: its logs are used again and again,
// which spares each sync the allocation of space, and hold what was erased until Replace.
type Logs struct {
	vfs.FS
	fresh atomic.Bool
}

// ReuseForWrite implements vfs.FS.
func (l *Logs) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if l.fresh.Load() {
		return Instead(l.FS, from, to, c)
	}
	return l.FS.ReuseForWrite(from, to, c)
}

// Instead is ReuseForWrite that removes the old file and makes a new one.
func Instead(fs vfs.FS, from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := fs.Remove(from); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return fs.Create(to, c)
}

// Replace replaces the logs of a store in dir.
func (l *Logs) Replace(ctx context.Context, db *pebble.DB, dir string) error {
	return Replace(ctx, db, l.FS, dir, &l.fresh, func() error { return nil })
}

// maxRotations bounds how often Replace begins a new log: some more than there can be.
const maxRotations = 200

// Replace begins new write-ahead logs until those that there are now have gone; meanwhile fresh is set, and the store's file system must not use one
// again. It ends early with the error that failed returns.
func Replace(ctx context.Context, db *pebble.DB, fs vfs.FS, dir string, fresh *atomic.Bool, failed func() error) error {
	fresh.Store(true)
	defer fresh.Store(false)
	_, newest, err := numbers(fs, dir)
	if err != nil {
		return err
	}
	for range maxRotations {
		if err := errors.Join(db.Flush(), failed()); err != nil {
			return err
		}
		oldest, _, err := numbers(fs, dir)
		if err != nil || oldest > newest {
			return err
		}
		select { // Pebble lets go of a log a moment after the flush
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("write-ahead logs up to number %d are still there after %d others were begun", newest, maxRotations)
}

// numbers returns the lowest and the highest number of a write-ahead log.
func numbers(fs vfs.FS, dir string) (oldest, newest uint64, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		text, ok := strings.CutSuffix(name, ".log")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			continue
		}
		if oldest == 0 || n < oldest {
			oldest = n
		}
		newest = max(newest, n)
	}
	return oldest, newest, nil
}
