package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
)

// The metrics that are counted in raw events: of persons, of goals and of money.
const (
	Users          = "users"           // number of different persons, exactly; ids that identify and alias link are one
	Revenue        = "revenue"         // sum of the numeric property revenue, whatever its currency
	Conversions    = "conversions"     // number of events that are the goal
	ConversionRate = "conversion_rate" // share of the persons who reached the goal; null without persons
)

var personMetrics = []string{Users, Revenue, Conversions, ConversionRate}

// goal is a saved goal that a question names.
type goal struct {
	id      string
	version int64
	action
}

// goal finds a goal; none when the id is empty. field is the caller's.
func (r *Reporter) goal(ctx context.Context, src catalog.Source, field, id string) (*goal, *problem.Problem) {
	if id == "" {
		return nil, nil
	}
	var body catalog.Goal
	version, p := r.object(ctx, src, catalog.KindGoal, field, id, &body)
	if p != nil {
		return nil, p
	}
	filters, p := r.savedFilters(ctx, src, body.Filter)
	if p != nil {
		return nil, p.WithField(field)
	}
	return &goal{id, version, action{body.Type, filters}}, nil
}

// checkGoal refuses metrics of a goal without one.
func (q Question) checkGoal() *problem.Problem {
	for _, m := range []string{Conversions, ConversionRate} {
		if q.Goal == nil && slices.Contains(q.Metrics, m) {
			return problem.New(422, "missing_field", "the metric %s needs goal=ID, the id of a saved goal of the site", m).WithField("goal")
		}
	}
	return nil
}

// dims are what a goal looks at.
func (g *goal) dims() []Dim {
	if g == nil {
		return nil
	}
	dims := []Dim{{Column: "type"}}
	for _, f := range g.filters {
		dims = append(dims, f.dims()...)
	}
	return dims
}

// parts are what an answer depends on.
func (g *goal) parts() []string {
	if g == nil {
		return nil
	}
	return append([]string{"goal", g.id, strconv.FormatInt(g.version, 10)}, filterParts(g.filters)...) // filters: their cohorts move with time
}

// answerPersons answers the part of a question whose metrics are counted in raw events.
func (r *Reporter) answerPersons(ctx context.Context, t *tally, q Question) ([]Row, error) {
	if q.Interval == "" || len(q.GroupBy) == 0 {
		return r.askPersons(ctx, t, q)
	}
	// The groups first, by the whole range: sets of persons do not add up.
	all := q
	all.Interval, all.Metrics = "", q.Metrics[:1]
	top, err := r.askPersons(ctx, t, all)
	if err != nil {
		return nil, err
	}
	if len(top) == 0 {
		return top, nil
	}
	p := all.only(top)
	p.Interval, p.Metrics = q.Interval, q.Metrics
	rows, err := r.askPersons(ctx, t, p)
	if err != nil {
		return nil, err
	}
	n := len(q.GroupBy)
	places := map[string]int{}
	for i, row := range top {
		places[fmt.Sprintf("%q", row.values[:n])] = i
	}
	place := func(row Row) (int, bool) { i, ok := places[fmt.Sprintf("%q", row.values[1:1+n])]; return i, ok }
	rows = slices.DeleteFunc(rows, func(row Row) bool { _, ok := place(row); return !ok }) // values of several columns that are no group together
	slices.SortStableFunc(rows, func(a, b Row) int {
		if c := strings.Compare(fmt.Sprint(a.values[0]), fmt.Sprint(b.values[0])); c != 0 {
			return c
		}
		i, _ := place(a)
		j, _ := place(b)
		return i - j
	})
	return rows, nil
}

func (r *Reporter) askPersons(ctx context.Context, t *tally, q Question) ([]Row, error) {
	q, err := r.ofReport(ctx, t, q, nil)
	if err != nil {
		return nil, err
	}
	b := &builder{q: q, params: map[string]string{}}
	of := people{person: visitorID}
	if slices.Contains(q.Metrics, Users) || slices.Contains(q.Metrics, ConversionRate) {
		if of, err = r.people(ctx, t, b, q.Tenant, q.Site); err != nil {
			return nil, err
		}
	}
	st := buildPersons(b, of)
	names := q.names()
	rows := []Row{}
	err = r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "report/" + q.Tenant}, func(raw []any) error {
		if len(raw) != len(names) {
			return fmt.Errorf("report: the engine's row has %d columns, want %d", len(raw), len(names))
		}
		values := slices.Clone(raw)
		if q.Interval == Minute || q.Interval == Hour {
			at, err := unsigned(values[0])
			if err != nil {
				return err
			}
			values[0] = q.bucketName(time.Unix(int64(at), 0))
		}
		rows = append(rows, Row{names, values})
		return nil
	})
	if err == nil && q.Interval != "" && len(q.GroupBy) == 0 {
		rows = q.fill(rows)
	}
	if err == nil {
		r.metrics.answers.WithLabelValues("raw").Inc()
	}
	return rows, err
}

// buildPersons writes the statement of a part: the keys and the metrics, in the order of the answer.
func buildPersons(b *builder, of people) statement {
	q := b.q
	with := []string{of.person + " AS p"}
	if q.Goal != nil {
		with = append(with, b.isAction("goal", q.Goal.action)+" AS is_goal")
	}
	cols := []string{}
	if q.Interval != "" {
		cols = append(cols, b.bucket("ts")+" AS bucket")
	}
	for i, d := range q.GroupBy {
		cols = append(cols, b.dim(d, "k"+strconv.Itoa(i))+" AS g"+strconv.Itoa(i))
	}
	for _, m := range q.Metrics {
		cols = append(cols, map[string]string{
			Users: "uniqExactIf(p, p != '')", Revenue: "sum(props_num['revenue'])", Conversions: "countIf(is_goal)",
			ConversionRate: "if(uniqExactIf(p, p != '') = 0, NULL, uniqExactIf(p, p != '' AND is_goal) / uniqExactIf(p, p != ''))",
		}[m]+" AS "+m)
	}
	sql := "WITH " + strings.Join(with, ", ") + "\nSELECT " + strings.Join(cols, ", ") + "\nFROM " + b.events() + of.join + "\nWHERE tenant = " + b.text("tenant", q.Tenant) +
		" AND site_id = " + b.text("site", q.Site) + " AND " + b.between("ts", "from", q.From, "to", b.end()) + b.filters() + b.bots() + b.groupBy()
	switch {
	case q.Interval != "":
		sql += "\nORDER BY bucket"
	case len(q.GroupBy) > 0:
		maps.Copy(b.params, map[string]string{"limit": strconv.Itoa(q.Limit), "offset": strconv.Itoa(q.Offset)})
		sql += "\nORDER BY " + q.Metrics[0] + " DESC, " + strings.Join(b.groups(), ", ") + "\nLIMIT {limit:UInt32} OFFSET {offset:UInt32}"
	}
	return statement{sql, b.params}
}
