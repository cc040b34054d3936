package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
)

// The windows of real time, back from now, by the time of the event.
const (
	activeWindow = 5 * time.Minute
	rateWindow   = 10 * time.Second
	pagesWindow  = time.Minute
	topPages     = 10
)

// Realtime is what happens right now on a site.
type Realtime struct {
	ActiveUsers  uint64  `json:"active_users" doc:"Different client ids of the last 5 minutes; null when client_id is hidden from the role."`
	EventsPerSec float64 `json:"events_per_sec" doc:"Events a second over the last 10 seconds."`
	TopPages     []Page  `json:"top_pages" doc:"The pages with the most page views of the last minute."`
	AsOf         string  `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
}

// Page is a page and its page views.
type Page struct {
	URL   string `json:"url"`
	Views uint64 `json:"views"`
}

// realtimeSQL reads the last minutes once. It stays cheap because of ts: the key holds its hour.
const realtimeSQL = `SELECT uniqIf(client_id, client_id != ''), countIf(ts > {rate:DateTime64(3, 'UTC')}),
  sumMapIf(map(if(url = '', concat(host, path), url), toUInt64(1)), type = 'pageview' AND ts > {pages:DateTime64(3, 'UTC')})
FROM ` + rollup.Events + `
WHERE tenant = {tenant:String} AND site_id = {site:String} AND ts > {active:DateTime64(3, 'UTC')} AND ts <= {now:DateTime64(3, 'UTC')}`

var realtimeShape = shapeOf(realtimeSQL)

// Now returns what happens on a site of a tenant.
func (r *Reporter) Now(ctx context.Context, tenant, site string) (Realtime, error) {
	return r.realtime(ctx, &tally{}, r.now(), tenant, site, BotsExclude)
}

func (r *Reporter) realtime(ctx context.Context, t *tally, now time.Time, tenant, site, bots string) (Realtime, error) {
	now = now.UTC()
	b := &builder{params: map[string]string{}}
	b.text("tenant", tenant)
	b.text("site", site)
	for name, back := range map[string]time.Duration{"now": 0, "rate": rateWindow, "pages": pagesWindow, "active": activeWindow} {
		b.time(name, now.Add(-back))
	}
	out := Realtime{TopPages: []Page{}, AsOf: formatTime(r.deps.Clock.Reached())}
	err := r.statement(ctx, t, clickhouse.Statement{SQL: realtimeSQL + botsCondition(bots), Params: b.params, Comment: "realtime/" + tenant}, func(row []any) error {
		if len(row) != 3 {
			return fmt.Errorf("realtime: the engine's row has %d columns, want 3", len(row))
		}
		var err error
		if out.ActiveUsers, err = unsigned(row[0]); err != nil {
			return err
		}
		n, err := unsigned(row[1])
		if err != nil {
			return err
		}
		out.EventsPerSec = float64(n) / rateWindow.Seconds()
		out.TopPages, err = pagesOf(row[2])
		return err
	})
	return out, err
}

func pagesOf(v any) ([]Page, error) {
	views, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("realtime: %T is not a map", v)
	}
	pages := make([]Page, 0, len(views))
	for url, n := range views {
		count, err := unsigned(n)
		if err != nil {
			return nil, err
		}
		pages = append(pages, Page{url, count})
	}
	slices.SortFunc(pages, func(a, b Page) int { return cmp.Or(cmp.Compare(b.Views, a.Views), cmp.Compare(a.URL, b.URL)) })
	return pages[:min(topPages, len(pages))], nil
}

// formatTime writes a time in UTC with milliseconds.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// retryAfter is a Retry-After header in whole seconds.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}
