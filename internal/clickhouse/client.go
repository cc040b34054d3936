// Package clickhouse is the one client of the query engine. It speaks the
// ClickHouse HTTP protocol to whatever serves it: the embedded engine's Unix
// socket or a cluster's host name. It knows nothing of the embedded child.
package clickhouse

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Client sends statements to one engine. It is safe for concurrent use.
type Client struct{}

// New returns a client of endpoint: "unix:///path/to/socket" or "http://host:port".
// It does no I/O.
func New(endpoint string) (*Client, error) { panic("unwritten") }

// Statement is one statement to run.
type Statement struct {
	SQL      string
	Params   map[string]string // typed placeholders {name:Type}; values in ClickHouse's text form, escaped as param_ values are
	Settings map[string]string
	Format   string // default_format; JSONCompactEachRow, JSON, Native, CSV …
	QueryID  string // generated if empty
	Comment  string // log_comment: what the engine's CPU is charged to
	// Tenant runs the statement as that tenant's SQL user ("t_" + Tenant, database
	// likewise): the engine's own barrier. Empty runs it as weir itself.
	Tenant string
}

// Summary is what a finished statement cost: X-ClickHouse-Summary.
type Summary struct {
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64
	ResultRows, ResultBytes   uint64
	Elapsed                   time.Duration
	CPU                       time.Duration // user + system time of the engine's threads
	PeakMemory                uint64        // bytes
}

// Result is a streamed answer. Summary is complete once Body was read to its end (it comes as an HTTP trailer,
// or as a header when the engine had the whole answer before it sent the first byte). Closing Body early cancels the statement.
type Result struct {
	Body   io.ReadCloser
	Format string
	// Summary returns what is known so far.
	Summary func() Summary
}

// Error is an error of the engine.
type Error struct {
	Code    int    // ClickHouse's number, 0 if unknown
	Name    string // UNKNOWN_TABLE …
	Message string // without code, name and version
	Status  int    // HTTP status
}

func (e *Error) Error() string {
	return fmt.Sprintf("engine: code %d (%s): %s", e.Code, e.Name, e.Message)
}

// ErrUnavailable is wrapped by errors that say that the engine cannot be reached or is restarting: try again.
var ErrUnavailable = fmt.Errorf("engine is not available")

// Query runs a statement and streams its answer. A failure after the first byte surfaces as an *Error from Body.Read.
func (c *Client) Query(ctx context.Context, s Statement) (*Result, error) { panic("unwritten") }

// Exec runs a statement and discards its answer.
func (c *Client) Exec(ctx context.Context, s Statement) (Summary, error) { panic("unwritten") }

// Rows runs a statement in JSONCompactEachRow and calls fn with each row's raw values decoded as by encoding/json
// (64-bit integers as json.Number).
func (c *Client) Rows(ctx context.Context, s Statement, fn func(row []any) error) (Summary, error) {
	panic("unwritten")
}

// Insert streams body, which is in the format that s.SQL names ("INSERT INTO t (a, b) FORMAT Native").
// When it returns nil the rows are durable (the engine's fsync settings are part of its configuration).
// When it fails their fate is unknown, unless the error is an *Error with Status 4xx.
func (c *Client) Insert(ctx context.Context, s Statement, body io.Reader) (Summary, error) {
	panic("unwritten")
}

// Ping returns nil when the engine answers.
func (c *Client) Ping(ctx context.Context) error { panic("unwritten") }
