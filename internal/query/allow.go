package query

import (
	_ "embed"
	"fmt"
	"iter"
	"maps"
	"strings"
)

// The functions a tenant may call: pure ones, which read nothing but their arguments (and the clock, and
// random numbers). A function that is not listed is refused, so a new engine adds nothing by itself.
//
//go:embed functions.txt
var functionList string

//go:embed aggregates.txt
var aggregateList string

var (
	functions  = lowerSet(functionList) // by lower-case name, the name as the engine spells it
	aggregates = lowerSet(aggregateList)
)

func lowerSet(list string) map[string]string {
	m := map[string]string{}
	for _, name := range strings.Fields(list) {
		m[strings.ToLower(name)] = name
	}
	return m
}

// combinators are suffixes of aggregate functions, longest first.
var combinators = []string{"simplestate", "mergestate", "ordefault", "resample", "distinct", "foreach",
	"argmin", "argmax", "ornull", "state", "merge", "array", "null", "map", "if"}

// allowedFunction says whether a function may be called.
func allowedFunction(name string) bool {
	_, ok := functions[strings.ToLower(name)]
	return ok || allowedAggregate(name)
}

func allowedAggregate(name string) bool {
	name = strings.ToLower(name)
	for range 5 {
		if _, ok := aggregates[name]; ok {
			return true
		}
		base := name
		for _, c := range combinators {
			if base = strings.TrimSuffix(name, c); base != name {
				break
			}
		}
		if base == name || base == "" {
			return false
		}
		name = base
	}
	return false
}

func allFunctions() iter.Seq[string] {
	return func(yield func(string) bool) {
		for n := range maps.Values(functions) {
			if !yield(n) {
				return
			}
		}
		for n := range maps.Values(aggregates) {
			if !yield(n) {
				return
			}
		}
	}
}

