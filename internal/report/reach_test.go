package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// TestLongVisitsAreSeenToTheirEnds: a visit that goes on for more than a day behind the range has its exit page and all its events in every kind of question.
func TestLongVisitsAreSeenToTheirEnds(t *testing.T) {
	testkit.Alone(t)
	c := testkit.Engine(t)
	var steps []step
	add := func(at time.Time, client, path string) {
		steps = append(steps, step{at: at, client: client, typ: "pageview", host: "a.example", path: path, channel: "search", n: len(steps)})
	}
	begin, end := sessionStart.Add(20*time.Hour+30*time.Minute), sessionStart.Add(57*time.Hour)
	for at := begin; at.Before(end); at = at.Add(20 * time.Minute) {
		add(at, "long", "/a")
	}
	add(end, "long", "/z")
	for at := sessionStart.AddDate(0, 0, -1); at.Before(sessionStart.AddDate(0, 0, 4)); at = at.Add(25 * time.Minute) {
		add(at, "endless", "/sensor") // began before, and ends behind all that is asked
	}
	add(sessionStart.Add(12*time.Hour), "short", "/b")
	storeSteps(t, c, "reaching", "site", 1, steps)
	d := someDays{timeout: session.DefaultTimeout}
	for i := range 4 {
		day := session.DayOf(sessionStart) + int32(i)
		testkit.Exec(t, c, session.StitchSQL("reaching", day, d.timeout, uint64(920_000+i)))
		d.days = append(d.days, session.Stitched{Day: day, Version: uint64(920_000 + i), Main: 1})
	}
	long := 0
	for _, s := range steps {
		if s.client == "long" {
			long++
		}
	}
	for name, days := range map[string]someDays{"stitched": d, "raw": {timeout: d.timeout}} {
		r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
		r.deps.Sessions = days
		r.deps.Sources = sources{"site": {Tenant: "reaching", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
		h := serve(r, tenant.Principal{Tenant: "reaching", Role: tenant.RoleViewer, KeyID: "k"})
		for i, to := range []string{"2026-03-01T21:00:00Z", "2026-03-01T23:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T23:40:00Z"} {
			for path, want := range map[string]string{
				"/report?metric=sessions&group_by=exit_path":                             `[{"exit_path":"/b","sessions":1},{"exit_path":"/z","sessions":1}]`,
				"/report?metric=sessions&filter=exit_path:/z":                            `[{"sessions":1}]`,
				"/report?metric=sessions&filter=exit_path:/a":                            `[{"sessions":0}]`,
				"/report?metric=sessions&filter=path:/z":                                 `[{"sessions":1}]`,
				"/report?metric=visitors&filter=exit_path:/z":                            `[{"visitors":1}]`,
				"/report?metric=events,sessions&filter=exit_path:/z":                     fmt.Sprintf(`[{"events":%d,"sessions":1}]`, long),
				"/report?metric=events,users,sessions&group_by=exit_path&filter=path:~/": fmt.Sprintf(`[{"exit_path":"/z","events":%d,"users":1,"sessions":1},{"exit_path":"/b","events":1,"users":1,"sessions":1}]`, long),
				"/report?metric=pageviews&group_by=path&filter=channel:search":           fmt.Sprintf(`[{"path":"/a","pageviews":%d},{"path":"/b","pageviews":1},{"path":"/z","pageviews":1}]`, long-1),
				"/report?metric=events&filter=exit_path:/a&filter=user_id:":              `[{"events":0}]`,
			} {
				_, _, got := call(t, h, "GET", "/api/v1/analytics/site"+path+"&from=2026-03-01&to="+to+fmt.Sprint("&totals=", i == 0), "")
				if !strings.Contains(got, `"data":`+want) {
					t.Errorf("%s, up to %s: %s: %s\nwant %s", name, to, path, got, want)
				}
			}
			_, _, got := call(t, h, "GET", "/api/v1/analytics/site/sessions?filter=exit_path:/z&from=2026-03-01&to="+to, "")
			if strings.Count(got, `"visitor":"long"`) != 1 || !strings.Contains(got, `"exit_path":"/z"`) {
				t.Errorf("%s, up to %s: the list of sessions: %s", name, to, got)
			}
			_, _, got = call(t, h, "GET", "/api/v1/analytics/site/events?filter=exit_path:/z&limit=500&from=2026-03-01T20:00:00Z&to="+to, "")
			if n := strings.Count(got, `"client_id":"long"`); n == 0 {
				t.Errorf("%s, up to %s: the events of the visit: %s", name, to, got)
			}
		}
		of := Question{Tenant: "reaching", Site: "site"}
		for _, x := range []struct {
			from   time.Time
			behind time.Duration
		}{{sessionStart, 2 * time.Hour}, {time.Time{}, 128 * time.Hour}} { // who never pauses moves it only where it matters that he began before
			h, err := r.reach(t.Context(), &tally{}, of, x.from, sessionStart.Add(13*time.Hour), d.timeout)
			if want := sessionStart.Add(13*time.Hour + x.behind); err != nil || !h.Equal(want) {
				t.Errorf("%s: visits from %v on are read up to %v, %v, want %v", name, x.from, h, err, want)
			}
		}
		if name == "stitched" && len(r.reaches.known) == 0 {
			t.Error("what stitched days say of visits that go on is not remembered")
		}
	}
}

// TestSourceBehindTheRange: where a visit came from is known in every kind of question although the event that says it lies behind the range.
func TestSourceBehindTheRange(t *testing.T) {
	c := testkit.Engine(t)
	to := sessionStart.Add(21 * time.Hour)
	steps := []step{
		{at: to.Add(-2 * time.Second), typ: "order_created", path: "/"}, // a server's: says nothing
		{at: to.Add(time.Second), typ: "pageview", path: "/thanks", channel: "search", ref: "search.test"},
		{at: to.Add(time.Minute), typ: "pageview", path: "/b", channel: "internal", ref: "a.example"},
	}
	for i := range steps {
		steps[i].user, steps[i].host, steps[i].n = "ann", "a.example", i
	}
	storeSteps(t, c, "behindto", "site", 1, steps)
	day := session.DayOf(sessionStart)
	testkit.Exec(t, c, session.StitchSQL("behindto", day, session.DefaultTimeout, 930_000))
	for name, days := range map[string][]session.Stitched{"stitched": {{Day: day, Version: 930_000, Main: 1}}, "raw": nil} {
		r := newReporter(t, c, clock{asOf: noon, main: 3, late: 1}, Config{})
		r.deps.Sessions = someDays{session.DefaultTimeout, days}
		r.deps.Streams = c
		r.deps.Sources = sources{"site": {Tenant: "behindto", SiteID: "site", TimeZone: "UTC", FirstDay: 1}}
		h := serve(r, tenant.Principal{Tenant: "behindto", Role: tenant.RoleViewer, KeyID: "k"})
		within := "&from=2026-03-01&to=" + to.Format(time.RFC3339)
		for path, want := range map[string]string{
			"/report?metric=sessions&group_by=channel":                 `"data":[{"channel":"search","sessions":1}]`,
			"/report?metric=sessions&filter=referrer_host:search.test": `"data":[{"sessions":1}]`,
			"/report?metric=visitors&group_by=channel":                 `"data":[{"channel":"search","visitors":1}]`,
			"/report?metric=events&group_by=referrer_host":             `"data":[{"referrer_host":"search.test","events":3}]`,
			"/report?metric=users&group_by=type&filter=channel:search": `"users":1}`,
			"/sessions?filter=channel:search":                          `"referrer_host":"search.test"`,
			"/events?filter=channel:search":                            `"type":"order_created"`,
			"/values?dim=channel":                                      `"search"`,
		} {
			if _, _, got := call(t, h, "GET", "/api/v1/analytics/site"+path+within, ""); !strings.Contains(got, want) {
				t.Errorf("%s: %s: %s\nwant %s", name, path, got, want)
			}
		}
		_, _, got := call(t, h, "POST", "/api/v1/analytics/site/funnel", `{"from":"2026-03-01","to":"`+to.Format(time.RFC3339)+`","steps":[{"type":"order_created","filter":["channel:search"]},{"type":"pageview"}]}`)
		if !strings.Contains(got, `"count":1`) {
			t.Errorf("%s: the funnel: %s", name, got)
		}
	}
}
