package event

// Pairs is a map column of a Batch, to be read: the names and values of all rows one after the other. It is valid
// until the batch changes.
type Pairs struct {
	// Ends says by row where its pairs end; they begin where those of the row before end.
	Ends []uint32
	// Keys says by pair which of Names it has.
	Keys []uint32
	// Names are the distinct names; one may be of no pair.
	Names [][]byte
	// Nums are the values by pair, of PropNums.
	Nums []float64

	texts *texts
}

// PropTexts are the properties whose values are kept as text: column props.
func (b *Batch) PropTexts() Pairs { return b.props.view(b.rows) }

// PropNums are the properties whose values are numbers: column props_num.
func (b *Batch) PropNums() Pairs { return b.nums.view(b.rows) }

func (c *pairs) view(rows int) Pairs {
	c.pad(rows)
	if len(c.keys.places) == 0 {
		c.keys.init()
	}
	return Pairs{Ends: c.ends, Keys: c.keys.keys, Names: c.keys.entries(), Nums: c.nums, texts: &c.values}
}

// Text is the value of a pair of PropTexts.
func (p *Pairs) Text(pair int) []byte { return p.texts.value(pair) }
