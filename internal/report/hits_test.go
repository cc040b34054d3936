package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/testkit"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestHits: which filters on events lists of sessions answer, and of which there are totals, or the sessions themselves by what they have.
func TestHits(t *testing.T) {
	path, typ := Dim{Column: "path"}, Dim{Column: "type"}
	country := Filter{Dim: Dim{Column: "country"}, Values: []string{"DE"}}
	days := []session.Stitched{{Day: session.DayOf(sessionStart), Version: 1, Totals: true}}
	for name, c := range map[string]struct {
		filters        []Filter
		groups         []Dim
		column, totals string
	}{
		"one page":             {[]Filter{{Dim: path, Values: []string{"/"}}}, nil, "path", "totals"},
		"the empty one":        {[]Filter{{Dim: path, Values: []string{""}}}, nil, "path", "totals"},
		"two pages":            {[]Filter{{Dim: path, Values: []string{"/", "/a"}}}, nil, "path", ""},
		"none of it":           {[]Filter{{Dim: path, Values: []string{"/"}, Not: true}}, nil, "path", ""},
		"part of it":           {[]Filter{{Dim: path, Values: []string{"/"}, Contains: true}}, nil, "path", ""},
		"its beginning":        {[]Filter{{Dim: path, Values: []string{"/"}, Prefix: true}}, nil, "path", ""},
		"this and not that":    {[]Filter{{Dim: path, Values: []string{"/"}}, {Dim: path, Values: []string{"/a"}, Not: true}}, nil, "path", ""},
		"of a country":         {[]Filter{country, {Dim: path, Values: []string{"/"}}}, []Dim{{Column: "entry_path"}}, "path", "sessions"},
		"to a country":         {[]Filter{country, {Dim: path, Values: []string{"/"}}}, nil, "path", "sessions"},
		"by country":           {[]Filter{{Dim: path, Values: []string{"/"}}}, []Dim{{Column: "country"}}, "path", "sessions"},
		"of a client":          {[]Filter{{Dim: Dim{Column: "client_id"}, Values: []string{"c"}}, {Dim: path, Values: []string{"/"}}}, nil, "path", ""},
		"by user":              {[]Filter{{Dim: path, Values: []string{"/"}}}, []Dim{{Column: "user_id"}}, "path", ""},
		"a type":               {[]Filter{{Dim: typ, Values: []string{"signup"}}}, nil, "type", "totals"},
		"by entry page":        {[]Filter{{Dim: typ, Values: []string{"signup"}}}, []Dim{{Column: "entry_path"}}, "type", "crossed"},
		"in a country":         {[]Filter{country, {Dim: typ, Values: []string{"signup"}}}, nil, "type", "crossed"},
		"in it, by country":    {[]Filter{country, {Dim: typ, Values: []string{"signup"}}}, []Dim{{Column: "country"}}, "type", "crossed"},
		"in it, by entry page": {[]Filter{country, {Dim: typ, Values: []string{"signup"}}}, []Dim{{Column: "entry_path"}}, "type", "sessions"},
		"two types, by page":   {[]Filter{{Dim: typ, Values: []string{"signup", "click"}}}, []Dim{{Column: "entry_path"}}, "type", ""},
		"the usual type":       {[]Filter{{Dim: typ, Values: []string{"pageview"}}}, nil, "type", ""},
		"a type on a page":     {[]Filter{{Dim: typ, Values: []string{"signup"}}, {Dim: path, Values: []string{"/"}}}, nil, "", ""},
		"a property":           {[]Filter{{Dim: Dim{Prop: "path"}, Values: []string{"/"}}}, nil, "", ""},
		"a page of a property": {[]Filter{{Dim: Dim{Prop: "plan"}, Values: []string{"pro"}}, {Dim: path, Values: []string{"/"}}}, nil, "", ""},
		"a page of persons":    {[]Filter{{Dim: path, Values: []string{"/"}}, {Cohort: &cohort{}}}, nil, "", ""},
		"a host":               {[]Filter{{Dim: Dim{Column: "host"}, Values: []string{"a.example"}}}, nil, "", ""},
		"an attribute":         {[]Filter{country}, nil, "", ""},
	} {
		q := Question{Metrics: []string{Sessions}, Location: time.UTC, From: sessionStart, To: sessionStart.AddDate(0, 0, 1), Filters: c.filters, GroupBy: c.groups}
		column, totals := "", ""
		if h := q.hits(); h != nil {
			column = h.Column
			if len(q.hitTotals(*h, days)) > 0 {
				totals = "sessions"
				if _, ok := q.hitTotalsDim(*h); ok {
					totals = "totals"
				} else if _, ok := q.crossDim(*h); ok {
					totals = "crossed"
				}
			}
		}
		if column != c.column || totals != c.totals {
			t.Errorf("%s: by %q, %q; want %q, %q", name, column, totals, c.column, c.totals)
		}
	}
	// Totals by path are of days (UTC), those by type of hours.
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		interval   string
		zone       *time.Location
		path, typs bool
	}{{"", time.UTC, true, true}, {"", kolkata, true, true}, {Day, time.UTC, true, true}, {Day, berlin, false, true}, {Day, kolkata, false, false}, {Hour, time.UTC, false, true}, {Hour, kolkata, false, false}, {Minute, time.UTC, false, false}} {
		for column, want := range map[string]bool{"path": c.path, "type": c.typs} {
			q := Question{Metrics: []string{Sessions}, Location: c.zone, From: sessionStart, To: sessionStart.AddDate(0, 0, 1), Interval: c.interval, Filters: []Filter{{Dim: Dim{Column: column}, Values: []string{"x"}}}}
			if _, ok := q.hitTotalsDim(*q.hits()); ok != want {
				t.Errorf("one %s by %q in %s, by totals: %v, want %v", column, c.interval, c.zone, ok, want)
			}
		}
	}
}

