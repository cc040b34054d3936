package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// TestViewsEqualCount compares what the pages of visits say of page views with a count of the tests' own: a page view counts where its visit begins, with what that has.
func TestViewsEqualCount(t *testing.T) {
	w := newSessionWorld(t)
	all := func(visit) bool { return true }
	page := func(_ visit, s step) string { return s.path }
	for _, c := range []struct {
		query string
		keys  []string
		of    func(visit) bool
		on    func(step) bool
		key   func(visit, step) string
	}{
		{"group_by=path&filter=channel:search", []string{"path"}, func(v visit) bool { return v.source().channel == "search" }, nil, page},
		{"group_by=path&filter=entry_path:/a&filter=!country:DE", []string{"path"}, func(v visit) bool { return v.column("entry_path") == "/a" && v.column("country") != "DE" }, nil, page},
		{"group_by=channel,path&interval=day", []string{"time", "channel", "path"}, all, nil, func(v visit, s step) string {
			return v[0].at.Format(time.DateOnly) + "|" + v.source().channel + "|" + s.path
		}},
		{"group_by=channel&filter=path:/a|/m", []string{"channel"}, all, func(s step) bool { return s.path == "/a" || s.path == "/m" }, func(v visit, _ step) string { return v.source().channel }},
		{"interval=day&filter=!path:/a&filter=path:~/&filter=exit_path:/b", []string{"time"}, func(v visit) bool { return v.column("exit_path") == "/b" }, func(s step) bool { return s.path != "/a" },
			func(v visit, _ step) string { return v[0].at.Format(time.DateOnly) }},
		{"filter=path:/a&filter=channel:~r", nil, func(v visit) bool { return strings.Contains(v.source().channel, "r") }, func(s step) bool { return s.path == "/a" }, func(visit, step) string { return "" }},
		{"filter=path:/none&filter=channel:search", nil, func(visit) bool { return false }, nil, nil},
	} {
		for _, last := range []int{8, 1, 2} { // the days up to which is asked: where visits begin, and not all of them end
			want, whole := map[string]map[string]any{}, 0.0
			for _, v := range w.visits {
				if v[0].at.Before(w.start.AddDate(0, 0, 1)) || !v[0].at.Before(w.start.AddDate(0, 0, last+1)) || !c.of(v) {
					continue
				}
				for _, s := range v {
					if s.typ != "pageview" || c.on != nil && !c.on(s) {
						continue
					}
					k := c.key(v, s)
					if want[k] == nil {
						want[k] = map[string]any{Pageviews: 0.0}
					}
					want[k][Pageviews] = want[k][Pageviews].(float64) + 1
					whole++
				}
			}
			if c.keys == nil && len(want) == 0 {
				want[""] = map[string]any{Pageviews: 0.0}
			}
			for day := 1; len(c.keys) == 1 && c.keys[0] == "time" && day <= last; day++ { // a day without any is there
				if name := w.start.AddDate(0, 0, day).Format(time.DateOnly); want[name] == nil {
					want[name] = map[string]any{Pageviews: 0.0}
				}
			}
			query := "metric=pageviews&from=2026-03-02&to=" + w.start.AddDate(0, 0, last).Format(time.DateOnly) + "&" + c.query
			if d := diff.Diff(want, w.report(t, query, c.keys...)); d != "" {
				t.Errorf("%s (-want +got):\n%s", query, d)
			}
			if _, total := w.totals(t, query); total[Pageviews] != whole {
				t.Errorf("totals of %s: %v, want %v", query, total, whole)
			}
		}
	}
	// Behind another metric it is asked of its groups; the first rows of all, and those behind them.
	byPath := map[string]float64{}
	for _, v := range w.visits {
		for _, s := range v {
			if s.typ == "pageview" && v.source().channel == "search" && !v[0].at.Before(w.start.AddDate(0, 0, 1)) {
				byPath[s.path]++
			}
		}
	}
	rows, total := w.totals(t, "metric=entries,pageviews&group_by=path&filter=channel:search&from=2026-03-02&to=2026-03-09")
	sum := 0.0
	for _, n := range byPath {
		sum += n
	}
	if len(rows) < 3 || total[Pageviews] != sum {
		t.Errorf("%v, totals %v, want %v of %v", rows, total, sum, byPath)
	}
	for _, row := range rows {
		if row[Pageviews] != byPath[row["path"].(string)] {
			t.Errorf("%v, want %v", row, byPath)
		}
	}
	var paged []string
	for _, query := range []string{"limit=2", "limit=2&offset=2"} {
		rows, _ := w.totals(t, "metric=pageviews&group_by=path&filter=channel:search&from=2026-03-02&to=2026-03-09&"+query)
		for _, row := range rows {
			paged = append(paged, fmt.Sprint(row["path"], row[Pageviews]))
		}
	}
	rows, _ = w.totals(t, "metric=pageviews&group_by=path&filter=channel:search&from=2026-03-02&to=2026-03-09")
	for i, row := range rows[:min(4, len(rows))] {
		if i >= len(paged) || paged[i] != fmt.Sprint(row["path"], row[Pageviews]) {
			t.Errorf("by pages of two %q, at once %v", paged, rows)
		}
	}
}

