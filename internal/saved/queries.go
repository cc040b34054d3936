package saved

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

const (
	queriesPath = "/api/v1/queries"
	queryPath   = queriesPath + "/{id}"
)

// maxSQL is the most bytes of a statement, as many as POST /api/v1/query takes.
const maxSQL = 64 << 10

// queryView is a query as the API shows it.
type queryView struct {
	Meta
	SQL string `json:"sql"`
}

type queriesOutput struct {
	Body struct {
		Queries []queryView `json:"queries" doc:"By name"`
	}
}

type QueryPatch struct {
	Name *string `json:"name,omitempty" maxLength:"400" example:"Top pages" doc:"1 to 200 bytes; unique among the tenant's queries whatever the case of its letters"`
	SQL  *string `json:"sql,omitempty" example:"SELECT path, count() FROM events GROUP BY path" doc:"At most 65536 bytes, kept as written. Needed at first."`
}

// NamesChanges implements httpapi.Change.
func (*QueryPatch) NamesChanges() {}

type createQueryInput struct{ Body QueryPatch }

type QueryID struct {
	ID string `path:"id" maxLength:"100"`
}

type updateQueryInput struct {
	QueryID
	Body QueryPatch
}

func (o *Objects) registerQueries(api huma.API) {
	tags := []string{"saved objects"}
	const role = "Role analyst and up, who may run it."
	huma.Register(api, huma.Operation{OperationID: "list-queries", Method: http.MethodGet, Path: queriesPath, Tags: tags, Summary: "List the tenant's saved queries",
		Description: role, Errors: []int{401, 403, 422}}, o.listQueries)
	huma.Register(api, huma.Operation{OperationID: "create-query", Method: http.MethodPost, Path: queriesPath, Tags: tags, Summary: "Save a statement of SQL",
		Description: "It is kept as it is written and checked when it runs. " + role, DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 403, 409, 422}}, o.createQuery)
	huma.Register(api, huma.Operation{OperationID: "get-query", Method: http.MethodGet, Path: queryPath, Tags: tags, Summary: "Show a saved query",
		Description: role, Errors: []int{401, 403, 404, 422}}, o.getQuery)
	huma.Register(api, huma.Operation{OperationID: "update-query", Method: http.MethodPatch, Path: queryPath, Tags: tags, Summary: "Change fields of a saved query",
		Description: "Fields that are not named stay. " + role, Errors: []int{400, 401, 403, 404, 409, 422}}, o.updateQuery)
	huma.Register(api, huma.Operation{OperationID: "delete-query", Method: http.MethodDelete, Path: queryPath, Tags: tags, Summary: "Delete a saved query",
		Description: role, DefaultStatus: http.StatusNoContent, Errors: []int{401, 403, 404, 422}}, o.deleteQuery)
}

func viewQuery(s catalog.Saved) (queryView, error) {
	var q catalog.Query
	if err := json.Unmarshal(s.Body, &q); err != nil {
		return queryView{}, fmt.Errorf("saved: the body of query %s cannot be read: %w", s.ID, err)
	}
	return queryView{metaOf(s), q.SQL}, nil
}

// queriesOf is whose queries a request concerns. A statement reads the whole tenant: a key that is bound to a site has none to do with them.
func (o *Objects) queriesOf(ctx context.Context) (tenant.Principal, tenant.ID, *problem.Problem) {
	who, t, p := o.tenantOf(ctx, tenant.RoleAnalyst)
	if p == nil && who.Site != "" {
		p = problem.New(http.StatusForbidden, "bound_to_site", "the key is bound to the site %s, and a query reads the whole tenant; use a key that is bound to none", who.Site)
	}
	return who, t, p
}

func (o *Objects) listQueries(ctx context.Context, _ *struct{}) (*queriesOutput, error) {
	_, t, p := o.queriesOf(ctx)
	if p != nil {
		return nil, p
	}
	all, err := o.deps.Catalog.SavedOf(ctx, t, catalog.KindQuery, "")
	if err != nil {
		return nil, problemOf(err, catalog.KindQuery, 0)
	}
	out := &queriesOutput{}
	out.Body.Queries = make([]queryView, len(all))
	for i, s := range all {
		if out.Body.Queries[i], err = viewQuery(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o *Objects) getQuery(ctx context.Context, in *QueryID) (*output[queryView], error) {
	_, t, p := o.queriesOf(ctx)
	if p != nil {
		return nil, p
	}
	s, err := o.deps.Catalog.Saved(ctx, t, catalog.KindQuery, in.ID)
	if err != nil {
		return nil, problemOf(err, catalog.KindQuery, 0)
	}
	v, err := viewQuery(s)
	return &output[queryView]{v}, err
}

func (o *Objects) createQuery(ctx context.Context, in *createQueryInput) (*created[queryView], error) {
	who, t, p := o.queriesOf(ctx)
	if p != nil {
		return nil, p
	}
	s := catalog.Saved{Tenant: t, Kind: catalog.KindQuery, Owner: who.Actor()}
	if err := in.Body.apply(&s); err != nil {
		return nil, err
	}
	s, err := o.deps.Catalog.CreateSaved(ctx, s, o.limits.Queries)
	if err != nil {
		return nil, problemOf(err, catalog.KindQuery, o.limits.Queries)
	}
	v, err := viewQuery(s)
	return &created[queryView]{queriesPath + "/" + s.ID, v}, err
}

func (o *Objects) updateQuery(ctx context.Context, in *updateQueryInput) (*output[queryView], error) {
	_, t, p := o.queriesOf(ctx)
	if p != nil {
		return nil, p
	}
	s, err := o.update(ctx, func() (catalog.Saved, error) { return o.deps.Catalog.Saved(ctx, t, catalog.KindQuery, in.ID) }, in.Body.apply)
	if err != nil {
		return nil, problemOf(err, catalog.KindQuery, o.limits.Queries)
	}
	v, err := viewQuery(s)
	return &output[queryView]{v}, err
}

func (o *Objects) deleteQuery(ctx context.Context, in *QueryID) (*struct{}, error) {
	_, t, p := o.queriesOf(ctx)
	if p != nil {
		return nil, p
	}
	if _, err := o.deps.Catalog.DeleteSaved(ctx, t, catalog.KindQuery, in.ID); err != nil {
		return nil, problemOf(err, catalog.KindQuery, 0)
	}
	return nil, nil
}

// apply changes the query and checks the result.
func (in QueryPatch) apply(s *catalog.Saved) error {
	switch {
	case in.Name == nil && s.Name == "":
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "field name is missing").WithField("name")
	case in.SQL == nil && s.Body == nil:
		return problem.New(http.StatusUnprocessableEntity, "missing_field", "field sql is missing").WithField("sql")
	case in.SQL != nil && strings.TrimSpace(*in.SQL) == "":
		return invalid("sql", "sql is empty: write a statement such as SELECT count() FROM events")
	case in.SQL != nil && len(*in.SQL) > maxSQL:
		return invalid("sql", "sql has %d bytes, at most %d are allowed", len(*in.SQL), maxSQL).WithLimit("saved.sql", maxSQL)
	}
	if in.Name != nil {
		n, p := named(*in.Name)
		if p != nil {
			return p
		}
		s.Name = n
	}
	if in.SQL != nil {
		body, err := json.Marshal(catalog.Query{SQL: *in.SQL})
		if err != nil {
			return fmt.Errorf("saved: %w", err)
		}
		s.Body = body
	}
	return nil
}
