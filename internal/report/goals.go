package report

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"weir/internal/clickhouse"
)

// maxGoals is how many goals one question can name.
const maxGoals = 50

// maxCurrencies is more than there are in ISO 4217; texts of three letters that are none could be more.
const maxCurrencies = 200

// goalsQuestion asks how often saved goals were reached, and what money came in.
type goalsQuestion struct {
	q     Question
	goals []wanted

	noPeople, noRevenue, noCurrency bool // masked for the caller
}

// wanted is a goal of the question, in the caller's order.
type wanted struct {
	goal
	name   string
	value  float64 // of one conversion; 0: none is set
	hidden bool    // it looks at what is masked for the caller
}

// Money is an amount of one currency.
type Money struct {
	Currency string   `json:"currency" example:"EUR" doc:"Three capital letters, from the property currency of the events; empty: they have none, or something else"`
	Amount   *float64 `json:"amount" doc:"Sum of the numeric property revenue, in units of the currency; null: it is beyond what a number can be (1.8e308)"`
}

// GoalCount is what came of a goal.
type GoalCount struct {
	Goal        string   `json:"goal" doc:"Its id"`
	Name        string   `json:"name"`
	Conversions *uint64  `json:"conversions" doc:"Events that are the goal; null: the goal looks at what is masked for the role"`
	People      *uint64  `json:"people" doc:"Persons who reached it; null: masked"`
	Rate        *float64 `json:"rate" doc:"Their share of all persons of the question, 0 to 1; null: there are none, or it is masked"`
	Value       *float64 `json:"value" doc:"Conversions times the goal's value; null: it has none, it is masked, or the product is beyond what a number can be (1.8e308)"`
	Revenue     []Money  `json:"revenue" doc:"Of the events that are the goal; the currency with the most of all revenue first"`
}

