package libchdb

import (
	"bytes"
	"errors"
	"runtime"
	"unsafe"
)

// Conn is one connection: a session with its own settings, database and roles.
type Conn struct {
	lib    *Library
	handle unsafe.Pointer // chdb_connection *
}

// Param is the value of a placeholder {Name:Type}.
type Param struct{ Name, Value string }

// Stats is what the library tells of a statement.
type Stats struct {
	Seconds                   float64
	ReadRows, ReadBytes       uint64 // from storage
	ResultRows, ResultBytes   uint64
	WrittenRows, WrittenBytes uint64
}

// Add adds o's numbers to s.
func (s *Stats) Add(o Stats) {
	s.Seconds += o.Seconds
	s.ReadRows += o.ReadRows
	s.ReadBytes += o.ReadBytes
	s.ResultRows += o.ResultRows
	s.ResultBytes += o.ResultBytes
	s.WrittenRows += o.WrittenRows
	s.WrittenBytes += o.WrittenBytes
}

// Error is an error of the engine: its text as it stands, "Code: 60. DB::Exception: …" in most cases.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

func (c *Conn) ptr() unsafe.Pointer { return *(*unsafe.Pointer)(c.handle) }

// Close closes the connection, cancelling what it runs. The last one to close stops the engine, and returns when that is done.
func (c *Conn) Close() {
	if c.handle != nil {
		c.lib.fn.closeConn(c.handle)
		c.handle = nil
	}
}

// params holds the C arrays of a parameter list.
type params struct {
	names, values   []unsafe.Pointer
	nameLens, vLens []uintptr
}

func newParams(ps []Param) *params {
	a := &params{}
	for _, p := range ps {
		n, nl := span(p.Name)
		v, vl := span(p.Value)
		a.names, a.nameLens = append(a.names, n), append(a.nameLens, nl)
		a.values, a.vLens = append(a.values, v), append(a.vLens, vl)
	}
	return a
}

// Answer is the whole answer to a text.
type Answer struct {
	Bytes []byte // the library's memory, until Close

	lib    *Library
	handle unsafe.Pointer
}

// Close frees the answer's memory.
func (a *Answer) Close() {
	if a.handle != nil {
		a.Bytes = nil
		a.lib.fn.destroyResult(a.handle)
		a.handle = nil
	}
}

// Run runs one text. It may hold several statements: the caller must know what it runs. An answer without an error must be closed. It is not copied: it may be as
// large as the machine's memory allows, and no limit of a statement counts it.
func (c *Conn) Run(sql, format string, ps ...Param) (*Answer, Stats, error) {
	q, qn := span(sql)
	f, fn := span(format)
	var r unsafe.Pointer
	if len(ps) == 0 {
		r = c.lib.fn.query(c.ptr(), q, qn, f, fn)
	} else {
		a := newParams(ps)
		r = c.lib.fn.queryParams(c.ptr(), q, qn, f, fn, unsafe.Pointer(&a.names[0]), unsafe.Pointer(&a.nameLens[0]),
			unsafe.Pointer(&a.values[0]), unsafe.Pointer(&a.vLens[0]), uintptr(len(ps)))
		runtime.KeepAlive(a)
		runtime.KeepAlive(ps)
	}
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	a := &Answer{lib: c.lib, handle: r}
	var st Stats
	var err error
	if a.Bytes, st, err = c.lib.look(r); err != nil {
		a.Close()
		return nil, st, err
	}
	return a, st, nil
}

// Query is Run with a copy of the answer, which needs no Close: for small ones.
func (c *Conn) Query(sql, format string, ps ...Param) ([]byte, Stats, error) {
	a, st, err := c.Run(sql, format, ps...)
	if err != nil {
		return nil, st, err
	}
	defer a.Close()
	return bytes.Clone(a.Bytes), st, nil
}

// take reads a result: its bytes are appended to buf.
func (l *Library) take(r unsafe.Pointer, buf []byte) ([]byte, Stats, error) {
	piece, st, err := l.look(r)
	return append(buf, piece...), st, err
}

// look reads a result: its bytes are its own, until it is destroyed.
func (l *Library) look(r unsafe.Pointer) ([]byte, Stats, error) {
	if r == nil {
		return nil, Stats{}, errors.New("libchdb: no result")
	}
	if text, failed := cstring(l.fn.resultError(r)); failed {
		return nil, Stats{}, &Error{Text: text}
	}
	var piece []byte
	if n := l.fn.resultLength(r); n > 0 {
		piece = unsafe.Slice((*byte)(l.fn.resultBuffer(r)), n)
	}
	return piece, Stats{
		Seconds:  l.fn.resultElapsed(r),
		ReadRows: l.fn.resultStorageRows(r), ReadBytes: l.fn.resultStorageBytes(r),
		ResultRows: l.fn.resultRows(r), ResultBytes: l.fn.resultBytes(r),
		WrittenRows: l.fn.resultRowsWritten(r), WrittenBytes: l.fn.resultBytesWritten(r),
	}, nil
}

// Class is what a statement does to state that outlives it.
type Class uint32

// The classes, by how restricted they are.
const (
	ReadOnly Class = iota
	Mutating
	MutatingGlobal
	Control
	Unknown
)

type analysis struct{ structSize, statements, flags, class uint32 }

// Classify says how many statements sql holds and the most restricted class
// among them, without running anything. Text that does not parse is Unknown with 0 statements.
func (c *Conn) Classify(sql string) (statements int, class Class, err error) {
	a := &analysis{class: uint32(Unknown)}
	a.structSize = uint32(unsafe.Sizeof(*a))
	q, qn := span(sql)
	rc := c.lib.fn.classify(c.ptr(), q, qn, nil, 0, unsafe.Pointer(a))
	runtime.KeepAlive(sql)
	if rc != 0 {
		return 0, Unknown, errors.New("libchdb: the statement cannot be classified")
	}
	return int(a.statements), Class(a.class), nil
}
