package report

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// countGoals counts a question about goals without SQL. Revenue is by currency, in cents.
func countGoals(deeds []deed, from, to time.Time, keeps func(deed) bool, goals []func(deed) bool) (people int, revenue map[string]int, each []map[string]int, eachMoney []map[string]int) {
	who := personOf(deeds)
	all, revenue := map[string]bool{}, map[string]int{}
	reached := make([]map[string]bool, len(goals))
	for range goals {
		each, eachMoney = append(each, map[string]int{}), append(eachMoney, map[string]int{})
	}
	for _, d := range deeds {
		if d.bot || d.ts.Before(from) || !d.ts.Before(to) || !keeps(d) {
			continue
		}
		currency := ""
		if len(d.currency) == 3 && d.currency != "1€" {
			currency = strings.ToUpper(d.currency)
		}
		cents := int(math.Round(d.revenue * 100))
		revenue[currency] += cents
		p := who(d)
		if p != "" {
			all[p] = true
		}
		for i, is := range goals {
			if !is(d) {
				continue
			}
			each[i]["conversions"]++
			eachMoney[i][currency] += cents
			if p != "" {
				if reached[i] == nil {
					reached[i] = map[string]bool{}
				}
				reached[i][p] = true
				each[i]["people"] = len(reached[i])
			}
		}
	}
	return len(all), revenue, each, eachMoney
}

func cents(t *testing.T, list []Money) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, m := range list {
		if _, twice := out[m.Currency]; twice {
			t.Errorf("%q is there twice", m.Currency)
		}
		if m.Amount == nil {
			t.Errorf("%q has no amount", m.Currency)
			continue
		}
		out[m.Currency] = int(math.Round(*m.Amount * 100))
	}
	return out
}

// without drops what is nothing: an answer need not name it.
func without(m map[string]int) map[string]int {
	for k, n := range m {
		if n == 0 {
			delete(m, k)
		}
	}
	return m
}

// TestGoalsEqualOracle: persons, conversions and money of several goals in one answer are what counting gives, with and without filters.
func TestGoalsEqualOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	from := noon.AddDate(0, 0, -4).Truncate(24 * time.Hour)
	deeds := makeDeeds(rnd, 400, from, noon, true, true)
	for i := range deeds {
		deeds[i].currency = []string{"EUR", "eur", "USD", "USD", "", "1€", "dollars"}[rnd.IntN(7)]
	}
	storeDeeds(t, c, map[string][]deed{"money": deeds})
	src := testSources["berlin"]
	src.SiteID = "money"
	saved := objects{}
	saved.put(t, "money", catalog.KindGoal, "g", catalog.Goal{Type: "buy", Filter: []string{"country:DE"}, Value: 2.5})
	saved.put(t, "money", catalog.KindGoal, "h", catalog.Goal{Type: "buy"})
	saved.put(t, "money", catalog.KindGoal, "never", catalog.Goal{Type: "never"})
	r := newReporter(t, c, clock{asOf: noon}, Config{})
	r.deps.Objects, r.deps.Links = saved, seqs{1: 1000, 2: 1000}
	buys := func(d deed) bool { return d.typ == "buy" }
	for _, filter := range []string{"", "country:DE", "type:buy"} {
		keeps := func(d deed) bool { return filter == "" || filter == "country:"+d.country || filter == "type:"+d.typ }
		a := ask{From: from.Format(time.RFC3339), To: noon.Format(time.RFC3339)}
		if filter != "" {
			a.Filter = []string{filter}
		}
		x, p := r.goalsOf(tenant.With(t.Context(), acmeViewer), acmeViewer, src, []string{"g", "never", "h"}, a)
		if p != nil {
			t.Fatal(p)
		}
		k, err := r.answerGoals(t.Context(), &tally{}, x)
		if err != nil {
			t.Fatal(err)
		}
		var got Goals
		if err := json.Unmarshal(append(slices.Clone(k.head), '}'), &got); err != nil {
			t.Fatalf("%v: %s", err, k.head)
		}
		people, revenue, each, money := countGoals(deeds, from, noon, keeps, []func(deed) bool{func(d deed) bool { return buys(d) && d.country == "DE" }, func(deed) bool { return false }, buys})
		if got.People == nil || *got.People != uint64(people) {
			t.Errorf("%s: %v persons, want %d", filter, got.People, people)
		}
		if diff := cmp.Diff(without(revenue), without(cents(t, got.Revenue))); diff != "" || len(revenue) < 2 {
			t.Errorf("%s: revenue (-want +got): %s", filter, diff)
		}
		for i, g := range got.Goals {
			want := fmt.Sprintf("%d %d %.6f", each[i]["conversions"], each[i]["people"], float64(each[i]["people"])/float64(people))
			if s := fmt.Sprintf("%d %d %.6f", *g.Conversions, *g.People, *g.Rate); s != want || g.Name != "named "+g.Goal {
				t.Errorf("%s: %s %s, want %s", filter, g.Goal, s, want)
			}
			if diff := cmp.Diff(without(money[i]), without(cents(t, g.Revenue))); diff != "" {
				t.Errorf("%s: %s (-want +got): %s", filter, g.Goal, diff)
			}
			if i == 0 != (g.Value != nil) || g.Value != nil && *g.Value != 2.5*float64(*g.Conversions) {
				t.Errorf("%s: %s is worth %v", filter, g.Goal, g.Value)
			}
		}
		if len(got.Goals) != 3 || *got.Goals[2].Conversions == 0 {
			t.Errorf("%s: %+v", filter, got.Goals)
		}
	}
}

