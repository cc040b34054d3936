package metering

import (
	"cmp"
	"slices"
	"time"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// dimension is what a bill can be told apart by.
type dimension string

const (
	byTenant dimension = "tenant"
	bySource dimension = "source"
	byUser   dimension = "user"
	byShape  dimension = "shape"
	byKind   dimension = "kind"
	byHour   dimension = "hour"
	byDay    dimension = "day"
)

var dimensions = []string{"tenant", "source", "user", "shape", "kind", "hour", "day"}

// Line is one line of a bill.
type Line struct {
	Tenant    string     `json:"tenant,omitempty"`
	Hour      *time.Time `json:"hour,omitempty" doc:"Start of the hour, or of the day where days are asked for and hours are not kept any more (after 90 days)"`
	Kind      string     `json:"kind,omitempty" doc:"What the work was for: ingest, process, query, report, cache, job, rollup, merge, storage, control"`
	Source    string     `json:"source,omitempty" doc:"The source's site_id"`
	User      string     `json:"user,omitempty"`
	Shape     string     `json:"shape,omitempty" doc:"Hash of the normalised query"`
	ShapeText string     `json:"shape_text,omitempty"`
	Amount    float64    `json:"amount" doc:"In currency"`
	Amounts
}

// bill is what was used in [from, to), by some dimensions.
type bill struct {
	Lines       []Line
	Total       Line
	Overhead    map[string]float64 // CPU seconds by part
	Unexplained map[string]float64 // by process
	Tenants     float64            // CPU seconds of all tenants
}

// bill adds up the ledger. all: of every tenant, and what serves none; else of t alone.
func (m *Meter) bill(t tenant.ID, all bool, from, to time.Time, by []dimension) (*bill, error) {
	type group struct {
		tenant              tenant.ID
		hour                uint32
		kind                usage.Kind
		source, user, shape string
	}
	lines := map[group]*Line{}
	out := &bill{Overhead: map[string]float64{}, Unexplained: map[string]float64{}}
	err := m.ledger.Scan(t, all, hourOf(from), hourOf(to.Add(time.Hour-1)), func(k Key, a Amounts) error {
		if k.Tenant == "" {
			switch k.Kind {
			case KindUnexplained:
				out.Unexplained[k.Source] += a.CPU
			case KindOverhead:
				out.Overhead[k.Source] += a.CPU
			default:
				out.Overhead["operator_"+string(k.Kind)] += a.CPU
			}
			return nil
		}
		var g group
		for _, d := range by {
			switch d {
			case byTenant:
				g.tenant = k.Tenant
			case bySource:
				g.source = k.Source
			case byUser:
				g.user = k.User
			case byShape:
				g.shape = k.Shape
				g.tenant = k.Tenant // a shape's text is its tenant's
			case byKind:
				g.kind = k.Kind
			case byHour:
				g.hour = k.Hour
			case byDay:
				g.hour = k.Hour / 24 * 24
			}
		}
		l := lines[g]
		if l == nil {
			l = &Line{Tenant: string(g.tenant), Kind: string(g.kind), Source: g.source, User: g.user, Shape: g.shape}
			if g.hour != 0 {
				at := timeOf(g.hour)
				l.Hour = &at
			}
			if g.shape != "" && g.shape != Other && m.cfg.ShapeText != nil {
				l.ShapeText = m.cfg.ShapeText(k.Tenant, g.shape)
			}
			lines[g] = l
		}
		cost := m.book(k.Hour).Cost(k.Kind, a)
		l.Amount += cost
		l.Amounts.Add(a)
		out.Total.Amount += cost
		out.Total.Amounts.Add(a)
		out.Tenants += a.CPU
		return nil
	})
	for _, l := range lines {
		out.Lines = append(out.Lines, *l)
	}
	slices.SortFunc(out.Lines, compareLines)
	return out, err
}

// Total adds up what a tenant used in [from, to), and what it cost.
func (m *Meter) Total(t tenant.ID, from, to time.Time) (sum Amounts, amount float64, currency string, err error) {
	b, err := m.bill(t, false, from, to, nil)
	if err != nil {
		return Amounts{}, 0, "", err
	}
	return b.Total.Amounts, b.Total.Amount, m.book(hourOf(m.cfg.Now())).Currency, nil
}

// compareLines orders by time, then the most expensive first.
func compareLines(a, b Line) int {
	if a.Hour != nil && b.Hour != nil && !a.Hour.Equal(*b.Hour) {
		return a.Hour.Compare(*b.Hour)
	}
	return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Source, b.Source), cmp.Compare(a.User, b.User), cmp.Compare(a.Shape, b.Shape))
}
