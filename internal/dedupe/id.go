package dedupe

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/dchest/siphash"
)

// Secret is the key of the hash, 16 random bytes. It prints masked.
type Secret [16]byte

// ParseSecret reads a secret of 32 hexadecimal digits.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(s) {
		return s, fmt.Errorf("secret must be %d hexadecimal digits, it has %d characters", 2*len(s), len(text))
	}
	copy(s[:], b)
	return s, nil
}

// String masks the secret.
func (Secret) String() string { return "****" }

// GoString masks the secret.
func (Secret) GoString() string { return "****" }

func (s Secret) halves() (uint64, uint64) {
	return binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:])
}

// Key returns the key of an event id of a site. It may be called by many
// goroutines. The site must not contain a zero byte.
func (s *Set) Key(tenantNumber uint32, site, eventID []byte) Key {
	return makeKey(s.k0, s.k1, tenantNumber, false, site, eventID)
}

// PublicKey is Key for an id whose sender had no key: it is never the Key of any id.
func (s *Set) PublicKey(tenantNumber uint32, site, eventID []byte) Key {
	return makeKey(s.k0, s.k1, tenantNumber, true, site, eventID)
}

func makeKey(k0, k1 uint64, tenant uint32, public bool, site, eventID []byte) Key {
	var stack [192]byte
	text := stack[:0]
	if n := len(site) + 2 + len(eventID); n > len(stack) {
		text = make([]byte, 0, n)
	}
	if public {
		text = append(text, 0) // no site begins so
	}
	text = append(text, site...)
	text = append(text, 0)
	text = append(text, eventID...)
	h0, h1 := siphash.Hash128(k0, k1, text)
	var k Key
	binary.BigEndian.PutUint32(k[:], tenant)
	binary.BigEndian.PutUint64(k[4:], h0)
	binary.BigEndian.PutUint32(k[12:], uint32(h1))
	return k
}

// IDTime returns the time embedded in an event id that is the text of a UUIDv7
// (36 characters) or of a ULID (26 characters), in Unix milliseconds, and 0 for
// any other id. Letters may have either case.
func IDTime(id []byte) int64 {
	switch len(id) {
	case 36:
		return uuidTime(id)
	case 26:
		return ulidTime(id)
	}
	return 0
}

func uuidTime(id []byte) int64 {
	var ms int64
	for i, c := range id {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return 0
			}
			continue
		}
		d := hexDigits[c]
		if d == bad {
			return 0
		}
		if i < 13 {
			ms = ms<<4 | int64(d)
		}
	}
	if id[14] != '7' || hexDigits[id[19]]&0b1100 != 0b1000 {
		return 0
	}
	return ms
}

func ulidTime(id []byte) int64 {
	if id[0] > '7' {
		return 0
	}
	var ms int64
	for i, c := range id {
		d := ulidDigits[c]
		if d == bad {
			return 0
		}
		if i < 10 {
			ms = ms<<5 | int64(d)
		}
	}
	return ms
}

const bad = 0xff

var (
	hexDigits  = digits("0123456789abcdef")
	ulidDigits = digits("0123456789abcdefghjkmnpqrstvwxyz")
)

// digits returns the value of each byte as a digit, letters in either case.
func digits(alphabet string) (t [256]uint8) {
	for i := range t {
		t[i] = bad
	}
	for i, c := range []byte(alphabet) {
		t[c] = uint8(i)
		if c >= 'a' {
			t[c-'a'+'A'] = uint8(i)
		}
	}
	return t
}
