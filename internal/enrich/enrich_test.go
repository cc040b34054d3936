package enrich

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/event"
)

// countryFile finds the fetched file; it is a reason to fail in CI and to skip elsewhere.
func countryFile(t testing.TB) string {
	file := CountryFile(filepath.Join("..", "..", ".cache"))
	if f := os.Getenv("WEIR_COUNTRY_FILE"); f != "" {
		file = f
	}
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no country file: %v; run `go run ./build/geo`", err)
		}
		t.Skipf("no country file: %v; run `go run ./build/geo`", err)
	}
	return file
}

func open(t testing.TB, cfg Config) *Enricher {
	t.Helper()
	e, err := Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCountry(t *testing.T) {
	e := open(t, Config{CountryFile: countryFile(t)})
	for ip, want := range map[string]string{
		"8.8.8.8": "US", "::ffff:8.8.8.8": "US", "193.99.144.80": "DE", "2001:4860:4860::8888": "US", "133.11.0.1": "JP",
		"127.0.0.1": "", "10.1.2.3": "", "::1": "", "fe80::1%eth0": "",
	} {
		for range 2 { // the second time from memory
			if got := e.Enrich(netip.MustParseAddr(ip), nil, false); withoutNet(got) != (event.Facts{Country: want, Version: Version}) {
				t.Errorf("%s: %+v, want country %q", ip, got, want)
			}
		}
	}
	if got := e.Enrich(netip.Addr{}, nil, false); got != (event.Facts{Version: Version}) {
		t.Errorf("no address: %+v", got)
	}
}

// withoutNet are the facts without what the salt of the day decides.
func withoutNet(f event.Facts) event.Facts {
	f.Net = [netSize]byte{}
	return f
}

func TestFiles(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	none := filepath.Join(t.TempDir(), "none.mmdb")
	e, err := Open(Config{CountryFile: none}, logger, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), none) {
		t.Errorf("want one warning that names the file, got %s", log.String())
	}
	if f := e.Enrich(netip.MustParseAddr("8.8.8.8"), nil, false); f.Country != "" {
		t.Errorf("country %q from no file", f.Country)
	}
	if _, err := Open(Config{CityFile: none}, logger, nil); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("a missing city file: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad.mmdb")
	if err := os.WriteFile(bad, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{CountryFile: bad}, logger, nil); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a broken country file: %v", err)
	}
	if _, err := Open(Config{CachedAgents: -1}, logger, nil); err == nil {
		t.Error("a negative cache was taken")
	}
}

func TestAgents(t *testing.T) {
	e := open(t, Config{})
	tests := []struct {
		ua   string
		want event.Facts
	}{
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
			event.Facts{Device: "desktop", OS: "Windows", Browser: "Chrome"}},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
			event.Facts{Device: "mobile", OS: "iOS", Browser: "Safari"}},
		{"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1",
			event.Facts{Device: "tablet", OS: "iOS", Browser: "Safari"}},
		{"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
			event.Facts{Device: "mobile", OS: "Android", Browser: "Chrome"}},
		{"Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
			event.Facts{Device: "tablet", OS: "Android", Browser: "Chrome"}},
		{"Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A)",
			event.Facts{Device: "mobile", OS: "Android", Browser: "Dalvik"}},
		{"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1",
			event.Facts{Device: "tv", OS: "Linux", Browser: "TV Safari"}},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
			event.Facts{Device: "desktop", OS: "Linux", Browser: "Firefox"}},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
			event.Facts{Device: "desktop", OS: "macOS", Browser: "Edge"}},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
			event.Facts{Device: "bot", Browser: "Googlebot", IsBot: true, BotRule: "crawler", BotScore: 100}},
		{"curl/8.5.0", event.Facts{Device: "bot", Browser: "curl", IsBot: true, BotRule: "library", BotScore: 90}},
		{"libcurl-agent/1.0", event.Facts{Device: "bot", Browser: "libcurl-agent", IsBot: true, BotRule: "library", BotScore: 90}},
		{"my-curl-agent/1.0", event.Facts{Device: "other", Browser: "my-curl-agent"}}, // the pattern is ^curl
		{"some text of a sender", event.Facts{Device: "other"}},
		{strings.Repeat("Ab1/2 ", 400), event.Facts{Device: "other", Browser: "Ab1"}},
		{"", event.Facts{}},
	}
	for _, tt := range tests {
		tt.want.Version = Version
		for _, pass := range []string{"fresh", "cached"} {
			if d := cmp.Diff(tt.want, e.Enrich(netip.Addr{}, []byte(tt.ua), false)); d != "" {
				t.Errorf("%s %.80q: %s", pass, tt.ua, d)
			}
		}
	}
}

