package disklog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Sizes of keys and of the header of a value, in bytes.
const (
	keySize    = 10
	headerSize = 21
)

// valueVersion is the first byte of a stored value.
const valueVersion = 1

// metaPartition is the key prefix of the log's own state.
const metaPartition = 0xFFFF

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("checksum of the record does not match")

func appendKey(dst []byte, partition uint16, offset uint64) []byte {
	dst = binary.BigEndian.AppendUint16(dst, partition)
	return binary.BigEndian.AppendUint64(dst, offset)
}

func recordKey(partition uint16, offset uint64) []byte {
	return appendKey(make([]byte, 0, keySize), partition, offset)
}

// endKey is above all keys of a partition.
func endKey(partition uint16) []byte { return binary.BigEndian.AppendUint16(nil, partition+1) }

// decodeKey reads the key of a record. It fails on keys of the log's own state.
func decodeKey(key []byte) (partition uint16, offset uint64, ok bool) {
	if len(key) != keySize {
		return 0, 0, false
	}
	partition = binary.BigEndian.Uint16(key)
	if partition == metaPartition {
		return 0, 0, false
	}
	return partition, binary.BigEndian.Uint64(key[2:]), true
}

// value is a decoded record value: version (1 byte), checksum (4), time (8),
// running bytes (8), data; integers are little endian.
type value struct {
	time int64  // Unix milliseconds
	end  uint64 // bytes of data ever appended to the partition, this record included
	data []byte // aliases the encoded value
	size int    // bytes of data; set by probe, which drops data
}

// dataSum is the part of the checksum that can be computed before the offset is known.
func dataSum(data []byte) uint32 { return crc32.Update(0, castagnoli, data) }

// putHeader fills the header of an encoded value. The checksum covers the
// data, the header's fields and the key, so that a record found under another
// key is found out.
func putHeader(dst, key []byte, sum uint32, time int64, end uint64) {
	dst[0] = valueVersion
	binary.LittleEndian.PutUint64(dst[5:], uint64(time))
	binary.LittleEndian.PutUint64(dst[13:], end)
	sum = crc32.Update(sum, castagnoli, dst[5:headerSize])
	sum = crc32.Update(sum, castagnoli, key)
	binary.LittleEndian.PutUint32(dst[1:], sum)
}

// decodeValue checks and decodes a stored value. The result aliases v.
func decodeValue(key, v []byte) (value, error) {
	if len(v) < headerSize || v[0] != valueVersion {
		return value{}, errChecksum
	}
	sum := dataSum(v[headerSize:])
	sum = crc32.Update(sum, castagnoli, v[5:headerSize])
	sum = crc32.Update(sum, castagnoli, key)
	if sum != binary.LittleEndian.Uint32(v[1:]) {
		return value{}, errChecksum
	}
	return value{
		time: int64(binary.LittleEndian.Uint64(v[5:])),
		end:  binary.LittleEndian.Uint64(v[13:]),
		data: v[headerSize:],
	}, nil
}

// Keys of the log's own state.
func formatKey() []byte { return []byte{0xFF, 0xFF, 'f'} }

func startKey(partition uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{0xFF, 0xFF, 's'}, partition)
}

// format is stored once: layout version and number of partitions.
func encodeFormat(partitions int) []byte {
	return sealed(binary.LittleEndian.AppendUint32([]byte{1}, uint32(partitions)))
}

func decodeFormat(v []byte) (partitions int, err error) {
	b, err := unseal(v)
	if err != nil {
		return 0, err
	}
	if len(b) != 5 || b[0] != 1 {
		return 0, errors.New("layout of the event log is not known to this version: open it with a newer one")
	}
	return int(binary.LittleEndian.Uint32(b[1:])), nil
}

// start is where the kept records of a partition begin.
type start struct {
	first uint64 // offset of the first kept record
	bytes uint64 // running bytes before it
	time  int64  // no later record has an earlier time
}

func encodeStart(s start) []byte {
	b := binary.LittleEndian.AppendUint64(nil, s.first)
	b = binary.LittleEndian.AppendUint64(b, s.bytes)
	return sealed(binary.LittleEndian.AppendUint64(b, uint64(s.time)))
}

func decodeStart(v []byte) (start, error) {
	b, err := unseal(v)
	if err != nil {
		return start{}, err
	}
	if len(b) != 24 {
		return start{}, errChecksum
	}
	return start{
		first: binary.LittleEndian.Uint64(b),
		bytes: binary.LittleEndian.Uint64(b[8:]),
		time:  int64(binary.LittleEndian.Uint64(b[16:])),
	}, nil
}

func sealed(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, dataSum(b)) }

func unseal(v []byte) ([]byte, error) {
	if len(v) < 4 {
		return nil, errChecksum
	}
	b := v[:len(v)-4]
	if dataSum(b) != binary.LittleEndian.Uint32(v[len(b):]) {
		return nil, errChecksum
	}
	return b, nil
}
