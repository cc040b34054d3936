package query

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/token"
	"weir/internal/usage"
)

// asking is one question on its way through the service.
type asking struct {
	*Service
	q      *Question
	scope  Scope
	limits catalog.Limits
	min    token.Token // nil: nothing is demanded
	// Set by prepare.
	checked *Checked
	format  format
	id      string // of the statement, as the caller is told
	pinned  bool   // the lookup tables of scope stay as they are until the statement has ended
}

// asking checks who asks, and reads what the question says beside the statement.
func (s *Service) asking(q *Question) (*asking, *problem.Problem) {
	if p := q.Who.Require(tenant.RoleAnalyst); p != nil {
		return nil, p
	}
	id := q.Who.Tenant
	all := id == "" && q.Who.Role == tenant.RoleOperator // across tenants
	if id == "" && !all {
		_, p := q.Who.RequireTenant()
		return nil, p
	}
	a := &asking{Service: s, q: q, scope: Scope{Tenant: id, All: all, Params: q.Params, MaskKey: s.deps.MaskKey, AnyFormat: q.AnyFormat, Metadata: true, Database: q.Database, CompactDescribe: q.Settings["describe_compact_output"] == "1" || q.Settings["describe_compact_output"] == "true", RollupsFromEvents: s.deps.Rollups == nil}}
	if s.deps.Gone != nil && all {
		a.scope.Gone = s.deps.Gone()
	}
	if s.deps.Tenants != nil && !all {
		t, ok := s.deps.Tenants.TenantByID(id)
		if !ok { // a job whose tenant was deleted meanwhile
			return nil, problem.New(http.StatusNotFound, "unknown_tenant", "there is no tenant %q", id)
		}
		a.limits = t.Limits
		a.scope.Masks = masksOf(t.Policy.Masks, q.Who.Role)
	}
	if s.deps.Limits != nil && !all {
		a.limits = s.deps.Limits(id)
	}
	return a, a.readTokens()
}

// masksOf are the masks that hold for a role.
func masksOf(all []catalog.Mask, role tenant.Role) []catalog.Mask {
	var own []catalog.Mask
	for _, m := range catalog.AllMasks(all) {
		if m.Holds(role) {
			own = append(own, m)
		}
	}
	return own
}

// prepare lets the statement pass the guard. A second call does nothing.
func (a *asking) prepare() *problem.Problem {
	if a.checked != nil {
		return nil
	}
	if a.deps.Properties != nil {
		a.scope.Properties = a.deps.Properties.Properties(a.scope.Tenant)
		if of := a.deps.LeftOut; of != nil && !a.scope.All {
			a.scope.LeftOut = func() bool { return of(a.scope.Tenant) }
		}
	}
	if a.deps.Lookups != nil && !a.scope.All && !a.pinned {
		a.scope.Lookups = a.deps.Lookups.Lookups(a.scope.Tenant)
	}
	checked, p := a.check()
	if p != nil {
		return p
	}
	f, p := a.q.pickFormat(checked.Format)
	if p != nil {
		return p
	}
	a.checked, a.format = &checked, f
	a.texts.Note(a.scope.Tenant, checked.Shape, checked.ShapeText)
	return nil
}

// maxTime is how long the statement may run.
func (a *asking) maxTime() time.Duration {
	if a.q.Door == DoorJob {
		return a.cfg.JobTime
	}
	return a.cfg.MaxTime
}

// expected is what is known of the question before it runs.
func (a *asking) expected() usage.Question {
	kind := usage.KindQuery
	if a.q.Door == DoorJob {
		kind = usage.KindJob
	}
	return usage.Question{Subject: a.subject(a.checked.Shape), Kind: kind, Columns: a.checked.Columns, From: a.checked.From, To: a.checked.To,
		MaxCost: a.q.MaxCost, MaxBytes: a.q.MaxBytes, Waiting: a.q.Waiting}
}

func (a *asking) subject(shape string) usage.Subject {
	return usage.Subject{Tenant: a.scope.Tenant, Source: a.q.Who.Site, User: a.q.Who.Actor(), Role: a.q.Who.Role, Shape: shape}
}

// run admits and runs the statement. What can be seen is read before it: what the answer shows is at least as fresh.
func (a *asking) run(ctx context.Context) (*Answer, *problem.Problem) {
	expected := a.expected()
	if p := a.bounded(ctx, &expected); p != nil {
		return nil, p
	}
	b, p := a.admit(ctx, expected)
	if p != nil {
		return nil, p
	}
	if p := a.pin(b); p != nil {
		b.refused()
		return nil, p
	}
	a.id = cmp.Or(a.q.QueryID, b.engineID)
	ans := &Answer{Format: a.format.name, QueryID: a.id, AsOf: a.deps.Visibility.AsOf(a.scope.Tenant), Snapshot: a.snapshot(), masks: a.scope.Masks}
	st := clickhouse.Statement{Settings: a.engineSettings(b.ticket), Format: a.format.name, QueryID: b.engineID,
		Comment: string(b.kind) + "/" + string(a.scope.Tenant)}
	a.confine(&st)
	if a.q.Running != nil {
		a.q.Running(b.engineID, a.estimate(expected))
	}
	// The engine has its own clock; this one is for an engine that does not answer at all.
	run, cancel := context.WithTimeout(ctx, a.maxTime()+a.grace)
	res, err := a.send(run, b, st)
	if err != nil {
		cancel()
		b.failed(err)
		a.q.spent = &b.final
		return nil, a.problem(ctx, err)
	}
	body := &answerBody{ReadCloser: res.Body, bill: b, limit: a.resultLimit(), cancel: cancel, summary: res.Summary}
	body.watch(run)
	ans.Body, ans.Summary, ans.Cost = body, res.Summary, body.cost
	return ans, nil
}

