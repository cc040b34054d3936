package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/clickhouse"
)

// ConfigEnv is the environment variable in which the parent hands the child its EngineConfig.
const ConfigEnv = "WEIR_ENGINE_CONFIG"

// Config configures the parent's side.
type Config struct {
	Engine EngineConfig
	// Command runs the child: it must call RunEngine with the configuration that ConfigFromEnv returns.
	// Empty: this executable with the argument "engine".
	Command []string
	Logger  *slog.Logger
	// Registerer takes the metrics weir_engine_*. nil: none.
	Registerer prometheus.Registerer
	// HealthEvery is the time between two health checks, and HangAfter how long one may take before the child is killed. 0: 2 s and 10 s.
	HealthEvery, HangAfter time.Duration
	// StartTimeout is how long a child may take to be ready, loading its tables included. 0: 5 min.
	StartTimeout time.Duration
	// OnStart, if set, is called with the generation each time a child is ready, before Ready says so. It must not block for long.
	OnStart func(generation uint64)
}

func (c Config) withDefaults() (Config, error) {
	if c.Engine.DataDir != "" {
		abs, err := filepath.Abs(c.Engine.DataDir)
		if err != nil {
			return c, fmt.Errorf("engine: data directory: %w", err)
		}
		c.Engine.DataDir = abs
	}
	c.Engine = c.Engine.withDefaults()
	if len(c.Engine.Socket) > maxSocketPath {
		c.Engine.Socket = shortSocket(c.Engine.DataDir)
	}
	c.Engine.Watch = true
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("component", "engine")
	if len(c.Command) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("engine: cannot tell this program's path: %w", err)
		}
		c.Command = []string{exe, "engine"}
	}
	if c.HealthEvery == 0 {
		c.HealthEvery = 2 * time.Second
	}
	if c.HangAfter == 0 {
		c.HangAfter = 10 * time.Second
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 5 * time.Minute
	}
	return c, c.Engine.Validate()
}

// ConfigFromEnv returns the configuration that a parent handed to this process.
func ConfigFromEnv() (EngineConfig, error) {
	v := os.Getenv(ConfigEnv)
	if v == "" {
		return EngineConfig{}, fmt.Errorf("engine: %s is not set: this command is run by weir itself", ConfigEnv)
	}
	var c EngineConfig
	if err := json.Unmarshal([]byte(v), &c); err != nil {
		return EngineConfig{}, fmt.Errorf("engine: %s: %w", ConfigEnv, err)
	}
	return c, nil
}

// Engine keeps a child running.
type Engine struct {
	cfg    Config
	client *clickhouse.Client
	health *clickhouse.Client // connections of its own: a check must not wait for a statement's
	m      *metrics

	mu         sync.Mutex
	ready      chan struct{} // closed while the child is ready
	isReady    bool
	generation uint64
	pid        int
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, ready: make(chan struct{}), m: newMetrics(cfg.Registerer)}
	if e.client, err = clickhouse.New(e.Endpoint()); err != nil {
		return nil, err
	}
	if e.health, err = clickhouse.New(e.Endpoint()); err != nil {
		return nil, err
	}
	return e, nil
}

// Endpoint returns the URL of the engine for clickhouse.New.
func (e *Engine) Endpoint() string { return endpoint(e.cfg.Engine.Socket) }

func endpoint(socket string) string { return "unix://" + socket }

// Client returns a client of the engine. While the child is not ready its calls fail with clickhouse.ErrUnavailable.
func (e *Engine) Client() *clickhouse.Client { return e.client }

// Ready reports whether the child answers.
func (e *Engine) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.isReady
}

// WaitReady waits until the child answers or ctx ends.
func (e *Engine) WaitReady(ctx context.Context) error {
	e.mu.Lock()
	ready := e.ready
	e.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("engine: %w: %w", clickhouse.ErrUnavailable, ctx.Err())
	}
}

// Generation counts the children that became ready: 0 before the first. It rises by a restart.
func (e *Engine) Generation() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.generation
}

// PID returns the process id of the child, 0 if none runs.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pid
}

// Times between two starts of a child that keeps dying.
const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 10 * time.Second
	longLife     = time.Minute // a child that lived so long starts the backoff anew
	killGrace    = 5 * time.Second

	maxFailedStarts = 3
)

