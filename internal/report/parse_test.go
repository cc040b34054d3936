package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/event"
)

func TestTimes(t *testing.T) {
	for _, c := range []struct{ site, from, to, want string }{
		{"site", "", "", "2026-03-03T12:00:00Z 2026-03-10T12:00:00Z"},
		{"site", "2026-03-01", "2026-03-02", "2026-03-01T00:00:00Z 2026-03-03T00:00:00Z"},
		{"berlin", "2026-03-29", "2026-03-29", "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z"},
		{"berlin", "2026-03-01T10:00:00", "now", "2026-03-01T09:00:00Z 2026-03-10T12:00:00Z"},
		{"site", "2026-03-01T10:00:00+02:00", "2026-03-01T10:00:00Z", "2026-03-01T08:00:00Z 2026-03-01T10:00:00Z"},
		{"site", "2026-03-01T10:00:00 02:00", "2026-03-01T10:00:00Z", "2026-03-01T08:00:00Z 2026-03-01T10:00:00Z"},
		{"site", "24h", "", "2026-03-09T12:00:00Z 2026-03-10T12:00:00Z"},
		{"site", "1h30m", "90s", "2026-03-10T10:28:30Z 2026-03-10T11:58:30Z"},
		{"site", "1w1d", "", "2026-03-02T12:00:00Z 2026-03-10T12:00:00Z"},
		{"site", "1.5h", "2026-03-01T10:00:00Z", "2026-03-01T08:30:00Z 2026-03-01T10:00:00Z"},
		{"site", "2w", "1d", "2026-02-23T12:00:00Z 2026-03-09T12:00:00Z"},
		{"berlin", "2026-03-01T10:00:00.1239", "2026-03-01T10:00:00.1249", "2026-03-01T09:00:00.123Z 2026-03-01T09:00:00.124Z"},
		{"site", "90m", "2026-03-01T10:00:00.1239Z", "2026-03-01T08:30:00.123Z 2026-03-01T10:00:00.123Z"},
	} {
		q, p := ask{From: c.from, To: c.to}.question(testSources[c.site], noon, time.LoadLocation)
		if p != nil {
			t.Errorf("%s to %s: %v", c.from, c.to, p)
			continue
		}
		const layout = "2006-01-02T15:04:05.999Z07:00"
		if got := q.From.UTC().Format(layout) + " " + q.To.UTC().Format(layout); got != c.want {
			t.Errorf("%s, %q to %q: %s, want %s", c.site, c.from, c.to, got, c.want)
		}
	}
}

// TestBlanksInNames: the name of a property is taken as it is, also with a blank at its end; around the names of columns blanks say nothing.
func TestBlanksInNames(t *testing.T) {
	q := Question{}
	if p := (ask{GroupBy: []string{" country ", " props.trail ", "props.trail", "props.trail ", "", " "}}).dims(&q); p != nil {
		t.Fatal(p)
	}
	want := []Dim{{Column: "country"}, {Prop: "trail "}, {Prop: "trail"}}
	if !slices.Equal(q.GroupBy, want) {
		t.Errorf("%q, want %q", q.GroupBy, want)
	}
}

// TestPersonIDs: a cohort takes the ids that are looked up as persons' and linked.
func TestPersonIDs(t *testing.T) {
	for n, ok := range map[int]bool{0: false, 1: true, 257: true, event.MaxID: true, event.MaxID + 1: false} {
		if p := (&cohort{}).fillPeople([]string{"a", strings.Repeat("x", n)}); (p == nil) != ok {
			t.Errorf("an id of %d bytes: %v", n, p)
		}
	}
}

