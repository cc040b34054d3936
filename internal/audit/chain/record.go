package chain

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weir/internal/audit"
	"weir/internal/tenant"
)

// A link is the part of an entry that is never removed but by retention: it says nothing of the text, and everything about whether
// the text is still the same.
type link struct {
	seq        uint64 // its key
	at         int64  // Unix nanoseconds
	owner      [16]byte
	commitment [32]byte
	hash       [32]byte // of the hash before, and all of the above
}

const (
	linkVersion = 1
	linkSize    = 1 + 8 + 16 + 32 + 32
	saltSize    = 32
)

// encode returns the stored form.
func (l *link) encode() []byte {
	b := make([]byte, 0, linkSize)
	b = append(b, linkVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(l.at))
	b = append(b, l.owner[:]...)
	b = append(b, l.commitment[:]...)
	return append(b, l.hash[:]...)
}

var errLink = errors.New("it is not a link of the chain")

func decodeLink(seq uint64, b []byte) (link, error) {
	l := link{seq: seq}
	if len(b) != linkSize || b[0] != linkVersion {
		return l, errLink
	}
	l.at = int64(binary.BigEndian.Uint64(b[1:]))
	b = b[9:]
	copy(l.owner[:], b)
	copy(l.commitment[:], b[16:])
	copy(l.hash[:], b[48:])
	return l, nil
}

// next computes the hash that the link has behind prev.
func (l *link) next(prev [32]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("weir audit link 1\x00"))
	h.Write(prev[:])
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], l.seq)
	binary.BigEndian.PutUint64(n[8:], uint64(l.at))
	h.Write(n[:])
	h.Write(l.owner[:])
	h.Write(l.commitment[:])
	return [32]byte(h.Sum(nil))
}

// commit is the commitment to a text: without the salt, which is erased with it, a guess of the text cannot be checked.
func commit(salt, text []byte) [32]byte {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte("weir audit text 1\x00"))
	h.Write(text)
	return [32]byte(h.Sum(nil))
}

// ownerOf stands for a tenant in links, which outlive it.
func ownerOf(secret []byte, t tenant.ID) [16]byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("weir audit owner 1\x00"))
	h.Write([]byte(t))
	return [16]byte(h.Sum(nil))
}

// sealText is the stored form of an entry's text: the salt, then the entry as JSON.
func sealText(salt []byte, e audit.Entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("audit: encode entry: %w", err)
	}
	return append(append(make([]byte, 0, len(salt)+len(text)), salt...), text...), nil
}

var errText = errors.New("it is not the text of an entry")

// openText reads the stored form.
func openText(b []byte) (salt, text []byte, err error) {
	if len(b) < saltSize+2 {
		return nil, nil, errText
	}
	return b[:saltSize], b[saltSize:], nil
}

func decodeEntry(l link, stored []byte) (audit.Entry, error) {
	e := audit.Entry{}
	_, text, err := openText(stored)
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	e.Seq, e.At = l.seq, time.Unix(0, l.at).UTC()
	return e, err
}

// Keys of the store: L and a number is a link, T and a number a text, I, a tenant, a zero and a number an entry of the index, F and a tenant one that was
// forgotten, M and a name one of the store's own values.
func linkKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'L'}, seq) }
func textKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'T'}, seq) }

func indexKey(t tenant.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append([]byte{'I'}, t...), 0), seq)
}

var (
	endOfLinks = []byte{'L' + 1}
	baseKey    = []byte("Mbase")
)

// base is what stands before the first link: nothing, or what retention removed.
type base struct {
	Seq  uint64   `json:"seq"`
	Hash [32]byte `json:"hash"`
}

func encodeBase(b base) []byte {
	return append(binary.BigEndian.AppendUint64(nil, b.Seq), b.Hash[:]...)
}

func decodeBase(v []byte) (base, error) {
	if len(v) != 8+32 {
		return base{}, errors.New("what stands before the first entry cannot be read")
	}
	return base{binary.BigEndian.Uint64(v), [32]byte(v[8:])}, nil
}
