package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/tenant"
)

// SourceView is a source as the API shows it.
type SourceView struct {
	ID        string      `json:"id" example:"web"`
	SiteID    string      `json:"site_id" doc:"Public name of the source in events and reports, unique in the installation"`
	Name      string      `json:"name"`
	Aliases   []string    `json:"aliases" doc:"Foreign ids that stand for the source"`
	Hostnames []string    `json:"hostnames" doc:"Hosts whose browsers may send; empty allows all"`
	TimeZone  string      `json:"time_zone" example:"Europe/Berlin"`
	FirstDay  int         `json:"first_day" doc:"First day of the week, 1 is Monday"`
	Strong    bool        `json:"strong" doc:"The tenant's queries and reports wait for everything that was acknowledged before them"`
	Privacy   PrivacyView `json:"privacy" doc:"What is done about personal data before an event is stored"`
	Created   time.Time   `json:"created"`
}

func viewSource(s catalog.Source) SourceView {
	return SourceView{ID: s.ID, SiteID: s.SiteID, Name: s.Name, Aliases: append([]string{}, s.Aliases...), Hostnames: append([]string{}, s.Hostnames...),
		TimeZone: s.TimeZone, FirstDay: s.FirstDay, Strong: s.Strong, Privacy: viewPrivacy(s.Privacy), Created: s.Created}
}

// SourcePatch changes only what it names.
type SourcePatch struct {
	Name      *string       `json:"name,omitempty" maxLength:"200"`
	Aliases   *[]string     `json:"aliases,omitempty" maxItems:"100" doc:"Foreign ids that stand for the source, for example a domain or another product's app id; unique in the installation. Those of a deleted source are kept for its tenant; one that is left out here is free"`
	Hostnames *[]string     `json:"hostnames,omitempty" maxItems:"100" doc:"Hosts whose browsers may send, *.example.com with its subdomains, an IPv6 address in brackets; ports do not count; empty allows all"`
	TimeZone  *string       `json:"time_zone,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"IANA name that the engine knows; UTC by default"`
	FirstDay  *int          `json:"first_day,omitempty" minimum:"1" maximum:"7" doc:"First day of the week, 1 is Monday and the default"`
	Privacy   *PrivacyPatch `json:"privacy,omitempty" doc:"What is done about personal data before an event is stored. It holds for events that come from then on"`
	Strong    *bool         `json:"strong,omitempty" doc:"Queries and reports of the tenant wait, at most query.token_wait, until everything that was acknowledged before them can be seen"`
}

// NamesChanges implements Change.
func (*SourcePatch) NamesChanges() {}

var (
	sourceIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	siteIDPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)
	aliasPattern    = regexp.MustCompile(`^[!-~]{1,253}$`)
	hostPattern     = regexp.MustCompile(`^(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$`)
)

func (in SourcePatch) apply(s *catalog.Source) error {
	if in.Name != nil {
		if err := shown("name", *in.Name); err != nil {
			return err
		}
		s.Name = *in.Name
	}
	if in.Aliases != nil {
		for _, alias := range *in.Aliases {
			if !aliasPattern.MatchString(alias) {
				return invalid("aliases", "%q must be 1 to 253 visible ASCII characters without spaces", alias)
			}
		}
		s.Aliases = *in.Aliases
	}
	if in.Hostnames != nil {
		hosts := make([]string, 0, len(*in.Hostnames))
		for _, h := range *in.Hostnames {
			host, ok := hostName(h)
			if !ok {
				return invalid("hostnames", "%q is not a host like www.example.com, *.example.com or [2001:db8::1]; leave out https:// and paths", h)
			}
			hosts = append(hosts, host)
		}
		s.Hostnames = hosts
	}
	if in.TimeZone != nil {
		if _, err := clickhouse.Zone(*in.TimeZone); err != nil {
			return invalid("time_zone", "%q is not an IANA time zone, such as Europe/Berlin, that the engine knows", *in.TimeZone)
		}
		s.TimeZone = *in.TimeZone
	}
	if in.FirstDay != nil {
		s.FirstDay = *in.FirstDay
	}
	if in.Strong != nil {
		s.Strong = *in.Strong
	}
	if in.Privacy != nil {
		p, err := in.Privacy.apply(s.Privacy)
		if err != nil {
			return err
		}
		s.Privacy = p
	}
	return nil
}

