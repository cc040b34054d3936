package report

import (
	"fmt"
	"testing"
	"time"
)

// TestMidnights: where the clock is put forward at midnight, days, weeks and months begin at the first moment that there is, and follow each other.
func TestMidnights(t *testing.T) {
	for zone, gap := range map[string]string{"America/Santiago": "2026-09-06", "America/Havana": "2026-03-08", "Atlantic/Azores": "2026-03-29", "Africa/Cairo": "2026-04-24", "Europe/Berlin": "2026-03-29"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.Parse(time.DateOnly, gap)
		if err != nil {
			t.Fatal(err)
		}
		date := func(days int) string { return day.AddDate(0, 0, days).Format(time.DateOnly) }
		parse := func(field, s string) time.Time {
			at, p := parseTime(field, s, day, day, day, loc)
			if p != nil {
				t.Fatal(p)
			}
			return at
		}
		q := Question{From: parse("from", date(-5)), To: parse("to", date(4)), Interval: Day, Location: loc, FirstDay: 7, Metrics: []string{Events}}
		var want []string
		for i := -5; i <= 4; i++ {
			want = append(want, date(i))
		}
		if got := q.buckets(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: days %v, want %v", zone, got, want)
		}
		if ends := q.ends(); !ends[date(-1)].Equal(q.bucketStart(day.Add(12*time.Hour))) || len(ends) != 10 {
			t.Errorf("%s: the day before ends at %v, of %d", zone, ends[date(-1)], len(ends))
		}
		if from, before := parse("from", gap), parse("to", date(-1)); !from.Equal(before) || from.In(loc).Format(time.DateOnly) != gap || from.Add(-1).In(loc).Format(time.DateOnly) == gap {
			t.Errorf("%s: the day begins at %v, the one before ends at %v", zone, from, before)
		}
		for _, interval := range []string{Week, Month} {
			q.Interval, q.From, q.To = interval, day.AddDate(0, -2, 0), day.AddDate(0, 2, 0)
			last := time.Time{}
			for at := q.bucketStart(q.From); at.Before(q.To); at = q.nextBucket(at) {
				if !at.After(last) || interval == Week && at.Weekday() != time.Sunday || interval == Month && at.Day() != 1 || !at.Equal(q.bucketStart(at)) {
					t.Fatalf("%s: the %s of %v comes after that of %v", zone, interval, at, last)
				}
				last = at
			}
		}
		whole := Question{From: parse("from", gap), To: parse("to", date(1)), Location: loc}
		if p := whole.previous(); !p.To.Equal(whole.From) || !p.From.Equal(parse("from", date(-2))) {
			t.Errorf("%s: two days from %s on are compared with %v to %v", zone, gap, p.From, p.To)
		}
		later := Question{From: parse("from", date(2)), To: parse("to", date(3)), Location: loc}
		if p := later.previous(); !p.From.Equal(whole.From) {
			t.Errorf("%s: two days after it are compared with %v to %v", zone, p.From, p.To)
		}
	}
}

// TestPartsOfManyGroups: where there may be more groups than are known, the sample does not rank small ones.
func TestPartsOfManyGroups(t *testing.T) {
	answer := func(rows, large int) (list []Row) {
		for i := range rows {
			n := "8"
			if i < large {
				n = "200000"
			}
			list = append(list, Row{[]string{"path", Visitors}, []any{fmt.Sprint(i), n}})
		}
		return list
	}
	for _, c := range []struct {
		offset, limit, rows, large int
		metrics                    []string
		parts                      int
		ok                         bool
	}{
		{0, 10, 12, 10, []string{Visitors}, 0, true}, // the others are far behind
		{0, 11, 12, 10, []string{Visitors}, 1, true},
		{0, 10, widest, 10, []string{Visitors}, 0, true},
		{0, 11, widest, 10, []string{Visitors}, 0, false}, // there are more
		{0, 10, widest, widest, []string{Visitors}, 0, true},
		{50, 950, 950, 10, []string{Visitors}, 0, false},
		{50, 950, 949, 10, []string{Visitors}, 1, true}, // these are the last ones
		{0, 10, 10, 10, []string{Visitors}, 0, true},
		{0, 10, 10, 0, []string{Visitors}, 0, false}, // all at once
	} {
		s := sampled{q: Question{GroupBy: []Dim{{Column: "path"}}, Metrics: c.metrics, Offset: c.offset, Limit: c.limit}, rows: answer(c.rows, c.large), column: 1}
		if parts, ok := s.parts(); ok != c.ok || len(parts) != c.parts {
			t.Errorf("%+v: %d parts, %v", c, len(parts), ok)
		}
	}
	s := sampled{q: Question{GroupBy: []Dim{{Column: "path"}}, Metrics: []string{Events, Visitors}, Limit: 10_000}, rows: answer(2*widest, 1), column: 1}
	if parts, ok := s.parts(); ok {
		t.Errorf("a list of %d values becomes a filter", len(parts[0].Filters[0].Values))
	}
}

