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

// wrongValue finds a value, or a value of a list, that is none of its type's. Of lists, and of what may be NULL, the engine says what is not even a number.
func wrongValue(typ, value string) (bad, why string) {
	within := func(t, what string) (string, bool) {
		head, rest := cutWord(t)
		if !strings.EqualFold(head, what) || !strings.HasPrefix(rest, "(") || !strings.HasSuffix(rest, ")") {
			return t, false
		}
		return strings.TrimSpace(rest[1 : len(rest)-1]), true
	}
	list, null := false, false
	for again := true; again; {
		var a, n, l bool
		typ, a = within(typ, "Array")
		typ, n = within(typ, "Nullable")
		typ, l = within(typ, "LowCardinality")
		list, null, again = list || a, null || n, a || n || l
	}
	t, ok := integerOf(typ)
	if !ok {
		return "", ""
	}
	values := []string{value}
	if list {
		values = strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("[], \t\n\r'", r) })
	}
	for _, v := range values {
		if (list || null) && !wholeNumber(v) {
			continue
		}
		if why := t.wrong(v); why != "" {
			return v, why
		}
	}
	return "", ""
}
