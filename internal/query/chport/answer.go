package chport

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"weir/internal/clickhouse"
	"weir/internal/query"
)

// defaultHeld is how many bytes of an answer are held back before its head is sent: an answer that is over by then has its
// summary, or its error, in the head.
const defaultHeld = 256 << 10

// maxException bounds the text of an exception inside an answer.
const maxException = 15 << 10

// answer sends the bytes of an answer: it holds the first back, then compresses and sends.
type answer struct {
	c       *call
	a       *query.Answer
	limit   int // bytes to hold back
	buf     []byte
	started bool
	enc     io.WriteCloser // content coding or blocks; nil: neither
	tag     string
}

func newAnswer(c *call, a *query.Answer) *answer {
	limit := max(defaultHeld, c.q.held)
	if c.q.whole {
		limit = c.port.cfg.MaxHeld
	}
	return &answer{c: c, a: a, limit: limit}
}

// Write implements io.Writer.
func (o *answer) Write(p []byte) (int, error) {
	if o.started {
		return o.encoded(p)
	}
	if len(o.buf)+len(p) <= o.limit {
		o.buf = append(o.buf, p...)
		return len(p), nil
	}
	o.tag = strings.ToLower(rand.Text()[:16])
	h := o.c.w.Header()
	h.Set(clickhouse.HeaderExceptionTag, o.tag)
	h.Set("Trailer", clickhouse.HeaderSummary+", X-Weir-Cost")
	if err := o.start(); err != nil {
		return 0, err
	}
	return o.encoded(p)
}

// encoded sends bytes through the coding.
func (o *answer) encoded(p []byte) (int, error) {
	if o.enc == nil {
		return sender{o.c}.Write(p)
	}
	return o.enc.Write(p)
}

// start sends the head and what was held back.
func (o *answer) start() error {
	h := o.c.w.Header()
	switch {
	case o.c.q.frames != "":
		o.enc = newFramer(sender{o.c}, o.c.q.frames)
	case o.c.q.coding != "":
		enc, err := encoder(o.c.q.coding, sender{o.c})
		if err != nil {
			return err
		}
		o.enc = enc
		h.Set("Content-Encoding", o.c.q.coding)
		h.Add("Vary", "Accept-Encoding")
	}
	if o.c.q.progress {
		h.Set(clickhouse.HeaderProgress, clickhouse.EncodeSummary(o.a.Summary()))
	}
	o.started = true
	o.c.w.WriteHeader(http.StatusOK)
	held := o.buf
	o.buf = nil
	if len(held) == 0 {
		return nil
	}
	_, err := o.encoded(held)
	return err
}

// end ends an answer that is whole.
func (o *answer) end(a *query.Answer) error {
	h := o.c.w.Header()
	summary, cost := clickhouse.EncodeSummary(a.Summary()), costHeader(a.Cost())
	if !o.started {
		h.Set(clickhouse.HeaderSummary, summary)
		h.Set("X-Weir-Cost", cost)
		if len(o.buf) == 0 {
			o.c.q.coding = "" // nothing to code
		}
		if err := o.start(); err != nil {
			return err
		}
	}
	if o.enc != nil {
		if err := o.enc.Close(); err != nil {
			return err
		}
	}
	h.Set(clickhouse.HeaderSummary, summary) // the trailer, if the head was out before
	h.Set("X-Weir-Cost", cost)
	return nil
}

// exception ends an answer that has begun with the text of an error, as servers since 25.11 do. In a content coding it is part
// of the coded body; behind compressed blocks it stands plain.
func (o *answer) exception(e *exception) {
	text := cutText(e.message(), maxException)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	block := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", o.tag, text, len(text), o.tag)
	var err error
	if o.c.q.frames != "" {
		err = o.enc.Close()
		if err == nil {
			_, err = sender{o.c}.Write([]byte(block))
		}
	} else if _, err = o.encoded([]byte(block)); err == nil && o.enc != nil {
		err = o.enc.Close()
	}
	if err = errors.Join(err, http.NewResponseController(o.c.w).Flush()); err != nil {
		o.c.port.log.Debug("an exception did not reach its client", "error", err)
	}
}

// sender counts what is sent.
type sender struct{ c *call }

func (s sender) Write(p []byte) (int, error) {
	n, err := s.c.w.Write(p)
	s.c.sent += int64(n)
	s.c.port.metrics.bytes.Add(float64(n))
	return n, err
}
