package ingest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"weir/internal/problem"
)

// keepBuffer is the largest buffer that goes back into a pool, in bytes.
const keepBuffer = 1 << 20

// maxWindow is the largest zstd window that is decoded; RFC 9659 allows no more over HTTP.
const maxWindow = 8 << 20

// readers holds what is needed to read bodies, for reuse.
type readers struct {
	buffers sync.Pool // *[]byte
	gzips   sync.Pool // *gzip.Reader
	zstds   sync.Pool // *zstd.Decoder
}

func (p *readers) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, shareStep)
	return &b
}

func (p *readers) done(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		p.buffers.Put(b)
	}
}

// readBody reads and decodes the body of a request. The bytes are valid until release is called, which must always be done.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, s *share) (body []byte, release func(), prob *problem.Problem) {
	raw := h.readers.buffer()
	release = func() { h.readers.done(raw) }
	if r.ContentLength > int64(h.cfg.MaxBodyBytes) {
		return nil, release, h.tooLarge("body")
	}
	coding, prob := contentCoding(r.Header)
	if prob != nil {
		return nil, release, prob
	}
	// The server itself sets another deadline for the next request. A writer without deadlines is a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.cfg.BodyTimeout))
	s.body = bodyBegun
	prob = h.readAll(r.Body, raw, s, 0)
	if prob != nil {
		return nil, release, prob
	}
	s.body = bodyEnded
	if coding = sniffCoding(*raw, coding); coding == "" {
		return *raw, release, nil
	}
	plain := h.readers.buffer()
	release = func() {
		h.readers.done(raw)
		h.readers.done(plain)
	}
	prob = h.decompress(coding, *raw, plain, s)
	return *plain, release, prob
}

// readAll appends all of src to buf, within the limit of a body.
func (h *Handler) readAll(src io.Reader, buf *[]byte, s *share, held int) *problem.Problem {
	for {
		b := *buf
		if len(b) == cap(b) {
			if prob := s.reach(held + 2*cap(b)); prob != nil {
				return prob
			}
			b = append(make([]byte, 0, max(2*cap(b), shareStep)), b...)
		} else if prob := s.reach(held + len(b) + 1); prob != nil {
			return prob
		}
		n, err := src.Read(b[len(b):cap(b)])
		*buf = b[:len(b)+n]
		if len(*buf) > h.cfg.MaxBodyBytes {
			return h.tooLarge("body")
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return readProblem(err)
		}
	}
}

func (h *Handler) tooLarge(what string) *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, "body_too_large",
		"the %s is larger than %d bytes (ingest.max_body, counted after decompression): send fewer events in one request",
		what, h.cfg.MaxBodyBytes).WithLimit("ingest.max_body", int64(h.cfg.MaxBodyBytes))
}

// codeTruncated is of a body that ended too early: the connection was lost.
const codeTruncated = "body_truncated"

// readProblem explains why a body could not be read to its end. Nothing of it is accepted.
func readProblem(err error) *problem.Problem {
	var timeout net.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return problem.New(http.StatusRequestTimeout, "body_timeout",
			"the body did not arrive in time (http.body_timeout): nothing was accepted, send the request again").WithLimit("http.body_timeout", 0)
	case errors.As(err, &tooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than %d bytes", tooLarge.Limit).
			WithLimit("ingest.max_body", tooLarge.Limit)
	}
	return problem.New(http.StatusBadRequest, codeTruncated,
		"the body ended before its announced length or its last chunk: nothing was accepted, send the request again")
}

// contentCoding reads Content-Encoding.
func contentCoding(h http.Header) (string, *problem.Problem) {
	v := strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding")))
	switch v {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "zstd":
		return "zstd", nil
	}
	return "", problem.New(http.StatusUnsupportedMediaType, "unsupported_encoding",
		"Content-Encoding is %q: use gzip, zstd or none", clip(v)).WithField("Content-Encoding")
}

// sniffCoding finds the coding of bodies whose sender did not name it. JSON begins with neither of the two marks.
func sniffCoding(raw []byte, named string) string {
	switch {
	case named != "":
		return named
	case bytes.HasPrefix(raw, []byte{0x1F, 0x8B}):
		return "gzip"
	case bytes.HasPrefix(raw, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		return "zstd"
	}
	return ""
}

// decompress decodes raw into plain. It stops at the limit of a body, whatever the compressed data say.
func (h *Handler) decompress(coding string, raw []byte, plain *[]byte, s *share) *problem.Problem {
	bad := func(err error) *problem.Problem {
		detail := "the body is not valid " + coding + ": nothing was accepted"
		if errors.Is(err, io.ErrUnexpectedEOF) {
			detail = "the " + coding + " data end too early: nothing was accepted, send the request again"
		}
		return problem.New(http.StatusBadRequest, "invalid_encoding", "%s", detail).WithField("Content-Encoding")
	}
	var src io.Reader
	switch coding {
	case "gzip":
		z, _ := h.readers.gzips.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		defer h.readers.gzips.Put(z)
		if err := z.Reset(bytes.NewReader(raw)); err != nil {
			return bad(err)
		}
		src = z
	default:
		z, _ := h.readers.zstds.Get().(*zstd.Decoder)
		if z == nil {
			var err error
			if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(uint64(h.cfg.MaxBodyBytes)+maxWindow)); err != nil {
				return bad(err)
			}
		}
		defer h.readers.zstds.Put(z)
		if err := z.Reset(bytes.NewReader(raw)); err != nil {
			return bad(err)
		}
		src = z
	}
	var failed error
	prob := h.readAll(readerFunc(func(p []byte) (int, error) {
		n, err := src.Read(p)
		if err != nil && err != io.EOF {
			failed = err
		}
		return n, err
	}), plain, s, len(raw))
	if failed != nil {
		var frame zstd.Header
		switch {
		case errors.Is(failed, zstd.ErrDecoderSizeExceeded):
			return h.tooLarge("decompressed body")
		case errors.Is(failed, zstd.ErrWindowSizeExceeded) && frame.Decode(raw) == nil && frame.WindowSize > maxWindow: // a block that is too large is called so too
			return problem.New(http.StatusUnsupportedMediaType, "unsupported_encoding",
				"the zstd data need a window of %d bytes, more than %d, the most that is taken: compress without long-distance matching, or with a window log of 23 at most", frame.WindowSize, maxWindow).
				WithField("Content-Encoding")
		}
		return bad(failed)
	}
	return prob
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
