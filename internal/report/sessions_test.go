package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// step is an event of the tests of sessions.
type step struct {
	at                                          time.Time
	typ, client, user, host, path, country, ref string
	channel                                     string
	visit                                       map[string]string // as props: what the visit has
	bot                                         bool
	plan                                        string
	n                                           int
}

// visit is a session as the tests' own program makes it.
type visit []step

func (v visit) views() (first, last *step, n int) {
	for i := range v {
		if v[i].typ == "pageview" {
			if first == nil {
				first = &v[i]
			}
			last = &v[i]
			n++
		}
	}
	return first, last, n
}

// source is the event that says where the visit came from.
func (v visit) source() step {
	for _, s := range v {
		if s.channel != "" {
			return s
		}
	}
	return step{}
}

func (v visit) bounce() bool {
	n := 0
	for _, s := range v {
		if s.typ != "scroll" && s.typ != "engagement" && s.typ != "identify" && s.typ != "alias" && s.typ != "group" {
			n++
		}
	}
	return n == 1
}

func (v visit) column(name string) string {
	first, last, n := v.views()
	switch name {
	case "country":
		return v[0].country
	case "referrer_host":
		return v.source().ref
	case "is_bot":
		return fmt.Sprint(v[0].bot)
	case "entry_path":
		if n > 0 {
			return first.path
		}
	case "exit_path":
		if n > 0 {
			return last.path
		}
	}
	return ""
}

func visitsOf(steps []step, timeout time.Duration) []visit {
	by := map[string][]step{}
	for _, s := range steps {
		if who := cmp.Or(s.client, s.user); who != "" {
			by[who] = append(by[who], s)
		}
	}
	var out []visit
	for _, list := range by {
		slices.SortFunc(list, func(a, b step) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n)) })
		from := 0
		for i := range list {
			if i+1 == len(list) || list[i+1].at.Sub(list[i].at) > timeout {
				out = append(out, list[from:i+1])
				from = i + 1
			}
		}
	}
	return out
}

func storeSteps(t testing.TB, c *clickhouse.Client, tenant, site string, seq int, steps []step) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, s := range steps {
		row := map[string]any{"tenant": tenant, "site_id": site, "ts": s.at.Format("2006-01-02 15:04:05.000"), "type": s.typ, "client_id": s.client, "user_id": s.user, "host": s.host, "path": s.path,
			"url": "https://" + s.host + s.path, "country": s.country, "referrer_host": s.ref, "is_bot": s.bot, "props": map[string]string{"plan": s.plan}, "channel": s.channel, "props_num": map[string]float64{"n": float64(s.n)}, "_writer": 1, "_seq": seq, "_offset": s.n}
		if s.visit != nil {
			s.visit["plan"] = s.plan
			row["props"] = s.visit
		}
		if err := enc.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Insert(context.Background(), clickhouse.Statement{SQL: "INSERT INTO weir.events (tenant, site_id, ts, type, client_id, user_id, host, path, url, country, referrer_host, channel, is_bot, props, props_num, _writer, _seq, _offset) FORMAT JSONEachRow"}, &b); err != nil {
		t.Fatal(err)
	}
}

func makeSteps(rnd *rand.Rand, start time.Time, days, n int) []step {
	out := make([]step, n)
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	at, client := start, ""
	for i := range out {
		if rnd.IntN(4) == 0 || client == "" {
			at = start.Add(time.Duration(rnd.Int64N(int64(days) * int64(24*time.Hour)))).Truncate(time.Millisecond)
			switch rnd.IntN(6) {
			case 0:
				at = at.Truncate(24 * time.Hour).Add(-time.Minute)
			case 1:
				at = at.Truncate(time.Hour)
			}
			client = fmt.Sprint("c", rnd.IntN(80))
		} else {
			at = at.Add(time.Duration(rnd.Int64N(int64(35 * time.Minute)))).Truncate(time.Millisecond)
		}
		s := step{at: at, client: client, n: i, typ: pick("pageview", "pageview", "click", "scroll", "group", "signup"), host: "a.example", path: pick("/", "/a", "/b"), country: pick("DE", "FR", ""), ref: pick("", "x.test"),
			channel: pick("", "search", "internal", "direct"), bot: rnd.IntN(9) == 0, plan: pick("pro", "free")}
		if rnd.IntN(10) == 0 {
			s.client, s.user = "", pick("u1", "u2")
		}
		if rnd.IntN(40) == 0 {
			s.user = ""
			s.client = ""
		}
		out[i] = s
	}
	// One who never leaves: over several days without a gap.
	for i := range 150 {
		out = append(out, step{at: start.Add(30*time.Hour + time.Duration(i)*29*time.Minute), client: "machine", typ: "pageview", host: "a.example", path: "/m", country: "US", n: n + i})
	}
	return out
}

