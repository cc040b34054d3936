package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
	"weir/internal/rollup"
)

// TestSQL keeps the text of the statements. Whatever a caller writes stands in the parameters only.
func TestSQL(t *testing.T) {
	const evil = `x' OR 1=1 --\`
	var out strings.Builder
	for _, c := range []struct {
		name string
		src  catalog.Source
		ask  ask
	}{
		{"total", testSources["site"], ask{Metric: []string{"pageviews", "visitors"}, From: "2026-03-01", To: "2026-03-09"}},
		{"series by day in Berlin", testSources["berlin"], ask{Metric: []string{"events"}, From: "2026-03-01", To: "now", Interval: "day"}},
		{"breakdown", testSources["site"], ask{Metric: []string{"pageviews"}, GroupBy: []string{"country"}, From: "30d"}},
		{"top pages as a series by week", testSources["site"], ask{Metric: []string{"visitors", "value"}, GroupBy: []string{"path"}, From: "60d", Interval: "week", Limit: 5}},
		{"filters", testSources["site"], ask{Metric: []string{"events"}, Filter: []string{"country:DE|" + evil, "!browser:~" + evil, "is_bot:0"}, From: "2d"}},
		{"property", testSources["site"], ask{Metric: []string{"events"}, GroupBy: []string{"props." + evil}, Filter: []string{"props.plan:" + evil}, From: "2d"}},
		{"minutes", testSources["site"], ask{Metric: []string{"events"}, From: "2h", Interval: "minute"}},
		{"months", testSources["site"], ask{Metric: []string{"events"}, From: "2026-01-15", To: "2026-03-01", Interval: "month"}},
		{"less than a step", testSources["site"], ask{Metric: []string{"events"}, From: "2026-03-01T10:00:10Z", To: "2026-03-01T10:00:50Z"}},
	} {
		q, p := c.ask.question(c.src, noon, time.LoadLocation)
		if p != nil {
			t.Fatalf("%s: %v", c.name, p)
		}
		pl := choose(q, rollup.All, nil)
		pl.positions = map[uint16]uint64{writerMain: 100, writerLate: 7}
		st := build(q, pl, exactly)
		if strings.Contains(st.sql, "OR 1=1") || strings.Contains(st.sql, "'plan'") || strings.Contains(st.sql, "'DE'") {
			t.Errorf("%s: what the caller wrote stands in the statement:\n%s", c.name, st.sql)
		}
		fmt.Fprintf(&out, "-- %s\n%s\n", c.name, st.sql)
		for _, k := range slices.Sorted(maps.Keys(st.params)) {
			fmt.Fprintf(&out, "--   %s = %s\n", k, st.params[k])
		}
		out.WriteString("\n")
	}
	golden(t, "sql.golden", out.String())
}

func TestChoose(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name, zone, interval, from, to string
		dims                           []string
		metrics                        []string
		want                           string
	}{
		{"total", "UTC", "", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", nil, []string{Events}, "rollup_hour_page 2026-03-01T00:00 2026-03-02T00:00"},
		{"edges", "UTC", "", "2026-03-01T00:10:00Z", "2026-03-02T00:20:00Z", nil, []string{Events}, "rollup_hour_page 2026-03-01T01:00 2026-03-02T00:00"},
		{"under an hour", "UTC", "", "2026-03-01T00:10:30Z", "2026-03-01T00:50:00Z", nil, []string{Events}, "rollup_minute 2026-03-01T00:11 2026-03-01T00:50"},
		{"across an hour, no whole one", "UTC", "", "2026-03-01T00:10:00Z", "2026-03-01T01:50:00Z", nil, []string{Events}, "rollup_minute 2026-03-01T00:10 2026-03-01T01:50"},
		{"under a minute", "UTC", "", "2026-03-01T00:10:30Z", "2026-03-01T00:10:50Z", nil, []string{Events}, "raw"},
		{"minutes", "UTC", Minute, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", nil, []string{Events}, "rollup_minute 2026-03-01T00:00 2026-03-02T00:00"},
		{"country", "UTC", Day, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", []string{"country"}, []string{Pageviews}, "rollup_hour_audience 2026-03-01T00:00 2026-03-02T00:00"},
		{"path and country", "UTC", Day, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", []string{"path", "country"}, []string{Pageviews}, "raw"},
		{"half hours off UTC, days", "Asia/Kolkata", Day, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", nil, []string{Events}, "rollup_minute 2026-03-01T00:00 2026-03-02T00:00"},
		{"half hours off UTC, no series", "Asia/Kolkata", "", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", nil, []string{Events}, "rollup_hour_page 2026-03-01T00:00 2026-03-02T00:00"},
		{"half hours off UTC in half of the year", "Australia/Lord_Howe", Day, "2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z", nil, []string{Events}, "rollup_minute 2026-07-01T00:00 2026-07-02T00:00"},
		{"whole hours all year", "Europe/Berlin", Month, "2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z", nil, []string{Events}, "rollup_hour_page 2026-01-01T00:00 2026-12-01T00:00"},
		{"half hours off UTC in a part of the range", "Australia/Lord_Howe", Day, "2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z", nil, []string{Events}, "rollup_minute 2026-03-01T00:00 2026-06-01T00:00"},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Metrics: c.metrics, From: at(c.from), To: at(c.to), Interval: c.interval, Location: loc, FirstDay: 1}
		for _, d := range c.dims {
			q.GroupBy = append(q.GroupBy, Dim{Column: d})
		}
		p, got := choose(q, rollup.All, nil), "raw"
		if p.rollup != nil {
			got = p.rollup.Name + " " + p.from.Format("2006-01-02T15:04") + " " + p.to.Format("2006-01-02T15:04")
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestChooseBySize(t *testing.T) {
	q := Question{Metrics: []string{Events}, From: noon, To: noon.Add(48 * time.Hour), Interval: Day, Location: time.UTC, FirstDay: 1}
	for want, rows := range map[string]map[string]uint64{
		"rollup_minute":        {"rollup_minute_4": 5, "rollup_hour_page_4": 10, "rollup_hour_audience_4": 7},
		"rollup_hour_audience": {"rollup_minute_4": 5, "rollup_hour_page_4": 10, "rollup_hour_audience_4": 3},
		"rollup_hour_page":     {"rollup_minute_4": 5, "rollup_hour_page_4": 5, "rollup_hour_audience_4": 5},
	} {
		if p := choose(q, rollup.All, rows); p.rollup == nil || p.rollup.Name != want {
			t.Errorf("%v: %+v, want %s", rows, p, want)
		}
	}
	e := &fakeEngine{answers: []fakeAnswer{{rows: `[["rollup_minute", "5"], ["events", 100]]`}}}
	r := newReporter(t, e, clock{}, Config{})
	r.counted = time.Time{}
	for range 3 {
		if got := r.sizes(t.Context()); got["rollup_minute"] != 5 {
			t.Errorf("sizes %v", got)
		}
	}
	if len(e.got) != 1 {
		t.Errorf("%d statements for sizes, want 1", len(e.got))
	}
}
