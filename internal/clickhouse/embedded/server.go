package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// server answers the ClickHouse HTTP protocol with the library.
type server struct {
	cfg     EngineConfig
	log     *slog.Logger
	pool    *sessions
	barrier *barrier
	own     chan struct{} // a place for each statement of weir
	tenants chan struct{} // and of tenants
	stop    context.Context
	niced   atomic.Int32 // statements of lower priority that run

	statements statementCPU
	threads    threadCPUs
	solos      solos
	processes  *processes
	listing    listing
	sampling   sync.WaitGroup // timers that sample statements, or may yet
}

// ServeHTTP serves GET /ping, GET /usage and statements on /.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping" && r.Method == http.MethodGet:
		io.WriteString(w, "Ok.\n")
		return
	case r.URL.Path == usagePath && r.Method == http.MethodGet:
		s.answerUsage(w, r)
		return
	case r.URL.Path == clickhouse.ProcessesPath && r.Method == http.MethodGet:
		s.process(w, r)
		return
	case r.URL.Path != "/":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "only GET and POST are allowed", http.StatusMethodNotAllowed)
		return
	}
	req, err := parseRequest(r)
	if err != nil {
		fail(w, "", usage{}, err)
		return
	}
	if req.queryID == "" {
		req.queryID = rand.Text()
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	if err := s.run(ctx, w, req); err != nil && r.Body != nil {
		io.Copy(io.Discard, io.LimitReader(r.Body, 64<<20)) // so that the caller reads the answer and not a broken pipe
	}
}

// run runs a statement and answers it. The error is only told to the caller who has been answered already.
func (s *server) run(ctx context.Context, w http.ResponseWriter, req *request) error {
	s.processes.begin(req.queryID, nil)
	defer s.processes.end(req.queryID, clickhouse.Summary{}) // if it did not come to run
	places := s.own
	if req.tenant != "" {
		places = s.tenants
	}
	if req.sql != healthSQL || req.tenant != "" {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			fail(w, req.queryID, usage{}, ctx.Err()) // an answer without one would be 200: success
			return ctx.Err()
		}
	}
	// The library keeps state of a running statement with the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	early, c := threadCPU(), &call{server: s, req: req}
	known := func() time.Duration { return threadCPU() - early }
	s.solos.begin(c)
	defer func() { s.solos.end(c, known()) }()

	if err := s.admit(ctx, req); err != nil {
		fail(w, req.queryID, usage{}, err)
		return err
	}
	sess, err := s.pool.take(ctx, req.tenant, req.settings)
	if err != nil {
		fail(w, req.queryID, usage{}, err)
		return err
	}
	c.sess, c.out = sess, newAnswer(w, req, s.cfg.MaxBuffered)
	c.watch(ctx)
	s.processes.begin(req.queryID, c)
	if req.settings[clickhouse.NiceSetting] != "" {
		usualPriority()
		s.niced.Add(1)
	}
	if req.data != nil {
		err = c.insert(ctx)
	} else {
		err = c.timeOver(c.query(ctx))
	}
	cancelled := c.unwatch()
	if req.settings[clickhouse.NiceSetting] != "" {
		unnice(s.niced.Add(-1) == 0)
		time.AfterFunc(time.Second, func() { unnice(s.niced.Load() == 0) }) // a thread may still be on its way to the pool
	}
	if err != nil || cancelled || c.dirty {
		sess.conn.Close()
	} else {
		s.pool.give(sess)
	}
	u := c.usage()
	s.processes.end(req.queryID, u.summary())
	c.out.finish(u, err)
	known = func() time.Duration { return c.thread - early + max(c.own, threadCPU()-c.thread) }
	return err
}

// admit checks a statement before it gets a connection. It may replace the text.
func (s *server) admit(ctx context.Context, req *request) error {
	if req.tenant != "" {
		return s.barrier.admit(ctx, s.pool, req)
	}
	if req.data != nil {
		return nil // the library itself takes exactly one INSERT there
	}
	sess, err := s.pool.take(ctx, "", nil)
	if err != nil {
		return err
	}
	defer s.pool.give(sess)
	n, _, err := sess.conn.Classify(req.sql)
	switch {
	case err != nil:
		return err
	case n == 1:
		return nil
	case n > 1:
		return badRequest(clickhouse.CodeSyntaxError, "SYNTAX_ERROR", "the text has %d statements, one is allowed", n)
	}
	if strings.TrimSpace(req.sql) == "" {
		return badRequest(clickhouse.CodeSyntaxError, "SYNTAX_ERROR", "the statement is empty")
	}
	_, err = format(sess, req.sql) // for the engine's own words
	if err == nil {
		err = badRequest(clickhouse.CodeSyntaxError, "SYNTAX_ERROR", "the statement cannot be parsed")
	}
	return err
}

// format returns the one statement of sql as the engine prints it.
func format(sess *session, sql string) (string, error) {
	out, _, err := sess.conn.Query("SELECT formatQuerySingleLine({q:String})", "TSVRaw", libchdb.Param{Name: "q", Value: clickhouse.EscapeParam(sql)})
	if err != nil {
		var e *libchdb.Error
		if errors.As(err, &e) {
			pe := clickhouse.ParseError(e.Text, http.StatusBadRequest)
			if i := strings.LastIndex(pe.Message, ": In scope SELECT formatQuerySingleLine("); i >= 0 {
				pe.Message = strings.TrimRight(pe.Message[:i], " .:")
			}
			return "", pe
		}
		return "", err
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// fail answers with an error.
func fail(w http.ResponseWriter, queryID string, u usage, err error) {
	e := engineError(err)
	h := w.Header()
	if e.Code != 0 {
		h.Set(clickhouse.HeaderExceptionCode, strconv.Itoa(e.Code))
	}
	if queryID != "" {
		h.Set(clickhouse.HeaderQueryID, queryID)
	}
	h.Set(clickhouse.HeaderSummary, clickhouse.EncodeSummary(u.summary()))
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	if e.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(e.Status)
	io.WriteString(w, errorText(e)+"\n")
}

// healthSQL is the statement of the parent's health check. It waits for no place: a busy engine does not hang.
const healthSQL = "SELECT 1"

// call is one statement that runs.
type call struct {
	*server
	req   *request
	sess  *session
	out   *answer
	begin time.Time
	stats libchdb.Stats
	dirty bool // the session must not be used again

	quiet          bool          // it may go without a look at it: see unlooked
	begun          atomic.Bool   // a piece of its answer is there
	exact          bool          // its usage is what the process used
	alone          bool          // no other statement has run beside it; solos.mu guards it
	from, said     time.Duration // the process's CPU for statements at its begin, and what of it statements had said
	charged        time.Duration // CPU that server.statements has
	own, used      time.Duration // at its end: what its own measurements let expect, and what is told of it; see usage
	looked         time.Duration // after its begin: the latest sample between two pieces, 0 if none
	looking        time.Duration // what such samples took
	waited         time.Duration // for its threads to leave it
	thread, inside time.Duration // CPU of this thread at begin, and what it spent in the library since

	stopTimer    func()
	stopAfter    func() bool
	killing      sync.WaitGroup
	mu           sync.Mutex
	over, killed bool
	late         atomic.Bool // its time was over before it was, and so it is killed
	last         usage       // the latest sample
}
