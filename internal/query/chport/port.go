// Package chport serves the ClickHouse HTTP protocol to tenants: drivers and tools connect unmodified, with the tenant as the
// user and a key as the password. Statements go through query.Service like those of the API, so the same barriers, limits and
// accounting apply; this package only translates: requests, settings, errors, compression and the framing of Native.
//
// What differs from a ClickHouse server: everything is read-only, sessions are not kept, settings count only where they shape
// the answer or lower a limit, and the server's name and version are weir's own. docs/CLICKHOUSE.md has it all.
package chport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/problem"
	"weir/internal/query"
	"weir/internal/tenant"
)

// Asker answers questions. *query.Service does.
type Asker interface {
	Ask(ctx context.Context, q *query.Question) (*query.Answer, *problem.Problem)
	Problem(ctx context.Context, q *query.Question, err error) *problem.Problem
	// Refused is told of a statement that the port itself refuses: an audit log has those, too.
	Refused(ctx context.Context, q *query.Question, p *problem.Problem)
}

// Authenticator finds out who makes a request. It is given a request without body and query, with the header Authorization.
type Authenticator interface {
	Authenticate(r *http.Request) (tenant.Principal, *problem.Problem)
}

// Config is what a Port works with. All but MaxHeld must be set.
type Config struct {
	Asker      Asker
	Auth       Authenticator
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// MaxHeld is how many bytes of an answer wait_end_of_query and buffer_size may hold back, before it is streamed; 16 MiB if 0.
	MaxHeld int
}

// Port is the handler of the ClickHouse port. It is safe for concurrent use.
type Port struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
}

// New returns a port. It does no I/O.
func New(cfg Config) (*Port, error) {
	if cfg.Asker == nil || cfg.Auth == nil || cfg.Log == nil || cfg.Registerer == nil {
		return nil, errors.New("chport: Asker, Auth, Log and Registerer must be set")
	}
	if cfg.MaxHeld == 0 {
		cfg.MaxHeld = 16 << 20
	}
	if cfg.MaxHeld < 0 {
		return nil, errors.New("chport: MaxHeld is negative")
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Port{cfg: cfg, log: cfg.Log.With("component", "chport"), metrics: m}, nil
}

// ServeHTTP serves /, /ping and /replicas_status.
func (p *Port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", query.DisplayName)
	h.Set("X-ClickHouse-Timezone", query.TimeZone)
	h.Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			plain(w, http.StatusMethodNotAllowed, "use GET\n")
			return
		}
		plain(w, http.StatusOK, "Ok.\n")
	case "/":
		p.root(w, r)
	default:
		plain(w, http.StatusNotFound, "There is no handle "+cutText(r.URL.Path, 200)+"\n\nUse / for queries and /ping for health checks.\n")
	}
}

func (p *Port) root(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodHead, r.Method == http.MethodGet && r.URL.RawQuery == "":
		plain(w, http.StatusOK, "Ok.\n")
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		plain(w, http.StatusMethodNotAllowed, "use GET or POST\n")
		return
	}
	begin := time.Now()
	c := &call{port: p, w: w, r: r}
	outcome := "ok"
	if e := c.serve(); e != nil {
		outcome = e.label()
		if r.Body != nil && c.sent == 0 {
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // so that the client reads the answer and not a broken pipe
		}
		c.fail(e)
	}
	p.metrics.done(outcome, time.Since(begin))
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client has gone if this fails
}