// drawHitsQuestion draws a question about sessions that have an event with such a value in a column. Of a kind, "totals", "crossed" and "sessions" are answered by what is there of that name where days
// have it; "any" is whatever there is, and nearly never of these.
func drawHitsQuestion(t *rapid.T, kind, of string) Question {
	q := drawSessionQuestion(t)
	if !slices.Contains(q.Metrics, Sessions) {
		q.Metrics = append(q.Metrics, Sessions)
	}
	q.Metrics = slices.DeleteFunc(q.Metrics, func(m string) bool { return m == Entries || m == Exits }) // with a path they are of another question
	values := map[string][][]string{"path": {{"/a"}, {"/b"}, {"/always"}, {"/none"}, {""}, {"/a", "/m"}}, "type": {{"signup"}, {"click"}, {"none"}, {"pageview"}, {"group", "scroll"}}}[of]
	if kind != "any" {
		q.overDays(t)
		one := map[string]int{"path": 5, "type": 3}[of]
		f := Filter{Dim: Dim{Column: of}, Values: rapid.SampledFrom(values[:one]).Draw(t, "value")}
		switch kind {
		case "sessions": // paths and types, with two attributes of theirs
			if of == "type" {
				q.GroupBy = []Dim{{Column: "entry_path"}, {Column: "channel"}}
			}
			q.Filters = append(q.Filters, f)
			return q
		case "crossed":
			own := Dim{Column: rapid.SampledFrom([]string{"entry_path", "exit_path", "country", "channel"}).Draw(t, "attribute")}
			q.GroupBy, q.Filters = nil, []Filter{f}
			form := rapid.IntRange(0, 2).Draw(t, "grouped, filtered or both")
			if form != 1 {
				q.GroupBy = []Dim{own}
			}
			if form != 0 {
				q.Filters = append(q.Filters, Filter{Dim: own, Values: rapid.SampledFrom([][]string{{"DE"}, {"/a", ""}, {"search", "/"}}).Draw(t, "attribute's values"), Not: rapid.Bool().Draw(t, "not")})
			}
			q.byDays(t)
			return q
		}
		q.GroupBy, q.Filters = nil, []Filter{f}
		if of == "path" { // by the day of UTC
			q.byDays(t)
		}
		return q
	}
	for range rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "filters") {
		f := Filter{Dim: Dim{Column: of}, Values: rapid.SampledFrom(values).Draw(t, "values")}
		switch rapid.IntRange(0, 7).Draw(t, "form") {
		case 0:
			f.Not = true
		case 1:
			f.Contains, f.Values = true, []string{map[string]string{"path": "a", "type": "p"}[of]}
		case 2:
			f.Prefix, f.Values = true, []string{map[string]string{"path": "/A", "type": "s"}[of]}
		}
		q.Filters = append(q.Filters, f)
	}
	return q
}

// TestHitsEqualEvents asks random questions about sessions that have an event, over days with totals, stale ones too, and of the same events by the plain way, with nothing stitched and
// without lists: the answers are the same.
func TestHitsEqualEvents(t *testing.T) {
	w, raw := newSessionWorld(t), newSessionWorld(t).r
	raw.deps.Sessions = someDays{timeout: session.DefaultTimeout}
	days := w.r.deps.Sessions.(someDays).days
	used := map[string]int{}
	ask := func(t *rapid.T) {
		of := rapid.SampledFrom([]string{"path", "type"}).Draw(t, "of")
		kind := rapid.SampledFrom([]string{"any", "totals", "sessions"}).Draw(t, "kind")
		if of == daily.Crossed && rapid.Bool().Draw(t, "crossed") {
			kind = "crossed"
		}
		q := drawHitsQuestion(t, kind, of)
		used[kind]++
		horizon := session.Start(session.DayOf(q.To.Add(session.DefaultTimeout)) + 10)
		want, _, err := raw.askSessions(context.Background(), &tally{}, q, buildSessions(q, session.DefaultTimeout, horizon, readDays{}, nil))
		if err != nil {
			t.Fatal(err)
		}
		st := buildSessions(q, session.DefaultTimeout, horizon, readDays{days: days}, q.hits())
		used[of]++
		for table, name := range map[string]string{daily.HitSessionsTable: "sessions by ", daily.SessionsTable: "totals of "} {
			if !strings.Contains(st.sql, table) {
				continue
			}
			if strings.Contains(st.sql, table+" AS _t") {
				name = "crossed with "
			}
			used[name+of]++
			if strings.Contains(st.sql, "-toInt64(") {
				used[name+"outdated"]++
			}
			if strings.Contains(st.sql, daily.SeamHitSessionsTable) || strings.Contains(st.sql, daily.SeamsTable) {
				used[name+"midnights"]++
			}
			if len(q.GroupBy) == 0 && q.Interval != "" {
				used[name+"series"]++
			}
			if len(q.GroupBy) > 0 && q.Interval != "" {
				used["series of groups"]++
			}
		}
		got, err := w.r.answerSessions(context.Background(), &tally{}, q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		answers := map[string]answered{"with totals": got}
		if rapid.IntRange(0, 3).Draw(t, "without totals too") == 0 { // slow
			if answers["without"], err = raw.answerSessions(context.Background(), &tally{}, q); err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
		}
		for name, a := range answers {
			if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(a)); diff != "" {
				t.Fatalf("%+v (-of events +by hits, %s):\n%s\n%s", q, name, diff, st.sql)
			}
		}
	}
	checkUses(t, ask, used, "any", "path", "type", "totals of path", "totals of type", "totals of outdated", "totals of midnights", "totals of series", "sessions by path", "sessions by type", "sessions by outdated", "sessions by midnights", "series of groups",
		"crossed with type", "crossed with outdated", "crossed with midnights", "crossed with series")
}

