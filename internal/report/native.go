package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ClickHouse/ch-go/proto"

	"weir/internal/clickhouse"
)

// nativeRows bounds the rows of a block of an answer in the engine's Native format: its arrays are held in memory.
const nativeRows = "4096"

// maxBlockRows is more than a block can have.
const maxBlockRows = 1 << 20

// blocks runs a statement whose answer is read in the engine's Native format, block by block, into columns, which must be those of its SELECT in their
// order. fn is called when they hold a block. What was used is noted, whatever becomes of it.
func (r *Reporter) blocks(ctx context.Context, t *tally, st clickhouse.Statement, columns []proto.ColResult, fn func(rows int) error) error {
	st.Settings = merged(merged(r.settings, tuningOf(ctx)), map[string]string{"max_block_size": nativeRows})
	st.Format = "Native"
	if r.deps.Watcher != nil {
		st.QueryID = queryID()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.deps.Streams == nil {
		return errors.New("report: there is nothing that streams answers")
	}
	res, err := r.deps.Streams.Query(ctx, st)
	var sum clickhouse.Summary
	if err == nil {
		err = readBlocks(res.Body, columns, fn)
		if cerr := res.Body.Close(); err == nil {
			err = cerr
		}
		sum = res.Summary()
	}
	var e *clickhouse.Error
	switch {
	case errors.As(err, &e):
		sum = e.Summary
	case err != nil && r.deps.Watcher != nil:
		cancel()
		sum = clickhouse.Settled(r.deps.Watcher, st.QueryID, sum)
	}
	t.add(sum)
	return err
}

func readBlocks(body io.Reader, columns []proto.ColResult, fn func(rows int) error) error {
	rd := proto.NewReader(body)
	for {
		n, err := rd.UVarInt()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var rows uint64
		if err == nil {
			rows, err = rd.UVarInt()
		}
		if err != nil {
			return fmt.Errorf("read a block: %w", err)
		}
		if rows > maxBlockRows {
			return fmt.Errorf("read a block: it has %d rows", rows)
		}
		if n != uint64(len(columns)) {
			return fmt.Errorf("read a block: it has %d columns, want %d", n, len(columns))
		}
		for i, c := range columns {
			if err := readColumn(rd, c, int(rows)); err != nil {
				return fmt.Errorf("read column %d of a block: %w", i, err)
			}
		}
		if err := fn(int(rows)); err != nil {
			return err
		}
	}
}

func readColumn(rd *proto.Reader, c proto.ColResult, rows int) error {
	if _, err := readName(rd); err != nil {
		return err
	}
	typ, err := readName(rd)
	if err != nil {
		return err
	}
	if string(c.Type()) != typ {
		return fmt.Errorf("it is a %s, want %s", typ, c.Type())
	}
	c.Reset()
	if rows == 0 {
		return nil
	}
	return decodeColumn(rd, c, rows)
}

// decodeColumn makes an error of a panic: the decoders of proto make room for whatever length a damaged answer names.
func decodeColumn(rd *proto.Reader, c proto.ColResult, rows int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	switch c := c.(type) {
	case *proto.ColStr:
		return decodeStrings(rd, c, rows)
	case *proto.ColArr[string]:
		data, ok := c.Data.(*proto.ColStr)
		if !ok {
			break
		}
		if err := c.Offsets.DecodeColumn(rd, rows); err != nil {
			return err
		}
		if n := c.Offsets[rows-1]; n <= maxBlockStrings {
			return decodeStrings(rd, data, int(n))
		}
		return fmt.Errorf("it has arrays of %d texts", c.Offsets[rows-1])
	}
	return c.DecodeColumn(rd, rows)
}

// A text of an answer is an id or the value of a column or property, which no event can have larger than its request's body.
const (
	maxBlockString  = 64 << 20
	maxBlockStrings = 64 << 20
)

// decodeStrings reads texts. The decoder of proto makes room before it knows that there are as many bytes.
func decodeStrings(rd *proto.Reader, c *proto.ColStr, rows int) error {
	for range rows {
		n, err := rd.UVarInt()
		if err != nil {
			return err
		}
		if n > maxBlockString {
			return fmt.Errorf("a text has %d bytes", n)
		}
		start := len(c.Buf)
		c.Buf = slices.Grow(c.Buf, int(n))[:start+int(n)]
		if err := rd.ReadFull(c.Buf[start:]); err != nil {
			return err
		}
		c.Pos = append(c.Pos, proto.Position{Start: start, End: len(c.Buf)})
	}
	return nil
}

// maxBlockName is longer than the name or the type of a column that a statement of ours has.
const maxBlockName = 1024

// readName reads a short text. proto.Reader.Str would make room for whatever length it finds.
func readName(rd *proto.Reader) (string, error) {
	n, err := rd.UVarInt()
	if err != nil {
		return "", err
	}
	if n > maxBlockName {
		return "", fmt.Errorf("a name has %d bytes", n)
	}
	b := make([]byte, n)
	err = rd.ReadFull(b)
	return string(b), err
}