// hostName is a hostname of a source as it is kept: in lower case, an IPv6 address in brackets and shortened as browsers write it.
func hostName(s string) (string, bool) {
	s = strings.ToLower(s)
	if hostPattern.MatchString(s) {
		return s, true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if ok := err == nil && (s[0] == '[') == strings.HasSuffix(s, "]"); ok && ip.Is6() && ip.Zone() == "" {
		return "[" + ip.String() + "]", true
	}
	to, err := netip.ParseAddrPort(s)
	if err != nil || !to.Addr().Is6() || to.Addr().Zone() != "" {
		return "", false
	}
	return to.String(), true
}

type SourcePath struct {
	TenantPath
	Source string `path:"source" maxLength:"63" doc:"The source's id"`
}

type createSourceInput struct {
	TenantPath
	Body struct {
		ID     string `json:"id" example:"web" doc:"1 to 63 characters of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit; unique within the tenant. It cannot change."`
		SiteID string `json:"site_id,omitempty" doc:"1 to 128 characters of a-z, A-Z, 0-9, '.', '_', ':' and '-'; generated if absent. It cannot change."`
		SourcePatch
	}
}

type createdSource struct {
	SourceView
	WriteKey string `json:"write_key" doc:"Sends events of this source; shown only now"`
}

type createdSourceOutput struct {
	Location string `header:"Location"`
	Body     createdSource
}

type sourceOutput struct{ Body SourceView }

type sourcesOutput struct {
	Body struct {
		Sources []SourceView `json:"sources"`
	}
}

func (a *API) registerSources() {
	tags := []string{"Sources (tenant admin)"}
	const list, one = "/api/v1/tenants/{tenant}/sources", "/api/v1/tenants/{tenant}/sources/{source}"
	huma.Register(a.huma, huma.Operation{OperationID: "create-source", Method: http.MethodPost, Path: list, DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create a source with its write key", Description: "A source is a site, an app or a device fleet that sends events.", Errors: []int{400, 401, 403, 404, 409}}, a.createSource)
	huma.Register(a.huma, huma.Operation{OperationID: "list-sources", Method: http.MethodGet, Path: list,
		Tags: tags, Summary: "List the sources", Errors: []int{401, 403, 404}}, a.listSources)
	huma.Register(a.huma, huma.Operation{OperationID: "get-source", Method: http.MethodGet, Path: one,
		Tags: tags, Summary: "Show a source", Errors: []int{401, 403, 404}}, a.showSource)
	huma.Register(a.huma, huma.Operation{OperationID: "update-source", Method: http.MethodPatch, Path: one,
		Tags: tags, Summary: "Change fields of a source", Description: "Fields that are not named stay.", Errors: []int{400, 401, 403, 404, 409}}, a.updateSource)
	huma.Register(a.huma, huma.Operation{OperationID: "delete-source", Method: http.MethodDelete, Path: one, DefaultStatus: http.StatusNoContent,
		Tags: tags, Summary: "Delete a source with its keys", Description: "Stored events stay. Its site_id and aliases are not given to another tenant: take off an alias first that another one shall have.", Errors: []int{401, 403, 404}}, a.deleteSource)
}

func (a *API) createSource(ctx context.Context, in *createSourceInput) (*createdSourceOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	s := catalog.Source{Tenant: id, ID: in.Body.ID, SiteID: in.Body.SiteID}
	if !sourceIDPattern.MatchString(s.ID) {
		return nil, invalid("id", "%q must be 1 to 63 characters of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit", s.ID)
	}
	if s.SiteID == "" {
		s.SiteID = "site-" + strings.ToLower(rand.Text()[:12])
	}
	if !siteIDPattern.MatchString(s.SiteID) {
		return nil, invalid("site_id", "%q must be 1 to 128 characters of a-z, A-Z, 0-9, '.', '_', ':' and '-', beginning with a letter or digit", s.SiteID)
	}
	if err := in.Body.apply(&s); err != nil {
		return nil, err
	}
	secret, hash, err := a.cfg.Auth.NewKey(tenant.RoleWriter)
	if err != nil {
		return nil, err
	}
	s, err = a.cfg.Catalog.CreateSource(ctx, s, catalog.Key{Role: tenant.RoleWriter, Name: "write key of " + s.ID, Hash: hash})
	if err != nil {
		return nil, catalogError(err)
	}
	return &createdSourceOutput{Location: "/api/v1/tenants/" + string(id) + "/sources/" + s.ID, Body: createdSource{viewSource(s), secret}}, nil
}

func (a *API) listSources(ctx context.Context, in *TenantPath) (*sourcesOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	all, err := a.cfg.Catalog.Sources(ctx, id)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &sourcesOutput{}
	out.Body.Sources = make([]SourceView, len(all))
	for i, s := range all {
		out.Body.Sources[i] = viewSource(s)
	}
	return out, nil
}

func (a *API) showSource(ctx context.Context, in *SourcePath) (*sourceOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	s, err := a.cfg.Catalog.Source(ctx, id, in.Source)
	if err != nil {
		return nil, catalogError(err)
	}
	return &sourceOutput{viewSource(s)}, nil
}

type updateSourceInput struct {
	SourcePath
	Body SourcePatch
}

func (a *API) updateSource(ctx context.Context, in *updateSourceInput) (*sourceOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	s, err := a.cfg.Catalog.UpdateSource(ctx, id, in.Source, in.Body.apply)
	if err != nil {
		return nil, catalogError(err)
	}
	return &sourceOutput{viewSource(s)}, nil
}

func (a *API) deleteSource(ctx context.Context, in *SourcePath) (*struct{}, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return nil, catalogError(a.cfg.Catalog.DeleteSource(ctx, id, in.Source))
}