// TestLengths: a window is written as all lengths are.
func TestLengths(t *testing.T) {
	for s, want := range map[string]time.Duration{"": defaultWindow, "90s": 90 * time.Second, "30m": 30 * time.Minute, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "1d12h": 36 * time.Hour, "2w": 336 * time.Hour,
		"0": 0, "0h": 0, "500ms": 0, "1y": 0, "1": 0, "-1h": 0, "+1h": 0, "53w": 0, "99999w": 0} {
		var f funnelQuestion
		p := f.shapeOf(FunnelQuery{Window: s})
		switch {
		case want == 0 && (p == nil || p.Field != "window" || !strings.Contains(p.Detail, lengthForm)):
			t.Errorf("%q: %v", s, p)
		case want != 0 && (p != nil || f.funnel.Window != want.Milliseconds()):
			t.Errorf("%q: %v, %d ms; want %s", s, p, f.funnel.Window, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		ask         ask
		field, says string
	}{
		{ask{Metric: []string{"pageveiws"}}, "metric", "did you mean pageviews?"},
		{ask{Metric: []string{"bounce"}}, "metric", "events, pageviews, visitors, value"},
		{ask{GroupBy: []string{"contry"}}, "group_by", "did you mean country?"},
		{ask{GroupBy: []string{"utm"}}, "group_by", "did you mean utm_source?"},
		{ask{GroupBy: []string{"plan"}}, "group_by", "a property of that name is written props.plan"},
		{ask{Filter: []string{"plan:pro"}}, "filter", "a property of that name is written props.plan"},
		{ask{GroupBy: []string{"tenant"}}, "group_by", "no column"},
		{ask{GroupBy: []string{"_seq"}}, "group_by", "no column"},
		{ask{GroupBy: []string{"enrich_version"}}, "group_by", "no column"},
		{ask{GroupBy: []string{"path; DROP TABLE weir.events"}}, "group_by", "no column"},
		{ask{GroupBy: []string{"ts"}}, "group_by", "use interval"},
		{ask{GroupBy: []string{"props"}}, "group_by", "props.<name>"},
		{ask{GroupBy: []string{"props."}}, "group_by", "1 to 256 bytes"},
		{ask{GroupBy: []string{"props." + strings.Repeat("x", 257)}}, "group_by", "1 to 256 bytes"},
		{ask{GroupBy: []string{"props.a\x00"}}, "group_by", "1 to 256 bytes"},
		{ask{GroupBy: []string{"url", "host", "path", "city", "os", "browser", "device", "region", "country"}}, "group_by", "at most 8"},
		{ask{Filter: []string{"country"}}, "filter", "column:value"},
		{ask{Filter: []string{"!country"}}, "filter", `the filter "!country" has no value`},
		{ask{Filter: []string{"channel!:search"}}, "filter", "write !channel:value"},
		{ask{GroupBy: []string{"source"}}, "group_by", "did you mean utm_source, referrer_host or channel?"},
		{ask{GroupBy: []string{"exit_path, channel"}}, "group_by", "several columns"},
		{ask{Filter: []string{"cuntry:DE"}}, "filter", "did you mean country?"},
		{ask{Filter: []string{":x"}}, "filter", `the filter ":x" names no column before its colon; write column:value`},
		{ask{Filter: []string{"!:"}}, "filter", "names no column before its colon"},
		{ask{Filter: []string{"is_bot:maybe"}}, "filter", "true or false"},
		{ask{Filter: []string{"is_bot:~true"}}, "filter", "true or false"},
		{ask{Filter: []string{"path:~"}}, "filter", "everything contains"},
		{ask{Filter: []string{"path:\xff"}}, "filter", "not valid text"},
		{ask{Filter: []string{"path:\x00"}}, "filter", "not valid text"},
		{ask{Filter: make([]string, 33)}, "filter", "at most 32"},
		{ask{Filter: []string{"path:" + strings.Repeat("|", 1000)}}, "filter", "at most 1000"},
		{ask{Interval: "dya"}, "interval", "did you mean day?"},
		{ask{Interval: "minute", From: "30d"}, "interval", "more than 10000 intervals"},
		{ask{Interval: "minute", From: "1971-01-01"}, "interval", "more than 10000 intervals"},
		{ask{From: "yesterday"}, "from", "write a date"},
		{ask{From: "d"}, "from", "write a date"},
		{ask{From: "2026-02-30"}, "from", `from is "2026-02-30": there is no such day: February 2026 has 28 days`},
		{ask{To: "2026-04-31T10:00:00Z"}, "to", "April 2026 has 30 days"},
		{ask{From: "2026-13-01"}, "from", "there is no month 13"},
		{ask{From: "-1d"}, "from", "write a date"},
		{ask{From: "+1d"}, "from", "such as 90s, 30m, 24h, 7d, 2w or 1h30m"},
		{ask{From: "0"}, "from", "write a date"},
		{ask{From: "0d"}, "from", "write a date"},
		{ask{From: "500ms"}, "from", "write a date"},
		{ask{From: "1y"}, "from", "write a date"},
		{ask{To: "1h30"}, "to", "write a date"},
		{ask{From: "1969-01-01"}, "from", "1971"},
		{ask{From: "1970-12-31T23:59:59Z"}, "from", "1971"},
		{ask{From: "0000-01-01"}, "from", "1971"},
		{ask{From: "99999d"}, "from", "1971"},
		{ask{From: "99999w"}, "from", "1971"}, // more than a duration holds
		{ask{From: "2200w", To: "1999-01-01"}, "from", "1971"},
		{ask{To: "2200-01-01"}, "to", "2105"},
		{ask{From: "2026-03-03", To: "2026-03-01"}, "from", "the wrong way round, exchange them"},
		{ask{From: "2026-03-02T00:00:00Z", To: "2026-03-02T00:00:00Z"}, "from", "from (2026-03-02T00:00:00Z) must be before to (2026-03-02T00:00:00Z): choose a later to"},
		{ask{From: "2026-03-02T00:00:00.0001Z", To: "2026-03-02T00:00:00.0002Z"}, "from", "times are cut to milliseconds, which makes these the same"},
		{ask{From: "2026-03-02T00:00:00.0010", To: "2026-03-02T00:00:00.0012"}, "from", "from (2026-03-02T00:00:00.001Z) must be before to (2026-03-02T00:00:00.001Z): times are cut to milliseconds"},
		{ask{From: "2026-03-02T00:00:00.0010Z", To: "2026-03-02T00:00:00.001Z"}, "from", "from (2026-03-02T00:00:00.001Z) must be before to (2026-03-02T00:00:00.001Z): choose a later to"},
		{ask{From: "2026-03-02T00:00:00.75Z", To: "2026-03-02T00:00:00.25Z"}, "from", "from (2026-03-02T00:00:00.750Z) must be before to (2026-03-02T00:00:00.250Z): they are the wrong way round"},
		{ask{From: "2030-01-01"}, "from", "from lies in the future, and to is now where it is not given"},
		{ask{From: "2030-01-01", To: "now"}, "from", "from lies in the future, and to is now; choose"},
		{ask{From: "2030-01-01", To: "2029-01-01"}, "from", "the wrong way round, exchange them"},
		{ask{Limit: -1}, "limit", "between 1 and 10000"},
		{ask{Limit: 10_001}, "limit", "between 1 and 10000"},
		{ask{Offset: 5}, "offset", "group_by"},
		{ask{Offset: -1, GroupBy: []string{"country"}}, "offset", "between 0"},
		{ask{Offset: 100_001, GroupBy: []string{"country"}}, "offset", "100000"},
		{ask{Compare: "year"}, "compare", "previous"},
	} {
		_, p := c.ask.question(testSources["site"], noon, time.LoadLocation)
		if p == nil {
			t.Errorf("%+v was accepted", c.ask)
			continue
		}
		if p.Status != 422 || p.Field != c.field || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%+v: status %d, field %q, %q; want field %q and %q", c.ask, p.Status, p.Field, p.Detail, c.field, c.says)
		}
	}
}

// TestYears: whoever asks for a year that there is none of is told the limit's name and value.
func TestYears(t *testing.T) {
	for _, c := range []struct {
		ask   ask
		limit string
		value float64
	}{
		{ask{From: "1970-12-31"}, "report.first_year", 1971},
		{ask{To: "2106-01-02"}, "report.last_year", 2105},
	} {
		_, p := c.ask.question(testSources["site"], noon, time.LoadLocation)
		if p == nil || p.Limit != c.limit || p.LimitValue != c.value {
			t.Errorf("%+v: %+v, want the limit %s of %v", c.ask, p, c.limit, c.value)
		}
	}
}

func TestFilters(t *testing.T) {
	for text, want := range map[string]Filter{
		"country:DE":       {Dim: Dim{Column: "country"}, Values: []string{"DE"}},
		"country:DE|US":    {Dim: Dim{Column: "country"}, Values: []string{"DE", "US"}},
		"country:":         {Dim: Dim{Column: "country"}, Values: []string{""}},
		"!country:DE":      {Dim: Dim{Column: "country"}, Values: []string{"DE"}, Not: true},
		"country:!DE":      {Dim: Dim{Column: "country"}, Values: []string{"DE"}, Not: true},
		"path:~/docs":      {Dim: Dim{Column: "path"}, Values: []string{"/docs"}, Contains: true},
		"!path:~a|b":       {Dim: Dim{Column: "path"}, Values: []string{"a", "b"}, Not: true, Contains: true},
		`path:a\|b\\|c`:    {Dim: Dim{Column: "path"}, Values: []string{`a|b\`, "c"}},
		`path:\~a`:         {Dim: Dim{Column: "path"}, Values: []string{"~a"}},
		`path:\!a`:         {Dim: Dim{Column: "path"}, Values: []string{"!a"}},
		"url:https://x/y":  {Dim: Dim{Column: "url"}, Values: []string{"https://x/y"}},
		"is_bot:1":         {Dim: Dim{Column: "is_bot"}, Values: []string{"true"}},
		"is_bot:F":         {Dim: Dim{Column: "is_bot"}, Values: []string{"false"}},
		"props.a.b:x":      {Dim: Dim{Prop: "a.b"}, Values: []string{"x"}},
		`props.a\:b:c:d`:   {Dim: Dim{Prop: "a:b"}, Values: []string{"c:d"}},
		`!props.\:\\:~:`:   {Dim: Dim{Prop: `:\`}, Values: []string{":"}, Not: true, Contains: true},
		`props.a\b\|:x\:y`: {Dim: Dim{Prop: `a\b\|`}, Values: []string{"x:y"}},
		"props.path:~x, y": {Dim: Dim{Prop: "path"}, Values: []string{"x, y"}, Contains: true},
	} {
		got, p := parseFilter(text)
		if p != nil {
			t.Errorf("%s: %v", text, p)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got): %s", text, diff)
		}
	}
}

// TestTwice: of a time that clocks show twice the first is meant, in the east as in the west.
func TestTwice(t *testing.T) {
	for zone, times := range map[string]map[string]string{
		"Europe/Berlin":       {"2026-10-25T01:59:59": "+02:00", "2026-10-25T02:00:00": "+02:00", "2026-10-25T02:59:59": "+02:00", "2026-10-25T03:00:00": "+01:00"},
		"Europe/London":       {"2026-10-25T01:30:00": "+01:00", "2026-10-25T02:00:00": "Z"},
		"America/New_York":    {"2026-11-01T00:59:59": "-04:00", "2026-11-01T01:30:00": "-04:00", "2026-11-01T02:00:00": "-05:00"},
		"Australia/Lord_Howe": {"2026-04-05T01:29:00": "+11:00", "2026-04-05T01:45:00": "+11:00", "2026-04-05T02:00:00": "+10:30"},
		"America/Havana":      {"2026-11-01T00:00:00": "-04:00", "2026-11-01T01:00:00": "-05:00"},
		"UTC":                 {"2026-11-01T00:00:00": "Z"},
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for clock, offset := range times {
			at, err := time.Parse("2006-01-02T15:04:05", clock)
			if err != nil {
				t.Fatal(err)
			}
			if got := localTime(at, loc).Format(time.RFC3339); got != clock+offset {
				t.Errorf("%s in %s is %s, want %s", clock, zone, got, clock+offset)
			}
		}
	}
}

func TestPrevious(t *testing.T) {
	for _, c := range []struct{ site, from, to, want string }{
		{"site", "2026-03-01", "2026-03-07", "2026-02-22T00:00:00Z 2026-03-01T00:00:00Z"},
		{"site", "24h", "", "2026-03-08T12:00:00Z 2026-03-09T12:00:00Z"},
		{"berlin", "2026-03-29", "2026-03-29", "2026-03-28T00:00:00+01:00 2026-03-29T00:00:00+01:00"}, // a day of 23 hours, after one of 24
		// Ranges that begin at midnight and are not over; it is noon of the 10th.
		{"site", "2026-03-10", "", "2026-03-09T00:00:00Z 2026-03-09T12:00:00Z"},                                         // today
		{"site", "2026-03-01", "", "2026-02-19T00:00:00Z 2026-02-28T12:00:00Z"},                                         // this month
		{"site", "2026-03-10", "2026-03-10", "2026-03-09T00:00:00Z 2026-03-10T00:00:00Z"},                               // to the end of today
		{"berlin", "2026-03-10", "now", "2026-03-09T00:00:00+01:00 2026-03-09T13:00:00+01:00"},                          // by the zone's clock
		{"berlin", "2026-03-29", "2026-03-29T12:00:00", "2026-03-28T00:00:00+01:00 2026-03-28T12:00:00+01:00"},          // a morning of 11 hours
		{"berlin", "2026-03-30", "2026-03-30T02:30:00", "2026-03-29T00:00:00+01:00 2026-03-29T03:30:00+02:00"},          // the day before has no such time
		{"berlin", "2026-03-10T08:00:00", "2026-03-10T09:00:00", "2026-03-10T07:00:00+01:00 2026-03-10T08:00:00+01:00"}, // not from midnight
		{"cairo", "2026-04-25", "2026-04-25T00:30:00", "2026-04-24T01:00:00+03:00 2026-04-24T01:30:00+03:00"},           // the 24th begins at one
		{"cairo", "2026-04-25", "2026-04-25T01:00:00", "2026-04-24T23:00:00+03:00 2026-04-25T00:00:00+03:00"},           // the first hour has no counterpart there
		{"apia", "2011-12-31", "2011-12-31T12:00:00", "2011-12-29T12:00:00-10:00 2011-12-31T00:00:00+14:00"},            // the 30th was left out
		{"cairo", "2026-04-25", "2026-04-25T23:59:00", "2026-04-24T01:00:00+03:00 2026-04-24T23:59:00+03:00"},
	} {
		src, ok := testSources[c.site]
		if !ok {
			src = catalog.Source{Tenant: "acme", SiteID: c.site, TimeZone: map[string]string{"cairo": "Africa/Cairo", "apia": "Pacific/Apia"}[c.site]}
		}
		q, p := ask{From: c.from, To: c.to}.question(src, noon, time.LoadLocation)
		if p != nil {
			t.Fatal(p)
		}
		prev := q.previous()
		if got := prev.From.In(q.Location).Format(time.RFC3339) + " " + prev.To.In(q.Location).Format(time.RFC3339); got != c.want {
			t.Errorf("before %s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func FuzzAsk(f *testing.F) {
	f.Add("pageviews", "country", "path:~a|b", "2026-03-01", "7d", "day")
	f.Add("value", "props.x", "!is_bot:1", "", "now", "week")
	f.Fuzz(func(t *testing.T, metric, group, filter, from, to, interval string) {
		a := ask{Metric: []string{metric}, GroupBy: []string{group}, Filter: []string{filter}, From: from, To: to, Interval: interval}
		q, p := a.question(testSources["berlin"], noon, time.LoadLocation)
		if p != nil {
			if p.Status != 422 || p.Field == "" {
				t.Errorf("%+v: %v", a, p)
			}
			return
		}
		st := build(q, choose(q, nil, nil), exactly)
		if strings.Count(st.sql, "'")%2 != 0 {
			t.Errorf("%+v: odd quotes in %s", a, st.sql)
		}
	})
}

// TestZoneOfAMachine: a source's zone that the engine does not know, from before they were refused, is named; statements with it would fail.
func TestZoneOfAMachine(t *testing.T) {
	src := testSources["site"]
	src.TimeZone = "right/UTC"
	_, p := ask{From: "2026-03-01", To: "2026-03-02"}.question(src, noon, (&Reporter{}).zone)
	if p == nil || p.Status != 422 || p.Code != "bad_time_zone" || !strings.Contains(p.Detail, "right/UTC") {
		t.Errorf("got %+v", p)
	}
}
