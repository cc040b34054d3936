package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Objects finds what users saved. catalog.SavedObjects does.
type Objects interface {
	Saved(ctx context.Context, t tenant.ID, kind, id string) (catalog.Saved, error)
}

// maxType is the longest type of an event that a question can name, in bytes.
const maxType = 256

// maxGoalValue bounds what one conversion is worth: however many there are, their worth is a number, exact to the unit for thousands of them.
const maxGoalValue = 1e12

// object finds what is saved for a site under an id, and reads it into body. field is the caller's, for a message.
func (r *Reporter) object(ctx context.Context, src catalog.Source, kind, field, id string, body any) (version int64, p *problem.Problem) {
	s, p := r.namedObject(ctx, src, kind, field, id, body)
	return s.Version, p
}

// namedObject is object, and what the catalog says of it beside its body.
func (r *Reporter) namedObject(ctx context.Context, src catalog.Source, kind, field, id string, body any) (catalog.Saved, *problem.Problem) {
	unknown := invalid(field, "there is no %s %q on this site: it may have been deleted, or belong to another site; choose one of the site's %ss", kind, clip(id), kind)
	if r.deps.Objects == nil || !utf8.ValidString(id) {
		return catalog.Saved{}, unknown
	}
	s, err := r.deps.Objects.Saved(ctx, src.Tenant, kind, id)
	switch {
	case errors.Is(err, catalog.ErrNotFound) || err == nil && s.Site != src.SiteID:
		return catalog.Saved{}, unknown
	case ctx.Err() != nil:
		return catalog.Saved{}, gone()
	case err == nil:
		err = json.Unmarshal(s.Body, body)
	}
	if err != nil {
		r.log.Error("a saved object cannot be read", "kind", kind, "id", id, "error", err)
		return catalog.Saved{}, problem.New(http.StatusInternalServerError, "internal", "the %s %q cannot be read; the operator's log says why", kind, id)
	}
	return s, nil
}

// clip shortens what a caller wrote, for a message.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// filters reads the filters of a question and adds those of a segment (empty: none). What they name is found: every question about a site
// that takes filters reads them here.
func (r *Reporter) filters(ctx context.Context, src catalog.Source, texts []string, segment string) ([]Filter, *problem.Problem) {
	q := Question{}
	if p := (ask{Filter: texts}).filters(&q); p != nil {
		return nil, p
	}
	if p := r.asked(ctx, src, "filter", dimsOf(q.Filters)...); p != nil {
		return nil, p
	}
	if segment != "" {
		var body catalog.Segment
		if _, p := r.object(ctx, src, catalog.KindSegment, "segment", segment, &body); p != nil {
			return nil, p
		}
		more := Question{}
		if p := (ask{Filter: body.Filter}).filters(&more); p != nil {
			return nil, p.WithField("segment")
		}
		if p := r.lookFor(ctx, src, "segment", true, dimsOf(more.Filters)); p != nil {
			return nil, p
		}
		q.Filters = append(q.Filters, more.Filters...)
	}
	return q.Filters, r.findCohorts(ctx, src, q.Filters)
}

// savedFilters reads filters that were saved, of a goal: what they look at may have come no more, or not yet.
func (r *Reporter) savedFilters(ctx context.Context, src catalog.Source, texts []string) ([]Filter, *problem.Problem) {
	q := Question{}
	if p := (ask{Filter: texts}).filters(&q); p != nil {
		return nil, p
	}
	if p := r.lookFor(ctx, src, "filter", true, dimsOf(q.Filters)); p != nil {
		return nil, p
	}
	return q.Filters, r.findCohorts(ctx, src, q.Filters)
}

func (r *Reporter) findCohorts(ctx context.Context, src catalog.Source, filters []Filter) *problem.Problem {
	for i := range filters {
		if filters[i].Cohort == nil {
			continue
		}
		if p := r.findCohort(ctx, src, filters[i].Cohort); p != nil {
			return p
		}
	}
	return nil
}

// dimsOf are what filters look at.
func dimsOf(filters []Filter) []Dim {
	dims := make([]Dim, len(filters))
	for i, f := range filters {
		dims[i] = f.Dim
	}
	return dims
}

func checkType(field, s string, needed bool) *problem.Problem {
	switch {
	case s == "" && needed:
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "field %s is missing: the type of the event, such as pageview or signup", field).WithField(field)
	case len(s) > maxType || !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return invalid(field, "%s must be 1 to %d bytes of valid text", field, maxType)
	}
	return nil
}

// CheckGoal says what is wrong with a goal.
func (r *Reporter) CheckGoal(g catalog.Goal) *problem.Problem {
	if p := checkType("type", g.Type, true); p != nil {
		return p
	}
	if !(math.Abs(g.Value) <= maxGoalValue) {
		return invalid("value", "value is %g, it must be between -%g and %g; choose a larger unit", g.Value, maxGoalValue, maxGoalValue).WithLimit("report.goal_value", maxGoalValue)
	}
	return checkFilters(g.Filter)
}

// CheckSegment says what is wrong with a segment.
func (r *Reporter) CheckSegment(s catalog.Segment) *problem.Problem {
	if len(s.Filter) == 0 {
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "field filter is missing: a segment has one filter at least, such as country:DE").WithField("filter")
	}
	return checkFilters(s.Filter)
}

func checkFilters(texts []string) *problem.Problem {
	return ask{Filter: texts}.filters(&Question{})
}

