// Package libchdb binds the C interface of libchdb (ClickHouse as a shared
// library) without cgo. It adds no policy: connections, statements, streams
// and their errors, as the library has them.
//
// The engine is one per process: the first Connect boots it with its path and
// configuration, the last Close stops it. A Conn runs one statement at a time
// and is not safe for concurrent use; any number of Conns may run side by side.
package libchdb

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Version is the series of the library that this package was written for. Open refuses another.
const Version = "26.7."

// MinSize is the least size of a library file in bytes: a smaller one was cut off.
const MinSize = 100 << 20

// Library is a loaded libchdb.
type Library struct {
	version string
	fn      functions
}

// functions are the parts of the C interface in use, by their C names.
type functions struct {
	setSignalHandlersEnabled func(int32)
	connect                  func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn                func(conn unsafe.Pointer)
	version                  func() string

	query       func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr) unsafe.Pointer
	queryParams func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	streamQuery       func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr) unsafe.Pointer
	streamQueryParams func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	streamFetch   func(conn, stream unsafe.Pointer) unsafe.Pointer
	streamCancel  func(conn, stream unsafe.Pointer)
	destroyResult func(result unsafe.Pointer)

	streamInsert       func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr) unsafe.Pointer
	streamInsertParams func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	streamAppend       func(stream, data unsafe.Pointer, n uintptr) int32
	streamDone         func(stream unsafe.Pointer) unsafe.Pointer
	streamCancelInsert func(stream unsafe.Pointer)
	streamInsertError  func(stream unsafe.Pointer) unsafe.Pointer
	destroyInsert      func(stream unsafe.Pointer)

	resultBuffer       func(result unsafe.Pointer) unsafe.Pointer
	resultLength       func(result unsafe.Pointer) uintptr
	resultElapsed      func(result unsafe.Pointer) float64
	resultRows         func(result unsafe.Pointer) uint64
	resultBytes        func(result unsafe.Pointer) uint64
	resultStorageRows  func(result unsafe.Pointer) uint64
	resultStorageBytes func(result unsafe.Pointer) uint64
	resultRowsWritten  func(result unsafe.Pointer) uint64
	resultBytesWritten func(result unsafe.Pointer) uint64
	resultError        func(result unsafe.Pointer) unsafe.Pointer

	classify func(conn, sql unsafe.Pointer, n uintptr, db unsafe.Pointer, dbn uintptr, out unsafe.Pointer) int32
}

// Check says what is wrong with the file at path as far as that can be told without loading it; nil if it looks like a library.
func Check(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("libchdb: there is no file %s", path)
	case err != nil:
		return fmt.Errorf("libchdb: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("libchdb: %s is not a file", path)
	case info.Size() < MinSize:
		return fmt.Errorf("libchdb: %s has %d bytes, a whole library has more than %d: it was cut off; remove it and fetch it again", path, info.Size(), MinSize)
	}
	return nil
}

// Open loads the library at path and turns its signal handlers off: with
// them, a nil dereference in Go hangs the process. A library is never unloaded.
func Open(path string) (*Library, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("libchdb: cannot load %s: %w", path, err)
	}
	l := &Library{}
	for name, target := range l.fn.symbols() {
		sym, err := purego.Dlsym(h, name)
		if err != nil {
			return nil, fmt.Errorf("libchdb: %s has no function %s: it is not libchdb, or not version %sx", path, name, Version)
		}
		purego.RegisterFunc(target, sym)
	}
	if l.version = l.fn.version(); !strings.HasPrefix(l.version, Version) {
		return nil, fmt.Errorf("libchdb: %s is version %s, weir needs %sx", path, l.version, Version)
	}
	l.fn.setSignalHandlersEnabled(0)
	return l, nil
}

func (f *functions) symbols() map[string]any {
	return map[string]any{
		"chdb_set_signal_handlers_enabled": &f.setSignalHandlersEnabled,
		"chdb_connect":                     &f.connect,
		"chdb_close_conn":                  &f.closeConn,
		"chdb_version":                     &f.version,
		"chdb_query_n":                     &f.query,
		"chdb_query_with_params_n":         &f.queryParams,
		"chdb_stream_query_n":              &f.streamQuery,
		"chdb_stream_query_with_params_n":  &f.streamQueryParams,
		"chdb_stream_fetch_result":         &f.streamFetch,
		"chdb_stream_cancel_query":         &f.streamCancel,
		"chdb_destroy_query_result":        &f.destroyResult,
		"chdb_stream_insert_n":             &f.streamInsert,
		"chdb_stream_insert_with_params_n": &f.streamInsertParams,
		"chdb_stream_append":               &f.streamAppend,
		"chdb_stream_done":                 &f.streamDone,
		"chdb_stream_cancel_insert":        &f.streamCancelInsert,
		"chdb_stream_insert_error":         &f.streamInsertError,
		"chdb_destroy_insert_stream":       &f.destroyInsert,
		"chdb_result_buffer":               &f.resultBuffer,
		"chdb_result_length":               &f.resultLength,
		"chdb_result_elapsed":              &f.resultElapsed,
		"chdb_result_rows_read":            &f.resultRows,
		"chdb_result_bytes_read":           &f.resultBytes,
		"chdb_result_storage_rows_read":    &f.resultStorageRows,
		"chdb_result_storage_bytes_read":   &f.resultStorageBytes,
		"chdb_result_rows_written":         &f.resultRowsWritten,
		"chdb_result_bytes_written":        &f.resultBytesWritten,
		"chdb_result_error":                &f.resultError,
		"chdb_classify_query_n":            &f.classify,
	}
}

// Version returns what the library says of itself, such as 26.7.0.
func (l *Library) Version() string { return l.version }

// Connect opens a connection. args are as on the command line of
// clickhouse-local, without the program's name: --path and --config-file are read by the
// connection that boots the engine (--path must be the same in all), and
// --<setting>=<value> is a setting of this connection only.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(args)+2)
	for _, a := range append([]string{"clickhouse"}, args...) {
		if strings.IndexByte(a, 0) >= 0 {
			return nil, fmt.Errorf("libchdb: connect: argument %q has a zero byte", a)
		}
		b := append([]byte(a), 0)
		argv = append(argv, &b[0])
	}
	argv = append(argv, nil)
	h := l.fn.connect(int32(len(argv)-1), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if h == nil {
		return nil, errors.New("libchdb: connect failed: a setting or the configuration is not valid, or the data directory cannot be used")
	}
	return &Conn{lib: l, handle: h}, nil
}

// cstring copies a C string; the second result is false for a null pointer.
func cstring(p unsafe.Pointer) (string, bool) {
	if p == nil {
		return "", false
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n)), true
}

// span returns a pointer to s's bytes, never nil.
func span(s string) (unsafe.Pointer, uintptr) {
	if s == "" {
		return unsafe.Pointer(&empty), 0
	}
	return unsafe.Pointer(unsafe.StringData(s)), uintptr(len(s))
}

var empty byte // what a pointer to nothing points at
