// Package native puts the blocks of the format Native into the framing that a client asks for.
//
// The engine writes blocks as protocol version 0 has them: the number of columns, the number of rows, and for each column its
// name, its type and its data. Clients of later versions expect a BlockInfo before each block (any version but 0), and a byte
// that says "no special serialization" before the data of each column (from 54454 on). Nothing in a block says where a
// column ends, so its data is walked by its type. Values are passed on as they are; nothing is decoded but lengths.
package native

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Versions of the protocol from which something changes on the wire.
const (
	// WithLowCardinality is the first version that knows LowCardinality; version 0 means that the client says nothing and knows all.
	WithLowCardinality = 54405
	// WithSerialization is the first version with a byte for a column's serialization.
	WithSerialization = 54454
)

// UnsupportedError says that a column has a type whose data cannot be walked.
type UnsupportedError struct{ Type string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the type %s cannot be sent in the format Native to this client; convert the column, e.g. with toString(), or ask for another format", e.Type)
}

// Bounds of one block.
const (
	maxColumns = 1 << 16
	maxRows    = 1 << 32
	maxName    = 1 << 20
	maxValues  = 1 << 36 // values of a nested column
)

// blockInfo is the BlockInfo of a block that is neither of an overflow nor of a bucket.
var blockInfo = []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}

// Copy copies blocks from r to w in the framing of a protocol version, until r ends between two blocks. An error of r or w is
// wrapped. Blocks are passed on while they come: a block is never in memory as a whole.
func Copy(w io.Writer, r io.Reader, version int) error {
	c := &copier{r: bufio.NewReaderSize(r, 64<<10), w: bufio.NewWriterSize(w, 64<<10), version: version}
	c.expand = version > 0 && version < WithLowCardinality
	for {
		err := c.block()
		if errors.Is(err, errEnd) {
			return c.w.Flush()
		}
		if err != nil {
			return errors.Join(err, c.w.Flush())
		}
	}
}

// errEnd is the end of the input, between two blocks.
var errEnd = errors.New("native: no more blocks")

type copier struct {
	r       *bufio.Reader
	w       *bufio.Writer
	version int
	expand  bool // write LowCardinality columns as plain ones
	buf     [8]byte
}

func (c *copier) block() error {
	if _, err := c.r.Peek(1); errors.Is(err, io.EOF) {
		return errEnd
	}
	columns, err := c.uvarint(maxColumns, "columns")
	if err != nil {
		return err
	}
	rows, err := c.uvarint(maxRows, "rows")
	if err != nil {
		return err
	}
	if c.version > 0 {
		if _, err := c.w.Write(blockInfo); err != nil {
			return fmt.Errorf("native: write: %w", err)
		}
	}
	c.putUvarint(columns)
	c.putUvarint(rows)
	for range columns {
		if err := c.column(int64(rows)); err != nil {
			return err
		}
	}
	// What is complete goes on its way: the next block may take its time.
	if c.r.Buffered() == 0 {
		return c.w.Flush()
	}
	return nil
}

func (c *copier) column(rows int64) error {
	name, err := c.text()
	if err != nil {
		return err
	}
	text, err := c.text()
	if err != nil {
		return err
	}
	t, err := parseType(text)
	if err != nil {
		var u *UnsupportedError
		if errors.As(err, &u) {
			return err
		}
		return fmt.Errorf("native: column %.80q: %w", name, err)
	}
	if c.expand {
		text = withoutDictionaries(text)
	}
	c.putText(name)
	c.putText(text)
	if c.version >= WithSerialization {
		if err := c.w.WriteByte(0); err != nil {
			return fmt.Errorf("native: write: %w", err)
		}
	}
	if rows == 0 {
		return nil
	}
	if err := c.prefix(t); err != nil {
		return err
	}
	return c.data(t, rows)
}