// Goals is the answer about goals and money.
type Goals struct {
	People        *uint64     `json:"people" doc:"Persons of the question; null: masked"`
	Revenue       []Money     `json:"revenue" doc:"Of all events of the question by currency, the largest first; null: masked"`
	Goals         []GoalCount `json:"goals" doc:"In the order of the question"`
	From          string      `json:"from" doc:"Start of the range."`
	To            string      `json:"to" doc:"End of the range, not included."`
	AsOf          string      `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	CompleteUntil string      `json:"complete_until" doc:"Later events may still arrive for times after this."`
}

// parts are what an answer depends on beside the tenant's data.
func (x *goalsQuestion) parts() []string {
	parts := append(x.q.parts(), "goals", fmt.Sprint(x.noPeople, x.noRevenue, x.noCurrency, len(x.goals)))
	for _, g := range x.goals {
		parts = append(append(parts, g.name, fmt.Sprint(g.value, g.hidden)), g.goal.parts()...)
	}
	return parts
}

// shown are the goals that the caller may see numbers of, by their places.
func (x *goalsQuestion) shown(each func(i int, g *wanted)) {
	for i := range x.goals {
		if !x.goals[i].hidden {
			each(i, &x.goals[i])
		}
	}
}

// counts writes the statement of the persons, the events with revenue, and of each goal its events and persons, in one row.
func (x *goalsQuestion) counts(b *builder, of people) string {
	with, cols := []string{}, []string{}
	if !x.noPeople {
		with = append(with, of.person+" AS p")
		cols = append(cols, "uniqExactIf(p, p != '')")
	}
	if !x.noRevenue {
		cols = append(cols, "countIf(mapContains(props_num, 'revenue'))")
	}
	x.shown(func(i int, g *wanted) {
		is := "r" + strconv.Itoa(i)
		with = append(with, b.isAction("goal"+strconv.Itoa(i)+"x", g.action)+" AS "+is)
		cols = append(cols, "countIf("+is+")")
		if !x.noPeople {
			cols = append(cols, "uniqExactIf(p, p != '' AND "+is+")")
		}
	})
	if len(cols) == 0 {
		return ""
	}
	join := ""
	if !x.noPeople {
		join = of.join
	}
	return writeWith(with) + "SELECT " + strings.Join(cols, ", ") + "\nFROM " + b.events() + join + x.where(b)
}

// money writes the statement of the revenue by currency: of everything, and of each goal.
func (x *goalsQuestion) money(b *builder) string {
	with, cols := []string{}, []string{"''", "sum(props_num['revenue']) AS total"}
	if !x.noCurrency {
		cols[0] = "if(match(props['currency'], '^[A-Za-z]{3}$'), upper(props['currency']), '') AS c"
	}
	x.shown(func(i int, g *wanted) {
		is := "r" + strconv.Itoa(i)
		with = append(with, b.isAction("goal"+strconv.Itoa(i)+"x", g.action)+" AS "+is)
		cols = append(cols, "sumIf(props_num['revenue'], "+is+")")
	})
	sql := writeWith(with) + "SELECT " + strings.Join(cols, ", ") + "\nFROM " + b.events() + x.where(b) + " AND mapContains(props_num, 'revenue')"
	if x.noCurrency {
		return sql
	}
	return sql + "\nGROUP BY c\nORDER BY total DESC, c\nLIMIT " + strconv.Itoa(maxCurrencies)
}

func writeWith(with []string) string {
	if len(with) == 0 {
		return ""
	}
	return "WITH " + strings.Join(with, ", ") + "\n"
}

func (x *goalsQuestion) where(b *builder) string {
	q := x.q
	return "\nWHERE tenant = " + b.text("tenant", q.Tenant) + " AND site_id = " + b.text("site", q.Site) + " AND " + b.between("ts", "from", q.From, "to", b.end()) + b.filters() + b.bots()
}

// answerGoals asks once for all goals; for the money, which needs a property that is large to read, only if there is any.
func (r *Reporter) answerGoals(ctx context.Context, t *tally, x *goalsQuestion) (*kept, error) {
	out := Goals{Goals: make([]GoalCount, len(x.goals))}
	for i, g := range x.goals {
		out.Goals[i] = GoalCount{Goal: g.id, Name: g.name, Revenue: []Money{}}
	}
	var filters []Filter
	for _, g := range x.goals {
		filters = append(filters, g.filters...)
	}
	asked := *x
	x = &asked
	var err error
	if x.q, err = r.ofReport(ctx, t, x.q, filters); err != nil {
		return nil, err
	}
	paid, err := r.countGoals(ctx, t, x, &out)
	if err != nil {
		return nil, err
	}
	if !x.noRevenue {
		out.Revenue = []Money{}
	}
	if paid > 0 {
		if err := r.sumGoals(ctx, t, x, &out); err != nil {
			return nil, err
		}
	}
	head, err := marshal(struct {
		People  *uint64     `json:"people"`
		Revenue []Money     `json:"revenue"`
		Goals   []GoalCount `json:"goals"`
		From    string      `json:"from"`
		To      string      `json:"to"`
	}{out.People, out.Revenue, out.Goals, boundText(x.q.From.In(x.q.Location)), boundText(x.q.To.In(x.q.Location))})
	if err != nil {
		return nil, err
	}
	return &kept{head: head[:len(head)-1]}, nil
}

// countGoals fills the counts in; paid is the number of events with revenue.
func (r *Reporter) countGoals(ctx context.Context, t *tally, x *goalsQuestion, out *Goals) (paid uint64, err error) {
	b := &builder{q: x.q, params: map[string]string{}}
	of := people{}
	if !x.noPeople {
		if of, err = r.people(ctx, t, b, x.q.Tenant, x.q.Site); err != nil {
			return 0, err
		}
	}
	sql := x.counts(b, of)
	if sql == "" {
		return 0, nil
	}
	err = r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "goals/" + x.q.Tenant}, func(raw []any) error {
		next := func() *uint64 {
			if err != nil || len(raw) == 0 {
				return nil
			}
			var n uint64
			n, err = unsigned(raw[0])
			raw = raw[1:]
			return &n
		}
		if !x.noPeople {
			out.People = next()
		}
		if !x.noRevenue {
			if n := next(); n != nil {
				paid = *n
			}
		}
		x.shown(func(i int, g *wanted) {
			o := &out.Goals[i]
			if o.Conversions = next(); !x.noPeople {
				o.People = next()
			}
			o.rate(out.People, g.value)
		})
		return err
	})
	return paid, err
}

// rate fills in what follows from the counts.
func (g *GoalCount) rate(all *uint64, value float64) {
	if g.People != nil && all != nil && *all > 0 {
		rate := float64(*g.People) / float64(*all)
		g.Rate = &rate
	}
	if g.Conversions == nil || value == 0 {
		return
	}
	if worth := float64(*g.Conversions) * value; !math.IsInf(worth, 0) { // goals of before there was maxGoalValue
		g.Value = &worth
	}
}

// sumGoals fills the money in.
func (r *Reporter) sumGoals(ctx context.Context, t *tally, x *goalsQuestion, out *Goals) error {
	b := &builder{q: x.q, params: map[string]string{}}
	return r.statement(ctx, t, clickhouse.Statement{SQL: x.money(b), Params: b.params, Comment: "goals/" + x.q.Tenant}, func(raw []any) error {
		if len(raw) < 2 {
			return fmt.Errorf("report: the engine's row of money has %d columns", len(raw))
		}
		currency, _ := raw[0].(string)
		out.Revenue = append(out.Revenue, Money{currency, amount(raw[1])})
		at := 2
		x.shown(func(i int, _ *wanted) {
			if n := amount(raw[at]); n == nil || *n != 0 {
				out.Goals[i].Revenue = append(out.Goals[i].Revenue, Money{currency, n})
			}
			at++
		})
		return nil
	})
}

// amount is a sum; nil: it is no finite number, which the engine writes as null.
func amount(v any) *float64 {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	f = tidy(f)
	return &f
}
