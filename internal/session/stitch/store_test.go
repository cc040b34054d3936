package stitch

import (
	"bytes"
	"testing"
	"time"
)

// FuzzRecord reads whatever stands in the state store: what can be read is written back the same.
func FuzzRecord(f *testing.F) {
	r := record{day: 20000, version: 1, rows: 2, main: 3, late: 4, timeout: 30 * time.Minute, layout: 5, at: time.Unix(1_700_000_000, 0), totals: 6, part: time.UnixMilli(1_700_000_000_001), last: true}
	f.Add(dayKey("acme", 20000)[len(keyDay):], r.encode())
	f.Add(dayKey("acme", 20000)[len(keyDay):], append([]byte{wholeVersion}, r.encode()[1:wholeBytes]...))
	f.Add(seamKey("acme", 20000)[len(keySeam):], seam{day: 20000, version: 1, dayOf: 2, nextOf: 3, open: true, layout: 4}.encode())
	f.Add([]byte("acme"), []byte{})
	f.Add([]byte{}, []byte{recordVersion})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if id, day, ok := decodeKey(key); ok && !bytes.Equal(dayKey(id, day)[len(keyDay):], key) {
			t.Errorf("the key %q is read as %q, %d", key, id, day)
		}
		if r, err := decodeRecord(7, value); err == nil {
			want := value
			if value[0] == wholeVersion {
				want = append(append([]byte{recordVersion}, value[1:]...), make([]byte, 9)...)
			}
			if !bytes.Equal(r.encode(), want) {
				t.Errorf("the record %x is written back as %x", value, r.encode())
			}
		}
		if m, err := decodeSeam(7, value); err == nil && !bytes.Equal(m.encode(), value) {
			t.Errorf("the seam %x is written back as %x", value, m.encode())
		}
	})
}
