package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. As text it carries a unit: "10MB" is 10 000 000, "10MiB" is 10 485 760; "0" needs none.
type Size int64

// units of sizes, largest first; the long binary names come before the short decimal ones.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// ParseSize reads a size. The unit's case does not matter.
func ParseSize(s string) (Size, error) {
	number, unit := splitUnit(s)
	if number == "" {
		return 0, fmt.Errorf("%q is not a size like 10MB or 512KiB", s)
	}
	if unit == "" {
		if strings.Trim(number, "0.") == "" {
			return 0, nil
		}
		return 0, fmt.Errorf("%q lacks a unit: write %sB for bytes, or use KB, KiB, MB, MiB, GB, GiB, TB or TiB", s, number)
	}
	for _, u := range sizeUnits {
		if strings.EqualFold(u.name, unit) {
			n, err := scale(number, u.bytes)
			if err != nil {
				return 0, fmt.Errorf("%q is not a size: %w", s, err)
			}
			return Size(n), nil
		}
	}
	return 0, fmt.Errorf("%q has an unknown unit %q: use B, KB, KiB, MB, MiB, GB, GiB, TB or TiB", s, unit)
}

// String is exact and is read back to the same size.
func (s Size) String() string {
	if s == 0 {
		return "0"
	}
	best := strconv.FormatInt(int64(s), 10) + "B"
	for _, u := range sizeUnits {
		if int64(s)%u.bytes == 0 {
			if text := strconv.FormatInt(int64(s)/u.bytes, 10) + u.name; len(text) < len(best) {
				best = text
			}
		}
	}
	return best
}

var durationUnits = []struct {
	name string
	d    time.Duration
}{
	{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", 1},
}

// ErrTooLong is the error of a duration, otherwise well written, of more than 292 years.
var ErrTooLong = errors.New("it is longer than 292 years")

// ParseDuration reads a duration such as "7d", "1d12h" or "500ms". A day has 24 hours, a week 7 days; "0" needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if s == "" {
		return 0, errors.New(`"" is not a duration like 7d, 24h or 500ms`)
	}
	var total time.Duration
	for rest := s; rest != ""; {
		number, after := splitUnit(rest)
		unit := after
		if i := strings.IndexAny(after, "0123456789."); i >= 0 {
			unit = after[:i]
		}
		rest = after[len(unit):]
		d, err := durationPart(s, number, unit)
		if err != nil {
			return 0, err
		}
		if total > math.MaxInt64-d {
			return 0, fmt.Errorf("%q is not a duration: %w", s, ErrTooLong)
		}
		total += d
	}
	return total, nil
}

func durationPart(s, number, unit string) (time.Duration, error) {
	if number == "" {
		return 0, fmt.Errorf("%q is not a duration like 7d, 24h or 500ms", s)
	}
	if unit == "" {
		return 0, fmt.Errorf("%q lacks a unit: use w, d, h, m, s, ms, us or ns", s)
	}
	for _, u := range durationUnits {
		if u.name == unit {
			n, err := scale(number, int64(u.d))
			if errors.Is(err, errTooLarge) {
				err = ErrTooLong
			}
			if err != nil {
				return 0, fmt.Errorf("%q is not a duration: %w", s, err)
			}
			return time.Duration(n), nil
		}
	}
	return 0, fmt.Errorf("%q has an unknown unit %q: use w, d, h, m, s, ms, us or ns", s, unit)
}

// FormatDuration writes a duration so that ParseDuration reads the same one back.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	var b strings.Builder
	for _, u := range durationUnits[2:] {
		if n := d / u.d; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.d
		}
	}
	return b.String()
}

// splitUnit splits at the end of the number that s begins with.
func splitUnit(s string) (number, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	return s[:i], strings.TrimLeft(s[i:], " ")
}

var errTooLarge = errors.New("it is too large")

// scale multiplies a decimal number with unit. The result is a whole number that fits into 63 bits.
func scale(number string, unit int64) (int64, error) {
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/unit {
			return 0, errTooLarge
		}
		return n * unit, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", number)
	}
	f *= float64(unit)
	if f >= math.MaxInt64 {
		return 0, errTooLarge
	}
	if f != math.Trunc(f) {
		return 0, errors.New("it is not a whole number of the smallest unit")
	}
	return int64(f), nil
}

// Secret is a value that is never printed: as text, in logs, as JSON or YAML it is masked.
type Secret string

const mask = "********"

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString masks the secret in %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }
