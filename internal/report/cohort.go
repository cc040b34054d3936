package report

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// cohortFilter is the column of a filter that names a cohort.
const cohortFilter = "cohort"

// The bounds of a cohort.
const (
	defaultWithin = 30 * 24 * time.Hour
	maxWithin     = 400 * 24 * time.Hour
	maxAtLeast    = 1_000_000
	maxPeople     = 10_000
)

// cohort is a set of persons that a filter names. Until findCohort has filled it only id is set; no statement is made of that.
type cohort struct {
	id      string
	version int64
	// One of these is set.
	people []string
	did    *did
	funnel *funnelQuestion // people is who reached step, once it was asked
	step   int

	tenant, site string
	links        string            // selects of_user, of_id and of_person of the linked ids of the site; empty: none is
	params       map[string]string // that links needs
	linkKey      string            // changes with what links gives

	found *members // who they are; nil: each statement finds them
}

// did is a behaviour: persons with at least so many events that pass, in a range of time.
type did struct {
	typ         string // empty: any
	filters     []Filter
	from, to    time.Time
	atLeast     int
	attribution *attribution
	bots        string // what bots do makes nobody a member, unless a filter looks at them
}

// parseCohort reads the values of a filter on cohort.
func parseCohort(values string, not bool) (Filter, *problem.Problem) {
	if rest, ok := strings.CutPrefix(values, "!"); ok && !not {
		values, not = rest, true
	}
	if values == "" || len(values) > 100 || !utf8.ValidString(values) || strings.ContainsAny(values, "|~\\\x00") {
		return Filter{}, invalid("filter", "a filter on cohort names one saved cohort by its id: cohort:ID, or !cohort:ID for everybody else")
	}
	return Filter{Not: not, Cohort: &cohort{id: values}}, nil
}

// CohortsIn are the ids of the cohorts that filters name. What is no filter names none.
func (r *Reporter) CohortsIn(filters []string) []string {
	var ids []string
	for _, text := range filters {
		if f, p := parseFilter(text); p == nil && f.Cohort != nil {
			ids = append(ids, f.Cohort.id)
		}
	}
	return ids
}

// FunnelNames are the saved segment and goals that a funnel names. What is no funnel names none.
func (r *Reporter) FunnelNames(funnel json.RawMessage) (segment string, goals []string) {
	a, p := decodeFunnel(funnel)
	if p != nil {
		return "", nil
	}
	for _, s := range a.Steps {
		if s.Goal != "" {
			goals = append(goals, s.Goal)
		}
	}
	return a.Segment, goals
}

// findCohort fills what the catalog knows of a cohort.
func (r *Reporter) findCohort(ctx context.Context, src catalog.Source, c *cohort) *problem.Problem {
	var body catalog.Cohort
	if inCohort(ctx) {
		return invalid("filter", "a cohort cannot be made of another cohort; write its filters in its place")
	}
	version, p := r.object(ctx, src, catalog.KindCohort, "filter", c.id, &body)
	if p != nil {
		return p
	}
	c.version = version
	if p := r.fillCohort(ctx, src, c, body); p != nil {
		return p
	}
	if c.funnel != nil {
		if p := r.askCohort(ctx, src, c); p != nil {
			return p
		}
	}
	return r.linkCohort(ctx, src, c)
}

// fillCohort checks a definition and makes it part of c.
func (r *Reporter) fillCohort(ctx context.Context, src catalog.Source, c *cohort, body catalog.Cohort) *problem.Problem {
	set := 0
	for _, is := range []bool{body.Did != nil, body.Funnel != nil, body.People != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return problem.New(http.StatusUnprocessableEntity, "invalid_question",
			`a cohort is one of: {"did": {"type": "purchase"}, "within": "30d", "at_least": 1}, {"funnel": {…}, "step": 2}, {"people": ["id", …]}; the question has %d of did, funnel and people`, set).WithField("question")
	case body.Did == nil && (body.Within != "" || body.AtLeast != nil):
		return invalid("question.within", "within and at_least belong to did")
	case body.Funnel == nil && body.Step != 0:
		return invalid("question.step", "step belongs to funnel")
	case body.Funnel != nil:
		return r.fillFunnel(ctx, src, c, body)
	case body.People != nil:
		return c.fillPeople(body.People)
	}
	return r.fillDid(c, body)
}

