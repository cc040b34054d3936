package libchdb

import (
	"errors"
	"runtime"
	"unsafe"
)

// Stream is the answer of a running statement, piece by piece. Only the goroutine that runs the connection may use it.
type Stream struct {
	conn   *Conn
	handle unsafe.Pointer
	piece  unsafe.Pointer // the result whose bytes the caller has; nil: it has none
	done   bool
}

// Stream starts a statement. Its connection takes nothing else until the stream is closed.
func (c *Conn) Stream(sql, format string, ps ...Param) (*Stream, error) {
	q, qn := span(sql)
	f, fn := span(format)
	var r unsafe.Pointer
	if len(ps) == 0 {
		r = c.lib.fn.streamQuery(c.ptr(), q, qn, f, fn)
	} else {
		a := newParams(ps)
		r = c.lib.fn.streamQueryParams(c.ptr(), q, qn, f, fn, unsafe.Pointer(&a.names[0]), unsafe.Pointer(&a.nameLens[0]),
			unsafe.Pointer(&a.values[0]), unsafe.Pointer(&a.vLens[0]), uintptr(len(ps)))
		runtime.KeepAlive(a)
		runtime.KeepAlive(ps)
	}
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	if r == nil {
		return nil, errors.New("libchdb: no result")
	}
	if text, failed := cstring(c.lib.fn.resultError(r)); failed {
		c.lib.fn.destroyResult(r)
		return nil, &Error{Text: text}
	}
	return &Stream{conn: c, handle: r}, nil
}

// Next returns the next piece; more is false at the end of the answer. The piece is the library's memory and holds until the next call or Close: a piece is as large as a
// row can be, and a copy of it would be memory that no limit of the statement counts. After an error the connection must be closed.
func (s *Stream) Next() (piece []byte, st Stats, more bool, err error) {
	s.release()
	if s.done {
		return nil, Stats{}, false, nil
	}
	l := s.conn.lib
	s.piece = l.fn.streamFetch(s.conn.ptr(), s.handle)
	piece, st, err = l.look(s.piece)
	if err != nil || len(piece) == 0 {
		s.done = true
	}
	return piece, st, !s.done, err
}

func (s *Stream) release() {
	if s.piece != nil {
		s.conn.lib.fn.destroyResult(s.piece)
		s.piece = nil
	}
}

// Close cancels what is not read and frees the stream.
func (s *Stream) Close() {
	if s.handle == nil {
		return
	}
	s.release()
	if !s.done {
		s.conn.lib.fn.streamCancel(s.conn.ptr(), s.handle)
	}
	s.conn.lib.fn.destroyResult(s.handle)
	s.handle = nil
}

// Insert is a running INSERT that takes its data in pieces.
type Insert struct {
	conn   *Conn
	handle unsafe.Pointer
}

// Insert starts an INSERT. sql has no FORMAT clause: format names the data's.
func (c *Conn) Insert(sql, format string, ps ...Param) (*Insert, error) {
	q, qn := span(sql)
	f, fn := span(format)
	var h unsafe.Pointer
	if len(ps) == 0 {
		h = c.lib.fn.streamInsert(c.ptr(), q, qn, f, fn)
	} else {
		a := newParams(ps)
		h = c.lib.fn.streamInsertParams(c.ptr(), q, qn, f, fn, unsafe.Pointer(&a.names[0]), unsafe.Pointer(&a.nameLens[0]),
			unsafe.Pointer(&a.values[0]), unsafe.Pointer(&a.vLens[0]), uintptr(len(ps)))
		runtime.KeepAlive(a)
		runtime.KeepAlive(ps)
	}
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	if h == nil {
		return nil, errors.New("libchdb: no insert stream")
	}
	in := &Insert{conn: c, handle: h}
	if err := in.err(); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (in *Insert) err() error {
	if text, failed := cstring(in.conn.lib.fn.streamInsertError(in.handle)); failed && text != "" {
		return &Error{Text: text}
	}
	return nil
}

// Append hands over the next bytes (they are copied) and may wait for the
// engine. It returns false when the engine takes no more: Done tells why.
func (in *Insert) Append(data []byte) bool {
	if len(data) == 0 {
		return true
	}
	ok := in.conn.lib.fn.streamAppend(in.handle, unsafe.Pointer(&data[0]), uintptr(len(data))) == 0
	runtime.KeepAlive(data)
	return ok
}

// Done ends the data and commits the insert.
func (in *Insert) Done() (Stats, error) {
	l := in.conn.lib
	r := l.fn.streamDone(in.handle)
	defer l.fn.destroyResult(r)
	_, st, err := l.take(r, nil)
	return st, err
}

// Cancel gives the insert up; blocks that the engine has already written stay.
func (in *Insert) Cancel() { in.conn.lib.fn.streamCancelInsert(in.handle) }

// Close frees the stream, cancelling an insert that is not done.
func (in *Insert) Close() {
	if in.handle != nil {
		in.conn.lib.fn.destroyInsert(in.handle)
		in.handle = nil
	}
}
