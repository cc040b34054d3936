package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/test/load/drive"
)

// question is one that a dashboard asks. It is a little different each time, so that no answer is kept: over a month, four limits from the dashboard's 10 rows on, then with a day more; else a
// limit of its own each time.
type question struct {
	name   string
	budget float64 // of the p95, in milliseconds; 0: none
	path   string  // below the site
	days   float64 // see since
	params string  // of a GET
	body   map[string]any
	vary   func(body map[string]any, n int) // of a POST, instead of its limit
}

// panelBudget is the budget of a dashboard's panel, in milliseconds.
const panelBudget = 300

// questions are those of the pages of the dashboard, over 30 days unless they say otherwise.
func (b *bench) list() []question {
	panel := func(name, params string, days float64) question {
		return question{name: name, budget: panelBudget, path: "/report", params: params, days: days}
	}
	tenMillion := 10e6 / float64(max(b.res.Events, 1)) * 7 * float64(b.o.weeks)
	list := []question{
		panel("the tiles of the overview", "metric=visitors,sessions,pageviews,views_per_session,bounce_rate,session_duration", 30),
		panel("numbers and those of the 30 days before", "metric=pageviews,visitors&compare=previous", 30),
		panel("visitors by day", "metric=visitors&interval=day&totals=false", 30),
		panel("visitors by hour, 24 hours", "metric=visitors&interval=hour&totals=false", 1),
		panel("visitors by week, all", "metric=visitors&interval=week&totals=false", 0),
		panel("sessions by day", "metric=sessions&interval=day&totals=false", 30),
		panel("top pages", "metric=pageviews&group_by=path&totals=false", 30),
		panel("pages with the most visitors", "metric=visitors&group_by=path&totals=false", 30),
		panel("top entry pages", "metric=entries&group_by=path&totals=false", 30),
		panel("top exit pages", "metric=exits&group_by=path&totals=false", 30),
		panel("pages with visitors and entries", "metric=pageviews,visitors,entries&group_by=path&totals=false", 30),
		panel("visits by channel", "metric=sessions&group_by=channel&totals=false", 30),
		panel("visits by referrer", "metric=sessions&group_by=referrer_host&totals=false", 30),
		panel("channels", "metric=visitors&group_by=channel&totals=false", 30),
		panel("channels with sessions", "metric=visitors,sessions,bounce_rate&group_by=channel", 30),
		panel("referrers", "metric=visitors&group_by=referrer_host&totals=false", 30),
		panel("campaigns", "metric=visitors&group_by=utm_campaign&totals=false", 30),
		panel("countries", "metric=visitors&group_by=country&totals=false", 30),
		panel("kinds of devices", "metric=visitors&group_by=device&totals=false", 30),
		panel("browsers", "metric=visitors&group_by=browser&totals=false", 30),
		panel("event types", "metric=events&group_by=type", 30),
		panel("one device's visitors by day", "metric=visitors&interval=day&filter=device:mobile&totals=false", 30),
		panel("the tiles, of one device", "metric=visitors,sessions,pageviews,views_per_session,bounce_rate,session_duration&filter=device:mobile", 30),
		panel("visitors of one channel by day", "metric=visitors&interval=day&filter=channel:search&totals=false", 30),
		panel("the tiles, of one channel", "metric=visitors,sessions,pageviews,views_per_session,bounce_rate,session_duration&filter=channel:search", 30),
		panel("top pages, of one channel", "metric=pageviews&group_by=path&filter=channel:search&totals=false", 30),
		panel("top pages, of one entry page", "metric=pageviews&group_by=path&filter=entry_path:/products/1&totals=false", 30),
		panel("the tiles, of one page", "metric=visitors,sessions,pageviews,views_per_session,bounce_rate,session_duration&filter=path:/products/1", 30),
		panel("visits by referrer, of one page", "metric=sessions&group_by=referrer_host&filter=path:/products/1&totals=false", 30),
		panel("countries, of one page", "metric=visitors&group_by=country&filter=path:/products/1&totals=false", 30),
		panel("browsers, of one page", "metric=visitors&group_by=browser&filter=path:/products/1&totals=false", 30),
		panel("the tiles, of visits with a purchase", "metric=visitors,sessions,pageviews,views_per_session,bounce_rate,session_duration&filter=type:purchase", 30),
		panel("top pages, of one country", "metric=pageviews&group_by=path&filter=country:US&totals=false", 30),
		panel("visits by referrer, of one country", "metric=sessions&group_by=referrer_host&filter=country:US&totals=false", 30),
		panel("top pages, of one browser", "metric=pageviews&group_by=path&filter=browser:Chrome&totals=false", 30),
		panel("top entry pages, of one country", "metric=entries&group_by=entry_path&filter=country:US&totals=false", 30),
		panel("countries, of one browser", "metric=visitors&group_by=country&filter=browser:Chrome&totals=false", 30),
		panel("kinds of devices, with a purchase", "metric=visitors&group_by=device&filter=type:purchase&totals=false", 30),
		panel("top entry pages, of visits with a purchase", "metric=entries&group_by=entry_path&filter=type:purchase&totals=false", 30),
		panel("a property, 7 days", "metric=events&group_by=props.plan", 7),
		panel("revenue by day", "metric=value&interval=day&filter=type:purchase", 30),
		{name: "real time", budget: panelBudget, path: "/realtime"},
		{name: "latest sessions", budget: panelBudget, path: "/sessions", days: 7},
		{name: "latest events", budget: panelBudget, path: "/events", days: 7},
		{name: "people's paths, 1 day", path: "/paths", days: 1, body: map[string]any{"anchor": map[string]any{"type": "pageview"}, "depth": 3}},
		{name: "funnel of 3 steps, 7 days", path: "/funnel", days: 7, body: funnel(3), vary: window},
		{name: "funnel of 16 steps over 10 M events", budget: 2000, path: "/funnel", days: tenMillion, body: funnel(16), vary: window},
	}
	retention := map[string]any{"period": "week", "mode": "first_time", "start": map[string]any{"type": "pageview"}, "return": map[string]any{"type": "pageview"}}
	filtered := maps.Clone(retention)
	filtered["periods"] = 12
	return append(list, question{name: "retention of 12 weeks", budget: 2000, path: "/retention", body: retention, vary: func(body map[string]any, n int) { body["periods"] = 12 + n%40 }},
		question{name: "retention of 12 weeks, filtered by a page", path: "/retention", body: filtered, vary: func(body map[string]any, n int) {
			body["filter"] = []string{"!path:/none/" + strconv.Itoa(n)}
		}})
}

