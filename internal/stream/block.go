package stream

import (
	"encoding/binary"
	"fmt"
	"sort"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/zeebo/xxh3"

	"weir/internal/event"
)

// Block is the rows of one insert with the place in the log that each came from.
type Block struct {
	Batch      *event.Batch
	Partitions proto.ColUInt16
	Offsets    proto.ColUInt64
	Rows       proto.ColUInt32
}

func newBlock() *Block { return &Block{Batch: event.NewBatch()} }

func (b *Block) reset() {
	b.Batch.Reset()
	b.Partitions, b.Offsets, b.Rows = b.Partitions[:0], b.Offsets[:0], b.Rows[:0]
}

// Len is the number of rows.
func (b *Block) Len() int { return len(b.Partitions) }

// addRefs says that n rows of one record were appended to the batch.
func (b *Block) addRefs(partition uint16, offset uint64, n int) {
	for i := range n {
		b.Partitions = append(b.Partitions, partition)
		b.Offsets = append(b.Offsets, offset)
		b.Rows = append(b.Rows, uint32(i))
	}
}

// pick appends the rows of src whose indices are given.
func (b *Block) pick(src *Block, rows []int) {
	b.Batch.AppendIndex(src.Batch, rows)
	for _, i := range rows {
		b.Partitions = append(b.Partitions, src.Partitions[i])
		b.Offsets = append(b.Offsets, src.Offsets[i])
		b.Rows = append(b.Rows, src.Rows[i])
	}
}

// fill picks rows of src until it has maxRows, or maxBytes of them, and returns how many it took: at least one.
func (b *Block) fill(src *Block, rows []int, maxRows, maxBytes int) int {
	const step = 64
	n := 0
	for n < min(len(rows), maxRows) && b.Batch.Bytes() < maxBytes {
		m := min(n+step, len(rows), maxRows)
		b.pick(src, rows[n:m])
		n = m
	}
	return n
}

// hash identifies the rows and their order: where each came from and what time it carries.
func (b *Block) hash() uint64 {
	ts := b.Batch.Times(event.ColTS)
	h := xxh3.New()
	var buf [22]byte
	for i := range b.Partitions {
		binary.LittleEndian.PutUint16(buf[0:], b.Partitions[i])
		binary.LittleEndian.PutUint64(buf[2:], b.Offsets[i])
		binary.LittleEndian.PutUint32(buf[10:], b.Rows[i])
		binary.LittleEndian.PutUint64(buf[14:], uint64(ts[i]))
		_, _ = h.Write(buf[:]) // never fails
	}
	return h.Sum64()
}

const dayMillis = 24 * 60 * 60 * 1000

// dayOf is the number of whole days from the Unix epoch to a time in milliseconds (UTC).
func dayOf(ms int64) int32 {
	d := ms / dayMillis
	if ms%dayMillis < 0 {
		d--
	}
	return int32(d)
}

// dayName is the name of a day's partition of the events table: yyyymmdd.
func dayName(day int32) string {
	return time.Unix(int64(day)*24*60*60, 0).UTC().Format("20060102")
}

// days counts the rows by day.
func (b *Block) days() map[int32]uint64 {
	out := map[int32]uint64{}
	last, n := int32(0), uint64(0)
	for _, ms := range b.Batch.Times(event.ColTS) {
		d := dayOf(ms)
		if d != last {
			if n > 0 {
				out[last] += n
			}
			last, n = d, 0
		}
		n++
	}
	if n > 0 {
		out[last] += n
	}
	return out
}

// without returns the rows whose day is not held by the table yet. A day that is held must hold
// exactly the rows of this block: an insert puts one part into each partition, and a part appears whole or not at all.
func (b *Block) without(held map[int32]uint64) (*Block, error) {
	want := b.days()
	for d, n := range held {
		if want[d] != n {
			return nil, fmt.Errorf("partition %s holds %d rows of the insert, the insert has %d: refusing to guess", dayName(d), n, want[d])
		}
	}
	if len(held) == 0 {
		return b, nil
	}
	var rows []int
	for i, ms := range b.Batch.Times(event.ColTS) {
		if _, ok := held[dayOf(ms)]; !ok {
			rows = append(rows, i)
		}
	}
	out := newBlock()
	out.pick(b, rows)
	return out, nil
}

func sortedDays(m map[int32]uint64) []int32 {
	days := make([]int32, 0, len(m))
	for d := range m {
		days = append(days, d)
	}
	sort.Slice(days, func(i, j int) bool { return days[i] < days[j] })
	return days
}
