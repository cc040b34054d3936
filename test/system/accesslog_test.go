//go:build system

package system

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/demo"
	"weir/internal/importer"
	"weir/test/system/harness"
)

// request is a line of the log as it is stored.
type request struct {
	at                 time.Time
	kind, client, path string
	bot                bool
	place              [3]uint64 // partition, offset, row
}

// importLog imports the access log that WEIR_ACCESS_LOG names, else the bundled sample, and reads what is stored.
func importLog(t *testing.T, srv *harness.Server, tenant harness.Tenant) []request {
	t.Helper()
	log := demo.Sample()
	if name := os.Getenv("WEIR_ACCESS_LOG"); name != "" {
		var err error
		if log, err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := importer.Run(t.Context(), importer.Options{Client: srv.Client(tenant.WriteKey), SiteID: tenant.SiteID, Format: importer.Combined, BaseURL: "http://www.example.com",
		Inputs: []importer.Input{{Name: "log", Open: func() (io.ReadCloser, int64, error) { return io.NopCloser(bytes.NewReader(log)), int64(len(log)), nil }}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	storedTimes(t, srv, tenant) // waits
	engine, err := clickhouse.New("unix://" + srv.Dir() + "/engine/engine.sock")
	if err != nil {
		t.Fatal(err)
	}
	var events []request
	if _, err := engine.Rows(t.Context(), clickhouse.Statement{SQL: "SELECT toString(toUnixTimestamp64Milli(ts)), type, client_id, path, toString(is_bot), toString(_partition), toString(_offset), toString(_row) FROM weir.events WHERE tenant = '" +
		tenant.ID + "'"}, func(row []any) error {
		e := request{kind: row[1].(string), client: row[2].(string), path: row[3].(string), bot: row[4] == "true"}
		var ms int64
		if _, err := fmt.Sscan(fmt.Sprint(row[0], " ", row[5], " ", row[6], " ", row[7]), &ms, &e.place[0], &e.place[1], &e.place[2]); err != nil {
			return err
		}
		e.at = time.UnixMilli(ms).UTC()
		events = append(events, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(events, func(a, b request) int { return cmp.Or(a.at.Compare(b.at), slices.Compare(a.place[:], b.place[:])) })
	if len(events) < 4000 {
		t.Fatalf("%d events are stored: %+v", len(events), sum)
	}
	return events
}

// byClient are the events of each client, in order.
func byClient(events []request) map[string][]request {
	by := map[string][]request{}
	for _, e := range events {
		by[e.client] = append(by[e.client], e)
	}
	return by
}

// people are the events of those who are no robots.
func people(events []request) []request {
	return slices.DeleteFunc(slices.Clone(events), func(e request) bool { return e.bot })
}

// TestAccessLog imports a real access log and compares what the API says of sessions, funnels, retention and paths with what simple programs say of the same lines.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tenant, err := srv.NewTenant(t.Context(), "log")
	if err != nil {
		t.Fatal(err)
	}
	events := importLog(t, srv, tenant)
	first, last := events[0].at.Truncate(24*time.Hour), events[len(events)-1].at.Truncate(24*time.Hour)
	s := site{t: t, srv: srv, tenant: tenant, ranged: url.Values{"from": {first.Format(time.DateOnly)}, "to": {last.Format(time.DateOnly)}}}
	bots := len(events) - len(people(events))
	t.Logf("%d events of %d clients, %d of robots, %s to %s", len(events), len(byClient(events)), bots, first.Format(time.DateOnly), last.Format(time.DateOnly))
	if bots == 0 {
		t.Error("nothing is of robots")
	}
	t.Run("sessions", func(t *testing.T) { s.on(t).logSessions(events) })
	t.Run("funnels", func(t *testing.T) { s.on(t).logFunnels(people(events)) })
	t.Run("retention", func(t *testing.T) { s.on(t).logRetention(people(events), first, last) })
	t.Run("paths", func(t *testing.T) { s.on(t).logPaths(people(events)) })
}

func (s site) on(t *testing.T) site {
	s.t = t
	return s
}

func (s site) post(path string, body map[string]any, out any) {
	s.t.Helper()
	for name, v := range s.ranged {
		body[name] = v[0]
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := s.srv.Client(s.tenant.Analyst).Do(ctx, http.MethodPost, "/api/v1/analytics/"+s.tenant.SiteID+path, body, out); err != nil {
		s.t.Fatal(err)
	}
}

// logSessions compares the list, and the metrics by day.
func (s site) logSessions(events []request) {
	type day struct {
		sessions, bounces, views int
		seconds                  float64
	}
	days := map[string]*day{}
	var want []string
	for visitor, all := range byClient(events) {
		for from, i := 0, 0; i < len(all); i++ {
			if i+1 < len(all) && all[i+1].at.Sub(all[i].at) <= 30*time.Minute {
				continue
			}
			one := all[from : i+1]
			from = i + 1
			if one[0].bot {
				continue
			}
			views, entry, exit := 0, "", ""
			for _, e := range one {
				if e.kind == "pageview" {
					if views++; views == 1 {
						entry = e.path
					}
					exit = e.path
				}
			}
			end := one[len(one)-1].at
			want = append(want, fmt.Sprintf("%s %d-%d %d events %d views bounce %v %s>%s", visitor, one[0].at.UnixMilli(), end.UnixMilli(), len(one), views, len(one) == 1, entry, exit))
			d := days[one[0].at.Format(time.DateOnly)]
			if d == nil {
				d = &day{}
				days[one[0].at.Format(time.DateOnly)] = d
			}
			d.sessions++
			d.views += views
			d.seconds += end.Sub(one[0].at).Seconds()
			if len(one) == 1 {
				d.bounces++
			}
		}
	}
	slices.Sort(want)
	same(s.t, "sessions", s.sessions(), want)
	var report struct {
		Data []struct {
			Time     string
			Sessions int
			Bounce   float64 `json:"bounce_rate"`
			Duration float64 `json:"session_duration"`
			Views    float64 `json:"views_per_session"`
		}
	}
	s.get("/report", url.Values{"metric": {"sessions,bounce_rate,session_duration,views_per_session"}, "interval": {"day"}}, &report)
	var got, metrics []string
	for _, r := range report.Data {
		if r.Sessions > 0 {
			got = append(got, fmt.Sprintf("%s %d %.6f %.3f %.6f", r.Time, r.Sessions, r.Bounce, r.Duration, r.Views))
		}
	}
	for date, d := range days {
		n := float64(d.sessions)
		metrics = append(metrics, fmt.Sprintf("%s %d %.6f %.3f %.6f", date, d.sessions, float64(d.bounces)/n, d.seconds/n, float64(d.views)/n))
	}
	slices.Sort(metrics)
	same(s.t, "sessions by day", got, metrics)
}

// goesThrough is how many of the steps a client does in order within the window: from each event of the first step on, each next one as soon as it comes.
func goesThrough(all []request, steps []func(request) bool, window time.Duration) int {
	best := 0
	for i, begin := range all {
		if !steps[0](begin) {
			continue
		}
		n := 1
		for _, e := range all[i+1:] {
			if n < len(steps) && e.at.Sub(begin.at) <= window && steps[n](e) {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}

func (s site) logFunnels(events []request) {
	seen := map[string]int{}
	for _, e := range events {
		if e.kind == "pageview" {
			seen[e.path]++
		}
	}
	pages := slices.SortedFunc(func(yield func(string) bool) {
		for p := range seen {
			if !yield(p) {
				return
			}
		}
	}, func(a, b string) int { return cmp.Or(seen[b]-seen[a], strings.Compare(a, b)) })
	pages = slices.DeleteFunc(pages, func(p string) bool { return strings.ContainsAny(p, `|\~`) })
	view := func(e request) bool { return e.kind == "pageview" }
	anything := map[string]any{"type": "pageview"}
	page := func(p string) map[string]any {
		return map[string]any{"type": "pageview", "filter": []string{"path:" + p}}
	}
	of := func(p string) func(request) bool {
		return func(e request) bool { return e.kind == "pageview" && e.path == p }
	}
	many := func(n int) (asks []map[string]any, steps []func(request) bool) {
		for range n {
			asks, steps = append(asks, anything), append(steps, view)
		}
		return asks, steps
	}
	sixteen, sixteenViews := many(16)
	for name, c := range map[string]struct {
		window string
		length time.Duration
		asks   []map[string]any
		steps  []func(request) bool
	}{
		"two pages":              {"24h", 24 * time.Hour, []map[string]any{page(pages[0]), page(pages[1])}, []func(request) bool{of(pages[0]), of(pages[1])}},
		"three pages":            {"96h", 96 * time.Hour, []map[string]any{page(pages[1]), page(pages[0]), page(pages[2])}, []func(request) bool{of(pages[1]), of(pages[0]), of(pages[2])}},
		"in ten seconds":         {"10s", 10 * time.Second, []map[string]any{page(pages[0]), anything, anything}, []func(request) bool{of(pages[0]), view, view}},
		"one page again":         {"24h", 24 * time.Hour, []map[string]any{page(pages[0]), page(pages[0]), page(pages[0])}, []func(request) bool{of(pages[0]), of(pages[0]), of(pages[0])}},
		"sixteen views, an hour": {"1h", time.Hour, sixteen, sixteenViews},
	} {
		counts := make([]int, len(c.steps))
		for _, all := range byClient(events) {
			for i := range goesThrough(all, c.steps, c.length) {
				counts[i]++
			}
		}
		var answer struct {
			Steps []struct{ Count, Dropped int }
		}
		s.post("/funnel", map[string]any{"window": c.window, "steps": c.asks}, &answer)
		var got []int
		for i, step := range answer.Steps {
			got = append(got, step.Count)
			if i > 0 && step.Dropped != answer.Steps[i-1].Count-step.Count {
				s.t.Errorf("%s: %d dropped at step %d of %v", name, step.Dropped, i+1, answer.Steps)
			}
		}
		if !slices.Equal(got, counts) {
			s.t.Errorf("%s: %v, want %v", name, got, counts)
		}
		if counts[0] == 0 || counts[1] == 0 {
			s.t.Errorf("%s: the log says nothing: %v", name, counts)
		}
		s.t.Log(name, got)
	}
}

func (s site) logRetention(events []request, first, last time.Time) {
	for _, mode := range []string{"first_time", "recurring"} {
		const periods = 5
		var want []string
		for cohort := first; !cohort.After(last); cohort = cohort.AddDate(0, 0, 1) {
			size, back := 0, [periods]int{}
			for _, all := range byClient(events) {
				active := map[time.Time]bool{}
				for _, e := range all {
					active[e.at.Truncate(24*time.Hour)] = true
				}
				if !active[cohort] || mode == "first_time" && all[0].at.Before(cohort) {
					continue
				}
				size++
				for k := range back {
					if active[cohort.AddDate(0, 0, k)] {
						back[k]++
					}
				}
			}
			want = append(want, fmt.Sprint(cohort.Format(time.DateOnly), " ", size, " ", back))
		}
		var answer struct {
			Cohorts []struct {
				Cohort string
				Size   int
				Values []int
			}
		}
		s.get("/retention", url.Values{"period": {"day"}, "periods": {fmt.Sprint(periods)}, "mode": {mode}}, &answer)
		var got []string
		for _, c := range answer.Cohorts {
			got = append(got, fmt.Sprint(c.Cohort, " ", c.Size, " ", c.Values))
		}
		same(s.t, mode, got, want)
		s.t.Log(mode, got)
	}
}

// logPaths compares where clients go after their first view of the most frequent page, two pages far.
func (s site) logPaths(events []request) {
	const depth, limit = 2, 8
	seen := map[string]int{}
	anchor := ""
	for _, e := range events {
		if e.kind == "pageview" {
			if seen[e.path]++; seen[e.path] > seen[anchor] {
				anchor = e.path
			}
		}
	}
	var counts [depth + 1]map[string]int
	for i := range counts {
		counts[i] = map[string]int{}
	}
	for _, all := range byClient(events) {
		all = slices.DeleteFunc(all, func(e request) bool { return e.kind != "pageview" })
		at := slices.IndexFunc(all, func(e request) bool { return e.path == anchor })
		if at < 0 {
			continue
		}
		counts[0][anchor]++
		step := 0
		for last := all[at]; step < depth; {
			if at++; at == len(all) || all[at].at.Sub(last.at) > 30*time.Minute {
				step++
				counts[step]["exit"]++
				break
			}
			if all[at].path != last.path {
				step++
				counts[step][all[at].path]++
			}
			last = all[at]
		}
	}
	var want []string
	for step, by := range counts {
		paths := slices.SortedFunc(func(yield func(string) bool) {
			for p := range by {
				if p != "exit" && !yield(p) {
					return
				}
			}
		}, func(a, b string) int { return cmp.Or(by[b]-by[a], strings.Compare(a, b)) })
		other := 0
		for i, p := range paths {
			if i < limit {
				want = append(want, fmt.Sprintf("%d %s %d", step, p, by[p]))
			} else {
				other += by[p]
			}
		}
		for name, n := range map[string]int{"other": other, "exit": by["exit"]} {
			if n > 0 {
				want = append(want, fmt.Sprintf("%d %s %d", step, name, n))
			}
		}
	}
	slices.Sort(want)
	var answer struct {
		Nodes []struct {
			Step, People int
			Path         string
		}
	}
	s.post("/paths", map[string]any{"anchor": map[string]any{"type": "pageview", "path": anchor}, "depth": depth, "limit": limit}, &answer)
	var got []string
	for _, n := range answer.Nodes {
		got = append(got, fmt.Sprintf("%d %s %d", n.Step, n.Path, n.People))
	}
	slices.Sort(got)
	same(s.t, "paths from "+anchor, got, want)
	s.t.Log(got)
}
