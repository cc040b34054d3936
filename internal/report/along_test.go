package report

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/testkit"
)

// united counts statements, and those whose totals come along.
type united struct {
	Engine
	n, along atomic.Int64
}

func (u *united) Rows(ctx context.Context, s clickhouse.Statement, fn func([]any) error) (clickhouse.Summary, error) {
	u.n.Add(1)
	if strings.Contains(s.SQL, "WITH ROLLUP") {
		u.along.Add(1)
	}
	return u.Engine.Rows(ctx, s, fn)
}

// TestTotalsAlong: the totals of a series come with its rows once it is known to have few visitors, in one statement, and are those that are told when asked for apart. Day 3 has nothing.
func TestTotalsAlong(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, country, is_bot, props_num, _writer, _seq)
SELECT 'along', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + if(number % 3 = 2, 3, number % 3) * 86400 + cityHash64(number) % 86400, if(number % 3 = 0, 'click', 'pageview'), toString(cityHash64(number) % 700),
 toString(number % 5), number % 10 = 0, map('value', number % 4), 1, 1 + intDiv(number, 600) FROM numbers(1800)`)
	r := rollup.All[2]
	testkit.Exec(t, c, strings.Replace(r.AdvanceSQL(1, 0, 2, nil), "WHERE", "WHERE tenant = 'along' AND", 1))
	utc := func(day int) time.Time { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC) }
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]rollup.Rollup{{r}, {}} {
		e := &united{Engine: c}
		var rep *Reporter
		renew := func() { // of some of the questions nothing else than of others is known
			rep = newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{r.Name: {1: 2, 2: 0}}}, Config{Rollups: list})
			rep.counted = time.Now()
		}
		q := Question{Tenant: "along", Site: "site", Metrics: []string{Pageviews, Visitors, Value}, From: utc(1), To: utc(5), Location: time.UTC, FirstDay: 1, Limit: 10, Interval: Day}
		for name, change := range map[string]func(q *Question){
			"day":    func(*Question) {},
			"hour":   func(q *Question) { q.Interval = Hour },
			"week":   func(q *Question) { q.Interval = Week },
			"month":  func(q *Question) { q.Interval = Month },
			"zone":   func(q *Question) { q.Location, q.From, q.To = tokyo, q.From.Add(-9*time.Hour), q.To.Add(-9*time.Hour) },
			"bots":   func(q *Question) { q.Bots = BotsOnly },
			"filter": func(q *Question) { q.Filters = []Filter{{Dim: Dim{Column: "country"}, Values: []string{"2"}}} },
			"edges":  func(q *Question) { q.From, q.To = q.From.Add(90*time.Minute), q.To.Add(-100*time.Minute) },
			"empty":  func(q *Question) { q.From, q.To = utc(10), utc(12) },
			"first":  func(q *Question) { q.Metrics = []string{Visitors, Events} },
		} {
			renew()
			q := q
			change(&q)
			ask := func() (string, string) {
				t.Helper()
				p, err := rep.part(t.Context(), &tally{}, q, true)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return string(p.rows), string(p.totals)
			}
			rows, totals := ask() // by the sample, then exactly, and the same of the totals
			if e.along.Swap(0) != 0 || e.n.Swap(0) < 2 {
				t.Errorf("%d rollups, %s: what nothing is known of is asked at once", len(list), name)
			}
			again, totalsAlong := ask()
			if diff := cmp.Diff(rows+totals, again+totalsAlong); diff != "" {
				t.Errorf("%d rollups, %s (-apart +along): %s", len(list), name, diff)
			}
			if n, along := e.n.Swap(0), e.along.Swap(0); n != 1 || along != 1 {
				t.Errorf("%d rollups, %s: %d statements, %d with totals", len(list), name, n, along)
			}
			if empty := strings.Contains(totals, `"visitors":0`); empty != (name == "empty") {
				t.Errorf("%d rollups, %s: totals %s", len(list), name, totals)
			}
		}
		for name, change := range map[string]func(q *Question){
			"minutes":  func(q *Question) { q.Interval, q.To = Minute, q.From.Add(time.Hour) },
			"groups":   func(q *Question) { q.GroupBy = []Dim{{Column: "path"}} },
			"behind":   func(q *Question) { q.GroupBy, q.Interval, q.Offset = []Dim{{Column: "country"}}, "", 1 },
			"by day":   func(q *Question) { q.GroupBy = []Dim{{Column: "country"}} },
			"sessions": func(q *Question) { q.Metrics = []string{Visitors, Sessions} },
			"sums":     func(q *Question) { q.Metrics = []string{Pageviews, Events} },
		} {
			renew()
			q := q
			change(&q)
			for range 3 {
				if _, err := rep.part(t.Context(), &tally{}, q, true); err != nil {
					t.Fatal(err)
				}
			}
			if e.along.Load() != 0 {
				t.Errorf("%s: totals come along", name)
			}
		}
	}
}

// TestTotalsAlongOfFew: many visitors are not united on one thread, nor where no totals are wanted.
func TestTotalsAlongOfFew(t *testing.T) {
	rep := newReporter(t, &united{}, clock{asOf: noon}, Config{})
	q := Question{Tenant: "a", Site: "site", Metrics: []string{Visitors}, From: noon.Add(-48 * time.Hour), To: noon, Location: time.UTC, FirstDay: 1, Interval: Hour}
	for _, c := range []struct {
		how  hint
		sum  uint64
		want bool
	}{{countExact, 0, true}, {countExact, maxUnited, true}, {countExact, maxUnited + 1, false}, {countAll, 0, false}, {countRough, 0, false}} {
		rep.large.sized(q.kind(), c.how, c.sum)
		if got := rep.along(q); got != c.want {
			t.Errorf("%v %d: %v", c.how, c.sum, got)
		}
	}
}

// TestTotalsAlongAtTheBorder: totals that come along are estimated from the same hashes as those asked for apart, and exact where these are.
func TestTotalsAlongAtTheBorder(t *testing.T) {
	c := testkit.Engine(t)
	for site, n := range map[string]int{"below": ExactVisitors/2 - 1, "at": ExactVisitors / 2, "above": ExactVisitors/2 + 1, "large": 90_000} { // on each of two days, others
		testkit.Exec(t, c, fmt.Sprintf(`INSERT INTO weir.events (tenant, site_id, ts, type, client_id, _writer, _seq)
