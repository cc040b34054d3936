package httpapi

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"weir/internal/origin"
	"weir/internal/problem"
)

// Handler is the whole surface with its middleware.
func (a *API) Handler() http.Handler { return a.Guard(a.mux) }

// Guard puts the middleware around another handler: bounds on time, request ids, metrics, and an answer when it panics.
func (a *API) Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(h, w, r) })
}

// RequestIDHeader carries the id of a request, the sender's own if it sends a fitting one.
const RequestIDHeader = "X-Request-Id"

func (a *API) serve(h http.Handler, w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	a.metrics.running.Inc()
	from := origin.Origin{Addr: a.proxies().Of(r), Secure: a.proxies().Secure(r), Request: requestID(r)}
	r = r.WithContext(origin.With(r.Context(), from))
	sw := &writer{ResponseWriter: w, control: http.NewResponseController(w), request: r, timeout: a.cfg.WriteTimeout}
	if h == http.Handler(a.mux) {
		sw.pages = a.pages // the other listener has none
	}
	sw.Header().Set(RequestIDHeader, from.Request)
	secure(sw.Header(), from.Secure)
	sw.progress(begin)
	if r.Body != nil && r.Body != http.NoBody || r.ContentLength != 0 {
		sw.bodyEnd = begin.Add(a.cfg.BodyTimeout)
		if r.Body != nil {
			r.Body = kept{r.Body}
		}
		_ = sw.SetReadDeadline(sw.bodyEnd) // not supported by a recorder in tests
	}
	defer func() {
		if v := recover(); v != nil {
			a.recovered(sw, v)
		}
		a.metrics.running.Dec()
		a.metrics.observe(r.Pattern, sw.code(), sw.sent, time.Since(begin))
	}()
	h.ServeHTTP(sw, r)
	sw.rest()
}

// secure sets the headers that every answer has; pages loosen the policy for what they need.
func secure(h http.Header, tls bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	if tls {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (a *API) proxies() origin.Proxies { return a.cfg.TrustedProxies }

// recovered answers a request whose handler panicked. If the answer has begun, the connection is cut: nothing else tells the client that it is not whole.
func (a *API) recovered(w *writer, v any) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	a.metrics.panics.Inc()
	a.log.Error("a handler panicked", "method", w.request.Method, "route", w.request.Pattern, "panic", v, "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	problem.New(http.StatusInternalServerError, "internal", "something went wrong inside weir; it is in the server's log under the request id %s",
		w.Header().Get(RequestIDHeader)).Write(w)
}

func requestID(r *http.Request) string {
	if id := r.Header.Get(RequestIDHeader); len(id) > 0 && len(id) <= 64 && plain(id) {
		return id
	}
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, rand.Uint64()))
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' {
			return false
		}
	}
	return true
}

// writer notes what is answered, turns the mux's own 404 and 405 into problems, and moves the deadline of writing forward with
// each write: a client that takes nothing for the timeout is cut, a long answer that moves is not.
type writer struct {
	http.ResponseWriter
	control  *http.ResponseController
	request  *http.Request
	timeout  time.Duration
	deadline time.Time    // that is set
	bodyEnd  time.Time    // when the body must have come
	status   int          // 0 until the head was written
	sent     int64        // bytes of the body
	replaced bool         // the mux's own text is dropped
	pages    http.Handler // see API.Pages; nil: none
}

// Unwrap serves http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// SetReadDeadline serves http.ResponseController. A handler may ask for an earlier end of the body than the server's, not for a
// later one. Without a body nothing is set: the server already waits for the client to go away, and the deadline would look like that.
// (When a body ends net/http takes its deadline away by itself.)
func (w *writer) SetReadDeadline(t time.Time) error {
	if w.bodyEnd.IsZero() {
		return nil
	}
	if !t.IsZero() && t.After(w.bodyEnd) {
		t = w.bodyEnd
	}
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(t)
}

func (w *writer) progress(now time.Time) {
	if next := now.Add(w.timeout); next.Sub(w.deadline) > w.timeout/4 {
		w.deadline = next
		_ = w.control.SetWriteDeadline(next) // not supported by a recorder in tests
	}
}

func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(status) // which complains
		return
	}
	if status >= 200 {
		w.status = status
	}
	w.progress(time.Now())
	if w.request.Pattern == "" && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) && !w.replaced {
		w.status, w.replaced = 0, true
		w.noRoute(status)
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) noRoute(status int) {
	if w.pages != nil && status == http.StatusNotFound && wantsPage(w.request) {
		w.Header().Del("Content-Length")
		w.pages.ServeHTTP(direct{w}, w.request)
		return
	}
	p := problem.New(status, "no_such_path", "there is nothing at %s: see /docs for what there is", w.request.URL.Path)
	if status == http.StatusMethodNotAllowed {
		p = problem.New(status, "method_not_allowed", "%s does not take %s, only %s", w.request.URL.Path, w.request.Method, w.Header().Get("Allow"))
	}
	w.Header().Del("Content-Length")
	p.Write(direct{w})
}

// wantsPage says whether a browser opens an address as a page. What lies under /api/ is never one.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// direct writes around the replacement.
type direct struct{ w *writer }

func (d direct) Header() http.Header         { return d.w.Header() }
func (d direct) WriteHeader(status int)      { d.w.WriteHeader(status) }
func (d direct) Write(p []byte) (int, error) { return d.w.write(p) }

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	if w.replaced {
		return len(p), nil
	}
	return w.write(p)
}

func (w *writer) write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.progress(time.Now())
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	return n, err
}

// Flush implements http.Flusher.
func (w *writer) Flush() {
	w.progress(time.Now())
	_ = w.control.Flush() // the client has gone if this fails
}
