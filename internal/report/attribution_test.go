package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// attributionRanges are the ranges that are asked about.
var attributionRanges = []string{"from=2026-03-01&to=2026-03-09", "from=2026-03-04T00:10:00Z&to=2026-03-06T23:50:00Z", "from=2026-03-07T12:00:00Z&to=2026-03-08T00:00:00Z", "from=2026-03-08&to=2026-03-08"}

// tellVisits notes in each step what its visit has, by the tests' own way to make visits.
func tellVisits(steps []step) {
	at := map[int]int{}
	from := []time.Time{sessionStart, sessionStart.AddDate(0, 0, 3).Add(10 * time.Minute), sessionStart.AddDate(0, 0, 6).Add(12 * time.Hour), sessionStart.AddDate(0, 0, 7)}
	to := []time.Time{sessionStart.AddDate(0, 0, 9), sessionStart.AddDate(0, 0, 6).Add(-10 * time.Minute), sessionStart.AddDate(0, 0, 7), sessionStart.AddDate(0, 0, 8)}
	tell := func(i int, v visit) {
		in := "" // the ranges in which the visit begins
		for n := range from {
			if !v[0].at.Before(from[n]) && v[0].at.Before(to[n]) && cmp.Or(v[0].client, v[0].user) != "" {
				in += fmt.Sprint(n)
			}
		}
		steps[i].visit = map[string]string{"in": in, "ref": v.source().ref, "channel": v.source().channel, "entry": v.column("entry_path"), "exit": v.column("exit_path"),
			"country": v[0].country, "bot": fmt.Sprint(v[0].bot)}
	}
	for i, s := range steps {
		at[s.n] = i
		tell(i, visit{s}) // of one of nobody this stays
	}
	for _, v := range visitsOf(steps, session.DefaultTimeout) {
		for _, s := range v {
			tell(at[s.n], v)
		}
	}
}

// byProps turns a question about what events have from their visits into the same about properties that say it.
var byProps = strings.NewReplacer(byProp...)

var byProp = []string{"referrer_host", "props.ref", "channel", "props.channel", "entry_path", "props.entry", "exit_path", "props.exit"}

// ofVisits does the same with what events have too, where the visit's counts.
var ofVisits = strings.NewReplacer(append([]string{"country", "props.country"}, byProp...)...)

