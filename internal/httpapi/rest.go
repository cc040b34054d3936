package httpapi

import (
	"io"
	"net/http"
	"time"
)

// The bounds within which the rest of a body that is too large is read before the answer. Most clients write all of a body before they read; net/http itself reads 256 KB more and then closes the
// connection, which they see as a reset in place of the answer.
const (
	restBytes = 32 << 20
	restFor   = 5 * time.Second
)

// kept is a body that a handler does not close: net/http does so in the end.
type kept struct{ io.Reader }

func (kept) Close() error { return nil }

// rest reads what is left of a body that was refused for its size. A handler that does so itself has the connection closed.
func (w *writer) rest() {
	if w.status != http.StatusRequestEntityTooLarge || w.bodyEnd.IsZero() || w.request.Body == nil || w.request.ProtoMajor != 1 || w.Header().Get("Connection") == "close" || w.request.Header.Get("Expect") != "" || w.request.ContentLength > restBytes {
		return
	}
	if w.SetReadDeadline(time.Now().Add(restFor)) == nil {
		_, _ = io.CopyN(io.Discard, w.request.Body, restBytes)
	}
}
