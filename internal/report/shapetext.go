package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/internal/tenant"
)

// ShapeText returns what a shape of questions stands for that the tenant asked since the start, such as "report of events, visitors by country, filtered by path". It holds no value of a
// question, and no name of a property. It is empty when it is not remembered.
func (r *Reporter) ShapeText(t tenant.ID, shape string) string { return r.texts.Of(t, shape) }

// ForgetTexts forgets the texts of a tenant.
func (r *Reporter) ForgetTexts(t tenant.ID) { r.texts.Forget(t) }

// text describes the panel's question for a bill.
func (p *panel) text() string { return cmp.Or(p.asks, strings.ReplaceAll(p.endpoint, "_", " ")) }

// asks describes a question without its values: what is asked (a report, a list …), and by which columns.
func (q Question) asks(what string) string {
	var b strings.Builder
	b.WriteString(what)
	list := func(word string, names []string) {
		if len(names) > 0 {
			b.WriteString(word + strings.Join(names, ", "))
		}
	}
	list(" of ", q.Metrics)
	by := namesOf(q.GroupBy)
	if q.Interval != "" {
		by = append(by, q.Interval)
	}
	list(" by ", by)
	var filtered []Dim
	for _, f := range q.Filters {
		filtered = append(filtered, f.Dim)
	}
	names := namesOf(filtered)
	slices.Sort(names)
	list(", filtered by ", slices.Compact(names))
	switch q.Bots {
	case BotsInclude:
		b.WriteString(", with bots")
	case BotsOnly:
		b.WriteString(", of bots")
	}
	if n := q.Goal; n != nil {
		b.WriteString(", of a goal")
	}
	return b.String()
}

func namesOf(dims []Dim) []string {
	names := make([]string, 0, len(dims))
	for _, d := range dims {
		if d.Prop != "" {
			names = append(names, "a property")
		} else {
			names = append(names, d.Column)
		}
	}
	return names
}

// asksFunnel describes a funnel.
func asksFunnel(what string, f *funnelQuestion) string {
	return fmt.Sprintf("%s of %d steps", what, len(f.steps))
}
