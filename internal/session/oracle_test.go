package session_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/session"
	"weir/internal/testkit"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// made is an event of a test.
type made struct {
	At                 time.Time
	Type, Client, User string
	Site, Host, Path   string
	Country, Referrer  string
	Channel            string
	Bot                bool
	Partition, Row     int
	Offset             int
}

// oracle makes sessions of events in the plainest way: sort, walk, cut. It shares nothing with the SQL.
func oracle(events []made, timeout time.Duration) []string {
	byVisitor := map[string][]made{}
	for _, e := range events {
		v := e.Client
		if v == "" {
			v = e.User
		}
		if v != "" {
			byVisitor[e.Site+"\x00"+v] = append(byVisitor[e.Site+"\x00"+v], e)
		}
	}
	var out []string
	for key, list := range byVisitor {
		slices.SortFunc(list, func(a, b made) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Row, b.Row))
		})
		from := 0
		for i := range list {
			if i+1 == len(list) || list[i+1].At.Sub(list[i].At) > timeout {
				out = append(out, describe(key, list[from:i+1]))
				from = i + 1
			}
		}
	}
	slices.Sort(out)
	return out
}

func describe(key string, s []made) string {
	var entry, exit *made
	client, user, views, actions := "", "", 0, 0
	var pages []string
	paths, types := map[string]bool{}, map[string]bool{}
	for i := range s {
		e := &s[i]
		paths[e.Path], types[e.Type] = true, true
		if e.Type == "pageview" {
			views++
			pages = append(pages, e.Path)
			if entry == nil {
				entry = e
			}
			exit = e
		}
		switch e.Type {
		case "scroll", "engagement", "identify", "alias", "group":
		default:
			actions++
		}
		if e.Client != "" {
			client = e.Client
		}
		if e.User != "" {
			user = e.User
		}
	}
	if entry == nil {
		entry, exit = &made{}, &made{}
	}
	first, last, source := s[0], s[len(s)-1], made{}
	for _, e := range s {
		if e.Channel != "" {
			source = e
			break
		}
	}
	return strings.Join([]string{strings.Replace(key, "\x00", "|", 1), fmt.Sprint(first.At.UnixMilli()), fmt.Sprint(last.At.UnixMilli()), fmt.Sprint(len(s)), fmt.Sprint(views), fmt.Sprint(actions),
		client, user, entry.Host, entry.Path, exit.Host, exit.Path, source.Channel, source.Referrer, first.Country, fmt.Sprint(first.Bot)}, "|") + listsMark + strings.Join(slices.Sorted(slices.Values(pages)), ",") +
		" of " + strings.Join(slices.Sorted(maps.Keys(paths)), ",") + " with " + strings.Join(slices.Sorted(maps.Keys(types)), ",")
}

// listsMark stands before the lists in a line about a session.
const listsMark = " pages "

