package embedded

import (
	"context"
	"errors"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestBoundMemory: more than the limit is not given, and what is mapped and not had does not count.
func TestBoundMemory(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &before); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(func() {
		stop()
		time.Sleep(2 * boundEvery) // it may be moving it
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &before); err != nil {
			t.Error(err)
		}
	})
	debug.FreeOSMemory() // what it gives back later would make room
	_, had, err := ownMemory()
	if err != nil {
		t.Fatal(err)
	}
	const part = 800 << 20
	if err := boundMemory(ctx, had+part+part/4); err != nil {
		t.Fatal(err)
	}
	if b := mapped(4 * part); b != nil {
		_ = unix.Munmap(b)
		t.Error("more than the limit is given")
	}
	var last []byte
	for range 3 {
		b := mapped(part)
		for begun := time.Now(); b == nil; b = mapped(part) { // until the bound has moved
			if time.Since(begun) > time.Minute {
				t.Fatal("what is mapped and not had counts")
			}
			time.Sleep(boundEvery)
		}
		defer func() { _ = unix.Munmap(b) }()
		last = b
	}
	for i := 0; i < len(last); i += 4096 {
		last[i] = 1
	}
	for begun := time.Now(); ; time.Sleep(boundEvery) { // the bound moves back
		b := mapped(part)
		if b == nil {
			break
		}
		_ = unix.Munmap(b)
		if time.Since(begun) > time.Minute {
			t.Fatal("what is had does not count")
		}
	}
}

// mapped is nil where the system gives no more.
func mapped(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if errors.Is(err, unix.ENOMEM) {
		return nil
	}
	return b
}
