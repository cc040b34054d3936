// Command example sends the lines of its input as events, with a queue on disk: stop it, kill it, restart it, or take the server away, and what it
// had read is stored once.
//
//	echo 'hello' | go run ./example -endpoint http://127.0.0.1:8080 -key "$WRITE_KEY" -spool /tmp/example-spool
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	weir "weir/sdk/go"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	endpoint := flag.String("endpoint", "http://127.0.0.1:8080", "address of the server")
	key := flag.String("key", os.Getenv("WEIR_WRITE_KEY"), "write key of a source")
	spool := flag.String("spool", "", "directory of the queue; empty: memory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	client, err := weir.New(weir.Options{
		Endpoint: *endpoint, WriteKey: *key, Spool: *spool, Block: true,
		OnRejected: func(e weir.Event, why weir.Rejection) {
			fmt.Fprintf(os.Stderr, "rejected %s: %s %s\n", e.ID, why.Code, why.Message)
		},
		OnError: func(err error) { fmt.Fprintln(os.Stderr, "will be tried again:", err) },
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if cerr := client.Close(ctx); err == nil {
			err = cerr
		}
		s := client.Stats()
		fmt.Printf("%d sent, %d rejected, %d wait\n", s.Sent, s.Rejected, s.Queued)
	}()

	host, _ := os.Hostname() // without a name the events have none
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := client.Track(ctx, weir.Event{Type: "line", ClientID: host, Props: map[string]any{"text": lines.Text()}}); err != nil {
			return err
		}
	}
	return lines.Err()
}
