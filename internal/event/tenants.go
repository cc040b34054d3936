package event

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"
)

// RecordTenants returns the tenants that a record names, each once, also of a record that DecodeRecord refuses: the checksum is not looked at, nor any
// column but that of tenants. ok is false when the record does not tell.
func RecordTenants(rec []byte) (tenants []string, ok bool) {
	if len(rec) < 5 || rec[0] != recordMark|1 {
		return nil, false
	}
	in := input{rec[5:]}
	_, ok1 := in.uvarint() // schema version
	rows, ok2 := in.uvarint()
	size, ok3 := in.uvarint()
	if !ok1 || !ok2 || !ok3 || rows == 0 || rows > MaxRecordRows || size > MaxRecordRaw {
		return nil, false
	}
	if n, err := s2.DecodedLen(in.data); err != nil || n > MaxRecordRaw {
		return nil, false
	}
	body, err := s2.Decode(nil, in.data)
	if err != nil {
		return nil, false
	}
	return tenantsOf(input{body}, int(rows))
}

// tenantsOf finds the column of tenants in the body of a record.
func tenantsOf(in input, rows int) (tenants []string, ok bool) {
	for len(in.data) > 0 {
		number, ok := in.uvarint()
		kind, ok2 := in.take(1)
		size, ok3 := in.uvarint()
		if !ok || !ok2 || !ok3 || size > uint64(len(in.data)) {
			return nil, false
		}
		data, _ := in.take(int(size))
		if number != uint64(ColTenant) {
			continue
		}
		b := NewBatch()
		if k := Kind(kind[0]); k != KindLowCard && k != KindString {
			return nil, false
		}
		if _, ok := b.decodeColumn(slotOf(ColTenant), Kind(kind[0]), input{data}, rows); !ok {
			return nil, false
		}
		b.rows = rows
		names, of := b.Dict(ColTenant)
		for _, i := range of {
			if name := string(names[i]); !slices.Contains(tenants, name) {
				tenants = append(tenants, name)
			}
		}
		return tenants, true
	}
	return nil, false
}

// RecordIntact says whether a record is as it was written: its checksum holds.
func RecordIntact(rec []byte) bool {
	return len(rec) > 5 && rec[0] == recordMark|1 && crc32.Checksum(rec[5:], castagnoli) == binary.LittleEndian.Uint32(rec[1:])
}
