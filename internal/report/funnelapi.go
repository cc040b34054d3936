package report

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/usage"
)

const funnelDoc = `Counts how many persons went through steps, within the window from the first event of an attempt. Of the events that pass the filters, from from to to:
- order=ordered: each step is a later event than the one before; anything may lie between. order=strict: it is the person's very next action; actions are all events but those of type engagement, scroll,
identify, alias and group, and what serves a step. order=any: the steps come in any order, and step i counts those who did any i of them.
- Events of the same time are in the order in which they came in. One event never serves two steps.
- Exclusions: of the events after step after and before step before none may match; an attempt that meets one comes no further.
- A person may try several times; the attempt that comes furthest counts, and of those the one that begins first. breakdown is by the value at its first event.
- median_seconds is the time from the step before, of those who came so far (of more than 100000, of a sample of as many; for each value of breakdown 10000).
Persons are visitors, joined by identify and alias events. dropped are those who came to the step before and not to this one. Robots are left out unless bots says otherwise.`

func registerFunnels(api huma.API, r *Reporter) {
	huma.Register(api, huma.Operation{
		OperationID: "funnel", Method: http.MethodPost, Path: basePath + "/funnel", Tags: []string{"analytics"}, Summary: "A funnel", Description: funnelDoc, Responses: answerOf[Funnel](api, "Funnel"),
	}, r.postFunnel)
	huma.Register(api, huma.Operation{
		OperationID: "funnel-people", Method: http.MethodPost, Path: basePath + "/funnel/people", Tags: []string{"analytics"}, Summary: "The persons at a step of a funnel",
		Description: "Those who reached step, or with dropped those who reached the step before and not this one, by id, page by page: next is the cursor of the following page.\n\n" + funnelDoc,
		Responses:   answerOf[FunnelPeople](api, "FunnelPeople"),
	}, r.postFunnelPeople)
}

type funnelBody struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Body   FunnelQuery
}

type funnelPeopleBody struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Body   struct {
		FunnelQuery
		Limit   *int   `json:"limit,omitempty" nullable:"false" doc:"At most so many persons; 100 by default, at most 1000."` // in place of the funnel's own
		Step    *int   `json:"step,omitempty" nullable:"false" doc:"1 for the first; 1 by default."`
		Dropped bool   `json:"dropped,omitempty" doc:"Those who came to the step before and not to this one."`
		Cursor  string `json:"cursor,omitempty" doc:"next of the page before."`
	}
}

