package tables

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/lookup"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// The paths of the API.
const (
	listPath = "/api/v1/tenants/{tenant}/lookups"
	onePath  = listPath + "/{name}"
)

// lookupView is a table as the API shows it.
type lookupView struct {
	Name    string         `json:"name" example:"stores"`
	Columns []lookupColumn `json:"columns"`
	Rows    uint64         `json:"rows"`
	Bytes   uint64         `json:"bytes" doc:"Its texts, and 8 for each value"`
	Updated time.Time      `json:"updated" doc:"When it was uploaded last"`
}

type lookupColumn struct {
	Name string `json:"name" example:"region"`
	Type string `json:"type" example:"Nullable(String)" doc:"In SQL"`
}

func viewOf(t lookup.Table) lookupView {
	v := lookupView{Name: t.Name, Columns: make([]lookupColumn, len(t.Columns)), Rows: t.Rows, Bytes: t.Bytes, Updated: t.Updated}
	for i, c := range t.Columns {
		v.Columns[i] = lookupColumn{c.Name, c.SQLType()}
	}
	return v
}

type lookupsInput struct {
	Tenant string `path:"tenant" maxLength:"63" doc:"The tenant's id"`
}

type lookupInput struct {
	Tenant string `path:"tenant" maxLength:"63" doc:"The tenant's id"`
	Name   string `path:"name" maxLength:"63" doc:"The table's name"`
}

type lookupsOutput struct {
	Body struct {
		Lookups []lookupView `json:"lookups" doc:"By name"`
	}
}

// Register adds the operations without bodies to an API whose operations are authenticated, and Handler to mux. authenticated puts the request's
// principal into its context. describe adds the handler's operations to the API's description.
func (s *Tables) Register(api huma.API, mux *http.ServeMux, authenticated func(http.Handler) http.Handler, describe func(*huma.Operation)) {
	huma.Register(api, huma.Operation{OperationID: "list-lookups", Method: http.MethodGet, Path: listPath, Tags: tags,
		Summary: "List the lookup tables of a tenant", Description: "Role analyst and up.", Errors: []int{401, 403, 404}}, s.list)
	huma.Register(api, huma.Operation{OperationID: "delete-lookup", Method: http.MethodDelete, Path: onePath, DefaultStatus: http.StatusNoContent, Tags: tags,
		Summary: "Delete a lookup table", Description: "Role admin, or the operator. Queries that run already end as they began.", Errors: []int{401, 403, 404, 503}}, s.delete)
	h := authenticated(http.HandlerFunc(s.serveOne))
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		mux.Handle(method+" "+onePath, h)
	}
	for _, op := range operations() {
		describe(op)
	}
}

var tags = []string{"Lookup tables (tenant admin)"}

// may returns the tenant if the principal has the role for it.
func (s *Tables) may(p tenant.Principal, id string, min tenant.Role) (tenant.ID, error) {
	if prob := p.Require(min); prob != nil {
		return "", prob
	}
	if p.Role != tenant.RoleOperator && string(p.Tenant) != id {
		return "", problem.New(http.StatusForbidden, "wrong_tenant", "the key belongs to tenant %s and may not touch tenant %q", p.Tenant, clip(id)).WithField("tenant")
	}
	t, ok := s.deps.Catalog.TenantByID(tenant.ID(id))
	if !ok {
		return "", unknownTenant(tenant.ID(clip(id)))
	}
	return t.ID, nil
}

func (s *Tables) list(ctx context.Context, in *lookupsInput) (*lookupsOutput, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.may(p, in.Tenant, tenant.RoleAnalyst)
	if err != nil {
		return nil, err
	}
	out := &lookupsOutput{}
	out.Body.Lookups = []lookupView{}
	for _, t := range s.Lookups(id) {
		out.Body.Lookups = append(out.Body.Lookups, viewOf(t))
	}
	return out, nil
}

func (s *Tables) delete(ctx context.Context, in *lookupInput) (*struct{}, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.may(p, in.Tenant, tenant.RoleAdmin)
	if err != nil {
		return nil, err
	}
	return nil, s.remove(ctx, id, in.Name)
}

// operations describes the handler's, for the OpenAPI description.
func operations() []*huma.Operation {
	str := &huma.Schema{Type: "string"}
	text := map[string]*huma.MediaType{"text/csv": {Schema: str}, "application/x-ndjson": {Schema: str}}
	response := func(s string) *huma.Response { return &huma.Response{Description: s} }
	path := []*huma.Param{{Name: "tenant", In: "path", Required: true, Schema: str, Description: "The tenant's id"},
		{Name: "name", In: "path", Required: true, Schema: str, Description: "The table's name: " + lookup.NameRule}}
	stored := &huma.Response{Description: "Stored, and seen by every query that begins from now on", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: "object",
		Properties: map[string]*huma.Schema{"name": str, "columns": {Type: "array", Items: &huma.Schema{Type: "object"}}, "rows": {Type: "integer"}, "bytes": {Type: "integer"}, "updated": str}}}}}
	return []*huma.Operation{
		{OperationID: "put-lookup", Method: http.MethodPut, Path: onePath, Tags: tags, Summary: "Create a lookup table, or replace it wholly",
			Description: "Role admin, or the operator. CSV whose first line names the columns, NDJSON, or a JSON array of objects; gzip. Types follow from the values, or from `type`. docs/LOOKUPS.md says more.",
			Parameters: append(path[:2:2],
				&huma.Param{Name: "format", In: "query", Schema: &huma.Schema{Type: "string", Enum: []any{"csv", "ndjson", "json"}}, Description: "Of the body; told by Content-Type, else by its first sign"},
				&huma.Param{Name: "delimiter", In: "query", Schema: str, Description: "Of CSV: one sign, or its name: semicolon, tab; a comma by default"},
				&huma.Param{Name: "type", In: "query", Schema: &huma.Schema{Type: "array", Items: str}, Description: "column:type, may be repeated. Types: Bool, Int64, Float64, String, and Nullable(…) of these"}),
			RequestBody: &huma.RequestBody{Required: true, Description: "The rows", Content: map[string]*huma.MediaType{"text/csv": {Schema: str}, "application/x-ndjson": {Schema: str},
				"application/json": {Schema: &huma.Schema{Type: "array", Items: &huma.Schema{Type: "object"}}}}},
			Responses: map[string]*huma.Response{"200": stored, "201": response("The same, of a new table"), "400": response("the upload cannot be read; the detail says where"), "413": response("the body is too large"),
				"422": response("a name, a type or a parameter is wrong, or the table is over a limit"), "429": response("another upload is under way"), "503": response("nothing was changed; try again after Retry-After")}},
		{OperationID: "export-lookup", Method: http.MethodGet, Path: onePath, Tags: tags, Summary: "Get the rows of a lookup table back, in their order",
			Description: "Role analyst and up. NDJSON is exact; in CSV a text that is empty looks like a value that is missing.",
			Parameters:  append(path[:2:2], &huma.Param{Name: "format", In: "query", Schema: &huma.Schema{Type: "string", Enum: []any{"csv", "ndjson"}, Default: "csv"}}),
			Responses:   map[string]*huma.Response{"200": {Description: "The rows", Content: text}, "404": response("there is no such table"), "503": response("the engine is restarting; try again after Retry-After")}},
	}
}
