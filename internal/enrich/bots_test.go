package enrich

import (
	"net/netip"
	"strings"
	"testing"
)

func TestBots(t *testing.T) {
	e := open(t, Config{})
	const win = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	for _, tt := range []struct {
		ua   string
		rule string
		bot  bool
	}{
		{win + "Chrome/126.0.0.0 Safari/537.36", "", false},
		{win + "HeadlessChrome/126.0.0.0 Safari/537.36", ruleHeadless, true},
		{"Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1", ruleHeadless, true},
		{win + "Chrome/126.0.0.0 Safari/537.36 Cypress/13.1.0", ruleHeadless, true},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", ruleCrawler, true},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", ruleCrawler, true},
		{"curl/8.5.0", ruleLibrary, true},
		{"python-requests/2.32.0", ruleLibrary, true},
		{"Go-http-client/2.0", ruleLibrary, true},
		{"axios/1.7.2", ruleLibrary, true},
		{"node", ruleLibrary, true},
		{"okhttp/4.12.0", ruleLibrary, true},
		{"Apache-HttpClient/4.5.13 (Java/17.0.1)", ruleLibrary, true},
		{"PostmanRuntime/7.39.0", ruleLibrary, true},
		// Impossible.
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", ruleImpossible, true},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/604.1", ruleImpossible, true},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15", ruleImpossible, true},
		{win + "Chrome/9999.0.0.0 Safari/537.36", ruleImpossible, true},
		{"Mozilla/5.0 (Windows NT 6.1; Trident/7.0) Chrome/126.0", ruleImpossible, true},
		// Odd, but real.
		{"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063", ruleOutdated, false},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", "", false},
		{"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "", false},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "", false},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "", false},
		{"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36", "", false},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBDV/iPad13,4;FBMD/iPad;FBSN/iPadOS]", "", false},
		{win + "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "", false},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", "", false},
		{"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1", "", false},
		// Old, and so suspicious, but no robot.
		{"Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/41.0.2228.0 Safari/537.36", ruleOutdated, false},
		{"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", ruleOutdated, false},
	} {
		f := e.Enrich(netip.Addr{}, []byte(tt.ua), true)
		if f.BotRule != tt.rule || f.IsBot != tt.bot || f.IsBot != (f.BotScore >= 50) || (f.BotRule == "") != (f.BotScore == 0) || f.BotScore > 100 {
			t.Errorf("%s: rule %q, score %d, want %q, bot %v", tt.ua, f.BotRule, f.BotScore, tt.rule, tt.bot)
		}
	}
	if f := e.Enrich(netip.Addr{}, nil, true); f.BotRule != ruleNoAgent || !f.IsBot {
		t.Errorf("no user agent at a public door: %+v", f)
	}
	if f := e.Enrich(netip.Addr{}, nil, false); f.BotRule != "" || f.IsBot {
		t.Errorf("no user agent from a server: %+v", f)
	}
	for _, ua := range lines(t, "testdata/bots.txt") {
		if f := e.Enrich(netip.Addr{}, []byte(ua), true); f.BotScore < 90 || f.BotRule == "" {
			t.Errorf("%s: %q %d", ua, f.BotRule, f.BotScore)
		}
	}
	for _, m := range append(append([]string{}, headlessMarks...), libraryMarks...) {
		if m != strings.ToLower(m) {
			t.Errorf("the mark %q is not in lower case", m)
		}
	}
}
