package query

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sqlc-dev/doubleclick/token"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/lookup"
)

// relation is the name of the relation of a tenant's events.
const relation = "events"

// column is one column of a relation as the tenant sees it.
type column struct {
	name, typ string
	expr      string   // over the table of the events, whose alias is _e
	reads     []string // physical columns
	property  bool
}

// propertyTypes are the types of the columns of properties.
var propertyTypes = map[event.PropertyKind]string{event.PropBool: "Nullable(Bool)", event.PropInt: "Nullable(Int64)", event.PropFloat: "Nullable(Float64)", event.PropString: "Nullable(String)"}

// exposed says whether a property becomes a column. Others are reached by props['name'] only.
func exposed(p event.Property) bool { return propertyTypes[p.Kind] != "" && event.NameIsColumn(p.Name) }

// view is what one scope sees: the columns of its relation.
type view struct {
	guard *Guard
	sc    Scope
	props []event.Property  // those of sc, by name
	masks map[string]string // actions on columns, and on the properties of the same names, by name
	own   map[string]string // actions on properties, by name: masks, and those of properties alone
	key   string            // of MaskHash, as SQL
	// lookups are those of the scope's lookup tables that were looked for, by name; nil: it cannot be written.
	lookups map[string]*lookup.Table

	sample bool // the text will be shown: see hash
}

// newView prepares a scope. With sample, the text will be shown: hashes tell nothing in it.
func (g *Guard) newView(sc Scope, sample bool) *view {
	v := &view{guard: g, sc: sc, masks: map[string]string{}, own: map[string]string{}, key: maskKey(sc, sample), sample: sample, props: sc.Properties, lookups: map[string]*lookup.Table{}}
	byName := func(a, b event.Property) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(v.props, byName) {
		v.props = slices.Clone(v.props)
		slices.SortStableFunc(v.props, byName)
	}
	for _, m := range sc.Masks {
		action := catalog.MaskHide // also what is not known here
		if m.Action == catalog.MaskHash {
			action = catalog.MaskHash
		}
		if v.own[m.Column] != catalog.MaskHide { // the stricter one of two
			v.own[m.Column] = action
		}
		if !m.Property && v.masks[m.Column] != catalog.MaskHide {
			v.masks[m.Column] = action
		}
	}
	return v
}

// maskKey is the key of a tenant's hashes, as a tuple of two numbers of 19 or 20 digits: clean finds them in the engine's messages.
func maskKey(sc Scope, sample bool) string {
	h := sha256.New()
	if !sample {
		h.Write([]byte("weir mask\x00"))
		h.Write(sc.MaskKey)
		h.Write([]byte("\x00" + string(sc.Tenant)))
	}
	sum := h.Sum(nil)
	half := func(b []byte) string { return strconv.FormatUint(binary.BigEndian.Uint64(b)|1<<63, 10) }
	return "(" + half(sum) + ", " + half(sum[8:]) + ")"
}

// hash is the hash of a text. In a text that will be shown the key is one that everybody can see, and EXPLAIN evaluates scalar subqueries:
// there nothing of the text goes into the hash, or whoever reads it could try out what it stands for.
func (v *view) hash(text string) string {
	if v.sample {
		text = "substring(" + text + ", 1, 0)"
	}
	return "hex(sipHash128Keyed(" + v.key + ", " + text + "))"
}

// builtin returns the columns of the table that the scope sees and that are wanted; all for nil.
func (v *view) builtin(want func(name string) bool) []column {
	var out []column
	if v.sc.All && (want == nil || want("tenant")) {
		out = append(out, column{name: "tenant", typ: event.KindLowCard.Type(), expr: "_e.tenant", reads: []string{"tenant"}})
	}
	for _, c := range event.Columns {
		if c.Visible && c.Stored && (want == nil || want(c.Name)) {
			out = append(out, v.masked(c))
		}
	}
	return out
}

