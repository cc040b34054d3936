package report

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Unseen says whether it is certain that no event of the tenant that can be seen has had the property; here asks for the events of the site only. known are the properties that there
// have been, for a suggestion; nil unless unseen.
type Unseen func(t tenant.ID, site, property string, here bool) (known []string, unseen bool)

type unseenKey struct{}

// unseenNames gathers the properties of one question that no event has had.
type unseenNames struct {
	lenient bool // such a property is told in the answer, and refuses nothing
	mu      sync.Mutex
	names   []string
}

func withUnseen(ctx context.Context, lenient bool) context.Context {
	return context.WithValue(ctx, unseenKey{}, &unseenNames{lenient: lenient})
}

func unseenOf(ctx context.Context) *unseenNames {
	u, _ := ctx.Value(unseenKey{}).(*unseenNames)
	return u
}

// note notes a name; nil notes nothing.
func (u *unseenNames) note(name string) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Contains(u.names, name) {
		u.names = append(u.names, name)
	}
}

// field is the part of an answer that tells the names; nil: there are none.
func (u *unseenNames) field() []byte {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.names) == 0 {
		return nil
	}
	slices.Sort(u.names)
	list, err := json.Marshal(u.names)
	if err != nil { // texts always can be written
		return nil
	}
	return append([]byte(`,"unknown":`), list...)
}

// preferLenient is the preference (RFC 7240) of who asks what was asked before: a question that was saved must not be refused because its event has not come yet.
const preferLenient = "handling=lenient"

const unseenDoc = `A property that no event of the tenant has had yet is refused (422) with the name that was probably meant. With the header "Prefer: handling=lenient", and where a saved goal, segment or cohort names it,
nothing matches it and the answer's "unknown" tells its name. While it is not certain (names had no place, the property was taken out of the schema, profiles being rebuilt) it is neither refused nor told.`

// gathersUnseen prepares a request's context.
func gathersUnseen(ctx huma.Context, next func(huma.Context)) {
	lenient := slices.ContainsFunc(strings.FieldsFunc(ctx.Header("Prefer"), func(r rune) bool { return r == ',' || r == ';' }), func(s string) bool {
		return strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(s), `"`, ""), preferLenient)
	})
	next(huma.WithValue(ctx, unseenKey{}, &unseenNames{lenient: lenient}))
}

// asked refuses properties that no event has had, of a question as it was asked; field is the caller's. In what was saved before, and where the caller prefers it, they are noted.
func (r *Reporter) asked(ctx context.Context, src catalog.Source, field string, dims ...Dim) *problem.Problem {
	return r.lookFor(ctx, src, field, false, dims)
}

func (r *Reporter) lookFor(ctx context.Context, src catalog.Source, field string, saved bool, dims []Dim) *problem.Problem {
	if r.deps.Unseen == nil || inCohort(ctx) {
		return nil
	}
	who, err := tenant.From(ctx)
	here := err == nil && who.Site != "" // what other sites send is not for this key
	u := unseenOf(ctx)
	for _, d := range dims {
		if d.Prop == "" {
			continue
		}
		known, unseen := r.deps.Unseen(src.Tenant, src.SiteID, d.Prop, here)
		if !unseen {
			continue
		}
		if saved || u != nil && u.lenient {
			u.note(d.Name())
			continue
		}
		if r.deps.Strong != nil && r.deps.Strong(src.Tenant) { // what was acknowledged before may bring it
			if p := r.settle(ctx, src.Tenant); p != nil {
				return p
			}
			if known, unseen = r.deps.Unseen(src.Tenant, src.SiteID, d.Prop, here); !unseen {
				continue
			}
		}
		if err == nil { // a masked name is no suggestion
			hidden := r.maskedNames(who)
			known = slices.DeleteFunc(slices.Clone(known), func(name string) bool {
				return slices.ContainsFunc(hidden, func(mask string) bool { return covers(mask, Dim{Prop: name}) })
			})
		}
		return invalid(field, "no event has had the property %q yet%s", clip(d.Prop), meant(d.Prop, known))
	}
	return nil
}

// meant suggests the property that was probably meant.
func meant(name string, known []string) string {
	if i := slices.IndexFunc(known, func(s string) bool { return strings.HasPrefix(s, name+":") }); i >= 0 {
		return "; there is " + clip(known[i]) + `: in a filter, a colon of a name is written \:`
	}
	if i := slices.IndexFunc(known, func(s string) bool { return strings.HasPrefix(s, name+".") }); i >= 0 {
		return " (did you mean " + clip(known[i]) + "?)"
	}
	name = clip(name)
	near := slices.DeleteFunc(known, func(s string) bool { return len(s) > len(name)*2+2 || 2*len(s)+2 < len(name) })
	return didYouMean(name, near)
}
