package query

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sqlc-dev/doubleclick/ast"

	"weir/internal/catalog"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/tenant"
)

// Sessions are a relation beside events. What stands for it is exact: runs of stitched days that have got no rows since, and the events of all other days,
// joined. Which days these are, and the timeout, are parameters of the statement, which are read when it is sent.

// SessionDays knows tenants' sessions.
type SessionDays interface {
	// Timeout is the tenant's timeout.
	Timeout(t tenant.ID) time.Duration
	// Stitched are the days of the tenant in [from, to], in order, whose stitched runs may be read.
	Stitched(t tenant.ID, from, to int32, timeout time.Duration) []session.Stitched
}

// The parameters of a statement that reads sessions.
const (
	paramTimeout  = "_sessions_timeout"
	paramDays     = "_sessions_days"
	paramVersions = "_sessions_versions"
)

func (d Deps) sessionTimeout(t tenant.ID) time.Duration {
	if d.Sessions == nil || t == "" {
		return session.DefaultTimeout
	}
	return d.Sessions.Timeout(t)
}

// The days that are asked for: those that a DateTime can be of.
const maxDay = 1 << 16

// sessionParams are the parameters of a statement that reads sessions. Each list begins with a number that nothing has, because the engine takes no empty one.
func (a *asking) sessionParams() map[string]string {
	timeout := a.deps.sessionTimeout(a.scope.Tenant)
	days, versions := []string{"0"}, []string{"0"}
	if a.deps.Sessions != nil {
		for _, d := range a.deps.Sessions.Stitched(a.scope.Tenant, 0, maxDay, timeout) {
			if !d.Stale {
				days = append(days, session.Start(d.Day).Format("20060102"))
				versions = append(versions, strconv.FormatUint(d.Version, 10))
			}
		}
	}
	list := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
	return map[string]string{paramTimeout: strconv.FormatInt(timeout.Milliseconds(), 10), paramDays: list(days), paramVersions: list(versions)}
}

// sessionReads are the columns of events that sessions are made of.
var sessionReads = func() []string {
	out := []string{"site_id", "ts", "type", "client_id", "user_id"}
	for _, c := range session.Columns {
		if !slices.Contains(out, c.From) {
			out = append(out, c.From)
		}
	}
	return out
}()

// sessionColumns are the columns of the relation. Their expressions are over a session, as _r.
func (v *view) sessionColumns() []column {
	at := func(name string) string {
		return "fromUnixTimestamp64Milli(_r." + name + ", 'UTC')"
	}
	out := []column{
		v.sessionText("site_id", "LowCardinality(String)", "CAST(_r.site_id AS LowCardinality(String))", "site_id"),
		v.sessionText("visitor", "String", "_r.visitor", "client_id", "user_id"),
		{name: "start_time", typ: "DateTime64(3, 'UTC')", expr: at("start_time")},
		{name: "end_time", typ: "DateTime64(3, 'UTC')", expr: at("end_time")},
		{name: "duration", typ: "Float64", expr: "(_r.end_time - _r.start_time) / 1000"},
		{name: "events", typ: "UInt64", expr: "_r.events"},
		{name: "pageviews", typ: "UInt64", expr: "_r.pageviews"},
		{name: "actions", typ: "UInt64", expr: "_r.actions"},
		{name: "bounce", typ: "Bool", expr: "CAST(_r.actions = 1 AS Bool)"},
	}
	for _, c := range session.Columns {
		if c.Type == "Bool" {
			out = append(out, v.sessionFlag(c))
		} else {
			out = append(out, v.sessionText(c.Name, c.Type, "CAST(_r."+c.Name+" AS "+c.Type+")", c.From))
		}
	}
	return out
}

// sessionText is a text behind the masks of the columns that it comes from; the strictest of them holds.
func (v *view) sessionText(name, typ, expr string, from ...string) column {
	out := column{name: name, typ: typ, expr: expr}
	for _, f := range from {
		switch action := v.masks[f]; {
		case action == "":
		case action == catalog.MaskHash && out.expr == expr:
			out.typ, out.expr = "String", "CAST(if(_r."+name+" = '', '', "+v.hash("toString(_r."+name+")")+") AS String)"
		case action != catalog.MaskHash:
			out.typ, out.expr = "String", "''"
			return out
		}
	}
	return out
}

func (v *view) sessionFlag(c session.Column) column {
	out := column{name: c.Name, typ: "Bool", expr: "_r." + c.Name}
	switch v.masks[c.From] {
	case "":
	case catalog.MaskHash:
		out.typ, out.expr = "String", v.hash("toString(_r."+c.Name+")")
	default:
		out.typ, out.expr = "Nullable(Bool)", "CAST(NULL AS Nullable(Bool))"
	}
	return out
}

// sessionColumns are the columns of sessions that the statement may mean: all behind a * or COLUMNS, else those whose names occur in it.
func (s *statement) sessionColumns() []column {
	named := map[string]bool{}
	all := false
	for _, l := range s.toks {
		all = all || l.is("*") || l.keyword("COLUMNS")
		if l.name() {
			for part := range strings.SplitSeq(l.text, ".") {
				named[part] = true
			}
		}
	}
	cols := s.view.sessionColumns()
	out := slices.DeleteFunc(slices.Clone(cols), func(c column) bool { return !all && !named[c.name] })
	if len(out) == 0 { // a relation has at least one
		out = slices.DeleteFunc(cols, func(c column) bool { return c.name != "events" })
	}
	return out
}

// sessionCTE is the definition of the relation of sessions. tables are those in it, in order. The tenant in the condition of each is the first barrier.
func (v *view) sessionCTE(cols []column) (text string, tables []string) {
	stitched := []string{strings.ReplaceAll(v.tenantCondition(), "_e.", "_s."), "_s._version IN {" + paramVersions + ":Array(UInt64)}"}
	q := session.Query{TimeoutSQL: "{" + paramTimeout + ":Int64}",
		Raw:   []string{v.tenantCondition(), "toYYYYMMDD(_e.ts) NOT IN {" + paramDays + ":Array(UInt32)}"},
		Edges: stitched, Inner: stitched,
	}
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.expr + " AS " + quoteName(c.name)
		q.Columns = append(q.Columns, c.name)
	}
	return session.EngineTable + " AS (SELECT " + strings.Join(out, ", ") + " FROM (" + q.SQL() + ") AS _r)", []string{session.Table, rollup.Events, session.Table}
}

// sessionTable notes that the statement reads sessions.
func (w *walker) sessionTable(t *ast.TableIdentifier) {
	if t.Table != session.EngineTable || w.relations[t.Table] {
		return
	}
	switch {
	case w.s.view.sc.All:
		w.fail(t.Position, "sessions are made by a tenant's own timeout, and cannot be read across tenants; name a tenant")
		return
	case w.s.view.sc.AsOf != nil:
		w.fail(t.Position, "sessions cannot be read as of a token, because stitched days have no offsets; read %s", relation)
		return
	}
	w.sessions = true
	for _, c := range w.s.view.sessionColumns() {
		w.columns[c.name] = true
	}
}
