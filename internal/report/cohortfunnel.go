package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// The bounds of a cohort of a funnel: its persons are found first, and given to the question's statement as a list.
const (
	maxFunnelCohort      = 100_000
	maxFunnelCohortBytes = 2 << 20 // of their ids: a statement's parameters have 8 MiB, in which a sign takes up to three bytes
)

type cohortKey struct{}

// inCohort says whether a question is asked for a cohort, which cannot be made of cohorts: one of them could be itself.
func inCohort(ctx context.Context) bool { return ctx.Value(cohortKey{}) != nil }

// fillFunnel checks the definition of a cohort by a funnel.
func (r *Reporter) fillFunnel(ctx context.Context, src catalog.Source, c *cohort, body catalog.Cohort) *problem.Problem {
	a, p := decodeFunnel(body.Funnel)
	if p == nil {
		a.Breakdown = "" // persons are not broken down
		c.funnel, p = r.funnelOf(context.WithValue(ctx, cohortKey{}, true), src, a)
	}
	if p != nil {
		field := "question.funnel"
		if p.Field != "" {
			field += "." + p.Field
		}
		return p.WithField(field)
	}
	if c.step = body.Step; c.step < 1 || c.step > len(c.funnel.steps) {
		return invalid("question.step", "step is %d, it must be between 1 and %d, a step of the funnel", c.step, len(c.funnel.steps))
	}
	return nil
}

// errCohortFull says that a cohort has more persons than a question can take.
var errCohortFull = errors.New("report: a cohort has too many persons")

// askCohort finds the persons of a cohort by a funnel. It is a question of its own, charged, within limits and kept like any other.
func (r *Reporter) askCohort(ctx context.Context, src catalog.Source, c *cohort) *problem.Problem {
	who, err := tenant.From(ctx)
	if err != nil {
		return problem.New(http.StatusUnauthorized, "unauthenticated", "send a key: Authorization: Bearer <key>")
	}
	f := c.funnel
	if p := r.personMasked(who, f.q, map[string][]stage{"filter": append(slices.Clone(f.steps), f.excluded...)}, nil, false); p != nil {
		return p
	}
	out, p := r.serve(ctx, &panel{
		endpoint: "cohort", who: who, src: src, asks: asksFunnel("cohort of a funnel", f), says: "the cohort " + c.id + " of " + src.SiteID, key: keyOf(append(f.parts(), "cohort", fmt.Sprint(c.step))...),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, f.shape()), Kind: usage.KindReport, Columns: f.columns(), From: f.q.From, To: f.q.To}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) { return r.cohortPersons(ctx, t, c) },
	})
	if p != nil {
		return p
	}
	var found struct {
		People []string `json:"people"`
		Full   bool     `json:"full"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(out.Body), &found); err != nil {
		r.log.Error("the persons of a cohort cannot be read", "cohort", c.id, "error", err)
		return problem.New(http.StatusInternalServerError, "internal", "the cohort could not be made; the operator's log says why")
	}
	if found.Full {
		return problem.New(http.StatusUnprocessableEntity, "cohort_too_large", "the cohort %s has more than %d persons, or their ids more than %d bytes; make its funnel narrower, by filters or a shorter range",
			c.id, maxFunnelCohort, maxFunnelCohortBytes).WithField("filter").WithLimit("report.cohort_persons", maxFunnelCohort)
	}
	c.people = found.People
	return nil
}

// cohortPersons lists those who reached the step, by id.
func (r *Reporter) cohortPersons(ctx context.Context, t *tally, c *cohort) (*kept, error) {
	list, size := []string{}, 0
	err := r.funnelPersons(ctx, t, c.funnel, func(person string, times []int64, _ string) error {
		if len(times) < c.step {
			return nil
		}
		if size += len(person); len(list) == maxFunnelCohort || size > maxFunnelCohortBytes {
			return errCohortFull
		}
		list = append(list, person)
		return nil
	})
	switch {
	case errors.Is(err, errCohortFull):
		return &kept{head: []byte(`{"full":true`)}, nil
	case err != nil:
		return nil, err
	}
	slices.Sort(list)
	b, err := marshal(list)
	return &kept{head: fmt.Appendf(nil, `{"people":%s`, b)}, err
}

// lookedAt is what the steps, the exclusions and the breakdown look at of an event itself.
func (f *funnelQuestion) lookedAt() []Dim {
	var dims []Dim
	for _, s := range slices.Concat(f.steps, f.excluded) {
		dims = append(dims, dimsOf(s.filters)...)
	}
	if f.breakdown != nil {
		dims = append(dims, *f.breakdown)
	}
	return dims
}

// dims are what a funnel looks at.
func (f *funnelQuestion) dims() []Dim {
	dims := []Dim{}
	for _, x := range f.q.Filters {
		dims = append(dims, x.dims()...)
	}
	for _, s := range append(slices.Clone(f.steps), f.excluded...) {
		if s.typ != "" {
			dims = append(dims, Dim{Column: "type"})
		}
		for _, x := range s.filters {
			dims = append(dims, x.dims()...)
		}
	}
	return dims
}
