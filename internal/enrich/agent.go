package enrich

import (
	"strings"

	"github.com/mileusna/useragent"
)

// agent is what a user agent says.
type agent struct {
	device, os, browser string
	verdict
}

// The devices.
const (
	deviceDesktop = "desktop"
	deviceMobile  = "mobile"
	deviceTablet  = "tablet"
	deviceTV      = "tv"
	deviceBot     = "bot"
	deviceOther   = "other"
)

// tvMarks are parts of user agents of television sets and boxes, in lower case.
var tvMarks = []string{"smarttv", "smart-tv", "smart tv", "hbbtv", "appletv", "apple tv", "googletv", "google tv", "android tv",
	"bravia", "roku", "crkey", "web0s", "webos.tv", "; aft", "netcast", "tizen 2.4; tv", "viera", "shield android tv"}

// classify reads a user agent that is not in the cache.
func (c *crawlers) classify(ua string) agent {
	p := useragent.Parse(ua)
	lower := strings.ToLower(ua)
	a := agent{os: tidy(p.OS), verdict: judge(ua, lower, p.Bot || c.match(ua))}
	switch {
	case a.score >= botScore:
		a.device = deviceBot
	case containsAny(lower, tvMarks):
		a.device = deviceTV
	case strings.HasPrefix(lower, "dalvik/"): // an app on Android, which does not say on what
		a.device = deviceMobile
	case p.Tablet, p.OS == useragent.Android && !strings.Contains(lower, "mobile"):
		a.device = deviceTablet // Android says Mobile on telephones only
	case p.Mobile:
		a.device = deviceMobile
	case p.Desktop:
		a.device = deviceDesktop
	default:
		a.device = deviceOther
	}
	a.browser = tidy(p.Name)
	if a.device == deviceOther && p.Version == "" {
		a.browser = "" // the parser gives any text back as a name
	}
	return a
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// maxName is the length of the longest name of a browser or system; longer ones are no names.
const maxName = 32

// tidy returns a copy of a name, or Other: senders can put anything there, and reports group by it.
func tidy(name string) string {
	if len(name) > maxName {
		return "Other"
	}
	for i := range len(name) {
		switch b := name[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == ' ', b == '.', b == '-', b == '_', b == '!', b == '+':
		default:
			return "Other"
		}
	}
	return strings.Clone(name)
}
