//go:build system

package system

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"weir/internal/client"
	"weir/internal/problem"
	"weir/test/system/harness"
)

// disk is an ext4 file system in a file, which can lose its power.
type disk struct {
	t          *testing.T
	image, dir string
}

// newDisk makes and mounts the file system. That needs root and a loop device; without them the test is skipped.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a file system needs root")
	}
	tmp := t.TempDir()
	d := &disk{t: t, image: filepath.Join(tmp, "image"), dir: filepath.Join(tmp, "mnt")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"truncate", "-s", size, d.image}, {"mkfs.ext4", "-q", "-m", "0", d.image}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v %s", args[0], err, out)
		}
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v %s", err, out)
	}
	t.Cleanup(func() { d.unmount() })
	return d
}

func (d *disk) unmount() {
	for range 100 {
		if err := syscall.Unmount(d.dir, 0); err == nil || errors.Is(err, syscall.EINVAL) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.t.Error("the test's file system cannot be unmounted")
}

// cut is a loss of power: the file system stops at once and forgets whatever had not been synced. EXT4_IOC_SHUTDOWN with
// NOLOGFLUSH does not even write the journal out.
func (d *disk) cut() {
	d.t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	how := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		d.t.Fatalf("shut the file system down: %v", errno)
	}
}

// restore brings the power back: the journal is replayed as after a crash of the machine.
func (d *disk) restore() {
	d.t.Helper()
	d.unmount()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("mount after the loss of power: %v %s", err, out)
	}
}

// TestPowerLoss cuts the power of the disk under load: log, state, catalog, dedupe runs and the engine's parts lose every
// un-synced page at once. What was acknowledged is there afterwards, once.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "2G")
	srv := harness.StartT(t, harness.Config{Dir: filepath.Join(d.dir, "data")})
	tenant, err := srv.NewTenant(t.Context(), "power")
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, srv, tenant, 6)
	cuts := times(t, 12, 3)
	for i := range cuts {
		time.Sleep(time.Duration(700+i*137%900) * time.Millisecond)
		freeze(t, srv)
		d.cut()
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		orphanFree(t, d.dir)
		d.restore()
		if err := errors.Join(srv.Spawn(), srv.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	l.finish()
	l.verify(t)
	t.Logf("%d cuts, %d requests, %d events", cuts, l.acked.Load(), len(l.ids))
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
}

// freeze stops weir and its engine where they are, as a loss of power would: no acknowledgement may leave
// after the disk has stopped. (A sync that the kernel is just doing can report success when the journal is aborted under it.)
func freeze(t *testing.T, srv *harness.Server) {
	t.Helper()
	for _, pid := range []int{srv.PID(), srv.EnginePID()} {
		if pid == 0 {
			continue // the engine is being started
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for stopped := false; !stopped; time.Sleep(time.Millisecond) {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			stopped = err != nil || strings.Contains(string(b), "State:\tT")
		}
	}
}

// orphanFree waits until no process has files below dir open.
func orphanFree(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		busy := false
		for _, l := range links {
			to, err := os.Readlink(l)
			busy = busy || err == nil && strings.HasPrefix(to, dir)
		}
		if !busy {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a process still has files of the killed weir open")
		}
	}
}

// TestFullDisk fills a small disk: events are refused with 503 before anything breaks, nothing is lost, and when
// there is room again weir goes on by itself.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "900M")
	srv := harness.StartT(t, harness.Config{Dir: filepath.Join(d.dir, "data")})
	tenant, err := srv.NewTenant(t.Context(), "full")
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, srv, tenant, 4)
	time.Sleep(500 * time.Millisecond)
	ballast := filepath.Join(d.dir, "ballast")
	fill(t, ballast)
	refused := waitRefused(t, srv, tenant, l)
	t.Logf("refused: %v", refused)
	if refused.RetryAfter <= 0 {
		t.Error("the refusal has no Retry-After")
	}
	time.Sleep(3 * time.Second) // everything goes on against the full disk
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	before := l.acked.Load()
	for deadline := time.Now().Add(time.Minute); l.acked.Load() < before+20; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("weir did not go on when there was room again")
		}
	}
	l.finish()
	l.verify(t)
}

// fill writes until the disk is completely full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		if _, err := f.Write(chunk); err != nil {
			chunk = chunk[:len(chunk)/2]
		}
	}
}

// waitRefused sends single events until one is refused, and returns the refusal.
func waitRefused(t *testing.T, srv *harness.Server, tenant harness.Tenant, l *load) *problem.Problem {
	t.Helper()
	c := client.New(srv.URL, tenant.WriteKey, client.Options{RetryFor: -1})
	for n, deadline := 0, time.Now().Add(time.Minute); time.Now().Before(deadline); n++ {
		id := fmt.Sprintf("probe-%d", n)
		_, err := c.Ingest(t.Context(), fmt.Appendf(nil, `{"event_id":%q,"type":"probe","ts":%d,"props":{"value":1}}`, id, time.Now().UnixMilli()), client.IngestOptions{})
		if err == nil { // there was room yet
			l.mu.Lock()
			l.ids[id] = true
			l.mu.Unlock()
		}
		time.Sleep(50 * time.Millisecond)
		var p *problem.Problem
		if errors.As(err, &p) {
			if p.Status != http.StatusServiceUnavailable {
				t.Fatalf("the full disk is answered with %v", err)
			}
			return p
		}
	}
	t.Fatal("a full disk was never refused")
	return nil
}
