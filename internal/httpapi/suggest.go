package httpapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/problem"
)

// known is what a request can name: the parameters and fields of its operation. The zero value knows nothing and suggests nothing.
type known struct {
	op      *huma.Operation
	schemas huma.Registry
}

// likeParameter suggests the parameter that was probably meant, as problem.DidYouMean does.
func (k known) likeParameter(name string) string {
	if k.op == nil {
		return ""
	}
	var names []string
	for _, p := range k.op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return problem.DidYouMean(name, names)
}

// likeField suggests the field that was probably meant by one of a body, such as steps[0].fliter.
func (k known) likeField(path string) string {
	if k.op == nil || k.op.RequestBody == nil || k.schemas == nil {
		return ""
	}
	content := k.op.RequestBody.Content["application/json"]
	if content == nil {
		return ""
	}
	s := k.resolve(content.Schema)
	parts := strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		name, rest, list := strings.Cut(part, "[")
		if s == nil || s.Properties[name] == nil { // keys of a map, or a name with a dot
			return ""
		}
		s = k.resolve(s.Properties[name])
		for ; list && s != nil; _, rest, list = strings.Cut(rest, "[") {
			s = k.resolve(s.Items)
		}
	}
	if s == nil {
		return ""
	}
	return problem.DidYouMean(parts[len(parts)-1], slices.Sorted(maps.Keys(s.Properties)))
}

func (k known) resolve(s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return k.schemas.SchemaFromRef(s.Ref)
	}
	return s
}