// someDays are stitched days.
type someDays struct {
	timeout time.Duration
	days    []session.Stitched
}

func (d someDays) Timeout(tenant.ID) time.Duration { return d.timeout }

func (d someDays) Stitched(_ tenant.ID, from, to int32, timeout time.Duration) (out []session.Stitched) {
	for _, x := range d.days {
		if x.Day >= from && x.Day <= to && timeout == d.timeout {
			out = append(out, x)
		}
	}
	return out
}

type sessionWorld struct {
	steps  []step
	visits []visit
	r      *Reporter
	start  time.Time
}

// storedSessions is the world that the tests share, without a reporter.
var storedSessions *sessionWorld

// newSessionWorld is a reporter of the tenant visits. Events of two tenants are stored once; of one, some days are stitched, some of these totalled, and some got events since.
func newSessionWorld(t testing.TB) *sessionWorld {
	t.Helper()
	const name = "visits"
	c := testkit.Engine(t)
	d := someDays{timeout: session.DefaultTimeout}
	for _, x := range []session.Stitched{{Day: 0}, {Day: 1, Totals: true}, {Day: 2, Totals: true}, {Day: 3, Totals: true}, {Day: 4, Totals: true, Stale: true}, {Day: 5, Totals: true, Stale: true}, {Day: 6, Stale: true}, {Day: 8, Totals: true}} {
		x.Day += session.DayOf(sessionStart)
		x.Version, x.Main = uint64(x.Day), 1
		if day := x.Day - session.DayOf(sessionStart); day == 1 || day == 2 { // the midnights between three days that are not stale
			x.Seam = session.Seam{Version: 40_000 + uint64(x.Day), Open: true}
		}
		d.days = append(d.days, x)
	}
	if storedSessions == nil {
		storedSessions = storeSessions(t, c, name, d)
	}
	w := *storedSessions
	w.r = newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
	w.r.deps.Sessions = d
	w.r.deps.Sources = sources{"site": {Tenant: tenant.ID(name), SiteID: "site", TimeZone: "UTC", FirstDay: 1}, "other": {Tenant: "other", SiteID: "other"}}
	return &w
}

var sessionStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func storeSessions(t testing.TB, c *clickhouse.Client, name string, d someDays) *sessionWorld {
	t.Helper()
	w := &sessionWorld{start: sessionStart}
	rnd := rand.New(rand.NewPCG(7, 8))
	w.steps = makeSteps(rnd, w.start, 9, 3000)
	// One whose session is totalled as one of Liechtenstein, until an event before it comes: no session of there is left.
	moved := step{at: w.start.AddDate(0, 0, 4).Add(10 * time.Hour), client: "moved", typ: "pageview", host: "a.example", path: "/", country: "LI", n: 5000}
	before := moved
	before.at, before.country, before.n = moved.at.Add(-time.Minute), "DE", 5001
	w.steps = append(w.steps, moved, before)
	for at := w.start.AddDate(0, 0, 3).Add(-2 * time.Hour); at.Before(w.start.AddDate(0, 0, 4).Add(time.Hour)); at = at.Add(25 * time.Minute) { // one who is there all of the third day
		w.steps = append(w.steps, step{at: at, client: "always", typ: "pageview", host: "a.example", path: "/always", country: "FR", n: 6000 + len(w.steps)})
	}
	tellVisits(w.steps)
	w.visits = visitsOf(w.steps, session.DefaultTimeout)
	stale := map[int32]bool{}
	for _, x := range d.days {
		stale[x.Day] = x.Stale
	}
	var first, late []step
	for _, s := range w.steps {
		if s.n == before.n || s.n != moved.n && stale[session.DayOf(s.at)] && rnd.IntN(12) == 0 {
			late = append(late, s)
		} else {
			first = append(first, s)
		}
	}
	storeSteps(t, c, name, "site", 1, first)
	storeSteps(t, c, name, "elsewhere", 1, makeSteps(rnd, w.start, 9, 200))
	storeSteps(t, c, "not"+name, "site", 1, makeSteps(rnd, w.start, 9, 200))
	for _, x := range d.days {
		testkit.Exec(t, c, session.StitchSQL(name, x.Day, d.timeout, x.Version))
		if x.Totals {
			for _, sql := range daily.WriteSQL(name, session.Start(x.Day), x.Version, x.Main, x.Late) {
				testkit.Exec(t, c, sql)
			}
		}
	}
	for _, x := range d.days {
		if x.Seam.Version == 0 {
			continue
		}
		for _, sql := range daily.WriteSeamSQL(name, session.Start(x.Day), d.timeout, x.Version, x.Version+1, x.Seam.Version) {
			testkit.Exec(t, c, sql)
		}
		got := testkit.Rows(t, c, daily.SeamCountSQL(name, session.Start(x.Day), d.timeout, x.Version, x.Version+1, x.Seam.Version))
		var sessions, out, want int
		if n, err := fmt.Sscan(strings.Join(got, " "), &sessions, &out, &want); n != 3 || err != nil || sessions != want || sessions == 0 || (out > 0) != x.Seam.Open {
			t.Errorf("the midnight behind %v has %q", session.Start(x.Day), got)
		}
	}
	testkit.Exec(t, c, "INSERT INTO "+daily.SeamsTable+" SELECT * REPLACE (_version + 10000 AS _version) FROM "+daily.SeamsTable)
	testkit.Exec(t, c, "INSERT INTO "+daily.SessionsTable+" SELECT * REPLACE (_version + 10000 AS _version) FROM "+daily.SessionsTable) // versions that nobody reads
	for _, table := range []string{daily.PagesTable, daily.SeamPagesTable, daily.HitSessionsTable, daily.SeamHitSessionsTable} {
		testkit.Exec(t, c, "INSERT INTO "+table+" SELECT * REPLACE (_version + 10000 AS _version) FROM "+table)
	}
	storeSteps(t, c, name, "site", 2, late)
	return w
}

