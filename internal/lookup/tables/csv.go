package tables

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readCSV reads CSV as RFC 4180 has it: the first line names the columns, values may be quoted, lines end with LF or CRLF, empty lines do not count. A
// value that is empty, quoted or not, is absent.
func (b *builder) readCSV(in io.Reader, delimiter rune) error {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	r.FieldsPerRecord = -1 // counted here, for a better message
	if delimiter != 0 {
		r.Comma = delimiter
	}
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return empty()
	}
	if err != nil {
		return csvError(err)
	}
	columns, err := b.header(head, r.Comma)
	if err != nil {
		return err
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		line, _ := r.FieldPos(0)
		if len(record) != len(columns) {
			return malformed("line %d has %d values, the header names %d columns; a value that holds the delimiter or a line's end must stand in quotes", line, len(record), len(columns))
		}
		where := fmt.Sprintf("line %d", line)
		for i, value := range record {
			if err := b.add(columns[i], text, []byte(value), where); err != nil {
				return err
			}
		}
		if err := b.endRow(); err != nil {
			return err
		}
	}
}

// header reads the names of the columns.
func (b *builder) header(head []string, comma rune) ([]*columnData, error) {
	if len(head) == 1 && comma == ',' {
		for _, other := range []string{";", "\t", "|"} {
			if strings.Contains(head[0], other) {
				return nil, malformedField("delimiter", "the header names one column, %q; if the columns are separated by %q, say so: delimiter=%s", clip(head[0]), other, delimiterName(other))
			}
		}
	}
	var columns []*columnData
	for i, name := range head {
		name = strings.TrimSpace(name)
		if name == "" {
			return nil, malformed("column %d of the header has no name; the first line must name every column", i+1)
		}
		if b.byName[name] != nil {
			return nil, malformed("the header names the column %q twice; rename one", clip(name))
		}
		c, err := b.column(name)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// delimiterNames are the delimiters that a URL cannot hold as they are.
var delimiterNames = map[string]string{"\t": "tab", ";": "semicolon"}

func delimiterName(d string) string {
	if name := delimiterNames[d]; name != "" {
		return name
	}
	return d
}

// csvError says what is wrong with a line.
func csvError(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return cause(err)
	}
	switch {
	case errors.Is(p.Err, csv.ErrBareQuote):
		return malformed("line %d, byte %d: a quote stands inside of a value that is not quoted; write the value in quotes and the quote twice", p.Line, p.Column)
	case errors.Is(p.Err, csv.ErrQuote):
		return malformed("line %d, byte %d: a quoted value does not end where the delimiter or the line's end should follow (it began in line %d); write a quote inside of it twice", p.Line, p.Column, p.StartLine)
	}
	return cause(p.Err)
}
