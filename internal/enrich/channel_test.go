package enrich

import (
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/event"
)

// TestChannel is the table that docs/ENRICHMENT.md tells.
func TestChannel(t *testing.T) {
	e := open(t, Config{})
	src := &catalog.Source{Tenant: "acme", SiteID: "s1", Hostnames: []string{"*.shop.example", "localhost:3000", "[2001:db8::a]:3000"}, Aliases: []string{"other-own.example", "G-123"}}
	for _, tt := range []struct{ query, referrer, want string }{
		// No referrer.
		{"", "", "direct"},
		{"?page=2", "", "direct"},
		// Own hosts.
		{"", "www.shop.example", "internal"},
		{"", "blog.shop.example", "internal"},
		{"", "shop.example", "internal"},
		{"", "www.other-own.example", "internal"},
		{"", "2001:db8::a", "internal"},
		{"", "2001:db8::b", "referral"},
		{"", "notshop.example", "referral"},
		{"", "shop.example.evil.example", "referral"},
		// Known sites.
		{"", "www.google.com", "search"},
		{"", "google.de", "search"},
		{"", "www.google.co.uk", "search"},
		{"", "google.evil", "referral"},
		{"", "www.google.com.evil.example", "referral"},
		{"", "docs.google.com", "referral"},
		{"", "gemini.google.com", "ai"},
		{"", "mail.google.com", "email"},
		{"", "scholar.google.fr", "search"},
		{"", "www.bing.com", "search"},
		{"", "de.bing.com", "search"},
		{"", "duckduckgo.com", "search"},
		{"", "search.brave.com", "search"},
		{"", "yandex.ru", "search"},
		{"", "com.google.android.googlequicksearchbox", "search"},
		{"", "l.facebook.com", "social"},
		{"", "www.facebook.com", "social"}, {"", "facebook.com", "social"}, {"", "lm.facebook.com", "social"},
		{"", "t.co", "social"},
		{"", "not.co", "referral"},
		{"", "old.reddit.com", "social"},
		{"", "news.ycombinator.com", "social"},
		{"", "www.youtube.com", "video"},
		{"", "m.youtube.com", "video"},
		{"", "vimeo.com", "video"},
		{"", "chatgpt.com", "ai"},
		{"", "www.perplexity.ai", "ai"},
		{"", "outlook.live.com", "email"},
		{"", "example.org", "referral"},
		{"", "localhost", "internal"},
		// utm_medium goes before everything.
		{"?utm_source=google&utm_medium=cpc", "www.google.com", "paid"},
		{"?utm_source=google&utm_medium=CPC", "", "paid"},
		{"?utm_medium=paid_social&utm_source=facebook", "l.facebook.com", "paid"},
		{"?utm_medium=display", "", "display"},
		{"?utm_medium=banner&gclid=1", "", "display"},
		{"?utm_medium=email", "www.shop.example", "email"},
		{"?utm_medium=e-mail", "", "email"},
		{"?utm_medium=social&utm_source=newsletter", "", "social"},
		{"?utm_medium=organic", "", "search"},
		{"?utm_medium=referral", "", "referral"},
		{"?utm_medium=video", "", "video"},
		// Then the click's identifier.
		{"?gclid=abc", "www.google.com", "paid"},
		{"?x=1&msclkid=abc", "", "paid"},
		{"?GCLID=abc", "", "paid"},
		{"?gclid=", "www.google.com", "search"},
		{"?dclid=abc", "", "display"},
		{"?fbclid=abc", "", "social"},
		{"?fbclid=abc&gclid=abc", "", "paid"},
		{"?gclid=abc&utm_source=newsletter", "", "paid"},
		{"?mc_eid=abc", "", "email"},
		// Then utm_source.
		{"?utm_source=newsletter", "", "email"},
		{"?utm_source=chatgpt.com", "", "ai"},
		{"?utm_source=www.google.de", "", "search"},
		{"?utm_source=Facebook", "example.org", "social"},
		// Then any campaign.
		{"?utm_source=partner", "www.google.com", "campaign"},
		{"?utm_campaign=spring", "", "campaign"},
		{"?utm_medium=" + strings.Repeat("x", 100), "", "campaign"},
		{"?utm_medium=affiliate", "", "campaign"},
		// A term or a content alone is no campaign.
		{"?utm_term=shoes&utm_content=top", "", "direct"},
		{"?utm_term=shoes", "www.google.com", "search"},
		// What is not decoded stands for nothing.
		{"?x=utm_medium=cpc", "", "direct"},
		{"#gclid=abc", "", "direct"},
	} {
		row := rowOf("https://www.shop.example/p"+tt.query, tt.referrer)
		e.Complete(src, row, nil)
		if row.Channel != tt.want {
			t.Errorf("%s from %q: %q, want %q", tt.query, tt.referrer, row.Channel, tt.want)
		}
	}
	row := event.Row{Type: []byte("job_done")}
	if e.Complete(src, &row, nil); row.Channel != "" {
		t.Errorf("an event without URL and referrer: %q", row.Channel)
	}
	row = event.Row{Type: []byte("job_done"), UTMTerm: []byte("shoes"), UTMContent: []byte("top")}
	if e.Complete(src, &row, nil); row.Channel != "" {
		t.Errorf("an event with a term and a content only: %q", row.Channel)
	}
}

