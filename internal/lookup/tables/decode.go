package tables

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"weir/internal/problem"
)

// Format is the form of an upload.
type Format string

// The formats of an upload. JSON is an array of objects, or NDJSON.
const (
	CSV    Format = "csv"
	NDJSON Format = "ndjson"
	JSON   Format = "json"
)

// Options say how an upload is read.
type Options struct {
	Format    Format            // empty: it is told by its first sign
	Delimiter rune              // between values of CSV; 0: a comma
	Types     map[string]string // of columns, as lookup.ParseType reads them; of the others they follow from the values
}

// bodyFactor is how many times larger than its table an upload may be: JSON repeats the names of columns in each row.
const bodyFactor = 4

// Decode reads an upload whole. Its error is a *problem.Problem that says where the upload is wrong, or which limit it meets; errors of r stay
// what they are.
func Decode(r io.Reader, o Options, l Limits) (*Content, error) {
	in := bufio.NewReaderSize(&bounded{r: r, left: bodyFactor * l.MaxBytes, limit: bodyFactor * l.MaxBytes}, 64<<10)
	first, err := begin(in)
	if err != nil {
		return nil, err
	}
	format := o.Format
	switch {
	case format == "" && first != '[' && first != '{':
		format = CSV
	case format != CSV && first == '[':
		format = JSON
	case format != CSV:
		format = NDJSON
	}
	if o.Delimiter != 0 && format != CSV {
		return nil, malformedField("delimiter", "it is for CSV, and the upload is JSON: leave it out")
	}
	b := newBuilder(l, format == CSV)
	switch format {
	case CSV:
		err = b.readCSV(in, o.Delimiter)
	case JSON:
		err = b.readArray(in)
	default:
		err = b.readLines(in)
	}
	if err != nil {
		return nil, err
	}
	return b.finish(o.Types)
}

// begin skips a byte order mark and returns the first byte behind blanks, without taking it.
func begin(in *bufio.Reader) (byte, error) {
	head, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return 0, malformed("the upload is UTF-16; save it as UTF-8")
	}
	if bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return 0, err
		}
	}
	for n := 1; ; n++ {
		head, err := in.Peek(n)
		switch {
		case len(head) < n && (errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull)): // nothing but blanks, or very many
			return 0, empty()
		case len(head) < n:
			return 0, err
		case strings.IndexByte(" \t\r\n", head[n-1]) < 0:
			return head[n-1], nil
		}
	}
}

// bounded reads up to a limit; what is longer is refused, not cut.
type bounded struct {
	r     io.Reader
	left  int64
	limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	return n, err
}

// cause returns the problem, or the failure of the reader, behind a decoder's error; nil if it is the decoder's own.
func cause(err error, own ...error) error {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	for _, o := range own {
		if errors.Is(err, o) {
			return nil
		}
	}
	return err
}
