// Package harness runs a real weir for system tests and benchmarks: it builds or finds the binary, starts it on a
// directory with free ports, waits until it is ready, and stops or kills it by the id of the process that it started.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"weir/internal/client"
)

// AdminToken is the operator's token of every server that the harness starts.
const AdminToken = "harness-operator-token-0123456789"

// Config says what to start. Only Dir must be set.
type Config struct {
	Dir    string // the data directory
	Binary string // path of weir; empty: Binary's
	Listen string // host:port; empty: a free port of 127.0.0.1, the same after a restart
	// ClickHouse is the host:port of the ClickHouse protocol; "auto": a free one; empty: it is not served.
	ClickHouse string
	Args       []string      // further arguments of `weir serve`
	Env        []string      // further variables
	Command    []string      // put before the binary: a tracer, a preloader
	Ready      time.Duration // how long readiness may take, 3 min by default: on a busy machine it does
	Output     io.Writer     // receives what the process prints, beside Server.Output
}

// Server is a running weir.
type Server struct {
	URL string
	cfg Config

	mu     sync.Mutex
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	err    error         // how it ended
	out    *tail
	began  time.Time
	ReadyT time.Duration // from the start of the process until /readyz said 200
}

// Start starts weir and waits until it is ready. When that fails the error holds the end of what it printed.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Dir == "" {
		return nil, errors.New("harness: Dir must be set")
	}
	if cfg.Binary == "" {
		bin, err := Binary()
		if err != nil {
			return nil, err
		}
		cfg.Binary = bin
	}
	if cfg.Listen == "" {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		cfg.Listen = addr
	}
	if cfg.ClickHouse == "auto" {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		cfg.ClickHouse = addr
	}
	if cfg.Ready == 0 {
		cfg.Ready = 3 * time.Minute
	}
	s := &Server{URL: "http://" + cfg.Listen, cfg: cfg}
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// FreeAddr is a port of 127.0.0.1 that nobody listens at and that this process was not given before. It is below the ports that systems give to clients
// (from 32768 on): while a killed weir is down, nobody's connection takes its port.
func FreeAddr() (string, error) {
	given.Lock()
	defer given.Unlock()
	var last error
	for range 200 {
		port := 15_000 + rand.IntN(15_000)
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err // another's
			continue
		}
		given.ports[port] = true
		return l.Addr().String(), l.Close()
	}
	return "", fmt.Errorf("harness: find a free port: %w", last)
}

var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// launch starts the process and waits until it is ready.
func (s *Server) launch(ctx context.Context) error {
	if err := s.Spawn(); err != nil {
		return err
	}
	if err := s.WaitReady(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

// Spawn starts the process and does not wait until it is ready.
func (s *Server) Spawn() error {
	args := append([]string{}, s.cfg.Command...)
	args = append(args, s.cfg.Binary, "serve", "--data-dir", s.cfg.Dir, "--listen", s.cfg.Listen, "--clickhouse-listen", s.cfg.ClickHouse)
	args = append(args, s.cfg.Args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(inherited(), "WEIR_ADMIN_TOKEN="+AdminToken)
	if lib := Libchdb(); lib != "" {
		cmd.Env = append(cmd.Env, "WEIR_LIBCHDB="+lib)
	}
	cmd.Env = append(cmd.Env, s.cfg.Env...)
	out := &tail{also: s.cfg.Output}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("harness: start %s: %w", s.cfg.Binary, err)
	}
	done := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.done, s.out, s.err, s.began = cmd, done, out, nil, began
	s.mu.Unlock()
	go func() {
		err := cmd.Wait()
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		close(done)
	}()
	return nil
}

// inherited is the environment without variables that configure weir: a test decides what it runs.
func inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WEIR_") })
}

// WaitReady waits until the server answers /readyz, its process ends, or the time for it is over.
func (s *Server) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Ready)
	defer cancel()
	c := &http.Client{Timeout: 5 * time.Second}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := c.Get(s.URL + "/readyz"); err == nil {
			_ = resp.Body.Close() // only the status counts
			if resp.StatusCode == http.StatusOK {
				s.ReadyT = time.Since(s.began)
				return nil
			}
		}
		select {
		case <-s.Done():
			return fmt.Errorf("harness: weir ended before it was ready: %w\n%s", s.Err(), s.Output())
		case <-ctx.Done():
			return fmt.Errorf("harness: weir was not ready: %w\n%s", ctx.Err(), s.Output())
		case <-tick.C:
		}
	}
}

// ClickHouse is the URL of the ClickHouse protocol, "" if it is not served.
func (s *Server) ClickHouse() string {
	if s.cfg.ClickHouse == "" {
		return ""
	}
	return "http://" + s.cfg.ClickHouse
}

// Dir is the data directory.
func (s *Server) Dir() string { return s.cfg.Dir }

// Admin is a client with the operator's token.
func (s *Server) Admin() *client.Client { return s.Client(AdminToken) }

// Client is a client with a key.
func (s *Server) Client(key string) *client.Client { return client.New(s.URL, key, client.Options{}) }

// PID is the id of the process. With Config.Command it is that command's.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Done is closed when the process has ended.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// Err says how the process ended; nil while it runs and after exit code 0.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Output is the end of what the process printed.
func (s *Server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// Signal sends a signal to the process.
func (s *Server) Signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Signal(sig)
}

// Stop sends SIGTERM and waits until the process has ended. It fails if that takes more than a minute or the exit code is not 0.
func (s *Server) Stop() error {
	if err := s.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("harness: stop: %w", err)
	}
	select {
	case <-s.Done():
		if err := s.Err(); err != nil {
			return fmt.Errorf("harness: weir ended with %w\n%s", err, s.Output())
		}
		return nil
	case <-time.After(time.Minute):
		return errors.Join(fmt.Errorf("harness: weir did not end within a minute of SIGTERM\n%s", s.Output()), s.Kill())
	}
}

// Kill sends SIGKILL and waits until the process has ended. That it has ended already is no error.
func (s *Server) Kill() error {
	if err := s.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("harness: kill: %w", err)
	}
	<-s.Done()
	return nil
}

// SetEnv sets the further variables of the next start.
func (s *Server) SetEnv(env ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Env = env
}

// Restart starts weir again on the same directory and address, after Stop or Kill, and waits until it is ready.
func (s *Server) Restart(ctx context.Context) error { return s.launch(ctx) }

// EnginePID is the process id of the engine child, 0 if there is none.
func (s *Server) EnginePID() int { return childNamed(s.PID(), "engine") }

// childNamed finds the child of parent whose first argument is arg.
func childNamed(parent int, arg string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	children := strings.Fields(string(text))
	if err != nil || len(children) == 0 {
		children = childrenByScan(parent)
	}
	for _, c := range children {
		cmdline, err := os.ReadFile("/proc/" + c + "/cmdline")
		if err != nil {
			continue
		}
		if args := strings.Split(string(cmdline), "\x00"); len(args) > 1 && args[1] == arg {
			pid, _ := strconv.Atoi(c)
			return pid
		}
	}
	return 0
}

// childrenByScan reads the parents of all processes: a child may belong to any thread of its parent.
func childrenByScan(parent int) []string {
	var out []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			out = append(out, filepath.Base(filepath.Dir(name)))
		}
	}
	return out
}

// tail keeps the last 64 KB that were written.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	also io.Writer
}

const tailBytes = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > tailBytes {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	if t.also != nil {
		return t.also.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf[max(0, len(t.buf)-tailBytes):])
}