// funnel has steps that fewer and fewer people take.
func funnel(steps int) map[string]any {
	sections := []string{"products", "category", "blog", "help", "account", "search", "pricing", "checkout"}
	list := make([]map[string]any, steps)
	for i := range list {
		list[i] = map[string]any{"type": "pageview", "filter": []string{"path:~/" + sections[i%len(sections)] + "/"}}
	}
	return map[string]any{"steps": list, "order": "ordered"}
}

// window varies a funnel.
func window(body map[string]any, n int) { body["window"] = strconv.Itoa(86_400+n) + "s" }

// since is when the range of a question begins, which goes up to now, as a dashboard asks: with the beginning of the first of so many days, the day of the last events being one of them; one day, or a
// number that is not whole, are so many hours before the last events; 0 is the beginning of all.
func (q question) since(start, end time.Time) time.Time {
	const day = 24 * time.Hour
	from := end.Add(-time.Duration(q.days * float64(day))).Truncate(time.Hour)
	if q.days > 1 && q.days == math.Trunc(q.days) {
		from = end.Truncate(day).Add(-time.Duration(q.days-1) * day)
	}
	if q.days == 0 || from.Before(start) {
		return start
	}
	return from
}

// varied is how many days earlier a question begins the n-th time, and how many rows more it asks for.
func (q question) varied(n int) (days, rows int) {
	if q.days < 30 {
		return 0, n
	}
	return n / 4, n % 4
}

