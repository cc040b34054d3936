package enrich

import (
	"strings"
)

// Who is a robot is said by a rule and a score, 0 to 100: how sure it is. From botScore on an event counts as one. Rules are names, and
// stay; which user agent meets which rule may change with Version. An event of a robot is stored like any other.
const botScore = 50

// The rules, the first that is met counts.
const (
	ruleHeadless   = "headless"   // a browser that a program drives, and says so
	ruleCrawler    = "crawler"    // the list of crawler-user-agents, and what calls itself a bot
	ruleLibrary    = "library"    // a programming language's HTTP client
	ruleNoAgent    = "no-agent"   // a public door was used without a user agent: every browser sends one
	ruleImpossible = "impossible" // parts that no device has together
	ruleOutdated   = "outdated"   // a browser so old that sites of today do not work in it: seldom a person, so not enough alone
)

// A verdict is a rule and its score; the zero value: nothing speaks for a robot.
type verdict struct {
	rule  string
	score uint8
}

// headlessMarks are in user agents, in lower case, of browsers that programs drive.
var headlessMarks = []string{"headless", "phantomjs", "slimerjs", "puppeteer", "playwright", "selenium", "webdriver", "cypress/", "htmlunit", "zombie.js", "splash"}

// libraryMarks begin user agents, in lower case, of HTTP clients of programming languages and of tools.
var libraryMarks = []string{"python", "curl/", "wget", "go-http-client", "okhttp", "java/", "java-http-client", "apache-httpclient", "axios/", "node-fetch", "undici", "node", "got (", "got/",
	"libwww-perl", "lwp::", "php/", "guzzlehttp", "ruby", "faraday", "rest-client", "httpie", "aiohttp", "httpx", "postmanruntime", "insomnia", "k6/", "jmeter", "dart/", "reqwest", "hyper/", "deno/", "bun/", "perl",
	"winhttp", "powershell", "scrapy", "libcurl", "restsharp", "urllib", "mechanize", "colly", "fasthttp", "resty", "akka-http", "jersey/", "vert.x"}

// judge says whether a user agent is a robot's. bot says that a list knows it.
func judge(ua, low string, bot bool) verdict {
	switch {
	case containsAny(low, headlessMarks):
		return verdict{ruleHeadless, 95}
	case beginsWithAny(low, libraryMarks):
		return verdict{ruleLibrary, 90}
	case bot:
		return verdict{ruleCrawler, 100}
	case impossible(ua):
		return verdict{ruleImpossible, 75}
	case outdated(ua):
		return verdict{ruleOutdated, 30}
	}
	return verdict{}
}

func beginsWithAny(s string, starts []string) bool {
	for _, p := range starts {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// impossible says whether a user agent claims what no device has. What real ones claim, however odd, is none: Edge on Windows Phone named
// Android and the iPhone, too, and every browser on iOS names Safari.
func impossible(ua string) bool {
	has := func(s string) bool { return strings.Contains(ua, s) }
	platform := ua // what stands in the first parentheses; behind them apps on an iPad that asks for pages of a desktop name it too
	if open, end := strings.IndexByte(ua, '('), strings.IndexByte(ua, ')'); open >= 0 && end > open {
		platform = ua[open:end]
	}
	on := func(s string) bool { return strings.Contains(platform, s) }
	windows, mac, android, ios := on("Windows NT"), on("Macintosh"), on("Android"), on("iPhone") || on("iPad") || on("iPod")
	systems := 0
	for _, is := range []bool{windows, mac, android, ios, on("CrOS ")} {
		if is {
			systems++
		}
	}
	switch {
	case has("Windows Phone") || has("IEMobile") || has("Xbox"):
		return false
	case systems > 1:
		return true
	case ios && (has(" Chrome/") || has(" Firefox/") || has("Trident/")): // there they are CriOS and FxiOS
		return true
	case windows && has("Version/") && has(" Safari/") && !has("Chrome/") && !has("Chromium/") && has("Windows NT 10"): // Safari left Windows before
		return true
	case has("Chrome/") && has(" Gecko/20100101"):
		return true
	case has("Trident/") && has("Chrome/"):
		return true
	}
	chrome, ok := majorAfter(ua, " Chrome/")
	return ok && (chrome == 0 || chrome > 500)
}

// outdated says whether a user agent is of a browser from before 2017.
func outdated(ua string) bool {
	if v, ok := majorAfter(ua, " Chrome/"); ok {
		return v < 55 && !strings.Contains(ua, "; wv)")
	}
	if v, ok := majorAfter(ua, " Firefox/"); ok {
		return v < 50
	}
	return strings.Contains(ua, "MSIE ")
}

// majorAfter reads the number behind a mark.
func majorAfter(ua, mark string) (n int, ok bool) {
	i := strings.Index(ua, mark)
	if i < 0 {
		return 0, false
	}
	for _, c := range ua[i+len(mark):] {
		if c < '0' || c > '9' || n > 1<<20 {
			break
		}
		n, ok = n*10+int(c-'0'), true
	}
	return n, ok
}
