package report

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"weir/internal/accesslog"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/testkit"
)

// deed is an event as the oracle of retention sees it, in the order of arrival.
type deed struct {
	ts           time.Time
	typ, country string
	client, user string
	previous     string // of an alias
	bot          bool
	revenue      float64
	currency     string
}

// personOf says whose a deed is: an identify links its client to its user, an alias a user to another one; the first link of an id counts.
func personOf(deeds []deed) func(deed) string {
	links := map[[2]string]string{}
	for _, d := range slices.SortedStableFunc(slices.Values(deeds), func(a, b deed) int { return a.ts.Compare(b.ts) }) {
		var from [2]string
		switch {
		case d.typ == "identify" && d.client != "" && d.user != "":
			from = [2]string{"client", d.client}
		case d.typ == "alias" && d.previous != "" && d.user != "":
			from = [2]string{"user", d.previous}
		default:
			continue
		}
		if _, ok := links[from]; !ok {
			links[from] = d.user
		}
	}
	return func(d deed) string {
		who := d.user
		if who == "" {
			who = links[[2]string{"client", d.client}]
		}
		if who == "" {
			return d.client
		}
		for links[[2]string{"user", who}] != "" {
			who = links[[2]string{"user", who}]
		}
		return who
	}
}

// perInsert is how many deeds have one _seq.
const perInsert = 50

func storeDeeds(t testing.TB, c *clickhouse.Client, sites map[string][]deed) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	encode := func(site string, i int, d deed) {
		if err := enc.Encode(map[string]any{"tenant": "acme", "site_id": site, "ts": d.ts.UTC().Format(timeParam), "type": d.typ, "country": d.country, "client_id": d.client, "user_id": d.user,
			"is_bot": d.bot, "props_num": map[string]float64{"revenue": d.revenue}, "props": map[string]string{"previous_id": d.previous, "currency": d.currency}, "_writer": 1, "_seq": 1 + i/perInsert, "_partition": 1, "_offset": i / 3, "_row": i % 3}); err != nil {
			t.Fatal(err)
		}
	}
	for site, deeds := range sites {
		for i, d := range deeds {
			encode(site, i, d)
		}
	}
	insert := clickhouse.Statement{SQL: "INSERT INTO weir.events (tenant, site_id, ts, type, country, client_id, user_id, is_bot, props, props_num, _writer, _seq, _partition, _offset, _row) FORMAT JSONEachRow"}
	if _, err := c.Insert(context.Background(), insert, &b); err != nil {
		t.Fatal(err)
	}
}

// retentionCase is a question in plain words, for the oracle.
type retentionCase struct {
	period, mode string
	periods      int
	from, to     time.Time // dates of the zone, whole periods
	loc          *time.Location
	firstDay     int
	start, back  func(deed) bool
	keeps        func(deed) bool // filter and bots
	till         time.Time
}

// begin is the first day of the period that a day lies in, and next the one of the period after it. They count days of the calendar and know no clocks.
func (c retentionCase) begin(day time.Time) time.Time {
	y, m, d := day.Date()
	day = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	switch c.period {
	case Month:
		return day.AddDate(0, 0, 1-d)
	case Week:
		for int(day.Weekday()) != c.firstDay%7 {
			day = day.AddDate(0, 0, -1)
		}
	}
	return day
}

func (c retentionCase) next(day time.Time) time.Time {
	switch c.period {
	case Month:
		return day.AddDate(0, 1, 0)
	case Week:
		return day.AddDate(0, 0, 7)
	}
	return day.AddDate(0, 0, 1)
}

// oracle goes through the persons one by one.
func (c retentionCase) oracle(deeds []deed) (rows []string) {
	persons, who := map[string][]deed{}, personOf(deeds)
	for _, d := range deeds { // stable: those of one time stay in the order of arrival
		if who(d) != "" && c.keeps(d) {
			persons[who(d)] = append(persons[who(d)], d)
		}
	}
	for _, all := range persons {
		slices.SortStableFunc(all, func(a, b deed) int { return a.ts.Compare(b.ts) })
	}
	periodOf := func(d deed) time.Time { return c.begin(d.ts.In(c.loc)) }
	for cohort := c.begin(c.from); cohort.Before(c.to); cohort = c.next(cohort) {
		size := 0
		var members []string
		starts := map[string]int{} // index of the member's start event in the cohort's period
		for who, all := range persons {
			first := slices.IndexFunc(all, func(d deed) bool { return c.start(d) && (c.mode == FirstTime || periodOf(d).Equal(cohort)) })
			if first >= 0 && periodOf(all[first]).Equal(cohort) {
				size++
				members = append(members, who)
				starts[who] = first
			}
		}
		var cells []string
		period := cohort
		for k := range c.periods {
			end := time.Date(c.next(period).Year(), c.next(period).Month(), c.next(period).Day(), 0, 0, 0, 0, c.loc)
			n := 0
			for _, who := range members {
				for i, d := range persons[who] {
					if c.back(d) && periodOf(d).Equal(period) && (k > 0 || i >= starts[who]) {
						n++
						break
					}
				}
			}
			if end.After(c.till) {
				cells = append(cells, "-")
			} else {
				cells = append(cells, fmt.Sprint(n))
			}
			period = c.next(period)
		}
		rows = append(rows, fmt.Sprintf("%s %d: %s", cohort.Format(time.DateOnly), size, strings.Join(cells, " ")))
	}
	return rows
}

