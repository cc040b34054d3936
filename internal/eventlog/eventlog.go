// Package eventlog is the contract of the durable event log: partitions of
// numbered records. Package disklog implements it on one machine, a Kafka
// client implements it past one machine; both pass the suite in eventlogtest.
package eventlog

import (
	"context"
	"errors"
	"time"
)

// Record is one entry of a partition.
type Record struct {
	Partition uint16
	Offset    uint64    // rises by one within its partition, from 0
	Time      time.Time // when it was appended, millisecond precision
	Data      []byte    // opaque to the log; checksummed by it
}

// Log is a partitioned, durable, append-only sequence of records.
//
// Durability: Append returns nil only when the record survives power loss.
// Order: within a partition, records are read in the order of their offsets,
// with no gap; if Append A returned before Append B began, A's offset is lower.
// Failure: when Append fails the record may still appear after a restart
// (its fate was unknown), never twice, and never partly.
// Concurrency: all methods may be called at once.
type Log interface {
	// Partitions is the number of partitions, fixed for the life of the log's directory.
	Partitions() int
	// Append stores data as the next record of the partition and returns its offset once it
	// is durable. Concurrent calls share one sync. ErrFull when the disk guard refuses,
	// ErrTooLarge above MaxRecord, ErrClosed after Close. Any other error is a failure of the
	// disk: the log then refuses further appends with an error until it has been reopened
	// or has proven by itself that it can write again.
	Append(ctx context.Context, partition uint16, data []byte) (offset uint64, err error)
	// Read returns records of the partition from offset on, in order, until their data exceeds
	// maxBytes (at least one record if there is one). It returns no record, and no error, at the end.
	// ErrTruncated when offset lies before the first kept record. A record whose checksum
	// does not match is returned with its Offset and Data nil, wrapped in no error: the caller quarantines it.
	Read(ctx context.Context, partition uint16, offset uint64, maxBytes int) ([]Record, error)
	// Bounds returns the offset of the first kept record and the offset that the next append gets.
	// Everything below next is durable.
	Bounds(partition uint16) (first, next uint64)
	// Wait blocks until some partition's next offset is higher than in seen (indexed by
	// partition), or ctx ends.
	Wait(ctx context.Context, seen []uint64) error
	// Truncate removes the records of a partition below offset. Removed records never come back.
	Truncate(ctx context.Context, partition uint16, offset uint64) error
	// OffsetAt returns the offset of the first kept record appended at or after t,
	// or next when there is none: Truncate(OffsetAt(t)) is truncation by age.
	OffsetAt(ctx context.Context, partition uint16, t time.Time) (uint64, error)
	// Size is the number of bytes of kept records of a partition, at least approximately:
	// truncation by size works on it.
	Size(partition uint16) int64
	// Close waits for running appends and releases the directory.
	Close() error
}

// Starter is implemented by a Log that fixes the order of appends before they
// are durable, so that one caller can have several in flight.
type Starter interface {
	// Start is Append in two steps. When it returns, the record has its place: of
	// two records that are started one after the other in one partition, the
	// later has the higher offset. If the first of them fails the second may
	// still be stored. wait returns what Append would; it must be called once.
	// data is borrowed until wait has returned.
	Start(ctx context.Context, partition uint16, data []byte) (wait func() (offset uint64, err error), err error)
}

// MaxRecord is the largest record, in bytes.
const MaxRecord = 1 << 20

// Errors of a Log.
var (
	ErrClosed    = errors.New("event log is closed")
	ErrFull      = errors.New("event log is full")
	ErrTooLarge  = errors.New("record is larger than the event log takes")
	ErrTruncated = errors.New("offset lies before the first kept record")
)
