// Command weir is a self-hosted, multi-tenant, real-time analytics platform in one binary.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"weir/internal/cli"
)

// lastWord is how long a stop that was aborted may take before the process ends without it.
const lastWord = 2 * time.Second

func main() { os.Exit(run()) }

// run calls the command line. The first signal ends the context: a server drains, a command gives up. The second
// aborts what still drains.
func run() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	abortCtx, abort := context.WithCancel(context.Background())
	defer abort()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, "weir: second signal, stopping at once")
		abort()
		time.Sleep(lastWord)
		os.Exit(130)
	}()
	return cli.Main(ctx, &cli.Process{Args: os.Args[1:], Environ: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Abort: abortCtx})
}