// TestHitsCut: of a visit that has too much, events tell whether it has what is asked for, be there totals or not.
func TestHitsCut(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	begin := sessionStart.Add(12 * time.Hour) // away from midnight
	var steps []step
	n := 0
	add := func(client, typ, path string) {
		steps = append(steps, step{at: begin.Add(time.Duration(n) * 100 * time.Millisecond), client: client, typ: typ, host: "a.example", path: path, channel: "search", n: n})
		n++
	}
	for i := range session.MaxPages + 7 {
		add("monitor", "pageview", fmt.Sprint("/p", min(i, session.MaxPages)))
	}
	for i := range session.MaxPages + 3 {
		add("server", "click", fmt.Sprint("/c", i))
	}
	for i := range session.MaxTypes + 5 {
		add("typist", fmt.Sprint("t", i), "/t")
	}
	add("c", "signup", "/b")
	storeSteps(t, c, "cuthits", "site", 1, steps)
	day := session.DayOf(sessionStart)
	testkit.Exec(t, c, session.StitchSQL("cuthits", day, session.DefaultTimeout, 930_000))
	for _, sql := range daily.WriteSQL("cuthits", session.Start(day), 930_000, 10, 10) {
		testkit.Exec(t, c, sql)
	}
	if got := testkit.Rows(t, c, daily.CountSQL("cuthits", session.Start(day), 930_000)); len(got) != 1 || got[0] != fmt.Sprint(n) {
		t.Errorf("the totals hold %v events, want %d", got, n)
	}
	for _, totals := range []bool{false, true} {
		r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
		r.deps.Sessions = someDays{session.DefaultTimeout, []session.Stitched{{Day: day, Version: 930_000, Main: 1, Totals: totals}}}
		r.deps.Sources = sources{"site": {Tenant: "cuthits", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
		for query, want := range map[string]string{
			"filter=path:/p2000":                       `[{"sessions":1}]`, // its last page, of the monitor
			"filter=path:/c2002":                       `[{"sessions":1}]`,
			"filter=path:/b":                           `[{"sessions":1}]`,
			"filter=!path:/b":                          `[{"sessions":3}]`,
			"filter=path:/none":                        `[{"sessions":0}]`,
			"filter=type:t204":                         `[{"sessions":1}]`,
			"filter=type:signup":                       `[{"sessions":1}]`,
			"filter=type:click":                        `[{"sessions":1}]`,
			"filter=path:/b&group_by=channel":          `[{"channel":"search","sessions":1}]`,
			"filter=path:/none&group_by=channel":       `[]`,
			"filter=path:/t&group_by=channel":          `[{"channel":"search","sessions":1}]`,
			"filter=path:/b&filter=!channel:search":    `[{"sessions":0}]`,
			"filter=type:t204&group_by=channel":        `[{"channel":"search","sessions":1}]`,
			"filter=type:signup&group_by=channel":      `[{"channel":"search","sessions":1}]`,
			"filter=type:signup&filter=channel:search": `[{"sessions":1}]`,
			"filter=type:signup&filter=channel:email":  `[{"sessions":0}]`,
			"filter=type:t204&filter=channel:search":   `[{"sessions":1}]`,
			"filter=type:none&group_by=entry_path":     `[]`,
		} {
			_, _, got := call(t, serve(r, tenant.Principal{Tenant: "cuthits", Role: tenant.RoleViewer, KeyID: "k"}), "GET",
				"/api/v1/analytics/site/report?metric=sessions&from=2026-03-01&to=2026-03-01&totals=false&"+query, "")
			if !strings.Contains(got, `"data":`+want) {
				t.Errorf("%s, totals: %v: %s, want %s", query, totals, got, want)
			}
		}
	}
}
