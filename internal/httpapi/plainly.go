package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/problem"
)

// plainly refuses what huma would read as something else than was meant.
func (a *API) plainly(next func(huma.Context)) func(huma.Context) { return a.once(a.unpacked(next)) }

// unpacked refuses a body that says that it is packed: nothing here unpacks it, and it would be called broken JSON.
func (a *API) unpacked(next func(huma.Context)) func(huma.Context) {
	return func(ctx huma.Context) {
		coding := strings.ToLower(strings.TrimSpace(ctx.Header("Content-Encoding")))
		if coding == "" || coding == "identity" || ctx.Operation().RequestBody == nil {
			next(ctx)
			return
		}
		p := problem.New(http.StatusUnsupportedMediaType, "unsupported_encoding",
			"Content-Encoding is %q: send the body as it is, without this header", fmt.Sprintf("%.40s", coding)).WithField("Content-Encoding")
		_ = huma.WriteErr(a.huma, ctx, p.Status, p.Detail, p) // the client has gone if this fails
	}
}

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
