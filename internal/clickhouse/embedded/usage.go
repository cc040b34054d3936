package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/clickhouse"
)

// Usage is what the child process has used: the sum over its statements and
// what belongs to none of them, such as merges and most of an insert.
type Usage struct {
	CPU time.Duration `json:"cpu_ns"`    // user and system time since its start
	RSS uint64        `json:"rss_bytes"` // memory it holds now; its peak where the system does not tell
	// Threads is the CPU by what the threads are for, since the start: ThreadsMerge, ThreadsHousekeeping, ThreadsStatement. It is measured
	// thread by thread; what it lacks of CPU is not explained. Absent where the system does not tell.
	Threads map[string]time.Duration `json:"threads_ns,omitempty"`
	// Statements is the CPU of statements by their Comment, since the start, running ones included as far as they were sampled. Only
	// comments whose sum has changed since the cursor that was given (UsageSince) are there.
	Statements map[string]time.Duration `json:"statements_ns,omitempty"`
	Cursor     uint64                   `json:"cursor,omitempty"` // to be given the next time
}

const usagePath = "/usage"

// processUsage measures this process.
func processUsage() Usage {
	var u Usage
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) == nil {
		u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
		u.RSS = uint64(r.Maxrss)
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			if pages, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				u.RSS = pages * uint64(os.Getpagesize())
			}
		}
	}
	return u
}

// Usage asks the child what it has used. The numbers start anew with each generation.
func (e *Engine) Usage(ctx context.Context) (Usage, error) { return e.usage(ctx, usagePath) }

// UsageSince is Usage with the CPU by threads and that by statements. since is the Cursor of the call before, 0 at first and after a restart of the child.
func (e *Engine) UsageSince(ctx context.Context, since uint64) (Usage, error) {
	return e.usage(ctx, usagePath+"?since="+strconv.FormatUint(since, 10))
}

func (e *Engine) usage(ctx context.Context, path string) (Usage, error) {
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.cfg.Engine.Socket)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return Usage{}, fmt.Errorf("engine: usage: %w", err)
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return Usage{}, fmt.Errorf("engine: usage: %w: %w", clickhouse.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	var u Usage
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		return Usage{}, fmt.Errorf("engine: usage: %w", err)
	}
	return u, nil
}
