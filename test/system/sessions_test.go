//go:build system

package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/client"
	"weir/test/system/harness"
)

// visit is an event of the test of sessions.
type visit struct {
	id, visitor, kind, path string
	at                      time.Time
}

// drawVisits makes the events of some days: visitors come, look at pages, pause about as long as the timeout, also over midnight. No visitor has two events in one millisecond.
func drawVisits(rng *rand.Rand, start time.Time, days, n int) []visit {
	end := start.AddDate(0, 0, days)
	var out []visit
	for v := 0; len(out) < n; v++ {
		at := start.Add(time.Duration(rng.Int64N(int64(end.Sub(start)))))
		if v%5 == 0 { // just before a midnight
			at = start.AddDate(0, 0, 1+rng.IntN(days-1)).Add(-time.Duration(rng.IntN(40)) * time.Minute)
		}
		for range 1 + rng.IntN(12) {
			kind := []string{"pageview", "pageview", "pageview", "click", "engagement", "signup"}[rng.IntN(6)]
			out = append(out, visit{id: fmt.Sprint("e", len(out)), visitor: fmt.Sprint("v", v%(n/12)), kind: kind, path: fmt.Sprint("/p", rng.IntN(9)), at: at.Truncate(time.Millisecond)})
			switch rng.IntN(5) {
			case 0:
				at = at.Add(30*time.Minute + time.Duration(rng.IntN(3)-1)*time.Millisecond) // one less, exactly, one more than the timeout
			case 1:
				at = at.Add(time.Duration(rng.Int64N(int64(5 * time.Hour))))
			default:
				at = at.Add(time.Duration(1 + rng.Int64N(int64(20*time.Minute))))
			}
			if !at.Before(end) {
				break
			}
		}
	}
	taken := map[string]bool{}
	return slices.DeleteFunc(out, func(e visit) bool {
		key := fmt.Sprint(e.visitor, e.at.UnixMilli())
		defer func() { taken[key] = true }()
		return taken[key]
	})
}

// batchSessions sorts the events, walks through them and cuts.
func batchSessions(events []visit) []string {
	sorted := slices.SortedFunc(slices.Values(events), func(a, b visit) int { return cmp.Or(strings.Compare(a.visitor, b.visitor), a.at.Compare(b.at)) })
	var out []string
	for from, i := 0, 0; i < len(sorted); i++ {
		if i+1 < len(sorted) && sorted[i+1].visitor == sorted[i].visitor && sorted[i+1].at.Sub(sorted[i].at) <= 30*time.Minute {
			continue
		}
		views, actions, entry, exit := 0, 0, "", ""
		for _, e := range sorted[from : i+1] {
			if e.kind == "pageview" {
				views++
				exit = e.path
				if views == 1 {
					entry = e.path
				}
			}
			if e.kind != "engagement" {
				actions++
			}
		}
		out = append(out, fmt.Sprintf("%s %d-%d %d events %d views bounce %v %s>%s", sorted[from].visitor, sorted[from].at.UnixMilli(), sorted[i].at.UnixMilli(), i+1-from, views, actions == 1, entry, exit))
		from = i + 1
	}
	slices.Sort(out)
	return out
}

// site is what the test asks.
type site struct {
	t      *testing.T
	srv    *harness.Server
	tenant harness.Tenant
	ranged url.Values // from, to
}

