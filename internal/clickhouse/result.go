package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// result wraps an answer with status 200.
func (c *Client) result(resp *http.Response) *Result {
	b := &answer{resp: resp, body: resp.Body}
	b.note(resp.Header.Get(HeaderSummary))
	if tag := resp.Header.Get(HeaderExceptionTag); tag != "" {
		b.marker = []byte("\r\n__exception__\r\n" + tag + "\r\n")
		b.tag = tag
	}
	return &Result{Body: b, Format: resp.Header.Get(HeaderFormat), Summary: b.summary}
}

// drain reads a result to its end.
func (r *Result) drain() (Summary, error) {
	_, err := io.Copy(io.Discard, r.Body)
	cerr := r.Body.Close()
	if err == nil {
		err = cerr
	}
	return r.Summary(), err
}

// answer is the body of an answer. The engine reports a failure after the first byte
// in the body itself: a marker with the tag that a header announced, then the error's text.
type answer struct {
	resp   *http.Response
	body   io.ReadCloser
	sum    atomic.Pointer[Summary]
	marker []byte
	tag    string
	buf    []byte // read and not yet given out
	err    error  // what ended the body, once buf is given out
}

func (b *answer) note(v string) {
	if v != "" {
		s := ParseSummary(v)
		b.sum.Store(&s)
	}
}

func (b *answer) summary() Summary {
	if s := b.sum.Load(); s != nil {
		return *s
	}
	return Summary{}
}

// Read gives the data out, without the marker and what follows it.
func (b *answer) Read(p []byte) (int, error) {
	if b.marker == nil {
		n, err := b.body.Read(p)
		return n, b.end(err)
	}
	for {
		if n := b.ready(); n > 0 {
			n = copy(p, b.buf[:n])
			b.buf = b.buf[n:]
			return n, nil
		}
		if b.err != nil {
			return 0, b.err
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
}

// ready returns how many bytes of buf are surely data.
func (b *answer) ready() int {
	if b.err != nil {
		return len(b.buf)
	}
	return max(0, len(b.buf)-len(b.marker)+1)
}

// fill reads more, and looks for the marker.
func (b *answer) fill() error {
	chunk := make([]byte, 32<<10+len(b.buf))
	keep := copy(chunk, b.buf)
	n, err := b.body.Read(chunk[keep:])
	b.buf = chunk[:keep+n]
	if i := bytes.Index(b.buf, b.marker); i >= 0 {
		rest, _ := io.ReadAll(io.LimitReader(b.body, maxErrorText)) // the text is cut at worst
		b.err = b.failure(append(b.buf[i+len(b.marker):], rest...))
		b.buf = b.buf[:i:i]
		return nil
	}
	if err != nil {
		b.err = b.end(err)
	}
	return nil
}

// failure reads the text after a marker: the message, its length and the tag again.
func (b *answer) failure(text []byte) error {
	b.note(b.resp.Trailer.Get(HeaderSummary))
	if i := bytes.LastIndex(text, []byte(" "+b.tag)); i >= 0 {
		text = bytes.TrimRight(text[:i], "0123456789")
	}
	e := ParseError(string(text), http.StatusOK)
	e.Summary = b.summary()
	return e
}

// end turns the transport's end into ours.
func (b *answer) end(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		b.note(b.resp.Trailer.Get(HeaderSummary))
		return io.EOF
	}
	return unavailable(b.resp.Request.Context(), "answer", err)
}

// Close ends the answer. What was not read is given up, and the engine cancels the statement.
func (b *answer) Close() error { return b.body.Close() }
