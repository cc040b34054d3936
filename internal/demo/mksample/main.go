// Command mksample makes the demo's sample from a web server's access log in the combined format:
//
//	go run ./internal/demo/mksample access.log internal/demo/sample.log.gz
//
// It takes all lines of some clients, chosen by a hash, so that about 4000 lines come out, so that visits stay
// whole. The last part of each IPv4 address is replaced by a running number.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
)

const (
	wantLines = 4600
	atMost    = 120 // lines of one client: a few crawlers must not be the whole sample
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: mksample access.log sample.log.gz")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "mksample:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(text), "\n")
	perClient := map[string]int{}
	broken := map[string]bool{} // clients with an untidy line: worth having
	for _, l := range lines {
		client, _, _ := strings.Cut(l, " ")
		perClient[client]++
		if strings.Count(l, `"`)%2 == 1 {
			broken[client] = true
		}
	}
	total := 0
	for _, n := range perClient {
		if n <= atMost {
			total += n
		}
	}
	share := uint32(float64(wantLines) / float64(total) * 1000)
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(z)
	names := map[string]string{}
	perNet := map[string]int{}
	for _, l := range lines {
		client, rest, found := strings.Cut(l, " ")
		h := fnv.New32a()
		h.Write([]byte(client))
		if !found || (!broken[client] && (perClient[client] > atMost || h.Sum32()%1000 >= share)) {
			continue
		}
		name, known := names[client]
		if !known {
			net := client[:strings.LastIndexByte(client, '.')+1]
			perNet[net]++
			name = fmt.Sprintf("%s%d", net, perNet[net])
			names[client] = name
		}
		fmt.Fprintf(w, "%s %s", name, rest)
	}
	if err := errors.Join(w.Flush(), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}
