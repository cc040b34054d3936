package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/problem"
	"weir/internal/session"
	"weir/internal/tenant"
)

// tenantView is a tenant as the API shows it.
type tenantView struct {
	ID        string     `json:"id" example:"acme"`
	Name      string     `json:"name"`
	Region    string     `json:"region" doc:"Where its data shall lie"`
	Retention string     `json:"retention" example:"400d" doc:"How long its events are wanted; 0 is for ever"`
	Limits    limitsView `json:"limits"`
	Settings  settings   `json:"settings"`
	Created   time.Time  `json:"created"`
	Suspended *suspended `json:"suspended,omitempty" doc:"It takes no events and answers no questions"`
}

// settings are what a tenant decides about its reports.
type settings struct {
	SessionTimeout string `json:"session_timeout" example:"30m" doc:"How long a visitor may pause within a session"`
}

func viewTenant(t catalog.Tenant) tenantView {
	return tenantView{Suspended: viewSuspended(t), ID: string(t.ID), Name: t.Name, Region: t.Region, Retention: config.FormatDuration(t.Retention),
		Limits: viewLimits(t.Limits), Created: t.Created,
		Settings: settings{SessionTimeout: config.FormatDuration(cmp.Or(t.Policy.SessionTimeout, session.DefaultTimeout))}}
}

// TenantPatch changes only what it names.
type TenantPatch struct {
	Name      *string      `json:"name,omitempty" maxLength:"200"`
	Region    *string      `json:"region,omitempty" maxLength:"100" doc:"Where its data shall lie. It is recorded; one machine has one region."`
	Retention *string      `json:"retention,omitempty" example:"400d" doc:"How long its events are wanted: a duration from 7d to 7 years (2557d), or 0 for ever. It is recorded; nothing is deleted by age yet."`
	Limits    *limitsPatch `json:"limits,omitempty"`
	Settings  *struct {
		SessionTimeout *string `json:"session_timeout,omitempty" example:"30m" doc:"How long a visitor may pause within a session: 5m to 24h. All sessions, also those of the past, are made anew by it."`
	} `json:"settings,omitempty" doc:"A tenant's admin may change these, too"`
}

// NamesChanges implements Change.
func (*TenantPatch) NamesChanges() {}

const (
	minRetention = 7 * 24 * time.Hour
	maxRetention = 2557 * 24 * time.Hour // seven years
)

func (in TenantPatch) apply(t *catalog.Tenant) error {
	if in.Name != nil {
		if err := shown("name", *in.Name); err != nil {
			return err
		}
		t.Name = *in.Name
	}
	if in.Region != nil {
		if err := shown("region", *in.Region); err != nil {
			return err
		}
		t.Region = *in.Region
	}
	if in.Retention != nil {
		d, err := config.ParseDuration(*in.Retention)
		if err != nil {
			return invalid("retention", "%v", err)
		}
		if d != 0 && (d < minRetention || d > maxRetention) {
			return invalid("retention", "%s is outside of 7d to 2557d; 0 is for ever", *in.Retention)
		}
		t.Retention = d
	}
	if in.Limits != nil {
		in.Limits.apply(&t.Limits)
	}
	if in.Settings != nil && in.Settings.SessionTimeout != nil {
		d, err := config.ParseDuration(*in.Settings.SessionTimeout)
		if err == nil && d == 0 {
			err = errors.New("0 is outside of 5m to 24h: write a length within it, in whole seconds, such as 30m")
		}
		if err == nil {
			err = session.CheckTimeout(d)
		}
		if err != nil {
			return invalid("settings.session_timeout", "%v", err)
		}
		t.Policy.SessionTimeout = d
	}
	return nil
}

type TenantPath struct {
	Tenant string `path:"tenant" maxLength:"63" doc:"The tenant's id"`
}

type createTenantInput struct {
	Body struct {
		ID string `json:"id" example:"acme" doc:"1 to 63 characters of a-z, 0-9, '-' and '_', beginning with a letter or digit. It cannot change and is never given again."`
		TenantPatch
	}
}

type tenantOutput struct{ Body tenantView }

type createdTenantOutput struct {
	Location string `header:"Location"`
	Body     tenantView
}

type tenantsOutput struct {
	Body struct {
		Tenants []tenantView `json:"tenants"`
	}
}

