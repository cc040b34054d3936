package metering

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/config"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Bounds of one answer.
const (
	maxRange = 800 * 24 * time.Hour
)

// Range is a range of time as requests give it.
type Range struct {
	From string `query:"from" example:"24h" doc:"Start: a time (RFC 3339), or a length such as 24h or 7d back from to; rounded down to the hour; a day before to by default"`
	To   string `query:"to" doc:"End, exclusive: a time (RFC 3339), now, or a length back from now; rounded up to the hour; now by default"`
}

// resolve returns whole hours.
func (in Range) resolve(now time.Time, length time.Duration) (from, to time.Time, prob *problem.Problem) {
	var err error
	if to = now; in.To != "" {
		if to, err = config.TimeBack(in.To, now, now); err != nil {
			return from, to, unreadable("to", err)
		}
	}
	to = to.UTC()
	if end := to.Truncate(time.Hour); !end.Equal(to) {
		to = end.Add(time.Hour)
	}
	if from = to.Add(-length); in.From != "" {
		if from, err = config.TimeBack(in.From, to, now); err != nil {
			return from, to, unreadable("from", err)
		}
	}
	from = from.UTC().Truncate(time.Hour)
	switch {
	case !from.Before(to):
		return from, to, problem.New(http.StatusUnprocessableEntity, "invalid", "from, %s, is not before to, %s", from.Format(time.RFC3339), to.Format(time.RFC3339)).WithField("from")
	case to.Sub(from) > maxRange:
		return from, to, problem.New(http.StatusUnprocessableEntity, "invalid", "the range is longer than 800 days: ask for less at once").WithField("from")
	case from.Unix() < 0:
		return from, to, problem.New(http.StatusUnprocessableEntity, "invalid", "from lies before 1970").WithField("from")
	}
	return from, to, nil
}

func unreadable(field string, err error) *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "invalid_field", "field %s: %v", field, err).WithField(field)
}

type costsInput struct {
	Range
	By    string `query:"by" doc:"What to tell apart, separated by commas: tenant, source, user, shape, kind, hour, day; tenant by default"`
	Limit int    `query:"limit" minimum:"1" maximum:"100000" default:"1000" doc:"Most lines; the total is of all"`
}

type costsOutput struct {
	Body struct {
		From         time.Time          `json:"from"`
		To           time.Time          `json:"to"`
		AsOf         time.Time          `json:"as_of" doc:"When the processes were looked at last: CPU used after it is not in yet"`
		Currency     string             `json:"currency"`
		By           []string           `json:"by"`
		Lines        []Line             `json:"lines" doc:"By time where told apart, then the most expensive first"`
		Omitted      int                `json:"omitted_lines,omitempty" doc:"Lines beyond the limit"`
		Total        Line               `json:"total"`
		Others       map[string]float64 `json:"other_currencies,omitempty" doc:"What was priced in other currencies than today's, by currency: it is not in the total's amount"`
		Budget       *budgetView        `json:"budget,omitempty" doc:"This month's, of the tenant asked for"`
		Installation *installationView  `json:"installation,omitempty" doc:"For the operator of all tenants: how the sum adds up"`
	}
}

type installationView struct {
	TenantsCPU  float64            `json:"tenants_cpu_seconds"`
	OverheadCPU float64            `json:"overhead_cpu_seconds"`
	Overhead    map[string]float64 `json:"overhead" doc:"CPU seconds that served no tenant, each measured by itself"`
	Unexplained map[string]float64 `json:"unexplained" doc:"By process: its CPU less everything that was measured in it"`
	Ratio       float64            `json:"unexplained_ratio" doc:"Unexplained CPU over all CPU; the sum of the processes' absolute values"`
	LastMinute  float64            `json:"unexplained_ratio_last_minute"`
	Sampled     float64            `json:"sampled_ratio_last_minute" doc:"CPU that the samples of the server's profile stand for at 10 ms each, over the CPU it used"`
}

type budgetView struct {
	Month      string   `json:"month"`
	Amount     float64  `json:"amount"`
	Spent      float64  `json:"spent"`
	Remaining  float64  `json:"remaining"`
	Action     string   `json:"action"`
	Exceeded   bool     `json:"exceeded"`
	Webhook    string   `json:"webhook,omitempty"`
	SigningKey string   `json:"signing_key,omitempty" doc:"Key of the signature of webhooks; for admins"`
	Notices    []notice `json:"notices" doc:"Thresholds that were passed this month, and whether the webhook took the news"`
}

type budgetOutput struct{ Body budgetView }

// Register adds GET /api/v1/costs and GET /api/v1/budget to an API whose operations are authenticated.
func (m *Meter) Register(api huma.API) {
	tags := []string{"Usage (tenant admin)"}
	huma.Register(api, huma.Operation{OperationID: "costs", Method: http.MethodGet, Path: "/api/v1/costs", Tags: tags,
		Summary:     "What the work cost, by tenant, source, user, query shape, kind and hour",
		Description: "The tenant is the key's. The operator sees all tenants, or the one that the header " + tenant.Header + " names. At most 10 s old.",
		Errors:      []int{401, 403, 422}}, m.costs)
	huma.Register(api, huma.Operation{OperationID: "budget", Method: http.MethodGet, Path: "/api/v1/budget", Tags: tags,
		Summary: "How the tenant stands with its budget of this month", Errors: []int{401, 403, 404, 422}}, m.budget)
}

