package chport

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/go-faster/city"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codings are the content codings, the one that costs least first.
var codings = []string{"lz4", "zstd", "gzip", "br", "deflate"}

// chooseCoding picks a content coding that the client takes; "" means none.
func chooseCoding(accept string) string {
	ok := map[string]bool{}
	for item := range strings.SplitSeq(accept, ",") {
		name, args, _ := strings.Cut(strings.ToLower(strings.TrimSpace(item)), ";")
		q := 1.0
		if v, has := strings.CutPrefix(strings.ReplaceAll(args, " ", ""), "q="); has {
			q, _ = strconv.ParseFloat(v, 64) // what is no number is 0: not wanted
		}
		ok[strings.TrimSpace(name)] = q > 0
	}
	for _, c := range codings {
		if ok[c] {
			return c
		}
	}
	return ""
}

// encoder returns a writer that codes what is written to it. Closing it ends the coding and not w.
func encoder(coding string, w io.Writer) (io.WriteCloser, error) {
	switch coding {
	case "gzip":
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case "deflate":
		return zlib.NewWriterLevel(w, zlib.BestSpeed)
	case "br":
		return brotli.NewWriterLevel(w, 3), nil
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	case "lz4":
		return lz4.NewWriter(w), nil
	}
	return nil, fmt.Errorf("chport: content coding %q", coding)
}

// frameMethods are the values of network_compression_method.
var frameMethods = map[string]compress.Method{"LZ4": compress.LZ4, "LZ4HC": compress.LZ4HC, "ZSTD": compress.ZSTD, "NONE": compress.None}

// frameSize is how much goes into one compressed block.
const frameSize = 1 << 20

// framer writes ClickHouse's compressed blocks.
type framer struct {
	w   io.Writer
	c   *compress.Writer
	buf []byte
}

func newFramer(w io.Writer, method string) *framer {
	return &framer{w: w, c: compress.NewWriter(compress.LevelZero, frameMethods[method])}
}

// Write implements io.Writer.
func (f *framer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(len(p), frameSize-len(f.buf))
		f.buf, p = append(f.buf, p[:take]...), p[take:]
		if len(f.buf) == frameSize {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (f *framer) flush() error {
	if len(f.buf) == 0 {
		return nil
	}
	if err := f.c.Compress(f.buf); err != nil {
		return fmt.Errorf("chport: compress: %w", err)
	}
	f.buf = f.buf[:0]
	_, err := f.w.Write(f.c.Data)
	return err
}

// Close writes what is left.
func (f *framer) Close() error { return f.flush() }

// errTooMuch says that a body unpacks to more than is allowed.
var errTooMuch = errors.New("the body unpacks to too much")

// decodeBody returns a request's body without its content coding and, if framed, without ClickHouse's blocks. Reading more
// than maxBody bytes of it fails.
func decodeBody(r *http.Request, framed bool) (io.ReadCloser, *exception) {
	var body io.Reader = &limited{r: r.Body, left: maxPacked} // what unpacks to nothing could go on for ever
	closer := func() {}
	name := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	var err error
	switch name {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(8<<20), zstd.WithDecoderMaxWindow(8<<20))
		if err == nil {
			body, closer = d, d.Close
		}
	case "lz4":
		body = lz4.NewReader(body)
	default:
		return nil, exceptionf(codeNotImplemented, "Content-Encoding %q is not one of gzip, deflate, br, zstd, lz4", cutText(name, 40))
	}
	if err != nil {
		return nil, exceptionf(codeCannotDecompress, "the body is not %s: %v", name, err)
	}
	if name != "" && name != "identity" {
		body = &coded{r: body, name: name}
	}
	if framed {
		body = &unframer{r: body}
	}
	return &limited{r: body, left: maxBody, close: closer}, nil
}

// maxPacked is how many bytes of a body are read as they come.
const maxPacked = 2 * maxBody

// limited ends a body with an error when it is longer than it may be.
type limited struct {
	r     io.Reader
	left  int64
	close func()
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooMuch
	}
	return n, err
}

func (l *limited) Close() error { l.close(); return nil }

// coded names the coding in errors of decoding.
type coded struct {
	r    io.Reader
	name string
}

func (c *coded) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if errors.Is(err, errTooMuch) {
		return n, errTooMuch
	}
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		var cut flate.CorruptInputError
		if errors.As(err, &cut) {
			err = errors.New("corrupt data")
		}
		err = exceptionf(codeCannotDecompress, "the body is not whole %s: %v", c.name, err)
	}
	return n, err
}

// Layout of a compressed block: a hash of what follows it, the method, the size with method and sizes, the size unpacked.
const (
	hashSize   = 16
	headerSize = hashSize + 9
	methodNone = 0x02
	methodLZ4  = 0x82
	methodZSTD = 0x90
)

// unframer reads ClickHouse's compressed blocks. A block may unpack to at most maxBody bytes: ch-go's reader trusts sizes
// up to 128 MB, and ZSTD data may unpack to far more than its header says.
type unframer struct {
	r    io.Reader
	data []byte
}

// Read implements io.Reader.
func (u *unframer) Read(p []byte) (int, error) {
	for len(u.data) == 0 {
		if err := u.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.data)
	u.data = u.data[n:]
	return n, nil
}

func (u *unframer) next() error {
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(u.r, head); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return exceptionf(codeCannotDecompress, "a compressed block of the body is cut off in its header")
		}
		return err // io.EOF: the end, between two blocks; or errTooMuch
	}
	size := int64(binary.LittleEndian.Uint32(head[hashSize+1:])) - 9
	unpacked := int64(binary.LittleEndian.Uint32(head[hashSize+5:]))
	if size < 0 || size > 2*maxBody || unpacked > maxBody {
		return exceptionf(codeCannotDecompress, "a compressed block of the body has %d bytes and says that it unpacks to %d, at most %d are allowed", size, unpacked, maxBody)
	}
	block := bytes.NewBuffer(head)
	if n, err := io.CopyN(block, u.r, size); errors.Is(err, errTooMuch) {
		return err
	} else if err != nil {
		return exceptionf(codeCannotDecompress, "a compressed block of the body is cut off after %d of %d bytes", n, size)
	}
	raw := block.Bytes()
	if h := city.CH128(raw[hashSize:]); h.Low != binary.LittleEndian.Uint64(raw) || h.High != binary.LittleEndian.Uint64(raw[8:]) {
		return exceptionf(codeCannotDecompress, "the checksum of a compressed block of the body does not match its data")
	}
	out, err := unpack(raw[hashSize], raw[headerSize:], int(unpacked))
	if err != nil {
		return exceptionf(codeCannotDecompress, "a compressed block of the body cannot be unpacked: %v", err)
	}
	u.data = out
	return nil
}

func unpack(method byte, data []byte, size int) ([]byte, error) {
	out := make([]byte, size)
	n := 0
	var err error
	switch method {
	case methodNone:
		if n = len(data); n == size {
			copy(out, data)
		}
	case methodLZ4:
		n, err = lz4.UncompressBlock(data, out)
	case methodZSTD:
		var d *zstd.Decoder
		d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxBody+1))
		if err == nil {
			defer d.Close()
			out, err = d.DecodeAll(data, out[:0])
			n = len(out)
		}
	default:
		return nil, fmt.Errorf("the method 0x%02x is not known", method)
	}
	if err == nil && n != size {
		err = fmt.Errorf("it has %d bytes, its header says %d", n, size)
	}
	return out, err
}