// masked is a column of the table behind the masks.
func (v *view) masked(c event.Column) column {
	out := column{name: c.Name, typ: c.TableType(), expr: "_e." + c.Name, reads: []string{c.Name}}
	action := v.masks[c.Name]
	switch {
	case c.Kind == event.KindProps || c.Kind == event.KindNums:
		out.expr = v.maskedMap(c)
		if c.Kind == event.KindProps && v.masks["props_num"] != "" {
			out.reads = []string{"props", "props_num"}
		}
	case action == "":
	case action == catalog.MaskHash:
		text := out.expr
		if c.Kind != event.KindString && c.Kind != event.KindLowCard {
			text = "toString(" + text + ")"
		}
		out.typ, out.expr = "String", "CAST(if("+text+" = '', '', "+v.hash(text)+") AS String)"
	case c.Kind == event.KindString || c.Kind == event.KindLowCard:
		out.typ, out.expr, out.reads = "String", "''", nil
	default:
		out.typ, out.expr, out.reads = "Nullable("+out.typ+")", "CAST(NULL AS Nullable("+out.typ+"))", nil
	}
	return out
}

// maskedMap is props or props_num without what is masked. What hides a name hides what lies below it, too: user hides user.email.
// A number that is hashed is in neither map, only in its column.
func (v *view) maskedMap(c event.Column) string {
	all := "_e." + c.Name
	whole := v.masks[c.Name]
	if c.Kind == event.KindNums && v.masks["props"] != "" {
		whole = v.masks["props"] // numbers are properties
	}
	var hide, hash []string
	if c.Kind == event.KindProps && v.masks["props_num"] != "" { // the digits of numbers that a float cannot hold are texts, too
		hide = append(hide, "mapContains(_e.props_num, _k)")
	}
	for _, m := range v.sc.Masks {
		if !m.Property && (m.Column == "props" || m.Column == "props_num") {
			continue
		}
		below := "(_k = " + literal(m.Column) + " OR startsWith(_k, " + literal(m.Column+".") + "))"
		if v.own[m.Column] == catalog.MaskHash && c.Kind == event.KindProps {
			hash = append(hash, below)
		} else {
			hide = append(hide, below)
		}
	}
	switch {
	case whole == catalog.MaskHide, whole != "" && c.Kind == event.KindNums:
		hide = []string{"1 = 1"}
	case whole == catalog.MaskHash:
		hash = []string{"1 = 1"}
	}
	if len(hide) > 0 {
		all = "mapFilter((_k, _v) -> NOT (" + strings.Join(hide, " OR ") + "), " + all + ")"
	}
	if len(hash) > 0 {
		all = "mapApply((_k, _v) -> (_k, if(" + strings.Join(hash, " OR ") + ", " + v.hash("_v") + ", _v)), " + all + ")"
	}
	if all == "_e."+c.Name {
		return all
	}
	return "CAST(" + all + " AS " + c.TableType() + ")"
}

// action is what the masks do with a property: its own mask, one of the object that it belongs to, or one of all properties.
func (v *view) action(name string) string {
	worst := ""
	note := func(action string) {
		if action == catalog.MaskHide || worst == "" {
			worst = action
		}
	}
	note(v.masks["props"])
	for i := range name {
		if name[i] == '.' {
			note(v.own[name[:i]])
		}
	}
	note(v.own[name])
	return worst
}

// property is the column of a property, over _s and _n, the maps with values that may be NULL. Missing and null are NULL: an
// element that a map lacks is its type's default.
func (v *view) property(p event.Property) column {
	name := literal(p.Name)
	text, num := "_s["+name+"]", "_n["+name+"]"
	out := column{name: p.Name, typ: propertyTypes[p.Kind], property: true}
	asText := "coalesce(nullIf(" + text + ", 'null'), toString(" + num + "))"
	action := v.action(p.Name)
	numbersHidden := v.masks["props_num"] != ""
	if numbersHidden {
		asText = "if(mapContains(_e.props_num, " + name + "), NULL, nullIf(" + text + ", 'null'))"
	}
	switch {
	case action == catalog.MaskHide, numbersHidden && (p.Kind == event.PropInt || p.Kind == event.PropFloat):
		out.expr = "CAST(NULL AS " + out.typ + ")"
	case action == catalog.MaskHash:
		out.typ, out.reads = "Nullable(String)", []string{"props", "props_num"}
		out.expr = "CAST(" + v.hash(asText) + " AS Nullable(String))"
	case p.Kind == event.PropBool:
		// Not by a cast, which takes yes and 1 for true: rows from before the property was forgotten may have them.
		out.expr, out.reads = "CAST(multiIf("+text+" = 'true', true, "+text+" = 'false', false, NULL) AS Nullable(Bool))", []string{"props"}
	case p.Kind == event.PropInt:
		out.expr, out.reads = "accurateCastOrNull("+num+", 'Int64')", []string{"props_num"}
	case p.Kind == event.PropFloat:
		out.expr, out.reads = num, []string{"props_num"}
	default:
		out.expr, out.reads = asText, []string{"props", "props_num"}
	}
	return out
}

