package httpapi

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// What changes something about a site is recorded as a change, not gathered like a report.
func TestChangesAboutASite(t *testing.T) {
	marked := map[string]any{"audit": "change"}
	for _, c := range []struct {
		op   huma.Operation
		want bool
	}{
		{huma.Operation{Method: http.MethodGet}, false}, {huma.Operation{Method: http.MethodPost}, false}, {huma.Operation{Method: http.MethodPost, Metadata: marked}, true},
		{huma.Operation{Method: http.MethodPatch}, true}, {huma.Operation{Method: http.MethodPut}, true}, {huma.Operation{Method: http.MethodDelete}, true},
		{huma.Operation{Method: http.MethodPost, Metadata: map[string]any{"audit": "question"}}, false},
	} {
		if got := changes(&c.op); got != c.want {
			t.Errorf("%s %v: %v", c.op.Method, c.op.Metadata, got)
		}
	}
}
