package metering

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"weir/internal/problem"
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
	Currency  string     `json:"currency,omitempty" doc:"Of the amount, where it is not today's: the price book had another currency then"`
	Amounts
}

// bill is what was used in [from, to), by some dimensions.
type bill struct {
	Lines       []Line
	Total       Line               // its amount is in today's currency; Others has what was priced in others
	Others      map[string]float64 // by currency
	Overhead    map[string]float64 // CPU seconds by part
	Unexplained map[string]float64 // by process
	Tenants     float64            // CPU seconds of all tenants
}

// Spent returns the amounts of all tenants in whole hours, in the currency of today.
func (m *Meter) Spent(from, to time.Time) (amounts map[tenant.ID]float64, currency string, err error) {
	b, err := m.bill("", true, from, to, []dimension{byTenant})
	if err != nil {
		return nil, "", err
	}
	amounts = make(map[tenant.ID]float64, len(b.Lines))
	for _, l := range b.Lines {
		if l.Tenant != "" && l.Currency == "" {
			amounts[tenant.ID(l.Tenant)] += l.Amount
		}
	}
	return amounts, m.today(), nil
}

// maxLines bounds the lines of a bill, and so its memory: some 400 bytes each.
const maxLines = 200_000

// errTooManyLines says that a bill would have more than maxLines.
var errTooManyLines = errors.New("too many lines")

func tooManyLines() *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "too_many_lines",
		"the answer would have more than %d lines: ask for a shorter range, or tell less apart with by", maxLines).WithField("by").WithLimit("lines", maxLines)
}

// group is what a line of a bill sums up.
type group struct {
	tenant              tenant.ID
	hour                uint32
	kind                usage.Kind
	source, user, shape string
	currency            string // empty: today's
}

func groupOf(k Key, by []dimension) (g group) {
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
	return g
}

func (g group) line() *Line {
	l := &Line{Tenant: string(g.tenant), Kind: string(g.kind), Source: g.source, User: g.user, Shape: g.shape, Currency: g.currency}
	if g.hour != 0 {
		at := timeOf(g.hour)
		l.Hour = &at
	}
	return l
}

// bill adds up the ledger. all: of every tenant, and what serves none; else of t alone.
func (m *Meter) bill(t tenant.ID, all bool, from, to time.Time, by []dimension) (*bill, error) {
	lines := map[group]*Line{}
	out := &bill{Overhead: map[string]float64{}, Unexplained: map[string]float64{}, Others: map[string]float64{}}
	today := m.today()
	err := m.ledger.Scan(t, all, hourOf(from), hourOf(to.Add(time.Hour-1)), func(k Key, a Amounts) error {
		if k.Tenant == "" {
			out.installation(k, a)
			return nil
		}
		book := m.book(k.Hour)
		cost, g := book.Cost(k.Kind, a), groupOf(k, by)
		if book.Currency == today {
			out.Total.Amount += cost
		} else {
			g.currency = book.Currency
			out.Others[book.Currency] += cost
		}
		l := lines[g]
		if l == nil {
			if len(lines) >= maxLines {
				return errTooManyLines
			}
			l = g.line()
			lines[g] = l
		}
		l.Amount += cost
		l.Amounts.Add(a)
		out.Total.Amounts.Add(a)
		out.Tenants += a.CPU
		return nil
	})
	if errors.Is(err, errTooManyLines) {
		return nil, tooManyLines()
	}
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		out.Lines = append(out.Lines, *l)
	}
	slices.SortFunc(out.Lines, compareLines)
	return out, nil
}

// installation takes in a row that belongs to no tenant.
func (b *bill) installation(k Key, a Amounts) {
	switch k.Kind {
	case KindUnexplained:
		b.Unexplained[k.Source] += a.CPU
	case KindOverhead:
		b.Overhead[k.Source] += a.CPU
	default:
		b.Overhead["operator_"+string(k.Kind)] += a.CPU
	}
}

// today is the currency of the price book that holds now.
func (m *Meter) today() string { return m.book(hourOf(m.cfg.Now())).Currency }

// costToday is what a row costs; 0 when it was priced in another currency than today's.
func (m *Meter) costToday(k Key, a Amounts) float64 {
	if b := m.book(k.Hour); b.Currency == m.today() {
		return b.Cost(k.Kind, a)
	}
	return 0
}

// addTexts adds the texts of the shapes in lines: from memory, else from the ledger.
func (m *Meter) addTexts(lines []Line) error {
	for i := range lines {
		l := &lines[i]
		if l.Shape == "" || l.Shape == Other {
			continue
		}
		if m.cfg.ShapeText != nil {
			l.ShapeText = m.cfg.ShapeText(tenant.ID(l.Tenant), l.Shape)
		}
		if l.ShapeText != "" {
			continue
		}
		var err error
		if l.ShapeText, err = m.ledger.Text(tenant.ID(l.Tenant), l.Shape); err != nil {
			return err
		}
	}
	return nil
}

// Total adds up what a tenant used in [from, to), and what it cost.
func (m *Meter) Total(t tenant.ID, from, to time.Time) (sum Amounts, amount float64, currency string, err error) {
	b, err := m.bill(t, false, from, to, nil)
	if err != nil {
		return Amounts{}, 0, "", err
	}
	return b.Total.Amounts, b.Total.Amount, m.today(), nil
}

// compareLines orders by time, then the most expensive first.
func compareLines(a, b Line) int {
	if a.Hour != nil && b.Hour != nil && !a.Hour.Equal(*b.Hour) {
		return a.Hour.Compare(*b.Hour)
	}
	return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Source, b.Source), cmp.Compare(a.User, b.User), cmp.Compare(a.Shape, b.Shape))
}
