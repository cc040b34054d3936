package dedupe

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// rec is a remembered key. Order: by a, then b; a is uniform, being a keyed hash.
type rec struct {
	a       uint64 // first 8 bytes of the hash
	b       uint64 // last 4 bytes of the hash, then the tenant's number
	payload uint32
	sec     uint32 // received, Unix seconds
}

func (r rec) tenant() uint32 { return uint32(r.b) }

func compareRec(x, y rec) int {
	if x.a != y.a {
		return cmp.Compare(x.a, y.a)
	}
	return cmp.Compare(x.b, y.b)
}

func keyHalves(k *Key) (a, b uint64) {
	tenant := binary.BigEndian.Uint32(k[:])
	return binary.BigEndian.Uint64(k[4:]), uint64(binary.BigEndian.Uint32(k[12:]))<<32 | uint64(tenant)
}

// seconds cuts Unix milliseconds to what a rec holds.
func seconds(ms int64) uint32 {
	s := ms / 1000
	if s < 0 {
		return 0
	}
	return uint32(min(s, 1<<32-1))
}

const (
	daySeconds = 86400
	// A lookup goes to the single bucket of its id's time when that time lies within
	// [received - idBack, received + idAhead]; see DESIGN.md.
	idBack  = daySeconds
	idAhead = 3600
	// storeAhead is how far after received an id's time still decides the bucket:
	// the longest window and idAhead.
	storeAhead = int64(maxWindow/1e9) + idAhead
	// A lookup further than bucketLag behind the newest received time looks into all
	// buckets. These are constants, not configuration, because stored keys rely on them.
	bucketLag = daySeconds
)

// storeDay is the bucket in which a key is stored.
func storeDay(sec uint32, idTime int64) uint16 {
	t, r := idTime/1000, int64(sec)
	if t > 0 && t >= r-idBack-bucketLag && t <= r+storeAhead && t < 1<<32 {
		return uint16(t / daySeconds)
	}
	return uint16(r / daySeconds)
}

// lookupDay is the only bucket that can hold the key, or 0 if any can. newest is
// the highest received time ever stored.
func lookupDay(sec uint32, idTime int64, newest uint32) uint16 {
	t, r := idTime/1000, int64(sec)
	if t > 0 && t >= r-idBack && t <= r+idAhead && t < 1<<32 && int64(newest) <= r+bucketLag {
		return uint16(t / daySeconds)
	}
	return 0
}

// A blob is what one commit remembers: a header of 16 bytes (version, count,
// checksum of the rest, zero), count recs of 24 bytes, count days of 2 bytes.
const (
	blobVersion = 1
	blobHeader  = 16
	recSize     = 24
	blobChunk   = 1 << 16 // recs in one blob; a large commit has several
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func putRec(p []byte, r *rec) {
	_ = p[recSize-1]
	binary.BigEndian.PutUint64(p, r.a)
	binary.BigEndian.PutUint64(p[8:], r.b)
	binary.LittleEndian.PutUint32(p[16:], r.payload)
	binary.LittleEndian.PutUint32(p[20:], r.sec)
}

func getRec(p []byte) rec {
	_ = p[recSize-1]
	return rec{
		a:       binary.BigEndian.Uint64(p),
		b:       binary.BigEndian.Uint64(p[8:]),
		payload: binary.LittleEndian.Uint32(p[16:]),
		sec:     binary.LittleEndian.Uint32(p[20:]),
	}
}

func blobSize(n int) int { return blobHeader + n*(recSize+2) }

// encodeBlob fills p, of blobSize(len(recs)) bytes.
func encodeBlob(p []byte, recs []rec, days []uint16) {
	q := p[blobHeader:]
	for i := range recs {
		putRec(q, &recs[i])
		q = q[recSize:]
	}
	for i, d := range days {
		binary.LittleEndian.PutUint16(q[2*i:], d)
	}
	binary.LittleEndian.PutUint32(p, blobVersion)
	binary.LittleEndian.PutUint32(p[4:], uint32(len(recs)))
	binary.LittleEndian.PutUint32(p[8:], crc32.Checksum(p[blobHeader:], castagnoli))
	binary.LittleEndian.PutUint32(p[12:], 0)
}

// decodeBlob appends the recs and days of a blob to recs and days.
func decodeBlob(p []byte, recs []rec, days []uint16) ([]rec, []uint16, error) {
	if len(p) < blobHeader {
		return recs, days, fmt.Errorf("blob of %d bytes has no header", len(p))
	}
	if v := binary.LittleEndian.Uint32(p); v != blobVersion {
		return recs, days, fmt.Errorf("blob has unknown version %d", v)
	}
	n := int64(binary.LittleEndian.Uint32(p[4:]))
	if want := blobHeader + n*(recSize+2); int64(len(p)) != want {
		return recs, days, fmt.Errorf("blob of %d keys has %d bytes, not %d", n, len(p), want)
	}
	if binary.LittleEndian.Uint32(p[8:]) != crc32.Checksum(p[blobHeader:], castagnoli) {
		return recs, days, fmt.Errorf("blob's checksum does not match")
	}
	if binary.LittleEndian.Uint32(p[12:]) != 0 {
		return recs, days, fmt.Errorf("blob's header has an unknown field")
	}
	q := p[blobHeader:]
	for range n {
		recs = append(recs, getRec(q))
		q = q[recSize:]
	}
	for i := range n {
		days = append(days, binary.LittleEndian.Uint16(q[2*i:]))
	}
	return recs, days, nil
}
