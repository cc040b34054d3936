package jobs

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// A record is a version byte, the CRC-32C of the rest, and the Job as JSON. The store has checksums of its own;
// this one tells a record from whatever else might lie under its key.
const recordVersion = 1

const (
	maxRecord = 1 << 20
	maxInput  = maxRecord / 2 // of it; the rest is for what the runner notes and for the problem in which it may end
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errRecord = errors.New("record of a job cannot be read")

func encodeRecord(j *Job) ([]byte, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode job %s: %w", j.ID, err)
	}
	if len(text) > maxRecord {
		return nil, fmt.Errorf("encode job %s: its record has %d bytes, the limit is %d", j.ID, len(text), maxRecord)
	}
	b := binary.LittleEndian.AppendUint32([]byte{recordVersion}, crc32.Checksum(text, castagnoli))
	return append(b, text...), nil
}

func decodeRecord(b []byte) (*Job, error) {
	if len(b) < 5 || len(b) > 5+maxRecord {
		return nil, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	if b[0] != recordVersion {
		return nil, fmt.Errorf("%w: version %d is not known to this release", errRecord, b[0])
	}
	if binary.LittleEndian.Uint32(b[1:]) != crc32.Checksum(b[5:], castagnoli) {
		return nil, fmt.Errorf("%w: its checksum does not match", errRecord)
	}
	j := &Job{}
	if err := json.Unmarshal(b[5:], j); err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	switch {
	case !validID(j.ID):
		return nil, fmt.Errorf("%w: id %q", errRecord, j.ID)
	case !j.State.valid():
		return nil, fmt.Errorf("%w: state %q", errRecord, j.State)
	case j.Result != nil && j.Result.Bytes < 0:
		return nil, fmt.Errorf("%w: a result of %d bytes", errRecord, j.Result.Bytes)
	}
	return j, nil
}

// validID says whether s has the form of an id: such a string is safe as the name of a file.
func validID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