// tallyOf counts sessions in the plainest way, by a key of theirs.
func tallyOf(visits []visit, key func(visit) (string, bool)) map[string]map[string]any {
	type sums struct{ n, bounced, views, paged, ms float64 }
	by := map[string]*sums{}
	for _, v := range visits {
		k, ok := key(v)
		if !ok {
			continue
		}
		if by[k] == nil {
			by[k] = &sums{}
		}
		s := by[k]
		_, _, views := v.views()
		s.n++
		s.views += float64(views)
		s.ms += float64(v[len(v)-1].at.Sub(v[0].at).Milliseconds())
		if v.bounce() {
			s.bounced++
		}
		if views > 0 {
			s.paged++
		}
	}
	out := map[string]map[string]any{}
	for k, s := range by {
		out[k] = map[string]any{Sessions: s.n, BounceRate: round(s.bounced / s.n), SessionDuration: round(s.ms / 1000 / s.n), ViewsPerSession: round(s.views / s.n), Entries: s.paged, Exits: s.paged}
	}
	return out
}

func round(f float64) float64 { return math.Round(f*1e6) / 1e6 }

// totals asks over HTTP and returns the rows and the totals.
func (w *sessionWorld) totals(t *testing.T, query string) (rows []map[string]any, totals map[string]any) {
	t.Helper()
	who := tenant.Principal{Tenant: w.r.deps.Sources.(sources)["site"].Tenant, Role: tenant.RoleViewer, KeyID: "k"}
	if !strings.Contains(query, "bots=") {
		query = "bots=include&" + query
	}
	status, _, body := call(t, serve(w.r, who), "GET", "/api/v1/analytics/site/report?"+query, "")
	if status != 200 {
		t.Fatalf("%s: %d %s", query, status, body)
	}
	var got struct {
		Data   []map[string]any
		Totals map[string]any
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	return got.Data, got.Totals
}

// report asks over HTTP and returns the rows by the columns of keys.
func (w *sessionWorld) report(t *testing.T, query string, keys ...string) map[string]map[string]any {
	t.Helper()
	data, _ := w.totals(t, query)
	out := map[string]map[string]any{}
	for _, row := range data {
		var k []string
		for _, name := range keys {
			k = append(k, fmt.Sprint(row[name]))
			delete(row, name)
		}
		for n, v := range row {
			if f, ok := v.(float64); ok {
				row[n] = round(f)
			}
		}
		out[strings.Join(k, "|")] = row
	}
	return out
}

const allSessionMetrics = "metric=sessions,bounce_rate,session_duration,views_per_session,entries,exits"

// TestSessionReports compares reports about sessions with a count of the tests' own, over days that are stitched and days that are not, with a session that lasts for days.
func TestSessionReports(t *testing.T) {
	w := newSessionWorld(t)
	for _, c := range []struct {
		query string
		keys  []string
		from  time.Time
		to    time.Time
		key   func(visit) (string, bool)
	}{
		{"from=2026-03-01&to=2026-03-09", nil, w.start, w.start.AddDate(0, 0, 9), func(visit) (string, bool) { return "", true }},
		{"from=2026-03-03T00:10:00Z&to=2026-03-05T00:10:00Z", nil, w.start.Add(48*time.Hour + 10*time.Minute), w.start.Add(96*time.Hour + 10*time.Minute), func(visit) (string, bool) { return "", true }},
		{"from=2026-03-02&to=2026-03-02", nil, w.start.AddDate(0, 0, 1), w.start.AddDate(0, 0, 2), func(visit) (string, bool) { return "", true }}, // the machine begins here and ends days later
		{"from=2026-03-01&to=2026-03-09&interval=day", []string{"time"}, w.start, w.start.AddDate(0, 0, 9), func(v visit) (string, bool) { return v[0].at.Format(time.DateOnly), true }},
		{"from=2026-03-01&to=2026-03-09&group_by=country", []string{"country"}, w.start, w.start.AddDate(0, 0, 9), func(v visit) (string, bool) { return v[0].country, true }},
		{"from=2026-03-01&to=2026-03-09&group_by=channel", []string{"channel"}, w.start, w.start.AddDate(0, 0, 9), func(v visit) (string, bool) { return v.source().channel, true }},
		{"from=2026-03-01&to=2026-03-09&group_by=entry_path,is_bot", []string{"entry_path", "is_bot"}, w.start, w.start.AddDate(0, 0, 9), func(v visit) (string, bool) {
			return v.column("entry_path") + "|" + fmt.Sprint(v[0].bot), true
		}},
		{"from=2026-03-02&to=2026-03-05&filter=country:DE|FR&filter=!referrer_host:x.test&interval=week&group_by=exit_path", []string{"time", "exit_path"}, w.start.AddDate(0, 0, 1), w.start.AddDate(0, 0, 5), func(v visit) (string, bool) {
			return map[bool]string{true: "2026-02-23", false: "2026-03-02"}[v[0].at.Before(w.start.AddDate(0, 0, 1))] + "|" + v.column("exit_path"), v[0].country != "" && v[0].country != "US" && v.source().ref == ""
		}},
		{"from=2026-03-01&to=2026-03-09&filter=type:signup&filter=props.plan:pro&group_by=referrer_host", []string{"referrer_host"}, w.start, w.start.AddDate(0, 0, 9), func(v visit) (string, bool) {
			return v.source().ref, slices.ContainsFunc(v, func(s step) bool { return s.typ == "signup" && s.plan == "pro" })
		}},
		{"from=2026-03-01&to=2026-03-09&filter=!type:signup&filter=!path:/a|/b&filter=type:click", nil, w.start, w.start.AddDate(0, 0, 9), func(v visit) (string, bool) {
			return "", !slices.ContainsFunc(v, func(s step) bool { return s.typ == "signup" }) && !slices.ContainsFunc(v, func(s step) bool { return s.path == "/a" || s.path == "/b" }) &&
				slices.ContainsFunc(v, func(s step) bool { return s.typ == "click" })
		}},
	} {
		want := tallyOf(w.visits, func(v visit) (string, bool) {
			if v[0].at.Before(c.from) || !v[0].at.Before(c.to) {
				return "", false
			}
			return c.key(v)
		})
		metrics := allSessionMetrics
		if strings.Contains(c.query, "filter=!path") { // with it, entries are those by the entry page
			metrics = "metric=sessions,bounce_rate,session_duration,views_per_session"
			for _, row := range want {
				delete(row, Entries)
				delete(row, Exits)
			}
		}
		if len(want) == 0 {
			t.Errorf("%s: the test expects nothing", c.query)
		}
		got := w.report(t, metrics+"&"+c.query, c.keys...)
		if d := diff.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.query, d)
		}
	}
}

