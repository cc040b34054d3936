package report

import (
	"context"
	"fmt"
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
	ActiveUsers  uint64  `json:"active_users" doc:"Different visitors of the last 5 minutes (client ids, or user ids of events that have none); null when client_id is hidden from the role."`
	EventsPerSec float64 `json:"events_per_sec" doc:"Events a second over the last 10 seconds."`
	TopPages     []Page  `json:"top_pages" doc:"The pages with the most page views of the last minute."`
	AsOf         string  `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	Till         string  `json:"complete_until" doc:"Later events may still arrive for times after this."`
}

// Page is a page and its page views.
type Page struct {
	URL   string `json:"url"`
	Views uint64 `json:"views"`
}

// recent are the rows of the last minutes. ts keeps it cheap: the key holds its hour.
func recent(bots string) string {
	return "FROM " + rollup.Events + `
WHERE tenant = {tenant:String} AND site_id = {site:String} AND ts > {active:DateTime64(3, 'UTC')} AND ts <= {now:DateTime64(3, 'UTC')}` + botsCondition(bots)
}

// activeUsers is the number of different visitors.
var activeUsers = "uniqIf(" + visitorOfEvent + ", " + rollup.HasVisitor("") + ")"

// eventPage names the page of an event: its address without the query.
const eventPage = "if(url = '' OR host = '', if(url = '', concat(host, path), url), concat(substring(url, 1, position(url, '://') + 2), host, path))"

// most is the expression for the largest groups of the recent rows that meet a condition, as an array of pairs. Each list reads its own columns again: the maps of an aggregate
// function over all rows, whether the condition holds or not, cost more.
func most(name, n, condition string, lines int, bots string) string {
	return fmt.Sprintf("(SELECT groupArray((toString(name), n)) FROM (SELECT %s AS name, %s AS n %s AND %s GROUP BY name ORDER BY n DESC, name LIMIT %d))", name, n, recent(bots), condition, lines)
}

// realtimeSQL is the statement of real time.
func realtimeSQL(bots string) string {
	return `SELECT ` + activeUsers + `, countIf(ts > {rate:DateTime64(3, 'UTC')}),
  ` + most(eventPage, "count()", "type = 'pageview' AND ts > {pages:DateTime64(3, 'UTC')}", topPages, bots) + "\n" + recent(bots)
}

var realtimeShape = shapeOf(realtimeSQL(BotsInclude))

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
	err := r.statement(ctx, t, clickhouse.Statement{SQL: realtimeSQL(bots), Params: b.params, Comment: "realtime/" + tenant}, func(row []any) error {
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
	list, err := pairs(v)
	pages := make([]Page, 0, len(list))
	for _, p := range list {
		pages = append(pages, Page{p.name, p.n})
	}
	return pages, err
}

// formatTime writes a time in UTC with milliseconds.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// retryAfter is a Retry-After header in whole seconds.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}
