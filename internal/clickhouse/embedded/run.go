package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// RunEngine is the child process: it takes the lock of the data directory,
// loads libchdb and serves until ctx ends. It returns nil after a clean stop. The library stays
// loaded, so it can be called once in a process.
func RunEngine(ctx context.Context, cfg EngineConfig, log *slog.Logger) error {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	if cfg.Watch {
		go watchParent(os.Stdin)
	}
	if err := cfg.makeDirs(); err != nil {
		return err
	}
	lock, err := lockDir(ctx, cfg.DataDir, cfg.LockWait)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := dropTenantDatabases(cfg.dbPath()); err != nil {
		return err
	}
	if err := boundMemory(ctx, cfg.hardLimit()); err != nil { // the engine's own limit holds all the same
		log.Warn("the memory of the engine's process is not bounded: the text of a very long answer may take more than engine.memory", "error", err)
	}
	lib, err := libchdb.Open(cfg.Library)
	if err != nil {
		return err
	}
	config, err := cfg.writeFiles(max(2, min(8, runtime.NumCPU()/2)))
	if err != nil {
		return err
	}
	pool := &sessions{lib: lib, base: []string{
		"--path=" + cfg.dbPath(), "--config-file=" + config,
		// Formatting in threads of its own costs a third more CPU, and the engine does not count it.
		"--output_format_parallel_formatting=0",
		// Behind a row policy a task for each part takes several times what looking at its primary key does (DESIGN.md).
		"--max_threads_for_indexes=1",
		"--max_query_size=" + strconv.Itoa(maxSQL), // a statement may be as long as a request allows
	}}
	anchor, err := pool.take(ctx, "", nil) // keeps the engine running
	if err != nil {
		return fmt.Errorf("engine: start in %s: %w", cfg.dbPath(), err)
	}
	defer func() {
		pool.close()
		anchor.conn.Close() // the last one: returns when the engine has stopped
	}()
	s := &server{cfg: cfg, log: log, pool: pool, own: make(chan struct{}, cfg.MaxConcurrent), tenants: make(chan struct{}, cfg.MaxConcurrent), processes: newProcesses()}
	s.solos.threads, s.listing.pool = &s.threads, pool
	if s.barrier, err = newBarrier(anchor); err != nil {
		return err
	}
	return s.serve(ctx)
}

// serve answers on the socket until ctx ends and the statements that run have ended.
func (s *server) serve(ctx context.Context) error {
	l, err := listen(s.cfg.Socket)
	if err != nil {
		return err
	}
	stop, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.stop = stop
	h := &http.Server{Handler: s, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 20}
	done := make(chan error, 1)
	go func() { done <- h.Serve(l) }()
	own, err := clickhouse.New(endpoint(s.cfg.Socket))
	if err != nil {
		return err
	}
	go s.tuneMerges(ctx, own)
	s.log.Info("engine is ready", "socket", s.cfg.Socket, "version", s.pool.lib.Version(), "memory_limit", s.cfg.MemoryLimit)
	select {
	case err := <-done:
		return fmt.Errorf("engine: serve: %w", err)
	case <-ctx.Done():
	}
	drain, end := context.WithTimeout(context.Background(), s.cfg.StopWait)
	defer end()
	if h.Shutdown(drain) != nil { // statements still run
		cancel()
		last, end := context.WithTimeout(context.Background(), 2*time.Second)
		defer end()
		if err := h.Shutdown(last); err != nil {
			return fmt.Errorf("engine: stop: statements did not end: %w", err)
		}
	}
	s.awaitSamples()
	return nil
}

// awaitSamples waits until no timer uses a connection any more: one that samples a statement goes on when that has just ended, and the library does not survive a connection that is
// used while it stops.
func (s *server) awaitSamples() {
	done := make(chan struct{})
	go func() {
		s.sampling.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second): // the handler of a statement has panicked, perhaps
	}
}

// listen makes the socket, in place of one that a dead child left. The lock of the data directory is held.
func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("engine: socket: %w", err)
	}
	if err := ownDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	// A socket is reachable from the moment it has a name: make it under another and give it its rights first.
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("engine: socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("engine: socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(tmp, 0o600); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("engine: socket: %w", err)
	}
	return l, nil
}

// ownDir makes a directory, and refuses one that somebody else could put a socket into.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("engine: socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("engine: socket: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(st.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("engine: socket: %s must be a directory that belongs to this user and that no other may write to", dir)
	}
	return nil
}

// dropTenantDatabases removes what is left of the tenants' databases, which hold nothing: they are made again when asked for.
func dropTenantDatabases(db string) error {
	files, err := filepath.Glob(filepath.Join(db, "metadata", tenantPrefix+"*.sql"))
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("engine: %w", err)
		}
		if !strings.Contains(string(b), "ENGINE = Memory") {
			continue
		}
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	return nil
}

// watchParent ends the process at once when the pipe from its parent ends: nobody is left to answer to, and what was
// acknowledged is on disk.
func watchParent(pipe io.Reader) {
	io.Copy(io.Discard, pipe)
	os.Exit(3)
}
