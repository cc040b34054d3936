package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/daily"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/tenant"
)

// beginning is before all events that have a day of their own.
var beginning = time.Unix(0, 0).UTC()

// visited is where a question about who did one thing, and in which hours, finds that out: in the visits of the days that have totals, beside them in the rows that
// came since, and in the events of what is left of the range.
type visited struct {
	days []totalled
	rest []span
}

// visited finds the days, if the retention can be answered by them: one action without filters, in periods that are made of whole hours. nil: it is answered by the events.
func (r *Reporter) visited(x *Retention) *visited {
	q := x.q
	if r.deps.Sessions == nil || !x.start.same(x.back) || len(q.Filters) > 0 || len(x.start.filters) > 0 {
		return nil
	}
	q.To = x.ends()[len(x.ends())-1]
	if !wholeOffsets(q.Location, q.From, q.To, time.Hour) {
		return nil
	}
	if x.mode == FirstTime {
		q.From = beginning
	}
	t := tenant.ID(q.Tenant)
	days := r.deps.Sessions.Stitched(t, session.DayOf(q.From), session.DayOf(q.To), r.timeout(t))
	days = slices.DeleteFunc(days, func(d session.Stitched) bool { return !d.Totals }) // those of a part of a day have no visits
	p := rawOnly.withTotals(q, daily.Dim{Step: time.Hour}, days)
	if len(p.totals) == 0 {
		return nil
	}
	return &visited{p.totals, p.rest}
}

// visits is a relation of who did the action when: the number of the visitor as v, or client_id and user_id, and what bit makes of the time, as m.
func (b *builder) visits(v *visited, x *Retention, bit func(clock string) string, ids bool) string {
	scope := "tenant = {tenant:String} AND site_id = {site:String}"
	what := botsCondition(x.q.Bots)
	if x.start.typ != "" {
		what += " AND type = " + b.text("stype", x.start.typ)
	}
	what += " AND (client_id != '' OR user_id != '')"
	who, raw := "visitor AS v", daily.Visitor+" AS v"
	if ids {
		who, raw = "client_id, user_id", "client_id, user_id"
	}
	var times, versions, parts []string
	for i := 0; i < len(v.days); {
		n := firstRun(v.days[i:])
		k := strconv.Itoa(i)
		times = append(times, "("+b.between("time", "vfrom"+k, v.days[i].from, "vto"+k, v.days[i+n-1].to)+")")
		i += n
	}
	for i, d := range v.days {
		versions = append(versions, strconv.FormatUint(d.day.Version, 10))
		for _, w := range d.behind(rawOnly) {
			n := strconv.Itoa(i)
			parts = append(parts, "SELECT "+raw+", "+bit("ts")+" AS m\nFROM "+rollup.Events+"\nWHERE "+scope+" AND "+b.between("ts", "dfrom"+n, d.from, "dto"+n, d.to)+
				fmt.Sprintf(" AND _writer = %d AND _seq > %s", w, b.position("d"+n+"p", w, d.position(w)))+what)
		}
	}
	for i, s := range v.rest {
		n := strconv.Itoa(i)
		cond := "ts < " + b.time("rto"+n, s.to)
		if !s.from.Equal(beginning) {
			cond = b.between("ts", "rfrom"+n, s.from, "rto"+n, s.to)
		}
		parts = append(parts, "SELECT "+raw+", "+bit("ts")+" AS m\nFROM "+rollup.Events+"\nWHERE "+scope+" AND "+cond+what)
	}
	first := "SELECT " + who + ", " + bit("time") + " AS m\nFROM " + daily.VisitsTable + "\nWHERE " + scope + " AND (" + strings.Join(times, " OR ") + ") AND _version IN (" + strings.Join(versions, ", ") + ")" + what
	return strings.Join(append([]string{first}, parts...), "\nUNION ALL\n")
}
