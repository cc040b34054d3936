package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ProcessesPath is where the embedded engine tells of statements that run, or ended a moment ago: GET ?id=<query id>.
const ProcessesPath = "/processes"

// Process is a statement that runs, or that ended a moment ago.
type Process struct {
	Summary
	TotalRows uint64 // that it is expected to read; 0: unknown
	Ended     bool   // Summary is final
}

// ErrNoProcess says that the engine knows no statement with an id: it has not begun, or it ended long ago.
var ErrNoProcess = errors.New("the engine knows no such statement")

type wireProcess struct {
	Summary   string `json:"summary"`
	TotalRows uint64 `json:"total_rows"`
	Ended     bool   `json:"ended"`
}

// EncodeProcess writes what Client.Process reads.
func EncodeProcess(w io.Writer, p Process) error {
	return json.NewEncoder(w).Encode(wireProcess{EncodeSummary(p.Summary), p.TotalRows, p.Ended})
}

// Process returns what the statement with a query id has used so far, or ErrNoProcess.
func (c *Client) Process(ctx context.Context, queryID string) (Process, error) {
	if !c.unix {
		return c.serverProcess(ctx, queryID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+ProcessesPath[1:]+"?id="+url.QueryEscape(queryID), nil)
	if err != nil {
		return Process{}, fmt.Errorf("clickhouse: process: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Process{}, unavailable(ctx, "process", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Process{}, fmt.Errorf("clickhouse: process: %w", ErrNoProcess)
	}
	var w wireProcess
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxErrorText)).Decode(&w); err != nil {
		return Process{}, fmt.Errorf("clickhouse: process: %w", err)
	}
	return Process{ParseSummary(w.Summary), w.TotalRows, w.Ended}, nil
}

// serverProcess asks a server's own list of what runs. It forgets a statement when it ends.
func (c *Client) serverProcess(ctx context.Context, queryID string) (Process, error) {
	const sql = "SELECT read_rows, read_bytes, greatest(peak_memory_usage, 0), ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']," +
		" total_rows_approx, toUInt64(elapsed * 1000000) FROM system.processes WHERE query_id = {id:String}"
	p, found := Process{}, false
	_, err := c.Rows(ctx, Statement{SQL: sql, Params: map[string]string{"id": queryID}, Comment: "process"}, func(row []any) error {
		var v [6]uint64
		for i := range min(len(row), len(v)) {
			n, err := strconv.ParseUint(fmt.Sprint(row[i]), 10, 64)
			if err != nil {
				return fmt.Errorf("clickhouse: process: %w", err)
			}
			v[i] = n
		}
		found = true
		p = Process{Summary: Summary{ReadRows: v[0], ReadBytes: v[1], PeakMemory: v[2], CPU: time.Duration(v[3]) * time.Microsecond,
			Elapsed: time.Duration(v[5]) * time.Microsecond}, TotalRows: v[4]}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("clickhouse: process: %w", ErrNoProcess)
	}
	return p, err
}

// Watcher tells of statements that run, and of those that ended a moment ago. *Client does.
type Watcher interface {
	// Process returns what the statement with this id has used so far.
	Process(ctx context.Context, queryID string) (Process, error)
}

// How the end of a statement is waited for whose caller has gone.
const (
	settleFor   = 2 * time.Second
	settleEvery = 20 * time.Millisecond
)

// Settled waits, at most 2 seconds, until the engine has ended a statement whose caller has gone, and returns what it used in all: who leaves
// does not ask for free. What is not known is as in sum.
func Settled(w Watcher, queryID string, sum Summary) Summary {
	ctx, cancel := context.WithTimeout(context.Background(), settleFor) // the caller's own has ended
	defer cancel()
	for {
		p, err := w.Process(ctx, queryID)
		if err != nil {
			return sum
		}
		if sum = p.Summary; p.Ended {
			return sum
		}
		select {
		case <-ctx.Done():
			return sum
		case <-time.After(settleEvery):
		}
	}
}