// find returns the property of a name that becomes a column.
func (v *view) find(name string) (event.Property, bool) {
	i, ok := slices.BinarySearchFunc(v.props, name, func(p event.Property, name string) int { return strings.Compare(p.Name, name) })
	if !ok || !exposed(v.props[i]) {
		return event.Property{}, false
	}
	return v.props[i], true
}

// unexposed is how a property that becomes no column is read; empty if there is none of this name.
func (v *view) unexposed(name string) string {
	i, ok := slices.BinarySearchFunc(v.props, name, func(p event.Property, name string) int { return strings.Compare(p.Name, name) })
	switch {
	case !ok || exposed(v.props[i]):
		return ""
	case v.props[i].Kind == event.PropInt || v.props[i].Kind == event.PropFloat:
		return "props_num[" + literal(name) + "]"
	}
	return "props[" + literal(name) + "]"
}

// properties returns the columns of all properties of the scope.
func (v *view) properties() []column {
	out := make([]column, 0, len(v.props))
	for i, p := range v.props {
		if exposed(p) && (i == 0 || v.props[i-1].Name != p.Name) {
			out = append(out, v.property(p))
		}
	}
	return out
}

// cte is the definition of the relation of events with the columns. Every name of the table is qualified, so that no alias can stand for it.
func (v *view) cte(cols []column) string {
	var b strings.Builder
	b.WriteString(relation + " AS (")
	if slices.ContainsFunc(cols, func(c column) bool { return c.property }) {
		b.WriteString("WITH CAST(_e.props AS Map(String, Nullable(String))) AS _s, CAST(_e.props_num AS Map(String, Nullable(Float64))) AS _n ")
	}
	b.WriteString("SELECT ")
	for i, c := range cols {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.expr)
		b.WriteString(" AS ")
		b.WriteString(quoteName(c.name))
	}
	b.WriteString(" FROM weir.events AS _e")
	glue := " WHERE "
	for _, cond := range []string{v.tenantCondition(), v.asOf()} {
		if cond != "" {
			b.WriteString(glue + cond)
			glue = " AND "
		}
	}
	b.WriteString(")")
	return b.String()
}

// tenantCondition is the first barrier. The id's alphabet needs no escaping; it was checked.
func (v *view) tenantCondition() string {
	if !v.sc.All {
		return "_e.tenant = '" + string(v.sc.Tenant) + "'"
	}
	if len(v.sc.Gone) == 0 {
		return ""
	}
	ids := make([]string, len(v.sc.Gone))
	for i, id := range v.sc.Gone {
		ids[i] = "'" + string(id) + "'"
	}
	return "_e.tenant NOT IN (" + strings.Join(ids, ", ") + ")"
}

// asOf is the condition of a repeatable read.
func (v *view) asOf() string {
	switch {
	case v.sc.AsOf == nil:
		return ""
	case len(v.sc.AsOf) == 0:
		return "1 = 0"
	}
	var parts, offsets []string
	for _, p := range v.sc.AsOf {
		parts = append(parts, strconv.FormatUint(uint64(p.Partition), 10))
		offsets = append(offsets, "toUInt64("+strconv.FormatUint(p.Offset, 10)+")")
	}
	list := strings.Join(parts, ", ")
	return fmt.Sprintf("_e._partition IN (%s) AND _e._offset <= transform(_e._partition, [%s], [%s], toUInt64(0))", list, list, strings.Join(offsets, ", "))
}

// database is the name of the scope's database.
func (v *view) database() string {
	if v.sc.All {
		return "default"
	}
	return string(v.sc.Tenant)
}

// literal writes a text as the engine and the parser read it.
func literal(s string) string { return "'" + literalEscaper.Replace(s) + "'" }

var literalEscaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// quoteName writes a name. What exposed lets through and our own names have neither ` nor \.
func quoteName(s string) string {
	if _, special := token.Keywords[strings.ToUpper(s)]; isPlainName(s) && !special && !keywords[strings.ToUpper(s)] {
		return s
	}
	return "`" + s + "`"
}
