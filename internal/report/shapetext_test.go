package report

import (
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// TestShapeTexts: a bill can say what each shape stands for, without anything of what was asked for: values, names of properties, sites.
func TestShapeTexts(t *testing.T) {
	d := &desk{}
	e := &counting{rows: `[]`}
	saved := objects{}
	saved.put(t, "site", catalog.KindGoal, "secret", catalog.Goal{Type: "buy"})
	r := reporterOf(t, Deps{Engine: e, Gate: d, Links: seqs{}, Objects: saved}, Config{})
	const path = "/api/v1/analytics/site/"
	for query, want := range map[string]string{
		"report?metric=events,visitors&group_by=country&interval=day&filter=path:/secret&filter=props.salary:secret&totals=false": "report of events, visitors by country, day, filtered by a property, path",
		"report?metric=events&group_by=props.salary&bots=only&totals=false":                                                       "report of events by a property, of bots",
		"report?metric=events&bots=include&totals=false":                                                                          "report of events, with bots",
		"report?metric=conversions&goal=secret&totals=false":                                                                      "report of conversions, of a goal",
		"values?dim=country&prefix=secret":                                                                                        "values for a filter of events by country, filtered by country",
		"sessions?filter=country:DE":                                                                                              "list of sessions, filtered by country",
		"visitors/secret":                                                                                                         "sessions of a visitor",
		"realtime":                                                                                                                "realtime",
		`funnel {"steps":[{"type":"secret"},{"type":"b"},{"type":"c"}]}`:                                                          "funnel of 3 steps",
		`funnel/people {"step":1,"steps":[{"type":"secret"},{"type":"salary"}]}`:                                                  "people of a funnel of 2 steps",
		`retention {"start":{"type":"secret"},"return":{"type":"b"},"period":"month"}`:                                            "retention by month",
	} {
		d.asked = nil
		method, body := "GET", ""
		if at, question, ok := strings.Cut(query, " "); ok {
			method, query, body = "POST", at, question
		}
		call(t, serve(r, acmeViewer), method, path+query, body)
		if len(d.asked) != 1 {
			t.Errorf("%s: asked %d times", query, len(d.asked))
			continue
		}
		got := r.ShapeText("acme", d.asked[0].Shape)
		if got != want || strings.Contains(got, "secret") || strings.Contains(got, "salary") {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if other := r.ShapeText("other", d.asked[0].Shape); other != "" {
			t.Errorf("another tenant reads %q", other)
		}
		r.ForgetTexts(tenant.ID("acme"))
		if r.ShapeText("acme", d.asked[0].Shape) != "" {
			t.Error("the text of a tenant that is gone stays")
		}
	}
}