func (c *cohort) fillPeople(ids []string) *problem.Problem {
	const field = "question.people"
	if len(ids) == 0 || len(ids) > maxPeople {
		return invalid(field, "people names %d persons, it must be 1 to %d", len(ids), maxPeople).WithLimit("report.cohort_people", maxPeople)
	}
	for _, id := range ids {
		if id == "" || len(id) > event.MaxID || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
			return invalid(field, "people has %q; the id of a person is 1 to %d bytes of valid text", clip(strings.ToValidUTF8(id, "?")), event.MaxID)
		}
	}
	c.people = ids
	return nil
}

func (r *Reporter) fillDid(c *cohort, body catalog.Cohort) *problem.Problem {
	if p := checkType("question.did.type", body.Did.Type, false); p != nil {
		return p
	}
	q := Question{}
	if p := (ask{Filter: body.Did.Filter}).filters(&q); p != nil {
		return p.WithField("question.did.filter")
	}
	if slices.ContainsFunc(q.Filters, func(f Filter) bool { return f.Cohort != nil }) {
		return invalid("question.did.filter", "a cohort cannot be made of another cohort; write its filters here")
	}
	within, ok := lengthOr(body.Within, defaultWithin)
	if !ok || within > maxWithin {
		return invalid("question.within", "within is %q; write %s, at most 400d", clip(body.Within), lengthForm).WithLimit("report.cohort_days", int64(maxWithin/(24*time.Hour)))
	}
	atLeast := 1
	if body.AtLeast != nil {
		atLeast = *body.AtLeast
	}
	if atLeast < 1 || atLeast > maxAtLeast {
		return invalid("question.at_least", "at_least is %d, it must be between 1 and %d; left out, it is 1", atLeast, maxAtLeast).WithLimit("report.cohort_at_least", maxAtLeast)
	}
	bots, p := botsOf("", nil, q.Filters)
	if p != nil {
		return p
	}
	to := roundUp(r.now(), grain(within))
	c.did = &did{typ: body.Did.Type, filters: q.Filters, from: to.Add(-within), to: to, atLeast: atLeast, bots: bots}
	return nil
}

// CheckCohort says what is wrong with the definition of a cohort.
func (r *Reporter) CheckCohort(ctx context.Context, src catalog.Source, c catalog.Cohort) *problem.Problem {
	return r.fillCohort(ctx, src, &cohort{}, c)
}

// parts are what an answer depends on.
func (c *cohort) parts() []string {
	parts := []string{"cohort", c.id, strconv.FormatInt(c.version, 10), c.linkKey}
	if c.did != nil {
		if c.did.attribution != nil {
			parts = append(parts, c.did.attribution.timeout.String())
		}
		parts = append(parts, c.did.from.UTC().Format(time.RFC3339Nano), c.did.to.UTC().Format(time.RFC3339Nano))
	}
	if c.funnel != nil {
		h := keyOf(c.people...)
		parts = append(append(parts, c.funnel.parts()...), hex.EncodeToString(h[:]))
	}
	return parts
}

// dims are the columns and properties that a filter looks at. A list of persons is a filter on who they are.
func (f Filter) dims() []Dim {
	c := f.Cohort
	switch {
	case c == nil:
		return []Dim{f.Dim}
	case c.funnel != nil:
		return c.funnel.dims()
	case c.did == nil:
		return []Dim{{Column: "client_id"}, {Column: "user_id"}}
	}
	dims := []Dim{{Column: "type"}}
	for _, inner := range c.did.filters {
		dims = append(dims, inner.Dim)
	}
	return dims
}

