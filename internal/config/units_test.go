package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "0.0": 0, "0B": 0, "1B": 1, "10MB": 10_000_000, "10MiB": 10 << 20, "50KB": 50_000, "50 kb": 50_000, "1.5GiB": 3 << 29,
		"2TB": 2e12, "1tib": 1 << 40, "9223372036854775807B": 1<<63 - 1,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "not a size", "MB": "not a size", "10": "lacks a unit", "-1MB": "not a size", "1.5B": "whole number", "10XB": "unknown unit", "10M": "unknown unit",
		"1..5MB": "not a number", ".MB": "not a number", "9999999TiB": "too large", "1e3MB": "unknown unit", "10MB ": "unknown unit", "99999999999999999999B": "too large",
	} {
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSize(%q) = %d, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "7d": 168 * time.Hour, "24h": 24 * time.Hour, "1d12h": 36 * time.Hour, "500ms": 500 * time.Millisecond,
		"1.5h": 90 * time.Minute, "1m30s": 90 * time.Second, "3us": 3000, "4ns": 4, "2w": 336 * time.Hour, "1w1d": 192 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "not a duration", "d": "not a duration", "7": "lacks a unit", "1d7": "lacks a unit", "-1h": "not a duration", "1y": "unknown unit", "1.5ns": "whole number",
		"200000d": "292 years", "106751d106751d": "292 years", "1h ": "unknown unit", "1H": "unknown unit",
	} {
		if got, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q) = %s, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0": 0, "7d": 168 * time.Hour, "2d": 48 * time.Hour, "24h": 24 * time.Hour, "1m30s": 90 * time.Second, "49h": 49 * time.Hour, "1s5ms": 1005 * time.Millisecond,
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestUnitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Min(0).Draw(t, "n")
		if got, err := ParseSize(Size(n).String()); err != nil || got != Size(n) {
			t.Errorf("size %d became %q became %d, %v", n, Size(n), got, err)
		}
		d := time.Duration(n)
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("duration %d became %q became %d, %v", d, FormatDuration(d), got, err)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"10MB", "1.5GiB", "0", "-", "1e9KB", "0.0000000001TB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseSize(s)
		if err != nil {
			return
		}
		if again, err := ParseSize(v.String()); v < 0 || err != nil || again != v {
			t.Errorf("%q is %d, printed %q, read back %d, %v", s, v, v, again, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"7d", "1d12h", "0", "1.5h", "1h1h1h", "999999999h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if again, err := ParseDuration(FormatDuration(d)); d < 0 || err != nil || again != d {
			t.Errorf("%q is %d, printed %q, read back %d, %v", s, d, FormatDuration(d), again, err)
		}
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add("listen: a:1\nlog:\n  retention: 1d\n")
	f.Add("a: &x [1]\nb: *x\n")
	f.Fuzz(func(_ *testing.T, s string) { _, _ = parseFile("x", []byte(s)) }) // must not panic
}
