package query

import "slices"

// Whoever sends events chooses the names of properties, and the engine prefers a column that is called e.type to the column type of the relation e. So a
// property whose name is written in parts that begin with a relation's name is no column of the statement: e.type is what the relation e has.

// shadowed says whether the statement means a column of a relation where it names the property.
func (s *statement) shadowed(property string) bool {
	return slices.ContainsFunc(s.spelled[property], s.walked.qualifies)
}

// ambiguous refuses a statement that writes a property's name in one piece and a column of a relation that reads the same in parts.
func (s *statement) ambiguous() error {
	for _, l := range s.toks {
		if l.kind == quoted && s.shadowed(l.text) {
			return s.refuse(l.start, "%s is a property, and a column of a relation of this statement is written the same; give the relation another alias, or read the property as props[%s]", l.text, literal(l.text)).as(CodeUnknownColumn)
		}
	}
	return nil
}

// qualifies says whether columns can be written behind the name: it is one of a relation. Databases are taken off before.
func (w *walker) qualifies(name string) bool {
	return w.qualifiers[name] || ownRelation(name) || w.metadata[name] || w.lookups[name]
}