func (s site) get(path string, q url.Values, out any) {
	s.t.Helper()
	all := url.Values{}
	for _, v := range []url.Values{s.ranged, q} {
		for name, values := range v {
			all[name] = values
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := s.srv.Client(s.tenant.Analyst).Do(ctx, http.MethodGet, "/api/v1/analytics/"+s.tenant.SiteID+path+"?"+all.Encode(), nil, out); err != nil {
		s.t.Fatal(err)
	}
}

// sessions are all sessions of the range as the API lists them, page by page.
func (s site) sessions() []string {
	s.t.Helper()
	var out []string
	for cursor := ""; ; {
		var page struct {
			Sessions []struct {
				Visitor           string
				Start, End        time.Time
				Events, Pageviews int
				Bounce            bool
				EntryPath         string `json:"entry_path"`
				ExitPath          string `json:"exit_path"`
			}
			Next string
		}
		q := url.Values{"limit": {"500"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		s.get("/sessions", q, &page)
		for _, e := range page.Sessions {
			out = append(out, fmt.Sprintf("%s %d-%d %d events %d views bounce %v %s>%s", e.Visitor, e.Start.UnixMilli(), e.End.UnixMilli(), e.Events, e.Pageviews, e.Bounce, e.EntryPath, e.ExitPath))
		}
		if cursor = page.Next; cursor == "" {
			slices.Sort(out)
			return out
		}
	}
}

// check compares sessions, and totals by day and by page, with what the events say.
func (s site) check(when string, events []visit) {
	s.t.Helper()
	same(s.t, when+": sessions", s.sessions(), batchSessions(events))
	type tally struct {
		events, views int
		visitors      map[string]bool
	}
	count := func(key func(visit) string) (lines []string) {
		by := map[string]*tally{}
		for _, e := range events {
			c := by[key(e)]
			if c == nil {
				c = &tally{visitors: map[string]bool{}}
				by[key(e)] = c
			}
			c.events++
			if e.kind == "pageview" {
				c.views++
			}
			c.visitors[e.visitor] = true
		}
		for k, c := range by {
			lines = append(lines, fmt.Sprintf("%s %d %d %d", k, c.events, c.views, len(c.visitors)))
		}
		slices.Sort(lines)
		return lines
	}
	ask := func(q url.Values, key string) (lines []string) {
		var report struct{ Data []map[string]any }
		q.Set("metric", "events,pageviews,visitors")
		s.get("/report", q, &report)
		for _, r := range report.Data {
			k := fmt.Sprint(r[key])
			if key == "time" {
				k = k[:10]
			}
			if fmt.Sprint(r["events"]) != "0" {
				lines = append(lines, fmt.Sprintf("%s %v %v %v", k, r["events"], r["pageviews"], r["visitors"]))
			}
		}
		slices.Sort(lines)
		return lines
	}
	same(s.t, when+": days", ask(url.Values{"interval": {"day"}}, "time"), count(func(e visit) string { return e.at.UTC().Format(time.DateOnly) }))
	same(s.t, when+": pages", ask(url.Values{"group_by": {"path"}}, "path"), count(func(e visit) string { return e.path }))
	same(s.t, when+": types", ask(url.Values{"group_by": {"type"}}, "type"), count(func(e visit) string { return e.kind }))
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s: %d lines, want %d", what, len(got), len(want))
	for shown, i := 0, 0; i < max(len(got), len(want)) && shown < 5; i++ {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			shown++
			t.Logf("  %q, want %q", g, w)
		}
	}
}

// sessionKills sends events while weir may end at any moment, by itself too.
type sessionKills struct {
	t      *testing.T
	srv    *harness.Server
	client *client.Client
	env    string
	died   int // by itself, between two steps
}

// start kills weir and starts it so that it will end at a step ("": not).
func (k *sessionKills) start(fault string) {
	k.t.Helper()
	k.srv.SetEnv(k.env, "WEIR_FAULT="+fault)
	if err := k.srv.Kill(); err != nil {
		k.t.Fatal(err)
	}
	err := k.srv.Restart(k.t.Context())
	if err != nil && !k.again() {
		k.t.Fatal(err)
	}
}

// again starts weir without a fault if it has ended, and says whether it had.
func (k *sessionKills) again() bool {
	k.t.Helper()
	select {
	case <-k.srv.Done():
	default:
		return false
	}
	k.died++
	k.srv.SetEnv(k.env)
	if err := k.srv.Restart(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	return true
}

// send repeats a request until it is acknowledged.
func (k *sessionKills) send(events []visit) {
	k.t.Helper()
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, `{"event_id":%q,"type":%q,"ts":%d,"client_id":%q,"url":"https://shop.example%s"}`+"\n", e.id, e.kind, e.at.UnixMilli(), e.visitor, e.path)
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(k.t.Context(), 10*time.Second)
		res, err := k.client.Ingest(ctx, []byte(b.String()), client.IngestOptions{})
		cancel()
		if err == nil && res.Accepted == len(events) {
			return
		}
		if err == nil || time.Since(begin) > time.Minute {
			k.t.Fatalf("%+v, %v", res, err)
		}
		k.again()
	}
}

func (k *sessionKills) killEngine() {
	k.t.Helper()
	if pid := k.srv.EnginePID(); pid > 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			k.t.Fatal(err)
		}
	}
}