// TestAttributionEqualsProperties asks events, persons, goals, funnels, retention, paths and cohorts about what they have from visits, on days that are stitched, that grow, and that are not stitched. The same questions about properties that say so, as the tests' own program found it, have the same answers.
func TestAttributionEqualsProperties(t *testing.T) {
	w := newSessionWorld(t)
	c := testkit.Engine(t)
	w.r.deps.Streams = c
	of := w.r.deps.Sources.(sources)["site"]
	saved := objects{}
	put := func(kind, id string, body any) {
		saved[kind+"/"+id] = catalog.Saved{Tenant: of.Tenant, Kind: kind, Site: "site", ID: id, Name: "named", Version: 1, Body: []byte(mustJSON(t, body))}
	}
	for _, name := range []func(string) string{func(s string) string { return s }, byProps.Replace} {
		put(catalog.KindGoal, name("goal-channel"), catalog.Goal{Type: "signup", Filter: []string{name("channel:search|")}})
		put(catalog.KindSegment, name("segment-referrer_host"), catalog.Segment{Filter: []string{name("referrer_host:x.test")}})
		put(catalog.KindCohort, name("cohort-channel"), catalog.Cohort{Did: &catalog.Behaviour{Type: "signup", Filter: []string{name("channel:search")}}, Within: "20d"})
	}
	put(catalog.KindGoal, "signups", catalog.Goal{Type: "signup"})
	w.r.deps.Objects = saved
	h := serve(w.r, tenant.Principal{Tenant: of.Tenant, Role: tenant.RoleViewer, KeyID: "k"})
	sorted := func(text string) string {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return mustJSON(t, v)
	}
	ask := func(method, path, body string) string {
		status, _, text := call(t, h, method, "/api/v1/analytics/site"+path, body)
		if status != 200 {
			t.Fatalf("%s %s: %d %s", path, body, status, text)
		}
		return sorted(text)
	}
	something := regexp.MustCompile(`"(events|pageviews|visitors|users|conversions|count|people|size)":[1-9]`)
	check := func(method, path, body string) {
		t.Helper()
		got, want := sorted(byProps.Replace(ask(method, path, body))), ask(method, byProps.Replace(path), byProps.Replace(body))
		if d := diff.Diff(want, got); d != "" {
			t.Errorf("%s %s (-said by properties +found by visits):\n%s", path, body, d)
		}
		if !something.MatchString(got) {
			t.Errorf("%s %s: there is nothing in %s", path, body, got)
		}
	}
	// What a report counts are the events of visits that begin in its range, and the visits tell the country and the robots: the properties say that too.
	visits := func(path string, i int, query string) {
		t.Helper()
		counts := func(text string) string {
			var v map[string]any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			for _, k := range []string{"from", "to", "as_of", "complete_until"} {
				delete(v, k)
			}
			return mustJSON(t, v)
		}
		said := ofVisits.Replace(query)
		if !strings.Contains(query, "bots=") {
			said += "&bots=include&filter=props.bot:false"
		}
		got := counts(ofVisits.Replace(ask("GET", path+"?"+attributionRanges[i]+"&"+query, "")))
		want := counts(ask("GET", path+"?from=2026-02-20&to=2026-03-20&filter=props.in:~"+fmt.Sprint(i)+"&"+said, ""))
		if d := diff.Diff(want, got); d != "" {
			t.Errorf("%s?%s&%s (-said by properties +found by visits):\n%s", path, attributionRanges[i], query, d)
		}
		if !something.MatchString(got) {
			t.Errorf("%s?%s&%s: there is nothing in %s", path, attributionRanges[i], query, got)
		}
	}
	ranges := attributionRanges
	at := 0
	next := func() string { at++; return ranges[at%len(ranges)] }
	for _, q := range []string{
		"metric=events,pageviews,visitors&group_by=referrer_host,type&bots=include",
		"metric=users,value&group_by=channel,referrer_host",
		"metric=pageviews&group_by=path&filter=channel:search&bots=include",
		"metric=visitors,pageviews&filter=type:pageview&filter=!channel:search|internal&filter=referrer_host:~x.t&bots=include",
		"metric=events&group_by=channel,path&limit=2&bots=include",
		"metric=events,pageviews&group_by=country,channel,type&filter=!country:DE",
		"metric=users&group_by=channel&filter=country:DE|FR",
		"metric=users,revenue&group_by=referrer_host",
		"metric=users,value&group_by=exit_path,entry_path",
		"metric=events&filter=channel:search|internal&filter=client_id:~c1",
		"metric=pageviews&group_by=path&filter=entry_path:/a|/&filter=!exit_path:/b&bots=include",
		"metric=events,visitors&filter=entry_path:&group_by=type,channel&bots=include",
		"metric=conversions,conversion_rate&goal=signups&group_by=channel",
		"metric=conversions,users&goal=goal-channel&filter=referrer_host:x.test",
		"metric=conversions,users&goal=goal-channel&group_by=entry_path&bots=include",
		"metric=events&segment=segment-referrer_host&group_by=country,type&bots=include",
		"metric=events&filter=cohort:cohort-channel&filter=referrer_host:x.test&bots=include",
	} {
		for _, i := range []int{0, 1 + at%3} {
			visits("/report", i, q)
		}
		at++
	}
	visits("/conversions", 0, "goal=goal-channel&goal=signups&filter=referrer_host:x.test")
	visits("/conversions", 1, "goal=goal-channel&goal=signups&filter=entry_path:/a")
	check("GET", "/report?"+ranges[1]+"&metric=conversions&goal=goal-channel&interval=day", "")
	check("GET", "/report?"+ranges[0]+"&metric=events&filter=cohort:cohort-channel", "")
	bounds := func() string {
		return strings.NewReplacer("from=", `"from":"`, "&to=", `","to":"`).Replace(next()) + `",`
	}
	events := func(path string) string { return byProps.Replace(ask("GET", "/events?limit=500&"+path, "")) } // their own columns are in them
	for _, filter := range []string{"channel:search", "!entry_path:/a"} {
		r := next()
		if d := diff.Diff(events(r+"&filter="+byProps.Replace(filter)), events(r+"&filter="+filter)); d != "" {
			t.Errorf("events of %s with %s (-said by properties +found by visits):\n%s", r, filter, d)
		}
	}
	visits("/values", 0, "dim=type&filter=entry_path:/a&filter=!channel:search&bots=include")
	for range 2 {
		at++
		check("POST", "/funnel", `{`+bounds()+`"window":"2d","steps":[{"type":"pageview","filter":["channel:search"]},{"type":"signup"}],"breakdown":"referrer_host","exclude":[{"type":"click","filter":["channel:~rec"],"after":1,"before":2}]}`)
		check("POST", "/funnel", `{`+bounds()+`"window":"2d","filter":["!referrer_host:x.test","entry_path:~/"],"order":"any","steps":[{"type":"pageview"},{"type":"signup"}],"breakdown":"channel"}`)
		check("POST", "/paths", `{`+bounds()+`"anchor":{"type":"pageview"},"filter":["channel:search"]}`)
		for _, mode := range []string{FirstTime, Recurring} {
			check("GET", "/retention?period=day&mode="+mode+"&from=2026-03-01&to=2026-03-09&filter=referrer_host:x.test", "")
			check("POST", "/retention", `{`+bounds()+`"period":"day","mode":"`+mode+`","start":{"type":"pageview","filter":["channel:search"]},"return":{"type":"signup"}}`)
		}
	}
	// The values for a filter on a column of visits are those that visits have.
	for i, q := range []string{"channel&prefix=S&bots=include", "entry_path&bots=include", "exit_path&filter=type:signup", "referrer_host&limit=1&bots=include"} {
		visits("/values", i%len(ranges), "dim="+q)
	}
}

