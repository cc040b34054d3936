package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/session"
	"weir/internal/tenant"
)

// The metrics of sessions. A session counts where it began: in its interval, and under its own attributes, whichever of its events they are of.
const (
	Sessions        = "sessions"          // number of sessions
	BounceRate      = "bounce_rate"       // share of sessions with one action; null without sessions
	SessionDuration = "session_duration"  // mean seconds from the first to the last event; null without sessions
	ViewsPerSession = "views_per_session" // mean number of page views; null without sessions
	Entries         = "entries"           // sessions with a page view; by path and host: those of the first one
	Exits           = "exits"             // the same, of the last one
)

var sessionMetrics = []string{Sessions, BounceRate, SessionDuration, ViewsPerSession, Entries, Exits}

// allMetrics are the metrics that can be asked for.
var allMetrics = slices.Concat(metricNames, personMetrics, sessionMetrics)

// sessionDims are the dims that only sessions have.
var sessionDims = []string{"entry_host", "entry_path", "exit_host", "exit_path"}

// SessionDays knows tenants' sessions.
type SessionDays interface {
	// Timeout is the tenant's timeout.
	Timeout(t tenant.ID) time.Duration
	// Stitched are the days of the tenant in [from, to], in order, whose stitched runs stand for all events of the day that can be seen by now, under the timeout.
	Stitched(t tenant.ID, from, to int32, timeout time.Duration) []session.Stitched
}

// timeout is the tenant's timeout.
func (r *Reporter) timeout(t tenant.ID) time.Duration {
	if r.deps.Sessions == nil {
		return session.DefaultTimeout
	}
	return r.deps.Sessions.Timeout(t)
}

// readDays are the stitched days from which sessions are read, and the one of them that is read while it grows, if there is one.
type readDays struct {
	days    []session.Stitched
	growing *session.Growing
}

// stitched are the stitched days that reach into [from, to). The last one that has got rows since is looked at for what it has got, unless totals of it are read.
func (r *Reporter) stitched(ctx context.Context, tl *tally, q Question, from, to time.Time, timeout time.Duration) (d readDays, err error) {
	if r.deps.Sessions == nil {
		return d, nil
	}
	d.days = r.deps.Sessions.Stitched(tenant.ID(q.Tenant), session.DayOf(from), session.DayOf(to.Add(-1)), timeout)
	for i := len(d.days) - 1; i >= 0; i-- {
		if last := d.days[i]; last.Stale {
			if !last.Totals {
				d.growing, err = r.growing(ctx, tl, q, last)
			}
			return d, err
		}
	}
	return d, nil
}

// growing is what a day has got, which is looked at once for all parts of an answer; nil: too many visitors would have to be made anew.
func (r *Reporter) growing(ctx context.Context, t *tally, q Question, day session.Stitched) (*session.Growing, error) {
	t.looking.Lock()
	defer t.looking.Unlock()
	if g, ok := t.looked[day.Version]; ok {
		return g, nil
	}
	g, err := r.look(ctx, t, q, day)
	if err == nil {
		if t.looked == nil {
			t.looked = map[uint64]*session.Growing{}
		}
		t.looked[day.Version] = g
	}
	return g, err
}

// look asks what a day has got.
func (r *Reporter) look(ctx context.Context, t *tally, q Question, day session.Stitched) (*session.Growing, error) {
	g := session.Growing{Day: day}
	g.Main, g.Late = r.deps.Positions.Committed()
	b := &builder{q: q, params: map[string]string{}}
	st := clickhouse.Statement{SQL: session.GrowingSQL(day, g.Main, g.Late, b.siteScope()...), Params: b.params, Comment: "report/" + q.Tenant}
	err := r.statement(ctx, t, st, func(raw []any) error {
		if len(raw) != 3 {
			return fmt.Errorf("report: the engine's row has %d columns, want 3", len(raw))
		}
		visitor, ok := raw[0].(string)
		since, err1 := signed(raw[1])
		begin, err2 := signed(raw[2])
		if err := errors.Join(err1, err2); err != nil || !ok {
			return fmt.Errorf("report: %v is no row about a day: %w", raw, err)
		}
		g.Read(visitor, since, begin)
		return nil
	})
	if err != nil || len(g.Anew) > session.MaxAnew {
		return nil, err
	}
	size := 0
	for _, v := range g.Params(clickhouse.ArrayParam) {
		size += len(url.QueryEscape(v))
	}
	if size > maxAnewBytes {
		return nil, nil
	}
	return &g, nil
}