// TestSessionsSurviveKills sends the events of five days and of today in any order, some of them twice, while days are stitched all the time and weir and its engine are
// killed, also between the steps of stitching. After each life, and at the end, sessions are those of a batch program over what was acknowledged, and totals those of a plain count.
func TestSessionsSurviveKills(t *testing.T) {
	t.Parallel()
	const env = `WEIR_STITCH={"Every":100,"Settle":1,"Again":300,"MinRows":3,"MinTotals":40,"Grace":500,"Orphans":1000}`
	srv := harness.StartT(t, harness.Config{Env: []string{env}})
	tenant, err := srv.NewTenant(t.Context(), "visits")
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Admin().Do(t.Context(), http.MethodPatch, "/api/v1/tenants/visits/sources/web", map[string]bool{"strong": true}, nil); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	today := time.Now().UTC().Truncate(24 * time.Hour)
	all := drawVisits(rng, today.AddDate(0, 0, -5), 6, 3000)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	s := site{t: t, srv: srv, tenant: tenant, ranged: url.Values{"from": {today.AddDate(0, 0, -6).Format(time.DateOnly)}, "to": {today.AddDate(0, 0, 1).Format(time.DateOnly)}}}
	k := &sessionKills{t: t, srv: srv, client: client.New(srv.URL, tenant.WriteKey, client.Options{RetryFor: -1}), env: env}

	faults := []string{"", "session-stitched:1", "session-totalled:2", "late-commit:1", "session-switched:2", "session-stitched:3"}[:times(t, 6, 4)]
	for life, fault := range faults {
		if life > 0 {
			k.start(fault)
		}
		part := all[life*len(all)/len(faults) : (life+1)*len(all)/len(faults)]
		for n := range (len(part) + 39) / 40 {
			chunk := part[n*40 : min(n*40+40, len(part))]
			for range 1 + rng.IntN(4)/3 { // some twice: they count once
				k.send(chunk)
			}
			if n == 5 && life%2 == 1 {
				k.killEngine()
			}
			time.Sleep(30 * time.Millisecond)
		}
		if fault != "" {
			select {
			case <-srv.Done():
			case <-time.After(time.Minute): // it has not come to that step
			}
			if !k.again() {
				k.start("")
			}
		}
		s.check(fmt.Sprint("life ", life), all[:(life+1)*len(all)/len(faults)])
		if t.Failed() {
			return
		}
	}
	s.wantStitched()
	s.check("stitched", all)
	t.Logf("%d events, %d sessions, weir ended between two steps %d times", len(all), len(batchSessions(all)), k.died)
	if k.died < 2 {
		t.Errorf("weir ended between two steps only %d times", k.died)
	}
}

// wantStitched waits until all five days of the past are stitched.
func (s site) wantStitched() {
	s.t.Helper()
	engine, err := clickhouse.New("unix://" + s.srv.Dir() + "/engine/engine.sock")
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	waitFor(ctx, s.t, engine, "stitched days", "SELECT toString(uniqExact(toDate(start_time)) >= 5) FROM weir.sessions WHERE tenant = 'visits'", "1")
}