// TestByVisitEqualsCount compares what is asked of events by what visits have alone with a count of the tests' own: an event counts where its visit begins.
func TestByVisitEqualsCount(t *testing.T) {
	w := newSessionWorld(t)
	for _, last := range []int{8, 1, 2} { // the days up to which is asked: where visits begin, and not all of them end
		w.byVisit(t, last)
	}
}

func (w *sessionWorld) byVisit(t *testing.T, last int) {
	t.Helper()
	from, to := w.start.AddDate(0, 0, 1), w.start.AddDate(0, 0, last+1)
	within := "&from=2026-03-02&to=" + w.start.AddDate(0, 0, last).Format(time.DateOnly)
	for _, c := range []struct {
		query string
		keys  []string
		key   func(visit) (string, bool)
	}{
		{"group_by=channel", []string{"channel"}, func(v visit) (string, bool) { return v.source().channel, true }},
		{"group_by=channel,country&filter=referrer_host:x.test", []string{"channel", "country"}, func(v visit) (string, bool) {
			return v.source().channel + "|" + v[0].country, v.source().ref == "x.test"
		}},
		{"interval=day&filter=!channel:search", []string{"time"}, func(v visit) (string, bool) { return v[0].at.Format(time.DateOnly), v.source().channel != "search" }},
		{"filter=entry_path:/a&filter=channel:~r", nil, func(v visit) (string, bool) {
			return "", v.column("entry_path") == "/a" && strings.Contains(v.source().channel, "r")
		}},
		{"group_by=entry_path&filter=country:DE", []string{"entry_path"}, func(v visit) (string, bool) { return v.column("entry_path"), v[0].country == "DE" }},
		{"group_by=exit_path&interval=week", []string{"time", "exit_path"}, func(v visit) (string, bool) {
			return map[bool]string{true: "2026-03-02", false: "2026-03-09"}[v[0].at.Before(w.start.AddDate(0, 0, 8))] + "|" + v.column("exit_path"), true
		}},
	} {
		want, visitors := map[string]map[string]any{}, map[string]map[string]bool{}
		n := map[string]float64{}
		for _, v := range w.visits {
			k, ok := c.key(v)
			if !ok || v[0].at.Before(from) || !v[0].at.Before(to) {
				continue
			}
			if want[k] == nil {
				want[k], visitors[k] = map[string]any{Events: 0.0, Pageviews: 0.0, Sessions: 0.0, Visitors: 0.0}, map[string]bool{}
			}
			_, _, views := v.views()
			for name, more := range map[string]float64{Events: float64(len(v)), Pageviews: float64(views), Sessions: 1} {
				want[k][name] = want[k][name].(float64) + more
				n[name] += more
			}
			for _, s := range v {
				if who := cmp.Or(s.client, s.user); who != "" {
					visitors[k][who] = true
				}
			}
			want[k][Visitors] = float64(len(visitors[k]))
		}
		for _, metrics := range []string{"sessions,events,pageviews,visitors", "visitors,pageviews,sessions,events&totals=false"} {
			check := func(what string) {
				t.Helper()
				if d := diff.Diff(want, w.report(t, "metric="+metrics+within+"&"+c.query, c.keys...)); d != "" {
					t.Errorf("%s %s%s (-want +got):\n%s", metrics, c.query, what, d)
				}
			}
			check("")
			if slices.Equal(c.keys, []string{"channel"}) { // some are known to be small, and the others are found to be
				for k := range w.r.large.hints {
					w.r.large.set(k, countRough, groupSizes{small: []string{"search", "direct"}, large: []string{"internal"}, own: true})
				}
				check(", by size")
			}
		}
		if len(want) == 0 {
			t.Errorf("%s: the test expects nothing", c.query)
		}
		_, total := w.totals(t, "metric=visitors,events,pageviews"+within+"&"+c.query)
		all := map[string]bool{}
		for _, m := range visitors {
			maps.Copy(all, m)
		}
		if d := diff.Diff(map[string]any{Events: n[Events], Pageviews: n[Pageviews], Visitors: float64(len(all))}, total); d != "" {
			t.Errorf("totals of %s (-want +got):\n%s", c.query, d)
		}
	}
}

