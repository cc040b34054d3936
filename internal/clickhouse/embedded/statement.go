package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// query runs a statement that takes no data.
func (c *call) query(ctx context.Context) error {
	t := scan(c.req.sql)
	if f := outputFormat(t); f != "" {
		c.out.format = f
	}
	sh := shapes[c.out.format]
	for _, x := range t {
		if x.is("TOTALS") { // a last piece that has another meaning
			sh = whole
		}
	}
	if c.req.settings["extremes"] == "1" || len(t) == 0 || !(t[0].is("SELECT") || t[0].is("WITH") || t[0].is("(")) {
		sh = whole
	}
	if sh == whole {
		return c.inOne()
	}
	return c.inPieces(ctx, sh)
}

// inOne makes the answer in one, in the library's memory. It is not copied: that would be as much again, of which no limit knows.
func (c *call) inOne() error {
	var a *libchdb.Answer
	var st libchdb.Stats
	var err error
	c.library(func() { a, st, err = c.sess.conn.Run(c.req.sql, c.req.format, c.req.params...) })
	c.stats.Add(st)
	if err != nil {
		return err
	}
	defer a.Close()
	if int64(len(a.Bytes)) > c.cfg.MaxBuffered {
		return tooLarge(c.cfg.MaxBuffered)
	}
	return c.out.write(a.Bytes)
}

// fullBlock is the number of rows of a piece that others are likely to follow.
const fullBlock = 65_000

// inPieces streams the answer.
func (c *call) inPieces(ctx context.Context, sh shape) error {
	var st *libchdb.Stream
	var err error
	c.library(func() { st, err = c.sess.conn.Stream(c.req.sql, c.req.format, c.req.params...) })
	if err != nil {
		return err
	}
	defer st.Close()
	obj := objectWriter{out: c.out}
	head := headWriter{out: c.out}
	pieces := 0
	for {
		var piece []byte
		var stats libchdb.Stats
		var more bool
		c.library(func() { piece, stats, more, err = st.Next() })
		c.stats.Add(stats)
		if err != nil {
			if c.sample() { // its threads have left it, and it is still listed
				c.looked = time.Since(c.begin)
			}
			return err
		}
		if !more {
			break
		}
		c.begun.Store(true)
		over := c.checkRows()
		enough := over != nil && c.req.settings["result_overflow_mode"] == "break"
		if over != nil && !enough {
			c.dirty = true
			return over
		}
		pieces++
		c.sampleBeforeEnd(pieces == 1, pieces > 1 && stats.ResultRows < fullBlock)
		switch sh {
		case object:
			err = obj.piece(piece)
		case headed:
			err = head.piece(piece)
		default:
			err = c.out.write(piece)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			c.dirty = true
			return err
		}
		if enough { // the caller has said that more rows than the limit may be left out
			c.dirty = true
			break
		}
	}
	if sh == object {
		return obj.end(c)
	}
	return nil
}

// checkRows enforces max_result_rows, which the library does not do for an answer in pieces.
func (c *call) checkRows() error {
	limit, err := strconv.ParseUint(c.req.settings["max_result_rows"], 10, 64)
	if err != nil || limit == 0 || c.stats.ResultRows <= limit {
		return nil // absent, or not a number: the engine has refused that already
	}
	return badRequest(clickhouse.CodeTooManyRowsOrBytes, "TOO_MANY_ROWS_OR_BYTES",
		"Limit for result exceeded, max rows: %d, current rows: %d", limit, c.stats.ResultRows)
}

// headWriter joins the pieces of a format whose pieces begin with names: those of the first stay.
type headWriter struct {
	out  *answer
	head []byte // what the first piece begins with
}

func (h *headWriter) piece(doc []byte) error {
	if h.head == nil {
		n := headSize(h.out.format, doc)
		if n < 0 {
			return errPiece
		}
		h.head = bytes.Clone(doc[:n])
		return h.out.write(doc)
	}
	rows, ok := bytes.CutPrefix(doc, h.head)
	if !ok {
		return errPiece
	}
	return h.out.write(rows)
}

// objectWriter joins the documents of the pieces of a JSON answer into one.
type objectWriter struct {
	out     *answer
	started bool
	any     bool // a row is out
}

var errPiece = errors.New("engine: a piece of the answer does not have the shape of its format")

func (o *objectWriter) piece(doc []byte) error {
	head, data, _, ok := cutObject(doc)
	if !ok {
		return errPiece
	}
	if !o.started {
		o.started = true
		if err := o.out.write(head); err != nil {
			return err
		}
	}
	if len(data) == 0 {
		return nil
	}
	if o.any {
		if err := o.out.write([]byte(",\n")); err != nil {
			return err
		}
	}
	o.any = true
	return o.out.write(data)
}

// end writes what follows the rows, with the numbers of the whole answer.
func (o *objectWriter) end(c *call) error {
	if !o.started {
		return errPiece
	}
	u := c.read()
	return o.out.write(fmt.Appendf(nil, "\n\t],\n\n\t\"rows\": %d,\n\n\t\"statistics\":\n\t{\n\t\t\"elapsed\": %.9f,\n\t\t\"rows_read\": %d,\n\t\t\"bytes_read\": %d\n\t}\n}\n",
		u.ResultRows, u.Elapsed.Seconds(), u.ReadRows, u.ReadBytes))
}

// insertChunk is how much of an insert's body is read and handed over at a time.
const insertChunk = 256 << 10

// insert streams rows into a table. A body that is cut off, or a caller that goes away, cancels it.
func (c *call) insert(ctx context.Context) error {
	if c.out.req.tenant != "" {
		return badRequest(clickhouse.CodeReadonly, "READONLY", "tenants cannot insert")
	}
	in, err := c.sess.conn.Insert(c.req.sql, c.req.format, c.req.params...)
	if err != nil {
		return err
	}
	defer in.Close()
	buf := make([]byte, insertChunk)
	for {
		n, rerr := fill(c.req.data, buf)
		if n > 0 && !in.Append(buf[:n]) {
			break // Done tells why
		}
		if rerr == io.EOF {
			break
		}
		if rerr == nil {
			rerr = ctx.Err()
		}
		if rerr != nil {
			c.dirty = true
			in.Cancel()
			return badRequest(clickhouse.CodeUnexpectedEndOfFile, "UNEXPECTED_END_OF_FILE", "the data was cut off, nothing was inserted: %v", rerr)
		}
	}
	if err := ctx.Err(); err != nil {
		c.dirty = true
		in.Cancel()
		return err
	}
	st, err := in.Done()
	c.stats.Add(st)
	if err == nil && c.killedBefore() {
		err = context.Canceled
	}
	return err
}

// fill reads until buf is full or the reader ends. Unlike io.ReadFull it keeps
// the reader's own error, which tells an end (io.EOF) from a cut (io.ErrUnexpectedEOF).
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}
