// Package clickhouse is the one client of the query engine. It speaks the
// ClickHouse HTTP protocol to whatever serves it: the embedded engine's Unix
// socket or a cluster's host name. It knows nothing of the embedded child.
package clickhouse

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Client sends statements to one engine. It is safe for concurrent use.
type Client struct {
	base string // URL without query
	user *url.Userinfo
	http *http.Client
	unix bool
}

// New returns a client of endpoint: "unix:///path/to/socket" or "http://host:port" (also https, and with user:password@).
// It does no I/O.
func New(endpoint string) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: endpoint %q is not a URL: %w", endpoint, err)
	}
	t := &http.Transport{
		DisableCompression:  true,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
	}
	d := &net.Dialer{Timeout: 5 * time.Second}
	c := &Client{http: &http.Client{Transport: t}, user: u.User}
	switch u.Scheme {
	case "unix":
		path := u.Path
		if path == "" || u.Host != "" {
			return nil, fmt.Errorf("clickhouse: endpoint %q has no absolute path; write unix:///path/to/socket", endpoint)
		}
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }
		c.base, c.unix = "http://engine/", true
	case "http", "https":
		if u.Host == "" {
			return nil, fmt.Errorf("clickhouse: endpoint %q has no host", endpoint)
		}
		t.DialContext = d.DialContext
		c.base = u.Scheme + "://" + u.Host + "/"
	default:
		return nil, fmt.Errorf("clickhouse: endpoint %q: the scheme must be unix, http or https", endpoint)
	}
	return c, nil
}

// Close closes idle connections. Running statements are not touched.
func (c *Client) Close() { c.http.CloseIdleConnections() }

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
	// Operator runs the statement as the SQL user of operators: it sees the rows of all tenants, and may do as little as a tenant.
	// Tenant must be empty.
	Operator bool
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
	Code    int     // ClickHouse's number, 0 if unknown
	Name    string  // UNKNOWN_TABLE …
	Message string  // without code, name and version
	Status  int     // HTTP status
	Summary Summary // what the statement used before it failed
}

func (e *Error) Error() string {
	return fmt.Sprintf("engine: code %d (%s): %s", e.Code, e.Name, e.Message)
}

// ErrUnavailable is wrapped by errors that say that the engine cannot be reached or is restarting: try again.
var ErrUnavailable = fmt.Errorf("engine is not available")