// TestMixedReport asks for events and sessions at once, by page: entries and exits are those of the page.
func TestMixedReport(t *testing.T) {
	testkit.Alone(t)
	w := newSessionWorld(t)
	want := map[string]map[string]any{}
	for _, s := range w.steps {
		if want[s.path] == nil {
			want[s.path] = map[string]any{"events": 0.0, Entries: 0.0, Exits: 0.0}
		}
		want[s.path]["events"] = want[s.path]["events"].(float64) + 1
	}
	for _, v := range w.visits {
		if first, last, n := v.views(); n > 0 {
			want[first.path][Entries] = want[first.path][Entries].(float64) + 1
			want[last.path][Exits] = want[last.path][Exits].(float64) + 1
		}
	}
	got := w.report(t, "metric=events,entries,exits&group_by=path&from=2026-02-20&to=2026-03-20", "path")
	if d := diff.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	w.someOnly(t)
	one := w.report(t, "metric=exits,events&group_by=path&from=2026-02-20&to=2026-03-20&limit=1", "path")
	if len(one) != 1 {
		t.Errorf("limit=1 answers %v", one)
	}
	for path, row := range one {
		if d := diff.Diff(map[string]any{Exits: want[path][Exits], "events": want[path]["events"]}, row); d != "" {
			t.Errorf("limit=1 (-want +got):\n%s", d)
		}
	}
	series := w.report(t, "metric=events,sessions,bounce_rate&interval=day&from=2026-02-27&to=2026-02-28", "time")
	if d := diff.Diff(map[string]map[string]any{"2026-02-27": {"events": 0.0, Sessions: 0.0, BounceRate: nil}}, map[string]map[string]any{"2026-02-27": series["2026-02-27"]}); d != "" {
		t.Errorf("a day without anything (-want +got):\n%s", d)
	}
}

