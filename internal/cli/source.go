package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// SourceCmd is `weir source`.
type SourceCmd struct {
	Create SourceCreateCmd `cmd:"" help:"Create a source and print its write key."`
	List   SourceListCmd   `cmd:"" help:"List the sources of a tenant."`
	Show   SourceShowCmd   `cmd:"" help:"Show a source."`
	Update SourceUpdateCmd `cmd:"" help:"Change fields of a source."`
	Delete SourceDeleteCmd `cmd:"" help:"Delete a source with its keys; its events stay."`
}

// sourceInfo is a source as the API shows it.
type sourceInfo struct {
	ID        string        `json:"id"`
	SiteID    string        `json:"site_id"`
	Name      string        `json:"name"`
	Aliases   []string      `json:"aliases"`
	Hostnames []string      `json:"hostnames"`
	TimeZone  string        `json:"time_zone"`
	FirstDay  int           `json:"first_day"`
	Strong    bool          `json:"strong"`
	Privacy   sourcePrivacy `json:"privacy"`
	Created   time.Time     `json:"created"`
	WriteKey  string        `json:"write_key,omitempty"`
}

func sourceTable(list ...sourceInfo) func() grid {
	return func() grid {
		g := grid{head: []string{"id", "site_id", "name", "aliases", "hostnames", "time zone", "first day", "strong", "privacy", "created"}}
		for _, s := range list {
			g.add(s.ID, s.SiteID, orDash(s.Name), orDash(strings.Join(s.Aliases, " ")), orDash(strings.Join(s.Hostnames, " ")), s.TimeZone, strconv.Itoa(s.FirstDay), strconv.FormatBool(s.Strong), s.Privacy.String(), when(s.Created))
		}
		return g
	}
}

// SourceFields are the fields of a source that can be set; what is not given stays out of the request.
type SourceFields struct {
	Name          *string  `help:"Name for people." json:"name,omitempty"`
	Alias         []string `help:"Foreign id that stands for the source, for example a domain; may be repeated." json:"-"`
	Hostname      []string `help:"Host whose browsers may send, *.example.com with its subdomains; may be repeated." json:"-"`
	TimeZone      *string  `help:"IANA time zone of its reports." json:"time_zone,omitempty"`
	FirstDay      *int     `help:"First day of the week, 1 is Monday." json:"first_day,omitempty"`
	Strong        *bool    `help:"Queries and reports of the tenant wait for everything that was acknowledged before them." negatable:"" json:"strong,omitempty"`
	PrivacyFields `embed:""`
	NoAliases     bool `help:"Remove all aliases." json:"-"`
	AllHostnames  bool `help:"Allow all hosts." json:"-"`
}

type sourceBody struct {
	ID     string `json:"id,omitempty"`
	SiteID string `json:"site_id,omitempty"`
	SourceFields
	Aliases   *[]string    `json:"aliases,omitempty"`
	Hostnames *[]string    `json:"hostnames,omitempty"`
	Privacy   *privacyBody `json:"privacy,omitempty"`
}

func (f SourceFields) body() sourceBody {
	b := sourceBody{SourceFields: f, Privacy: f.privacy()}
	if len(f.Alias) > 0 || f.NoAliases {
		aliases := append([]string{}, f.Alias...)
		b.Aliases = &aliases
	}
	if len(f.Hostname) > 0 || f.AllHostnames {
		hosts := append([]string{}, f.Hostname...)
		b.Hostnames = &hosts
	}
	return b
}

func sourcesPath(tenant string) string { return tenantPath(tenant) + "/sources" }

func sourcePath(tenant, id string) string { return sourcesPath(tenant) + "/" + url.PathEscape(id) }

// SourceCreateCmd is `weir source create`.
type SourceCreateCmd struct {
	Server
	Output
	SourceFields
	SiteID string `name:"site-id" help:"Public name in events and reports, unique in the installation; generated if absent."`
	Tenant string `arg:"" help:"The tenant's id."`
	ID     string `arg:"" help:"The source's id, unique within the tenant."`
}

// Run creates a source. Its write key is shown only now.
func (c *SourceCreateCmd) Run(ctx context.Context, p *Process) error {
	in := c.body()
	in.ID, in.SiteID = c.ID, c.SiteID
	var s sourceInfo
	if err := c.do(ctx, http.MethodPost, sourcesPath(c.Tenant), in, &s); err != nil {
		return err
	}
	if err := c.print(p.Out, s, sourceTable(s)); err != nil || c.Format == "json" {
		return err
	}
	return done(p.Out, "\nwrite key: %s\nIt is shown only now.", s.WriteKey)
}

// SourceListCmd is `weir source list`.
type SourceListCmd struct {
	Server
	Output
	Tenant string `arg:"" help:"The tenant's id."`
}

// Run lists the sources of a tenant.
func (c *SourceListCmd) Run(ctx context.Context, p *Process) error {
	var list struct {
		Sources []sourceInfo `json:"sources"`
	}
	if err := c.do(ctx, http.MethodGet, sourcesPath(c.Tenant), nil, &list); err != nil {
		return err
	}
	return c.print(p.Out, list, sourceTable(list.Sources...))
}

// SourceShowCmd is `weir source show`.
type SourceShowCmd struct {
	Server
	Output
	Tenant string `arg:"" help:"The tenant's id."`
	ID     string `arg:"" help:"The source's id."`
}

// Run shows a source.
func (c *SourceShowCmd) Run(ctx context.Context, p *Process) error {
	var s sourceInfo
	if err := c.do(ctx, http.MethodGet, sourcePath(c.Tenant, c.ID), nil, &s); err != nil {
		return err
	}
	return c.print(p.Out, s, sourceTable(s))
}

// SourceUpdateCmd is `weir source update`.
type SourceUpdateCmd struct {
	Server
	Output
	SourceFields
	Tenant string `arg:"" help:"The tenant's id."`
	ID     string `arg:"" help:"The source's id."`
}

// Run changes the fields that are given. Aliases and hostnames are replaced as a whole.
func (c *SourceUpdateCmd) Run(ctx context.Context, p *Process) error {
	var s sourceInfo
	if err := c.do(ctx, http.MethodPatch, sourcePath(c.Tenant, c.ID), c.body(), &s); err != nil {
		return err
	}
	return c.print(p.Out, s, sourceTable(s))
}

// SourceDeleteCmd is `weir source delete`.
type SourceDeleteCmd struct {
	Server
	Tenant string `arg:"" help:"The tenant's id."`
	ID     string `arg:"" help:"The source's id."`
}

// Run deletes a source with its keys.
func (c *SourceDeleteCmd) Run(ctx context.Context, p *Process) error {
	if err := c.do(ctx, http.MethodDelete, sourcePath(c.Tenant, c.ID), nil, nil); err != nil {
		return err
	}
	return done(p.Out, "source %s of tenant %s is deleted with its keys", c.ID, c.Tenant)
}
