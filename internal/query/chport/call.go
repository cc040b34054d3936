package chport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/query"
	"weir/internal/query/chport/native"
	"weir/internal/usage"
)

// call is one request.
type call struct {
	port *Port
	w    http.ResponseWriter
	r    *http.Request
	q    request
	out  *answer
	sent int64
}

// serve answers a request, or returns why not. After bytes of the answer are out, a failure is told in it, and nil is returned for c.fail:
// the answer then ends by cutting the connection.
func (c *call) serve() *exception {
	if e := c.parse(); e != nil {
		return e
	}
	defer usage.Label(c.r.Context(), usage.Query, c.q.who.Tenant)()
	if e := c.readBody(); e != nil {
		return e
	}
	done, e := c.prepare()
	if e != nil {
		if strings.TrimSpace(c.q.sql) != "" {
			c.port.cfg.Asker.Refused(c.r.Context(), c.question(), problem.New(e.status, query.CodeRefused, "%s", e.text))
		}
		return e
	}
	c.headers()
	if done {
		c.w.Header().Set(clickhouse.HeaderSummary, clickhouse.EncodeSummary(clickhouse.Summary{}))
		plain(c.w, http.StatusOK, "")
		return nil
	}
	ask := c.question()
	a, p := c.port.cfg.Asker.Ask(c.r.Context(), ask)
	if p != nil {
		if cost := ask.Spent(); cost != nil {
			c.w.Header().Set("X-Weir-Cost", costHeader(*cost))
		}
		return exceptionOf(p)
	}
	defer a.Body.Close()
	return c.answer(a)
}

// question is what the request asks the service.
func (c *call) question() *query.Question {
	return &query.Question{
		Who: c.q.who, Door: query.DoorClickHouse, From: c.r.RemoteAddr, SQL: c.q.sql, Params: c.q.params, Format: c.q.format, QueryID: c.q.queryID,
		Settings: c.q.settings, Database: c.q.db, AnyFormat: true,
	}
}

// headers sets what every answer has.
func (c *call) headers() {
	h := c.w.Header()
	if c.q.queryID != "" {
		h.Set(clickhouse.HeaderQueryID, c.q.queryID)
	}
	if z := c.q.settings["session_timezone"]; z != "" {
		h.Set("X-ClickHouse-Timezone", z)
	}
}

// answer sends an answer.
func (c *call) answer(a *query.Answer) *exception {
	h := c.w.Header()
	h.Set(clickhouse.HeaderFormat, a.Format)
	h.Set("Content-Type", query.ContentType(a.Format))
	h.Set("X-Weir-As-Of", a.AsOf.UTC().Format("2006-01-02T15:04:05.000Z"))
	if a.QueryID != "" {
		h.Set(clickhouse.HeaderQueryID, a.QueryID)
	}
	c.out = newAnswer(c, a)
	var err error
	if strings.EqualFold(a.Format, "Native") && c.q.version > 0 {
		err = native.Copy(c.out, a.Body, c.q.version)
	} else {
		_, err = io.Copy(c.out, a.Body)
	}
	if err == nil {
		err = c.out.end(a)
	}
	if err == nil {
		return nil
	}
	return c.broken(err)
}

// broken says what an error of making or sending an answer means. If the answer has begun, it is told in the answer and the
// connection is cut: whoever looks for an exception finds it, and nobody takes a part for the whole.
func (c *call) broken(err error) *exception {
	e := c.meaning(err)
	if !c.out.started {
		return e
	}
	c.port.metrics.requests.WithLabelValues("cut_off_" + e.label()).Inc()
	if c.r.Context().Err() == nil {
		c.port.log.Warn("an answer was cut off", "code", e.code, "tenant", string(c.q.who.Tenant))
		c.out.exception(e)
	}
	panic(http.ErrAbortHandler)
}

func (c *call) meaning(err error) *exception {
	var e *exception
	var u *native.UnsupportedError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &u):
		return exceptionf(codeNotImplemented, "%s", u.Error())
	case c.r.Context().Err() != nil:
		return &exception{code: codeCancelled, status: 499, text: "the client closed the request"}
	}
	var ee *clickhouse.Error
	if !errors.As(err, &ee) && !errors.Is(err, clickhouse.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) && strings.HasPrefix(err.Error(), "native: ") {
		c.port.log.Error("the engine's blocks cannot be framed", "error", err)
		return &exception{code: codeUnknownException, status: http.StatusInternalServerError, text: "the answer cannot be written as Native; ask for another format"}
	}
	return exceptionOf(c.port.cfg.Asker.Problem(c.r.Context(), c.question(), err))
}

// fail answers with an exception.
func (c *call) fail(e *exception) {
	h := c.w.Header()
	for _, name := range []string{clickhouse.HeaderFormat, "Content-Encoding", "Trailer", clickhouse.HeaderExceptionTag, "X-Weir-As-Of"} {
		h.Del(name)
	}
	c.headers()
	h.Set(clickhouse.HeaderExceptionCode, strconv.Itoa(e.code))
	if h.Get(clickhouse.HeaderSummary) == "" {
		h.Set(clickhouse.HeaderSummary, clickhouse.EncodeSummary(clickhouse.Summary{}))
	}
	if e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(max(1, int((e.retry.Milliseconds()+999)/1000))))
	} else if e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	if e.auth {
		h.Set("WWW-Authenticate", `Basic realm="weir"`)
	}
	plain(c.w, e.status, e.message())
}

// costHeader is the value of X-Weir-Cost.
func costHeader(c usage.Cost) string {
	b, err := json.Marshal(c)
	if err != nil { // an amount that is no number
		return "{}"
	}
	return string(b)
}