func rowsOf(a RetentionAnswer) (rows []string) {
	for _, c := range a.Cohorts {
		var cells []string
		for _, v := range c.Values {
			if v == nil {
				cells = append(cells, "-")
			} else {
				cells = append(cells, fmt.Sprint(*v))
			}
		}
		rows = append(rows, fmt.Sprintf("%s %d: %s", c.Cohort, c.Size, strings.Join(cells, " ")))
	}
	return rows
}

// makeDeeds makes events over a range, some of nobody, some at the edges of days, many at one time. Some link ids when identifies and aliases are wanted.
func makeDeeds(rnd *rand.Rand, n int, from, to time.Time, identifies, aliases bool) []deed {
	types := []string{"pageview", "signup", "buy"}
	deeds := make([]deed, n)
	for i := range deeds {
		d := deed{ts: from.Add(time.Duration(rnd.Int64N(int64(to.Sub(from))))).Truncate(time.Millisecond), typ: types[rnd.IntN(3)], country: []string{"DE", "FR"}[rnd.IntN(2)], bot: rnd.IntN(12) == 0, revenue: float64(rnd.IntN(9)) / 4}
		switch rnd.IntN(6) {
		case 0:
			d.ts = d.ts.Truncate(12 * time.Hour)
		case 1:
			d.ts = d.ts.Truncate(24 * time.Hour).Add(-time.Millisecond)
		}
		switch rnd.IntN(10) {
		case 0:
		case 1:
			d.user = fmt.Sprint("u", rnd.IntN(20))
		default:
			d.client = fmt.Sprint("c", rnd.IntN(n/8+1))
		}
		if user := rnd.IntN(20); identifies && rnd.IntN(12) == 0 {
			d.typ, d.client, d.user = "identify", fmt.Sprint("c", rnd.IntN(n/8+1)), fmt.Sprint("u", user)
		} else if aliases && rnd.IntN(40) == 0 && user > 0 {
			d.typ, d.client, d.user, d.previous = "alias", "", fmt.Sprint("u", user), fmt.Sprint("u", rnd.IntN(user))
		}
		deeds[i] = d
	}
	return deeds
}

// TestRetentionEqualsOracle: on random data the statement gives what a loop over persons gives.
func TestRetentionEqualsOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(7, 1))
	from, to := time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 12, 0, 0, 0, 0, time.UTC) // over a change of clocks
	ofType := func(typ string) func(deed) bool { return func(d deed) bool { return typ == "" || d.typ == typ } }
	answers := 0
	sites := map[string][]deed{}
	for round := range 3 {
		sites[fmt.Sprint("r", round)] = makeDeeds(rnd, 700, from, to, round > 0, round > 1)
	}
	storeDeeds(t, c, sites)
	for round := range 3 {
		site := fmt.Sprint("r", round)
		deeds := sites[site]
		r := newReporter(t, c, clock{asOf: noon}, Config{})
		r.deps.Links = seqs{1: 1000, 2: 1000} // it asks for the site's links once
		for i := range 7 {
			src := testSources["site"]
			src.SiteID, src.FirstDay = site, 1+rnd.IntN(7)
			src.TimeZone = []string{"UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu"}[rnd.IntN(4)]
			loc, err := time.LoadLocation(src.TimeZone)
			if err != nil {
				t.Fatal(err)
			}
			x := retentionCase{period: retentionPeriods[rnd.IntN(3)], mode: retentionModes[rnd.IntN(2)], periods: 1 + rnd.IntN(8), loc: loc, firstDay: src.FirstDay, till: noon.AddDate(0, 0, rnd.IntN(40)-10)}
			if i == 0 { // more slots than a word has bits
				x.period, x.periods = Day, 70
			}
			types := []string{"", "pageview", "signup", "buy"}
			start, back := types[rnd.IntN(4)], types[rnd.IntN(4)]
			day := from.AddDate(0, 0, rnd.IntN(25))
			last := day.AddDate(0, 0, rnd.IntN(15))
			a := retentionAsk{From: day.Format(time.DateOnly), To: last.Format(time.DateOnly), Period: x.period, Mode: x.mode, Periods: &x.periods, Start: behaviourAsk{Type: start}, Return: behaviourAsk{Type: back}}
			x.start, x.back, x.keeps = ofType(start), ofType(back), func(d deed) bool { return !d.bot }
			switch rnd.IntN(4) {
			case 0:
				a.Filter, x.keeps = []string{"country:DE"}, func(d deed) bool { return !d.bot && d.country == "DE" }
			case 1:
				a.Bots, x.keeps = "include", func(deed) bool { return true }
			case 2:
				a.Return.Filter, x.back = texts{"!country:FR"}, func(d deed) bool { return ofType(back)(d) && d.country != "FR" }
			}
			x.from, x.to = x.begin(day), x.next(x.begin(last))
			got := askRetention(t, r, src, a, x.till)
			want := x.oracle(deeds)
			if diff := gocmp.Diff(want, rowsOf(got)); diff != "" {
				t.Fatalf("site %s, %+v, zone %s, weeks from %d, till %s (-want +got):\n%s", site, a, src.TimeZone, src.FirstDay, x.till, diff)
			}
			answers++
		}
	}
	t.Logf("%d answers equal", answers)
}

