package embedded

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"weir/internal/clickhouse"
)

// holdBack is how many bytes of an answer are kept until its header is sent:
// an answer that is over by then goes out with its summary, or its error, in the header.
const holdBack = 256 << 10

// answer writes a statement's answer to its caller.
type answer struct {
	w       http.ResponseWriter
	req     *request
	format  string
	buf     []byte
	limit   int64 // bytes that wait_end_of_query may hold back
	started bool
	tag     string
	err     error // the caller cannot be written to
}

func newAnswer(w http.ResponseWriter, req *request, limit int64) *answer {
	return &answer{w: w, req: req, format: req.format, limit: limit}
}

// write adds bytes to the answer. An error says that the caller is gone, or that the answer is too large to hold back.
func (a *answer) write(p []byte) error {
	if a.err != nil {
		return a.err
	}
	switch size := len(a.buf) + len(p); {
	case !a.started && a.req.wholeEnd && int64(size) > a.limit:
		return tooLarge(a.limit)
	case !a.started && (a.req.wholeEnd || size <= holdBack):
		a.buf = append(a.buf, p...)
		return nil
	case !a.started:
		a.start()
	}
	if a.err == nil {
		_, a.err = a.w.Write(p) // however large: it is not held twice
	}
	return a.err
}

func tooLarge(limit int64) error {
	return badRequest(clickhouse.CodeTooManyRowsOrBytes, "TOO_MANY_ROWS_OR_BYTES",
		"the answer has more than %d bytes, which is what can be held in memory; ask for less, or for a format that is streamed such as JSONEachRow", limit)
}

func (a *answer) header() {
	h := a.w.Header()
	h.Set("Content-Type", contentType(a.format))
	h.Set(clickhouse.HeaderFormat, a.format)
	h.Set(clickhouse.HeaderQueryID, a.req.queryID)
	h.Set("X-ClickHouse-Timezone", "UTC")
	h.Set("X-ClickHouse-Server-Display-Name", "weir")
}

// start sends the header before the statement is over.
func (a *answer) start() {
	a.header()
	a.tag = strings.ToLower(rand.Text()[:16])
	a.w.Header().Set(clickhouse.HeaderExceptionTag, a.tag)
	a.w.Header().Set("Trailer", clickhouse.HeaderSummary)
	a.started = true
	a.w.WriteHeader(http.StatusOK)
	_, a.err = a.w.Write(a.buf)
	a.buf = nil
}

// finish ends the answer: with the summary, or with the error of the statement.
func (a *answer) finish(u usage, err error) {
	switch {
	case a.started && err != nil:
		text := errorText(engineError(err))
		var b bytes.Buffer
		fmt.Fprintf(&b, "\r\n__exception__\r\n%s\r\n%s\r\n%d %s\r\n__exception__\r\n", a.tag, text, len(text)+2, a.tag)
		a.w.Write(b.Bytes()) // a caller that is gone needs no answer
		a.w.Header().Set(clickhouse.HeaderSummary, clickhouse.EncodeSummary(u.summary()))
	case a.started:
		a.w.Header().Set(clickhouse.HeaderSummary, clickhouse.EncodeSummary(u.summary()))
	case err != nil:
		fail(a.w, a.req.queryID, u, err)
	default:
		a.header()
		a.w.Header().Set(clickhouse.HeaderSummary, clickhouse.EncodeSummary(u.summary()))
		a.w.WriteHeader(http.StatusOK)
		a.w.Write(a.buf)
	}
}
