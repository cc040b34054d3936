package tables

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-faster/jx"
)

// readLines reads NDJSON: an object a line. Empty lines do not count.
func (b *builder) readLines(in *bufio.Reader) error {
	var d jx.Decoder
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		var err error
		for more := true; more; { // a line longer than the buffer comes in pieces
			var piece []byte
			piece, err = in.ReadSlice('\n')
			line = append(line, piece...)
			more = errors.Is(err, bufio.ErrBufferFull)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return cause(err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			d.ResetBytes(line)
			where := fmt.Sprintf("line %d", n)
			if err := b.object(&d, where); err != nil {
				return err
			}
			if !atEnd(&d) {
				return malformed("%s: something follows the object; write one object a line", where)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// atEnd says whether nothing but blanks is left.
func atEnd(d *jx.Decoder) bool { return d.Next() == jx.Invalid && d.Skip() == io.EOF }

// readArray reads a JSON array of objects.
func (b *builder) readArray(in io.Reader) error {
	failing := &noted{r: in}
	d := jx.Decode(failing, 64<<10)
	err := d.Arr(func(d *jx.Decoder) error {
		return b.object(d, fmt.Sprintf("element %d", b.rows+1))
	})
	switch {
	case failing.err != nil:
		return failing.err
	case err != nil:
		if p := cause(err, err); p != nil {
			return p
		}
		return malformed("element %d: the array is not valid JSON or ends too early: %s", b.rows+1, clip(err.Error()))
	}
	end := atEnd(d)
	switch {
	case failing.err != nil:
		return failing.err
	case !end:
		return malformed("something follows the array; send one array")
	}
	return nil
}

// noted keeps the failure of a reader, which a decoder may wrap away.
type noted struct {
	r   io.Reader
	err error
}

func (n *noted) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// object reads a row.
func (b *builder) object(d *jx.Decoder, where string) error {
	if d.Next() != jx.Object {
		return malformed("%s is not a JSON object such as {\"id\": \"b1\", \"region\": \"north\"}", where)
	}
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		c, err := b.column(string(key))
		if err != nil {
			return err
		}
		if len(c.ends) > b.rows {
			return malformed("%s names the column %q twice", where, clip(c.name))
		}
		return b.value(d, c, where)
	})
	if err != nil {
		if p := cause(err, err); p != nil {
			return p
		}
		return malformed("%s is not valid JSON: %s", where, clip(err.Error()))
	}
	return b.endRow()
}

// value reads a value of a row.
func (b *builder) value(d *jx.Decoder, c *columnData, where string) error {
	switch d.Next() {
	case jx.String:
		v, err := d.StrBytes()
		if err != nil {
			return err
		}
		return b.add(c, text, v, where)
	case jx.Number:
		v, err := d.Num()
		if err != nil {
			return err
		}
		return b.add(c, number, v, where)
	case jx.Bool:
		v, err := d.Bool()
		if err != nil {
			return err
		}
		return b.add(c, truth, fmt.Append(nil, v), where)
	case jx.Null:
		if err := d.Null(); err != nil {
			return err
		}
		return b.add(c, absent, nil, where)
	case jx.Object, jx.Array:
		return malformed("%s, column %s: a value is a text, a number, true, false or null; write what is nested as columns of its own, or as text", where, c.name)
	}
	return malformed("%s, column %s: the value cannot be read", where, c.name)
}
