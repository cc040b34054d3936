// Package rowkit makes rows readable, for tests.
package rowkit

import (
	"time"

	"weir/internal/event"
)

// Flatten returns what is set of a row by the name of its column, times as text, properties as props.x and nums.x. A name that is there twice
// is the value of "twice".
func Flatten(r event.Row) map[string]any {
	m := map[string]any{"ts": text(r.TS)}
	for name, v := range map[string]string{"type": string(r.Type), "event_id": string(r.EventID), "client_id": string(r.ClientID), "user_id": string(r.UserID),
		"session_id": string(r.SessionID), "url": string(r.URL), "host": string(r.Host), "path": string(r.Path), "referrer": string(r.Referrer),
		"referrer_host": string(r.ReferrerHost), "utm_source": string(r.UTMSource), "utm_medium": string(r.UTMMedium), "utm_campaign": string(r.UTMCampaign),
		"utm_term": string(r.UTMTerm), "utm_content": string(r.UTMContent), "user_agent": string(r.UserAgent), "tenant": r.Tenant, "site_id": r.Site,
		"country": r.Country, "browser": r.Browser} {
		if v != "" {
			m[name] = v
		}
	}
	if r.ClientTS != 0 && r.ClientTS != r.TS {
		m["client_ts"] = text(r.ClientTS)
	}
	set := func(name string, v any) {
		if _, twice := m[name]; twice {
			m["twice"] = name
		}
		m[name] = v
	}
	for _, p := range r.Props {
		set("props."+string(p.Key), string(p.Value))
	}
	for _, n := range r.Nums {
		set("nums."+string(n.Key), n.Value)
	}
	return m
}

func text(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano) }
