package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"weir/internal/config"
)

// KeyCmd is `weir key`.
type KeyCmd struct {
	Create KeyCreateCmd `cmd:"" help:"Create a key and print it."`
	List   KeyListCmd   `cmd:"" help:"List the keys of a tenant, without their secrets."`
	Rotate KeyRotateCmd `cmd:"" help:"Replace a key: a new one is made, the old one works on for a while."`
	Delete KeyDeleteCmd `cmd:"" help:"Delete a key: it stops working at once."`
}

// keyInfo is a key as the API shows it.
type keyInfo struct {
	ID      string    `json:"id"`
	Role    string    `json:"role"`
	Name    string    `json:"name"`
	SiteID  string    `json:"site_id,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Expired bool      `json:"expired"`
	Used    time.Time `json:"used,omitzero"`
	Key     string    `json:"key,omitempty"`
}

func keyTable(list ...keyInfo) func() grid {
	return func() grid {
		g := grid{head: []string{"id", "role", "name", "site_id", "created", "used", "expires"}}
		for _, k := range list {
			expires := "never"
			if !k.Expires.IsZero() {
				expires = when(k.Expires)
			}
			if k.Expired {
				expires += " (expired)"
			}
			g.add(k.ID, k.Role, orDash(k.Name), orDash(k.SiteID), when(k.Created), when(k.Used), expires)
		}
		return g
	}
}

// operatorsName stands for the operators where a tenant is named; no tenant can have it, because of its letter.
const operatorsName = "OPERATORS"

func keysPath(tenant string) string { return ownerPath(tenant) + "/keys" }

// ownerPath is where the keys and users of a tenant are, or of the operators.
func ownerPath(tenant string) string {
	if tenant == operatorsName {
		return "/api/v1/operators"
	}
	return tenantPath(tenant)
}

func ownerName(tenant string) string {
	if tenant == operatorsName {
		return "the operators"
	}
	return "tenant " + tenant
}

// KeyCreateCmd is `weir key create`.
type KeyCreateCmd struct {
	Server
	Output
	Role    string `help:"viewer reads reports, analyst queries too, admin manages the tenant too; writer only sends events; operator with OPERATORS." enum:"viewer,analyst,admin,writer,operator" required:""`
	Name    string `help:"What it is for."`
	Expires string `help:"When it stops working: a time (RFC 3339), a length from now such as 90d, or never." placeholder:"TIME" default:"never"`
	Source  string `help:"With role writer: a further write key of this source." placeholder:"ID"`
	Tenant  string `arg:"" help:"The tenant's id; OPERATORS for operators' keys."`
}

// Run creates a key. It is shown only now.
func (c *KeyCreateCmd) Run(ctx context.Context, p *Process) error {
	in := struct {
		Role    string     `json:"role,omitempty"`
		Name    string     `json:"name,omitempty"`
		Expires *time.Time `json:"expires,omitempty"`
		Source  string     `json:"source,omitempty"`
	}{Role: c.Role, Name: c.Name, Source: c.Source}
	if (c.Tenant == operatorsName) != (c.Role == "operator") {
		return fmt.Errorf("--role: operator goes with %s, and no other role does: `weir key create %s --role operator --name NAME`", operatorsName, operatorsName)
	}
	if c.Tenant == operatorsName {
		in.Role = "" // the path says it
	}
	if c.Expires != "never" {
		if c.Expires == "" {
			return errors.New("--expires: it is empty; for a key without an end leave it out, or say never")
		}
		var err error
		if in.Expires, err = expiry(c.Expires, time.Now()); err != nil {
			return err
		}
	}
	return c.newKey(ctx, p, c.Output, keysPath(c.Tenant), in, "")
}

// KeyRotateCmd is `weir key rotate`.
type KeyRotateCmd struct {
	Server
	Output
	Overlap string `help:"How long the old key still works, for example 24h; 0 ends it at once." default:"24h" placeholder:"DURATION"`
	Name    string `help:"Name of the new key; the old one's by default."`
	Expires string `help:"When the new key stops working: a time (RFC 3339), a length from now, or never. Needed where the old key has an end." placeholder:"TIME"`
	Tenant  string `arg:"" help:"The tenant's id; OPERATORS for operators' keys."`
	ID      string `arg:"" help:"The key's id, not the key itself."`
}

// Run makes the successor of a key. It is shown only now.
func (c *KeyRotateCmd) Run(ctx context.Context, p *Process) error {
	in := struct {
		Overlap string     `json:"overlap"`
		Name    string     `json:"name,omitempty"`
		Expires *time.Time `json:"expires,omitempty"`
		Never   bool       `json:"never,omitempty"`
	}{Overlap: c.Overlap, Name: c.Name}
	if in.Never = c.Expires == "never"; !in.Never {
		var err error
		if in.Expires, err = expiry(c.Expires, time.Now()); err != nil {
			return err
		}
	}
	return c.newKey(ctx, p, c.Output, keysPath(c.Tenant)+"/"+url.PathEscape(c.ID)+"/rotate", in, fmt.Sprintf(" The key %s still works for %s at most.", c.ID, c.Overlap))
}

// newKey makes a key and prints it: it is shown only now. more is said at the end.
func (s Server) newKey(ctx context.Context, p *Process, o Output, path string, in any, more string) error {
	var k keyInfo
	if err := s.do(ctx, http.MethodPost, path, in, &k); err != nil {
		return err
	}
	if err := o.print(p.Out, k, keyTable(k)); err != nil || o.Format == "json" {
		return err
	}
	return done(p.Out, "\nkey: %s\nIt is shown only now.%s", k.Key, more)
}

// expiry reads a time or a duration from now; nil when s is empty.
func expiry(s string, now time.Time) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	t, err := config.TimeAhead(s, now)
	if err != nil {
		return nil, fmt.Errorf("--expires: %w; or never", err)
	}
	t = t.UTC()
	return &t, nil
}

// KeyListCmd is `weir key list`.
type KeyListCmd struct {
	Server
	Output
	Tenant string `arg:"" help:"The tenant's id; OPERATORS for operators' keys."`
}

// Run lists the keys of a tenant.
func (c *KeyListCmd) Run(ctx context.Context, p *Process) error {
	var list struct {
		Keys []keyInfo `json:"keys"`
	}
	if err := c.do(ctx, http.MethodGet, keysPath(c.Tenant), nil, &list); err != nil {
		return err
	}
	return c.print(p.Out, list, keyTable(list.Keys...))
}

// KeyDeleteCmd is `weir key delete`.
type KeyDeleteCmd struct {
	Server
	Tenant string `arg:"" help:"The tenant's id; OPERATORS for operators' keys."`
	ID     string `arg:"" help:"The key's id, not the key itself."`
}

// Run deletes a key.
func (c *KeyDeleteCmd) Run(ctx context.Context, p *Process) error {
	if err := c.do(ctx, http.MethodDelete, keysPath(c.Tenant)+"/"+url.PathEscape(c.ID), nil, nil); err != nil {
		return err
	}
	return done(p.Out, "key %s of %s is deleted", c.ID, ownerName(c.Tenant))
}
