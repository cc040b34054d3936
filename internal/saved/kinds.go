package saved

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

const sitePath = "/api/v1/analytics/{site_id}"

// kindOf is how one kind of a site's objects is read and written. B is its body as it is kept, V what a caller sees, P a change: fields that are
// nil stay. L is a list of V.
type kindOf[B, V, P, L any] struct {
	name, plural, doc string
	view              func(s catalog.Saved, b B, hidden bool) V // hidden: the caller does not see who persons are
	list              func([]V) L
	// apply changes a body, and returns the new name, nil: it stays.
	apply func(p P, b *B) (name *string)
	check func(ctx context.Context, q Questions, src catalog.Source, b B) *problem.Problem
	// filters are those of a body of which a cohort can be made; nil: there are none.
	filters func(b B) []string
}

type ObjectPath struct {
	SiteID string `path:"site_id" maxLength:"253" doc:"The source's site_id or an alias of it."`
	ID     string `path:"id" maxLength:"100"`
}

type listInput struct {
	SiteID string `path:"site_id" maxLength:"253" doc:"The source's site_id or an alias of it."`
}

type createInput[P any] struct {
	SiteID string `path:"site_id" maxLength:"253" doc:"The source's site_id or an alias of it."`
	Body   P
}

type updateInput[P any] struct {
	ObjectPath
	Body P
}

type output[V any] struct{ Body V }

type created[V any] struct {
	Location string `header:"Location"`
	Body     V
}

// changes marks an operation that changes something, for the audit log.
var changes = map[string]any{"audit": "change"}

func registerKind[B, V, P, L any](api huma.API, o *Objects, k kindOf[B, V, P, L]) {
	tags := []string{"saved objects"}
	list, one := sitePath+"/"+k.plural, sitePath+"/"+k.plural+"/{id}"
	const reads, writes = "Role viewer and up.", "Role analyst and up."
	huma.Register(api, huma.Operation{OperationID: "list-" + k.plural, Method: http.MethodGet, Path: list, Tags: tags, Summary: "List the " + k.plural + " of a site, by name",
		Description: reads, Errors: []int{401, 403, 404}}, func(ctx context.Context, in *listInput) (*output[L], error) { return k.all(ctx, o, in.SiteID) })
	huma.Register(api, huma.Operation{OperationID: "create-" + k.name, Method: http.MethodPost, Path: list, Tags: tags, Summary: "Save a " + k.name, Metadata: changes,
		Description: k.doc + " " + writes, DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 403, 404, 409, 422}}, func(ctx context.Context, in *createInput[P]) (*created[V], error) {
		return k.create(ctx, o, in.SiteID, in.Body)
	})
	huma.Register(api, huma.Operation{OperationID: "get-" + k.name, Method: http.MethodGet, Path: one, Tags: tags, Summary: "Show a " + k.name,
		Description: reads, Errors: []int{401, 403, 404}}, func(ctx context.Context, in *ObjectPath) (*output[V], error) { return k.show(ctx, o, in) })
	huma.Register(api, huma.Operation{OperationID: "update-" + k.name, Method: http.MethodPatch, Path: one, Tags: tags, Summary: "Change fields of a " + k.name, Metadata: changes,
		Description: "Fields that are not named stay. " + writes, Errors: []int{400, 401, 403, 404, 409, 422}}, func(ctx context.Context, in *updateInput[P]) (*output[V], error) {
		return k.update(ctx, o, &in.ObjectPath, in.Body)
	})
	huma.Register(api, huma.Operation{OperationID: "delete-" + k.name, Method: http.MethodDelete, Path: one, Tags: tags, Summary: "Delete a " + k.name, Metadata: changes,
		Description: "Questions that name it are refused from then on. One that other goals, segments or cohorts name, or panels of dashboards, is not deleted (409 in_use). " + writes, DefaultStatus: http.StatusNoContent,
		Errors: []int{401, 403, 404, 409}},
		func(ctx context.Context, in *ObjectPath) (*struct{}, error) { return nil, k.remove(ctx, o, in) })
}

// shown is an object as a caller sees it.
func (k kindOf[B, V, P, L]) shown(o *Objects, s catalog.Saved, who tenant.Principal) (V, error) {
	var b B
	if err := json.Unmarshal(s.Body, &b); err != nil {
		var none V
		return none, fmt.Errorf("saved: the body of %s %s cannot be read: %w", s.Kind, s.ID, err)
	}
	return k.view(s, b, o.hidesPeople(who, s.Tenant)), nil
}