SELECT 'alongside', '%s', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + intDiv(number, %[2]d) * 86400, 'pageview', concat('%[1]s', toString(number)), 1, 1 FROM numbers(%[3]d)`, site, n, 2*n))
		e := &united{Engine: c}
		rep := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
		from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		q := Question{Tenant: "alongside", Site: site, Metrics: []string{Visitors}, From: from, To: from.AddDate(0, 0, 2), Location: time.UTC, FirstDay: 1, Limit: 10, Interval: Day}
		var totals [2]string
		for i := range totals {
			p, err := rep.part(t.Context(), &tally{}, q, true)
			if err != nil {
				t.Fatal(err)
			}
			totals[i] = string(p.totals)
			if exact := fmt.Sprintf(`{"visitors":%d}`, 2*n); (totals[i] == exact) != (site != "large") {
				t.Errorf("%s, answer %d: %s, want %s", site, i+1, totals[i], exact)
			}
			if along := e.along.Swap(0) == 1; along != (i == 1) {
				t.Errorf("%s, answer %d: along %v", site, i+1, along)
			}
		}
		if totals[0] != totals[1] {
			t.Errorf("%s: %s apart, %s along", site, totals[0], totals[1])
		}
	}
}

// TestTotalsOfFewGroups: the totals of groups that are few come with them, whatever is known of the visitors, and are those that are told when asked for apart.
func TestTotalsOfFewGroups(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	for country, n := range map[string]int{"AA": 110_000, "": 90_000, "BB": 7} { // the last ones are visitors of AA too
		testkit.Exec(t, c, fmt.Sprintf(`INSERT INTO weir.events (tenant, site_id, ts, type, client_id, country, is_bot, props_num, _writer, _seq)