// rowOf is a row as a door hands it over: with host, path and campaign split from the URL.
func rowOf(url, referrerHost string) *event.Row {
	r := &event.Row{Type: []byte("pageview"), URL: []byte(url)}
	if referrerHost != "" {
		r.Referrer, r.ReferrerHost = []byte("https://"+referrerHost+"/x?q=secret"), []byte(referrerHost)
	}
	rest := strings.TrimPrefix(url, "https://")
	rest, _, _ = strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		r.Host, r.Path = []byte(path[:i]), []byte(path[i:])
	}
	for _, p := range strings.Split(query, "&") {
		k, v, _ := strings.Cut(p, "=")
		switch k {
		case "utm_source":
			r.UTMSource = []byte(v)
		case "utm_medium":
			r.UTMMedium = []byte(v)
		case "utm_campaign":
			r.UTMCampaign = []byte(v)
		case "utm_term":
			r.UTMTerm = []byte(v)
		case "utm_content":
			r.UTMContent = []byte(v)
		}
	}
	return r
}

func TestReferrerLists(t *testing.T) {
	r, err := newReferrers(referrersMore, referrerList)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{channelSearch: true, channelSocial: true, channelEmail: true, channelVideo: true, channelAI: true}
	for _, m := range []map[string]string{r.exact, r.atEnd, r.atStart, r.sources} {
		for host, c := range m {
			if !known[c] || host == "" || strings.HasPrefix(host, "www.") || host != strings.ToLower(host) {
				t.Errorf("%q is %q", host, c)
			}
		}
	}
	if len(r.exact) < 700 || len(r.atEnd) < 10 || len(r.atStart) < 5 {
		t.Errorf("%d hosts, %d and %d with a country", len(r.exact), len(r.atEnd), len(r.atStart))
	}
	if _, err := newReferrers("search"); err == nil {
		t.Error("a line without a host was taken")
	}
}

func FuzzChannel(f *testing.F) {
	f.Add("?utm_source=a&gclid=1#x=1", "l.facebook.com", "cpc")
	f.Add("?&&=&=a", "....", "")
	e := open(f, Config{})
	src := &catalog.Source{Tenant: "acme", SiteID: "s1", Hostnames: []string{"*.shop.example"}}
	f.Fuzz(func(t *testing.T, query, host, medium string) {
		row := event.Row{URL: []byte("https://a.example/" + query), ReferrerHost: []byte(host), UTMMedium: []byte(medium)}
		e.Complete(src, &row, nil)
		if row.Channel == "" {
			t.Errorf("no channel for %q, %q, %q", query, host, medium)
		}
	})
}
