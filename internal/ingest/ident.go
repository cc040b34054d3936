package ingest

import (
	"encoding/hex"
	"math/rand/v2"
)

// appendEventID appends a new event id, a UUID of version 7: it begins with the time and is otherwise random, from
// the runtime's generator (ChaCha8, seeded by the system for each process).
func appendEventID(dst []byte, nowMS int64) []byte {
	var u [16]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	for i := range 6 {
		u[i] = byte(nowMS >> (40 - 8*i))
	}
	u[6] = 0x70 | byte(hi>>8)&0x0F
	u[7] = byte(hi)
	for i := range 8 {
		u[8+i] = byte(lo >> (8 * i))
	}
	u[8] = 0x80 | u[8]&0x3F
	n := len(dst)
	dst = append(dst, "00000000-0000-0000-0000-000000000000"...)
	t := dst[n:]
	hex.Encode(t[0:8], u[0:4])
	hex.Encode(t[9:13], u[4:6])
	hex.Encode(t[14:18], u[6:8])
	hex.Encode(t[19:23], u[8:10])
	hex.Encode(t[24:36], u[10:16])
	return dst
}
