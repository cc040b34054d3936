package session_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/session"
	"weir/internal/testkit"
)

// TestSourceOfVisit: a visit came from where its first event with a channel says, however its runs were cut and in whatever order its events came.
func TestSourceOfVisit(t *testing.T) {
	h := newHistory(t, "source")
	midnight := h.now.Truncate(24 * time.Hour)
	n := 0
	at := func(client string, minute int, channel, referrer string) made {
		n++
		return made{At: midnight.Add(time.Duration(minute) * time.Minute), Site: "site", Type: "pageview", Client: client, Channel: channel, Referrer: referrer, Offset: n}
	}
	none := func(client string, minute int) made {
		e := at(client, minute, "", "")
		e.Type = "order_created"
		return e
	}
	sources := func() (out []string) {
		from, to := midnight.AddDate(0, 0, -2), midnight.AddDate(0, 0, 1)
		q := session.Query{Timeout: h.timeout, Columns: []string{"referrer_host"}} // what decides is not among the columns
		days := h.s.Stitched("source", session.DayOf(from), session.DayOf(to), h.timeout)
		q.Within(from, to, days, "%s.tenant = 'source'")
		for _, s := range testkit.Rows(t, h.c, "SELECT concat(visitor, ' ', toString(events), ' ', referrer_host) FROM (\n"+q.SQL()+"\n)") {
			out = append(out, strings.TrimSpace(s))
		}
		slices.Sort(out)
		return out
	}
	want := func(what string, want ...string) {
		t.Helper()
		if got := sources(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		h.check(what)
	}
	h.commit(1, none("server", -300), at("server", -299, "referral", "a.test"), at("server", -298, "internal", "own.test"),
		none("long", -400), none("long", -375), at("long", -350, "direct", ""), at("long", -325, "referral", "late.test"), // a URL that was opened is a source
		none("app", -200), none("app", -199),
		none("midnight", -2), at("midnight", 2, "referral", "b.test"))
	first := []string{"app 2", "long 4", "midnight 2 b.test", "server 3 a.test"}
	want("of events", first...)
	h.pass()
	if days := h.s.Stitched("source", session.DayOf(midnight)-1, session.DayOf(midnight), h.timeout); len(days) == 0 {
		t.Fatal("nothing is stitched")
	}
	want("stitched", first...)
	h.commit(2, none("app", -210), at("app", -180, "referral", "c.test"), // behind what was stitched
		none("server", -320),                         // before it
		at("midnight", -20, "search", "search.test")) // before it, and says from where
	late := []string{"app 4 c.test", "long 4", "midnight 3 search.test", "server 4 a.test"}
	want("with late events", late...)
	h.now = h.now.Add(2 * time.Hour)
	h.pass()
	want("stitched again", late...)
}
