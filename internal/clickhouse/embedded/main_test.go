package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// childArg makes the test binary run as the child.
const childArg = "run-as-engine"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		cfg, err := ConfigFromEnv()
		if err == nil {
			err = RunEngine(ctx, cfg, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
		}
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == parentArg {
		parentMain()
	}
	os.Exit(m.Run())
}

// library returns the path of libchdb for tests, and skips the test where there is none (but not in CI).
func library(tb testing.TB) string {
	tb.Helper()
	path := os.Getenv("WEIR_LIBCHDB")
	if path == "" {
		root, _ := filepath.Abs("../../..")
		path = filepath.Join(root, ".cache", "libchdb", "26.7.3-stable.1", runtime.GOOS+"-"+runtime.GOARCH, "libchdb.so")
	}
	if err := checkLibrary(path); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal(err)
		}
		tb.Skipf("no libchdb: %v (run make build, or set WEIR_LIBCHDB)", err)
	}
	return path
}

type testWriter struct{ tb testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	if os.Getenv("WEIR_TEST_LOG") != "" {
		fmt.Fprintf(os.Stderr, "%s", p)
	}
	return len(p), nil
}

func testConfig(tb testing.TB) Config {
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return Config{
		Engine:  EngineConfig{DataDir: tb.TempDir(), Library: library(tb), MemoryLimit: 4 << 30},
		Command: []string{exe, childArg},
		Logger:  slog.New(slog.NewTextHandler(testWriter{tb}, nil)),
	}
}

// startEngine runs an engine for the test's time.
func startEngine(tb testing.TB, cfg Config) *Engine {
	tb.Helper()
	e, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	wait, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	if err := e.WaitReady(wait); err != nil {
		tb.Fatal(err)
	}
	return e
}

// mustExec runs a statement that must succeed.
func mustExec(tb testing.TB, c *clickhouse.Client, sql string) clickhouse.Summary {
	tb.Helper()
	sum, err := c.Exec(context.Background(), clickhouse.Statement{SQL: sql})
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return sum
}
