package tables

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/internal/lookup"
)

// Content is an upload that was read whole: its columns with their types, and its rows.
type Content struct {
	Columns []lookup.Column
	Rows    uint64
	Bytes   uint64 // as Table.Bytes counts them
	data    []*columnData
}

// shape is how a value stood in the upload.
type shape uint8

const (
	absent shape = iota
	text         // of CSV, or a JSON string
	number       // of JSON
	truth        // of JSON: true, false
)

// columnData is one column as it is read. text and ends hold the values' texts one after the other.
type columnData struct {
	name   string
	asked  string // its type as the caller wants it; empty: it follows from the values
	text   []byte
	ends   []uint32
	shapes []shape

	values, absents        uint64
	notBool, notInt, notNr bool // what its type cannot be
}

// at returns the value of a row.
func (c *columnData) at(row int) (shape, []byte) {
	if row >= len(c.ends) {
		return absent, nil
	}
	from := uint32(0)
	if row > 0 {
		from = c.ends[row-1]
	}
	return c.shapes[row], c.text[from:c.ends[row]]
}

// builder gathers rows, column by column, within the limits.
type builder struct {
	limits  Limits
	columns []*columnData
	byName  map[string]*columnData
	rows    int
	bytes   int64 // of texts
	csv     bool  // what is empty is absent, and numbers are texts
}

func newBuilder(l Limits, csv bool) *builder {
	return &builder{limits: l, byName: map[string]*columnData{}, csv: csv}
}

// column adds a column, or finds it.
func (b *builder) column(name string) (*columnData, error) {
	if c := b.byName[name]; c != nil {
		return c, nil
	}
	if why := lookup.CheckColumnName(name); why != "" {
		return nil, malformed("the column name %q cannot be used: %s; rename it", clip(name), why)
	}
	if len(b.columns) == b.limits.MaxColumns {
		return nil, over("max_columns", int64(b.limits.MaxColumns), "the upload has more than %d columns; leave some out", b.limits.MaxColumns)
	}
	c := &columnData{name: name}
	if b.size()+lookup.CellBytes*int64(b.rows) > b.limits.MaxBytes { // its missing values take place, too
		return nil, b.overBytes()
	}
	b.columns = append(b.columns, c)
	b.byName[name] = c
	return c, nil
}

// add adds the value of the present row to a column. where says which row it is, for messages.
func (b *builder) add(c *columnData, s shape, value []byte, where string) error {
	if int64(len(value)) > b.limits.MaxCell {
		return over("max_cell", b.limits.MaxCell, "%s, column %s: a value has %d bytes, at most %d are allowed", where, c.name, len(value), b.limits.MaxCell)
	}
	if !utf8.Valid(value) {
		return malformed("%s, column %s: the value is not valid UTF-8; save the file as UTF-8", where, c.name)
	}
	for len(c.ends) < b.rows { // rows of JSON that lack it
		c.ends, c.shapes = append(c.ends, uint32(len(c.text))), append(c.shapes, absent)
		c.absents++
	}
	if b.csv && len(value) == 0 {
		s = absent
	}
	c.text = append(c.text, value...)
	c.ends, c.shapes = append(c.ends, uint32(len(c.text))), append(c.shapes, s)
	b.bytes += int64(len(value))
	if s == absent {
		c.absents++
		return nil
	}
	c.values++
	c.learn(s, value, b.csv)
	return nil
}

// learn notes what the value's column cannot be.
func (c *columnData) learn(s shape, value []byte, csv bool) {
	if !c.notBool && !(s == truth || csv && isTruth(value)) {
		c.notBool = true
	}
	numeric := s == number || csv
	if !c.notInt && !(numeric && isInteger(value)) {
		c.notInt = true
	}
	if !c.notNr && !(numeric && isNumber(value, csv)) {
		c.notNr = true
	}
}

// endRow ends the present row.
func (b *builder) endRow() error {
	b.rows++
	if int64(b.rows) > b.limits.MaxRows {
		return over("max_rows", b.limits.MaxRows, "the upload has more than %d rows; split it, or leave out what is not joined", b.limits.MaxRows)
	}
	if b.size() > b.limits.MaxBytes {
		return b.overBytes()
	}
	return nil
}

func (b *builder) overBytes() error {
	return over("max_bytes", b.limits.MaxBytes, "the upload has more than %d bytes (its texts, and %d for each value); leave out columns or rows", b.limits.MaxBytes, lookup.CellBytes)
}

func (b *builder) size() int64 {
	return b.bytes + lookup.CellBytes*int64(b.rows)*int64(len(b.columns))
}