// TestVisitsOfPages: metrics of visits beside a filter on pages are those of the visits that have such an event, alone, with others, and beside page views.
func TestVisitsOfPages(t *testing.T) {
	testkit.Alone(t)
	w := newSessionWorld(t)
	for query, of := range map[string]func(string) bool{
		"filter=path:/a":                  func(path string) bool { return path == "/a" },
		"filter=path:~/":                  func(path string) bool { return strings.Contains(path, "/") },
		"filter=path:/a&group_by=channel": func(path string) bool { return path == "/a" },
	} {
		n := 0.0
		for _, v := range w.visits {
			if !v[0].at.Before(w.start.AddDate(0, 0, 1)) && v[0].at.Before(w.start.AddDate(0, 0, 9)) && slices.ContainsFunc(v, func(s step) bool { return of(s.path) }) {
				n++
			}
		}
		if n == 0 {
			t.Fatalf("%s: no visit has such an event", query)
		}
		for _, metrics := range []string{Sessions, "visitors,sessions,pageviews,views_per_session,bounce_rate,session_duration", "pageviews,sessions"} {
			if rows, total := w.totals(t, "metric="+metrics+"&from=2026-03-02&to=2026-03-09&"+query); total[Sessions] != n {
				t.Errorf("%s, %s: %v, want %v visits: %v", metrics, query, total[Sessions], n, rows)
			}
		}
	}
}

// TestViewsOfRobots: whose visit begins with a robot's event is left out.
func TestViewsOfRobots(t *testing.T) {
	w := newSessionWorld(t)
	for bots, want := range map[string]func(bool) bool{"": func(bot bool) bool { return !bot }, BotsOnly: func(bot bool) bool { return bot }} {
		n := 0
		for _, v := range w.visits {
			if _, _, views := v.views(); want(v[0].bot) && v.source().channel == "search" && !v[0].at.Before(w.start.AddDate(0, 0, 1)) {
				n += views
			}
		}
		who := tenant.Principal{Tenant: "visits", Role: tenant.RoleViewer, KeyID: "k"}
		_, _, body := call(t, serve(w.r, who), "GET", "/api/v1/analytics/site/report?metric=pageviews&group_by=path&filter=channel:search&from=2026-03-02&to=2026-03-09&bots="+bots, "")
		if !strings.Contains(body, fmt.Sprintf(`"totals":{"pageviews":%d}`, n)) || n == 0 {
			t.Errorf("bots %q: want %d: %s", bots, n, body)
		}
	}
}

// TestOfViews: what is asked of the pages of visits, and what of events.
func TestOfViews(t *testing.T) {
	path, channel := Dim{Column: "path"}, Dim{Column: "channel"}
	search := Filter{Dim: channel, Values: []string{"search"}}
	for name, c := range map[string]struct {
		q    Question
		want bool
	}{
		"pages of a channel":      {Question{GroupBy: []Dim{path}, Filters: []Filter{search}}, true},
		"channels of a page":      {Question{GroupBy: []Dim{channel}, Filters: []Filter{{Dim: path, Values: []string{"/"}}}}, true},
		"and of a country":        {Question{GroupBy: []Dim{path}, Filters: []Filter{search, {Dim: Dim{Column: "country"}, Values: []string{"DE"}}}}, true},
		"beside entries":          {Question{Metrics: []string{Entries, Pageviews}, GroupBy: []Dim{path}, Filters: []Filter{search}}, true},
		"beside visitors":         {Question{Metrics: []string{Pageviews, Visitors}, GroupBy: []Dim{path}, Filters: []Filter{search}}, false},
		"pages":                   {Question{GroupBy: []Dim{path}}, false},
		"pages of a country":      {Question{GroupBy: []Dim{path}, Filters: []Filter{{Dim: Dim{Column: "country"}, Values: []string{"DE"}}}}, false},
		"hosts of a channel":      {Question{GroupBy: []Dim{{Column: "host"}}, Filters: []Filter{search}}, false},
		"pages of a property":     {Question{GroupBy: []Dim{path}, Filters: []Filter{search, {Dim: Dim{Prop: "plan"}, Values: []string{"pro"}}}}, false},
		"pages of a property too": {Question{GroupBy: []Dim{{Prop: "path"}}, Filters: []Filter{search}}, false},
		"pages of persons":        {Question{GroupBy: []Dim{path}, Filters: []Filter{search, {Cohort: &cohort{}}}}, false},
		"pages of a client":       {Question{GroupBy: []Dim{path}, Filters: []Filter{search, {Dim: Dim{Column: "client_id"}, Values: []string{"c"}}}}, false},
	} {
		if c.q.Metrics == nil {
			c.q.Metrics = []string{Pageviews}
		}
		if got := slices.Contains(c.q.aspects(), ofViews); got != c.want {
			t.Errorf("%s: of the pages of visits: %v, want %v", name, got, c.want)
		}
	}
}