// admin returns whose costs are asked for: all is set for the operator who names no tenant.
func admin(ctx context.Context) (id tenant.ID, all bool, err error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return "", false, err
	}
	if prob := p.Require(tenant.RoleAdmin); prob != nil {
		return "", false, prob
	}
	if p.Tenant == "" && p.Role != tenant.RoleOperator {
		return "", false, problem.New(http.StatusForbidden, "forbidden", "the key belongs to no tenant")
	}
	return p.Tenant, p.Tenant == "", nil
}

func parseBy(text string) ([]dimension, *problem.Problem) {
	if text == "" {
		return []dimension{byTenant}, nil
	}
	var out []dimension
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(dimensions, name) {
			return nil, problem.New(http.StatusUnprocessableEntity, "invalid", "by: %q is not one of %s", name, strings.Join(dimensions, ", ")).WithField("by")
		}
		if !slices.Contains(out, dimension(name)) {
			out = append(out, dimension(name))
		}
	}
	if slices.Contains(out, byHour) && slices.Contains(out, byDay) {
		return nil, problem.New(http.StatusUnprocessableEntity, "invalid", "by: hour and day exclude each other").WithField("by")
	}
	return out, nil
}

func (m *Meter) costs(ctx context.Context, in *costsInput) (*costsOutput, error) {
	id, all, err := admin(ctx)
	if err != nil {
		return nil, err
	}
	by, prob := parseBy(in.By)
	if prob != nil {
		return nil, prob
	}
	from, to, prob := in.resolve(m.cfg.Now(), 24*time.Hour)
	if prob != nil {
		return nil, prob
	}
	b, err := m.bill(id, all, from, to, by)
	if err != nil {
		return nil, err
	}
	out := &costsOutput{}
	o := &out.Body
	o.From, o.To, o.AsOf, o.Currency, o.Total, o.Others = from, to, m.AsOf(), m.today(), b.Total, b.Others
	for _, d := range by {
		o.By = append(o.By, string(d))
	}
	o.Lines = b.Lines
	if n := len(b.Lines) - in.Limit; n > 0 {
		o.Lines, o.Omitted = b.Lines[:in.Limit], n
	}
	if o.Lines == nil {
		o.Lines = []Line{}
	}
	if err := m.addTexts(o.Lines); err != nil {
		return nil, err
	}
	if all {
		o.Installation = m.installation(b)
	} else if v, ok := m.budgetView(id, false); ok && m.budgetDamage(id) == nil {
		o.Budget = &v
	}
	return out, nil
}

func (m *Meter) installation(b *bill) *installationView {
	v := &installationView{TenantsCPU: b.Tenants, Overhead: b.Overhead, Unexplained: b.Unexplained}
	sum, off := b.Tenants, 0.0
	for _, s := range b.Overhead {
		v.OverheadCPU += s
		sum += s
	}
	for _, s := range b.Unexplained {
		sum += s
		off += max(s, -s)
	}
	if sum > 0 {
		v.Ratio = off / sum
	}
	if last := m.balanceNow(); last.cpu > 0 {
		v.LastMinute = max(last.unexplained, -last.unexplained) / last.cpu
		if v.Sampled = 1; last.profiled > 0 {
			v.Sampled = last.sampled / last.profiled
		}
	}
	return v
}

func (m *Meter) budgetView(id tenant.ID, secret bool) (budgetView, bool) {
	s, ok := m.BudgetState(id)
	if !ok {
		return budgetView{}, false
	}
	v := budgetView{Month: s.Month.Format("2006-01"), Amount: s.Amount, Spent: s.Spent, Remaining: s.Remaining, Action: orNotify(s.Action), Exceeded: s.Exceeded, Notices: []notice{}}
	if secret {
		v.Webhook, v.SigningKey = s.Webhook, m.budgets.sender.key(id)
	}
	m.budgets.mu.Lock()
	defer m.budgets.mu.Unlock()
	for _, n := range m.budgets.notices {
		if n.Tenant == id && n.Month == v.Month {
			shown := *n
			shown.Reason = shownReason(n.Reason)
			v.Notices = append(v.Notices, shown)
		}
	}
	slices.SortFunc(v.Notices, func(a, b notice) int { return a.At.Compare(b.At)*1000 + a.Threshold - b.Threshold })
	return v, true
}

func (m *Meter) budget(ctx context.Context, _ *struct{}) (*budgetOutput, error) {
	id, all, err := admin(ctx)
	if err != nil {
		return nil, err
	}
	if all {
		return nil, problem.New(http.StatusUnprocessableEntity, "tenant_required", "the operator must name the tenant: add the header %s", tenant.Header).WithField(tenant.Header)
	}
	v, ok := m.budgetView(id, true)
	if !ok {
		return nil, problem.New(http.StatusNotFound, "no_budget", "the tenant %s has no budget: set budget.amount with PATCH /api/v1/tenants/%s/policy", id, id)
	}
	if err := m.budgetDamage(id); err != nil {
		return nil, err
	}
	return &budgetOutput{v}, nil
}
