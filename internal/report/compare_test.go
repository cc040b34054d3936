package report

import (
	"encoding/json"
	"testing"
	"time"

	"weir/internal/rollup"
	"weir/internal/testkit"
)

// TestComparesTheSameGroups: with groups, the time before is told of those that are shown, with the totals of all.
func TestComparesTheSameGroups(t *testing.T) {
	c := testkit.Engine(t)
	// By country: BB 4, AA 2 and DD 1 now; AA 5, CC 3 and BB 1 the day before. Of BB most are of another device now.
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, country, device, _writer, _seq)
SELECT 'same', 'site', toDateTime64('2026-03-01 10:00:00', 3, 'UTC') + d * 86400 + number, 'pageview', toString(number), c, v, 1, 1 FROM numbers(5)
ARRAY JOIN [0, 0, 0, 1, 1, 1, 1] AS d, ['AA', 'CC', 'BB', 'BB', 'BB', 'AA', 'DD'] AS c, [5, 3, 1, 3, 1, 2, 1] AS n, ['x', 'x', 'y', 'x', 'y', 'y', 'y'] AS v WHERE number < n`)
	rep := newReporter(t, c, clock{asOf: noon}, Config{Rollups: []rollup.Rollup{}})
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	country, device := Dim{Column: "country"}, Dim{Column: "device"}
	for _, w := range []struct {
		name    string
		q       Question
		totals  bool
		data    string
		before  string
		totals2 string
	}{
		{"few", Question{GroupBy: []Dim{country}, Limit: 2}, true, `[{"country":"BB","pageviews":4},{"country":"AA","pageviews":2}]`, `[{"country":"AA","pageviews":5},{"country":"BB","pageviews":1}]`, `{"pageviews":9}`},
		{"behind", Question{GroupBy: []Dim{country}, Limit: 2, Offset: 1}, true, `[{"country":"AA","pageviews":2},{"country":"DD","pageviews":1}]`, `[{"country":"AA","pageviews":5}]`, `{"pageviews":9}`},
		{"no totals", Question{GroupBy: []Dim{country}, Limit: 1}, false, `[{"country":"BB","pageviews":4}]`, `[{"country":"BB","pageviews":1}]`, ``},
		{"nothing", Question{GroupBy: []Dim{country}, Limit: 1, Offset: 9}, true, `[]`, `[]`, `{"pageviews":9}`},
		{"two columns", Question{GroupBy: []Dim{country, device}, Limit: 2}, true, `[{"country":"BB","device":"x","pageviews":3},{"country":"AA","device":"y","pageviews":2}]`, `[]`, `{"pageviews":9}`},
		{"days", Question{GroupBy: []Dim{country}, Limit: 1, Interval: Day}, true, `[{"time":"2026-03-02","country":"BB","pageviews":4}]`, `[{"time":"2026-03-01","country":"BB","pageviews":1}]`, `{"pageviews":9}`},
		{"no groups", Question{Limit: 1}, true, `[{"pageviews":7}]`, `[{"pageviews":9}]`, `{"pageviews":9}`},
	} {
		q := w.q
		q.Tenant, q.Site, q.Metrics, q.From, q.To, q.Location, q.FirstDay = "same", "site", []string{Pageviews}, from, from.AddDate(0, 0, 1), time.UTC, 1
		k, err := rep.answers(t.Context(), &tally{}, q, true, w.totals)
		if err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		var got struct {
			Data     json.RawMessage
			Previous struct{ Data, Totals json.RawMessage }
		}
		if err := json.Unmarshal([]byte(string(k.head)+string(k.tail)+"}"), &got); err != nil {
			t.Fatalf("%s: %v: %s%s", w.name, err, k.head, k.tail)
		}
		if string(got.Data) != w.data || string(got.Previous.Data) != w.before || string(got.Previous.Totals) != w.totals2 {
			t.Errorf("%s: %s, before %s of %s;\nwant %s, before %s of %s", w.name, got.Data, got.Previous.Data, got.Previous.Totals, w.data, w.before, w.totals2)
		}
	}
}
