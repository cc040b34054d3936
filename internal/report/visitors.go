package report

import (
	"cmp"
	"context"
	"time"

	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
)

// visitRows is what the visitors of a question by visit are read from.
type visitRows struct {
	read    readDays
	horizon time.Time
	timeout time.Duration
}

// answerVisitors counts the visitors of a question by visit: as those of events (counts), by sets that are made of visits, or were for the totals of a day's sessions.
func (r *Reporter) answerVisitors(ctx context.Context, t *tally, q Question) (answered, error) {
	v := &visitRows{horizon: q.To, timeout: cmp.Or(q.Timeout, session.DefaultTimeout)}
	var err error
	if first := (Question{Metrics: []string{Sessions}, GroupBy: q.GroupBy, Filters: q.Filters}); first.looksAhead() {
		if v.horizon, err = r.reach(ctx, t, q, q.From, q.To, v.timeout); err != nil {
			return answered{}, err
		}
	}
	if v.read, err = r.stitched(ctx, t, q, q.From.Add(-v.timeout), v.horizon, v.timeout); err != nil {
		return answered{}, err
	}
	a, _, err := r.counts(ctx, t, q, plan{visits: v})
	if err == nil {
		r.metrics.answers.WithLabelValues("sessions").Inc()
	}
	return a, err
}

// visitParts are the parts of a statement about visitors by visit: of the visits, and of the totals of days' sessions.
func (b *builder) visitParts(p plan) []string {
	v := p.visits
	s := source{from: b.q.From, to: b.q.To, horizon: v.horizon, timeout: v.timeout, read: v.read, totals: b.q.sessionTotals(v.read.days)}
	attributes := []string{"client_id", "user_id"}
	for _, d := range b.q.GroupBy {
		attributes = append(attributes, d.Column)
	}
	sessions, _ := b.sessionsOf(s, attributes, b.q.Filters, "") // no totals are read of which something is outdated
	sets := partials{sample: rollup.HashesSQL(rollup.InSample, rollup.CellClients), clients: rollup.HashesSQL(rollup.InClients, fullSet)}
	parts := []string{"SELECT " + b.list("fromUnixTimestamp64Milli(start_time, 'UTC')", sets, false, "", "") + "\nFROM (\n" + sessions + "\n)" + b.groupBy()}
	if len(s.totals) == 0 {
		return parts
	}
	dim, _ := b.q.sessionTotalsDim()
	b.inTotals = true
	defer func() { b.inTotals = false }()
	site := "site_id = " + b.text("site", b.q.Site)
	of := func(table, clients, where string) string {
		return "SELECT " + b.list("time", partials{sample: "sample", clients: clients}, false, "", "") + "\nFROM " + table + "\nPREWHERE tenant = " + b.text("tenant", b.q.Tenant) + "\nWHERE " + where + b.filters() + botsCondition(b.q.Bots)
	}
	days := b.ofTotals(site, dim, s.totals)
	if b.precision == bySize { // the sets of large groups are by far the largest, and are not read
		small := b.texts("small", b.q.small)
		parts = append(parts, of(daily.SessionsTable, "clients", days+" AND value IN "+small), of(daily.SessionsTable, "emptyArrayUInt64()", days+" AND value NOT IN "+small))
	} else {
		parts = append(parts, of(daily.SessionsTable, "clients", days))
	}
	if where := b.ofSeams(site, dim, s.totals); where != "" {
		parts = append(parts, of(daily.SeamsTable, "clients", where))
	}
	return parts
}