// request makes the n-th request of a question.
func (q question) request(ctx context.Context, base string, start, end time.Time, n int) (*http.Request, error) {
	days, rows := q.varied(n)
	from := q.since(start, end).AddDate(0, 0, -days).Format(time.RFC3339)
	if q.body == nil {
		params := url.Values{}
		if q.path != "/realtime" {
			params = url.Values{"from": {from}, "limit": {strconv.Itoa(10 + rows)}}
		}
		at := base + q.path + "?" + params.Encode()
		if q.params != "" {
			at += "&" + q.params
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	}
	body := map[string]any{"from": from}
	for k, v := range q.body {
		body[k] = v
	}
	if q.vary != nil {
		q.vary(body, n)
	} else {
		body["limit"] = 5 + n%45 // at most 50
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return http.NewRequestWithContext(ctx, http.MethodPost, base+q.path, bytes.NewReader(text))
}

// open asks the first question, as somebody does who opens the dashboard, and rests.
func (b *bench) open(ctx context.Context, base string) error {
	req, err := b.list()[0].request(ctx, base, b.start, b.end, 0)
	if err != nil {
		return err
	}
	if _, _, err = b.ask(req); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.o.rest):
		return nil
	}
}

// questions asks each question some rounds, one after the other; the first answer of each is not counted.
func (b *bench) questions(ctx context.Context) error {
	base := b.s.URL + "/api/v1/analytics/" + b.t.SiteID
	if err := b.open(ctx, base); err != nil {
		return err
	}
	b.res.Rested = time.Since(b.loaded).Minutes()
	for _, q := range b.list() {
		if !strings.Contains(q.name, b.o.only) {
			continue
		}
		a := answered{Name: q.name, Budget: q.budget}
		var h drive.Histogram
		var sum answerCost
		for i := range b.o.rounds + 1 {
			if q.path == "/realtime" {
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // its answers are kept for a second
			}
			req, err := q.request(ctx, base, b.start, b.end, i)
			if err != nil {
				return err
			}
			took, cost, err := b.ask(req)
			if err != nil {
				if b.o.quick {
					return fmt.Errorf("%s: %w", q.name, err)
				}
				a.Failed = err.Error()
				break
			}
			if cost.kept {
				a.Kept++
			} else if i > 0 {
				h.Add(took)
				sum.cpu += cost.cpu
				sum.rows += cost.rows
			}
		}
		a.Count, a.P50, a.P95, a.Max = h.Count(), milliseconds(h.Quantile(0.5)), milliseconds(h.Quantile(0.95)), milliseconds(h.Quantile(1))
		if a.Count > 0 {
			a.CPU, a.Rows = 1000*sum.cpu/float64(a.Count), sum.rows/float64(a.Count)
		}
		b.res.Questions = append(b.res.Questions, a)
		b.report("%-55s p50 %7.1f ms  p95 %7.1f ms  CPU %7.1f ms  %10.0f rows  %s", a.Name, a.P50, a.P95, a.CPU, a.Rows, a.Failed)
	}
	return nil
}

// answerCost is what an answer says of its making.
type answerCost struct {
	kept      bool
	cpu, rows float64
}

// ask sends a request and reads the whole answer.
func (b *bench) ask(req *http.Request) (took time.Duration, cost answerCost, err error) {
	req.Header.Set("Authorization", "Bearer "+b.t.Analyst)
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, cost, err
	}
	text, err := io.ReadAll(resp.Body)
	took = time.Since(began)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", resp.StatusCode, text)
	}
	cost.kept = resp.Header.Get("X-Weir-Cache") == "hit"
	var said struct {
		CPU  float64 `json:"cpu_seconds"`
		Rows float64 `json:"rows_read"`
	}
	if text := resp.Header.Get("X-Weir-Cost") + resp.Trailer.Get("X-Weir-Cost"); text != "" && err == nil {
		err = json.Unmarshal([]byte(text), &said)
	}
	cost.cpu, cost.rows = said.CPU, said.Rows
	return took, cost, err
}
