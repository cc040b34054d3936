package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// LengthForm is how a length is written, in what is said of one that is not.
const LengthForm = "a length such as 90s, 30m, 24h, 7d, 2w or 1h30m"

// ParseLength reads a length of at least a second, as all durations are written. More than 292 years are as good as these.
func ParseLength(s string) (d time.Duration, ok bool) {
	d, err := ParseDuration(s)
	if errors.Is(err, ErrTooLong) {
		return math.MaxInt64, true
	}
	return d, err == nil && d >= time.Second
}

// TimeBack reads a time of the past as requests write it: RFC 3339, now, or a length back from base. The error says how it is written.
func TimeBack(s string, base, now time.Time) (time.Time, error) { return readTime(s, base, now, -1) }

// TimeAhead reads a time of the future: RFC 3339, or a length from now. The error says how it is written.
func TimeAhead(s string, now time.Time) (time.Time, error) { return readTime(s, now, now, 1) }

func readTime(s string, base, now time.Time, sign time.Duration) (time.Time, error) {
	if s == "now" && sign < 0 {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1)); err == nil { // an unescaped + in a URL arrives as a blank
		return t, nil
	}
	if d, ok := ParseLength(s); ok {
		return base.Add(sign * d), nil
	}
	if why := NoSuchDay(s); why != "" {
		return time.Time{}, fmt.Errorf("it is %q: %s", fmt.Sprintf("%.40s", s), why)
	}
	or := ", now, or "
	if sign > 0 {
		or = ", or "
	}
	return time.Time{}, fmt.Errorf("it is %q; write a time with a zone (RFC 3339, as 2026-01-31T10:00:00Z)%s%s", fmt.Sprintf("%.40s", s), or, LengthForm)
}

var dated = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)(?:$|[T ])`)

// NoSuchDay says why no calendar has the day of a date, or of a time, that is written as one (2026-02-30); it is empty where there is nothing to say.
func NoSuchDay(s string) string {
	m := dated.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	year, _ := strconv.Atoi(m[1])
	month, _ := strconv.Atoi(m[2])
	day, _ := strconv.Atoi(m[3])
	if month < 1 || month > 12 {
		return "there is no month " + m[2] + ": a year has the months 01 to 12"
	}
	if last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); day < 1 || day > last {
		return fmt.Sprintf("there is no such day: %s %s has %d days", time.Month(month), m[1], last)
	}
	return ""
}
