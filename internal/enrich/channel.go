package enrich

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"weir/internal/catalog"
	"weir/internal/event"
)

//go:embed referrers.txt
var referrerList string

//go:embed referrers-more.txt
var referrersMore string

// The channels: where a visit came from.
const (
	channelDirect   = "direct"   // a URL was opened and nothing says from where
	channelInternal = "internal" // from a page of the same site
	channelSearch   = "search"
	channelSocial   = "social"
	channelEmail    = "email"
	channelPaid     = "paid" // an advertisement that was clicked
	channelDisplay  = "display"
	channelVideo    = "video"
	channelAI       = "ai" // an assistant's answer
	channelReferral = "referral"
	channelCampaign = "campaign" // marked with utm_*, and not one of the others
)

// mediums are the channels that a value of utm_medium means. Values that begin with "paid" are channelPaid, too.
var mediums = map[string]string{
	"cpc": channelPaid, "ppc": channelPaid, "cpa": channelPaid, "cpp": channelPaid, "cpv": channelPaid, "cpl": channelPaid, "sem": channelPaid, "retargeting": channelPaid, "remarketing": channelPaid,
	"display": channelDisplay, "banner": channelDisplay, "cpm": channelDisplay, "expandable": channelDisplay, "interstitial": channelDisplay, "programmatic": channelDisplay,
	"email": channelEmail, "e-mail": channelEmail, "e_mail": channelEmail, "e mail": channelEmail, "mail": channelEmail, "newsletter": channelEmail,
	"social": channelSocial, "social-network": channelSocial, "social-media": channelSocial, "social_network": channelSocial, "social_media": channelSocial, "social network": channelSocial,
	"social media": channelSocial, "sm": channelSocial, "organic_social": channelSocial, "organic-social": channelSocial,
	"organic": channelSearch, "seo": channelSearch, "video": channelVideo, "ai": channelAI, "llm": channelAI, "referral": channelReferral, "link": channelReferral,
}

// clickIDs are the channels that a parameter of a URL means, set by who sells or sends the link. fbclid and igshid stand on every
// link of their networks, paid or not, so they mean no more than the network.
var clickIDs = map[string]string{
	"gclid": channelPaid, "gbraid": channelPaid, "wbraid": channelPaid, "msclkid": channelPaid, "yclid": channelPaid, "ttclid": channelPaid, "twclid": channelPaid,
	"li_fat_id": channelPaid, "rdt_cid": channelPaid, "epik": channelPaid, "sccid": channelPaid, "gad_source": channelPaid, "dclid": channelDisplay,
	"mc_eid": channelEmail, "mc_cid": channelEmail, "_hsenc": channelEmail, "mkt_tok": channelEmail, "fbclid": channelSocial, "igshid": channelSocial, "igsh": channelSocial,
}

// referrers tells what kind of site a host is. Its maps are only read.
type referrers struct {
	exact   map[string]string // by host without www.
	atEnd   map[string]string // by what stands before .{}: google
	atStart map[string]string // by what stands behind {}.: bing.com
	sources map[string]string // by utm_source
}

func newReferrers(lists ...string) (*referrers, error) {
	r := &referrers{exact: map[string]string{}, atEnd: map[string]string{}, atStart: map[string]string{}, sources: map[string]string{}}
	set := func(m map[string]string, key, channel string) {
		if _, taken := m[key]; !taken { // the first list goes before
			m[key] = channel
		}
	}
	for _, list := range lists {
		for line := range strings.Lines(list) {
			f := strings.Fields(line)
			switch {
			case len(f) == 0 || f[0][0] == '#':
			case len(f) == 3 && f[0] == "source":
				set(r.sources, f[2], f[1])
			case len(f) != 2:
				return nil, fmt.Errorf("line %q of the list of referrers is no channel and host", line)
			case strings.HasSuffix(f[1], ".{}"):
				set(r.atEnd, strings.TrimSuffix(f[1], ".{}"), f[0])
			case strings.HasPrefix(f[1], "{}."):
				set(r.atStart, strings.TrimPrefix(f[1], "{}."), f[0])
			case !strings.Contains(f[1], "{}"):
				set(r.exact, f[1], f[0])
			}
		}
	}
	return r, nil
}

