package ingest

import (
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseTimeEqualsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(minStoredMS, maxStoredMS).Draw(t, "ms")
		zone := rapid.IntRange(-23*60, 23*60).Draw(t, "zone")
		layout := rapid.SampledFrom([]string{"2006-01-02T15:04:05.000Z07:00", "2006-01-02 15:04:05.000000Z07:00", "2006-01-02t15:04:05.999999999Z07:00", time.RFC3339}).Draw(t, "layout")
		want := time.UnixMilli(ms).In(time.FixedZone("", zone*60))
		text := want.Format(layout)
		got, ok := parseTime([]byte(text))
		if layout == time.RFC3339 {
			want = want.Truncate(time.Second)
		}
		if !ok || got != want.UnixMilli() {
			t.Fatalf("parseTime(%q) = %d, %v; want %d", text, got, ok, want.UnixMilli())
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-07-01T12:00:00Z", "2024-02-29T23:59:60.5+05:30", "1900-02-29T00:00:00Z", "2026-07-01 12:00:00-00:00", "2026-07-01T12:00:00.Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTime([]byte(s))
		if len(s) < 20 || s[10] == ' ' || s[10] == 't' || strings.HasSuffix(s, "z") || strings.Contains(s, ":60") || strings.Contains(s, ",") {
			return // taken here, or not, other than by time.Parse
		}
		want, err := time.Parse(time.RFC3339, s)
		ms := want.UnixMilli()
		if fits := err == nil && ms >= minStoredMS && ms <= maxStoredMS; fits != ok || ok && ms != got {
			t.Errorf("parseTime(%q) = %d, %v; time.Parse says %d, %v", s, got, ok, ms, err)
		}
	})
}

func TestUnits(t *testing.T) {
	for v, want := range map[float64]int64{0: 0, 1: 1000, 1.5: 1500, 1782900000: 1782900000000, 1782900000.0004: 1782900000000, 1782900000123: 1782900000123,
		99999999999: -1, 100000000000: 100000000000, -1: -1, 1e15: -1, math.MaxFloat64: -1} {
		if got, ok := unixToMS(v); ok && got != want || !ok && want != -1 {
			if v == 99999999999 { // the year 5138
				continue
			}
			t.Errorf("unixToMS(%v) = %d, %v; want %d", v, got, ok, want)
		}
	}
}

func TestParseNumberEqualsStrconv(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, s string) {
		got, exact, ok := parseNumber([]byte(s))
		want, err := strconv.ParseFloat(s, 64)
		if want == 0 {
			want = 0
		}
		if ok != (err == nil) || ok && (got != want || math.Signbit(got) != math.Signbit(want) && want != 0) {
			t.Errorf("parseNumber(%s) = %v, %v; strconv says %v, %v", s, got, ok, want, err)
		}
		if i, err := strconv.ParseInt(s, 10, 64); err == nil && exact && int64(got) != i {
			t.Errorf("parseNumber(%s) = %v is called exact", s, got)
		}
	}
	for _, s := range []string{"0", "-0", "0.1", "123456789012345", "1234567890123456", "9007199254740992", "9007199254740993", "-9007199254740993", "0.000000000000001",
		"123.4567890123456", "1e308", "1e309", "1E-5", "-1.5e+3", "1e-400"} {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.StringMatching(`-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?`).Draw(t, "s"))
	})
}

func TestReferrerHost(t *testing.T) {
	for r, want := range map[string]string{
		"google.com": "google.com", "Google.com/search?q=x": "google.com", "https://www.Google.com:443/": "www.google.com", "//x.org/a": "x.org",
		"android-app://com.google.android.gm/": "com.google.android.gm", "x.org:8080/a": "x.org", "": "", "direct": "", "(none)": "", "/local": "", "about:blank": "",
		"mailto:a@b.de": "", "not a host.com": "", "https://": "", ".com": "", "com.": "", "a b": "", "https://[2001:db8::1]:80/x": "2001:db8::1", "bücher.de": "bücher.de",
	} {
		if got, _ := referrerHost([]byte(r), nil); string(got) != want {
			t.Errorf("referrerHost(%q) = %q, want %q", r, got, want)
		}
	}
}

