// Command libchdb fetches the embedded engine's library for the build. make
// deps runs it in the repository's root; it does nothing if the library is there.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/term"

	"weir/internal/clickhouse/embedded/fetch"
)

func main() {
	root := flag.String("root", ".", "directory that holds .cache")
	limit := flag.Duration("timeout", 30*time.Minute, "how long the download may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if lib := os.Getenv("WEIR_LIBCHDB"); lib != "" {
		fmt.Fprintln(os.Stderr, "libchdb: WEIR_LIBCHDB is set, nothing is fetched")
		return
	}
	_, err := fetch.Library(ctx, fetch.Config{Root: *root, GOOS: runtime.GOOS, GOARCH: runtime.GOARCH,
		Out: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd()))})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
