package disklog

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/erasable"
)

// fence is the file system of one opening of the store. At the first failed
// operation that changes the disk it closes: it remembers the error, and from
// then on nothing more is written, while every such operation, the failed one
// included, reports success. Pebble would end the process, or lock itself up,
// on many of these errors; behind the fence it never meets one, so it can
// still be read and closed in order. Whoever acknowledges a write must ask
// failed after the sync has returned, and before saying so.
//
// After it has closed, operations on files other than write-ahead logs wait
// until release: tables that Pebble believes written could not be read back, so
// it must not drop the memtables that hold the same records.
//
// Reads and removals pass through and never close the fence.
type fence struct {
	vfs.FS
	onFail func(error) // called once, must not block

	fresh atomic.Bool // write-ahead logs are not used again, but removed: see Purge

	err      atomic.Pointer[error]
	waiting  atomic.Bool // operations wait for release
	released chan struct{}
	once     sync.Once
}

func newFence(fs vfs.FS, onFail func(error)) *fence {
	return &fence{FS: fs, onFail: onFail, released: make(chan struct{})}
}

// failed returns the error that closed the fence, or nil.
func (f *fence) failed() error {
	if p := f.err.Load(); p != nil {
		return *p
	}
	return nil
}

// fail closes the fence.
func (f *fence) fail(err error) {
	if f.err.CompareAndSwap(nil, &err) {
		f.onFail(err)
	}
}

// hold makes operations wait after a failure; before it they do not, because
// Pebble must be able to finish opening.
func (f *fence) hold() { f.waiting.Store(true) }

// release lets waiting operations go, so that the store can be closed.
func (f *fence) release() {
	f.once.Do(func() {
		f.waiting.Store(false)
		close(f.released)
	})
}

// change runs an operation that changes the disk and reports whether its
// result counts. When not, the caller reports success.
func (f *fence) change(quiet bool, op func() error) bool {
	if f.failed() == nil {
		err := op()
		if err == nil {
			return true
		}
		f.fail(err)
	}
	if !quiet && f.waiting.Load() {
		<-f.released
	}
	return false
}

// quiet says that operations on a file never wait: appends in flight depend on them.
func quiet(name string) bool { return strings.HasSuffix(name, ".log") }

func (f *fence) create(name string, op func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	ok := f.change(quiet(name), func() (err error) {
		file, err = op()
		return err
	})
	if !ok {
		file = &ghostFile{name: f.PathBase(name)}
	}
	return &fencedFile{File: file, fence: f, quiet: quiet(name)}, nil
}

// Create implements vfs.FS.
func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create(name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.create(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (f *fence) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.fresh.Load() {
		return f.create(to, func() (vfs.File, error) { return erasable.Instead(f.FS, from, to, c) })
	}
	return f.create(to, func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

// OpenDir implements vfs.FS. Directories are quiet: a new write-ahead log syncs its own.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: d, fence: f, quiet: true}, nil
}

// Link implements vfs.FS.
func (f *fence) Link(from, to string) error {
	f.change(false, func() error { return f.FS.Link(from, to) })
	return nil
}

// Rename implements vfs.FS.
func (f *fence) Rename(from, to string) error {
	f.change(quiet(to), func() error { return f.FS.Rename(from, to) })
	return nil
}

// MkdirAll implements vfs.FS.
func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	f.change(false, func() error { return f.FS.MkdirAll(dir, perm) })
	return nil
}

// Remove implements vfs.FS. A file that cannot be removed is only litter, and
// the next opening tries again, so a failure here does not close the fence.
func (f *fence) Remove(name string) error {
	if f.failed() != nil {
		return nil
	}
	return f.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (f *fence) RemoveAll(name string) error {
	if f.failed() != nil {
		return nil
	}
	return f.FS.RemoveAll(name)
}

// Lock implements vfs.FS. The log holds its lock outside of the fence.
func (f *fence) Lock(name string) (io.Closer, error) { return f.FS.Lock(name) }

// Unwrap implements vfs.FS.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is an open file behind the fence.
type fencedFile struct {
	vfs.File
	fence *fence
	quiet bool
}

func (f *fencedFile) Write(p []byte) (int, error) {
	f.fence.change(f.quiet, func() error { _, err := f.File.Write(p); return err })
	return len(p), nil
}

func (f *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	f.fence.change(f.quiet, func() error { _, err := f.File.WriteAt(p, off); return err })
	return len(p), nil
}

func (f *fencedFile) Preallocate(off, n int64) error {
	f.fence.change(f.quiet, func() error { return f.File.Preallocate(off, n) })
	return nil
}

func (f *fencedFile) Sync() error {
	f.fence.change(f.quiet, f.File.Sync)
	return nil
}

func (f *fencedFile) SyncData() error {
	f.fence.change(f.quiet, f.File.SyncData)
	return nil
}

func (f *fencedFile) SyncTo(n int64) (full bool, err error) {
	f.fence.change(f.quiet, func() (err error) { full, err = f.File.SyncTo(n); return err })
	return full, nil
}

// Close always closes the real file, closed fence or not, so that no handle leaks.
func (f *fencedFile) Close() error {
	if err := f.File.Close(); err != nil {
		f.fence.fail(err)
	}
	return nil
}

// ghostFile stands for a file that could not be made. It holds nothing.
type ghostFile struct{ name string }

func (g *ghostFile) Write(p []byte) (int, error)            { return len(p), nil }
func (g *ghostFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (g *ghostFile) Read([]byte) (int, error)               { return 0, io.EOF }
func (g *ghostFile) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
func (g *ghostFile) Close() error                           { return nil }
func (g *ghostFile) Sync() error                            { return nil }
func (g *ghostFile) SyncData() error                        { return nil }
func (g *ghostFile) SyncTo(int64) (bool, error)             { return false, nil }
func (g *ghostFile) Preallocate(int64, int64) error         { return nil }
func (g *ghostFile) Prefetch(int64, int64) error            { return nil }
func (g *ghostFile) Fd() uintptr                            { return vfs.InvalidFd }
func (g *ghostFile) Stat() (vfs.FileInfo, error)            { return ghostInfo{g.name}, nil }

type ghostInfo struct{ name string }

func (g ghostInfo) Name() string           { return g.name }
func (g ghostInfo) Size() int64            { return 0 }
func (g ghostInfo) Mode() os.FileMode      { return 0o666 }
func (g ghostInfo) ModTime() time.Time     { return time.Time{} }
func (g ghostInfo) IsDir() bool            { return false }
func (g ghostInfo) Sys() any               { return nil }
func (g ghostInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

// isNoSpace says that an error is about space: the disk or a quota is full.
func isNoSpace(err error) bool { return vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) }