func TestAgentIsNotKept(t *testing.T) {
	e := open(t, Config{})
	ua := []byte("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0")
	before := e.Enrich(netip.Addr{}, ua, false)
	copy(ua, bytes.Repeat([]byte("x"), len(ua)))
	if before.Browser != "Firefox" || before.OS != "Linux" {
		t.Fatalf("the facts changed with the caller's buffer: %+v", before)
	}
	if got := e.Enrich(netip.Addr{}, []byte("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"), false); got != before {
		t.Fatalf("the cache changed with the caller's buffer: %+v", got)
	}
}

func TestRobots(t *testing.T) {
	e := open(t, Config{})
	for _, ua := range lines(t, "testdata/bots.txt") {
		if f := e.Enrich(netip.Addr{}, []byte(ua), false); !f.IsBot || f.Device != "bot" {
			t.Errorf("not taken for a robot: %s", ua)
		}
	}
}

// TestMatcherEqualsPatterns compares the matcher with the plain regular expressions.
func TestMatcherEqualsPatterns(t *testing.T) {
	c, err := newCrawlers(crawlerList)
	if err != nil {
		t.Fatal(err)
	}
	var all []*regexp.Regexp
	for _, p := range lines(t, "crawlers.txt") {
		if !strings.HasPrefix(p, "#") {
			all = append(all, regexp.MustCompile(p))
		}
	}
	if len(all) < 1000 {
		t.Fatalf("only %d patterns", len(all))
	}
	for _, x := range c.rest {
		t.Logf("expression %q needs %q", x.re, x.needs)
	}
	any := func(s string) bool {
		for _, re := range all {
			if re.MatchString(s) {
				return true
			}
		}
		return false
	}
	samples := append(lines(t, "testdata/bots.txt")[:80], "wget", "x Wget/1", "sentry/1", "a sentry/1", "asentry/1", "AdsBot-Google", "AdsBot-Google-x",
		"AdsBot-Googlex", "Chirp", "gotosocial", "Current 1 RSS Reader", "SSL Labs", "SSL Labs 2", "BlogTraffic/1.22 Feed-Fetcher", "SEmRushBot")
	for _, s := range samples {
		for _, v := range []string{s, "x" + s, s + "x", s[:len(s)/2], s[len(s)/2:], strings.ToUpper(s)} {
			if got, want := c.match(v), any(v); got != want {
				t.Errorf("match(%q) = %v, the patterns say %v", v, got, want)
			}
		}
	}
}

func lines(t testing.TB, file string) []string {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func FuzzAgent(f *testing.F) {
	for _, ua := range lines(f, "testdata/bots.txt")[:20] {
		f.Add([]byte(ua))
	}
	f.Add([]byte("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36"))
	e := open(f, Config{CachedAgents: 16})
	f.Fuzz(func(t *testing.T, ua []byte) {
		got := e.Enrich(netip.Addr{}, ua, false)
		if (got.Device == "bot") != got.IsBot || len(got.Browser) > maxName || len(got.OS) > maxName || (got.Device == "") != (len(ua) == 0) {
			t.Errorf("%q: %+v", ua, got)
		}
		if again := e.Enrich(netip.Addr{}, ua, false); again != got {
			t.Errorf("%q: first %+v, then %+v", ua, got, again)
		}
	})
}

func BenchmarkEnrich(b *testing.B) {
	ip := netip.MustParseAddr("193.99.144.80")
	ua := []byte("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36")
	b.Run("agent-hit", func(b *testing.B) {
		e := open(b, Config{})
		b.ReportAllocs()
		for b.Loop() {
			e.Enrich(netip.Addr{}, ua, false)
		}
	})
	b.Run("agent-miss", func(b *testing.B) {
		e := open(b, Config{})
		b.ReportAllocs()
		for b.Loop() {
			e.robots.classify(string(ua))
		}
	})
	b.Run("country", func(b *testing.B) {
		e := open(b, Config{CountryFile: countryFile(b)})
		b.ReportAllocs()
		for b.Loop() {
			e.Enrich(ip, nil, false)
		}
	})
}