// Funnel is the answer to a funnel.
type Funnel struct {
	Steps         []FunnelStep  `json:"steps"`
	Breakdown     []FunnelGroup `json:"breakdown,omitempty" doc:"By value, those with the most persons at the first step first. Beyond 20000 values the rest is other."`
	AsOf          string        `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	CompleteUntil string        `json:"complete_until" doc:"Later events may still arrive for times after this."`
}

// FunnelStep is a step of the answer.
type FunnelStep struct {
	Step           int      `json:"step" doc:"1 for the first."`
	Name           string   `json:"name"`
	Count          uint64   `json:"count" doc:"Persons who reached it."`
	Conversion     float64  `json:"conversion" doc:"Of those at the first step, 0 to 1."`
	StepConversion float64  `json:"step_conversion" doc:"Of those at the step before, 0 to 1."`
	MedianSeconds  *float64 `json:"median_seconds" doc:"From the step before; null for the first, and where nobody came so far."`
	Dropped        uint64   `json:"dropped" doc:"Persons who reached the step before and not this one."`
}

// FunnelGroup is the funnel of those with a value at the first step.
type FunnelGroup struct {
	Value string       `json:"value"`
	Steps []FunnelStep `json:"steps"`
}

// FunnelPeople is a page of persons.
type FunnelPeople struct {
	People        []FunnelPerson `json:"people"`
	Next          string         `json:"next" doc:"Cursor of the following page; empty on the last one."`
	AsOf          string         `json:"as_of"`
	CompleteUntil string         `json:"complete_until"`
}

// FunnelPerson is a person at a step.
type FunnelPerson struct {
	Person    string   `json:"person"`
	ClientIDs []string `json:"client_ids" doc:"Of the person's events in the range that pass the filters; at most 100."`
	ReachedAt string   `json:"reached_at" doc:"When the person reached the step; with dropped, the step before."`
}

func (r *Reporter) postFunnel(ctx context.Context, in *funnelBody) (*served, error) {
	who, src, p := r.source(ctx, in.SiteID)
	if p != nil {
		return nil, fail(p)
	}
	f, p := r.funnelOf(ctx, src, in.Body)
	if p == nil {
		p = r.personMasked(who, f.q, map[string][]stage{"steps": f.steps, "exclude": f.excluded}, f.breakdown, false)
	}
	if p != nil {
		return nil, fail(p)
	}
	out, p := r.serve(ctx, &panel{
		endpoint: "funnel", who: who, src: src, asks: asksFunnel("funnel", f), says: fmt.Sprintf("a funnel of %d steps of %s", len(f.steps), src.SiteID), key: keyOf(append(f.parts(), "funnel")...),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, f.shape()), Kind: usage.KindReport, Columns: f.columns(), From: f.q.From, To: f.q.To}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) { return r.answerFunnel(ctx, t, f) },
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// shape names funnels that differ in values only.
func (f *funnelQuestion) shape() string {
	b := &builder{q: f.q, params: map[string]string{}}
	return shapeOf("funnel\n" + b.funnelSQL(f, people{person: visitorID}, funnelRead{}))
}

// The bounds of a page of persons.
const (
	defaultPersons = 100
	maxPersons     = 1000
	maxClientIDs   = 100
)

// funnelPage is a page of persons that is asked for.
type funnelPage struct {
	step    int // from 0
	dropped bool
	limit   int
	after   string // the last person of the page before
}

func pageOf(f *funnelQuestion, step *int, dropped bool, limit *int, cursor string) (funnelPage, *problem.Problem) {
	most, p := atLeastOne("limit", limit, maxPersons, "report.people")
	g := funnelPage{dropped: dropped, limit: cmp.Or(most, defaultPersons)}
	if p != nil {
		return g, p
	}
	if step != nil {
		g.step = *step - 1
	}
	if g.step < 0 || g.step >= len(f.steps) {
		return g, invalid("step", "step is %d, it must be between 1 and %d", *step, len(f.steps))
	}
	if dropped && g.step == 0 {
		return g, invalid("step", "nobody drops at the first step; with dropped, step is between 2 and %d", len(f.steps))
	}
	last, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !utf8.Valid(last) {
		return g, invalid("cursor", "cursor is not one that a page gave; leave it out for the first page")
	}
	g.after = string(last)
	return g, nil
}

func (r *Reporter) postFunnelPeople(ctx context.Context, in *funnelPeopleBody) (*served, error) {
	who, src, p := r.source(ctx, in.SiteID)
	if p != nil {
		return nil, fail(p)
	}
	f, p := r.funnelOf(ctx, src, in.Body.FunnelQuery)
	var page funnelPage
	if p == nil {
		f.breakdown = nil // persons are not broken down
		page, p = pageOf(f, in.Body.Step, in.Body.Dropped, in.Body.Limit, in.Body.Cursor)
	}
	if p == nil {
		p = r.personMasked(who, f.q, map[string][]stage{"steps": f.steps, "exclude": f.excluded}, nil, true)
	}
	if p != nil {
		return nil, fail(p)
	}
	out, p := r.serve(ctx, &panel{
		endpoint: "funnel_people", who: who, src: src, asks: asksFunnel("people of a funnel", f), says: fmt.Sprintf("persons of a funnel of %d steps of %s", len(f.steps), src.SiteID),
		key: keyOf(append(f.parts(), "funnel people", fmt.Sprintf("%+v", page))...),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, f.shape()), Kind: usage.KindReport, Columns: f.columns(), From: f.q.From, To: f.q.To}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) { return r.answerFunnelPeople(ctx, t, f, page) },
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

func (r *Reporter) answerFunnelPeople(ctx context.Context, t *tally, f *funnelQuestion, page funnelPage) (*kept, error) {
	var list []FunnelPerson
	cut := func() {
		slices.SortFunc(list, func(a, b FunnelPerson) int { return cmp.Compare(a.Person, b.Person) })
		list = list[:min(len(list), page.limit+1)]
	}
	err := r.funnelPersons(ctx, t, f, func(person string, times []int64, _ string) error {
		at := page.step
		if page.dropped {
			at--
		}
		if len(times) <= at || page.dropped && len(times) > page.step || person <= page.after {
			return nil
		}
		list = append(list, FunnelPerson{Person: person, ReachedAt: formatTime(time.UnixMilli(times[at]))})
		if len(list) > 4*maxPersons {
			cut()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cut()
	next := ""
	if len(list) > page.limit {
		list = list[:page.limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(list[len(list)-1].Person))
	}
	if err := r.clientsOf(ctx, t, f.q, list); err != nil {
		return nil, err
	}
	if list == nil {
		list = []FunnelPerson{}
	}
	b, err := marshal(list)
	return &kept{head: fmt.Appendf(nil, `{"people":%s,"next":%q`, b, next)}, err
}

// clientsOf fills the client ids of persons.
func (r *Reporter) clientsOf(ctx context.Context, t *tally, q Question, list []FunnelPerson) error {
	if len(list) == 0 {
		return nil
	}
	at, ids := map[string]int{}, make([]string, len(list))
	for i, p := range list {
		at[p.Person], ids[i] = i, p.Person
		list[i].ClientIDs = []string{}
	}
	q, err := r.attributed(ctx, t, q, q.From, q.To, nil, nil)
	if err != nil {
		return err
	}
	b := &builder{q: q, params: map[string]string{}}
	p, err := r.people(ctx, t, b, q.Tenant, q.Site)
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("SELECT %s AS person, arraySort(groupUniqArrayIf(%d)(client_id, client_id != ''))\nFROM (SELECT client_id, user_id FROM %s WHERE tenant = %s AND site_id = %s AND %s%s GROUP BY client_id, user_id) AS visitors%s\nWHERE person IN %s\nGROUP BY person",
		p.person, maxClientIDs, b.events(), b.text("tenant", q.Tenant), b.text("site", q.Site), b.between("ts", "from", q.From, "to", q.To), b.conditions("f", q.Filters)+botsCondition(q.Bots), p.join, b.texts("persons", ids))
	return r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "funnel/" + q.Tenant}, func(row []any) error {
		person, ok := row[0].(string)
		clients, ok2 := row[1].([]any)
		i, known := at[person]
		if len(row) != 2 || !ok || !ok2 || !known {
			return fmt.Errorf("funnel: unexpected row %v", row)
		}
		for _, c := range clients {
			id, ok := c.(string)
			if !ok {
				return fmt.Errorf("funnel: %v is no client id", c)
			}
			list[i].ClientIDs = append(list[i].ClientIDs, id)
		}
		return nil
	})
}

// checkFunnel checks the question of a panel.
func (r *Reporter) checkFunnel(ctx context.Context, src catalog.Source, question []byte) *problem.Problem {
	a, p := decodeFunnel(question)
	if p == nil {
		_, p = r.funnelOf(ctx, src, a)
	}
	return p
}

// answerFunnelPanel answers the question of a panel.
func (r *Reporter) answerFunnelPanel(ctx context.Context, src catalog.Source, question []byte) (*served, error) {
	a, p := decodeFunnel(question)
	if p != nil {
		return nil, p
	}
	return r.postFunnel(ctx, &funnelBody{SiteID: src.SiteID, Body: a})
}
