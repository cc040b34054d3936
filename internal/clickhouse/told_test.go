package clickhouse

import (
	"math"
	"testing"
)

func TestTold(t *testing.T) {
	for _, c := range []struct{ rows, bytes, wantRows, wantBytes uint64 }{
		{0, 0, 0, 0}, {1, 1, 8192, 256 << 10}, {8192, 256 << 10, 8192, 256 << 10}, {8193, 256<<10 + 1, 16384, 512 << 10}, {math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64},
	} {
		s := Summary{ReadRows: c.rows, ReadBytes: c.bytes, ResultRows: 7, PeakMemory: 9}
		if got := s.Told(); got != (Summary{ReadRows: c.wantRows, ReadBytes: c.wantBytes, ResultRows: 7, PeakMemory: 9}) {
			t.Errorf("%+v is told as %+v", s, got)
		}
	}
}