// TestSumsBeyondNumbers: a sum or a worth that no number can hold is null and there, beside what can be said, in reports as well.
func TestSumsBeyondNumbers(t *testing.T) {
	c := testkit.Engine(t)
	day := noon.AddDate(0, 0, -4).Truncate(24 * time.Hour)
	deeds := []deed{{ts: day, typ: "pay", client: "a", revenue: 1.7e308, currency: "EUR"}, {ts: day.Add(time.Hour), typ: "pay", client: "a", revenue: 1.7e308, currency: "EUR"},
		{ts: day, typ: "pay", client: "b", revenue: 3, currency: "USD"}}
	storeDeeds(t, c, map[string][]deed{"huge": deeds})
	src := testSources["site"]
	src.SiteID = "huge"
	saved := objects{}
	saved.put(t, "huge", catalog.KindGoal, "g", catalog.Goal{Type: "pay", Value: 1e308}) // of before values were bounded
	r := newReporter(t, c, clock{asOf: noon}, Config{})
	r.deps.Objects, r.deps.Links = saved, seqs{1: 1000, 2: 1000}
	ctx := tenant.With(t.Context(), acmeViewer)
	x, p := r.goalsOf(ctx, acmeViewer, src, []string{"g"}, ask{From: day.Format(time.RFC3339), To: noon.Format(time.RFC3339)})
	if p != nil {
		t.Fatal(p)
	}
	k, err := r.answerGoals(ctx, &tally{}, x)
	if err != nil {
		t.Fatal(err)
	}
	const money = `"revenue":[{"currency":"EUR","amount":null},{"currency":"USD","amount":3}]`
	if got := string(k.head); !strings.Contains(got, `"people":2,`+money) || !strings.Contains(got, `"conversions":3,"people":2,"rate":1,"value":null,`+money) {
		t.Errorf("%s", got)
	}
	q, p := ask{Metric: []string{Revenue, Events}, GroupBy: []string{"props.currency"}, From: day.Format(time.RFC3339), To: noon.Format(time.RFC3339)}.question(src, noon, r.zone)
	if p != nil {
		t.Fatal(p)
	}
	rows, err := r.answer(ctx, &tally{}, q)
	if err != nil {
		t.Fatal(err)
	}
	if got := mustJSON(t, rows); got != `[{"props.currency":"EUR","revenue":null,"events":2},{"props.currency":"USD","revenue":3,"events":1}]` {
		t.Errorf("report: %s", got)
	}
}