func upperSet(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// keywords are the words of SQL that may stand in a statement.
var keywords = upperSet(`SELECT DISTINCT ALL AS FROM JOIN INNER LEFT RIGHT FULL OUTER CROSS ANY SEMI ANTI ASOF USING ON ARRAY
WHERE GROUP BY HAVING ORDER LIMIT OFFSET UNION EXCEPT INTERSECT WITH TOTALS ROLLUP CUBE GROUPING SETS FILL STEP TO INTERPOLATE STALENESS
ASC DESC NULLS FIRST LAST AND OR NOT IN BETWEEN LIKE ILIKE REGEXP IS NULL TRUE FALSE NAN INF CASE WHEN THEN ELSE END CAST EXTRACT
INTERVAL EXISTS OVER PARTITION WINDOW ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW QUALIFY DIV MOD TRIM LEADING TRAILING BOTH
FOR SUBSTRING IF COLUMNS APPLY REPLACE STRICT FILTER IGNORE RESPECT TIES DATE TIMESTAMP`)

// beforeBracket are the keywords that an opening bracket may follow.
var beforeBracket = upperSet(`SELECT DISTINCT ALL AS FROM JOIN ANY USING ON WHERE BY HAVING LIMIT OFFSET UNION EXCEPT INTERSECT
ROLLUP CUBE SETS FILL STEP TO INTERPOLATE AND OR NOT IN BETWEEN LIKE ILIKE REGEXP CASE WHEN THEN ELSE CAST EXTRACT INTERVAL EXISTS OVER
QUALIFY DIV MOD TRIM SUBSTRING IF COLUMNS APPLY REPLACE STRICT FILTER ARRAY WITH IS FROM`)

// softNames are keywords of the parser that are harmless as names, once the statement itself defines them.
var softNames = upperSet(`KEY INDEX USER COLUMN COMMENT LOCAL CLUSTER CHECK DEFAULT DATABASE DATABASES TABLE TABLES VIEW BEGIN ADD ALIAS
FIRST LAST STEP ROW ROWS CURRENT DATE TIMESTAMP RANGE LEADING TRAILING BOTH TOP LIVE NATURAL PRIMARY SHOW SNAPSHOT USE VALUES WATCH ENGINE FUNCTION CONSTRAINT`)

// units are the units of an INTERVAL.
var units = upperSet(`YEAR YEARS QUARTER QUARTERS MONTH MONTHS WEEK WEEKS DAY DAYS HOUR HOURS MINUTE MINUTES SECOND SECONDS
MILLISECOND MILLISECONDS MICROSECOND MICROSECONDS NANOSECOND NANOSECONDS DAYOFWEEK DAYOFYEAR`)

// hints say what to do instead of a clause that is not allowed.
var hints = map[string]string{
	"SETTINGS": "limits and formats are set by weir",
	"FORMAT":   `name the format in the request's "format" field`,
	"INTO":     "the answer is the response",
	"OUTFILE":  "the answer is the response",
	"FINAL":    "leave it out: each event is stored once",
	"SAMPLE":   "filter on a hash instead, for example WHERE cityHash64(client_id) % 10 = 0, and multiply counts by 10",
	"GLOBAL":   "leave it out",
	"STREAM":   "leave it out",
	"EXPLAIN":  "only SELECT is allowed",
	"SHOW":     "only SELECT is allowed",
	"DESCRIBE": "only SELECT is allowed",
	"TOP":      "write LIMIT",
	"FETCH":    "write LIMIT",
	"COLLATE":  "sort by a function instead, for example lowerUTF8(name)",
}

// reserved says whether a name could be one of the engine's databases or tables, so that nothing
// of a tenant's may be called so and no qualified name may begin with it.
func reserved(name string) bool {
	n := strings.ToLower(name)
	switch n {
	case "weir", "system", "information_schema", "default":
		return true
	}
	return strings.HasPrefix(n, "_") || strings.HasPrefix(n, "t_")
}

// types are the data types that may be named, with how many arguments that are types they take
// (-1: any number, each with a name if wanted; 0: none, or numbers and strings).
var types = map[string]int{"array": 1, "nullable": 1, "lowcardinality": 1, "map": 2, "tuple": -1}

// typeSpellings are the simple types as the engine spells them, and the composite ones.
var typeSpellings = strings.Fields(`Array Nullable LowCardinality Map Tuple UInt8 UInt16 UInt32 UInt64 UInt128 UInt256 Int8 Int16 Int32 Int64 Int128 Int256
Float32 Float64 BFloat16 Decimal Decimal32 Decimal64 Decimal128 Decimal256 String FixedString Date Date32 DateTime DateTime32
DateTime64 Time Time64 Bool Boolean UUID IPv4 IPv6 Enum Enum8 Enum16 Int Integer BigInt SmallInt TinyInt Float Double Text Varchar Char Timestamp`)

func typeTable() map[string]int {
	for _, t := range typeSpellings[5:] {
		types[strings.ToLower(t)] = 0
	}
	return types
}

var typeArity = typeTable()

// checkType reads a data type, such as Map(String, Array(UInt8)), and says what is wrong with it.
func checkType(s string) error {
	rest, err := readType(strings.TrimSpace(s), 0)
	if err != nil {
		return err
	}
	if rest != "" {
		return fmt.Errorf("%q is not a type", strings.TrimSpace(s))
	}
	return nil
}

func readType(s string, depth int) (rest string, err error) {
	if depth > 16 {
		return "", fmt.Errorf("the type is nested deeper than 16")
	}
	name, rest := cutWord(s)
	arity, ok := typeArity[strings.ToLower(name)]
	if !ok {
		return "", fmt.Errorf("type %q is not allowed%s", name, orNearest(name, maps.Keys(typeArity)))
	}
	if !strings.HasPrefix(rest, "(") {
		if arity != 0 {
			return "", fmt.Errorf("type %s needs arguments", name)
		}
		return rest, nil
	}
	for n := 0; ; n++ {
		rest = strings.TrimLeft(rest[1:], " \t\r\n")
		if arity == 0 {
			rest, err = readTypeLiteral(rest)
		} else {
			if w, after := cutWord(rest); arity < 0 && typeWord(after) {
				if _, isType := typeArity[strings.ToLower(w)]; !isType || after[0] != '(' {
					rest = after // the element's name
				}
			}
			rest, err = readType(rest, depth+1)
		}
		if err != nil {
			return "", err
		}
		switch {
		case strings.HasPrefix(rest, ",") && (arity <= 0 || n+1 < arity):
		case strings.HasPrefix(rest, ")") && (arity <= 0 || n+1 == arity):
			return strings.TrimLeft(rest[1:], " \t\r\n"), nil
		default:
			return "", fmt.Errorf("the arguments of type %s are not what it takes", name)
		}
	}
}

// typeWord says whether a type, rather than a separator, begins here.
func typeWord(s string) bool { return s != "" && isWordStart(s[0]) }

// readTypeLiteral reads a number, a string, or 'name' = number.
func readTypeLiteral(s string) (string, error) {
	i := 0
	for i < len(s) && s[i] != ',' && s[i] != ')' {
		if s[i] == '\'' {
			n := strings.IndexByte(s[i+1:], '\'')
			if n < 0 || strings.ContainsAny(s[i+1:i+1+n], "\\") {
				return "", fmt.Errorf("a string in the type is not plain")
			}
			i += n + 2
			continue
		}
		if !isDigit(s[i]) && !strings.ContainsRune(" \t\r\n=-", rune(s[i])) {
			return "", fmt.Errorf("the type has an argument that is neither a number nor a string")
		}
		i++
	}
	if strings.TrimSpace(s[:i]) == "" {
		return "", fmt.Errorf("the type has an empty argument")
	}
	return s[i:], nil
}

func cutWord(s string) (w, rest string) {
	i := 0
	for i < len(s) && isWord(s[i]) {
		i++
	}
	return s[:i], strings.TrimLeft(s[i:], " \t\r\n")
}

func orNearest(name string, names iter.Seq[string]) string {
	if n := nearest(name, names); n != "" {
		return "; the nearest allowed one is " + n
	}
	return ""
}
