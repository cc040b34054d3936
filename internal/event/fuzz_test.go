package event

import (
	"errors"
	"testing"
)

// FuzzDecodeRecord decodes hostile bytes: as a record, and, so that the checksum
// does not keep the fuzzer out, as the body of a record with a valid header.
func FuzzDecodeRecord(f *testing.F) {
	for _, b := range golden() {
		f.Add(b.AppendRecord(nil), uint32(0), false)
		f.Add(b.appendBody(nil), uint32(b.Rows()), true)
	}
	before := webRows(2, 1)
	f.Fuzz(func(t *testing.T, data []byte, rows uint32, isBody bool) {
		rec := data
		if isBody {
			rec = seal(nil, data, int(rows))
		}
		b := batchOf(before)
		err := b.DecodeRecord(rec)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v does not wrap ErrCorrupt", err)
			}
			if !b.Equal(batchOf(before)) {
				t.Fatal("the batch changed")
			}
			return
		}
		if b.Rows() > 2000 {
			return // valid, too slow to compare
		}
		for i := range before {
			if x := b.Row(i); !x.equal(&before[i]) {
				t.Fatalf("row %d changed", i)
			}
		}
		if !b.Equal(again(t, b)) {
			t.Fatal("another round gives other rows")
		}
		native(b)
	})
}