func (k kindOf[B, V, P, L]) all(ctx context.Context, o *Objects, site string) (*output[L], error) {
	who, src, p := o.source(ctx, site, tenant.RoleViewer)
	if p != nil {
		return nil, p
	}
	objects, err := o.deps.Catalog.SavedOf(ctx, src.Tenant, k.name, src.SiteID)
	if err != nil {
		return nil, problemOf(err, k.name, 0)
	}
	views := make([]V, len(objects))
	for i, s := range objects {
		if views[i], err = k.shown(o, s, who); err != nil {
			return nil, err
		}
	}
	return &output[L]{k.list(views)}, nil
}

// find returns an object of the site.
func (k kindOf[B, V, P, L]) find(ctx context.Context, o *Objects, src catalog.Source, id string) (catalog.Saved, error) {
	s, err := o.deps.Catalog.Saved(ctx, src.Tenant, k.name, id)
	if err == nil && s.Site != src.SiteID {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return s, problemOf(err, k.name, 0)
	}
	return s, nil
}

func (k kindOf[B, V, P, L]) show(ctx context.Context, o *Objects, in *ObjectPath) (*output[V], error) {
	who, src, p := o.source(ctx, in.SiteID, tenant.RoleViewer)
	if p != nil {
		return nil, p
	}
	s, err := k.find(ctx, o, src, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := k.shown(o, s, who)
	return &output[V]{v}, err
}

// changed applies a change to an object and checks the result.
func (k kindOf[B, V, P, L]) changed(ctx context.Context, o *Objects, src catalog.Source, change P, s *catalog.Saved) error {
	var b B
	if s.Body != nil {
		if err := json.Unmarshal(s.Body, &b); err != nil {
			return fmt.Errorf("saved: the body of %s %s cannot be read: %w", s.Kind, s.ID, err)
		}
	}
	var before []string
	if k.filters != nil {
		before = k.filters(b)
	}
	name := k.apply(change, &b)
	switch {
	case name == nil && s.Name == "":
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "field name is missing").WithField("name")
	case name != nil:
		n, p := named(*name)
		if p != nil {
			return p
		}
		s.Name = n
	}
	if p := k.check(ctx, o.deps.Questions, src, b); p != nil {
		return p
	}
	if k.filters != nil {
		if err := o.cohortFree(ctx, src, k.name, s.ID, before, k.filters(b)); err != nil {
			return err
		}
	}
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("saved: %w", err)
	}
	if len(body) > catalog.MaxSavedBody {
		return invalid("body", "the %s has %d bytes as it is kept, at most %d are allowed", k.name, len(body), catalog.MaxSavedBody).WithLimit("saved.body", catalog.MaxSavedBody)
	}
	s.Body = body
	return nil
}

func (k kindOf[B, V, P, L]) create(ctx context.Context, o *Objects, site string, in P) (*created[V], error) {
	who, src, p := o.source(ctx, site, tenant.RoleAnalyst)
	if p != nil {
		return nil, p
	}
	s := catalog.Saved{Tenant: src.Tenant, Kind: k.name, Site: src.SiteID, Owner: who.Actor()}
	if err := k.changed(ctx, o, src, in, &s); err != nil {
		return nil, err
	}
	s, err := o.deps.Catalog.CreateSaved(ctx, s, o.limits.PerSite)
	if err != nil {
		return nil, problemOf(err, k.name, o.limits.PerSite)
	}
	v, err := k.shown(o, s, who)
	return &created[V]{"/api/v1/analytics/" + src.SiteID + "/" + k.plural + "/" + s.ID, v}, err
}

func (k kindOf[B, V, P, L]) update(ctx context.Context, o *Objects, in *ObjectPath, change P) (*output[V], error) {
	who, src, p := o.source(ctx, in.SiteID, tenant.RoleAnalyst)
	if p != nil {
		return nil, p
	}
	s, err := o.update(ctx, func() (catalog.Saved, error) { return k.find(ctx, o, src, in.ID) }, func(s *catalog.Saved) error { return k.changed(ctx, o, src, change, s) })
	if err != nil {
		return nil, problemOf(err, k.name, o.limits.PerSite)
	}
	v, err := k.shown(o, s, who)
	return &output[V]{v}, err
}

func (k kindOf[B, V, P, L]) remove(ctx context.Context, o *Objects, in *ObjectPath) error {
	who, src, p := o.source(ctx, in.SiteID, tenant.RoleAnalyst)
	if p != nil {
		return p
	}
	if _, err := k.find(ctx, o, src, in.ID); err != nil {
		return err
	}
	if err := o.unused(ctx, who, src, k.name, in.ID); err != nil {
		return err
	}
	if _, err := o.deps.Catalog.DeleteSaved(ctx, src.Tenant, k.name, in.ID); err != nil {
		return problemOf(err, k.name, 0)
	}
	return nil
}

// texts is never null in JSON.
func texts(l []string) []string { return append([]string{}, slices.Clone(l)...) }
