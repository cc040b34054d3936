package native

import (
	"fmt"
	"strconv"
	"strings"
)

// layout is how the values of a type lie in a column.
type layout uint8

const (
	fixed    layout = iota // size bytes a value
	varying                // a length and bytes, for each value
	nullable               // a byte for each value, then elems[0]
	array                  // an offset for each value, then elems[0], as many values as the last offset says
	tuple                  // elems one after another
	lowCard                // a dictionary and indexes
)

// maxDepth bounds the nesting of types, maxElems the elements of one tuple, maxType the text of one.
const (
	maxDepth = 64
	maxElems = 4096
	maxType  = 1 << 20
)

// typ is a parsed type.
type typ struct {
	layout layout
	size   int64
	elems  []*typ
	null   bool // of a dictionary: its first key stands for NULL
}

// sizes of the types that have one, by name.
var sizes = map[string]int64{
	"Int8": 1, "UInt8": 1, "Bool": 1, "Enum8": 1, "Nothing": 1,
	"Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
	"Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "DateTime32": 4, "IPv4": 4, "Decimal32": 4, "Time": 4,
	"Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Time64": 8,
	"Int128": 16, "UInt128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16,
	"Int256": 32, "UInt256": 32, "Decimal256": 32,
}

// named are types that stand for another.
var named = map[string]string{
	"Point": "Tuple(Float64, Float64)", "Ring": "Array(Point)", "LineString": "Array(Point)", "MultiLineString": "Array(LineString)",
	"Polygon": "Array(Ring)", "MultiPolygon": "Array(Polygon)",
}

// parseType reads the name of a type as the engine writes it.
func parseType(text string) (*typ, error) {
	if len(text) > maxType {
		return nil, fmt.Errorf("a type's name has %d bytes", len(text))
	}
	return parse(strings.TrimSpace(text), 0)
}

func parse(text string, depth int) (*typ, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("a type is nested deeper than %d", maxDepth)
	}
	name, args, err := split(text)
	if err != nil {
		return nil, err
	}
	if size, ok := sizes[name]; ok {
		return &typ{layout: fixed, size: size}, nil
	}
	if alias, ok := named[name]; ok && args == nil {
		return parse(alias, depth+1)
	}
	switch {
	case strings.HasPrefix(name, "Interval") && args == nil:
		return &typ{layout: fixed, size: 8}, nil
	case name == "String" && args == nil:
		return &typ{layout: varying}, nil
	case name == "FixedString" && len(args) == 1:
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 1 || n > 1<<24 {
			return nil, fmt.Errorf("%q is not a length", args[0])
		}
		return &typ{layout: fixed, size: n}, nil
	case name == "Decimal" && len(args) > 0:
		return decimal(args[0])
	}
	return compound(name, args, depth)
}

func decimal(precision string) (*typ, error) {
	p, err := strconv.Atoi(precision)
	switch {
	case err != nil || p < 1 || p > 76:
		return nil, fmt.Errorf("%q is not the precision of a Decimal", precision)
	case p <= 9:
		return &typ{layout: fixed, size: 4}, nil
	case p <= 18:
		return &typ{layout: fixed, size: 8}, nil
	case p <= 38:
		return &typ{layout: fixed, size: 16}, nil
	}
	return &typ{layout: fixed, size: 32}, nil
}

// compound reads the types that are made of others.
func compound(name string, args []string, depth int) (*typ, error) {
	single := func(l layout) (*typ, error) {
		if len(args) != 1 {
			return nil, fmt.Errorf("%s has %d arguments", name, len(args))
		}
		e, err := parse(args[0], depth+1)
		if err != nil {
			return nil, err
		}
		return &typ{layout: l, elems: []*typ{e}}, nil
	}
	switch name {
	case "Nullable":
		return single(nullable)
	case "Array":
		return single(array)
	case "LowCardinality":
		t, err := single(lowCard)
		if err == nil && t.elems[0].layout == nullable { // a NULL is the first key of the dictionary
			t.elems, t.null = t.elems[0].elems, true
		}
		return t, err
	case "Map", "Tuple", "Nested":
		t := &typ{layout: tuple}
		for _, a := range args {
			e, err := parse(withoutName(a), depth+1)
			if err != nil {
				return nil, err
			}
			t.elems = append(t.elems, e)
		}
		if name != "Tuple" {
			return &typ{layout: array, elems: []*typ{t}}, nil
		}
		return t, nil
	case "SimpleAggregateFunction":
		if len(args) == 2 {
			return parse(args[1], depth+1)
		}
	}
	return nil, &UnsupportedError{Type: name}
}

// split splits Name(a, b) into the name and its arguments; args is nil without brackets.
func split(text string) (name string, args []string, err error) {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		if text == "" {
			return "", nil, fmt.Errorf("a type is missing")
		}
		return text, nil, nil
	}
	if !strings.HasSuffix(text, ")") {
		return "", nil, fmt.Errorf("the type %.80q does not end with a bracket", text)
	}
	args = []string{}
	inside := text[open+1 : len(text)-1]
	depth, from := 0, 0
	for i := 0; i < len(inside); i++ {
		switch c := inside[i]; c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return "", nil, fmt.Errorf("the brackets of the type %.80q do not match", text)
			}
		case '\'', '`', '"':
			end := quoteEnd(inside, i)
			if end < 0 {
				return "", nil, fmt.Errorf("a quote in the type %.80q is not closed", text)
			}
			i = end
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(inside[from:i]))
				from = i + 1
			}
		}
		if len(args) > maxElems {
			return "", nil, fmt.Errorf("a type has more than %d arguments", maxElems)
		}
	}
	if depth != 0 {
		return "", nil, fmt.Errorf("the brackets of the type %.80q do not match", text)
	}
	if last := strings.TrimSpace(inside[from:]); last != "" || len(args) > 0 {
		args = append(args, last)
	}
	return strings.TrimSpace(text[:open]), args, nil
}

// quoteEnd returns the place of the quote that closes the one at i, -1 if there is none.
func quoteEnd(s string, i int) int {
	q := s[i]
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case q:
			return i
		}
	}
	return -1
}

// withoutName cuts the name of a tuple's element from its type: `a b` UInt8, a UInt8, UInt8.
func withoutName(s string) string {
	if s == "" {
		return s
	}
	if s[0] == '`' || s[0] == '"' {
		if end := quoteEnd(s, 0); end > 0 {
			return strings.TrimSpace(s[end+1:])
		}
		return s
	}
	for i := range len(s) {
		switch s[i] {
		case ' ':
			return strings.TrimSpace(s[i+1:])
		case '(', '\'', ',':
			return s
		}
	}
	return s
}

// withoutDictionaries takes LowCardinality( ) out of a type's name.
func withoutDictionaries(text string) string {
	const name = "LowCardinality("
	var b strings.Builder
	var drop []bool // of each open bracket: it is one of LowCardinality
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\'' || c == '`' || c == '"':
			end := quoteEnd(text, i)
			if end < 0 {
				end = len(text) - 1
			}
			b.WriteString(text[i : end+1])
			i = end
			continue
		case strings.HasPrefix(text[i:], name):
			drop = append(drop, true)
			i += len(name) - 1
			continue
		case c == '(':
			drop = append(drop, false)
		case c == ')' && len(drop) > 0:
			last := drop[len(drop)-1]
			drop = drop[:len(drop)-1]
			if last {
				continue
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