// of returns the channel of a host in lower case without www., or "". Sites below one of the list are of its kind, but for search
// engines: their other services are none.
func (r *referrers) of(host []byte) string {
	if c := r.exact[string(host)]; c != "" {
		return c
	}
	if i := countryAt(host); i > 0 {
		if c := r.atEnd[string(host[:i])]; c != "" {
			return c
		}
	}
	i := bytes.IndexByte(host, '.')
	if i == 2 || i == 3 {
		if c := r.atStart[string(host[i+1:])]; c != "" {
			return c
		}
	}
	for ; i >= 0; i = bytes.IndexByte(host, '.') {
		host = host[i+1:]
		if c := r.exact[string(host)]; c != "" && c != channelSearch {
			return c
		}
	}
	return ""
}

// countryAt is where the country's ending of a host begins, with its dot: .de, .co.uk; 0 if there is none.
func countryAt(host []byte) int {
	i := bytes.LastIndexByte(host, '.')
	if i < 0 || len(host)-i != 3 {
		return 0
	}
	if j := bytes.LastIndexByte(host[:i], '.'); j > 0 {
		switch string(host[j+1 : i]) {
		case "com", "org", "net", "co", "it", "edu":
			return j
		}
	}
	return i
}

// maxWord is the longest value of utm_source and utm_medium that is looked up.
const maxWord = 48

// lower is a short text in lower case, in buf; nil if it is empty or long.
func lower(buf *[maxWord]byte, s []byte) []byte {
	if len(s) > maxWord {
		return nil
	}
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(s)]
}

var www = []byte("www.")

// channel says where the visit of an event came from; click is what the identifiers in the URL's query mean. In this order:
// utm_medium, click, utm_source, any other of these and utm_campaign, then the referrer: internal, known, referral; else direct. An event
// with neither URL, referrer nor campaign has no channel: utm_term and utm_content tell links of a campaign apart, and are none by themselves.
func (r *referrers) channel(row *event.Row, click string, hosts *ownHosts) string {
	var buf [maxWord]byte
	if m := lower(&buf, row.UTMMedium); len(m) > 0 {
		if c := mediums[string(m)]; c != "" {
			return c
		}
		if bytes.HasPrefix(m, []byte("paid")) {
			return channelPaid
		}
	}
	if click != "" {
		return click
	}
	if s := lower(&buf, row.UTMSource); len(s) > 0 {
		if c := r.sources[string(s)]; c != "" {
			return c
		}
		if bytes.IndexByte(s, '.') > 0 {
			if c := r.of(bytes.TrimPrefix(s, www)); c != "" {
				return c
			}
		}
	}
	if len(row.UTMMedium)+len(row.UTMSource)+len(row.UTMCampaign) > 0 {
		return channelCampaign
	}
	host := bytes.TrimPrefix(row.ReferrerHost, www)
	if len(host) == 0 {
		if len(row.URL) == 0 {
			return ""
		}
		return channelDirect
	}
	if bytes.Equal(host, bytes.TrimPrefix(row.Host, www)) || hosts.has(row.ReferrerHost) {
		return channelInternal
	}
	if c := r.of(host); c != "" {
		return c
	}
	return channelReferral
}

// ownHosts are the hosts of a source: those that it is restricted to, and aliases that are hosts.
type ownHosts struct {
	exact    map[string]bool
	suffixes []string // with their dot
}

func newOwnHosts(hostnames, aliases []string) *ownHosts {
	h := &ownHosts{exact: map[string]bool{}}
	for i, name := range slices.Concat(hostnames, aliases) {
		name = strings.ToLower(name)
		if suffix, ok := strings.CutPrefix(name, "*"); ok && len(suffix) > 1 && suffix[0] == '.' {
			h.suffixes = append(h.suffixes, suffix)
		} else if i < len(hostnames) || strings.Contains(name, ".") { // other aliases are no hosts
			h.exact[strings.TrimPrefix(catalog.HostOf(name), "www.")] = true
		}
	}
	return h
}

func (h *ownHosts) has(host []byte) bool {
	if h == nil {
		return false
	}
	if h.exact[string(bytes.TrimPrefix(host, www))] {
		return true
	}
	for _, s := range h.suffixes {
		if string(host) == s[1:] || len(host) > len(s) && string(host[len(host)-len(s):]) == s {
			return true
		}
	}
	return false
}
