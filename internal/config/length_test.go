package config

import (
	"strings"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	base := now.Add(-time.Hour)
	for s, want := range map[string]string{
		"2026-01-31T10:00:00Z": "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.5+01:00": "2026-01-31T09:00:00.5Z", "2026-01-31T10:00:00 01:00": "2026-01-31T09:00:00Z",
		"now": "2026-03-09T12:00:00Z", "90s": "2026-03-09T10:58:30Z", "1d12h": "2026-03-07T23:00:00Z", "2w": "2026-02-23T11:00:00Z",
		"": "", "0": "", "500ms": "", "-1h": "", "2026-01-31": "", "yesterday": "", "1x": "",
	} {
		got, err := TimeBack(s, base, now)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), ", now, or "+LengthForm) {
				t.Errorf("%q: %v %v", s, got, err)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v %v, want %s", s, got, err, want)
		}
	}
	if got, err := TimeAhead("90d", now); err != nil || !got.Equal(now.Add(90*24*time.Hour)) {
		t.Errorf("90d: %v %v", got, err)
	}
	if got, err := TimeAhead("999999w", now); err != nil || got.Year() < 2300 {
		t.Errorf("999999w: %v %v", got, err)
	}
	for _, s := range []string{"now", "", "never", "0"} {
		if got, err := TimeAhead(s, now); err == nil || strings.Contains(err.Error(), "now, or") {
			t.Errorf("%q: %v %v", s, got, err)
		}
	}
}

func TestNoSuchDay(t *testing.T) {
	for s, want := range map[string]string{
		"2026-02-30": "there is no such day: February 2026 has 28 days", "2028-02-30T10:00:00Z": "there is no such day: February 2028 has 29 days", "2026-04-31 10:00": "there is no such day: April 2026 has 30 days",
		"2026-12-32": "there is no such day: December 2026 has 31 days", "2026-01-00": "there is no such day: January 2026 has 31 days", "2026-13-01": "there is no month 13: a year has the months 01 to 12",
		"2026-00-10": "there is no month 00: a year has the months 01 to 12",
		"2028-02-29": "", "2026-01-31T25:00:00Z": "", "2026-2-30": "", "2026-02-301": "", "30-02-2026": "", "7d": "", "": "",
	} {
		if got := NoSuchDay(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	_, err := TimeBack("2026-02-30T00:00:00Z", time.Now(), time.Now())
	if want := `it is "2026-02-30T00:00:00Z": there is no such day: February 2026 has 28 days`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
