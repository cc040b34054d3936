package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lockDir makes the data directory and takes its lock, which the process holds until it ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := os.ReadFile(f.Name())
		return nil, errors.Join(fmt.Errorf("the data directory %s is used by another weir (process %s): stop it, or choose another --data-dir", dir, pid), f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data directory %s: %w", dir, err), f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("write the lock of the data directory: %w", err), f.Close())
	}
	if _, err := fmt.Fprint(f, os.Getpid()); err != nil {
		return nil, errors.Join(fmt.Errorf("write the lock of the data directory: %w", err), f.Close())
	}
	return f, nil
}

// exposed says whether others than its user may do anything in the data directory.
func exposed(dir string) (fs.FileMode, bool) {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return 0, false
	}
	return info.Mode(), true
}

// room watches the free space of the data directory's file system for those who write beside the log.
type room struct {
	dir   string
	share float64 // used share from which on nothing more is written

	log *slog.Logger

	mu   sync.Mutex
	at   time.Time
	full bool
}

// enough is how many bytes must be free again before a write that has met a full disk is tried again.
const enough = 16 << 20

// wait returns when the disk has some room again. A write that meets a full disk all the same waits here and is then repeated.
func (r *room) wait() {
	r.log.Error("the disk is full: the state store waits until there is room", "dir", r.dir, "bytes_needed", enough)
	for {
		if u, err := vfs.Default.GetDiskUsage(r.dir); err != nil || u.AvailBytes >= enough {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// Full says that nothing more may be written. It asks the file system at most five times a second; when
// that cannot answer, there is room.
func (r *room) Full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) > 200*time.Millisecond {
		r.at = now
		u, err := vfs.Default.GetDiskUsage(r.dir)
		r.full = err == nil && u.TotalBytes > 0 && float64(u.UsedBytes) >= r.share*float64(u.UsedBytes+u.AvailBytes)
	}
	return r.full
}

// cacheFile finds a file of the build's cache: below the working directory, beside the binary, or in the tree that the binary was built in.
func cacheFile(rel func(cache string) string) string {
	dirs := []string{".cache"}
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		dirs = append(dirs, filepath.Join(dir, ".cache"), filepath.Join(filepath.Dir(dir), ".cache"))
	}
	for _, d := range dirs {
		if _, err := os.Stat(rel(d)); !errors.Is(err, fs.ErrNotExist) {
			return rel(d)
		}
	}
	return rel(dirs[0])
}