// TestByVisitAndEventEqualsCount compares what is asked of events by what both visits and events have with a count of the tests' own: each event counts where its visit begins.
func TestByVisitAndEventEqualsCount(t *testing.T) {
	w := newSessionWorld(t)
	for _, c := range []struct {
		query, from, to string
		first, last     time.Time
		of              func(visit) bool // nil: all
	}{
		{"group_by=channel,path&interval=day", "2026-03-02", "2026-03-08", w.start.AddDate(0, 0, 1), w.start.AddDate(0, 0, 8), nil},
		{"group_by=path&interval=hour&filter=channel:search", "2026-03-03T22:30:00Z", "2026-03-04T01:30:00Z", w.start.Add(70*time.Hour + 30*time.Minute), w.start.Add(73*time.Hour + 30*time.Minute), nil},
		// What events have too is the visit's: the country and robots, of its first event.
		{"group_by=channel,path&interval=day&filter=country:DE&bots=exclude", "2026-03-02", "2026-03-08", w.start.AddDate(0, 0, 1), w.start.AddDate(0, 0, 8),
			func(v visit) bool { return v[0].country == "DE" && !v[0].bot }},
		{"group_by=path&interval=hour&filter=channel:search&filter=!country:DE&filter=is_bot:false", "2026-03-03T22:30:00Z", "2026-03-04T01:30:00Z", w.start.Add(70*time.Hour + 30*time.Minute), w.start.Add(73*time.Hour + 30*time.Minute),
			func(v visit) bool { return v[0].country != "DE" && !v[0].bot }},
	} {
		want, visitors := map[string]map[string]any{}, map[string]map[string]bool{}
		day := strings.Contains(c.query, "day")
		for _, v := range w.visits {
			if v[0].at.Before(c.first) || !v[0].at.Before(c.last) || !day && v.source().channel != "search" || c.of != nil && !c.of(v) {
				continue
			}
			for _, s := range v {
				k := v[0].at.Truncate(time.Hour).Format(time.RFC3339) + "|" + s.path
				if day {
					k = v[0].at.Format(time.DateOnly) + "|" + v.source().channel + "|" + s.path
				}
				if want[k] == nil {
					want[k], visitors[k] = map[string]any{Events: 0.0, Pageviews: 0.0, Visitors: 0.0}, map[string]bool{}
				}
				want[k][Events] = want[k][Events].(float64) + 1
				if s.typ == "pageview" {
					want[k][Pageviews] = want[k][Pageviews].(float64) + 1
				}
				if who := cmp.Or(s.client, s.user); who != "" {
					visitors[k][who] = true
				}
				want[k][Visitors] = float64(len(visitors[k]))
			}
		}
		keys := []string{"time", "path"}
		if day {
			keys = []string{"time", "channel", "path"}
		}
		got := w.report(t, "metric=events,pageviews,visitors&from="+c.from+"&to="+c.to+"&"+c.query, keys...)
		if d := diff.Diff(want, got); d != "" || len(want) == 0 {
			t.Errorf("%s (-want +got):\n%s", c.query, d)
		}
	}
}