func (a *API) registerTenants() {
	tags := []string{"Tenants (operator)"}
	huma.Register(a.huma, huma.Operation{OperationID: createTenant, Method: http.MethodPost, Path: "/api/v1/tenants", DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create a tenant", Errors: []int{400, 401, 403, 409}}, a.createTenant)
	huma.Register(a.huma, huma.Operation{OperationID: "list-tenants", Method: http.MethodGet, Path: "/api/v1/tenants",
		Tags: tags, Summary: "List the tenants", Errors: []int{401, 403}}, a.listTenants)
	huma.Register(a.huma, huma.Operation{OperationID: "get-tenant", Method: http.MethodGet, Path: "/api/v1/tenants/{tenant}",
		Tags: tags, Summary: "Show a tenant", Description: "Its own admin may, too.", Errors: []int{401, 403, 404}}, a.showTenant)
	huma.Register(a.huma, huma.Operation{OperationID: "update-tenant", Method: http.MethodPatch, Path: "/api/v1/tenants/{tenant}",
		Tags: tags, Summary: "Change fields of a tenant", Description: "Fields that are not named stay. The tenant's own admin may change settings.", Errors: []int{400, 401, 403, 404}}, a.updateTenant)
	huma.Register(a.huma, huma.Operation{OperationID: deleteTenant, Method: http.MethodDelete, Path: "/api/v1/tenants/{tenant}", DefaultStatus: http.StatusAccepted,
		Tags: tags, Summary: "Delete a tenant", Description: "Its sources and keys stop working at once, and its data is removed by a job, whose result is a report of what was removed where. Its id is never given again.",
		Errors: []int{401, 403, 404}}, a.deleteTenant)
}

func (a *API) createTenant(ctx context.Context, in *createTenantInput) (*createdTenantOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	id, err := tenant.Parse(in.Body.ID)
	if err != nil {
		return nil, invalid("id", "%v", err)
	}
	if id.Reserved() {
		return nil, invalid("id", "%s is reserved, as it names a database: choose another one", id)
	}
	t := catalog.Tenant{ID: id}
	if err := in.Body.apply(&t); err != nil {
		return nil, err
	}
	t, err = a.cfg.Catalog.CreateTenant(ctx, t)
	if err != nil {
		return nil, catalogError(err)
	}
	return &createdTenantOutput{Location: "/api/v1/tenants/" + string(t.ID), Body: viewTenant(t)}, nil
}

func (a *API) listTenants(ctx context.Context, _ *struct{}) (*tenantsOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	all, err := a.cfg.Catalog.Tenants(ctx)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &tenantsOutput{}
	out.Body.Tenants = make([]tenantView, len(all))
	for i, t := range all {
		out.Body.Tenants[i] = viewTenant(t)
	}
	return out, nil
}

func (a *API) showTenant(ctx context.Context, in *TenantPath) (*tenantOutput, error) {
	if _, err := adminOf(ctx, in.Tenant); err != nil {
		return nil, err
	}
	t, err := a.cfg.Catalog.Tenant(ctx, tenant.ID(in.Tenant))
	if err != nil {
		return nil, catalogError(err)
	}
	return &tenantOutput{viewTenant(t)}, nil
}

type updateTenantInput struct {
	TenantPath
	Body TenantPatch
}

func (a *API) updateTenant(ctx context.Context, in *updateTenantInput) (*tenantOutput, error) {
	own := TenantPatch{Settings: in.Body.Settings} // what an admin may change
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		if in.Body != own || own.Settings == nil {
			return nil, err
		}
		if _, err := adminOf(ctx, in.Tenant); err != nil {
			return nil, err
		}
	}
	t, err := a.cfg.Catalog.UpdateTenant(ctx, tenant.ID(in.Tenant), in.Body.apply)
	if err != nil {
		return nil, catalogError(err)
	}
	return &tenantOutput{viewTenant(t)}, nil
}

// Deletions hides tenants and removes their data.
type Deletions interface {
	// DeleteTenant hides the tenant at once and starts the job that removes its data. keepBilling says whether its billing figures stay; nil: as configured.
	// Of a tenant that is deleted, and whose figures were kept, false removes these. It returns where the job is shown, and the job as it is shown there. An
	// error of the catalog is returned as it is.
	DeleteTenant(ctx context.Context, who tenant.Principal, id tenant.ID, keepBilling *bool) (location string, job any, err error)
}

type deleteTenantInput struct {
	TenantPath
	KeepBilling string `query:"keep_billing" enum:"true,false" doc:"Whether its costs by hour, kind and source are kept for the bill, without users and queries; metering.keep_billing by default. Of a tenant that is deleted already false removes what was kept."`
}

type acceptedOutput struct {
	Location string `header:"Location"`
	Body     any
}

func (a *API) deleteTenant(ctx context.Context, in *deleteTenantInput) (*acceptedOutput, error) {
	p, err := principal(ctx, tenant.RoleOperator)
	if err != nil {
		return nil, err
	}
	var keep *bool
	if in.KeepBilling != "" {
		yes := in.KeepBilling == "true"
		keep = &yes
	}
	location, job, err := a.cfg.Deletions.DeleteTenant(ctx, p, tenant.ID(in.Tenant), keep)
	if err != nil {
		return nil, catalogError(err)
	}
	return &acceptedOutput{location, job}, nil
}

// sourceOf returns the source of the principal's tenant with this site_id or alias. A write key knows its own source only.
func (a *API) sourceOf(p tenant.Principal, id tenant.ID, site string) (catalog.Source, error) {
	s, t, ok := a.cfg.Catalog.SourceBySite(site)
	if !ok || t.ID != id {
		return s, problem.New(http.StatusNotFound, "site_not_found", "tenant %s has no source with the site_id %q", id, site).WithField("site_id")
	}
	if p.Site != "" && p.Site != s.SiteID {
		return s, problem.New(http.StatusForbidden, "wrong_site", "the key is the write key of site %s and may not touch site %q", p.Site, site).WithField("site_id")
	}
	return s, nil
}
