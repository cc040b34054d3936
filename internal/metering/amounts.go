package metering

import (
	"encoding/binary"
	"errors"
	"math"
)

// Amounts are sums of what was used. They may be added up freely; a correction may be negative.
type Amounts struct {
	CPU           float64 `json:"cpu_seconds"`         // of this process and the engine
	CPUEstimated  float64 `json:"cpu_estimated"`       // the part of CPU that no sample showed: shared out as the CPU before it
	MemorySeconds float64 `json:"memory_byte_seconds"` // byte-seconds
	Scanned       float64 `json:"bytes_scanned"`       // uncompressed, hot
	Cold          float64 `json:"bytes_cold"`
	Rows          float64 `json:"rows_read"`
	In            float64 `json:"bytes_in"`
	Out           float64 `json:"bytes_out"`
	Events        float64 `json:"events"`
	ByteSeconds   float64 `json:"stored_byte_seconds"`
	Count         float64 `json:"requests"`
}

// fields lists the fields in the order of their encoding. New ones come at the end, none is ever taken out.
func (a *Amounts) fields() [11]*float64 {
	return [...]*float64{&a.CPU, &a.CPUEstimated, &a.MemorySeconds, &a.Scanned, &a.Cold, &a.Rows, &a.In, &a.Out, &a.Events, &a.ByteSeconds, &a.Count}
}

// Add adds b to a.
func (a *Amounts) Add(b Amounts) {
	from := b.fields()
	for i, f := range a.fields() {
		*f += *from[i]
	}
}

const amountsVersion = 1

// encode appends a version, a mask of the fields that are not zero, and these.
func (a Amounts) encode(out []byte) []byte {
	mask := uint64(0)
	for i, f := range a.fields() {
		if *f != 0 {
			mask |= 1 << i
		}
	}
	out = binary.AppendUvarint(append(out, amountsVersion), mask)
	for _, f := range a.fields() {
		if *f != 0 {
			out = binary.BigEndian.AppendUint64(out, math.Float64bits(*f))
		}
	}
	return out
}

var errAmounts = errors.New("metering: a row of the ledger cannot be decoded")

func decodeAmounts(b []byte) (Amounts, error) {
	var a Amounts
	if len(b) < 2 || b[0] != amountsVersion {
		return a, errAmounts
	}
	mask, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return a, errAmounts
	}
	b = b[1+n:]
	fields := a.fields()
	if mask >= 1<<len(fields) {
		return a, errAmounts
	}
	for i, f := range fields {
		if mask&(1<<i) == 0 {
			continue
		}
		if len(b) < 8 {
			return Amounts{}, errAmounts
		}
		*f = math.Float64frombits(binary.BigEndian.Uint64(b))
		b = b[8:]
	}
	if len(b) > 0 {
		return Amounts{}, errAmounts
	}
	return a, nil
}
