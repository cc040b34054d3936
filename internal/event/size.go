package event

// Sizes are bytes by column, in the order of Columns; a column that is not stored has none.
//
// They are uncompressed, about as the engine counts what it reads: a number its width, a String its bytes and 3, a
// LowCardinality 1 (its dictionary is read once for very many rows), a map 8, and for each pair its name, its value, and 8 for each of these that is text.
// A column that is empty in nearly every row costs the engine less than this.
type Sizes [columnCount]uint64

// columnCount is len(Columns), which is no constant.
const columnCount = 37

// InternalSize is what a stored row has beside Columns: where it came from.
const InternalSize = 2 + 8 + 2 + 8 + 4

// rowSize are the bytes of a row that do not depend on its values, by column; RowSize is their sum, and InternalSize.
var (
	rowSize = makeRowSize()
	RowSize = rowSize.Total() + InternalSize
)

func makeRowSize() (sizes Sizes) {
	if len(Columns) != columnCount {
		panic("event: columnCount is not the number of columns")
	}
	of := [KindNums + 1]uint64{KindString: 3, KindLowCard: 1, KindTime: 8, KindUInt8: 1, KindUInt16: 2, KindUInt32: 4, KindUInt64: 8, KindProps: 8, KindNums: 8}
	for i, c := range Columns {
		if c.Stored {
			sizes[i] = of[c.Kind]
		}
	}
	return sizes
}

// AddRows adds what rows rows take whatever their values are.
func (s *Sizes) AddRows(rows uint64) {
	for i := range s {
		s[i] += rowSize[i] * rows
	}
}

// Add adds o.
func (s *Sizes) Add(o *Sizes) {
	for i := range s {
		s[i] += o[i]
	}
}

// Total is the sum.
func (s *Sizes) Total() uint64 {
	var n uint64
	for _, v := range s {
		n += v
	}
	return n
}

// where are the columns whose values have lengths of their own: String, and the two maps.
var where = func() (texts [strCount]int, props, nums int) {
	for i, c := range Columns {
		switch c.Kind {
		case KindString:
			texts[layout[c.Number].index] = i
		case KindProps:
			props = i
		case KindNums:
			nums = i
		}
	}
	return texts, props, nums
}

var textColumns, propsColumn, numsColumn = where()

// AddValues adds to s what the values of rows [from, to) take beyond AddRows, and returns the sum of that.
func (b *Batch) AddValues(s *Sizes, from, to int) (total uint64) {
	for i := range b.strs {
		n := b.strs[i].bytes(from, to)
		s[textColumns[i]] += n
		total += n
	}
	n := b.props.bytes(from, to)
	s[propsColumn] += n
	total += n
	n = b.nums.bytes(from, to)
	s[numsColumn] += n
	return total + n
}

// bytes is the length of the values of rows [from, to). A long value's length is overrated by a byte or two.
func (c *texts) bytes(from, to int) uint64 {
	to = min(to, len(c.ends))
	if from >= to {
		return 0
	}
	return uint64(c.ends[to-1]-c.start(from)) - uint64(to-from)
}

func (c *pairs) bytes(from, to int) uint64 {
	to = min(to, len(c.ends))
	if from >= to {
		return 0
	}
	first, _ := c.bounds(from)
	last := int(c.ends[to-1])
	n := 16 * uint64(last-first) // of a number 8 is the value itself
	for _, key := range c.keys.keys[first:last] {
		n += uint64(c.keys.places[key].size)
	}
	if len(c.nums) > 0 {
		return n
	}
	return n + c.values.bytes(first, last)
}
