package catalog

import "encoding/json"

// Goal is the body of a goal: each event of the type that passes all filters is a conversion.
type Goal struct {
	Type   string   `json:"type"`
	Filter []string `json:"filter,omitempty"` // in the grammar of reports
	Value  float64  `json:"value,omitempty"`  // what one conversion is worth, in the tenant's own unit; 0: not said
}

// Segment is the body of a segment: filters in the grammar of reports, which must all match.
type Segment struct {
	Filter []string `json:"filter"`
}

// Cohort is the body of a cohort: persons, found anew by each question. Exactly one of Did, Funnel and People is set.
type Cohort struct {
	Did     *Behaviour      `json:"did,omitempty"`
	Within  string          `json:"within,omitempty"`   // of Did: how far back from now, such as 30d
	AtLeast *int            `json:"at_least,omitempty"` // of Did: how many such events; nil: 1
	Funnel  json.RawMessage `json:"funnel,omitempty"`   // a funnel as it is asked for
	Step    int             `json:"step,omitempty"`     // of Funnel: those who reached it, 1 for the first
	People  []string        `json:"people,omitempty"`   // persons by their ids
}

// Behaviour is an event that a person did: one of the type (any type when empty) that passes all filters.
type Behaviour struct {
	Type   string   `json:"type,omitempty"`
	Filter []string `json:"filter,omitempty"`
}

// Query is the body of a query.
type Query struct {
	SQL string `json:"sql"`
}

// Dashboard is the body of a dashboard.
type Dashboard struct {
	Panels []Panel `json:"panels"`
}

// Panel is a question with a place on a dashboard.
type Panel struct {
	ID       string          `json:"id"`
	Title    string          `json:"title,omitempty"`
	Kind     string          `json:"kind"`
	Site     string          `json:"site_id,omitempty"` // of the tenant; empty only for SQL
	Question json.RawMessage `json:"question"`
	X        int             `json:"x"`
	Y        int             `json:"y"`
	W        int             `json:"w"`
	H        int             `json:"h"`
	Since    int64           `json:"since"` // version of the dashboard at which a panel with this id came
}
