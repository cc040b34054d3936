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

// parameters checks the values of typed placeholders of whole numbers and times: the engine takes another value for one that its type cannot hold, and says nothing.
func (s *statement) parameters() error {
	seen, bytes := map[[2]string]bool{}, 0
	for _, l := range s.toks {
		if l.kind != param || len(s.view.sc.Params) == 0 {
			continue
		}
		name, typ, _ := strings.Cut(strings.Trim(l.text, "{}"), ":")
		name, typ = strings.TrimSpace(name), strings.TrimSpace(typ)
		value, given := s.view.sc.Params[name]
		if !given || seen[[2]string{name, typ}] {
			continue
		}
		seen[[2]string{name, typ}] = true
		if bytes += len(value); bytes > maxJudged {
			r := s.refuse(l.start, "the parameters have more than %d bytes with all the types that they are used as: use a parameter as one type", maxJudged).as(CodeBadParameter)
			r.Field = "params." + name
			return r
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

// maxJudged bounds the bytes of values that are looked at, each once for each type that it is used as.
const maxJudged = 8 << 20

// wrongValue finds what of a value its type cannot hold: a whole number, a date or a time, also within lists, tuples and maps. What is not even written as one there the engine refuses.
func wrongValue(typ, value string) (bad, why string) {
	if j := judgeOf(typ, maxNested); j != nil {
		return j(value, false)
	}
	return "", ""
}

// judge is wrongValue for one type. Of a part of a value, or of one that may be NULL, which are loose, only what is written as a number is judged as one.
type judge func(value string, loose bool) (bad, why string)

// judgeOf reads a type once, for all the values of a list; nil where there is nothing to judge.
func judgeOf(typ string, depth int) judge {
	name, args := typeParts(typ)
	if depth == 0 {
		return nil
	}
	kind := strings.ToLower(name)
	switch kind {
	case "nullable", "lowcardinality":
		of := judgeOf(args, depth-1)
		if of == nil {
			return nil
		}
		return func(value string, loose bool) (string, string) { return of(value, loose || kind == "nullable") }
	case "array":
		of := judgeOf(args, depth-1)
		if of == nil {
			return nil
		}
		return within("[", "]", func(parts []string) (string, string) {
			for _, part := range parts {
				if bad, why := of(part, true); why != "" {
					return bad, why
				}
			}
			return "", ""
		})
	case "tuple":
		of, some := judgesOf(split(args, ','), depth)
		if !some {
			return nil
		}
		return within("(", ")", func(parts []string) (string, string) {
			if len(parts) != len(of) {
				return "", ""
			}
			return each(of, parts)
		})
	case "map":
		of, some := judgesOf(split(args, ','), depth)
		if !some {
			return nil
		}
		return within("{", "}", func(parts []string) (string, string) {
			for _, part := range parts {
				if bad, why := each(of, split(part, ':')); why != "" {
					return bad, why
				}
			}
			return "", ""
		})
	}
	whole, ok := integerOf(name)
	if _, isTime := timeTypes[kind]; !ok && !isTime {
		return nil
	}
	return func(value string, loose bool) (string, string) {
		if loose {
			value = strings.Trim(strings.TrimSpace(value), "'")
		}
		switch {
		case !ok:
			return value, wrongTime(kind, value)
		case loose && !wholeNumber(value):
			return "", ""
		}
		return value, whole.wrong(value)
	}
}

// judgesOf are the judges of the elements of a tuple or map, and whether there are any.
func judgesOf(types []string, depth int) (of []judge, some bool) {
	for _, t := range types {
		j := judgeOf(unnamed(t), depth-1)
		of, some = append(of, j), some || j != nil
	}
	return of, some
}

// each judges parts by the judges at their places.
func each(of []judge, parts []string) (bad, why string) {
	for i := range min(len(of), len(parts)) {
		if of[i] == nil {
			continue
		}
		if bad, why := of[i](parts[i], true); why != "" {
			return bad, why
		}
	}
	return "", ""
}

// within judges the parts of a value that stands in brackets.
func within(open, end string, of func(parts []string) (string, string)) judge {
	return func(value string, _ bool) (string, string) {
		inner := strings.TrimSpace(value)
		if !strings.HasPrefix(inner, open) || !strings.HasSuffix(inner, end) || len(inner) < 2 {
			return "", ""
		}
		return of(split(inner[1:len(inner)-1], ','))
	}
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