// TestPageTotalsEqualEvents asks random questions about the pages of visits, over days with totals, stale ones too, and over the same events without anything stitched: the answers are the same.
func TestPageTotalsEqualEvents(t *testing.T) {
	w, raw := newSessionWorld(t), newSessionWorld(t).r
	raw.deps.Sessions = someDays{timeout: session.DefaultTimeout}
	days := w.r.deps.Sessions.(someDays).days
	used := map[string]int{}
	path := Dim{Column: "path"}
	ask := func(t *rapid.T) {
		q := drawSessionQuestion(t)
		if rapid.IntRange(0, 3).Draw(t, "by days") > 0 { // else totals answer next to none
			q.overDays(t)
			q.byDays(t)
		}
		q.Metrics = []string{Pageviews}
		by := "visits by path"
		if len(q.Filters) == 0 || rapid.Bool().Draw(t, "of some pages") {
			by = "filtered by path"
			q.Filters = append(q.Filters, Filter{Dim: path, Values: rapid.SampledFrom([][]string{{"/a"}, {"/a", "/m"}, {"/none"}}).Draw(t, "pages"), Not: rapid.Bool().Draw(t, "not of them")})
		}
		if rapid.Bool().Draw(t, "by page") {
			q.GroupBy = append(q.GroupBy, path)
		}
		if !q.ofViews() {
			return
		}
		st := buildSessions(q, session.DefaultTimeout, session.Start(session.DayOf(q.To.Add(session.DefaultTimeout))+1), readDays{days: days}, q.hits())
		if strings.Contains(st.sql, daily.PagesTable) {
			used[by]++
			if strings.Contains(st.sql, "-toInt64(") {
				used["outdated"]++
			}
			if strings.Contains(st.sql, daily.SeamPagesTable) {
				used["midnights"]++
			}
			if len(q.GroupBy) == 2 {
				used["two groups"]++
			}
			if q.Interval != "" {
				used["series"]++
			}
		}
		sameAnswers(t, raw, w.r, q, st)
	}
	checkUses(t, ask, used, "visits by path", "filtered by path", "outdated", "midnights", "two groups", "series")
}

// TestViewsCut: a visit with more page views than pages are kept is counted by its events, be there totals of pages or not.
func TestViewsCut(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	begin := sessionStart.Add(12 * time.Hour) // away from midnight
	var steps []step
	for i := range session.MaxPages + 7 {
		s := step{at: begin.Add(time.Duration(i) * 100 * time.Millisecond), client: "monitor", typ: "pageview", host: "a.example", path: "/a", channel: "search", n: i}
		if i > session.MaxPages {
			s.path = "/last"
		}
		steps = append(steps, s)
	}
	storeSteps(t, c, "cutpages", "site", 1, steps)
	storeSteps(t, c, "cutpages", "site", 1, []step{{at: begin, client: "c", typ: "pageview", host: "a.example", path: "/b", channel: "search", n: 1 << 20}})
	day := session.DayOf(sessionStart)
	testkit.Exec(t, c, session.StitchSQL("cutpages", day, session.DefaultTimeout, 920_000))
	for _, sql := range daily.WriteSQL("cutpages", session.Start(day), 920_000, 10, 10) {
		testkit.Exec(t, c, sql)
	}
	for _, totals := range []bool{false, true} {
		testViewsCut(t, session.Stitched{Day: day, Version: 920_000, Main: 1, Totals: totals})
	}
}

func testViewsCut(t *testing.T, day session.Stitched) {
	t.Helper()
	r := newReporter(t, testkit.Engine(t), clock{asOf: noon, main: 3, late: 1}, Config{})
	r.deps.Sessions = someDays{session.DefaultTimeout, []session.Stitched{day}}
	r.deps.Sources = sources{"site": {Tenant: "cutpages", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
	for query, want := range map[string]string{
		"group_by=path&filter=channel:search":                  fmt.Sprintf(`[{"path":"/a","pageviews":%d},{"path":"/last","pageviews":6},{"path":"/b","pageviews":1}]`, session.MaxPages+1),
		"group_by=path&filter=channel:search&limit=1&offset=2": `[{"path":"/b","pageviews":1}]`,
		"group_by=path&filter=channel:search&offset=3":         `[]`,
		"filter=path:/last&filter=channel:search":              `[{"pageviews":6}]`,
		"group_by=channel&filter=path:/last":                   `[{"channel":"search","pageviews":6}]`,
	} {
		_, _, got := call(t, serve(r, tenant.Principal{Tenant: "cutpages", Role: tenant.RoleViewer, KeyID: "k"}), "GET",
			"/api/v1/analytics/site/report?metric=pageviews&from=2026-03-01&to=2026-03-01&totals=false&"+query, "")
		if !strings.Contains(got, `"data":`+want) {
			t.Errorf("%s, totals: %v: %s, want %s", query, day.Totals, got, want)
		}
	}
}