// maxAnewBytes bounds the parameters about visitors who are made anew, as they are sent: an engine takes no value of more than 128 KiB (http_max_field_value_size).
const maxAnewBytes = 96 << 10

// aspect is what a part of a question counts: events, or sessions, of which entries and exits see pages in their own way.
type aspect int

const (
	ofEvents aspect = iota
	ofSessions
	ofEntries
	ofExits
	ofVisitors // by visit: see Question.byVisit
	ofViews    // the page views of visits: see Question.ofViews
	ofPersons  // and what else is counted in raw events only
)

// events says whether the aspect is broken down by columns of events.
func (a aspect) events() bool {
	return a == ofEvents || a == ofVisitors || a == ofViews || a == ofPersons
}

func isPage(d Dim) bool { return d.Column == "path" || d.Column == "host" }

// page says whether the question looks at the page of an event.
func (q Question) page() bool {
	return slices.ContainsFunc(q.GroupBy, isPage) || slices.ContainsFunc(q.Filters, func(f Filter) bool { return isPage(f.Dim) })
}

func (q Question) aspect(metric string) aspect {
	switch {
	case slices.Contains(personMetrics, metric):
		return ofPersons
	case metric == Visitors && q.ofVisits():
		return ofVisitors
	case (metric == Events || metric == Pageviews) && q.ofVisits():
		return ofSessions
	case metric == Pageviews && q.ofViews():
		return ofViews
	case !slices.Contains(sessionMetrics, metric):
		return ofEvents
	case metric == Entries && q.page():
		return ofEntries
	case metric == Exits && q.page():
		return ofExits
	}
	return ofSessions
}

