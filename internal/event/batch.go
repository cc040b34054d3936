package event

import (
	"errors"

	"github.com/ClickHouse/ch-go/proto"
)

// Batch is a columnar set of events. It is not safe for concurrent use.
// Its columns are reused after Reset, so a Batch belongs in a pool.
type Batch struct{}

// NewBatch returns an empty batch.
func NewBatch() *Batch { panic("unwritten") }

// Rows is the number of rows.
func (b *Batch) Rows() int { panic("unwritten") }

// Bytes estimates the encoded size of the batch before compression, in bytes.
func (b *Batch) Bytes() int { panic("unwritten") }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { panic("unwritten") }

// Append copies one row into the columns.
func (b *Batch) Append(r *Row) { panic("unwritten") }

// AppendBatch copies all rows of src, or only those i for which keep[i] is true if keep is not nil.
func (b *Batch) AppendBatch(src *Batch, keep []bool) { panic("unwritten") }

// AppendRange copies rows [from, to) of src.
func (b *Batch) AppendRange(src *Batch, from, to int) { panic("unwritten") }

// AppendIndex copies the rows of src whose indices are given, in that order.
func (b *Batch) AppendIndex(src *Batch, rows []int) { panic("unwritten") }

// Str returns the value of a KindString or KindLowCard column in one row.
// The slice is valid until the batch changes.
func (b *Batch) Str(col uint16, row int) []byte { panic("unwritten") }

// Dict returns the distinct values and the per-row indices into them of a
// KindLowCard column: the cheap way to group rows by tenant or source.
func (b *Batch) Dict(col uint16) (values [][]byte, keys []uint32) { panic("unwritten") }

// Times returns a KindTime column, Unix milliseconds by row.
func (b *Batch) Times(col uint16) []int64 { panic("unwritten") }

// Flags returns the flags by row; PayloadHashes the payload hashes by row.
func (b *Batch) Flags() []uint8          { panic("unwritten") }
func (b *Batch) PayloadHashes() []uint32 { panic("unwritten") }

// AppendRecord appends the encoded record of the batch to dst: format version,
// schema version, row count, checksum, then the compressed columns.
func (b *Batch) AppendRecord(dst []byte) []byte { panic("unwritten") }

// DecodeRecord decodes a record and appends its rows to b. It reads every
// format and schema version ever written; columns that the record lacks are
// filled with zero values, columns that this version does not know are skipped.
// It never panics and allocates no more than a small multiple of MaxRecordRaw.
func (b *Batch) DecodeRecord(rec []byte) error { panic("unwritten") }

// ErrCorrupt is wrapped by every error of DecodeRecord that says that the bytes are not a valid record.
var ErrCorrupt = errors.New("corrupt record")

// Extra is a further column that WriteNative adds behind the stored columns.
type Extra struct {
	Name string
	Data proto.Column // has Type() and EncodeColumn
}

// NativeColumns is the list of column names, in order, that WriteNative writes for the stored
// columns, for the column list of an INSERT.
func NativeColumns() []string { panic("unwritten") }

// AppendNative appends the batch to buf as one block of ClickHouse's Native format
// (without BlockInfo, protocol revision 0 framing as HTTP inserts use it): the
// stored columns, then extra.
func (b *Batch) AppendNative(buf *proto.Buffer, extra ...Extra) { panic("unwritten") }