// prefix copies what comes before the data of a column: the version of each dictionary in it.
func (c *copier) prefix(t *typ) error {
	if t.layout == lowCard {
		v, err := c.number()
		if err != nil {
			return err
		}
		if v != 1 {
			return fmt.Errorf("native: a dictionary of version %d", v)
		}
	}
	for _, e := range t.elems {
		if err := c.prefix(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) data(t *typ, n int64) error {
	switch t.layout {
	case fixed:
		return c.bytes(n, t.size)
	case varying:
		for range n {
			size, err := c.copyUvarint()
			if err != nil {
				return err
			}
			if err := c.bytes(size, 1); err != nil {
				return err
			}
		}
		return nil
	case nullable:
		if err := c.bytes(n, 1); err != nil {
			return err
		}
		return c.data(t.elems[0], n)
	case array:
		return c.array(t, n)
	case tuple:
		if len(t.elems) == 0 { // Tuple() has a byte for each value
			return c.bytes(n, 1)
		}
		for _, e := range t.elems {
			if err := c.data(e, n); err != nil {
				return err
			}
		}
		return nil
	case lowCard:
		return c.dictionary(t, n)
	}
	return fmt.Errorf("native: a type of layout %d", t.layout)
}

func (c *copier) array(t *typ, n int64) error {
	var last uint64
	for range n {
		end, err := c.uint64()
		if err != nil {
			return err
		}
		if end < last || end > maxValues {
			return fmt.Errorf("native: an array ends at %d, the one before it at %d", end, last)
		}
		last = end
	}
	return c.data(t.elems[0], int64(last))
}

// Flags of a dictionary, in the upper bytes of the kind of its indexes.
const (
	sharedKeys     = 1 << 8
	additionalKeys = 1 << 9
	updatedKeys    = 1 << 10
)

// dictionary copies LowCardinality data: the kind of indexes, the keys, the indexes.
func (c *copier) dictionary(t *typ, n int64) error {
	if n == 0 {
		return nil
	}
	flags, err := c.number()
	if err != nil {
		return err
	}
	if flags&sharedKeys != 0 || flags&additionalKeys == 0 || flags&^(additionalKeys|updatedKeys|0xff) != 0 || flags&0xff > 3 {
		return fmt.Errorf("native: a dictionary of kind %#x", flags)
	}
	keys, err := c.number()
	if err != nil {
		return err
	}
	if keys > maxRows {
		return fmt.Errorf("native: a dictionary of %d keys", keys)
	}
	if c.expand {
		return c.expanded(t, int64(keys), n, 1<<(flags&0xff))
	}
	if err := c.data(t.elems[0], int64(keys)); err != nil {
		return err
	}
	if err := c.indexes(n); err != nil {
		return err
	}
	return c.bytes(n, 1<<(flags&0xff))
}

// indexes reads the number of indexes of a dictionary, which is the number of values.
func (c *copier) indexes(n int64) error {
	rows, err := c.number()
	if err == nil && rows != uint64(n) {
		err = fmt.Errorf("native: %d indexes for %d values", rows, n)
	}
	return err
}

// maxKeys bounds the bytes of a dictionary that is expanded.
const maxKeys = 64 << 20

// expanded writes the values that a dictionary's indexes stand for.
func (c *copier) expanded(t *typ, keys, n, width int64) error {
	values, err := c.keys(t.elems[0], keys)
	if err != nil {
		return err
	}
	if err := c.indexes(n); err != nil {
		return err
	}
	if n > maxKeys {
		return fmt.Errorf("native: %d values of a dictionary in one block", n)
	}
	at := make([]uint64, 0, min(n, 1<<16))
	for range n {
		b := c.buf[:]
		clear(b)
		if _, err := io.ReadFull(c.r, b[:width]); err != nil {
			return cut(err)
		}
		i := binary.LittleEndian.Uint64(b)
		if i >= uint64(len(values)) {
			return fmt.Errorf("native: index %d in a dictionary of %d keys", i, len(values))
		}
		at = append(at, i)
		if t.null {
			null := byte(0)
			if i == 0 {
				null = 1
			}
			if err := c.w.WriteByte(null); err != nil {
				return fmt.Errorf("native: write: %w", err)
			}
		}
	}
	for _, i := range at {
		if _, err := c.w.Write(values[i]); err != nil {
			return fmt.Errorf("native: write: %w", err)
		}
	}
	return nil
}

// keys reads the keys of a dictionary, each as it stands among plain values.
func (c *copier) keys(t *typ, n int64) ([][]byte, error) {
	var out [][]byte
	total := int64(0)
	for range n {
		size, head := t.size, []byte(nil)
		switch t.layout {
		case fixed:
		case varying:
			v, err := c.uvarint(maxKeys, "bytes")
			if err != nil {
				return nil, err
			}
			size, head = int64(v), binary.AppendUvarint(nil, v)
		default:
			return nil, fmt.Errorf("native: a dictionary of layout %d", t.layout)
		}
		if total += size + 32; total > maxKeys {
			return nil, fmt.Errorf("native: a dictionary of more than %d bytes", maxKeys)
		}
		key := append(head, make([]byte, size)...)
		if _, err := io.ReadFull(c.r, key[len(head):]); err != nil {
			return nil, cut(err)
		}
		out = append(out, key)
	}
	return out, nil
}

// number reads a number of a dictionary, and copies it unless dictionaries are expanded.
func (c *copier) number() (uint64, error) {
	if !c.expand {
		return c.uint64()
	}
	if _, err := io.ReadFull(c.r, c.buf[:]); err != nil {
		return 0, cut(err)
	}
	return binary.LittleEndian.Uint64(c.buf[:]), nil
}

// bytes copies n times size bytes.
func (c *copier) bytes(n, size int64) error {
	if n > 0 && size > 0 && n > (1<<56)/size {
		return fmt.Errorf("native: %d values of %d bytes", n, size)
	}
	if _, err := io.CopyN(c.w, c.r, n*size); err != nil {
		return cut(err)
	}
	return nil
}

func (c *copier) uint64() (uint64, error) {
	if _, err := io.ReadFull(c.r, c.buf[:]); err != nil {
		return 0, cut(err)
	}
	if _, err := c.w.Write(c.buf[:]); err != nil {
		return 0, fmt.Errorf("native: write: %w", err)
	}
	return binary.LittleEndian.Uint64(c.buf[:]), nil
}

func (c *copier) copyUvarint() (int64, error) {
	v, err := c.uvarint(1<<56, "bytes")
	if err == nil {
		c.putUvarint(v)
	}
	return int64(v), err
}

func (c *copier) uvarint(limit uint64, what string) (uint64, error) {
	v, err := binary.ReadUvarint(c.r)
	if err != nil {
		return 0, cut(err)
	}
	if v > limit {
		return 0, fmt.Errorf("native: %d %s, at most %d are possible", v, what, limit)
	}
	return v, nil
}

// putUvarint writes v. The writer keeps its error for the next call that returns one.
func (c *copier) putUvarint(v uint64) {
	var b [binary.MaxVarintLen64]byte
	_, _ = c.w.Write(b[:binary.PutUvarint(b[:], v)])
}

func (c *copier) text() (string, error) {
	n, err := c.uvarint(maxName, "bytes of a name")
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return "", cut(err)
	}
	return string(b), nil
}

func (c *copier) putText(s string) {
	c.putUvarint(uint64(len(s)))
	_, _ = c.w.WriteString(s)
}

// cut turns an end inside of a block into what it is.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("native: %w", err)
}