// TestGoalsRefuseAndHide: what cannot be asked names its field, and what is masked for a role is null rather than a refusal of everything.
func TestGoalsRefuseAndHide(t *testing.T) {
	saved := objects{}
	saved.put(t, "site", catalog.KindGoal, "g", catalog.Goal{Type: "buy", Filter: []string{"path:/x"}})
	saved.put(t, "site", catalog.KindGoal, "h", catalog.Goal{Type: "buy", Filter: []string{"country:DE"}})
	saved.put(t, "berlin", catalog.KindGoal, "theirs", catalog.Goal{Type: "buy"})
	mask := ""
	ask := func(method, query, body string, rows ...fakeAnswer) (int, string, []string) {
		e := &fakeEngine{answers: rows}
		r := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
		r.deps.Links = seqs{}
		r.deps.Objects, r.deps.Masks = saved, func(tenant.ID) []catalog.Mask {
			if mask == "" {
				return nil
			}
			return []catalog.Mask{{Column: mask, Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide}}
		}
		status, _, text := call(t, serve(r, acmeViewer), method, "/api/v1/analytics/site/conversions"+query, body)
		var sql []string
		for _, s := range e.got {
			sql = append(sql, s.SQL)
		}
		return status, text, sql
	}
	for query, want := range map[string]string{"?goal=none": `"field":"goal"`, "?goal=theirs": "no goal", "?goal=%ff": `"field":"goal"`, "?filter=entry_pth:/": `"field":"filter"`,
		"?from=2026-03-02&to=2026-03-01": `"field":"from"`, "?bots=some": `"field":"bots"`, "?segment=none": `"field":"segment"`, "?" + strings.Repeat("goal=g&", 51): "at most 50"} {
		if status, body, sql := ask("GET", query, ""); status != 422 || !strings.Contains(body, want) || len(sql) > 0 {
			t.Errorf("%s: %d %s, %d statements", query, status, body, len(sql))
		}
	}
	for body, want := range map[string]int{`{"goal":["none"]}`: 422, `{"gaol":[]}`: 422, `{"goal":`: 400, `{"goal":[{}]}`: 422} {
		if status, text, sql := ask("POST", "", body); status != want || len(sql) > 0 {
			t.Errorf("%s: %d %s, %d statements", body, status, text, len(sql))
		}
	}
	const pair = "?goal=g&goal=h"
	for _, c := range []struct {
		mask, query, row, want, lacks string
		status                        int
	}{
		{"", pair, "[[10, 0, 4, 2, 3, 1]]", `"people":10,"revenue":[],"goals":[{"goal":"g","name":"named g","conversions":4,"people":2,"rate":0.2,"value":null,"revenue":[]},{"goal":"h","name":"named h","conversions":3,"people":1,"rate":0.1`, "currency", 200},
		{"", "", "[[0, 0]]", `{"people":0,"revenue":[],"goals":[],"from":`, "", 200},
		{"path", pair, "[[10, 0, 3, 1]]", `{"goal":"g","name":"named g","conversions":null,"people":null,"rate":null,"value":null,"revenue":[]},{"goal":"h","name":"named h","conversions":3,"people":1,"rate":0.1`, "path", 200},
		{"type", pair, "[[10, 0]]", `"people":10`, "type", 200},
		{"revenue", pair, "[[10, 4, 2, 3, 1]]", `"revenue":null,`, "props_num", 200},
		{"user_id", pair, "[[0, 4, 3]]", `{"people":null,"revenue":[],"goals":[{"goal":"g","name":"named g","conversions":4,"people":null,"rate":null`, "user_id", 200},
		{"country", "?filter=country:DE", "[[1]]", "column_masked", "", 403},
	} {
		mask = c.mask
		answers := []fakeAnswer{{rows: "[[0, 0]]"}, {rows: c.row}} // there are no links
		if c.mask == "user_id" {
			answers = answers[1:]
		}
		status, body, sql := ask("GET", c.query, "", answers...)
		if status != c.status || !strings.Contains(body, c.want) || status == 403 && len(sql) > 0 || c.lacks != "" && strings.Contains(strings.Join(sql, " "), c.lacks) {
			t.Errorf("%q masked, %s: %d %s\n%s", c.mask, c.query, status, body, strings.Join(sql, "\n"))
		}
	}
	mask = "currency"
	_, body, sql := ask("GET", "", "", fakeAnswer{rows: "[[0, 0]]"}, fakeAnswer{rows: "[[1, 3]]"}, fakeAnswer{rows: `[["", 12.5]]`})
	if !strings.Contains(body, `"revenue":[{"currency":"","amount":12.5}]`) || strings.Contains(strings.Join(sql, " "), "currency") {
		t.Errorf("currency masked: %s\n%s", body, strings.Join(sql, "\n"))
	}
}
