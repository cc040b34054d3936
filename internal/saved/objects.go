package saved

import (
	"context"
	"encoding/json"

	"weir/internal/catalog"
	"weir/internal/problem"
)

// goalView is a goal as the API shows it.
type goalView struct {
	Meta
	Type   string   `json:"type" example:"signup" doc:"Type of the event that is a conversion"`
	Filter []string `json:"filter" doc:"Filters that it must pass, in the grammar of /report"`
	Value  float64  `json:"value,omitempty" doc:"What one conversion is worth, in a unit of the tenant's own: between -1e12 and 1e12; 0: nothing is said"`
}

type goalPatch struct {
	Name   *string   `json:"name,omitempty" maxLength:"400" example:"Sign-up" doc:"1 to 200 bytes; unique among the site's goals whatever the case of its letters"`
	Type   *string   `json:"type,omitempty" maxLength:"400" example:"signup" doc:"Type of the event that is a conversion. Needed at first."`
	Filter *[]string `json:"filter,omitempty" nullable:"false" doc:"Filters that it must pass, in the grammar of /report" example:"[\"path:/thanks\"]"`
	Value  *float64  `json:"value,omitempty" doc:"What one conversion is worth, in a unit of the tenant's own: between -1e12 and 1e12; 0: nothing is said"`
}

// NamesChanges implements httpapi.Change.
func (*goalPatch) NamesChanges() {}

