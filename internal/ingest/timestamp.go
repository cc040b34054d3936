package ingest

import (
	"bytes"
	"math"
	"time"
)

// A number is taken for seconds below this magnitude and for milliseconds from it on: as seconds it lies in
// the year 5138, as milliseconds in March 1973. So milliseconds before that moment cannot be sent as numbers.
const secondsBelow = 1e11

// The times that an event can have at all, Unix milliseconds: from 1970 to the end of 2261.
const (
	minStoredMS = 0
	maxStoredMS = 9214646399999
)

// unixToMS reads a time given as a number, in seconds (with a fraction) or milliseconds.
func unixToMS(v float64) (int64, bool) {
	if math.Abs(v) < secondsBelow {
		v *= 1000
	}
	if v != v || v < minStoredMS || v > maxStoredMS {
		return 0, false
	}
	return int64(math.Floor(v + 0.5)), true
}

// unstorable refuses a time that can be read, as text with a zone or without, or as a number, and that no event can have. It returns nil for anything else.
func unstorable(name string, v []byte) *reject {
	if isNumber(v) {
		if f, _, ok := parseNumber(v); ok {
			if _, fits := unixToMS(f); !fits {
				return outside(name, clip(string(v)), f)
			}
		}
		return nil
	}
	ms, ok := readTime(v)
	if !ok {
		ms, ok = readTime(append(bytes.Clone(v), 'Z'))
	}
	if !ok || ms >= minStoredMS && ms <= maxStoredMS {
		return nil
	}
	return outside(name, clip(string(v)), float64(ms))
}

// outside says that no event can have a time; v is it, whatever its unit.
func outside(name, text string, v float64) *reject {
	if v < minStoredMS {
		return rejectf(codeTime, name, "%s is %s, before 1970: the earliest time that an event can have is 1970-01-01T00:00:00Z (0); leave it out, or correct it", name, text)
	}
	return rejectf(codeTime, name, "%s is %s, after 2261: the latest time that an event can have is 2261-12-31T23:59:59Z; it must be seconds or milliseconds since 1970", name, text)
}

// parseTime reads RFC 3339: a date, T or a space, a time with or without a fraction, and Z or an offset. It is one that an event can have.
func parseTime(s []byte) (ms int64, ok bool) {
	ms, ok = readTime(s)
	return ms, ok && ms >= minStoredMS && ms <= maxStoredMS
}

// readTime is parseTime for any time.
func readTime(s []byte) (ms int64, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	if c := s[10]; c != 'T' && c != 't' && c != ' ' {
		return 0, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	second, ok6 := digits(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 60 { // 60: a leap second counts as the one after it
		return 0, false
	}
	milli, rest, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := zone(rest)
	if !ok {
		return 0, false
	}
	ms = (daysFromCivil(year, month, day)*86400+int64(hour*3600+minute*60+second)-int64(offset))*1000 + int64(milli)
	return ms, true
}

func digits(s []byte) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// fraction reads ".123…" into milliseconds; further digits are cut off.
func fraction(s []byte) (milli int, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	i, scale := 1, 100
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		milli += int(s[i]-'0') * scale
		scale /= 10
	}
	return milli, s[i:], i > 1
}

// zone reads Z or ±hh:mm into seconds east of Greenwich.
func zone(s []byte) (seconds int, ok bool) {
	if len(s) == 1 && (s[0] == 'Z' || s[0] == 'z') {
		return 0, true
	}
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, ok1 := digits(s[1:3])
	m, ok2 := digits(s[4:6])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	seconds = h*3600 + m*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil counts the days from 1970-01-01 to a date of the Gregorian calendar.
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	yoe := year - era*400
	doy := (153*(month-3)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// formatMS is for messages.
func formatMS(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
