package session

import (
	"slices"
	"strconv"
)

// The names of the columns of what a session has several of, in no order. They are no attributes. Texts of them are not of LowCardinality: to read that from many parts takes more.
const (
	Pages      = "pages"       // the path of each of its page views
	OtherPaths = "other_paths" // the paths of its other events, each once, as far as none of the page views beside them has it
	Types      = "types"       // the types of its events, each once
)

// The bounds of what is kept of a piece of a visit, which is no longer than the timeout. A session that has more (a robot, a monitor) is cut: see Hits.
const (
	MaxPages = 2000
	MaxTypes = 200
)

// listType is the type of the columns in the engine.
const listType = "Array(String)"

// list is such a column.
type list struct {
	name     string
	ofEvents string // of a group of events
	each     bool   // a value stands in it once
}

var lists = func() []list {
	most := strconv.Itoa(MaxPages)
	pages := "groupArrayIf(" + most + ")(toString(_e.path), _e.type = 'pageview')"
	others := "groupUniqArrayIf(" + strconv.Itoa(MaxPages+1) + ")(toString(_e.path), _e.type != 'pageview')"
	return []list{
		{Pages, pages, false},
		{OtherPaths, "if(length(" + others + ") > " + most + ", " + others + ", arrayFilter(_p -> NOT has(" + pages + ", _p), " + others + "))", true},
		{Types, "groupUniqArray(" + strconv.Itoa(MaxTypes+1) + ")(toString(_e.type))", true},
	}
}()

// ofRuns is the list of a session whose runs have these.
func (l list) ofRuns(of string) string {
	if l.each {
		return "arrayDistinct(arrayFlatten(" + of + "))"
	}
	return "arrayFlatten(" + of + ")"
}

// lists are the wanted ones, in their order.
func (q Query) lists() []list {
	return slices.DeleteFunc(slices.Clone(lists), func(l list) bool { return !slices.Contains(q.Lists, l.name) })
}

// Lists are the names of all lists.
func Lists() []string {
	out := make([]string, len(lists))
	for i, l := range lists {
		out[i] = l.name
	}
	return out
}

// Hits is a column of events by whose values sessions can be found: those that have an event with a value.
type Hits struct {
	Column string
	// Lists are the lists that together have the values of a session's events.
	Lists []string
	// Cut is an expression over a session with these lists: whether some values are missing.
	Cut string
	// Usual is a value that nearly all sessions have, if there is such a one.
	Usual string
}

// AllHits are the columns by which sessions can be found.
var AllHits = []Hits{
	{"path", []string{Pages, OtherPaths}, "(pageviews != length(" + Pages + ") OR length(" + OtherPaths + ") > " + strconv.Itoa(MaxPages) + ")", ""},
	{"type", []string{Types}, "(length(" + Types + ") > " + strconv.Itoa(MaxTypes) + ")", "pageview"},
}
