package query

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// CodeBadParameter is the code of a refusal of a parameter's value.
const CodeBadParameter = "bad_parameter"

// integerAliases are other names of integer types, in small letters.
var integerAliases = map[string]string{"int": "int32", "integer": "int32", "bigint": "int64", "smallint": "int16", "tinyint": "int8"}

// intRange is a type of whole numbers.
type intRange struct{ least, most *big.Int }

// integerOf reads the name of a type of whole numbers.
func integerOf(name string) (intRange, bool) {
	name = strings.ToLower(name)
	if alias := integerAliases[name]; alias != "" {
		name = alias
	}
	unsigned := strings.HasPrefix(name, "uint")
	if _, known := typeArity[name]; !known || !unsigned && !strings.HasPrefix(name, "int") {
		return intRange{}, false
	}
	bits, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(name, "u"), "int"), 10, 16)
	if err != nil {
		return intRange{}, false
	}
	one := big.NewInt(1)
	if unsigned {
		return intRange{new(big.Int), new(big.Int).Sub(new(big.Int).Lsh(one, uint(bits)), one)}, true
	}
	half := new(big.Int).Lsh(one, uint(bits)-1)
	return intRange{new(big.Int).Neg(half), half.Sub(half, one)}, true
}

// wrong says what is wrong with a value; "" if nothing is.
func (t intRange) wrong(value string) string {
	if !wholeNumber(value) {
		return "is no whole number"
	}
	n, ok := new(big.Int), len(value) <= 80 // of 256 bits, 78 digits
	if ok {
		_, ok = n.SetString(value, 10)
	}
	if ok && n.Cmp(t.least) >= 0 && n.Cmp(t.most) <= 0 {
		return ""
	}
	return fmt.Sprintf("does not fit: it holds %s to %s", t.least, t.most)
}

// wholeNumber says whether a text is digits, with a sign before them or without.
func wholeNumber(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// parameters checks the values of typed placeholders of whole numbers: the engine takes one that its type cannot hold modulo the type's range, and says nothing.
func (s *statement) parameters() error {
	for _, l := range s.toks {
		if l.kind != param || len(s.view.sc.Params) == 0 {
			continue
		}
		name, typ, _ := strings.Cut(strings.Trim(l.text, "{}"), ":")
		name, typ = strings.TrimSpace(name), strings.TrimSpace(typ)
		value, given := s.view.sc.Params[name]
		if !given {
			continue
		}
		if bad, why := wrongValue(typ, value); why != "" {
			if len(bad) > 100 {
				bad = strings.ToValidUTF8(bad[:100], "") + "…"
			}
			r := s.refuse(l.start, "the parameter %s is %s, which as %s %s", name, bad, typ, why).as(CodeBadParameter)
			r.Field = "params." + name
			return r
		}
	}
	return nil
}

// maxNested is how deep the types of a value that is looked at may stand in each other; the engine has the rest.
const maxNested = 32

// wrongValue finds what of a value its type cannot hold: a whole number, a date or a time, also within lists, tuples and maps. What is not even written as one there the engine refuses.
func wrongValue(typ, value string) (bad, why string) { return wrongPart(typ, value, false, maxNested) }

// wrongPart is wrongValue for a part of a value, or for one that may be NULL, when loose: there only what is written as a number is judged as one.
func wrongPart(typ, value string, loose bool, depth int) (bad, why string) {
	name, args := typeParts(typ)
	if depth == 0 {
		return "", ""
	}
	each := func(open, end string, typeOf func(i, n int, part string) (string, string)) (string, string) {
		inner := strings.TrimSpace(value)
		if !strings.HasPrefix(inner, open) || !strings.HasSuffix(inner, end) || len(inner) < 2 {
			return "", ""
		}
		parts := split(inner[1:len(inner)-1], ',')
		for i, part := range parts {
			if bad, why := typeOf(i, len(parts), part); why != "" {
				return bad, why
			}
		}
		return "", ""
	}
	switch strings.ToLower(name) {
	case "nullable", "lowcardinality":
		return wrongPart(args, value, loose || strings.EqualFold(name, "nullable"), depth-1)
	case "array":
		return each("[", "]", func(_, _ int, part string) (string, string) { return wrongPart(args, part, true, depth-1) })
	case "tuple":
		types := split(args, ',')
		return each("(", ")", func(i, n int, part string) (string, string) {
			if n != len(types) {
				return "", ""
			}
			return wrongPart(unnamed(types[i]), part, true, depth-1)
		})
	case "map":
		types := split(args, ',')
		return each("{", "}", func(_, _ int, part string) (string, string) {
			pair := split(part, ':')
			for i := range min(len(pair), len(types)) {
				if bad, why := wrongPart(types[i], pair[i], true, depth-1); why != "" {
					return bad, why
				}
			}
			return "", ""
		})
	}
	if loose {
		value = strings.Trim(strings.TrimSpace(value), "'")
	}
	if t, ok := integerOf(name); ok && (!loose || wholeNumber(value)) {
		return value, t.wrong(value)
	}
	return value, wrongTime(name, value)
}

// typeParts cuts a type into its name and what stands in its brackets.
func typeParts(typ string) (name, args string) {
	name, rest := cutWord(strings.TrimSpace(typ))
	if strings.HasPrefix(rest, "(") && strings.HasSuffix(rest, ")") {
		args = rest[1 : len(rest)-1]
	}
	return name, args
}

// unnamed is the type of an element of a tuple, which may have a name before it.
func unnamed(element string) string {
	if name, rest := cutWord(element); name != "" && rest != "" && isWord(rest[0]) {
		return rest
	}
	return element
}

// split cuts a text at the separators that stand neither in brackets nor in quotes; blanks around the parts are left out. An empty text has no parts.
func split(text string, sep byte) (parts []string) {
	depth, from := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '\\':
			i++
		case '\'':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case sep:
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	if last := strings.TrimSpace(text[from:]); last != "" || len(parts) > 0 {
		parts = append(parts, last)
	}
	return parts
}
