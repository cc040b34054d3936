package ingest

import (
	"math"
	"strconv"
	"unsafe"
)

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// maxExact is the largest magnitude up to which every integer is a float64.
const maxExact = 1 << 53

// parseNumber reads a valid JSON number. exact is false for an integer that a float64 may not hold exactly: its text
// must be kept too. ok is false when it is too large for a float64. -0 is 0.
func parseNumber(raw []byte) (v float64, exact, ok bool) {
	// Short decimals are a division or none at all, and as exact as strconv's.
	s := raw
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	var mantissa uint64
	places := -1
	if len(s) > 16 { // 15 digits and a dot are below 2^53
		return parseSlow(raw)
	}
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + uint64(c-'0')
			if places >= 0 {
				places++
			}
		case c == '.' && places < 0:
			places = 0
		default:
			return parseSlow(raw)
		}
	}
	if mantissa > maxExact {
		return parseSlow(raw)
	}
	v = float64(mantissa)
	if places > 0 {
		v /= pow10[places]
	}
	if neg && v != 0 {
		v = -v
	}
	return v, true, true
}

func parseSlow(raw []byte) (v float64, exact, ok bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(raw), len(raw)), 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, false, false
	}
	if v == 0 {
		v = 0 // -0
	}
	for _, c := range raw {
		if c == '.' || c == 'e' || c == 'E' {
			return v, true, true
		}
	}
	return v, math.Abs(v) < maxExact, true
}
