package dedupe

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

func FuzzBlob(f *testing.F) {
	p := make([]byte, blobSize(2))
	encodeBlob(p, []rec{{1, 2, 3, 4}, {5, 6, 7, 8}}, []uint16{9, 10})
	f.Add(p, true)
	f.Add(p[:20], false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, p []byte, seal bool) {
		if seal && len(p) >= blobHeader { // get past the checksum
			binary.LittleEndian.PutUint32(p[8:], crc32.Checksum(p[blobHeader:], castagnoli))
		}
		recs, days, err := decodeBlob(p, nil, nil)
		if err != nil {
			if len(recs) != 0 || len(days) != 0 {
				t.Fatal("keys of a damaged blob")
			}
			return
		}
		again := make([]byte, blobSize(len(recs)))
		encodeBlob(again, recs, days)
		if !bytes.Equal(p, again) {
			t.Fatalf("%x was read as %x", p, again)
		}
	})
}

func FuzzPage(f *testing.F) {
	p := make([]byte, pageSize)
	for i := range 100 {
		putRec(p[i*recSize:], &rec{a: uint64(i), b: uint64(i), payload: 1, sec: 2})
	}
	sealPage(p, 100, 3, 4)
	f.Add(p, uint64(50), uint64(50), true)
	f.Add(p[:100], uint64(0), uint64(0), false)
	f.Fuzz(func(t *testing.T, p []byte, a, b uint64, seal bool) {
		if seal && len(p) == pageSize {
			binary.LittleEndian.PutUint32(p[pageSize-4:], crc32.Checksum(p[:pageSize-4], castagnoli))
		}
		recs, err := openPage(p, 3, 4)
		if err != nil {
			return
		}
		if len(recs) == 0 || len(recs) > pageRecs*recSize {
			t.Fatalf("%d bytes of recs", len(recs))
		}
		if r, ok, _ := find(recs, a, b); ok && (r.a != a || r.b != b) {
			t.Fatalf("found %v for %d %d", r, a, b)
		}
	})
}

func FuzzFooter(f *testing.F) {
	ft := footer{meta: runMeta{file: 1, day: 2, count: 3, minSec: 4, maxSec: 5}, pages: 6, blocks: 7, slices: 8}
	f.Add(ft.encode(), ft.meta.encode(), true)
	f.Fuzz(func(t *testing.T, p, m []byte, seal bool) {
		if seal && len(p) == footerSize {
			binary.LittleEndian.PutUint32(p[footerSize-4:], crc32.Checksum(p[:footerSize-4], castagnoli))
		}
		if ft, _, err := decodeFooter(p); err == nil && (ft.size() < footerSize || ft.meta.count == 0) {
			t.Fatalf("footer %+v", ft)
		}
		if meta, err := decodeRunMeta(m); err == nil && !bytes.Equal(meta.encode(), m) {
			t.Fatalf("meta %+v", meta)
		}
	})
}

func FuzzIDTime(f *testing.F) {
	f.Add([]byte("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))
	f.Add([]byte("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
	f.Fuzz(func(t *testing.T, id []byte) {
		if ms := IDTime(id); ms < 0 || ms >= 1<<48 {
			t.Fatalf("time %d", ms)
		}
	})
}
