package event

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PropertyKind is the type of a property as one tenant sends it.
type PropertyKind uint8

// The kinds of properties, in the order in which a property widens: whole numbers and fractions together are PropFloat,
// anything together with text is PropString.
const (
	PropBool   PropertyKind = iota + 1 // Nullable(Bool)
	PropInt                            // Nullable(Int64)
	PropFloat                          // Nullable(Float64)
	PropString                         // Nullable(String)
)

// String is the kind's name: bool, int, float or string.
func (k PropertyKind) String() string {
	switch k {
	case PropBool:
		return "bool"
	case PropInt:
		return "int"
	case PropFloat:
		return "float"
	case PropString:
		return "string"
	}
	return "unknown"
}

// ParsePropertyKind is the reverse of String; false for anything else.
func ParsePropertyKind(s string) (PropertyKind, bool) {
	for k := PropBool; k <= PropString; k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// Type is ClickHouse's name of the type of a column with properties of this kind.
func (k PropertyKind) Type() string {
	switch k {
	case PropBool:
		return "Nullable(Bool)"
	case PropInt:
		return "Nullable(Int64)"
	case PropFloat:
		return "Nullable(Float64)"
	}
	return "Nullable(String)"
}

// Property is a property that a tenant's events have had.
type Property struct {
	Name string
	Kind PropertyKind
}

// Traits are what was seen of a property's values. They only grow.
type Traits uint8

// The traits.
const (
	TraitNull  Traits = 1 << iota // JSON null, or the text null: they are the same in the log
	TraitBool                     // true or false, or these texts
	TraitText                     // any other text, arrays too
	TraitInt                      // a whole number within ±2^53
	TraitFloat                    // any other number
)

// MaxPropertyInt is the largest magnitude of a whole number that counts as TraitInt.
const MaxPropertyInt = 1 << 53

// Kind is the kind that values with these traits have together. Null alone decides nothing: such a property is text.
func (t Traits) Kind() PropertyKind {
	number, truth := t&(TraitInt|TraitFloat) != 0, t&TraitBool != 0
	switch {
	case t&TraitText != 0, number && truth:
		return PropString
	case t&TraitFloat != 0:
		return PropFloat
	case number:
		return PropInt
	case truth:
		return PropBool
	}
	return PropString
}

// Traits is what a kind that was declared stands for, as if values of it had been seen.
func (k PropertyKind) Traits() Traits {
	switch k {
	case PropBool:
		return TraitBool
	case PropInt:
		return TraitInt
	case PropFloat:
		return TraitFloat
	}
	return TraitText
}

// TextTrait is the trait of a value that is kept as text.
func TextTrait(v []byte) Traits {
	switch len(v) {
	case 4:
		if string(v) == "true" {
			return TraitBool
		} else if string(v) == "null" {
			return TraitNull
		}
	case 5:
		if string(v) == "false" {
			return TraitBool
		}
	}
	return TraitText
}

// NumTrait is the trait of a number.
func NumTrait(v float64) Traits {
	if v >= -MaxPropertyInt && v <= MaxPropertyInt && v == float64(int64(v)) {
		return TraitInt
	}
	return TraitFloat
}

// LongInteger says whether a text may be the exact digits of a whole number that a float64 cannot hold: a door keeps
// such a number both as number and as text.
func LongInteger(v []byte) bool {
	v = bytes.TrimPrefix(v, []byte("-"))
	if len(v) < 16 {
		return false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// internalColumns are the columns of the events table that are not in Columns.
var internalColumns = []string{"_writer", "_seq", "_partition", "_offset", "_row"}

// columnNames are all names of columns.
var columnNames = func() map[string]bool {
	names := map[string]bool{}
	for _, c := range Columns {
		names[c.Name] = true
	}
	for _, n := range internalColumns {
		names[n] = true
	}
	return names
}()

// MaxPropertyName is the length of the longest name, in bytes, of a property that can be a column.
const MaxPropertyName = 256

// NameIsColumn says whether a property of that name can be a column of its own: it is none of weir's columns, at most
// MaxPropertyName bytes of UTF-8, does not begin with _ (names of weir do) or @ (variables of some tools do), has no quotes, backslashes
// and characters that cannot be seen, and is no value to the engine, which takes "true" and "nan" for such in quotes, too. Others are reached as props['name'] and props_num['name'] only.
func NameIsColumn(name string) bool {
	if LikeValue(name) || name == "" || name[0] == '_' || name[0] == '@' || len(name) > MaxPropertyName || columnNames[name] || !utf8.ValidString(name) || strings.ContainsAny(name, "`\"'\\") {
		return false
	}
	for _, r := range name {
		if r != ' ' && !unicode.IsGraphic(r) || r != ' ' && unicode.IsSpace(r) || r == utf8.RuneError {
			return false
		}
	}
	return name[0] != ' ' && name[len(name)-1] != ' '
}

// LikeValue says whether the engine takes a name for a value, even in quotes.
func LikeValue(name string) bool {
	switch strings.ToLower(name) {
	case "true", "false", "null", "inf", "infinity", "nan":
		return true
	}
	return false
}
