package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/tenant"
)

// The windows of the live view, back from now, by the time of the event.
const (
	liveSeries  = 30 * time.Minute
	liveLists   = 10 // lines of a list
	liveRecent  = 20 // events
	liveActive  = activeWindow
	viewsWindow = time.Minute
)

// Live is what happens on a site right now. Fields that rest on a column which is masked for the role are null or empty.
type Live struct {
	ActiveUsers     *uint64        `json:"active_users" doc:"Different visitors of the last 5 minutes: client ids, or user ids of events that have none."`
	EventsPerSec    float64        `json:"events_per_sec" doc:"Over the last 10 seconds."`
	PageviewsPerMin *uint64        `json:"pageviews_per_min" doc:"Of the last minute."`
	Series          []LiveMinute   `json:"series" doc:"The last 30 minutes, the current one included."`
	TopPages        []LivePage     `json:"top_pages" doc:"The pages with the most page views of the last 5 minutes."`
	Countries       []LiveCountry  `json:"countries" doc:"By client ids of the last 5 minutes."`
	Referrers       []LiveReferrer `json:"referrers" doc:"By client ids of the last 5 minutes, those without one left out."`
	Recent          []LiveEvent    `json:"recent" doc:"The last 20 events of the last 5 minutes, the latest first."`
	AsOf            string         `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	Till            string         `json:"complete_until" doc:"Later events may still arrive for times after this."`
}

// LiveMinute is a minute of the series.
type LiveMinute struct {
	Time      string  `json:"time"`
	Events    uint64  `json:"events"`
	Pageviews *uint64 `json:"pageviews"`
	Settling  bool    `json:"settling,omitempty" doc:"The minute ends after complete_until: its numbers still move."`
}

// LivePage is a page and its page views.
type LivePage struct {
	URL   string `json:"url"`
	Path  string `json:"path" doc:"The path of its events, as reports group and filter by it."`
	Views uint64 `json:"views"`
}

// LiveCountry is a country and its users.
type LiveCountry struct {
	Country string `json:"country"`
	Users   uint64 `json:"users"`
}

// LiveReferrer is a referring host and its users.
type LiveReferrer struct {
	Host  string `json:"referrer_host"`
	Users uint64 `json:"users"`
}

// LiveEvent is one of the last events.
type LiveEvent struct {
	TS      string  `json:"ts"`
	Type    string  `json:"type"`
	Path    *string `json:"path"`
	Country *string `json:"country"`
	Device  *string `json:"device"`
}

// liveSQL is the statement of a live view.
func liveSQL(bots string) string {
	return `SELECT ` + activeUsers + `, countIf(ts > {rate:DateTime64(3, 'UTC')}), countIf(type = 'pageview' AND ts > {views:DateTime64(3, 'UTC')}),
  ` + livePages(bots) + `,
  ` + most("country", "uniq("+visitorOfEvent+")", rollup.HasVisitor(""), liveLists, bots) + `,
  ` + most("referrer_host", "uniq("+visitorOfEvent+")", rollup.HasVisitor("")+" AND referrer_host != '' AND referrer_host != host", liveLists, bots) + `,
  (SELECT groupArray((back, what, path, c, d)) FROM (SELECT -toUnixTimestamp64Milli(ts) AS back, toString(type) AS what, path, toString(country) AS c, toString(device) AS d
` + recent(bots) + ` ORDER BY back, what, path, c, d LIMIT ` + strconv.Itoa(liveRecent) + `))
` + recent(bots)
}

// livePages is the expression for the largest pages, as most, each with the path that its events have.
func livePages(bots string) string {
	return fmt.Sprintf("(SELECT groupArray((name, path, n)) FROM (SELECT %s AS name, path, count() AS n %s AND type = 'pageview' GROUP BY name, path ORDER BY n DESC, name, path LIMIT %d))", eventPage, recent(bots), liveLists)
}

var liveShape = shapeOf(liveSQL(BotsInclude))

var liveColumns = []string{"tenant", "site_id", "ts", "type", "client_id", "user_id", "url", "host", "path", "country", "device", "referrer_host", "is_bot"}

// liveOf asks what happens on a site at now, and leaves out what is hidden. Minutes that end after till are settling.
func (r *Reporter) liveOf(ctx context.Context, t *tally, now, till time.Time, src catalog.Source, bots string, hide hiding) (*Live, error) {
	b := &builder{params: map[string]string{}}
	b.text("tenant", string(src.Tenant))
	b.text("site", src.SiteID)
	for name, back := range map[string]time.Duration{"now": 0, "rate": rateWindow, "views": viewsWindow, "active": liveActive} {
		b.time(name, now.Add(-back))
	}
	x := &Live{}
	st := clickhouse.Statement{SQL: liveSQL(bots), Params: b.params, Comment: "live/" + string(src.Tenant)}
	if err := r.statement(ctx, t, st, func(row []any) error { return x.read(row, hide) }); err != nil {
		return nil, err
	}
	// The minutes come from the rollup of minutes: half an hour of raw events is much, once a second.
	first := now.Add(-1).Truncate(time.Minute).Add(time.Minute - liveSeries)
	q := Question{Tenant: string(src.Tenant), Site: src.SiteID, Metrics: []string{Events, Pageviews}, From: first, To: now, Interval: Minute, Location: time.UTC, FirstDay: 1, Bots: bots, Limit: 1}
	if hide.typ {
		q.Metrics = q.Metrics[:1]
	}
	minutes, err := r.answerEvents(ctx, t, q)
	if err != nil {
		return nil, err
	}
	ends := q.ends()
	for _, row := range minutes.rows {
		m := LiveMinute{Time: fmt.Sprint(row.values[0]), Events: countOf(row.values[1])}
		m.Settling = ends[m.Time].After(till)
		if !hide.typ {
			n := countOf(row.values[2])
			m.Pageviews = &n
		}
		x.Series = append(x.Series, m)
	}
	return x, nil
}

// hiding is what is not shown to a role.
type hiding struct{ users, pages, paths, countries, referrers, devices, typ, times bool }

// hidingOf is what masks hide from the principal.
func (r *Reporter) hidingOf(who tenant.Principal) hiding {
	masked := func(columns ...string) bool {
		q := Question{}
		for _, c := range columns {
			q.GroupBy = append(q.GroupBy, Dim{Column: c})
		}
		return r.masked(who, q) != nil
	}
	return hiding{users: r.masked(who, Question{Metrics: []string{Visitors}}) != nil, pages: masked("url", "host", "path"), paths: masked("path"),
		countries: masked("country"), referrers: masked("referrer_host"), devices: masked("device"), typ: masked("type"), times: masked("ts")}
}

func (x *Live) read(row []any, hide hiding) error {
	if len(row) != 7 {
		return fmt.Errorf("live: the engine's row has %d columns, want 7", len(row))
	}
	var counts [3]uint64
	for i := range counts {
		n, err := unsigned(row[i])
		if err != nil {
			return fmt.Errorf("live: %w", err)
		}
		counts[i] = n
	}
	x.EventsPerSec = float64(counts[1]) / rateWindow.Seconds()
	if !hide.users {
		x.ActiveUsers = &counts[0]
	}
	if !hide.typ {
		x.PageviewsPerMin = &counts[2]
	}
	x.TopPages, x.Countries, x.Referrers, x.Recent = []LivePage{}, []LiveCountry{}, []LiveReferrer{}, []LiveEvent{}
	if !hide.pages && !hide.typ {
		pages, err := livePagesOf(row[3])
		if err != nil {
			return err
		}
		x.TopPages = pages
	}
	for i, l := range []struct {
		hidden bool
		add    func(name string, n uint64)
	}{
		{hide.countries || hide.users, func(name string, n uint64) { x.Countries = append(x.Countries, LiveCountry{name, n}) }},
		{hide.referrers || hide.users, func(name string, n uint64) { x.Referrers = append(x.Referrers, LiveReferrer{name, n}) }},
	} {
		list, err := pairs(row[4+i])
		if err != nil {
			return err
		}
		for _, p := range list {
			if !l.hidden {
				l.add(p.name, p.n)
			}
		}
	}
	if hide.typ || hide.times {
		return nil
	}
	return x.readRecent(row[6], hide)
}

func livePagesOf(v any) ([]LivePage, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("live: %T is no list of pages", v)
	}
	pages := make([]LivePage, 0, len(list))
	for _, e := range list {
		f, ok := e.([]any)
		if !ok || len(f) != 3 {
			return nil, fmt.Errorf("live: %v is no page", e)
		}
		name, _ := f[0].(string)
		path, _ := f[1].(string)
		n, err := unsigned(f[2])
		if err != nil {
			return nil, fmt.Errorf("live: %w", err)
		}
		pages = append(pages, LivePage{URL: name, Path: path, Views: n})
	}
	return pages, nil
}

func (x *Live) readRecent(v any, hide hiding) error {
	events, ok := v.([]any)
	if !ok {
		return fmt.Errorf("live: %T is no list of events", v)
	}
	shown := func(v any, hidden bool) *string {
		s, ok := v.(string)
		if hidden || !ok {
			return nil
		}
		return &s
	}
	for _, e := range events {
		f, ok := e.([]any)
		if !ok || len(f) != 5 {
			return fmt.Errorf("live: %v is no event", e)
		}
		ms, err := strconv.ParseInt(fmt.Sprint(f[0]), 10, 64)
		if err != nil {
			return fmt.Errorf("live: %w", err)
		}
		typ, _ := f[1].(string)
		x.Recent = append(x.Recent, LiveEvent{TS: formatTime(time.UnixMilli(-ms)), Type: typ, Path: shown(f[2], hide.paths), Country: shown(f[3], hide.countries), Device: shown(f[4], hide.devices)})
	}
	return nil
}

type named struct {
	name string
	n    uint64
}

func pairs(v any) ([]named, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("live: %T is no list", v)
	}
	var out []named
	for _, e := range list {
		f, ok := e.([]any)
		if !ok || len(f) != 2 {
			return nil, fmt.Errorf("live: %v is no pair", e)
		}
		name, _ := f[0].(string)
		n, err := unsigned(f[1])
		if err != nil {
			return nil, fmt.Errorf("live: %w", err)
		}
		out = append(out, named{name, n})
	}
	return slices.Clip(out), nil
}

// write writes the answer up to its times.
func (x *Live) write() ([]byte, error) {
	b, err := json.Marshal(struct {
		*Live
		AsOf *string `json:"as_of,omitempty"` // serve writes both
		Till *string `json:"complete_until,omitempty"`
	}{Live: x})
	if err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	return b[:len(b)-1], nil
}