// someOnly asks about an hour in which some pages have views and others exits, of visits that go on: no group is left out, on whichever page of the answer it stands.
func (w *sessionWorld) someOnly(t *testing.T) {
	t.Helper()
	hours := 0
	for hour := 0; hour < 7*24 && hours < 3; hour++ {
		from := w.start.AddDate(0, 0, 1).Add(time.Duration(hour) * time.Hour)
		in := func(at time.Time) bool { return !at.Before(from) && at.Before(from.Add(time.Hour)) }
		want := map[string]map[string]any{}
		count := func(path, metric string) {
			if want[path] == nil {
				want[path] = map[string]any{Pageviews: 0.0, Entries: 0.0, Exits: 0.0}
			}
			want[path][metric] = want[path][metric].(float64) + 1
		}
		for _, s := range w.steps {
			if in(s.at) {
				count(s.path, Pageviews)
				if s.typ != "pageview" {
					want[s.path][Pageviews] = want[s.path][Pageviews].(float64) - 1
				}
			}
		}
		for _, v := range w.visits {
			if first, last, n := v.views(); n > 0 && in(v[0].at) {
				count(first.path, Entries)
				count(last.path, Exits)
			}
		}
		views, exits := 0, 0 // pages that have the one or the other
		for _, n := range want {
			if n[Exits] == 0.0 {
				views++
			} else if n[Pageviews] == 0.0 {
				exits++
			}
		}
		if views == 0 || exits == 0 {
			continue
		}
		hours++
		query := "&group_by=path&from=" + from.Format(time.RFC3339) + "&to=" + from.Add(time.Hour).Format(time.RFC3339)
		for _, metrics := range []string{"pageviews,entries,exits", "exits,pageviews,entries"} {
			if d := diff.Diff(want, w.report(t, "metric="+metrics+query, "path")); d != "" {
				t.Errorf("%s%s (-want +got):\n%s", metrics, query, d)
			}
			whole, _ := w.totals(t, "metric="+metrics+query)
			for limit := 1; limit <= 2; limit++ {
				var pages []map[string]any
				for offset := 0; offset <= len(whole); offset += limit {
					page, _ := w.totals(t, fmt.Sprintf("metric=%s%s&limit=%d&offset=%d&totals=false", metrics, query, limit, offset))
					pages = append(pages, page...)
				}
				if d := diff.Diff(whole, pages); d != "" {
					t.Errorf("%s%s by %d (-whole +pages):\n%s", metrics, query, limit, d)
				}
			}
		}
	}
	if hours == 0 {
		t.Error("no hour had such pages")
	}
}

