// Command load sends web events to a running weir and says what came of it:
//
//	go run ./test/load --server 127.0.0.1:8080 --key WRITE_KEY --rate 50000 --duration 30s
//
// Without --rate it sends as fast as answers come. With --reader, an analyst's key, it also measures how long an
// accepted event takes to become visible in SQL.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"weir/internal/client"
	"weir/test/load/drive"
	"weir/test/load/events"
	"weir/test/load/measure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "load:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	server := fs.String("server", "127.0.0.1:8080", "host and port of weir")
	key := fs.String("key", os.Getenv("WEIR_KEY"), "the source's write key")
	reader := fs.String("reader", "", "an analyst's key: measures freshness")
	site := fs.String("site", "", "the source's site id; may be empty without --reader")
	rate := fs.Float64("rate", 0, "events a second to offer; 0: as fast as answers come")
	duration := fs.Duration("duration", 10*time.Second, "how long")
	conns := fs.Int("conns", 32, "connections")
	batch := fs.Int("batch", 200, "events in a request")
	clients := fs.Int("clients", 1_000_000, "distinct client ids")
	if err := fs.Parse(args); err != nil {
		return err
	}
	addr := strings.TrimPrefix(strings.TrimSuffix(*server, "/"), "http://")
	var fresh *measure.Fresh
	var wg sync.WaitGroup
	probing, stopProbing := context.WithCancel(ctx)
	defer stopProbing()
	if *reader != "" {
		p := measure.Prober{Writer: client.New(addr, *key, client.Options{RetryFor: -1}), Reader: client.New(addr, *reader, client.Options{RetryFor: -1}), SiteID: *site}
		wg.Add(1)
		go func() {
			defer wg.Done()
			fresh = p.Run(probing, 30*time.Second)
		}()
	}
	own := measure.OwnCPU()
	res, err := drive.Run(ctx, drive.Config{Addr: addr, Key: *key, Conns: *conns, Rate: *rate, Duration: *duration,
		Events: events.Config{SiteID: *site, Batch: *batch, Clients: *clients, Seed: 1}})
	if err != nil {
		return err
	}
	cpu := measure.OwnCPU() - own
	stopProbing()
	wg.Wait()
	fmt.Fprintf(out, "accepted %d events in %.1f s: %.0f a second, %.1f MB/s; rejected %d, refused with 429 or 503 %d, failed %d\n",
		res.Accepted, res.Elapsed.Seconds(), res.AcceptedRate(), float64(res.Bytes)/1e6/res.Elapsed.Seconds(), res.Rejected, res.Refused, res.Failed)
	fmt.Fprintf(out, "acknowledgement p50 %v, p99 %v, max %v; generator %.2f µs of CPU an event\n", res.Latency.Quantile(0.5), res.Latency.Quantile(0.99), res.Latency.Quantile(1),
		float64(cpu.Microseconds())/float64(max(1, res.Sent)))
	if fresh != nil {
		fmt.Fprintf(out, "visible after p50 %v, p95 %v, max %v (%d probes, %d never seen; a question took p50 %v)\n", fresh.Visible.Quantile(0.5), fresh.Visible.Quantile(0.95),
			fresh.Visible.Quantile(1), fresh.Acked, fresh.Lost, fresh.Queries.Quantile(0.5))
		if fresh.Err != nil {
			return fresh.Err
		}
	}
	return res.FirstErr
}
