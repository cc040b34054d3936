package stream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// verdict is what happens to one row of the log.
type verdict uint8

const (
	verdictStore     verdict = iota // inserted by the main stream
	verdictLate                     // handed to the late stream
	verdictDuplicate                // same event id, same payload
	verdictConflict                 // same event id, other payload: the first wins
	verdictFilter                   // not wanted: its tenant is gone
)

// span is a range [From, To) of offsets of one partition.
type span struct {
	Partition uint16
	From, To  uint64
}

// intent is what the main writer is about to do, written and synced before it
// inserts: enough to do exactly the same again after a crash.
type intent struct {
	Seq      uint64
	Spans    []span
	Skipped  []span    // single records that could not be decoded: quarantined, without rows
	Verdicts []verdict // one for each row of the spans, in order
	Hash     uint64    // Block.hash of the rows to insert
}

const intentVersion = 1

var errIntent = errors.New("intent in the state store cannot be read")

func (in *intent) encode() []byte {
	b := []byte{intentVersion}
	b = binary.BigEndian.AppendUint64(b, in.Seq)
	b = binary.BigEndian.AppendUint64(b, in.Hash)
	for _, list := range [][]span{in.Spans, in.Skipped} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
		for _, s := range list {
			b = binary.BigEndian.AppendUint16(b, s.Partition)
			b = binary.BigEndian.AppendUint64(b, s.From)
			b = binary.BigEndian.AppendUint64(b, s.To)
		}
	}
	raw := make([]byte, len(in.Verdicts))
	for i, v := range in.Verdicts {
		raw[i] = byte(v)
	}
	return append(b, s2.Encode(nil, raw)...)
}

func decodeIntent(b []byte) (*intent, error) {
	const head = 1 + 8 + 8
	if len(b) < head || b[0] != intentVersion {
		return nil, fmt.Errorf("%w: %d bytes, version %v", errIntent, len(b), b[:min(1, len(b))])
	}
	in := &intent{Seq: binary.BigEndian.Uint64(b[1:]), Hash: binary.BigEndian.Uint64(b[9:])}
	b = b[head:]
	for _, list := range []*[]span{&in.Spans, &in.Skipped} {
		if len(b) < 4 {
			return nil, fmt.Errorf("%w: cut off", errIntent)
		}
		n := int(binary.BigEndian.Uint32(b))
		b = b[4:]
		if n < 0 || n > len(b)/18 {
			return nil, fmt.Errorf("%w: cut off", errIntent)
		}
		for range n {
			*list = append(*list, span{binary.BigEndian.Uint16(b), binary.BigEndian.Uint64(b[2:]), binary.BigEndian.Uint64(b[10:])})
			b = b[18:]
		}
	}
	n, err := s2.DecodedLen(b)
	if err != nil || n > 16*maxRows {
		return nil, fmt.Errorf("%w: verdicts: %d rows, %w", errIntent, n, err)
	}
	raw, err := s2.Decode(nil, b)
	if err != nil {
		return nil, fmt.Errorf("%w: verdicts: %w", errIntent, err)
	}
	in.Verdicts = make([]verdict, len(raw))
	for i, v := range raw {
		in.Verdicts[i] = verdict(v)
	}
	return in, nil
}