type goalList struct {
	Goals []goalView `json:"goals"`
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

var goals = kindOf[catalog.Goal, goalView, goalPatch, goalList]{
	name: catalog.KindGoal, plural: "goals",
	doc:  "A goal is an event that counts: `goal=ID` with the metrics conversions and conversion_rate in reports, and a step of a funnel.",
	list: func(v []goalView) goalList { return goalList{v} },
	view: func(s catalog.Saved, g catalog.Goal, _ bool) goalView {
		return goalView{metaOf(s), g.Type, texts(g.Filter), g.Value}
	},
	apply: func(p goalPatch, g *catalog.Goal) *string {
		set(&g.Type, p.Type)
		set(&g.Filter, p.Filter)
		set(&g.Value, p.Value)
		return p.Name
	},
	check: func(_ context.Context, q Questions, _ catalog.Source, g catalog.Goal) *problem.Problem {
		return q.CheckGoal(g)
	},
	filters: func(g catalog.Goal) []string { return g.Filter },
}

// segmentView is a segment as the API shows it.
type segmentView struct {
	Meta
	Filter []string `json:"filter" doc:"In the grammar of /report; all must match"`
}

type segmentPatch struct {
	Name   *string   `json:"name,omitempty" maxLength:"400" example:"Mobile, Germany" doc:"1 to 200 bytes; unique among the site's segments whatever the case of its letters"`
	Filter *[]string `json:"filter,omitempty" nullable:"false" doc:"In the grammar of /report; at least one at first" example:"[\"country:DE\",\"device:mobile\"]"`
}

// NamesChanges implements httpapi.Change.
func (*segmentPatch) NamesChanges() {}

type segmentList struct {
	Segments []segmentView `json:"segments"`
}

var segments = kindOf[catalog.Segment, segmentView, segmentPatch, segmentList]{
	name: catalog.KindSegment, plural: "segments",
	doc:  "A segment is a list of filters under a name: `segment=ID` adds them to any question about the site.",
	list: func(v []segmentView) segmentList { return segmentList{v} },
	view: func(s catalog.Saved, g catalog.Segment, _ bool) segmentView {
		return segmentView{metaOf(s), texts(g.Filter)}
	},
	apply: func(p segmentPatch, g *catalog.Segment) *string { set(&g.Filter, p.Filter); return p.Name },
	check: func(_ context.Context, q Questions, _ catalog.Source, g catalog.Segment) *problem.Problem {
		return q.CheckSegment(g)
	},
	filters: func(g catalog.Segment) []string { return g.Filter },
}

// cohortQuestion says who is in a cohort. Exactly one of did, funnel and people is set.
type cohortQuestion struct {
	Did     *behaviour      `json:"did,omitempty" doc:"Persons who did an event"`
	Within  string          `json:"within,omitempty" maxLength:"20" example:"30d" doc:"Of did: how far back from now, in m, h, d or w; 30d by default"`
	AtLeast *int            `json:"at_least,omitempty" nullable:"false" doc:"Of did: how many such events, 1 or more; 1 by default"`
	Funnel  *map[string]any `json:"funnel,omitempty" doc:"A funnel, as POST /funnel takes it: persons who reached a step of it"`
	Step    int             `json:"step,omitempty" doc:"Of funnel: the step, 1 for the first"`
	People  []string        `json:"people,omitempty" nullable:"false" doc:"Persons by their ids. Not shown to roles that do not see client_id or user_id."`
	Count   int             `json:"people_count,omitempty" readOnly:"true" doc:"How many different ids people names"`
}

type behaviour struct {
	Type   string   `json:"type,omitempty" maxLength:"400" doc:"Of the event; any by default"`
	Filter []string `json:"filter,omitempty" nullable:"false" doc:"That it must pass, in the grammar of /report"`
}

// cohortView is a cohort as the API shows it.
type cohortView struct {
	Meta
	Question cohortQuestion `json:"question"`
}

type cohortPatch struct {
	Name     *string         `json:"name,omitempty" maxLength:"400" example:"Buyers" doc:"1 to 200 bytes; unique among the site's cohorts whatever the case of its letters"`
	Question *cohortQuestion `json:"question,omitempty" doc:"Who is in it; replaced as a whole. Needed at first."`
}

// NamesChanges implements httpapi.Change.
func (*cohortPatch) NamesChanges() {}

type cohortList struct {
	Cohorts []cohortView `json:"cohorts"`
}

func (q *cohortQuestion) body() catalog.Cohort {
	c := catalog.Cohort{Within: q.Within, AtLeast: q.AtLeast, Step: q.Step, People: q.People}
	if q.Did != nil {
		c.Did = &catalog.Behaviour{Type: q.Did.Type, Filter: q.Did.Filter}
	}
	if q.Funnel != nil {
		c.Funnel, _ = json.Marshal(*q.Funnel) // it was JSON
	}
	return c
}

// different is how many of the texts differ.
func different(list []string) int {
	seen := make(map[string]struct{}, len(list))
	for _, s := range list {
		seen[s] = struct{}{}
	}
	return len(seen)
}

func questionOf(c catalog.Cohort) cohortQuestion {
	q := cohortQuestion{Within: c.Within, AtLeast: c.AtLeast, Step: c.Step, People: c.People, Count: different(c.People)}
	if c.Did != nil {
		q.Did = &behaviour{c.Did.Type, c.Did.Filter}
	}
	if c.Funnel != nil {
		var m map[string]any
		if json.Unmarshal(c.Funnel, &m) == nil {
			q.Funnel = &m
		}
	}
	return q
}

var cohorts = kindOf[catalog.Cohort, cohortView, cohortPatch, cohortList]{
	name: catalog.KindCohort, plural: "cohorts",
	doc: "A cohort is a set of persons, found anew by each question: by what they did, by a step of a funnel that they reached, or by a list. " +
		"`filter=cohort:ID` keeps the events of its persons in any question about the site, `filter=!cohort:ID` those of all others.",
	list: func(v []cohortView) cohortList { return cohortList{v} },
	view: func(s catalog.Saved, c catalog.Cohort, hidden bool) cohortView {
		q := questionOf(c)
		if hidden {
			q.People = nil
		}
		return cohortView{metaOf(s), q}
	},
	apply: func(p cohortPatch, c *catalog.Cohort) *string {
		if p.Question != nil {
			*c = p.Question.body()
		}
		return p.Name
	},
	check: func(ctx context.Context, q Questions, src catalog.Source, c catalog.Cohort) *problem.Problem {
		return q.CheckCohort(ctx, src, c)
	},
}
