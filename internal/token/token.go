// Package token is the consistency token: what an acknowledgement returns and
// a query may demand. It names the place in the log of everything that was
// acknowledged: one (partition, offset) pair per partition touched. To its
// holder it is opaque.
package token

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pair says that everything up to and including Offset of Partition is meant.
type Pair struct {
	Partition uint16
	Offset    uint64
}

// Token is a set of pairs, sorted by partition, each partition once. The empty token asks for nothing.
type Token []Pair

const version = 1

// MaxLen is the length of the longest text that Parse takes, in bytes.
const MaxLen = 64 << 10

// ErrBad is wrapped by every error of Parse.
var ErrBad = errors.New("this is not a consistency token: pass one back as it was received")

// Merge returns a token that holds what t and more hold: the highest offset of each partition.
func (t Token) Merge(more ...Pair) Token {
	all := append(slices.Clone(t), more...)
	slices.SortFunc(all, func(a, b Pair) int {
		if a.Partition != b.Partition {
			return int(a.Partition) - int(b.Partition)
		}
		if a.Offset > b.Offset {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(all, func(a, b Pair) bool { return a.Partition == b.Partition })
}

// Append appends the text of t to dst. t must be sorted, as Merge and Parse return it.
func (t Token) Append(dst []byte) []byte {
	raw := make([]byte, 0, 64)
	raw = append(raw, version)
	prev := -1
	for _, p := range t {
		raw = binary.AppendUvarint(raw, uint64(int(p.Partition)-prev-1))
		raw = binary.AppendUvarint(raw, p.Offset)
		prev = int(p.Partition)
	}
	return base64.RawURLEncoding.AppendEncode(dst, raw)
}

// String is the text of t: letters, digits, '-' and '_'. A token has exactly one text.
func (t Token) String() string { return string(t.Append(nil)) }

// Parse reads the text of a token. Equal tokens have equal texts: anything but what String returns is refused.
func Parse(s string) (Token, error) {
	if len(s) > MaxLen {
		return nil, fmt.Errorf("%w (it is longer than %d bytes)", ErrBad, MaxLen)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) == 0 || strings.ContainsAny(s, "\r\n") { // the decoder skips line ends
		return nil, fmt.Errorf("%w (it is not base64url)", ErrBad)
	}
	if raw[0] != version {
		return nil, fmt.Errorf("%w (version %d is not known here)", ErrBad, raw[0])
	}
	t := Token{}
	prev := -1
	for raw = raw[1:]; len(raw) > 0; {
		step, n := uvarint(raw)
		if n == 0 || step > 1<<16 || prev+1+int(step) > 1<<16-1 {
			return nil, fmt.Errorf("%w (bad partition)", ErrBad)
		}
		raw = raw[n:]
		off, n := uvarint(raw)
		if n == 0 {
			return nil, fmt.Errorf("%w (bad offset)", ErrBad)
		}
		raw = raw[n:]
		prev += 1 + int(step)
		t = append(t, Pair{uint16(prev), off})
	}
	return t, nil
}

// uvarint is binary.Uvarint without its longer spellings of a number; n is 0 when b does not begin with one.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}
