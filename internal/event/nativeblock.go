package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ClickHouse/ch-go/proto"
)

// NativeBlock reads a batch as one block of ClickHouse's Native format (without BlockInfo, protocol revision 0 framing as HTTP inserts use it): the
// stored columns, then the extra ones. A column is encoded when its turn comes, so that no copy of the whole batch is ever in memory, and strings are not copied
// at all. It can be read once, by Read or WriteTo. The batch must not be changed before Release has returned.
type NativeBlock struct {
	batch *Batch
	extra []Extra

	mu     sync.Mutex // held while the batch is read
	buf    proto.Buffer
	at     int    // columns that are in buf, or were
	begun  bool   // the numbers of columns and rows are
	direct []byte // the rest of the column whose head is in buf: the batch's own bytes
	rest   []byte // what Read has not handed over of a piece
	over   bool
}

// pieceBytes is from when on encoded columns are handed over.
const pieceBytes = 256 << 10

// errReleased is what is read of a block after it was released: the request that still reads has failed.
var errReleased = errors.New("event: the block was released")

// Native returns the batch to be read as a block. It panics if an extra column has not as many rows as the batch.
func (b *Batch) Native(extra ...Extra) *NativeBlock {
	for _, e := range extra {
		if n := e.Data.Rows(); n != b.rows {
			panic(fmt.Sprintf("event: column %q has %d rows, the batch has %d", e.Name, n, b.rows))
		}
	}
	return &NativeBlock{batch: b, extra: extra}
}

// Read implements io.Reader.
func (n *NativeBlock) Read(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return 0, errReleased
	}
	if len(n.rest) == 0 {
		n.rest = n.piece()
	}
	if len(n.rest) == 0 {
		return 0, io.EOF
	}
	m := copy(p, n.rest)
	n.rest = n.rest[m:]
	return m, nil
}

// WriteTo implements io.WriterTo.
func (n *NativeBlock) WriteTo(w io.Writer) (int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum int64
	for {
		if n.over {
			return sum, errReleased
		}
		p := n.rest
		if n.rest = nil; len(p) == 0 {
			p = n.piece()
		}
		if len(p) == 0 {
			return sum, nil
		}
		m, err := w.Write(p)
		if sum += int64(m); err != nil {
			return sum, err
		}
	}
}

// Release waits until nobody reads the batch any more and lets go of it: an HTTP request may be over before all of its body was read. It is
// not Close, which a transport calls while it writes.
func (n *NativeBlock) Release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over, n.batch, n.extra, n.direct, n.rest, n.buf.Buf = true, nil, nil, nil, nil, nil
}

// piece returns the next bytes; none: that was all. They are valid until the next call.
func (n *NativeBlock) piece() []byte {
	if p := n.direct; len(p) > 0 {
		n.direct = nil
		return p
	}
	b := n.batch
	n.buf.Buf = n.buf.Buf[:0]
	if !n.begun {
		n.begun = true
		n.buf.Buf = binary.AppendUvarint(n.buf.Buf, uint64(storedColumns+len(n.extra)))
		n.buf.Buf = binary.AppendUvarint(n.buf.Buf, uint64(b.rows))
	}
	for ; n.at < len(Columns)+len(n.extra) && len(n.buf.Buf) < pieceBytes && n.direct == nil; n.at++ {
		if i := n.at - len(Columns); i >= 0 {
			b.appendExtra(&n.buf, &n.extra[i])
			continue
		}
		if !Columns[n.at].Stored {
			continue
		}
		n.buf.Buf = append(n.buf.Buf, nativeHeads[n.at]...)
		if b.rows == 0 {
			continue
		}
		if n.direct = b.nativeText(&Columns[n.at]); n.direct == nil {
			n.buf.Buf = b.appendNativeColumn(n.buf.Buf, &Columns[n.at])
		}
	}
	return n.buf.Buf
}

var storedColumns = len(NativeColumns())
