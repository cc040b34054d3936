package saved

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// namers are the kinds of a site's objects that may name one of a kind.
var namers = map[string][]string{
	catalog.KindCohort:  {catalog.KindGoal, catalog.KindSegment}, // in a filter
	catalog.KindSegment: {catalog.KindCohort},                    // in a funnel
	catalog.KindGoal:    {catalog.KindCohort},                    // in a step of a funnel
}

// usersOf lists the objects of a site that name another one of it, as a message says them.
func (o *Objects) usersOf(ctx context.Context, src catalog.Source, kind, id string) ([]string, error) {
	var users []string
	for _, by := range namers[kind] {
		objects, err := o.deps.Catalog.SavedOf(ctx, src.Tenant, by, src.SiteID)
		if err != nil {
			return nil, err
		}
		for _, s := range objects {
			if o.names(s, kind, id) {
				users = append(users, fmt.Sprintf("the %s %q", s.Kind, s.Name))
			}
		}
	}
	return users, nil
}

// names says whether an object names another one. A body that cannot be read names nothing.
func (o *Objects) names(s catalog.Saved, kind, id string) bool {
	if s.Kind != catalog.KindCohort {
		var b struct {
			Filter []string `json:"filter"` // of a segment and of a goal
		}
		return json.Unmarshal(s.Body, &b) == nil && slices.Contains(o.deps.Questions.CohortsIn(b.Filter), id)
	}
	var c catalog.Cohort
	if json.Unmarshal(s.Body, &c) != nil || c.Funnel == nil {
		return false
	}
	segment, goals := o.deps.Questions.FunnelNames(c.Funnel)
	if kind == catalog.KindSegment {
		return segment == id
	}
	return slices.Contains(goals, id)
}

// panelsOf lists the panels of dashboards that name an object of a site. Dashboards that the principal may not see are not named.
func (o *Objects) panelsOf(ctx context.Context, who tenant.Principal, src catalog.Source, kind, id string) ([]string, error) {
	all, err := o.deps.Catalog.SavedOf(ctx, src.Tenant, catalog.KindDashboard, "")
	if err != nil {
		return nil, err
	}
	var users []string
	for _, s := range all {
		d, err := dashboardOf(s)
		if err != nil {
			return nil, err
		}
		for _, p := range d.Panels {
			var q any
			if p.Kind == panelSQL || p.Site != src.SiteID || json.Unmarshal(p.Question, &q) != nil || !o.asks(q, kind, id) {
				continue
			}
			what := fmt.Sprintf("the panel %q", p.Title)
			if p.Title == "" {
				what = "a panel of the kind " + p.Kind
			}
			if !mayReach(who, d) {
				users = append(users, "a panel of a dashboard that you may not see")
			} else {
				users = append(users, fmt.Sprintf("%s of the dashboard %q", what, s.Name))
			}
		}
	}
	return users, nil
}

// asks says whether a question, or a part of one, names an object: all kinds of questions do it in fields of these names.
func (o *Objects) asks(question any, kind, id string) bool {
	field := kind // segment and goal
	if kind == catalog.KindCohort {
		field = "filter"
	}
	switch q := question.(type) {
	case []any:
		return slices.ContainsFunc(q, func(part any) bool { return o.asks(part, kind, id) })
	case map[string]any:
		for name, part := range q {
			if name == field && o.isIn(part, kind, id) || o.asks(part, kind, id) {
				return true
			}
		}
	}
	return false
}

// isIn says whether a value, a text or several, is the id or, of filters, names it.
func (o *Objects) isIn(value any, kind, id string) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return o.isIn(one, kind, id) })
	case string:
		return kind != catalog.KindCohort && v == id || kind == catalog.KindCohort && slices.Contains(o.deps.Questions.CohortsIn([]string{v}), id)
	}
	return false
}

// maxUsers is how many objects a message lists.
const maxUsers = 5

func listed(users []string) string {
	if n := len(users) - maxUsers; n > 0 {
		return strings.Join(users[:maxUsers], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(users, ", ")
}

// unused refuses to delete an object that others name: they would be refused whenever they are asked.
func (o *Objects) unused(ctx context.Context, who tenant.Principal, src catalog.Source, kind, id string) error {
	users, err := o.usersOf(ctx, src, kind, id)
	if err != nil {
		return err
	}
	panels, err := o.panelsOf(ctx, who, src, kind, id)
	if users = append(users, panels...); err != nil || len(users) == 0 {
		return err
	}
	return problem.New(http.StatusConflict, "in_use", "%s would not work without this %s: change or delete what names it first", listed(users), kind).WithField("id")
}

// cohortFree refuses filters on cohorts that come into an object of which cohorts are made: a cohort cannot be made of another, so theirs would be refused whenever
// they are asked.
func (o *Objects) cohortFree(ctx context.Context, src catalog.Source, kind, id string, before, after []string) error {
	q := o.deps.Questions
	if id == "" || len(q.CohortsIn(after)) == 0 || len(q.CohortsIn(before)) > 0 {
		return nil
	}
	users, err := o.usersOf(ctx, src, kind, id)
	if err != nil || len(users) == 0 {
		return err
	}
	return invalid("filter", "%s is made of a funnel with this %s, and a cohort cannot be made of another cohort: write the filters of that cohort in its place, or save another %s", listed(users), kind, kind)
}
