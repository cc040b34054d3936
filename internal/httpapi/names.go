package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/tenant"
)

// NamePath names a site_id or alias that no source has any more.
type NamePath struct {
	Name string `path:"name" maxLength:"253" doc:"A site_id or alias of a source that was deleted; case does not count"`
}

type retiredNameOutput struct {
	Body struct {
		Name   string `json:"name"`
		Tenant string `json:"tenant,omitempty" doc:"The tenant whose source had it, which can have it again; absent: one that was deleted"`
	}
}

const releaseDoc = `Every tenant can have the name then, and gets what is still sent for it: pages and apps that were not changed go on sending. The name is in the audit log from then on.`

func (a *API) registerNames() {
	tags := []string{"Tenants (operator)"}
	const path = "/api/v1/operator/retired-names/{name}"
	huma.Register(a.huma, huma.Operation{OperationID: "get-retired-name", Method: http.MethodGet, Path: path, Tags: tags, Summary: "Whose a retired name was",
		Description: "Names of sources that were deleted are kept from other tenants. They are kept as hashes, so that there is no list of them.", Errors: []int{401, 403, 404, 422}}, a.retiredName)
	huma.Register(a.huma, huma.Operation{OperationID: "release-name", Method: http.MethodDelete, Path: path, DefaultStatus: http.StatusNoContent, Tags: tags, Summary: "Release a retired name",
		Description: releaseDoc, Errors: []int{401, 403, 404, 422}}, a.releaseName)
}

func (a *API) retiredName(ctx context.Context, in *NamePath) (*retiredNameOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	owner, err := a.cfg.Catalog.RetiredName(ctx, in.Name)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &retiredNameOutput{}
	out.Body.Name, out.Body.Tenant = in.Name, string(owner)
	return out, nil
}

func (a *API) releaseName(ctx context.Context, in *NamePath) (*struct{}, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	return nil, catalogError(a.cfg.Catalog.ReleaseName(ctx, in.Name))
}
