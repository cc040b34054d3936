package event

// slot says where a Batch holds a column: the how-manieth of its kind.
type slot struct {
	kind  Kind
	index uint8
}

// maxNumber is the highest number that a column may have.
const maxNumber = 255

// layout is by column number; kind 0 means that there is no such column.
var layout = makeLayout()

func makeLayout() (l [maxNumber + 1]slot) {
	var count [KindNums + 1]uint8
	for _, c := range Columns {
		l[c.Number] = slot{c.Kind, count[c.Kind]}
		count[c.Kind]++
	}
	return l
}

func slotOf(col uint16) slot {
	if col > maxNumber {
		return slot{}
	}
	return layout[col]
}
