package cli

import (
	"context"
	"net/http"
	"net/url"
)

// NameCmd is `weir name`.
type NameCmd struct {
	Show    NameShowCmd    `cmd:"" help:"Show whose a retired name was: a site_id or alias of a source that was deleted."`
	Release NameReleaseCmd `cmd:"" help:"Release a retired name: every tenant can have it then, and gets what is still sent for it."`
}

func retiredPath(name string) string {
	return "/api/v1/operator/retired-names/" + url.PathEscape(name)
}

// NameShowCmd is `weir name show`.
type NameShowCmd struct {
	Server
	Output
	Name string `arg:"" help:"The name; case does not count."`
}

// Run shows a retired name.
func (c *NameShowCmd) Run(ctx context.Context, p *Process) error {
	var n struct {
		Name   string `json:"name"`
		Tenant string `json:"tenant,omitempty"`
	}
	if err := c.do(ctx, http.MethodGet, retiredPath(c.Name), nil, &n); err != nil {
		return err
	}
	return c.print(p.Out, n, func() grid {
		g := grid{head: []string{"name", "tenant"}}
		if n.Tenant == "" {
			n.Tenant = "(deleted)"
		}
		g.add(n.Name, n.Tenant)
		return g
	})
}

// NameReleaseCmd is `weir name release`.
type NameReleaseCmd struct {
	Server
	Name string `arg:"" help:"The name; case does not count."`
}

// Run releases a retired name.
func (c *NameReleaseCmd) Run(ctx context.Context, p *Process) error {
	if err := c.do(ctx, http.MethodDelete, retiredPath(c.Name), nil, nil); err != nil {
		return err
	}
	return done(p.Out, "every tenant can have the name %s now", c.Name)
}
