package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// suspended says since when a tenant is suspended, and why.
type suspended struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty" doc:"Shown to the tenant's people and keys, not to senders without a key"`
}

func viewSuspended(t catalog.Tenant) *suspended {
	if t.Suspended.IsZero() {
		return nil
	}
	return &suspended{t.Suspended, t.SuspendedFor}
}

type suspendInput struct {
	TenantPath
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"200" doc:"Shown to the tenant's people and keys with every refusal"`
	}
}

const suspendDoc = `The tenant's events are refused from now on with 403 tenant_suspended, at all doors, and so is every question of its people, keys and embeds. Nothing is deleted: what was accepted before is still processed, and
all is there again when it resumes. Clients of all protocols take 403 for final and keep nothing to send later; each refused request counts as one rejected event in Data health. What runs already ends by itself. Operators can still
look after the tenant. Of a tenant that is suspended already only the reason changes.`

func (a *API) registerSuspension() {
	tags := []string{"Tenants (operator)"}
	const path = "/api/v1/operator/tenants/{tenant}/suspension"
	huma.Register(a.huma, huma.Operation{OperationID: "suspend-tenant", Method: http.MethodPut, Path: path, Tags: tags, Summary: "Suspend a tenant", Description: suspendDoc,
		Errors: []int{400, 401, 403, 404, 422}}, a.suspendTenant)
	huma.Register(a.huma, huma.Operation{OperationID: "resume-tenant", Method: http.MethodDelete, Path: path, Tags: tags, Summary: "Resume a tenant",
		Description: "Events are taken and questions answered again at once. Nothing happens to a tenant that is not suspended.", Errors: []int{401, 403, 404}}, a.resumeTenant)
}

func (a *API) suspendTenant(ctx context.Context, in *suspendInput) (*tenantOutput, error) {
	reason := strings.TrimSpace(in.Body.Reason)
	if err := shown("reason", reason); err != nil {
		return nil, err
	}
	return a.suspension(ctx, in.Tenant, func(t *catalog.Tenant) {
		if t.Suspended.IsZero() {
			t.Suspended = a.cfg.Now().UTC()
		}
		t.SuspendedFor = reason
	})
}

func (a *API) resumeTenant(ctx context.Context, in *TenantPath) (*tenantOutput, error) {
	return a.suspension(ctx, in.Tenant, func(t *catalog.Tenant) { t.Suspended, t.SuspendedFor = time.Time{}, "" })
}

func (a *API) suspension(ctx context.Context, id string, change func(*catalog.Tenant)) (*tenantOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	t, err := a.cfg.Catalog.UpdateTenant(ctx, tenant.ID(id), func(t *catalog.Tenant) error {
		change(t)
		return nil
	})
	if err != nil {
		return nil, catalogError(err)
	}
	return &tenantOutput{viewTenant(t)}, nil
}
