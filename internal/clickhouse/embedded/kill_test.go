package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// parentArg makes the test binary run as a parent with a child; it prints the child's process id when that is ready.
const parentArg = "run-as-parent"

func parentMain() {
	exe, _ := os.Executable()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	e, err := New(Config{Engine: EngineConfig{DataDir: os.Args[2], Library: os.Args[3]}, Command: []string{exe, childArg}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	if err := e.WaitReady(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Println(e.PID())
	if err := <-done; err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// waitFor waits until ok says so.
func waitFor(t *testing.T, what string, limit time.Duration, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

// A killed child is started again; what was acknowledged is there, what was not is there as a whole or not at all.
func TestKilledChild(t *testing.T) {
	cfg := testConfig(t)
	var starts atomic.Uint64
	cfg.OnStart = func(g uint64) { starts.Store(g) }
	e := startEngine(t, cfg)
	c := e.Client()
	createEvents(t, c, "events", "toDate(ts)")
	acked := 0
	for round := range 4 {
		ctx, cancel := context.WithCancel(ctx)
		count := make(chan int)
		go func() { // inserts without a pause
			n := 0
			for ctx.Err() == nil {
				_, err := c.Insert(ctx, clickhouse.Statement{SQL: insertSQL("events"), Settings: clickhouse.OneBlockSettings()},
					bytes.NewReader(block(t, "acme", 1000*(acked+n), 1000)))
				switch {
				case err == nil:
					n++
					continue
				case ctx.Err() == nil && !errors.Is(err, clickhouse.ErrUnavailable):
					t.Errorf("insert: %v", err)
				}
				break
			}
			count <- n
		}()
		time.Sleep(time.Duration(100+60*round) * time.Millisecond)
		gen, pid := e.Generation(), e.PID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		n := <-count
		cancel()
		took := waitFor(t, "restart", time.Minute, func() bool { return e.Generation() > gen })
		if err := e.WaitReady(ctx2(t)); err != nil {
			t.Fatal(err)
		}
		if starts.Load() != e.Generation() || e.PID() == pid {
			t.Errorf("generation %d, OnStart was told %d, pid %d", e.Generation(), starts.Load(), e.PID())
		}
		acked += n
		rows := value(t, c, "SELECT count() FROM weir.events")
		got, _ := strconv.Atoi(rows)
		t.Logf("round %d: %d inserts acknowledged, %d rows, ready after %v", round, acked, got, took)
		switch { // the last insert may have reached the disk without an answer
		case got == 1000*(acked+1):
			acked++
		case got != 1000*acked:
			t.Fatalf("%d rows after %d inserts of 1000", got, acked)
		}
	}
}

// A child that does not answer is killed and replaced.
func TestHangingChild(t *testing.T) {
	cfg := testConfig(t)
	cfg.HealthEvery, cfg.HangAfter = 50*time.Millisecond, 500*time.Millisecond
	e := startEngine(t, cfg)
	pid, gen := e.PID(), e.Generation()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: "SELECT 1"}); !errors.Is(err, clickhouse.ErrUnavailable) && err != nil {
		t.Errorf("a statement to a child that is killed: %v", err)
	}
	waitFor(t, "replacement", time.Minute, func() bool { return e.Generation() > gen && e.Ready() })
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the old child is still there: %v", err)
	}
	mustExec(t, e.Client(), "SELECT 1")
}

// A busy child is not taken for a hanging one.
func TestBusyChild(t *testing.T) {
	cfg := testConfig(t)
	cfg.HealthEvery, cfg.HangAfter = 50*time.Millisecond, 3*time.Second
	cfg.Engine.MaxConcurrent = 2
	e := startEngine(t, cfg)
	done := make(chan error, 4)
	for range cap(done) {
		go func() {
			_, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: "SELECT sum(sipHash64(number)) FROM numbers(1e12)", Settings: map[string]string{"max_execution_time": "2", "timeout_overflow_mode": "break"}})
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if e.Generation() != 1 {
		t.Errorf("generation %d: the child was restarted", e.Generation())
	}
}

// When the parent is killed its child goes too, and its data directory can be used at once.
func TestKilledParent(t *testing.T) {
	cfg := testConfig(t)
	cmd := osexec.Command(cfg.Command[0], parentArg, cfg.Engine.DataDir, cfg.Engine.Library)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil || pid == 0 {
		t.Fatal("no child", err)
	}
	// A second engine on the directory is refused while the first lives.
	second := cfg.Engine.withDefaults()
	second.LockWait = 50 * time.Millisecond
	if err := RunEngine(ctx, second, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrLocked) {
		t.Errorf("a second engine: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	took := waitFor(t, "end of the child", time.Minute, func() bool { return !alive(pid) })
	t.Logf("the child was gone after %v", took)
	e := startEngine(t, cfg) // its socket and lock are no obstacle
	mustExec(t, e.Client(), "SELECT 1")
}

// alive tells whether a process runs; a zombie does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // not Linux
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	return len(f) > 0 && f[0] != "Z"
}

// A stop lets running statements end, and closes the engine.
func TestStop(t *testing.T) {
	cfg := testConfig(t)
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	if err := e.WaitReady(ctx2(t)); err != nil {
		t.Fatal(err)
	}
	slow := make(chan error, 1)
	go func() {
		_, err := e.Client().Exec(context.Background(), clickhouse.Statement{SQL: "SELECT sipHash64(1), sleepEachRow(0.1) FROM numbers(25) SETTINGS max_block_size = 1"})
		slow <- err
	}()
	waitRunning(t, e.Client())
	pid := e.PID()
	cancel()
	if err := <-slow; err != nil {
		t.Errorf("the running statement: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if e.Ready() || e.PID() != 0 || alive(pid) {
		t.Errorf("ready %v, pid %d", e.Ready(), e.PID())
	}
	if err := e.Client().Ping(context.Background()); !errors.Is(err, clickhouse.ErrUnavailable) {
		t.Errorf("ping after the end: %v", err)
	}
}

// A library that cannot be used is told in one line, at once.
func TestNoLibrary(t *testing.T) {
	dir := t.TempDir()
	short, other := filepath.Join(dir, "short.so"), filepath.Join(dir, "other.so")
	if err := errors.Join(os.WriteFile(short, []byte("x"), 0o644), os.WriteFile(other, nil, 0o644), os.Truncate(other, 200<<20)); err != nil {
		t.Fatal(err)
	}
	for lib, want := range map[string]string{"": "library", filepath.Join(dir, "none.so"): "there is no file", short: "cut off", dir: "is not a file"} {
		e, err := New(Config{Engine: EngineConfig{DataDir: dir, Library: lib}})
		if err == nil {
			err = e.Run(ctx2(t))
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("library %q: %v, want %q", lib, err, want)
		}
	}
	if cfg := testConfig(t); !t.Failed() { // one that only the child finds out about
		cfg.Engine.Library = other
		e, err := New(cfg)
		if err == nil {
			err = e.Run(ctx2(t))
		}
		if err == nil || !strings.Contains(err.Error(), "cannot load") || strings.Contains(err.Error(), "\n") {
			t.Errorf("a file that is no library: %v", err)
		}
	}
	err := RunEngine(ctx, EngineConfig{DataDir: filepath.Join(dir, "d"), Library: other}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "cannot load") {
		t.Errorf("a file that is no library: %v", err)
	}
	if _, err := FindLibrary(short); err == nil {
		t.Error("a library that was cut off was found")
	}
}

// A data directory whose path is too long for a Unix socket still works.
func TestLongPath(t *testing.T) {
	cfg := testConfig(t)
	cfg.Engine.DataDir = filepath.Join(cfg.Engine.DataDir, strings.Repeat("d", 120), "engine")
	e := startEngine(t, cfg)
	mustExec(t, e.Client(), "SELECT 1")
	path := strings.TrimPrefix(e.Endpoint(), "unix://")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v %v", info, err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := ownDir(open); err == nil {
		t.Error("a directory that everybody may write to was taken for the socket")
	}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(path)) })
}