// linkCohort notes how persons are found now. What is asked of the engine for it is charged to the tenant.
func (r *Reporter) linkCohort(ctx context.Context, src catalog.Source, c *cohort) *problem.Problem {
	if p := r.settle(ctx, src.Tenant); p != nil { // the question itself waits too, but later
		return p
	}
	b := &builder{params: map[string]string{}}
	l := r.linked(string(src.Tenant), src.SiteID)
	t := &tally{}
	kinds, err := r.linkKinds(ctx, t, l)
	if t.cpu > 0 {
		r.tell(usage.Record{Subject: usage.Subject{Tenant: src.Tenant, Source: src.SiteID, Role: tenant.RoleViewer, Shape: cohortFilter}, Kind: usage.KindReport, At: time.Now(), CPU: t.cpu,
			MemorySeconds: t.memory, BytesScanned: t.told().ReadBytes, RowsRead: t.told().ReadRows, Partial: err != nil})
	}
	if err != nil {
		return r.problemOf(ctx, "the persons of "+src.SiteID, err)
	}
	c.tenant, c.site = string(src.Tenant), src.SiteID
	if c.did != nil {
		c.did.attribution = r.attributionOfDid(src, c.did)
	}
	switch {
	case kinds.aliases:
		c.links = b.persons(l, kinds.chains)
	case kinds.clients:
		c.links = "SELECT toUInt8(0) AS of_user, of_id, of_person FROM (\n" + b.clientsOfUsers(l) + "\n)"
	}
	c.params, c.linkKey = b.params, fmt.Sprint(l.last, l.undone, kinds.clients, kinds.aliases, kinds.chains)
	return nil
}

// inCohort is the condition that an event's person is in a cohort. It needs the columns client_id and user_id, and no join. The names of its
// parameters begin with prefix.
func (b *builder) inCohort(prefix string, c *cohort) string {
	if c.found != nil {
		return b.isMember(prefix, c.found)
	}
	maps.Copy(b.params, c.params)
	if c.links == "" {
		return visitorID + " IN (" + b.personsOf(prefix, c) + ")"
	}
	return "(user_id != '', " + visitorID + ") IN (" + b.idsOf(prefix, c) + ")"
}

// idsOf selects the ids of the persons of a cohort where ids are linked: those that are linked to them, and their own unless it is linked to somebody else.
func (b *builder) idsOf(prefix string, c *cohort) string {
	return "SELECT x.1, x.2 FROM (\nSELECT arrayJoin(arrayConcat(ids, [(toUInt8(0), p, true), (toUInt8(1), p, true)])) AS x FROM (\n" + b.personsOf(prefix, c) +
		"\n) AS of LEFT ANY JOIN (SELECT of_person, groupArray((of_user, of_id, false)) AS ids FROM (\n" + c.links + "\n) GROUP BY of_person) AS linked ON linked.of_person = of.p\n) WHERE NOT x.3 OR (x.1, x.2) NOT IN (SELECT of_user, of_id FROM (\n" +
		c.links + "\n))"
}

// personsOf selects the persons of a cohort as p.
func (b *builder) personsOf(prefix string, c *cohort) string {
	join, person := "", visitorID
	if c.links != "" {
		join = "\nLEFT ANY JOIN (\n" + c.links + "\n) AS people ON people.of_user = (user_id != '') AND people.of_id = " + visitorID
		person = "if(of_person != '', of_person, " + visitorID + ")"
	}
	if c.people != nil { // each id stands for whose it is, a user's or a client's
		ids := b.texts(prefix+"p", c.people)
		if join == "" || c.funnel != nil { // a funnel's are persons already
			return "SELECT arrayJoin(" + ids + ") AS p"
		}
		return "SELECT " + person + " AS p FROM (SELECT '' AS client_id, arrayJoin(" + ids + ") AS user_id UNION ALL SELECT arrayJoin(" + ids + "), '') AS ids" + join + " GROUP BY p"
	}
	d, cond := c.did, ""
	b.inDid = d.attribution
	defer func() { b.inDid = nil }()
	if d.typ != "" {
		cond = " AND type = " + b.text(prefix+"type", d.typ)
	}
	least := prefix + "least"
	b.params[least] = strconv.Itoa(d.atLeast)
	return "SELECT " + person + " AS p FROM " + rollup.Events + join + " WHERE tenant = " + b.text(prefix+"tenant", c.tenant) + " AND site_id = " + b.text(prefix+"site", c.site) + " AND " +
		b.between("ts", prefix+"from", d.from, prefix+"to", d.to) + cond + b.conditions(prefix+"f", d.filters) + botsCondition(d.bots) + " AND p != '' GROUP BY p HAVING count() >= {" + least + ":UInt64}"
}
