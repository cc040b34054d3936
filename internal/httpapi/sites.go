package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/tenant"
)

// SiteView is a source as its readers see it.
type SiteView struct {
	SiteID   string `json:"site_id"`
	Source   string `json:"source" doc:"The source's id within its tenant"`
	Name     string `json:"name" doc:"The source's id if it has no name"`
	TimeZone string `json:"time_zone" example:"Europe/Berlin" doc:"In which its reports are"`
	FirstDay int    `json:"first_day" doc:"First day of the week, 1 is Monday"`
}

type sitesOutput struct {
	Body struct {
		Sites []SiteView `json:"sites"`
	}
}

type signInOptions struct {
	Body struct {
		Password  bool     `json:"password" doc:"People can sign in with an address and a password"`
		Accounts  bool     `json:"accounts" doc:"There is at least one account with a password on this server. False on a new one: a key is the way in"`
		Providers []string `json:"providers" doc:"Names of the identity providers of /auth/login?issuer="`
	}
}

// registerSites adds what the dashboard asks first: how to sign in, and what there is to see.
func (a *API) registerSites() {
	huma.Register(a.huma, huma.Operation{OperationID: "list-sites", Method: http.MethodGet, Path: "/api/v1/sites", Tags: []string{"analytics"},
		Summary: "List the sites that one may read", Description: "Role viewer and up. A key of one source sees only that one. The operator names the tenant.",
		Errors: []int{401, 403, 404, 422}}, a.listSites)
	huma.Register(a.huma, huma.Operation{OperationID: "sign-in-options", Method: http.MethodGet, Path: "/api/v1/sign-in", Tags: []string{"Signing in"},
		Summary: "How browsers can sign in", Metadata: Public(), Security: []map[string][]string{}}, a.signInOptions)
}

func (a *API) listSites(ctx context.Context, _ *struct{}) (*sitesOutput, error) {
	p, err := principal(ctx, tenant.RoleViewer)
	if err != nil {
		return nil, err
	}
	id, prob := p.RequireTenant()
	if prob != nil {
		return nil, prob
	}
	all, err := a.cfg.Catalog.Sources(ctx, id)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &sitesOutput{}
	out.Body.Sites = []SiteView{}
	for _, s := range all {
		if p.Site != "" && p.Site != s.SiteID {
			continue
		}
		v := SiteView{SiteID: s.SiteID, Source: s.ID, Name: s.Name, TimeZone: s.TimeZone, FirstDay: s.FirstDay}
		orDefault(&v.Name, s.ID)
		orDefault(&v.TimeZone, "UTC")
		orDefault(&v.FirstDay, 1)
		out.Body.Sites = append(out.Body.Sites, v)
	}
	return out, nil
}

func (a *API) signInOptions(context.Context, *struct{}) (*signInOptions, error) {
	out := &signInOptions{}
	out.Body.Password = a.cfg.Sessions != nil && a.cfg.Passwords != nil
	out.Body.Accounts = out.Body.Password && a.cfg.Catalog.HasUsers()
	out.Body.Providers = []string{}
	if a.cfg.Sessions != nil && a.cfg.Logins != nil {
		out.Body.Providers = a.cfg.Logins.Names()
	}
	return out, nil
}
