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
func (e *Engine) Usage(ctx context.Context) (Usage, error) {
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.cfg.Engine.Socket)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+usagePath, nil)
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