// TestHintsAreFew: hints beyond the bound take the place of others, and most stay.
func TestHintsAreFew(t *testing.T) {
	var l large
	key := func(i int) (k [32]byte) { k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16); return k }
	for i := range maxLarge + 10 {
		l.set(key(i), countExact, groupSizes{})
	}
	kept := 0
	for i := range maxLarge + 10 {
		if l.of(key(i)).how == countExact {
			kept++
		}
	}
	if kept != maxLarge || l.of(key(maxLarge+9)).how != countExact {
		t.Errorf("%d of %d hints are left", kept, maxLarge)
	}
}

// TestLocalTimes: a time without a zone over which the clock is put forward is the moment at which that happens; any other is what the clock shows.
func TestLocalTimes(t *testing.T) {
	for _, c := range []struct{ zone, local, want string }{
		{"America/New_York", "2026-03-08T01:59:59", "2026-03-08T06:59:59Z"}, {"America/New_York", "2026-03-08T02:00:00", "2026-03-08T07:00:00Z"}, {"America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:00:00Z"},
		{"America/New_York", "2026-03-08T03:00:00", "2026-03-08T07:00:00Z"}, {"America/New_York", "2026-03-08T03:00:01", "2026-03-08T07:00:01Z"}, {"Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:30:00Z"},
		{"Europe/Berlin", "2026-03-29T02:59:59.999", "2026-03-29T01:00:00Z"}, {"Africa/Cairo", "2026-04-24T00:30:00", "2026-04-23T22:00:00Z"}, {"Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00Z"},
		{"America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z"},                                                                // the first of two
		{"Asia/Magadan", "2016-04-24T02:30:00", "2016-04-23T16:00:00Z"}, {"Asia/Pyongyang", "2018-05-04T23:45:00", "2018-05-04T15:00:00Z"}, // the last changes of these zones
		{"UTC", "2026-03-08T02:30:00", "2026-03-08T02:30:00Z"},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, p := parseTime("from", c.local, time.Time{}, time.Now(), time.Now(), loc)
		if p != nil || got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s in %s is %v, %v; want %s", c.local, c.zone, got.UTC(), p, c.want)
		}
	}
}

// TestDaysBack: days that are counted back from today are whole days of the source's zone.
func TestDaysBack(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 29, 22, 30, 0, 0, time.UTC) // the 30th there, a day after summer time began
	for _, c := range []struct{ field, text, want string }{
		{"from", "today", "2026-03-29T22:00:00Z"}, {"to", "today", "2026-03-30T22:00:00Z"}, {"from", "today-1d", "2026-03-28T23:00:00Z"}, {"to", "today-1d", "2026-03-29T22:00:00Z"},
		{"from", "today-29d", "2026-02-28T23:00:00Z"}, {"from", "today-0d", "2026-03-29T22:00:00Z"},
	} {
		if got, p := parseTime(c.field, c.text, time.Time{}, now.AddDate(0, 1, 0), now, loc); p != nil || got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s=%s is %v, %v; want %s", c.field, c.text, got.UTC(), p, c.want)
		}
	}
	for _, bad := range []string{"today-", "today-1w", "today+1d", "today-123456d", "Today", "today-99999d"} {
		if got, p := parseTime("from", bad, time.Time{}, now, now, loc); p == nil {
			t.Errorf("%s is %v", bad, got)
		}
	}
}

// TestTodayBeforeMidnight: today is the day of now, not of the end of a range that is moved to the next minute.
func TestTodayBeforeMidnight(t *testing.T) {
	now := time.Date(2026, 3, 10, 23, 59, 31, 0, time.UTC)
	for from, want := range map[string]string{"today": "2026-03-10", "today-6d": "2026-03-04"} {
		q := Question{Location: time.UTC}
		if p := (ask{From: from}).times(&q, now); p != nil || q.From.Format(time.DateOnly) != want || q.To.Before(now) {
			t.Errorf("%s is %v to %v, %v", from, q.From, q.To, p)
		}
	}
}
