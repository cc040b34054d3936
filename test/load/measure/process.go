// Package measure observes a running weir from outside: CPU and memory of its processes from /proc, bytes on
// disk, and how long an accepted event takes to become visible in SQL.
package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of times in /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU is the user and system time that a process has used.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("measure cpu: %w", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("measure cpu: /proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// OwnCPU is the user and system time that this process has used.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail for RUSAGE_SELF
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Memory is what a process holds.
type Memory struct {
	RSS  int64 // resident bytes, shared libraries and mapped files included
	Anon int64 // of them, bytes that no file backs: what cannot be dropped
}

// MemoryOf reads the memory of a process.
func MemoryOf(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("measure memory: %w", err)
	}
	var m Memory
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "VmRSS:":
			m.RSS = kb << 10
		case "RssAnon:":
			m.Anon = kb << 10
		}
	}
	return m, nil
}

// Processes are the processes of one weir.
type Processes struct{ Parent, Engine int }

// Usage is what both used between two points of time.
type Usage struct {
	Parent, Engine, Generator time.Duration // CPU
	PeakParent, PeakEngine    Memory        // highest sample of each
	PeakRSS                   int64         // highest sum of both
	Wall                      time.Duration
}

const sampleEvery = 100 * time.Millisecond

// Watch samples until ctx ends; the returned function then gives the sums. It must be called once.
func Watch(ctx context.Context, p Processes) (stop func() (Usage, error)) {
	ctx, cancel := context.WithCancel(ctx)
	began := time.Now()
	own := OwnCPU()
	parent, err1 := CPU(p.Parent)
	engine, err2 := CPU(p.Engine)
	var u Usage
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			u.sample(p)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() (Usage, error) {
		cancel()
		<-done
		parentEnd, err3 := CPU(p.Parent)
		engineEnd, err4 := CPU(p.Engine)
		u.Parent, u.Engine, u.Generator = parentEnd-parent, engineEnd-engine, OwnCPU()-own
		u.Wall = time.Since(began)
		return u, errors.Join(err1, err2, err3, err4)
	}
}

func (u *Usage) sample(p Processes) {
	a, err1 := MemoryOf(p.Parent)
	b, err2 := MemoryOf(p.Engine)
	if err1 != nil || err2 != nil {
		return // the process has gone; CPU will say so
	}
	u.PeakParent.RSS, u.PeakParent.Anon = max(u.PeakParent.RSS, a.RSS), max(u.PeakParent.Anon, a.Anon)
	u.PeakEngine.RSS, u.PeakEngine.Anon = max(u.PeakEngine.RSS, b.RSS), max(u.PeakEngine.Anon, b.Anon)
	u.PeakRSS = max(u.PeakRSS, a.RSS+b.RSS)
}

// Disk is the allocated bytes below dir, by its first level of names.
func Disk(dir string) (map[string]int64, error) {
	sizes := map[string]int64{}
	seen := map[uint64]bool{} // hard links count once
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // merged away while we look
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || seen[st.Ino] {
			return nil
		}
		seen[st.Ino] = true
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		sizes[top] += st.Blocks * 512
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("measure disk: %w", err)
	}
	return sizes, nil
}