// How often a statement is sent because a rollup has moved on each time, and how long it waits in between. Then rollups are computed from the events.
const (
	sendings      = 3
	overtakenWait = 30 * time.Millisecond
)

// send has the engine run the statement.
func (a *asking) send(ctx context.Context, b *bill, st clickhouse.Statement) (*clickhouse.Result, error) {
	for n := 1; ; n++ {
		st.SQL, st.Params = a.checked.SQL, a.params()
		res, err := a.deps.Engine.Query(ctx, st)
		var e *clickhouse.Error
		if err == nil || !errors.As(err, &e) || e.Code != codeOvertaken || len(a.checked.Rollups) == 0 || a.scope.RollupsFromEvents {
			return res, err
		}
		if n == sendings {
			old := a.checked
			a.scope.RollupsFromEvents, a.checked = true, nil
			if p := a.prepare(); p != nil { // it was let through before; a property may be another one now
				a.checked = old
				return nil, err
			}
		} else {
			select {
			case <-ctx.Done():
				return nil, err // with what this run used
			case <-time.After(overtakenWait):
			}
		}
		b.again(e.Summary)
		a.metrics.overtaken.Inc()
	}
}

// params are the statement's parameters: the question's, how far the rollups have come that it reads, and its id if it asks for it.
func (a *asking) params() map[string]string {
	rollups := a.checked.Rollups
	if a.scope.RollupsFromEvents {
		rollups = nil
	}
	asksID := strings.Contains(a.checked.SQL, queryIDParam)
	if len(rollups) == 0 && !a.checked.Sessions && !asksID {
		return a.q.Params
	}
	all := map[string]string{}
	if len(rollups) > 0 {
		all = positionParams(rollups, a.deps.Rollups)
	}
	if a.checked.Sessions {
		maps.Copy(all, a.sessionParams())
	}
	if asksID {
		all[queryIDName] = clickhouse.EscapeParam(a.id)
	}
	for name, v := range a.q.Params {
		if _, ours := all[name]; !ours {
			all[name] = v
		}
	}
	return all
}

// pin keeps the rows of the lookup tables that the statement reads until it has ended. Where one was replaced while the statement waited for its turn, it is
// written anew.
func (a *asking) pin(b *bill) *problem.Problem {
	for range 100 {
		if len(a.checked.Lookups) == 0 {
			return nil
		}
		release, ok := a.deps.Lookups.Pin(a.checked.Lookups)
		if ok {
			b.release, a.pinned = release, true
			return nil
		}
		a.checked = nil
		if p := a.prepare(); p != nil {
			return p
		}
	}
	return problem.New(http.StatusServiceUnavailable, "lookup_changing", "a lookup table that the statement reads is replaced all the time; try again").WithRetry(time.Second)
}

// confine has the engine run the statement behind its own barrier.
func (a *asking) confine(st *clickhouse.Statement) {
	switch {
	case !a.barrier2:
	case a.scope.All:
		st.Operator = true
	default:
		st.Tenant = string(a.scope.Tenant)
	}
}

// base are the service's own settings.
func (a *asking) base() map[string]string {
	if a.q.Door == DoorJob {
		return a.long
	}
	return a.settings
}

// engineSettings are the service's own, the question's about the form of its answer and lower limits, and the ticket's, which go over all others.
func (a *asking) engineSettings(t usage.Ticket) map[string]string {
	base := a.base()
	var tuning map[string]string
	if tuned, ok := t.(usage.Tuned); ok {
		tuning = tuned.Settings()
	}
	if len(a.q.Settings) == 0 && len(tuning) == 0 && len(a.checked.Rollups) == 0 {
		return base
	}
	all := maps.Clone(base)
	if len(a.checked.Rollups) > 0 { // a state is no text, and JSON has to stay JSON
		all["output_format_json_validate_utf8"] = "1"
	}
	for k, v := range a.q.Settings {
		if _, own := base[k]; lowerable[k] && lower(v, base[k]) || !lowerable[k] && (!own || formSetting(k)) {
			all[k] = v
		}
	}
	maps.Copy(all, tuning)
	return all
}

// newEngineID is the id under which the engine runs a statement: never the caller's, which another tenant may use too.
func newEngineID() string { return rand.Text() }
