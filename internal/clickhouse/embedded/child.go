package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"weir/internal/clickhouse/embedded/libchdb"
)

// LibraryVersion is the release of libchdb that weir is built and tested with.
const LibraryVersion = libchdb.Release

// FindLibrary returns the library to load: path if it is given, else the one
// beside this program (also in ../lib/weir), else the one in the build's cache. A missing or cut off file is one clear line.
func FindLibrary(path string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		exe = ""
	}
	return libchdb.Find(path, exe)
}

func checkLibrary(path string) error { return libchdb.Check(path) }

// shortSocket returns a path for the socket of a data directory whose own path is too long.
func shortSocket(dir string) string {
	h := fnv.New64a()
	io.WriteString(h, dir)
	return filepath.Join(os.TempDir(), fmt.Sprintf("weir-%d-%x", os.Getuid(), h.Sum64()), "engine.sock")
}

// child is a running child process.
type child struct {
	cmd    *exec.Cmd
	life   io.WriteCloser // the child exits when this ends
	log    *lineLogger
	exited chan struct{}
}

// startChild starts the child. It dies with this process: by the kernel's hand on Linux, by the end of a pipe everywhere.
func startChild(cfg Config) (*child, error) {
	b, err := json.Marshal(cfg.Engine)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(cfg.Command[0], cfg.Command[1:]...)
	cmd.Env = append(os.Environ(), ConfigEnv+"="+string(b))
	cmd.SysProcAttr = childAttr()
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	log := &lineLogger{log: cfg.Logger}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = time.Second
	c := &child{cmd: cmd, life: life, log: log, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel sends a child's death signal when the thread that started
		// it ends, so this one stays as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() // how it ended is in ProcessState
			log.flush()
			close(c.exited)
		}
	}()
	return c, <-started
}

func (c *child) kill() { c.cmd.Process.Kill() }

// stop asks the child to end and kills it if it has not by then.
func (c *child) stop(wait time.Duration) {
	c.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-c.exited:
	case <-time.After(wait):
		c.kill()
		<-c.exited
	}
}

// lineLogger logs what the child writes to its standard error, at most linesPerSecond lines of it.
type lineLogger struct {
	log *slog.Logger

	mu      sync.Mutex
	rest    string
	last    string // the latest line that was no record of the child's logger
	second  time.Time
	n, lost int
}

const (
	linesPerSecond = 20
	maxLine        = 4 << 10
)

// Write takes a piece of output.
func (l *lineLogger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(p)
	complete := strings.LastIndexByte(l.rest, '\n') + 1
	for at := 0; at < complete; {
		end := strings.IndexByte(l.rest[at:], '\n') + at
		l.line(strings.TrimRight(l.rest[at:end], "\r"))
		at = end + 1
	}
	l.rest = l.rest[complete:]
	if len(l.rest) > maxLine {
		l.line(l.rest)
		l.rest = ""
	}
	return len(p), nil
}

func (l *lineLogger) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rest != "" {
		l.line(l.rest)
		l.rest = ""
	}
}

// line logs one line, unless there were too many this second. Lines of the child's own logger keep their level.
func (l *lineLogger) line(s string) {
	if s == "" {
		return
	}
	if now := time.Now(); now.Sub(l.second) >= time.Second {
		if l.lost > 0 {
			l.log.Warn("lines of the engine were left out", "lines", l.lost)
		}
		l.second, l.n, l.lost = now, 0, 0
	}
	if l.n++; l.n > linesPerSecond {
		l.lost++
		return
	}
	if len(s) > maxLine {
		s = s[:maxLine]
	}
	var rec struct {
		Level slog.Level `json:"level"`
		Msg   string     `json:"msg"`
		Error string     `json:"error"`
	}
	if s[0] == '{' && json.Unmarshal([]byte(s), &rec) == nil && rec.Msg != "" {
		attrs := []any{}
		if rec.Error != "" {
			attrs = append(attrs, "error", rec.Error)
		}
		l.log.Log(context.Background(), rec.Level, rec.Msg, attrs...)
		return
	}
	l.last = s
	l.log.Warn(s)
}

func (l *lineLogger) lastLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
