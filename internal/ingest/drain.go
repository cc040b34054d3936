package ingest

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"

	"weir/internal/problem"
)

// The bounds within which the rest of a refused body is read and thrown away. Most clients write all of a body before they read the answer; if the connection is closed meanwhile, they see a reset
// and never the answer. RFC 9112, section 9.6, asks for this; net/http itself reads 256 KB and then closes within half a second.
const (
	drainBeyond = 8 << 20          // bytes over ingest.max_body
	drainFor    = 10 * time.Second // in all
	drainStep   = 64 << 10         // bytes that must come in each drainPace, or the sender is cut
	drainPace   = 2 * time.Second
	drainAtOnce = 64        // requests; the body of another one is left to net/http
	drainLeft   = 256 << 10 // bytes that net/http reads by itself, before it answers, and then keeps the connection
)

// reading is how far the body of a request was read.
type reading int

const (
	bodyUntouched reading = iota
	bodyBegun             // not to its end
	bodyEnded
)

// drains is what bounds the work for bodies that nobody wants.
type drains struct {
	slots     chan struct{}
	pace, all time.Duration
}

func newDrains() drains {
	return drains{slots: make(chan struct{}, drainAtOnce), pace: drainPace, all: drainFor}
}

// unread says whether a refused request has so much of its body left that the connection must be closed after the answer, and whether the body shall be read to its end until then.
func (h *Handler) unread(r *http.Request, prob *problem.Problem, body reading) (closes, drain bool) {
	switch {
	case body == bodyEnded, r.ProtoMajor != 1 || r.Body == nil || r.ContentLength == 0: // HTTP/2 ends a stream, not the connection
		return false, false
	case prob.Status == http.StatusRequestTimeout || prob.Code == codeTruncated: // nothing more comes
		return true, false
	case body == bodyBegun:
		return true, true
	case r.Header.Get("Expect") != "": // the sender waits, and does not send it after this answer
		return true, false
	case r.ContentLength > int64(h.cfg.MaxBodyBytes)+drainBeyond:
		return true, false // it would not end
	case r.ContentLength >= drainLeft:
		return true, true
	case r.ContentLength < 0: // in chunks: what net/http would do, which is to look whether it is short
		if n, err := io.CopyN(io.Discard, r.Body, drainLeft); err == nil && n == drainLeft {
			return true, true
		}
	}
	return false, false
}

// drain sends the answer, and then reads what is left of the body. The request holds no memory any more but one small buffer.
func (h *Handler) drain(w http.ResponseWriter, body io.Reader, answer func(http.ResponseWriter)) {
	a := &whole{ResponseWriter: w}
	answer(a)
	a.send()
	select {
	case h.drains.slots <- struct{}{}:
	default:
		return
	}
	defer func() { <-h.drains.slots }()
	control := http.NewResponseController(w)
	if control.Flush() != nil {
		return
	}
	end := time.Now().Add(h.drains.all)
	for left := int64(h.cfg.MaxBodyBytes) + drainBeyond; left > 0; left -= drainStep {
		at := time.Now().Add(h.drains.pace)
		if at.After(end) {
			at = end
		}
		if control.SetReadDeadline(at) != nil { // a writer of a test
			return
		}
		if _, err := io.CopyN(io.Discard, body, drainStep); err != nil {
			return // the body has ended, or the sender is too slow or gone
		}
	}
}

// whole keeps an answer until it is known how long it is: what is flushed before the handler ends would otherwise have no end for the client.
type whole struct {
	http.ResponseWriter
	status int
	body   []byte
}

func (a *whole) WriteHeader(status int) { a.status = status }

func (a *whole) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}

func (a *whole) send() {
	a.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	a.ResponseWriter.WriteHeader(cmp.Or(a.status, http.StatusOK))
	_, _ = a.ResponseWriter.Write(a.body) // the client has gone if this fails
}