// TestGroupsOfOtherParts: behind the only page with an exit comes one with views, and the views of both are told though there are more pages with more of them.
func TestGroupsOfOtherParts(t *testing.T) {
	c := testkit.Engine(t)
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, path, _writer, _seq) VALUES ('others', 'site', '2026-03-01 23:50:00', 'pageview', 'before', '/', 1, 1),
 ('others', 'site', '2026-03-02 00:01:00', 'pageview', 'before', '/b', 1, 1), ('others', 'site', '2026-03-02 00:02:00', 'pageview', 'before', '/a', 1, 1), ('others', 'site', '2026-03-02 00:03:00', 'pageview', 'before', '/b', 1, 1),
 ('others', 'site', '2026-03-02 00:04:00', 'pageview', 'before', '/a', 1, 1), ('others', 'site', '2026-03-02 00:05:00', 'pageview', 'before', '/a', 1, 1), ('others', 'site', '2026-03-02 00:06:00', 'pageview', 'in', '/z', 1, 1)`)
	rep := newReporter(t, c, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	for _, by := range [][]Dim{{{Column: "path"}}, {{Column: "path"}, {Column: "host"}}} {
		q := Question{Tenant: "others", Site: "site", Metrics: []string{Exits, Pageviews}, GroupBy: by, From: from, To: from.AddDate(0, 0, 1), Location: time.UTC, FirstDay: 1}
		for i, want := range []string{"[/z 1 1]", "[/a 0 3]", "[/b 0 2]", ""} {
			q.Offset, q.Limit = i, 1
			for _, limit := range []int{1, 2} {
				if i > 0 && limit == 2 {
					continue
				}
				q.Limit = limit
				rows, err := rep.Answer(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if len(rows) > 0 {
					v := rows[0].values
					got = fmt.Sprintf("[%v %v %v]", v[0], v[len(by)], v[len(by)+1])
				}
				if got != want || len(rows) > limit || i == 0 && len(rows) != limit {
					t.Errorf("%d groups behind %d by %v: %s, %d rows; want %s first", limit, i, by, got, len(rows), want)
				}
			}
		}
	}
}

func TestSessionQuestionsRefused(t *testing.T) {
	h := serve(newReporter(t, &fakeEngine{answers: []fakeAnswer{{rows: "[]"}}}, clock{asOf: noon}, Config{}), acmeViewer)
	for query, want := range map[string]string{
		"metric=session":                      "did you mean sessions?",
		"metric=sessions&group_by=path":       "entry_path",
		"metric=sessions&group_by=props.plan": "no column of sessions",
		"metric=sessions&group_by=type":       "no column of sessions",
		"metric=entries&group_by=url":         "no column of sessions",
		"metric=sessions&group_by=entry_pth":  "did you mean entry_path?",
	} {
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/report?"+query, "")
		if status != 422 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want 422 with %q", query, status, body, want)
		}
	}
	for target, want := range map[string]int{
		"sessions?limit=501": 422, "sessions?limit=-1": 422, "sessions?limit=x": 422, "sessions?cursor=zz": 422, "sessions?filter=nothing:1": 422, "sessions?from=2026-03-09&to=2026-03-01": 422,
		"sessions/abc": 422, "sessions/" + strings.Repeat("f", 32): 404, "sessions/" + strings.Repeat("0", 32): 404, "sessions/" + strings.Repeat("g", 32): 422, "sessions/" + strings.Repeat("0", 33): 422, "visitors/a%00b": 422,
	} {
		if status, _, body := call(t, h, "GET", "/api/v1/analytics/site/"+target, ""); status != want {
			t.Errorf("%s: %d %s, want %d", target, status, body, want)
		}
	}
	for _, at := range []time.Time{time.UnixMilli(0), time.Date(1971, 1, 1, 1, 0, 0, 0, time.UTC), time.Date(2105, 12, 31, 1, 0, 0, 0, time.UTC)} { // times around it cannot be asked for
		if status, _, body := call(t, h, "GET", "/api/v1/analytics/site/sessions/"+sessionID(at, 15), ""); status != 404 || !strings.Contains(body, `"field":"id"`) {
			t.Errorf("the id of a session of %v: %d %s, want 404 with the field id", at, status, body)
		}
	}
	if status, _, _ := call(t, h, "GET", "/api/v1/analytics/other/sessions", ""); status != 404 {
		t.Errorf("another tenant's site answers %d", status)
	}
}

// TestSessionList walks through the pages of a list and looks at one session and at its visitor.
// TestSessionsOfUsers: a filter on user_id keeps the sessions whose own user that is, which is the last one that an event of the session names; beside them events are filtered by their own.
func TestSessionsOfUsers(t *testing.T) {
	c := testkit.Engine(t)
	at := func(day, minute int) time.Time {
		return sessionStart.AddDate(0, 0, day).Add(time.Duration(minute) * time.Minute)
	}
	storeSteps(t, c, "sessionusers", "site", 1, []step{
		{at: at(0, 0), client: "c", typ: "pageview", path: "/", n: 1},
		{at: at(0, 1), client: "c", user: "u1", typ: "pageview", path: "/", n: 2},
		{at: at(0, 2), client: "c", user: "u2", typ: "identify", n: 3},
		{at: at(0, 3), client: "c", typ: "pageview", path: "/", n: 4},
		{at: at(1, 0), client: "c", typ: "pageview", path: "/", n: 5}, // nobody says whose
		{at: at(2, 0), client: "c", user: "u1", typ: "pageview", path: "/", n: 6},
		{at: at(3, 0), user: "u3", typ: "pageview", path: "/", n: 7},
	})
	r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
	r.deps.Sessions = someDays{timeout: session.DefaultTimeout}
	r.deps.Sources = sources{"site": {Tenant: "sessionusers", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
	h := serve(r, tenant.Principal{Tenant: "sessionusers", Role: tenant.RoleViewer, KeyID: "k"})
	for filter, want := range map[string]struct {
		days   []int
		events int
	}{"user_id:u1": {[]int{2}, 2}, "user_id:u2": {[]int{0}, 1}, "user_id:u1|u2": {[]int{2, 0}, 3}, "!user_id:u2": {[]int{3, 2, 1}, 6}, "user_id:": {[]int{1}, 3}, "user_id:u3": {[]int{3}, 1}} {
		span := "?from=2026-03-01&to=2026-03-09&filter=" + url.QueryEscape(filter)
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/sessions"+span, "")
		var list struct{ Sessions []struct{ Start time.Time } }
		if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 {
			t.Fatalf("%s: %d %s", filter, status, body)
		}
		var days []int
		for _, s := range list.Sessions {
			days = append(days, int(s.Start.Sub(sessionStart)/(24*time.Hour)))
		}
		if !slices.Equal(days, want.days) {
			t.Errorf("%s: sessions of the days %v, want %v", filter, days, want.days)
		}
		status, _, body = call(t, h, "GET", "/api/v1/analytics/site/report"+span+"&metric=sessions,events", "")
		if row := fmt.Sprintf(`"totals":{"sessions":%d,"events":%d}`, len(want.days), want.events); status != 200 || !strings.Contains(body, row) {
			t.Errorf("%s: %d %s, want %s", filter, status, body, row)
		}
	}
}

func TestSessionList(t *testing.T) {
	w := newSessionWorld(t)
	who := tenant.Principal{Tenant: "visits", Role: tenant.RoleViewer, KeyID: "k"}
	h := serve(w.r, who)
	type item struct {
		ID, Visitor, Start, End string
		Entry                   string  `json:"entry_path"`
		Country                 *string `json:"country"`
		Duration                float64 `json:"duration_seconds"`
		Events, Pageviews       int
		Bounce, Sealed          bool
	}
	var all []item
	for cursor := ""; ; {
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/sessions?bots=include&from=2026-02-01&to=2026-03-20&limit=100&cursor="+cursor, "")
		if status != 200 {
			t.Fatal(status, body)
		}
		var page struct {
			Sessions []item
			Next     string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Sessions...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	text := func(visitor, start, end, entry, country string, events, views int, bounce bool) string {
		return fmt.Sprint(visitor, " ", start, " ", end, " ", entry, " ", country, " ", events, " ", views, " ", bounce)
	}
	var want, got []string
	for _, v := range w.visits {
		_, _, views := v.views()
		want = append(want, text(cmp.Or(v[0].client, v[0].user), formatTime(v[0].at), formatTime(v[len(v)-1].at), v.column("entry_path"), v[0].country, len(v), views, v.bounce()))
	}
	for i, s := range all {
		got = append(got, text(s.Visitor, s.Start, s.End, s.Entry, *s.Country, s.Events, s.Pageviews, s.Bounce))
		if i > 0 && s.Start > all[i-1].Start {
			t.Errorf("session %d begins after the one before it", i)
		}
		end, _ := time.Parse(time.RFC3339, s.End)
		if s.Sealed != end.Add(session.DefaultTimeout).Before(noon.Add(-5*time.Minute)) {
			t.Errorf("sealed is %v of one that ended at %s", s.Sealed, s.End)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := diff.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	long := slices.IndexFunc(all, func(s item) bool { return s.Visitor == "machine" })
	for _, i := range []int{0, len(all) / 2, long} {
		w.checkSession(t, all[i].ID, all[i].Visitor, all[i].Start, all[i].Events)
	}
	if status, _, body := call(t, h, "GET", "/api/v1/analytics/site/sessions/"+sessionID(w.start, 1), ""); status != 404 || !strings.Contains(body, "unknown_session") {
		t.Errorf("a session that is not there: %d %s", status, body)
	}
	if status, _, body := call(t, h, "GET", "/api/v1/analytics/site/visitors/nobody", ""); status != 404 || !strings.Contains(body, "unknown_visitor") {
		t.Errorf("a visitor who is not there: %d %s", status, body)
	}
	var few struct{ Sessions []item }
	_, _, body := call(t, h, "POST", "/api/v1/analytics/site/sessions", `{"from":"2026-03-01","to":"2026-03-09","filter":["country:US"],"bots":"include","limit":500}`)
	if err := json.Unmarshal([]byte(body), &few); err != nil || len(few.Sessions) != 1 || few.Sessions[0].Visitor != "machine" {
		t.Errorf("filtered: %v %s", err, body)
	}
}

func (w *sessionWorld) checkSession(t *testing.T, id, visitor, start string, events int) {
	t.Helper()
	handler := serve(w.r, tenant.Principal{Tenant: w.r.deps.Sources.(sources)["site"].Tenant, Role: tenant.RoleViewer, KeyID: "k"})
	status, _, body := call(t, handler, "GET", "/api/v1/analytics/site/sessions/"+id, "")
	if _, _, upper := call(t, handler, "GET", "/api/v1/analytics/site/sessions/"+strings.ToUpper(id), ""); upper != body {
		t.Errorf("by the id in capitals: %s, want %s", upper, body)
	}
	var s struct {
		ID, Visitor, Start string
		Events             int
		Timeline           []struct {
			TS    string
			Props map[string]any
		}
	}
	if err := json.Unmarshal([]byte(body), &s); status != 200 || err != nil {
		t.Fatalf("session: %d %v %s", status, err, body)
	}
	if s.ID != id || s.Visitor != visitor || s.Start != start || s.Events != events || len(s.Timeline) != events || s.Timeline[0].TS != start {
		t.Errorf("session %s of %s: %s", id, visitor, body)
	}
	if p := s.Timeline[0].Props; p["n"] == nil {
		t.Errorf("properties are %v", p)
	}
	status, _, body = call(t, handler, "GET", "/api/v1/analytics/site/visitors/"+url.PathEscape(visitor), "")
	var v struct {
		Visitor string
		First   string                 `json:"first_seen"`
		Last    string                 `json:"last_seen"`
		Visits  []struct{ Events int } `json:"sessions"`
	}
	if err := json.Unmarshal([]byte(body), &v); status != 200 || err != nil {
		t.Fatalf("visitor: %d %v %s", status, err, body)
	}
	var first, last time.Time
	n := 0
	for _, x := range w.visits {
		if cmp.Or(x[0].client, x[0].user) != visitor {
			continue
		}
		n++
		if first.IsZero() || x[0].at.Before(first) {
			first = x[0].at
		}
		if e := x[len(x)-1].at; e.After(last) {
			last = e
		}
	}
	if v.First != formatTime(first) || v.Last != formatTime(last) || len(v.Visits) != min(n, visitorSessions) {
		t.Errorf("visitor %s: %s; want from %v to %v, %d sessions", visitor, body, first, last, n)
	}
}

// TestSessionMasks keeps what is masked for a role out of every answer about sessions.
func TestSessionMasks(t *testing.T) {
	w := newSessionWorld(t)
	masks := []catalog.Mask{}
	w.r.deps.Masks = func(tenant.ID) []catalog.Mask { return masks }
	h := serve(w.r, tenant.Principal{Tenant: "visits", Role: tenant.RoleViewer, KeyID: "k"})
	ask := func(target string) (int, string) {
		status, _, body := call(t, h, "GET", "/api/v1/analytics/site/"+target, "")
		return status, body
	}
	mask := func(column string) {
		masks = []catalog.Mask{{Column: column, Roles: []tenant.Role{tenant.RoleViewer}, Action: catalog.MaskHide}}
	}
	mask("path")
	_, body := ask("sessions?from=2026-03-01&to=2026-03-09&limit=1")
	if !strings.Contains(body, `"entry_path":null`) || strings.Contains(body, `"entry_path":"`) || strings.Contains(body, `"exit_path":"`) {
		t.Errorf("with path masked: %s", body)
	}
	id := strings.Split(strings.Split(body, `"id":"`)[1], `"`)[0]
	mask("props.plan")
	if status, body := ask("sessions/" + id); status != 200 || strings.Contains(body, "plan") || !strings.Contains(body, `"n":`) {
		t.Errorf("with props.plan masked: %d %s", status, body)
	}
	mask("path")
	if status, body := ask("sessions/" + id); status != 200 || !strings.Contains(body, `"path":null`) || strings.Contains(body, `"path":"`) {
		t.Errorf("with path masked: %d %s", status, body)
	}
	for _, q := range []string{"report?metric=sessions&group_by=entry_path", "report?metric=exits&group_by=path", "sessions?filter=exit_path:/a", "sessions?filter=path:/a"} {
		if status, body := ask(q); status != 403 {
			t.Errorf("%s with path masked: %d %s", q, status, body)
		}
	}
	mask("client_id")
	for _, q := range []string{"report?metric=sessions", "sessions", "sessions/" + id, "visitors/c1"} {
		if status, body := ask(q); status != 403 || !strings.Contains(body, "column_masked") {
			t.Errorf("%s with client_id masked: %d %s", q, status, body)
		}
	}
}
