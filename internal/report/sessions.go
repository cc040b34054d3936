package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/session"
	"weir/internal/tenant"
)

// The metrics of sessions. A session counts where it began: in its interval, and under the attributes of its first event.
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

// stitched are the stitched days that reach into [from, to).
func (r *Reporter) stitched(t tenant.ID, from, to time.Time, timeout time.Duration) []session.Stitched {
	if r.deps.Sessions == nil {
		return nil
	}
	return r.deps.Sessions.Stitched(t, session.DayOf(from), session.DayOf(to.Add(-1)), timeout)
}

// aspect is what a part of a question counts: events, or sessions, of which entries and exits see pages in their own way.
type aspect int

const (
	ofEvents aspect = iota
	ofSessions
	ofEntries
	ofExits
	ofPersons // and what else is counted in raw events only
)

// events says whether the aspect is broken down by columns of events.
func (a aspect) events() bool { return a == ofEvents || a == ofPersons }

func isPage(d Dim) bool { return d.Column == "path" || d.Column == "host" }

// page says whether the question looks at the page of an event.
func (q Question) page() bool {
	return slices.ContainsFunc(q.GroupBy, isPage) || slices.ContainsFunc(q.Filters, func(f Filter) bool { return isPage(f.Dim) })
}

func (q Question) aspect(metric string) aspect {
	switch {
	case slices.Contains(personMetrics, metric):
		return ofPersons
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

// checkSessions refuses what events or sessions cannot be broken down by.
func (q Question) checkSessions() *problem.Problem {
	for _, m := range q.Metrics {
		a := q.aspect(m)
		for _, d := range q.GroupBy {
			if p := checkDim("group_by", m, a, d); p != nil {
				return p
			}
		}
		for _, f := range q.Filters {
			if a.events() && slices.Contains(sessionDims, f.Dim.Column) {
				return checkDim("filter", m, a, f.Dim)
			}
		}
	}
	return nil
}

func checkDim(field, metric string, a aspect, d Dim) *problem.Problem {
	if a.events() {
		if slices.Contains(sessionDims, d.Column) {
			return invalid(field, "%s is a column of sessions and %s counts events; use %s, or the metrics %s", d.Column, metric,
				d.Column[strings.IndexByte(d.Column, '_')+1:], strings.Join(sessionMetrics, ", "))
		}
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

// answer answers a question. Its parts, those of events and of sessions, are asked for at once where there are no groups; else one after the other, for the first
// metric decides which groups there are.
func (r *Reporter) answer(ctx context.Context, t *tally, q Question) ([]Row, error) {
	aspects := q.aspects()
	if len(aspects) == 0 {
		aspects = []aspect{ofEvents}
	}
	if len(aspects) > 1 && len(q.GroupBy) == 0 {
		return r.answerAtOnce(ctx, t, q, aspects)
	}
	first, err := r.answerPart(ctx, t, q.aspectOf(aspects[0]), aspects[0])
	if err != nil || len(aspects) == 1 {
		return q.renamed(first), err
	}
	m := newMerger(q)
	m.add(q.aspectOf(aspects[0]), first, true)
	for _, a := range aspects[1:] {
		p, ok := q.aspectOf(a).only(first)
		if !ok {
			continue // there are no groups
		}
		rows, err := r.answerPart(ctx, t, p, a)
		if err != nil {
			return nil, err
		}
		m.add(p, rows, false)
	}
	return m.rows(), nil
}

// answerAtOnce asks for all parts of a question without groups at the same time.
func (r *Reporter) answerAtOnce(ctx context.Context, t *tally, q Question, aspects []aspect) ([]Row, error) {
	answers := make([][]Row, len(aspects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2) // statements of one question, of which the engine has places for few
	for i, a := range aspects {
		g.Go(func() (err error) {
			answers[i], err = r.answerPart(ctx, t, q.aspectOf(a), a)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	m := newMerger(q)
	for i, a := range aspects {
		m.add(q.aspectOf(a), answers[i], i == 0)
	}
	return m.rows(), nil
}

func (r *Reporter) answerPart(ctx context.Context, t *tally, p Question, a aspect) ([]Row, error) {
	switch a {
	case ofEvents:
		return r.answerEvents(ctx, t, p)
	case ofPersons:
		return r.answerPersons(ctx, t, p)
	}
	return r.answerSessions(ctx, t, p)
}

// renamed writes the rows under the names of the question: entries by path are asked for as sessions by entry_path.
func (q Question) renamed(rows []Row) []Row {
	names := q.names()
	for i := range rows {
		if len(rows[i].names) == len(names) {
			rows[i].names = names
		}
	}
	return rows
}

// maxGroups bounds the groups of the parts behind the first. They are those of the first part, or of several columns every combination that there is.
const maxGroups = 1_000_000

// only restricts a part to the groups of the first part's rows; false: there are none.
func (q Question) only(rows []Row) (Question, bool) {
	if len(q.GroupBy) == 0 {
		return q, true
	}
	if len(rows) == 0 {
		return q, false
	}
	at := 0
	if q.Interval != "" {
		at = 1
	}
	q.Filters = slices.Clone(q.Filters)
	for i, d := range q.GroupBy {
		seen := map[string]bool{}
		f := Filter{Dim: d}
		for _, row := range rows {
			if v := fmt.Sprint(row.values[at+i]); !seen[v] {
				seen[v] = true
				f.Values = append(f.Values, v)
			}
		}
		q.Filters = append(q.Filters, f)
	}
	q.Offset, q.Limit = 0, maxGroups
	return q, true
}

// merger puts the rows of the parts of a question together.
type merger struct {
	q      Question
	keys   int // columns that identify a row
	at     map[string]*Row
	order  []string
	groups map[string]int // place of a group
}

func newMerger(q Question) *merger {
	m := &merger{q: q, keys: len(q.GroupBy), at: map[string]*Row{}, groups: map[string]int{}}
	if q.Interval != "" {
		m.keys++
	}
	return m
}

func (m *merger) group(values []any) string {
	if m.q.Interval != "" {
		values = values[1:]
	}
	return fmt.Sprintf("%q", values)
}

// add adds the rows of a part. Only those of the first part bring in groups.
func (m *merger) add(p Question, rows []Row, first bool) {
	for _, row := range rows {
		keys := row.values[:m.keys]
		if group := m.group(keys); first {
			if _, ok := m.groups[group]; !ok {
				m.groups[group] = len(m.groups)
			}
		} else if _, ok := m.groups[group]; !ok && len(m.q.GroupBy) > 0 {
			continue
		}
		key := fmt.Sprintf("%q", keys)
		have := m.at[key]
		if have == nil {
			have = &Row{m.q.names(), append(slices.Clone(keys), m.q.nothing()...)}
			m.at[key] = have
			m.order = append(m.order, key)
		}
		for i, name := range p.Metrics {
			have.values[m.keys+slices.Index(m.q.Metrics, name)] = row.values[m.keys+i]
		}
	}
}

// rows are the merged rows, by time and then by the place of the group.
func (m *merger) rows() []Row {
	out := make([]Row, 0, len(m.order))
	for _, key := range m.order {
		out = append(out, *m.at[key])
	}
	if m.q.Interval != "" && len(m.q.GroupBy) > 0 {
		slices.SortStableFunc(out, func(a, b Row) int {
			if c := strings.Compare(fmt.Sprint(a.values[0]), fmt.Sprint(b.values[0])); c != 0 {
				return c
			}
			return m.groups[m.group(a.values[:m.keys])] - m.groups[m.group(b.values[:m.keys])]
		})
	}
	return out
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

// answerSessions answers a question about sessions.
func (r *Reporter) answerSessions(ctx context.Context, t *tally, q Question) ([]Row, error) {
	timeout := cmp.Or(q.Timeout, session.DefaultTimeout)
	for horizon := q.horizon(timeout); ; horizon = r.now().Add(session.MaxTimeout + time.Hour) {
		st := buildSessions(q, timeout, horizon, r.stitched(tenant.ID(q.Tenant), q.From.Add(-timeout), horizon, timeout))
		rows, last, err := r.askSessions(ctx, t, q, st)
		if err != nil {
			return nil, err
		}
		if !q.looksAhead() || last.Add(timeout).Before(horizon) || !horizon.Before(r.now().Add(session.MaxTimeout)) {
			r.metrics.answers.WithLabelValues("sessions").Inc()
			return rows, nil
		}
		// A session that began in the range goes on behind what was read. It is rare: such a session lasts longer than a day.
	}
}

// looksAhead says whether the answer depends on how sessions end, and not only on how they begin.
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

// horizon is how far events are read at first: to the end of the range, or to the end of a day behind it if it matters how sessions end.
func (q Question) horizon(timeout time.Duration) time.Time {
	if !q.looksAhead() {
		return q.To
	}
	return session.Start(session.DayOf(q.To.Add(timeout)) + 1)
}

// askSessions runs the statement; last is the latest end of a session that was counted.
func (r *Reporter) askSessions(ctx context.Context, t *tally, q Question, st statement) (rows []Row, last time.Time, err error) {
	names := q.names()
	rows = []Row{}
	err = r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "report/" + q.Tenant}, func(raw []any) error {
		if len(raw) != len(names)+1 {
			return fmt.Errorf("report: the engine's row has %d columns, want %d", len(raw), len(names)+1)
		}
		at, err := signed(raw[len(names)])
		if err != nil {
			return err
		}
		if end := time.UnixMilli(at); end.After(last) {
			last = end
		}
		values := slices.Clone(raw[:len(names)])
		if q.Interval == Minute || q.Interval == Hour {
			at, err := unsigned(values[0])
			if err != nil {
				return err
			}
			values[0] = q.bucketName(time.Unix(int64(at), 0))
		}
		rows = append(rows, Row{names, values})
		return nil
	})
	if err != nil {
		return nil, last, err
	}
	if q.Interval != "" && len(q.GroupBy) == 0 {
		rows = q.fill(rows)
	}
	return rows, last, nil
}
