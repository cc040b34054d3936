package httpapi

import (
	"fmt"
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
	parts := strings.Split(path, ".")
	s := k.schema(parts[:len(parts)-1])
	if s == nil {
		return ""
	}
	return problem.DidYouMean(parts[len(parts)-1], slices.Sorted(maps.Keys(s.Properties)))
}

// example is what the description has as an example of a field of a body, for one that is no text and must be one, such as a length: of a number nobody knows the unit.
func (k known) example(path, message string) string {
	if message != "expected string" {
		return ""
	}
	s := k.schema(strings.Split(path, "."))
	if s == nil || len(s.Examples) == 0 {
		return ""
	}
	text, ok := s.Examples[0].(string)
	if !ok {
		return ""
	}
	return fmt.Sprintf(", such as %q", text)
}

// forms are what the value of a field may be, where that is of several forms.
func (k known) forms(path string) string {
	s := k.schema(strings.Split(path, "."))
	if s == nil {
		return ""
	}
	var forms []string
	for _, one := range s.OneOf {
		if one = k.resolve(one); one.Type == "array" && one.Items != nil {
			forms = append(forms, "a list of "+k.resolve(one.Items).Type+"s")
		} else {
			forms = append(forms, "a "+one.Type)
		}
	}
	return strings.Join(forms, " or ")
}

// schema is that of a field of the body, by its path; nil: there is none.
func (k known) schema(parts []string) *huma.Schema {
	if k.op == nil || k.op.RequestBody == nil || k.schemas == nil {
		return nil
	}
	content := k.op.RequestBody.Content["application/json"]
	if content == nil {
		return nil
	}
	s := k.resolve(content.Schema)
	for _, part := range parts {
		name, rest, list := strings.Cut(part, "[")
		if s == nil || s.Properties[name] == nil { // keys of a map, or a name with a dot
			return nil
		}
		s = k.resolve(s.Properties[name])
		for ; list && s != nil; _, rest, list = strings.Cut(rest, "[") {
			s = k.resolve(s.Items)
		}
	}
	return s
}

func (k known) resolve(s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return k.schemas.SchemaFromRef(s.Ref)
	}
	return s
}
