package accesslog

import (
	"bytes"
	"unicode/utf8"
)

const (
	secondsPerDay = 86400
	months        = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

// parseTime reads "17/May/2015:10:05:03 +0000" into Unix milliseconds.
func parseTime(s []byte) (int64, bool) {
	if len(s) != 26 || s[2] != '/' || s[6] != '/' || s[11] != ':' || s[14] != ':' || s[17] != ':' || s[20] != ' ' || (s[21] != '+' && s[21] != '-') {
		return 0, false
	}
	day, ok1 := digits(s[0:2])
	year, ok2 := digits(s[7:11])
	hour, ok3 := digits(s[12:14])
	minute, ok4 := digits(s[15:17])
	second, ok5 := digits(s[18:20])
	zoneHour, ok6 := digits(s[22:24])
	zoneMinute, ok7 := digits(s[24:26])
	month := monthNumber(s[3:6])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) || month == 0 || day < 1 || day > monthDays(year, month) ||
		hour > 23 || minute > 59 || second > 60 || zoneHour > 18 || zoneMinute > 59 {
		return 0, false
	}
	zone := zoneHour*3600 + zoneMinute*60
	if s[21] == '-' {
		zone = -zone
	}
	return (daysSinceEpoch(year, month, day)*secondsPerDay + hour*3600 + minute*60 + second - zone) * 1000, true
}

// monthNumber reads an English month of three letters; 0 if it is none.
func monthNumber(s []byte) int64 {
	for i := 0; i < len(months); i += 3 {
		if s[0]|0x20 == months[i]|0x20 && s[1]|0x20 == months[i+1] && s[2]|0x20 == months[i+2] {
			return int64(i/3) + 1
		}
	}
	return 0
}

func monthDays(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts days from 1970-01-01 in the Gregorian calendar. The year begins in March so that the leap day is its last.
func daysSinceEpoch(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}

// static are the extensions of files that a page loads or a robot reads: a request for one is no page view.
var static = map[string]bool{
	"css": true, "js": true, "mjs": true, "map": true, "json": true, "xml": true, "txt": true, "rss": true, "atom": true, "rdf": true,
	"png": true, "jpg": true, "jpeg": true, "gif": true, "ico": true, "svg": true, "webp": true, "avif": true, "bmp": true,
	"woff": true, "woff2": true, "ttf": true, "otf": true, "eot": true, "swf": true, "wasm": true,
	"mp3": true, "mp4": true, "webm": true, "ogg": true, "wav": true, "mov": true, "avi": true,
	"zip": true, "gz": true, "tgz": true, "bz2": true, "xz": true, "tar": true, "rar": true, "7z": true, "jar": true, "deb": true, "rpm": true, "exe": true, "dmg": true, "iso": true, "bin": true,
	"pdf": true, "doc": true, "docx": true, "xls": true, "xlsx": true, "ppt": true, "pptx": true, "csv": true,
	"py": true, "rb": true, "pl": true, "sh": true, "c": true, "h": true, "conf": true, "log": true, "diff": true, "patch": true,
}

// PageView says whether the line is a page that somebody got: a GET answered with 2xx or 304
// whose path does not end in the extension of a static file.
func (l *Line) PageView() bool {
	if string(l.Method) != "GET" || (l.Status/100 != 2 && l.Status != 304) {
		return false
	}
	path := l.Target
	if i := bytes.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	name := path[bytes.LastIndexByte(path, '/')+1:]
	dot := bytes.LastIndexByte(name, '.')
	if dot < 0 {
		return true
	}
	ext := name[dot+1:]
	var lower [8]byte
	if len(ext) > len(lower) {
		return true
	}
	for i, c := range ext {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return !static[string(lower[:len(ext)])]
}

// Unescape appends field to dst as text: the escapes \" \\ and \xHH of Apache and nginx are resolved. If that
// gives control characters or invalid UTF-8, the field stays as it was written; bytes that are not UTF-8
// themselves are written as \xHH. What is appended is valid UTF-8 without control characters below 0x20, tabs excepted.
func Unescape(dst, field []byte) []byte {
	start := len(dst)
	if bytes.IndexByte(field, '\\') >= 0 {
		if dst = resolve(dst, field); readable(dst[start:]) {
			return dst
		}
		dst = dst[:start]
	}
	if readable(field) {
		return append(dst, field...)
	}
	for i := 0; i < len(field); {
		r, size := utf8.DecodeRune(field[i:])
		if (r == utf8.RuneError && size == 1) || (r < 0x20 && r != '\t') {
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'x', hex[field[i]>>4], hex[field[i]&15])
		} else {
			dst = append(dst, field[i:i+size]...)
		}
		i += size
	}
	return dst
}

func readable(s []byte) bool {
	for _, c := range s {
		if c < 0x20 && c != '\t' {
			return false
		}
	}
	return utf8.Valid(s)
}

func resolve(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			dst = append(dst, c)
			continue
		}
		switch next := s[i+1]; next {
		case '"', '\\':
			dst = append(dst, next)
			i++
		case 't':
			dst = append(dst, '\t')
			i++
		case 'x':
			if i+3 < len(s) {
				hi, ok1 := unhex(s[i+2])
				lo, ok2 := unhex(s[i+3])
				if ok1 && ok2 {
					dst = append(dst, hi<<4|lo)
					i += 3
					continue
				}
			}
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