// finish decides the types. types are those that the caller wants, by column.
func (b *builder) finish(types map[string]string) (*Content, error) {
	if len(b.columns) == 0 {
		return nil, empty()
	}
	for name, typ := range types {
		c := b.byName[name]
		if c == nil {
			return nil, malformedField("type", "there is no column %q in the upload; its columns are %s", clip(name), b.names())
		}
		c.asked = typ
	}
	out := &Content{Rows: uint64(b.rows), Bytes: uint64(b.size()), data: b.columns}
	for _, c := range b.columns {
		col, err := c.decide(b.rows)
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, col)
	}
	return out, nil
}

func (b *builder) names() string {
	var out []string
	for i, c := range b.columns {
		if i == 20 {
			out = append(out, "…")
			break
		}
		out = append(out, c.name)
	}
	return strings.Join(out, ", ")
}

// decide returns the column's type: the one that was asked for, if all values fit, or the narrowest that all values are of.
func (c *columnData) decide(rows int) (lookup.Column, error) {
	missing := c.absents > 0 || len(c.ends) < rows
	out := lookup.Column{Name: c.name, Type: lookup.String, Nullable: missing || c.values == 0}
	switch {
	case c.asked != "":
		return c.convert(rows, missing)
	case c.values == 0: // also a table without rows
	case !c.notBool:
		out.Type = lookup.Bool
	case !c.notInt:
		out.Type = lookup.Int64
	case !c.notNr:
		out.Type = lookup.Float64
	}
	return out, nil
}

// convert checks that the values fit the type that was asked for.
func (c *columnData) convert(rows int, missing bool) (lookup.Column, error) {
	typ, nullable, ok := lookup.ParseType(c.asked)
	if !ok {
		return lookup.Column{}, malformedField("type", "column %s: %q is no type; there are Bool, Int64, Float64, String, and Nullable(…) of these", c.name, clip(c.asked))
	}
	for row := range rows {
		s, value := c.at(row)
		if s == absent {
			if !nullable {
				return lookup.Column{}, malformedField("type", "row %d has no value in column %s: ask for Nullable(%s), or fill it in", row+1, c.name, typ)
			}
			continue
		}
		if !fits(typ, value) {
			return lookup.Column{}, malformedField("type", "row %d, column %s: %q is no %s: correct it, or ask for String", row+1, c.name, clip(string(value)), typ)
		}
	}
	return lookup.Column{Name: c.name, Type: typ, Nullable: nullable}, nil
}

func fits(t lookup.Type, value []byte) (ok bool) {
	switch t {
	case lookup.Bool:
		_, ok = parseTruth(value)
	case lookup.Int64:
		_, ok = parseInteger(value)
	case lookup.Float64:
		_, ok = parseNumber(value)
	default:
		ok = true
	}
	return ok
}

// parseTruth reads a Bool that was asked for, or found.
func parseTruth(value []byte) (v, ok bool) {
	switch strings.ToLower(string(value)) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

func isTruth(value []byte) bool {
	if len(value) != 4 && len(value) != 5 {
		return false
	}
	switch string(value) {
	case "true", "false", "True", "False", "TRUE", "FALSE":
		return true
	}
	return false
}

func parseInteger(value []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}

// isInteger says whether a text is an integer as it would be printed: 007 and +5 are names, and stay texts.
func isInteger(value []byte) bool {
	if len(value) == 0 || len(value) > 20 {
		return false
	}
	n, ok := parseInteger(value)
	return ok && string(strconv.AppendInt(make([]byte, 0, 20), n, 10)) == string(value)
}

// maxExact is the largest integer up to which every one is a float.
const maxExact = 1 << 53

func parseNumber(value []byte) (float64, bool) {
	for _, c := range value {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' { // not NaN, Inf, 0x1p4, 1_000
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(value), 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// isNumber says whether a text is a number that is nothing else: in CSV 007.5 and 1e5 are texts. An integer that a float cannot hold exactly is none.
func isNumber(value []byte, csv bool) bool {
	if n, ok := parseInteger(value); ok {
		return (isInteger(value) || !csv) && n >= -maxExact && n <= maxExact
	}
	if csv && !isDecimal(value) {
		return false
	}
	f, ok := parseNumber(value)
	return ok && (math.Abs(f) <= maxExact || strings.ContainsAny(string(value), ".eE"))
}

// isDecimal says whether a text is digits with a point between them, without a needless zero in front.
func isDecimal(value []byte) bool {
	s := strings.TrimPrefix(string(value), "-")
	whole, fraction, ok := strings.Cut(s, ".")
	if !ok || whole == "" || fraction == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	for _, r := range whole + fraction {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// clip shortens a text of the upload for a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