// askRetention answers a retention from the engine at noon, when all before till is settled.
func askRetention(t testing.TB, r *Reporter, src catalog.Source, a retentionAsk, till time.Time) RetentionAnswer {
	t.Helper()
	x, p := r.retention(context.Background(), src, a)
	if p != nil {
		t.Fatalf("%+v: %v", a, p)
	}
	counts, err := r.retained(context.Background(), &tally{}, &x)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	return x.table(counts, settled(x.ends(), till))
}

// TestRetentionOfTheLog: on a real access log, by day; a visitor is an address with a user agent.
func TestRetentionOfTheLog(t *testing.T) {
	c := testkit.Engine(t)
	deeds := logDeeds(t)
	storeDeeds(t, c, map[string][]deed{"log": deeds})
	r := newReporter(t, c, clock{asOf: noon}, Config{})
	src := testSources["site"]
	src.SiteID = "log"
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	src.TimeZone = loc.String()
	for _, mode := range retentionModes {
		for _, back := range []string{"", "pageview"} {
			x := retentionCase{period: Day, mode: mode, periods: 4, loc: loc, firstDay: 1, till: noon, keeps: func(deed) bool { return true }, start: func(d deed) bool { return d.typ == "pageview" },
				back: func(d deed) bool { return back == "" || d.typ == back }, from: time.Date(2015, 5, 17, 0, 0, 0, 0, time.UTC), to: time.Date(2015, 5, 21, 0, 0, 0, 0, time.UTC)}
			got := askRetention(t, r, src, retentionAsk{From: "2015-05-17", To: "2015-05-20", Period: Day, Mode: mode, Periods: &x.periods, Start: behaviourAsk{Type: "pageview"}, Return: behaviourAsk{Type: back}, Bots: "include"}, noon)
			want := x.oracle(deeds)
			if diff := gocmp.Diff(want, rowsOf(got)); diff != "" {
				t.Errorf("%s, back by %q (-want +got):\n%s", mode, back, diff)
			}
			if got.Cohorts[0].Size < 100 || *got.Cohorts[1].Values[1] == 0 {
				t.Errorf("the log says too little: %v", rowsOf(got))
			}
		}
	}
}

// logDeeds are the requests of the sample log: page views are those of pages, all else is a request.
func logDeeds(t testing.TB) []deed {
	t.Helper()
	f, err := os.Open("../demo/sample.log.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var deeds []deed
	for lines := bufio.NewScanner(z); lines.Scan(); {
		var l accesslog.Line
		if l.Parse(bytes.Clone(lines.Bytes())) != nil {
			continue
		}
		d := deed{ts: time.UnixMilli(l.Time).UTC(), typ: "request", client: string(l.Host) + " " + string(l.UserAgent)}
		if strings.HasSuffix(string(l.Target), "/") || strings.HasSuffix(string(l.Target), ".html") {
			d.typ = "pageview"
		}
		deeds = append(deeds, d)
	}
	if len(deeds) < 4000 {
		t.Fatalf("the log has %d requests", len(deeds))
	}
	return deeds
}