// Run keeps a child running until ctx ends, then stops it: statements that run
// may end within StopWait, then the engine closes. It returns nil after a clean stop.
// A library that is not there ends Run at once, and a child that cannot start (a
// library of another version) after three attempts; the error says why in one line.
func (e *Engine) Run(ctx context.Context) error {
	if err := checkLibrary(e.cfg.Engine.Library); err != nil {
		return err
	}
	backoff, failed := firstBackoff, 0
	for {
		begin := time.Now()
		err := e.runChild(ctx)
		if ctx.Err() != nil || errors.Is(err, errNotStarted) {
			return err
		}
		if failed++; e.Generation() == 0 && failed == maxFailedStarts {
			return err // it has never worked: a wrong library, a bad directory
		}
		if time.Since(begin) > longLife {
			backoff = firstBackoff
		}
		e.m.restarts.Inc()
		e.cfg.Logger.Error("engine ended, starting it again", "error", err, "in", backoff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// errNotStarted says that the child's program could not be run at all.
var errNotStarted = errors.New("engine: the child process cannot be started")

// runChild runs one child to its end.
func (e *Engine) runChild(ctx context.Context) error {
	c, err := startChild(e.cfg)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotStarted, err)
	}
	e.setChild(c.cmd.Process.Pid)
	defer e.setChild(0)
	stop := make(chan error, 1)
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { stop <- e.watch(watch) }()
	select {
	case <-c.exited: // by itself
		cancel()
		<-stop
	case err := <-stop: // it hangs, or ctx ended
		e.setReady(false)
		if err != nil && ctx.Err() == nil {
			c.kill()
			<-c.exited
			return err
		}
		c.stop(e.cfg.Engine.StopWait + killGrace)
		if s, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Exited() && s.ExitStatus() == 0 {
			return nil
		}
	}
	e.setReady(false)
	if last := c.log.lastLine(); last != "" {
		return fmt.Errorf("engine: child ended (%s): %s", c.cmd.ProcessState, last)
	}
	return fmt.Errorf("engine: child ended: %s", c.cmd.ProcessState)
}

// watch waits for the child to be ready and checks it until ctx ends (nil) or it hangs.
func (e *Engine) watch(ctx context.Context) error {
	begin := time.Now()
	for e.check(ctx, time.Second) != nil {
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(begin) > e.cfg.StartTimeout {
			return fmt.Errorf("engine: not ready after %s", e.cfg.StartTimeout)
		}
		sleep(ctx, 10*time.Millisecond)
	}
	e.m.start.Set(time.Since(begin).Seconds())
	e.setReady(true)
	answered, cores := time.Now(), coreTimeOf(e.PID())
	for {
		if !sleep(ctx, e.cfg.HealthEvery) {
			return nil
		}
		err := e.check(ctx, e.cfg.HangAfter)
		silent := time.Since(answered)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			answered, cores = time.Now(), coreTimeOf(e.PID())
		case silent < starvedPatience*e.cfg.HangAfter && cores.starved(e.PID(), silent):
			e.cfg.Logger.Warn("the engine does not answer: its threads wait for a core, the machine has too much to do", "silent", silent.Round(time.Millisecond))
		case silent > e.cfg.HangAfter:
			return fmt.Errorf("engine: no answer for %s, killing it: %w", time.Since(answered).Round(time.Millisecond), err)
		}
	}
}

// starvedPatience is how many times as long as a hanging engine one may be silent whose threads want a core and have none half of the time: to kill it would only make more to do.
const starvedPatience = 6

// check asks the child for an answer of the engine itself.
func (e *Engine) check(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := e.health.Ping(ctx); err != nil {
		return err
	}
	_, err := e.health.Exec(ctx, clickhouse.Statement{SQL: healthSQL})
	var refused *clickhouse.Error
	if errors.As(err, &refused) {
		return nil // an answer, if a bad one: memory may be short
	}
	return err
}

func (e *Engine) setChild(pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pid = pid
}

// setReady changes what Ready says. A new child counts as a generation.
func (e *Engine) setReady(ready bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ready == e.isReady {
		return
	}
	if ready {
		e.generation++
		if f := e.cfg.OnStart; f != nil {
			g := e.generation
			e.mu.Unlock()
			f(g)
			e.mu.Lock()
		}
		close(e.ready)
		e.m.ready.Set(1)
	} else {
		e.ready = make(chan struct{})
		e.m.ready.Set(0)
		e.client.Close()
		e.health.Close()
	}
	e.isReady = ready
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// metrics are weir_engine_*.
type metrics struct {
	restarts     prometheus.Counter
	ready, start prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		restarts: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_engine_restarts_total", Help: "Times the embedded engine ended and was started again."}),
		ready:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_engine_ready", Help: "1 while the embedded engine answers."}),
		start:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_engine_start_seconds", Help: "How long the running engine took to be ready."}),
	}
	if r != nil {
		r.MustRegister(m.restarts, m.ready, m.start)
	}
	return m
}