// aspects are those of the metrics; that of the first one comes first.
func (q Question) aspects() []aspect {
	var out []aspect
	for _, m := range q.Metrics {
		if a := q.aspect(m); !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// aspectOf is the part of the question that one aspect answers. Entries and exits by page are sessions by their entry or exit page.
func (q Question) aspectOf(a aspect) Question {
	p := q
	p.Metrics = nil
	for _, m := range q.Metrics {
		if q.aspect(m) == a {
			p.Metrics = append(p.Metrics, m)
		}
	}
	p.along = q.along && slices.Contains(p.Metrics, Visitors)
	if a == ofEntries || a == ofExits {
		prefix := map[aspect]string{ofEntries: "entry_", ofExits: "exit_"}[a]
		p.GroupBy, p.Filters = slices.Clone(q.GroupBy), slices.Clone(q.Filters)
		for i, d := range p.GroupBy {
			if isPage(d) {
				p.GroupBy[i].Column = prefix + d.Column
			}
		}
		for i, f := range p.Filters {
			if isPage(f.Dim) {
				p.Filters[i].Dim.Column = prefix + f.Dim.Column
			}
		}
	}
	return p
}

// checkSessions refuses what sessions cannot be broken down by.
func (q Question) checkSessions() *problem.Problem {
	for _, m := range q.Metrics {
		a := q.aspect(m)
		for _, d := range q.GroupBy {
			if p := checkDim(m, a, d); p != nil {
				return p
			}
		}
	}
	return nil
}

func checkDim(metric string, a aspect, d Dim) *problem.Problem {
	const field = "group_by"
	if a.events() {
		return nil
	}
	if _, ok := session.Find(d.Column); ok && d.Prop == "" || a != ofSessions && isPage(d) {
		return nil
	}
	if isPage(d) {
		return invalid(field, "a session has many pages: use entry_%[1]s or exit_%[1]s with the metric %[2]s, or the metrics entries and exits with %[1]s", d.Column, metric)
	}
	var names []string
	for _, c := range session.Columns {
		names = append(names, c.Name)
	}
	return invalid(field, "%s is no column of sessions, which %s counts; these are %s", d.Name(), metric, strings.Join(names, ", "))
}

// nothing are the metrics' values where nothing happened.
func (q Question) nothing() []any {
	out := make([]any, len(q.Metrics))
	for i, m := range q.Metrics {
		switch m {
		case BounceRate, SessionDuration, ViewsPerSession, ConversionRate: // a mean of nothing
		default:
			out[i] = 0
		}
	}
	return out
}

// answerSessions answers a question about sessions, and tells its totals.
func (r *Reporter) answerSessions(ctx context.Context, t *tally, q Question) (answered, error) {
	timeout := cmp.Or(q.Timeout, session.DefaultTimeout)
	horizon := q.To
	if q.looksAhead() {
		var err error
		if horizon, err = r.reach(ctx, t, q, q.From, q.To, timeout); err != nil {
			return answered{}, err
		}
	}
	for hits := q.hits(); ; {
		days, err := r.stitched(ctx, t, q, q.From.Add(-timeout), horizon, timeout)
		if err != nil {
			return answered{}, err
		}
		st := buildSessions(q, timeout, horizon, days, hits)
		a, last, err := r.askSessions(ctx, t, q, st)
		if errors.Is(err, errPagesCut) && hits != nil {
			hits = nil
			continue
		}
		if err != nil {
			return answered{}, err
		}
		if !q.looksAhead() || last.Add(timeout).Before(horizon) || !horizon.Before(r.now().Add(session.MaxTimeout)) {
			r.metrics.answers.WithLabelValues("sessions").Inc()
			return a, nil
		}
		// A session that began in the range goes on behind what was read: events came meanwhile, or are of the future.
		horizon = r.now().Add(session.MaxTimeout + time.Hour)
	}
}

// looksAhead says whether the answer depends on how sessions go on, and not only on how they begin.
func (q Question) looksAhead() bool {
	for _, m := range q.Metrics {
		if m != Sessions {
			return true
		}
	}
	dims := slices.Clone(q.GroupBy)
	for _, f := range q.Filters {
		dims = append(dims, f.Dim)
	}
	return slices.ContainsFunc(dims, func(d Dim) bool {
		return d.Prop != "" || !slices.Contains(firstEventColumns, d.Column)
	})
}

// firstEventColumns are the attributes of sessions that their first event decides.
var firstEventColumns = func() []string {
	var out []string
	for _, c := range session.Columns {
		if c.OfFirst() {
			out = append(out, c.Name)
		}
	}
	return out
}()

// askSessions runs the statement; last is the latest end of a session that was counted.
func (r *Reporter) askSessions(ctx context.Context, t *tally, q Question, st statement) (a answered, last time.Time, err error) {
	names := q.names()
	a = answered{rows: []Row{}, total: map[string]any{}}
	if q.Offset == 0 { // else there may be groups before the first row
		for i, none := range q.nothing() {
			a.total[q.Metrics[i]] = none
		}
	}
	err = r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "report/" + q.Tenant}, func(raw []any) error {
		if want := len(names) + len(q.Metrics) + 1; len(raw) != want {
			return fmt.Errorf("report: the engine's row has %d columns, want %d", len(raw), want)
		}
		values, totals := slices.Clone(raw[:len(names)]), raw[len(names)+1:]
		at, err := signed(raw[len(names)])
		if err != nil {
			return err
		}
		if at == pagesCut {
			return errPagesCut
		}
		if end := time.UnixMilli(at); end.After(last) {
			last = end
		}
		if q.Interval == Minute || q.Interval == Hour {
			at, err := unsigned(values[0])
			if err != nil {
				return err
			}
			values[0] = q.bucketName(time.Unix(int64(at), 0))
		}
		a.rows = append(a.rows, Row{names, values})
		for i, m := range q.Metrics {
			a.total[m] = totals[i] // the same in every row
		}
		return nil
	})
	if err != nil {
		return answered{}, last, err
	}
	a.rows = q.filled(a.rows)
	return a, last, nil
}
