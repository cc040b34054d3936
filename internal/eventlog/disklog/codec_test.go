package disklog

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func encodeValue(key, data []byte, time int64, end uint64) []byte {
	v := append(make([]byte, headerSize), data...)
	putHeader(v, key, dataSum(data), time, end)
	return v
}

// TestGoldenValue pins the layout on disk: records of old releases must stay readable.
func TestGoldenValue(t *testing.T) {
	key := recordKey(3, 0x0102030405060708)
	v := encodeValue(key, []byte("data"), 1_700_000_000_123, 77)
	const want = "0102030405060708"
	if got := hex.EncodeToString(key); got != "0003"+want {
		t.Errorf("key is %s", got)
	}
	const golden = "013cd7b69f7b68e5cf8b0100004d0000000000000064617461"
	if got := hex.EncodeToString(v); got != golden {
		t.Errorf("value is %s, want %s", got, golden)
	}
	if got := hex.EncodeToString(encodeFormat(8)); got != "01080000007f7a278b" {
		t.Errorf("format is %s", got)
	}
	if got := hex.EncodeToString(encodeStart(start{first: 5, bytes: 6, time: 7})); got != "050000000000000006000000000000000700000000000000580dfa01" {
		t.Errorf("start is %s", got)
	}
}

func FuzzDecodeValue(f *testing.F) {
	key := recordKey(1, 2)
	f.Add(key, encodeValue(key, []byte("hello"), 1, 2))
	f.Add(key, []byte{1})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, key, v []byte) {
		dec, err := decodeValue(key, v)
		if err != nil {
			if dec.data != nil {
				t.Fatal("data beside an error")
			}
			return
		}
		if again := encodeValue(key, dec.data, dec.time, dec.end); !bytes.Equal(again, v) {
			t.Fatalf("decoded %x encodes to %x", v, again)
		}
		// Any changed bit is found, also when the record lies under another key.
		for i := range v {
			v[i] ^= 0x10
			if _, err := decodeValue(key, v); err == nil {
				t.Fatalf("a change of byte %d was not found", i)
			}
			v[i] ^= 0x10
			if i > 64 {
				break
			}
		}
		if _, err := decodeValue(append(key, 0), v); err == nil {
			t.Fatal("another key was not found")
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	f.Add(recordKey(7, 1<<60))
	f.Add(formatKey())
	f.Add(startKey(9))
	f.Fuzz(func(t *testing.T, key []byte) {
		p, off, ok := decodeKey(key)
		if ok && (!bytes.Equal(recordKey(p, off), key) || bytes.Compare(key, endKey(p)) >= 0) {
			t.Fatalf("%x decoded to %d/%d", key, p, off)
		}
		if ok && (bytes.Equal(key, formatKey()) || key[0] == 0xFF && key[1] == 0xFF) {
			t.Fatalf("key %x of the log's own state taken for a record", key)
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	f.Add(encodeFormat(8))
	f.Add(encodeStart(start{1, 2, 3}))
	f.Fuzz(func(t *testing.T, v []byte) {
		if n, err := decodeFormat(v); err == nil && !bytes.Equal(encodeFormat(n), v) {
			t.Fatalf("format %x decoded to %d", v, n)
		}
		if s, err := decodeStart(v); err == nil && !bytes.Equal(encodeStart(s), v) {
			t.Fatalf("start %x decoded to %+v", v, s)
		}
	})
}
