package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"weir/internal/client"
)

// prefixBytes is how much of a file's beginning its identity is made of.
const prefixBytes = 4096

// source reads the lines of one input.
type source struct {
	r       *bufio.Reader
	closers []func() error
	raw     countingReader // below the decompression
	size    int64          // of the raw content, 0 if unknown
	max     int
	long    []byte
	number  int64
}

// line is one line without its end. text is valid until the next call.
type line struct {
	text    []byte
	number  int64 // from 1
	tooLong bool  // text is its beginning
	open    bool  // the file ends without a line end
}

type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// openSource opens in and undoes its compression, which is seen from the first bytes.
func openSource(in Input, maxLine int) (*source, error) {
	content, size, err := in.Open()
	if err != nil {
		return nil, err
	}
	s := &source{size: size, max: maxLine, closers: []func() error{content.Close}}
	s.raw.r = content
	s.r = bufio.NewReaderSize(&s.raw, 256<<10)
	magic, err := s.r.Peek(4)
	if err != nil && err != io.EOF {
		return nil, errors.Join(err, s.Close())
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(s.r)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("it begins like gzip but is not: %w", err), s.Close())
		}
		s.closers = append(s.closers, func() error { _ = z.Close(); return nil }) // its error is the one that reading met
		s.r = bufio.NewReaderSize(z, 256<<10)
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(s.r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("it begins like zstd but is not: %w", err), s.Close())
		}
		s.closers = append(s.closers, func() error { z.Close(); return nil })
		s.r = bufio.NewReaderSize(z, 256<<10)
	}
	return s, nil
}

func (s *source) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

// prefix returns the first 4 KB of the content, or all of it if it is shorter. It must be called before next.
func (s *source) prefix() ([]byte, error) {
	p, err := s.r.Peek(prefixBytes)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return p, nil
}

// byteOrderMark is what some programs write before a text. It is part of the file's identity, but of no line.
var byteOrderMark = []byte("\xEF\xBB\xBF")

// next returns the next line or io.EOF.
func (s *source) next() (line, error) {
	if s.number == 0 {
		if head, _ := s.r.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) { // an error is met again below
			_, _ = s.r.Discard(len(head)) // they are in the buffer
		}
	}
	text, err := s.r.ReadSlice('\n')
	if err == nil && len(text)-1 <= s.max {
		s.number++
		return line{text: trimEnd(text), number: s.number}, nil
	}
	s.long = append(s.long[:0], text[:min(len(text), s.max+1)]...)
	ended := err == nil
	for errors.Is(err, bufio.ErrBufferFull) {
		text, err = s.r.ReadSlice('\n')
		s.long = append(s.long, text[:min(len(text), max(0, s.max+1-len(s.long)))]...)
		ended = err == nil
	}
	if err != nil && err != io.EOF {
		return line{}, err
	}
	if len(s.long) == 0 && !ended {
		return line{}, io.EOF
	}
	s.number++
	l := line{text: trimEnd(s.long), number: s.number, open: !ended}
	if len(l.text) > s.max {
		l.text, l.tooLong = l.text[:s.max], true
	}
	return l, nil
}

func trimEnd(s []byte) []byte {
	s = bytes.TrimSuffix(s, []byte("\n"))
	return bytes.TrimSuffix(s, []byte("\r"))
}

// fileID is the identity of a file: a hash of the format's name and of its beginning.
func fileID(f Format, prefix []byte) string {
	h := sha256.New()
	h.Write([]byte(f))
	h.Write([]byte{0})
	h.Write(prefix)
	return hex.EncodeToString(h.Sum(nil))
}

// find returns the ledger's entry of the file that begins with prefix. A file that was shorter than 4 KB when it
// was first seen is known by that much; the entry with the longest beginning wins.
func find(l client.Ledger, f Format, prefix []byte) client.ImportEntry {
	best := client.ImportEntry{File: fileID(f, prefix), PrefixLen: len(prefix)}
	found := false
	for _, e := range l.Imports {
		if e.PrefixLen <= 0 || e.PrefixLen > len(prefix) || (found && e.PrefixLen <= best.PrefixLen) {
			continue
		}
		if fileID(f, prefix[:e.PrefixLen]) == e.File {
			best, found = e, true
		}
	}
	return best
}

// remember keeps the ledger's copy in step with what was imported in this run.
func remember(l *client.Ledger, e client.ImportEntry) {
	for i := range l.Imports {
		if l.Imports[i].File == e.File {
			l.Imports[i].Lines = max(l.Imports[i].Lines, e.Lines)
			l.Imports[i].Rejected = max(l.Imports[i].Rejected, e.Rejected)
			return
		}
	}
	l.Imports = append(l.Imports, e)
}
