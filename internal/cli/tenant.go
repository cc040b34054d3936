package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TenantCmd is `weir tenant`.
type TenantCmd struct {
	Create  TenantCreateCmd  `cmd:"" help:"Create a tenant."`
	List    TenantListCmd    `cmd:"" help:"List the tenants."`
	Show    TenantShowCmd    `cmd:"" help:"Show a tenant."`
	Update  TenantUpdateCmd  `cmd:"" help:"Change fields of a tenant."`
	Suspend TenantSuspendCmd `cmd:"" help:"Suspend a tenant: its events are refused and its questions not answered; nothing is deleted."`
	Resume  TenantResumeCmd  `cmd:"" help:"Resume a suspended tenant."`
	Delete  TenantDeleteCmd  `cmd:"" help:"Delete a tenant: its sources and keys stop working at once, its id is never given again."`
}

// tenantInfo is a tenant as the API shows it.
type tenantInfo struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Region    string `json:"region"`
	Retention string `json:"retention"`
	Limits    limits `json:"limits"`
	// Settings: session_timeout.
	Settings  map[string]string `json:"settings,omitempty"`
	Created   time.Time         `json:"created"`
	Suspended *struct {
		Since  time.Time `json:"since"`
		Reason string    `json:"reason,omitempty"`
	} `json:"suspended,omitempty"`
}

func tenantTable(list ...tenantInfo) func() grid {
	return func() grid {
		g := grid{head: []string{"id", "name", "region", "retention", "limits", "session timeout", "created", "suspended"}}
		for _, t := range list {
			retention := t.Retention
			if retention == "0" {
				retention = "for ever"
			}
			since := "-"
			if t.Suspended != nil {
				since = when(t.Suspended.Since)
			}
			g.add(t.ID, orDash(t.Name), orDash(t.Region), retention, t.Limits.String(), orDash(t.Settings["session_timeout"]), when(t.Created), since)
		}
		return g
	}
}

// TenantFields are the fields of a tenant that can be set; what is not given stays out of the request.
type TenantFields struct {
	Name      *string `help:"Name for people." json:"name,omitempty"`
	Region    *string `help:"Where its data shall lie." json:"region,omitempty"`
	Retention *string `help:"How long its events are wanted, for example 400d; 0 is for ever." json:"retention,omitempty"`
	LimitFields

	SessionTimeout *string `help:"How long a visitor may pause within a session: 5m to 24h." json:"-"`
}

type tenantBody struct {
	ID string `json:"id,omitempty"`
	TenantFields
	Limits   map[string]int64  `json:"limits,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
}

func (f TenantFields) body(id string) tenantBody {
	b := tenantBody{ID: id, TenantFields: f, Limits: f.given()}
	if f.SessionTimeout != nil {
		b.Settings = map[string]string{"session_timeout": *f.SessionTimeout}
	}
	return b
}

const tenantsPath = "/api/v1/tenants"

func tenantPath(id string) string { return tenantsPath + "/" + url.PathEscape(id) }

// TenantCreateCmd is `weir tenant create`.
type TenantCreateCmd struct {
	Server
	Output
	TenantFields
	ID string `arg:"" help:"Its id: a-z, 0-9, '-' and '_', at most 63 characters."`
}

// Run creates a tenant.
func (c *TenantCreateCmd) Run(ctx context.Context, p *Process) error {
	var t tenantInfo
	if err := c.do(ctx, http.MethodPost, tenantsPath, c.body(c.ID), &t); err != nil {
		return err
	}
	return c.print(p.Out, t, tenantTable(t))
}

// TenantListCmd is `weir tenant list`.
type TenantListCmd struct {
	Server
	Output
}

// Run lists the tenants.
func (c *TenantListCmd) Run(ctx context.Context, p *Process) error {
	var list struct {
		Tenants []tenantInfo `json:"tenants"`
	}
	if err := c.do(ctx, http.MethodGet, tenantsPath, nil, &list); err != nil {
		return err
	}
	return c.print(p.Out, list, tenantTable(list.Tenants...))
}

// TenantShowCmd is `weir tenant show`.
type TenantShowCmd struct {
	Server
	Output
	ID string `arg:"" help:"Its id."`
}

// Run shows a tenant.
func (c *TenantShowCmd) Run(ctx context.Context, p *Process) error {
	var t tenantInfo
	if err := c.do(ctx, http.MethodGet, tenantPath(c.ID), nil, &t); err != nil {
		return err
	}
	return c.print(p.Out, t, tenantTable(t))
}

// TenantUpdateCmd is `weir tenant update`.
type TenantUpdateCmd struct {
	Server
	Output
	TenantFields
	ID string `arg:"" help:"Its id."`
}

// Run changes the fields that are given.
func (c *TenantUpdateCmd) Run(ctx context.Context, p *Process) error {
	var t tenantInfo
	if err := c.do(ctx, http.MethodPatch, tenantPath(c.ID), c.body(""), &t); err != nil {
		return err
	}
	return c.print(p.Out, t, tenantTable(t))
}

func suspensionPath(id string) string {
	return "/api/v1/operator/tenants/" + url.PathEscape(id) + "/suspension"
}

// TenantSuspendCmd is `weir tenant suspend`.
type TenantSuspendCmd struct {
	Server
	Reason string `help:"Why: the tenant's people see it with every refusal."`
	ID     string `arg:"" help:"Its id."`
}

// Run suspends a tenant.
func (c *TenantSuspendCmd) Run(ctx context.Context, p *Process) error {
	if err := c.do(ctx, http.MethodPut, suspensionPath(c.ID), map[string]string{"reason": c.Reason}, nil); err != nil {
		return err
	}
	return done(p.Out, "tenant %s is suspended: its events are refused, its questions are not answered, nothing is deleted; weir tenant resume %[1]s", c.ID)
}

// TenantResumeCmd is `weir tenant resume`.
type TenantResumeCmd struct {
	Server
	ID string `arg:"" help:"Its id."`
}

// Run resumes a tenant.
func (c *TenantResumeCmd) Run(ctx context.Context, p *Process) error {
	if err := c.do(ctx, http.MethodDelete, suspensionPath(c.ID), nil, nil); err != nil {
		return err
	}
	return done(p.Out, "tenant %s takes events and answers questions again", c.ID)
}

// TenantDeleteCmd is `weir tenant delete`.
type TenantDeleteCmd struct {
	Server
	KeepBilling *bool  `negatable:"" help:"Keep its costs by hour, kind and source for the bill, without users and queries; as configured by default (metering.keep_billing). --no-keep-billing on a tenant that is deleted already removes what was kept."`
	Yes         bool   `help:"Do not ask. Without it a person at a terminal has to repeat the id; a script is not asked."`
	ID          string `arg:"" help:"Its id."`
}

// Run deletes a tenant and says which job removes its data.
func (c *TenantDeleteCmd) Run(ctx context.Context, p *Process) error {
	if !c.Yes {
		if err := confirm(p, c.ID, fmt.Sprintf("Tenant %s, its keys, people and all its events will be deleted. This cannot be undone, and the id is never given again.", c.ID)); err != nil {
			return err
		}
	}
	var j jobInfo
	path := tenantPath(c.ID)
	if c.KeepBilling != nil {
		path += "?keep_billing=" + strconv.FormatBool(*c.KeepBilling)
	}
	if err := c.do(ctx, http.MethodDelete, path, nil, &j); err != nil {
		return err
	}
	return done(p.Out, "tenant %s is deleted; job %s removes its data: weir job wait %[2]s, weir job result %[2]s", c.ID, j.ID)
}
