package report

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/rollup"
	"weir/internal/testkit"
)

// TestFirstYears asks about the oldest events that there can be, with the time before the range, which begins long before 1970: by rollup and by raw events the numbers are those of the events.
func TestFirstYears(t *testing.T) {
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, _writer, _seq)
SELECT 'ancient', 'site', addDays(toDateTime64('1970-01-01 00:00:00', 3, 'UTC'), number * 30), 'pageview', toString(number % 10), 1, 1 FROM numbers(40)`)
	r := rollup.All[0]
	testkit.Exec(t, c, strings.Replace(r.AdvanceSQL(1, 0, 1, nil), "WHERE", "WHERE tenant = 'ancient' AND", 1))
	from := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	q := Question{Tenant: "ancient", Site: "site", Metrics: []string{Events, Pageviews}, From: from, To: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Location: time.UTC, FirstDay: 1, Limit: 10}
	before := q
	before.From, before.To = q.From.Add(-q.To.Sub(q.From)), q.From // as compare=previous does
	for _, list := range [][]rollup.Rollup{{r}, {}} {
		rep := newReporter(t, c, clock{asOf: noon, positions: map[string]map[uint16]uint64{r.Name: {1: 1, 2: 0}}}, Config{Rollups: list})
		rep.counted = time.Now()
		for _, x := range []struct {
			q    Question
			want int
		}{{q, 27}, {before, 13}} {
			rows, err := rep.Answer(context.Background(), x.q)
			if err != nil {
				t.Errorf("%d rollups, from %s: %v", len(list), x.q.From, err)
				continue
			}
			if got := fmt.Sprint(rows[0].values[0], " ", rows[0].values[1]); got != fmt.Sprint(x.want, " ", x.want) {
				t.Errorf("%d rollups, from %s: %s events, want %d", len(list), x.q.From, got, x.want)
			}
		}
	}
}
