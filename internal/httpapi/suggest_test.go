package httpapi

import (
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// TestForms: a value of none of the forms of its field is told these.
func TestForms(t *testing.T) {
	list := &huma.Schema{Type: "array", Items: &huma.Schema{Type: "string"}}
	body := &huma.Schema{Properties: map[string]*huma.Schema{
		"metric": {OneOf: []*huma.Schema{{Type: "string"}, list}},
		"steps":  {Type: "array", Items: &huma.Schema{Properties: map[string]*huma.Schema{"filter": {OneOf: []*huma.Schema{list, {Type: "boolean"}}}}}},
		"limit":  {Type: "integer"},
	}}
	k := known{&huma.Operation{RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: body}}}}, huma.NewMapRegistry("", huma.DefaultSchemaNamer)}
	const none = "expected value to match exactly one schema but matched none"
	for location, want := range map[string]string{
		"body.metric":          "field metric: it must be a string or a list of strings",
		"body.steps[0].filter": "field steps[0].filter: it must be a list of strings or a boolean",
		"body.limit":           "field limit: " + none,
		"body.other":           "field other: " + none,
	} {
		if _, _, text := explain(k, &huma.ErrorDetail{Message: none, Location: location}); text != want {
			t.Errorf("%s: %s, want %s", location, text, want)
		}
	}
	if _, _, text := explain(k, &huma.ErrorDetail{Message: "expected length <= 3", Location: "body.metric"}); text != "field metric: expected length <= 3" {
		t.Errorf("of another fault: %s", text)
	}
}
