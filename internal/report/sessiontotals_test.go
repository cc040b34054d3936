package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/internal/daily"
	"weir/internal/session"
	"weir/internal/testkit"
)

// drawSessionQuestion draws a question about sessions that totals may answer in part.
func drawSessionQuestion(t *rapid.T) Question {
	minutes := func(from, to int, what string) time.Duration {
		d := time.Duration(rapid.IntRange(from, to).Draw(t, what)) * time.Minute
		return d.Truncate(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 24 * time.Hour}).Draw(t, what+" by"))
	}
	zone := rapid.SampledFrom([]string{"UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"}).Draw(t, "zone")
	at, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Tenant: "visits", Site: "site", Location: at, FirstDay: 1, Limit: rapid.SampledFrom([]int{2, 1000}).Draw(t, "limit"),
		Interval: rapid.SampledFrom([]string{"", "", Hour, Day, Week}).Draw(t, "interval"),
		Bots:     rapid.SampledFrom([]string{BotsExclude, BotsInclude, BotsOnly}).Draw(t, "bots")}
	q.From = sessionStart.Add(minutes(-600, 6*24*60, "from"))
	q.To = q.From.Add(minutes(24*60, 8*24*60, "length"))
	q.Metrics = rapid.SampledFrom([][]string{{Sessions}, {Sessions, BounceRate, SessionDuration, ViewsPerSession, Entries, Exits}, {Entries}, {BounceRate, Sessions}}).Draw(t, "metrics")
	column := rapid.SampledFrom([]string{"country", "entry_path", "exit_path", "referrer_host", "channel"}).Draw(t, "column")
	if rapid.Bool().Draw(t, "grouped") {
		q.GroupBy = []Dim{{Column: column}}
	}
	if rapid.IntRange(0, 2).Draw(t, "filtered") == 0 {
		f := Filter{Dim: Dim{Column: column}, Values: rapid.SampledFrom([][]string{{"DE"}, {"DE", ""}, {"/a"}, {"x.test", "/", "search"}}).Draw(t, "values"), Not: rapid.Bool().Draw(t, "not")}
		q.Filters = []Filter{f}
	}
	if rapid.IntRange(0, 14).Draw(t, "other") == 0 {
		q.Filters = append(q.Filters, Filter{Dim: Dim{Column: "country"}, Values: []string{"FR"}})
	}
	return q
}

// overDays makes the range one of whole days, most of the time: midnights with totals lie within it.
func (q *Question) overDays(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "whole days") > 0 {
		q.From = sessionStart.AddDate(0, 0, rapid.SampledFrom([]int{1, 0, 2, 3, -1}).Draw(t, "first day"))
		q.To = q.From.AddDate(0, 0, rapid.SampledFrom([]int{3, 2, 5, 8}).Draw(t, "days"))
	}
}

// byDays makes it a question that totals by the day of UTC answer.
func (q *Question) byDays(t *rapid.T) {
	q.Location, q.Interval = time.UTC, rapid.SampledFrom([]string{"", Day, Week}).Draw(t, "interval of days")
}

// sameAnswers fails unless two reporters answer a question alike: by events, and with totals, by the statement.
func sameAnswers(t *rapid.T, raw, totalled *Reporter, q Question, st statement) {
	t.Helper()
	lines := func(r *Reporter) (out []string) {
		rows, err := r.Answer(context.Background(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		for _, row := range rows {
			out = append(out, fmt.Sprint(row.values))
		}
		return out
	}
	if diff := cmp.Diff(lines(raw), lines(totalled)); diff != "" {
		t.Fatalf("%+v (-of events +with totals):\n%s\n%s", q, diff, st.sql)
	}
}

// checkUses asks random questions until each of these ways of answering them was used three times at least.
func checkUses(t *testing.T, ask func(*rapid.T), used map[string]int, ways ...string) {
	t.Helper()
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(ways), func(way string) bool { return used[way] >= 3 })
	}
	for rounds := 0; rounds == 0 || rounds < 100 && len(missing()) > 0; rounds++ {
		rapid.Check(t, ask)
	}
	t.Log("used:", used)
	if m := missing(); len(m) > 0 {
		t.Errorf("too few questions used %q", m)
	}
}

// TestSessionTotalsEqualEvents asks random questions about sessions, over days with totals, stale ones too, and over the same events without anything stitched: the answers are the same.
func TestSessionTotalsEqualEvents(t *testing.T) {
	w, raw := newSessionWorld(t), newSessionWorld(t).r
	raw.deps.Sessions = someDays{timeout: session.DefaultTimeout}
	days := w.r.deps.Sessions.(someDays).days
	used := map[string]int{}
	ask := func(t *rapid.T) {
		q := drawSessionQuestion(t)
		st := buildSessions(q, session.DefaultTimeout, session.Start(session.DayOf(q.To.Add(session.DefaultTimeout))+1), readDays{days: days}, q.hits())
		if totals := q.sessionTotals(days); len(totals) > 0 {
			used["totals"]++
			if strings.Contains(st.sql, "-toInt64(") {
				used["outdated"]++
			}
			if len(q.Filters) > 0 {
				used["filtered"]++
			}
			if strings.Contains(st.sql, daily.SeamsTable) {
				used["midnights"]++
			}
			if slices.ContainsFunc(totals, func(d totalled) bool { return d.to.Sub(d.from) < 24*time.Hour }) {
				used["parts of days"]++
			}
		}
		sameAnswers(t, raw, w.r, q, st)
	}
	checkUses(t, ask, used, "totals", "outdated", "filtered", "midnights", "parts of days")
}

// TestMidnightsOfWholeDays: totals of a midnight are read where both days beside it are: not if the range begins or ends within one of them, whose hours are totalled.
func TestMidnightsOfWholeDays(t *testing.T) {
	testkit.Alone(t)
	w, raw := newSessionWorld(t), newSessionWorld(t).r
	raw.deps.Sessions = someDays{timeout: session.DefaultTimeout}
	days := w.r.deps.Sessions.(someDays).days
	day := func(n, hours int) time.Time {
		return sessionStart.AddDate(0, 0, n).Add(time.Duration(hours) * time.Hour)
	}
	used := 0
	for _, r := range []span{{day(1, 23), day(3, 0)}, {day(1, 22), day(4, 0)}, {day(1, 0), day(3, 1)}, {day(1, 0), day(2, 2)}, {day(1, 0), day(4, 0)}, {day(2, 1), day(4, 0)}, {day(1, 1), day(3, 23)}} {
		q := Question{Tenant: "visits", Site: "site", Location: time.UTC, FirstDay: 1, Limit: 10, Bots: BotsInclude, From: r.from, To: r.to, Metrics: []string{Sessions, BounceRate, SessionDuration, ViewsPerSession}}
		if strings.Contains(buildSessions(q, session.DefaultTimeout, session.Start(session.DayOf(q.To.Add(session.DefaultTimeout))+1), readDays{days: days}, q.hits()).sql, daily.SeamsTable) {
			used++
		}
		want, err := raw.Answer(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.r.Answer(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) != 1 || len(got) != 1 || fmt.Sprint(want[0].values) != fmt.Sprint(got[0].values) {
			t.Errorf("%v to %v: %v with totals, %v of events", r.from, r.to, got, want)
		}
	}
	if used != 3 {
		t.Errorf("totals of midnights were read in %d of the ranges, want 3", used)
	}
}