// TestByVisitOneRule: a number is the same whatever is asked beside it, and from wherever it is read: what visits have is the visit's.
func TestByVisitOneRule(t *testing.T) {
	testkit.Alone(t)
	w := newSessionWorld(t)
	within := "&from=2026-03-02&to=2026-03-08&"
	for _, bots := range []string{"exclude", "only", "include"} {
		for _, filter := range []string{"filter=channel:search&filter=country:DE", "filter=entry_path:/a&filter=!country:DE,FR", "filter=!channel:search"} {
			query := within + filter + "&bots=" + bots
			rowsOnly := query + "&totals=false" // of which the totals are not looked at
			visits := map[string]float64{}
			for _, row := range w.report(t, "metric=pageviews&group_by=path"+rowsOnly, "path") {
				visits["views"] += row[Pageviews].(float64)
			}
			for _, row := range w.report(t, "metric=pageviews,events,visitors&group_by=path"+rowsOnly, "path") {
				visits["views beside events"] += row[Pageviews].(float64)
			}
			for _, row := range w.report(t, "metric=events,pageviews&group_by=type"+rowsOnly, "type") { // of events, for visits have no type
				visits["views by type"] += row[Pageviews].(float64)
				visits["events by type"] += row[Events].(float64)
			}
			for _, row := range w.report(t, "metric=events,pageviews&group_by=type,country,is_bot"+rowsOnly, "type", "country", "is_bot") {
				visits["events by three"] += row[Events].(float64)
			}
			countries := map[string]float64{} // of visits, less those of events
			rows, _ := w.totals(t, "metric=events&group_by=country"+rowsOnly)
			for _, row := range rows {
				countries[row["country"].(string)] += row[Events].(float64)
			}
			rows, _ = w.totals(t, "metric=events&group_by=type,country"+rowsOnly)
			for _, row := range rows {
				countries[row["country"].(string)] -= row[Events].(float64)
			}
			for country, n := range countries {
				if n != 0 {
					t.Errorf("%s: %q has %v events more by visits than by events", query, country, n)
				}
			}
			_, whole := w.totals(t, "metric=events,pageviews,visitors"+query)
			_, typed := w.totals(t, "metric=events,pageviews,visitors&group_by=type"+query)
			_, people := w.totals(t, "metric=users"+query)
			want := whole[Pageviews].(float64)
			if visits["views"] != want || visits["views beside events"] != want || visits["views by type"] != want || visits["events by type"] != whole[Events] || visits["events by three"] != whole[Events] || want == 0 {
				t.Errorf("%s: %v, in all %v", query, visits, whole)
			}
			if d := diff.Diff(whole, typed); d != "" {
				t.Errorf("%s: totals beside others (-alone +by type):\n%s", query, d)
			}
			if people[Users] != whole[Visitors] { // nobody has both ids
				t.Errorf("%s: %v people, %v visitors", query, people[Users], whole[Visitors])
			}
		}
	}
}

