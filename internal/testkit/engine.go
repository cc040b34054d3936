// Package testkit starts the real engine for the tests of other packages.
package testkit

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded"
	"weir/internal/clickhouse/schema"
	"weir/internal/daily"
	"weir/internal/lookup"
	"weir/internal/rollup"
	"weir/internal/session"
)

// childArg makes the test binary run as the engine's child.
const childArg = "run-as-engine"

// Main is the TestMain of a package whose tests use Engine. It stops the engine in the end.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(child())
	}
	code := m.Run()
	if stop := shared.stop; stop != nil {
		stop()
	}
	os.Exit(code)
}

// RoundsEnv says how many times as much the tests of random choices try as by default: 1 if it is not set. make nightly sets it.
const RoundsEnv = "WEIR_TEST_ROUNDS"

// Rounds is n times what RoundsEnv says: how often a test makes random choices that makes them n times by default.
func Rounds(n int) int {
	text := os.Getenv(RoundsEnv)
	if text == "" {
		return n
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 {
		panic(RoundsEnv + " must be a whole number of 1 or more, not " + strconv.Quote(text))
	}
	return n * times
}

// Checks sets how often package rapid tries a property by default, for a package in which each try is some statements of the engine: Rounds(n) times.
// With -short, as under the race detector, rapid makes a fifth of them: what the statements say is compared without it. Whoever wants more says so: go test -rapid.checks=1000.
func Checks(n int) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	if !chosen {
		if err := flag.Set("rapid.checks", strconv.Itoa(Rounds(n))); err != nil {
			panic(err) // the package does not use rapid
		}
	}
}

// Alone skips a test under the race detector: one that asks the engine from one goroutine, by ways that other tests take under the detector too. It has nothing to find in what the statements answer.
func Alone(tb testing.TB) {
	tb.Helper()
	if Race {
		tb.Skip("one goroutine asks the engine: nothing for the race detector")
	}
}

func child() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := embedded.ConfigFromEnv()
	if err == nil {
		err = embedded.RunEngine(ctx, cfg, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

var shared struct {
	once   sync.Once
	client *clickhouse.Client
	skip   string
	err    error
	stop   func()
}

// Engine returns a client of an engine with weir's empty tables. All tests of a
// package share it. Without the engine's library the test is skipped, or fails in CI.
func Engine(tb testing.TB) *clickhouse.Client {
	tb.Helper()
	shared.once.Do(start)
	switch {
	case shared.err != nil:
		tb.Fatal(shared.err)
	case shared.skip != "" && os.Getenv("CI") == "true":
		tb.Fatal(shared.skip)
	case shared.skip != "":
		tb.Skip(shared.skip)
	}
	return shared.client
}

// library finds libchdb: WEIR_LIBCHDB, or what the build fetched.
func library() (string, error) {
	path := os.Getenv("WEIR_LIBCHDB")
	if path == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		name := "libchdb.so"
		if runtime.GOOS == "darwin" {
			name = "libchdb.dylib"
		}
		found, _ := filepath.Glob(filepath.Join(root, ".cache", "libchdb", "*", runtime.GOOS+"-"+runtime.GOARCH, name))
		if len(found) == 0 {
			return "", fmt.Errorf("no libchdb: run make build, or set WEIR_LIBCHDB")
		}
		path = found[len(found)-1]
	}
	_, err := os.Stat(path)
	return path, err
}

// moduleRoot is the directory of go.mod: tests run in their package's directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
	return "", err
}

func start() {
	lib, err := library()
	if err != nil {
		shared.skip = err.Error()
		return
	}
	dir, err := os.MkdirTemp("", "weir-test")
	if err != nil {
		shared.err = err
		return
	}
	exe, err := os.Executable()
	if err != nil {
		shared.err = err
		return
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("WEIR_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	tables := append([]string{"events", lookup.EngineTable, session.EngineTable}, daily.EngineTables...)
	for _, r := range rollup.All {
		tables = append(tables, r.ID())
	}
	e, err := embedded.New(embedded.Config{Engine: embedded.EngineConfig{DataDir: dir, Library: lib, MemoryLimit: 3 << 30, TenantTables: tables}, Command: []string{exe, childArg}, Logger: log})
	if err != nil {
		shared.err = err
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Run(ctx) }()
	shared.stop = func() { cancel(); <-done; _ = os.RemoveAll(dir) }
	wait, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	if shared.err = e.WaitReady(wait); shared.err == nil {
		shared.err = schema.Migrate(wait, e.Client(), log)
	}
	shared.client = e.Client()
}

// Exec runs a statement that must succeed.
func Exec(tb testing.TB, c *clickhouse.Client, sql string) {
	tb.Helper()
	if _, err := c.Exec(context.Background(), clickhouse.Statement{SQL: sql}); err != nil {
		tb.Fatalf("%s: %v", abbreviate(sql), err)
	}
}

// Rows returns the answer of a statement, one row a line, columns separated by blanks.
func Rows(tb testing.TB, c *clickhouse.Client, sql string) []string {
	tb.Helper()
	var out []string
	_, err := c.Rows(context.Background(), clickhouse.Statement{SQL: sql}, func(row []any) error {
		out = append(out, strings.TrimSuffix(fmt.Sprintln(row...), "\n"))
		return nil
	})
	if err != nil {
		tb.Fatalf("%s: %v", abbreviate(sql), err)
	}
	return out
}

func abbreviate(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
