package clickhouse

// What is read is told in whole granules of rows, as the engine reads them, and in units of bytes.
const (
	toldRows  = 8192
	toldBytes = 256 << 10
)

// Told is what a tenant may be told of a statement, and is charged for it: what was read is rounded up. The engine reads rows of a neighbour in the key
// along with the tenant's own where both lie in one granule, and fresh parts are no larger than one: exact numbers would tell what a neighbour has just sent.
func (s Summary) Told() Summary {
	s.ReadRows, s.ReadBytes = RowsTold(s.ReadRows), BytesTold(s.ReadBytes)
	return s
}

// RowsTold rounds a number of rows that were, or will be, read.
func RowsTold(n uint64) uint64 { return up(n, toldRows) }

// BytesTold rounds a number of bytes that were, or will be, read.
func BytesTold(n uint64) uint64 { return up(n, toldBytes) }

func up(n, unit uint64) uint64 {
	if n > 1<<63 {
		return n
	}
	return (n + unit - 1) / unit * unit
}
