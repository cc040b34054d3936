package event

import (
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/minio/minlz"
	"github.com/pierrec/lz4/v4"
)

func TestMeasure(t *testing.T) {
	zf, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	zd, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	var lc lz4.Compressor
	type codec struct {
		name     string
		enc, dec func(dst, src []byte) []byte
	}
	codecs := []codec{
		{"s2", func(d, s []byte) []byte { return s2.Encode(d[:cap(d)], s) }, func(d, s []byte) []byte { r, _ := s2.Decode(d[:cap(d)], s); return r }},
		{"s2better", func(d, s []byte) []byte { return s2.EncodeBetter(d[:cap(d)], s) }, func(d, s []byte) []byte { r, _ := s2.Decode(d[:cap(d)], s); return r }},
		{"minlz1", func(d, s []byte) []byte { r, _ := minlz.Encode(d[:cap(d)], s, 1); return r }, func(d, s []byte) []byte { r, _ := minlz.Decode(d[:cap(d)], s); return r }},
		{"minlz2", func(d, s []byte) []byte { r, _ := minlz.Encode(d[:cap(d)], s, 2); return r }, func(d, s []byte) []byte { r, _ := minlz.Decode(d[:cap(d)], s); return r }},
		{"zstd", func(d, s []byte) []byte { return zf.EncodeAll(s, d[:0]) }, func(d, s []byte) []byte { r, _ := zd.DecodeAll(s, d[:0]); return r }},
		{"lz4", func(d, s []byte) []byte { n, _ := lc.CompressBlock(s, d[:cap(d)]); return d[:n] }, func(d, s []byte) []byte { n, _ := lz4.UncompressBlock(s, d[:cap(d)]); return d[:n] }},
	}
	for _, n := range []int{1, 10, 100, 500, 2500} {
		rows := webRows(n, 20)
		content := 0
		for i := range rows {
			r := &rows[i]
			for _, x := range r.texts() {
				content += len(x)
			}
			content += 8 + 8 + 4 + 1 + 2
			for _, p := range r.Props {
				content += len(p.Key) + len(p.Value)
			}
			for _, p := range r.Nums {
				content += len(p.Key) + 8
			}
		}
		raw := batchOf(rows).appendBody(nil)
		fmt.Printf("n=%d content/row %d raw/row %d\n", n, content/n, len(raw)/n)
		for _, c := range codecs {
			dst := make([]byte, 0, 2*len(raw)+1000)
			back := make([]byte, 0, len(raw)+1000)
			var out []byte
			reps := 20_000_000/len(raw)/4 + 1
			st := time.Now()
			for range reps {
				out = c.enc(dst, raw)
			}
			e := time.Since(st)
			st = time.Now()
			for range reps {
				c.dec(back, out)
			}
			d := time.Since(st)
			fmt.Printf("  %-9s %6.1f B/row  enc %7.1f ns/row  dec %7.1f ns/row\n", c.name, float64(len(out))/float64(n), float64(e.Nanoseconds())/float64(reps*n), float64(d.Nanoseconds())/float64(reps*n))
		}
	}
}