// TestAttributionOfLongVisits: where a visit of days came from does not depend on which of its days are stitched.
func TestAttributionOfLongVisits(t *testing.T) {
	c := testkit.Engine(t)
	var steps []step
	for at := sessionStart; at.Before(sessionStart.AddDate(0, 0, 4)); at = at.Add(20 * time.Minute) {
		steps = append(steps, step{at: at, client: "c", typ: "pageview", host: "a.example", path: "/", channel: "referral", ref: at.Format("02-15h"), n: len(steps)})
	}
	storeSteps(t, c, "longvisits", "site", 1, steps)
	d := someDays{timeout: session.DefaultTimeout}
	for i := range 4 {
		day := session.DayOf(sessionStart) + int32(i)
		testkit.Exec(t, c, session.StitchSQL("longvisits", day, d.timeout, uint64(900_000+i)))
		d.days = append(d.days, session.Stitched{Day: day, Version: uint64(900_000 + i), Main: 1})
	}
	for name, days := range map[string]someDays{"stitched": d, "raw": {timeout: d.timeout}} {
		r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
		r.deps.Sessions = days
		r.deps.Sources = sources{"site": {Tenant: "longvisits", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
		_, _, got := call(t, serve(r, tenant.Principal{Tenant: "longvisits", Role: tenant.RoleViewer, KeyID: "k"}), "GET",
			"/api/v1/analytics/site/events?filter=referrer_host:02-00h&from=2026-03-03T20:00:00Z&to=2026-03-03T21:00:00Z", "")
		if n := strings.Count(got, `"client_id":"c"`); n != 3 {
			t.Errorf("%s: %d events, want 3: %s", name, n, got)
		}
	}
}

// TestAttributionBehind: an event of a visitor that came since visits were looked at is not taken for one of nobody, which has a channel of its own.
func TestAttributionBehind(t *testing.T) {
	c := testkit.Engine(t)
	at := func(minute int) time.Time { return sessionStart.Add(10*time.Hour + time.Duration(minute)*time.Minute) }
	for i, s := range []step{{at: at(0), channel: "search"}, {at: at(20), channel: "internal"}, {at: at(31), channel: "internal"}} { // the last one is not committed
		s.client, s.typ, s.path, s.n = "c", "pageview", "/", i
		storeSteps(t, c, "behind", "site", i+1, []step{s})
		if i == 0 {
			testkit.Exec(t, c, session.StitchSQL("behind", session.DayOf(sessionStart), session.DefaultTimeout, 910_000))
		}
	}
	r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
	r.deps.Sessions = someDays{session.DefaultTimeout, []session.Stitched{{Day: session.DayOf(sessionStart), Version: 910_000, Stale: true, Main: 1}}}
	r.deps.Sources = sources{"site": {Tenant: "behind", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
	_, _, got := call(t, serve(r, tenant.Principal{Tenant: "behind", Role: tenant.RoleViewer, KeyID: "k"}), "GET",
		"/api/v1/analytics/site/report?metric=events&group_by=channel,type&from=2026-03-01&to=2026-03-01", "")
	if want := `"data":[{"channel":"search","type":"pageview","events":2}]`; !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// asked counts how often it is asked for days.
type asked struct {
	someDays
	n int
}

func (d *asked) Stitched(t tenant.ID, from, to int32, timeout time.Duration) []session.Stitched {
	d.n++
	return d.someDays.Stitched(t, from, to, timeout)
}

// TestAttributionOfCohorts: which days are stitched is read when a statement is written, behind as_of, and not when the question is understood.
func TestAttributionOfCohorts(t *testing.T) {
	r := newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: "[[0,0]]"}}}, clock{asOf: noon}, Config{})
	days := &asked{someDays: someDays{timeout: session.DefaultTimeout}}
	saved := objects{}
	saved.put(t, "site", catalog.KindCohort, "c", catalog.Cohort{Did: &catalog.Behaviour{Filter: []string{"channel:search"}}})
	r.deps.Sessions, r.deps.Objects = days, saved
	filters, p := r.filters(t.Context(), testSources["site"], []string{"cohort:c"}, "")
	if p != nil {
		t.Fatal(p)
	}
	if days.n != 0 {
		t.Error("days were read with the question")
	}
	b := &builder{params: map[string]string{}}
	if sql := b.conditions("f", filters); days.n != 1 {
		t.Errorf("days were read %d times for %s", days.n, sql)
	}
}