// withoutLists are the lines without the lists.
func withoutLists(lines []string) []string {
	var out []string
	for _, line := range lines {
		line, _, _ = strings.Cut(line, listsMark)
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

var checked = []string{"client_id", "user_id", "entry_host", "entry_path", "exit_host", "exit_path", "channel", "referrer_host", "country", "is_bot"}

// asked are the sessions as the engine makes them, in the form of describe.
func asked(t failer, c *clickhouse.Client, q session.Query) []string {
	t.Helper()
	q.Columns, q.Lists = checked, session.Lists()
	return askedSQL(t, c, q.SQL(), q.Growing, true)
}

// askedGrowing is asked of a query that reads one of the days, all of which stand in days, while it grows: site by site. anew is how many visitors were made anew, of those who have rows behind the day's.
func askedGrowing(t failer, c *clickhouse.Client, q session.Query, tenant string, from, to time.Time, days []session.Stitched, day session.Stitched, main, late uint64, sites ...string) (out []string, anew int, later bool) {
	t.Helper()
	for _, site := range sites {
		scope := []string{"%s.tenant = '" + tenant + "'", "%s.site_id = '" + site + "'"}
		g := &session.Growing{Day: day, Main: main, Late: late}
		if _, err := c.Rows(context.Background(), clickhouse.Statement{SQL: session.GrowingSQL(day, main, late, scope...)}, func(row []any) error {
			since, err := strconv.ParseInt(fmt.Sprint(row[1]), 10, 64)
			if err != nil {
				return err
			}
			begin, err := strconv.ParseInt(fmt.Sprint(row[2]), 10, 64)
			g.Read(row[0].(string), since, begin)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		q.Growing = g
		q.Within(from, to, days, scope...)
		out = append(out, asked(t, c, q)...)
		anew += len(g.Anew)
		later = later || g.Rows && len(g.Anew) == 0
	}
	slices.Sort(out)
	return out, anew, later
}

// askedTotalled is asked of a query without its totalled stretches, with what their totals are made of, and without what is outdated of that.
func askedTotalled(t failer, c *clickhouse.Client, q session.Query, tenant string, days []session.Stitched) []string {
	t.Helper()
	q.Columns, q.Lists = checked, session.Lists()
	out := asked(t, c, q)
	for _, s := range q.Totalled {
		inner := session.Query{Timeout: q.Timeout, Columns: checked, Inner: []string{"_s.tenant = '" + tenant + "'",
			fmt.Sprintf("_s.start_time >= fromUnixTimestamp64Milli(%d) AND _s.start_time < fromUnixTimestamp64Milli(%d)", s.From.UnixMilli(), s.To.UnixMilli())}}
		for _, d := range days {
			if !session.Start(d.Day).After(s.From) && s.From.Before(session.Start(d.Day+1)) {
				inner.Inner = append(inner.Inner, fmt.Sprintf("_s._version = %d", d.Version))
			}
		}
		out = append(out, asked(t, c, inner)...)
	}
	if sql := q.OutdatedSQL(); sql != "" {
		for _, gone := range askedSQL(t, c, sql, nil, true) {
			at := slices.Index(out, gone)
			if at < 0 {
				t.Fatal("outdated, but not in the totals: " + gone)
			}
			out = slices.Delete(out, at, at+1)
		}
	}
	slices.Sort(out)
	return out
}

// askedSeams is withoutLists of asked of a query that leaves to totals the days that are fresh, and the midnights between them, with what these are made of. open says whether it left out visitors; nil: there was no such midnight.
func askedSeams(t failer, c *clickhouse.Client, q session.Query, tenant string, from, to time.Time, days []session.Stitched, scope string) (out []string, open *bool) {
	t.Helper()
	q.Columns = checked
	days = slices.Clone(days)
	for i, d := range days {
		if d.Stale {
			continue
		}
		q.Totalled = append(q.Totalled, session.Span{From: session.Start(d.Day), To: session.Start(d.Day + 1)})
		inner := session.Query{Timeout: q.Timeout, Columns: checked, Inner: []string{"_s.tenant = '" + tenant + "'", fmt.Sprintf("_s._version = %d", d.Version)}}
		out = append(out, withoutLists(asked(t, c, inner))...)
		if i+1 == len(days) || days[i+1].Day != d.Day+1 || days[i+1].Stale {
			continue
		}
		left := 0
		if _, err := c.Rows(context.Background(), clickhouse.Statement{SQL: session.LeftOutSQL(tenant, d.Day, q.Timeout, d.Version, days[i+1].Version)}, func([]any) error { left++; return nil }); err != nil {
			t.Fatal(err)
		}
		days[i].Seam = session.Seam{Version: 1, Open: left > 0}
		q.Seams = append(q.Seams, d.Day)
		if open == nil {
			open = new(bool)
		}
		*open = *open || left > 0
		out = append(out, askedSQL(t, c, session.SeamSQL(tenant, d.Day, q.Timeout, d.Version, days[i+1].Version), nil, false)...)
	}
	q.Within(from, to, days, scope)
	out = append(out, withoutLists(asked(t, c, q))...)
	slices.Sort(out)
	return out, open
}

// storeSeams writes the sessions of the midnights between days that are not stale, and tells them by the days.
func storeSeams(t failer, c *clickhouse.Client, tenant string, timeout time.Duration, days []session.Stitched) []session.Stitched {
	t.Helper()
	days = slices.Clone(days)
	for i, d := range days {
		if d.Stale || i+1 == len(days) || days[i+1].Day != d.Day+1 || days[i+1].Stale {
			continue
		}
		left := 0
		if _, err := c.Rows(context.Background(), clickhouse.Statement{SQL: session.LeftOutSQL(tenant, d.Day, timeout, d.Version, days[i+1].Version)}, func([]any) error { left++; return nil }); err != nil {
			t.Fatal(err)
		}
		days[i].Seam = session.Seam{Version: d.Version + 1, Open: left > 0}
		run(t, c, session.WriteSeamSQL(tenant, d.Day, timeout, d.Version, days[i+1].Version, days[i].Seam.Version))
		run(t, c, session.WriteSeamSQL(tenant, d.Day, timeout, d.Version, days[i+1].Version, days[i].Seam.Version+1_000_000)) // a version that nobody reads
	}
	return days
}

func askedSQL(t failer, c *clickhouse.Client, from string, g *session.Growing, lists bool) []string {
	t.Helper()
	var out []string
	var params map[string]string
	if g != nil {
		params = g.Params(clickhouse.ArrayParam)
	}
	line := "concat_ws('|', site_id, visitor, toString(start_time), toString(end_time), toString(events), toString(pageviews), toString(actions), " + strings.Join(checked, ", ") + ")"
	if lists {
		of := func(list string) string { return "arrayStringConcat(arraySort(" + list + "), ',')" }
		line = "concat(" + line + ", '" + listsMark + "', " + of("pages") + ", ' of ', " + of("arrayDistinct(arrayConcat(pages, other_paths))") + ", ' with ', " + of("types") + ")"
	}
	sql := "SELECT " + line + " FROM (\n" + from + "\n)"
	if _, err := c.Rows(context.Background(), clickhouse.Statement{SQL: sql, Params: params}, func(row []any) error {
		out = append(out, row[0].(string))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func insert(t failer, c *clickhouse.Client, tenant string, writer, seq int, events []made) {
	t.Helper()
	if len(events) == 0 {
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, e := range events {
		if err := enc.Encode(map[string]any{"tenant": tenant, "site_id": e.Site, "ts": e.At.UTC().Format("2006-01-02 15:04:05.000"), "type": e.Type, "client_id": e.Client, "user_id": e.User,
			"host": e.Host, "path": e.Path, "country": e.Country, "channel": e.Channel, "referrer_host": e.Referrer, "is_bot": e.Bot, "_writer": writer, "_seq": seq, "_partition": e.Partition, "_offset": e.Offset, "_row": e.Row}); err != nil {
			t.Fatal(err)
		}
	}
	const cols = "tenant, site_id, ts, type, client_id, user_id, host, path, country, channel, referrer_host, is_bot, _writer, _seq, _partition, _offset, _row"
	if _, err := c.Insert(context.Background(), clickhouse.Statement{SQL: "INSERT INTO weir.events (" + cols + ") FORMAT JSONEachRow"}, &b); err != nil {
		t.Fatal(err)
	}
}

func run(t failer, c *clickhouse.Client, sql string) {
	t.Helper()
	if _, err := c.Exec(context.Background(), clickhouse.Statement{SQL: sql}); err != nil {
		t.Fatal(err)
	}
}

// drawEvents draws events that make sessions meet their edges: gaps about as long as the timeout, times near midnight, ties.
func drawEvents(t *rapid.T, timeout time.Duration) []made {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if rapid.IntRange(0, 9).Draw(t, "long ago") == 0 {
		start = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	pick := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
	var events []made
	n := rapid.IntRange(1, 120).Draw(t, "events")
	at := start
	for i := range n {
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0: // a tie
		case 1:
			at = at.Add(timeout)
		case 2:
			at = at.Add(timeout + time.Millisecond)
		case 3:
			at = start.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "day")) * 24 * time.Hour).Add(time.Duration(rapid.SampledFrom([]int{-1, 0, 1}).Draw(t, "ms")) * time.Millisecond)
		case 4:
			at = start.Add(time.Duration(rapid.Int64Range(0, int64(5*24*time.Hour)).Draw(t, "anywhere"))).Truncate(time.Millisecond)
		default:
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(timeout)).Draw(t, "gap"))).Truncate(time.Millisecond)
		}
		e := made{At: at, Type: pick("type", "pageview", "pageview", "click", "scroll", "identify", "group"), Site: pick("site", "site", "site", "two"), Host: "h.example",
			Path: pick("path", "/", "/a", "/b's", "/c|d"), Country: pick("country", "DE", "", "ÜÜ"), Bot: rapid.Bool().Draw(t, "bot"),
			Partition: rapid.IntRange(0, 3).Draw(t, "partition"), Offset: rapid.IntRange(0, 9).Draw(t, "offset"), Row: i}
		switch pick("url", "no", "opened", "linked") { // many visits begin with events without one
		case "opened":
			e.Channel = "direct"
		case "linked":
			e.Channel, e.Referrer = "referral", pick("referrer", "x.test", "y.test")
		}
		switch pick("who", "client", "client", "both", "user", "nobody") {
		case "client":
			e.Client = pick("client", "c1", "c2", "c'\\3\n")
		case "both":
			e.Client, e.User = pick("client", "c1", "c2", "c'\\3\n"), pick("user", "u1", "u2")
		case "user":
			e.User = pick("user", "u1", "c1") // one that is called like a client
		}
		events = append(events, e)
	}
	return events
}

// TestOracle compares the sessions that the engine makes with those of a simple program: from raw events, and from any choice of stitched days and raw events
// together.
func TestOracle(t *testing.T) {
	c := testkit.Engine(t)
	tenants, grown := 0, map[string]int{}
	check := func(t *rapid.T) {
		tenants++
		tenant := fmt.Sprint("oracle", tenants)
		timeout := rapid.SampledFrom([]time.Duration{session.MinTimeout, session.DefaultTimeout, 7*time.Hour + time.Second, 13 * time.Hour, session.MaxTimeout}).Draw(t, "timeout")
		events := drawEvents(t, timeout)
		shuffled := slices.Clone(events)
		if inOrder := rapid.Bool().Draw(t, "in order"); inOrder {
			slices.SortFunc(shuffled, func(a, b made) int { return a.At.Compare(b.At) })
		} else {
			shuffled = rapid.Permutation(events).Draw(t, "arrival")
		}
		cut := rapid.IntRange(0, len(shuffled)).Draw(t, "commit")
		from, to := span(events)
		scope := "%s.tenant = '" + tenant + "'"
		insert(t, c, tenant, 1, 7, shuffled[:cut])
		// Rows of an insert that is under way may stand in a version, and lie behind it.
		days := stitchSome(t, c, tenant, timeout, from, to, session.Stitched{Main: rapid.SampledFrom([]uint64{7, 7, 6}).Draw(t, "main"), Late: 3})
		late := rapid.IntRange(cut, len(shuffled)).Draw(t, "late")
		insert(t, c, tenant, 1, 8, shuffled[cut:late])
		insert(t, c, tenant, 2, 4, shuffled[late:])
		for k, e := range shuffled {
			for i := range days {
				days[i].Stale = days[i].Stale || (k >= cut || days[i].Main < 7) && days[i].Day == session.DayOf(e.At)
			}
		}
		want := oracle(events, timeout)
		q := session.Query{Timeout: timeout}
		for _, days := range [][]session.Stitched{nil, days} {
			q.Within(from, to, days, scope)
			if d := diff.Diff(want, asked(t, c, q)); d != "" {
				t.Fatalf("with stitched days %+v (-want +got):\n%s", days, d)
			}
		}
		for i, day := range days {
			got, anew, later := askedGrowing(t, c, q, tenant, from, to, days, day, 8, 4, sites...)
			if d := diff.Diff(want, got); d != "" {
				t.Fatalf("with stitched days %+v, while the %dth grows (-want +got):\n%s", days, i, d)
			}
			if anew > 0 {
				grown["anew"]++
			}
			if later {
				grown["all later"]++
			}
		}
		q.Totalled = drawTotalled(t, days)
		q.Within(from, to, days, scope)
		if d := diff.Diff(want, askedTotalled(t, c, q, tenant, days)); d != "" {
			t.Fatalf("with stitched days %+v, totalled %v (-want +got):\n%s", days, q.Totalled, d)
		}
		q.Totalled = nil
		for i, again := range stitchSome(t, c, tenant, timeout, from, to, session.Stitched{Version: 1000, Main: 8, Late: 4}) {
			if n := slices.IndexFunc(days, func(d session.Stitched) bool { return d.Day == again.Day }); n >= 0 {
				days[n] = again
			} else if i == 0 {
				days = slices.Insert(days, 0, again) // in order, unless there are earlier ones
				slices.SortFunc(days, func(a, b session.Stitched) int { return cmp.Compare(a.Day, b.Day) })
			}
		}
		q.Within(from, to, days, scope)
		if d := diff.Diff(want, asked(t, c, q)); d != "" {
			t.Fatalf("with days stitched again %+v (-want +got):\n%s", days, d)
		}
		got, open := askedSeams(t, c, q, tenant, from, to, days, scope)
		if d := diff.Diff(withoutLists(want), got); d != "" {
			t.Fatalf("with the midnights of days stitched again %+v (-want +got):\n%s", days, d)
		}
		if open != nil {
			grown[fmt.Sprint("midnights, open ", *open)]++
		}
		q.Within(from, to, storeSeams(t, c, tenant, timeout, days), scope)
		if d := diff.Diff(want, asked(t, c, q)); d != "" {
			t.Fatalf("with the sessions of the midnights of days stitched again %+v (-want +got):\n%s", days, d)
		}
		if strings.Contains(q.SQL(), session.SeamTable) {
			grown["joined"]++
		}
	}
	for rounds := 0; rounds == 0 || rounds < 20 && len(grown) < 5 && !testing.Short(); rounds++ { // rapid makes next to no checks with -short
		rapid.Check(t, check)
	}
	if t.Log("read while they grow:", grown); len(grown) < 5 && !testing.Short() {
		t.Error("too few days grew, or too few midnights were totalled")
	}
}

func span(events []made) (from, to time.Time) {
	from, to = events[0].At, events[0].At
	for _, e := range events {
		if e.At.Before(from) {
			from = e.At
		}
		if !e.At.Before(to) {
			to = e.At.Add(time.Millisecond)
		}
	}
	return from, to
}

// stitchSome stitches some of the days as they are now. Each day gets a version of its own, from that of like on.
func stitchSome(t *rapid.T, c *clickhouse.Client, tenant string, timeout time.Duration, from, to time.Time, like session.Stitched) (days []session.Stitched) {
	for day := session.DayOf(from); day <= session.DayOf(to); day++ {
		if rapid.Bool().Draw(t, "stitched") {
			d := like
			d.Day, d.Version = day, like.Version+uint64(10+day-session.DayOf(from))
			run(t, c, session.StitchSQL(tenant, day, timeout, d.Version))
			days = append(days, d)
		}
	}
	return days
}

// drawTotalled draws which hours of which days have totals that are read.
func drawTotalled(t *rapid.T, days []session.Stitched) (out []session.Span) {
	for _, d := range days {
		first := rapid.IntRange(0, 24).Draw(t, "first")
		last := rapid.IntRange(first, 24).Draw(t, "last")
		if first < last {
			out = append(out, session.Span{From: session.Start(d.Day).Add(time.Duration(first) * time.Hour), To: session.Start(d.Day).Add(time.Duration(last) * time.Hour)})
		}
	}
	return out
}

// sites are those of drawEvents.
var sites = []string{"site", "two"}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatal(...any)
}