// strictly reads JSON that a caller sent or saved into v, a pointer to a struct, and names a field that there is not.
func strictly(b []byte, v any) *problem.Problem {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil && d.More() {
		err = errors.New("there is something behind it")
	}
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typ) && typ.Field != "":
		return problem.New(http.StatusUnprocessableEntity, "invalid_field", "field %s: it cannot be a %s", typ.Field, typ.Value).WithField(typ.Field)
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		names := fieldsOf(reflect.TypeOf(v).Elem())
		return problem.New(http.StatusUnprocessableEntity, "unknown_field", "there is no field %q here%s; the fields are %s", clip(m[1]), didYouMean(clip(m[1]), names), strings.Join(names, ", ")).WithField(clip(m[1]))
	}
	return problem.New(http.StatusUnprocessableEntity, "invalid_question", "the question cannot be read: %v", err)
}

var unknownField = regexp.MustCompile(`unknown field "(.*)"`)

func fieldsOf(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" && !f.Anonymous {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// panelQuestion is how the question of a kind of panel is checked and answered.
type panelQuestion struct {
	check  func(ctx context.Context, src catalog.Source, question []byte) *problem.Problem
	answer func(ctx context.Context, src catalog.Source, question []byte) (*served, error)
}

// panelQuestions are the kinds of panels that ask about a site.
func (r *Reporter) panelQuestions() map[string]panelQuestion {
	return map[string]panelQuestion{"tile": r.reportOn("tile"), "line": r.reportOn("line"), "bar": r.reportOn("bar"), "table": r.reportOn("table"),
		"retention": {r.checkRetention, r.answerRetentionPanel},
		"funnel":    {r.checkFunnel, r.answerFunnelPanel}}
}

// hides says what a kind of panel would not show of a question about a report.
func hides(kind string, a ask) *problem.Problem {
	groups := len(unique(a.GroupBy))
	switch {
	case kind == "line" && a.Interval == "":
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "a panel of the kind line needs interval, such as day; a single number is a tile").WithField("interval")
	case kind == "bar" && a.Interval != "":
		return invalid("interval", "a panel of the kind bar shows groups, not times: leave interval out, or make it a line")
	case kind == "tile" && a.Interval != "":
		return invalid("interval", "a panel of the kind tile shows one number: leave interval out, or make it a line or a table")
	case kind == "bar" && groups == 0:
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "a panel of the kind bar needs group_by, the column whose values are its bars, such as path; a single number is a tile, a number over time a line").WithField("group_by")
	case kind == "bar" && groups > 1:
		return invalid("group_by", "a panel of the kind bar shows the values of one column: name one, or make it a table")
	case (kind == "tile" || kind == "line") && groups > 0:
		return invalid("group_by", "a panel of the kind %s shows one number without groups: leave group_by out, or make it a bar or a table", kind)
	case kind != "table" && len(unique(a.Metric)) > 1:
		return invalid("metric", "a panel of the kind %s shows one metric: name one, or make it a table", kind)
	case (kind == "bar" || kind == "table") && a.Compare != "":
		return invalid("compare", "a panel of the kind %s does not show the time before: leave compare out, or make it a tile or a line", kind)
	}
	return nil
}

// reportOn is how the questions about reports of a kind of panel are checked and answered.
func (r *Reporter) reportOn(kind string) panelQuestion {
	return panelQuestion{
		func(ctx context.Context, src catalog.Source, question []byte) *problem.Problem {
			var in reportBody
			if p := strictly(question, &in.Body); p != nil {
				return p
			}
			a, p := in.ask()
			if p != nil {
				return p
			}
			if p := hides(kind, a); p != nil {
				return p
			}
			_, p = r.question(ctx, src, a)
			return p
		},
		func(ctx context.Context, src catalog.Source, question []byte) (*served, error) {
			in := reportBody{SiteID: src.SiteID}
			if p := strictly(question, &in.Body); p != nil {
				return nil, p
			}
			return r.postReport(ctx, &in)
		},
	}
}

// CheckPanel says what is wrong with the question of a panel of a kind.
func (r *Reporter) CheckPanel(ctx context.Context, src catalog.Source, kind string, question json.RawMessage) *problem.Problem {
	q, ok := r.panelQuestions()[kind]
	if !ok {
		return invalid("kind", "a panel of the kind %q asks nothing about a site", clip(kind))
	}
	return q.check(withUnseen(ctx, true), src, question) // its first event may come later
}

// AnswerPanel answers the question of a panel for the principal in ctx, like the endpoint of that question.
func (r *Reporter) AnswerPanel(ctx context.Context, src catalog.Source, kind string, question json.RawMessage) (json.RawMessage, http.Header, *problem.Problem) {
	q, ok := r.panelQuestions()[kind]
	if !ok {
		return nil, nil, invalid("kind", "a panel of the kind %q asks nothing about a site", clip(kind))
	}
	s, err := q.answer(withUnseen(ctx, true), src, question)
	if err != nil {
		var p *problem.Problem
		if !errors.As(err, &p) {
			r.log.Error("a panel failed", "kind", kind, "error", err)
			p = problem.New(http.StatusInternalServerError, "internal", "the panel could not be answered; the operator's log says why")
		}
		return nil, nil, p
	}
	return bytes.TrimSpace(s.Body), http.Header{"X-Weir-Cost": {s.Cost}, "X-Weir-Cache": {s.Cache}}, nil
}
