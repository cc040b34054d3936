package httpapi

import (
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/problem"
)

// once refuses a parameter of the query that is given more than once, unless it may be repeated: huma would take the first one and drop the others.
// One that is not known is for huma to refuse.
func (a *API) once(next func(huma.Context)) func(huma.Context) {
	return func(ctx huma.Context) {
		u := ctx.URL()
		q := u.Query()
		for _, name := range slices.Sorted(maps.Keys(q)) {
			if n := len(q[name]); n > 1 && single(ctx.Operation(), name) {
				p := problem.New(http.StatusUnprocessableEntity, "duplicate_parameter",
					"parameter %s is given %d times, and one of them would count: give it once; one that takes several values has commas between them, see /docs", name, n).WithField(name)
				_ = huma.WriteErr(a.huma, ctx, p.Status, p.Detail, p) // the client has gone if this fails
				return
			}
		}
		next(ctx)
	}
}

// single says whether an operation has a parameter of the query that cannot be repeated.
func single(op *huma.Operation, name string) bool {
	return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool {
		return p.In == "query" && p.Name == name && (p.Explode == nil || !*p.Explode)
	})
}