func TestSplitURL(t *testing.T) {
	type split struct{ Host, Path, Source, Medium, Campaign string }
	for u, want := range map[string]split{
		"https://x.org":                           {Host: "x.org", Path: "/"},
		"https://x.org?utm_source=a":              {Host: "x.org", Path: "/", Source: "a"},
		"HTTPS://User@X.org:1/A?b#c?utm_source=d": {Host: "x.org", Path: "/A"},
		"//x.org/p":                               {Host: "x.org", Path: "/p"},
		"/pricing":                                {Path: "/pricing"},
		"pricing/a.html":                          {Path: "pricing/a.html"},
		"?utm_medium=m":                           {Medium: "m"},
		"":                                        {},
		"#top":                                    {},
		"https://x.org/#/spa/a?tab=1":             {Host: "x.org", Path: "/#/spa/a"},
		"https://x.org/app?utm_source=s#!/b":      {Host: "x.org", Path: "/app#!/b", Source: "s"},
		"https://x.org/a#!b":                      {Host: "x.org", Path: "/a"},
		"https://x.org/a#/token=secret":           {Host: "x.org", Path: "/a"},
		"#/only":                                  {Path: "#/only"},
		"mailto:a@b.de#/x":                        {},
		"about:blank":                             {},
		"mailto:a@b.de":                           {},
		"file:///home/x":                          {Path: "/home/x"},
		"app:/home":                               {Path: "/home"},
		"http://[2001:DB8::1]:80/":                {Host: "2001:db8::1", Path: "/"},
		"/a?utm_source=&utm_source=b":             {Path: "/a", Source: "b"},
		"/a?utm_campaign=50%25+off%zz%2":          {Path: "/a", Campaign: "50% off%zz%2"},
		"/a?utm_source=%ff%00x&&utm_medium&x=1":   {Path: "/a", Source: "\uFFFD\uFFFDx"},
		"/a?UTM_SOURCE=x":                         {Path: "/a"},
		"/a?utm_source=jane.doe+x@example.com+to&utm_medium=a+b+j%2Bx+y%40z.org&utm_campaign=mail+to+j%20k@l": {Path: "/a", Source: "jane.doe+x@example.com to", Medium: "a+b+j+x+y@z.org", Campaign: "mail to j k@l"},
		" https://x.org/a?utm_source=s&utm_medium=m ":                                                         {Host: "x.org", Path: "/a", Source: "s", Medium: "m"},
	} {
		p, _ := splitURL([]byte(u), nil, false)
		got := split{string(p.host), string(p.path), string(p.source), string(p.medium), string(p.campaign)}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("splitURL(%q): %s", u, d)
		}
	}
}

// TestHashRoutes: of who says that the fragment is the route, each fragment is one that is no parameter.
func TestHashRoutes(t *testing.T) {
	for u, want := range map[string]string{"https://x.org/#about": "/#about", "https://x.org/p#": "/p", "https://x.org/#a?b=c": "/#a", "https://x.org/#a=b": "/", "https://x.org": "/", "/x#y": "/x#y"} {
		if p, _ := splitURL([]byte(u), nil, true); string(p.path) != want {
			t.Errorf("the path of %q is %q, want %q", u, p.path, want)
		}
	}
}

// FuzzURL compares the splitter with net/url wherever that takes the URL.
func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://u:p@X.org:8080/a/b%20c;d?utm_source=x+y&utm_medium=%C3%A4#f", "//h/p", "/p?utm_campaign=", "mailto:x", "http://[::1]/", "x:", "a/b", "?utm_source=a;b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			return // such events are rejected before
		}
		p, arena := splitURL([]byte(s), make([]byte, 0, 8), false)
		if len(arena) > 3*len(s) {
			t.Errorf("%d bytes of arena for %q", len(arena), s)
		}
		referrerHost([]byte(s), nil)
		u, err := url.Parse(s)
		if err != nil || s != strings.TrimSpace(s) {
			return
		}
		if want := lower(u.Hostname()); string(p.host) != want && !strings.Contains(u.Host, "%") {
			t.Errorf("host of %q: %q, net/url says %q", s, p.host, want)
		}
		want := u.Path
		if want == "" && (u.Host != "" || strings.Contains(s, "//")) {
			want = "/"
		}
		bare, route, _ := strings.Cut(string(p.path), "#") // of the fragment what is a route
		if fragment := u.EscapedFragment(); route != "" && !strings.HasPrefix(s[strings.IndexByte(s, '#')+1:], route) {
			t.Errorf("route of %q: %q, net/url says %q", s, route, fragment)
		}
		if path, err := url.PathUnescape(bare); (err != nil || path != want) && !(u.Host == "" && u.User == nil) {
			t.Errorf("path of %q: %q, net/url says %q", s, p.path, want)
		}
		if strings.Contains(u.RawQuery, ";") {
			return // an error to net/url, a character like others to browsers
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			return
		}
		for part := range strings.SplitSeq(u.RawQuery, "&") {
			if name, _, _ := strings.Cut(part, "="); strings.Contains(name, "%") {
				return // escaped names are not looked for
			}
		}
		for name, got := range map[string][]byte{"utm_source": p.source, "utm_medium": p.medium, "utm_campaign": p.campaign} {
			want := ""
			for _, v := range q[name] {
				if want == "" {
					want = strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD")
				}
			}
			if string(got) != want {
				t.Errorf("%s of %q: %q, net/url says %q", name, s, got, want)
			}
		}
	})
}

func TestParseIP(t *testing.T) {
	for s, want := range map[string]string{"1.2.3.4": "1.2.3.4", " 1.2.3.4 ": "1.2.3.4", "1.2.3.4:5": "1.2.3.4", "::ffff:1.2.3.4": "1.2.3.4", "[::1]": "::1", "[::1]:80": "::1",
		"fe80::1%eth0": "fe80::1", "": "", "x": "", "1.2.3": "", "[": "", "[]": ""} {
		got, ok := parseIP(s)
		if ok != (want != "") || ok && got != netip.MustParseAddr(want) {
			t.Errorf("parseIP(%q) = %v, %v", s, got, ok)
		}
	}
}
