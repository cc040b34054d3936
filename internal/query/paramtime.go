package query

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timeText is how a date, or a time of it, is written; the engine takes the numbers in it as they come, and carries over what is too much.
var timeText = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?)?$`)

// timeTypes are the first and the last day that types of times hold, by their names in small letters. What is beyond the engine moves to the nearest, or to somewhere else.
var timeTypes = map[string][2]string{
	"date": {"1970-01-01", "2149-06-06"}, "date32": {"1900-01-01", "2299-12-31"},
	"datetime": {"1970-01-01", "2106-02-07"}, "datetime32": {"1970-01-01", "2106-02-07"}, "timestamp": {"1970-01-01", "2106-02-07"},
	"datetime64": {"1900-01-01", "2299-12-31"},
}

// wrongTime says what is wrong with a value of a type of times; "" if nothing is, or if it is written in another way, which the engine judges.
func wrongTime(typ, value string) string {
	bounds, ok := timeTypes[strings.ToLower(typ)]
	m := timeText.FindStringSubmatch(value)
	if !ok || m == nil {
		return ""
	}
	n := func(i int) int {
		v, _ := strconv.Atoi(m[i]) // absent: 0
		return v
	}
	day := time.Date(n(1), time.Month(n(2)), n(3), 0, 0, 0, 0, time.UTC)
	switch text := day.Format(time.DateOnly); {
	case day.Month() != time.Month(n(2)) || day.Day() != n(3):
		return "is no day of the calendar"
	case n(4) > 23 || n(5) > 59 || n(6) > 59:
		return "is no time of a day"
	case text < bounds[0] || text > bounds[1]:
		return fmt.Sprintf("does not fit: it holds %s to %s", bounds[0], bounds[1])
	}
	return ""
}