SELECT 'few', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number %% 80000, if(number %% 3 = 0, 'click', 'pageview'), concat('%s', toString(number)), '%s', number %% 10 = 9, map('value', number %% 4), 1, 1 FROM numbers(%d)`,
			strings.Replace(country, "BB", "AA", 1), country, n))
	}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	all := Question{Tenant: "few", Site: "site", Metrics: []string{Visitors}, From: from, To: from.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1, Limit: 10, GroupBy: []Dim{{Column: "country"}}}
	for name, change := range map[string]func(q *Question){
		"large":   func(q *Question) { q.Bots = BotsInclude },
		"some":    func(*Question) {},
		"one":     func(q *Question) { q.Limit = 1 },
		"more":    func(q *Question) { q.Metrics = []string{Pageviews, Visitors, Value, Events} },
		"another": func(q *Question) { q.Metrics, q.Limit = []string{Pageviews, Visitors}, 1 },
		"small":   func(q *Question) { q.Filters = []Filter{{Dim: q.GroupBy[0], Values: []string{"BB"}}} },
		"no more": func(q *Question) { q.Filters = []Filter{{Dim: q.GroupBy[0], Values: []string{"", "BB"}}} },
		"nothing": func(q *Question) { q.From, q.To = q.From.AddDate(1, 0, 0), q.To.AddDate(1, 0, 0) },
		"bots":    func(q *Question) { q.Bots = BotsOnly },
	} {
		e := &united{Engine: c}
		rep := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
		q := all
		change(&q)
		want, err := rep.answer(t.Context(), &tally{}, q.whole(q.Metrics))
		if err != nil {
			t.Fatal(err)
		}
		text, err := marshal(want[0])
		if err != nil {
			t.Fatal(err)
		}
		shown, err := rep.Answer(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := q.write(shown)
		if err != nil {
			t.Fatal(err)
		}
		rep.large = large{}
		for i := range 4 {
			if e.n.Store(0); i == 3 { // wrong, but of one that is large
				rep.large.set(q.kind(), countRough, groupSizes{small: []string{"BB"}, large: []string{"AA"}, own: true})
			}
			p, err := rep.part(t.Context(), &tally{}, q, true)
			if err != nil {
				t.Fatal(err)
			}
			if string(p.totals) != string(text) {
				t.Errorf("%s, answer %d: totals %s, want %s", name, i+1, p.totals, text)
			}
			if n := e.n.Load(); (i == 1 || i == 2) && n != 1 {
				t.Errorf("%s, answer %d: %d statements", name, i+1, n)
			}
			if string(p.rows) != string(rows) {
				t.Errorf("%s, answer %d: %s, want %s", name, i+1, p.rows, rows)
			}
		}
	}
}

// TestSumsOverAllGroups: the totals of counts come with the groups that are shown, in the same statement, and are those of all groups.
func TestSumsOverAllGroups(t *testing.T) {
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, path, country, _writer, _seq)
SELECT 'summed', 'site', toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number * 60, if(number % 3 = 0, 'click', 'pageview'), toString(number % 17), concat('/', toString(number % 40)), toString(number % 5), 1, 1 FROM numbers(1000)`)
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	all := Question{Tenant: "summed", Site: "site", Metrics: []string{Pageviews, Events}, From: from, To: from.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1, Limit: 3, GroupBy: []Dim{{Column: "path"}}}
	for _, w := range []struct {
		name       string
		change     func(q *Question)
		totals     string
		statements int64
	}{
		{"pages", func(*Question) {}, `{"pageviews":666,"events":1000}`, 1},
		{"one page", func(q *Question) { q.Limit = 1 }, `{"pageviews":666,"events":1000}`, 1},
		{"the second page", func(q *Question) { q.Offset = 3 }, `{"pageviews":666,"events":1000}`, 1},
		{"behind the last page", func(q *Question) { q.Offset = 90 }, `{"pageviews":666,"events":1000}`, 2},
		{"a series", func(q *Question) { q.Interval = Hour }, `{"pageviews":666,"events":1000}`, 1},
		{"two dims", func(q *Question) { q.GroupBy = append(q.GroupBy, Dim{Column: "country"}) }, `{"pageviews":666,"events":1000}`, 1},
		{"a filter", func(q *Question) { q.Filters = []Filter{{Dim: Dim{Column: "country"}, Values: []string{"3"}}} }, `{"pageviews":133,"events":200}`, 1},
		{"nothing", func(q *Question) { q.From, q.To = from.AddDate(0, 0, 5), from.AddDate(0, 0, 6) }, `{"pageviews":0,"events":0}`, 1},
		{"a value", func(q *Question) { q.Metrics = []string{Pageviews, Value} }, `{"pageviews":666,"value":0}`, 2},
		{"visitors, too", func(q *Question) { q.Metrics = []string{Pageviews, Visitors} }, `{"pageviews":666,"visitors":17}`, 0},
		{"sessions, too", func(q *Question) { q.Metrics, q.GroupBy = []string{Pageviews, Sessions}, []Dim{{Column: "country"}} }, "", 0},
		{"entries, too", func(q *Question) { q.Metrics = []string{Pageviews, Entries} }, "", 0},
	} {
		e := &united{Engine: c}
		rep := newReporter(t, e, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
		q := all
		w.change(&q)
		p, err := rep.part(t.Context(), &tally{}, q, true)
		if err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		if n := e.n.Load(); string(p.totals) != w.totals && w.totals != "" || w.statements > 0 && n != w.statements {
			t.Errorf("%s: totals %s by %d statements, want %s by %d", w.name, p.totals, n, w.totals, w.statements)
		}
		if w.totals == "" && !strings.HasPrefix(string(p.totals), `{"pageviews":666,`) {
			t.Errorf("%s: totals %s", w.name, p.totals)
		}
		bare, err := rep.part(t.Context(), &tally{}, q, false)
		if err != nil || string(bare.rows) != string(p.rows) || bare.totals != nil {
			t.Errorf("%s: %s with totals, %s without, %v", w.name, p.rows, bare.rows, err)
		}
	}
}
