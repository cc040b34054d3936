package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"weir/internal/catalog"
	"weir/internal/problem"
)

// MaskCmd is `weir mask`.
type MaskCmd struct {
	List   MaskListCmd   `cmd:"" help:"List what is masked for whom."`
	Set    MaskSetCmd    `cmd:"" help:"Mask a column or a property for roles, from the next query on."`
	Delete MaskDeleteCmd `cmd:"" help:"Show a column or a property again, to all roles or to some."`
}

// mask is a mask as the API shows it.
type mask struct {
	Column  string   `json:"column"`
	Roles   []string `json:"roles"`
	Action  string   `json:"action"`
	Unknown bool     `json:"unknown,omitempty"` // it hides nothing now
}

type policy struct {
	Masks   []mask `json:"masks"`
	Version string `json:"masks_version"`
}

func maskTable(list []mask) func() grid {
	return func() grid {
		g := grid{head: []string{"column", "action", "roles"}}
		notes := slices.ContainsFunc(list, func(m mask) bool { return m.Unknown })
		if notes {
			g.head = append(g.head, "note")
		}
		for _, m := range list {
			row := []string{m.Column, m.Action, strings.Join(m.Roles, ", ")}
			switch {
			case m.Unknown:
				row = append(row, "no column or property of this name has been seen yet")
			case notes:
				row = append(row, "")
			}
			g.add(row...)
		}
		return g
	}
}

func policyPath(tenant string) string { return tenantPath(tenant) + "/policy" }

// MaskListCmd is `weir mask list`.
type MaskListCmd struct {
	Server
	Output
	Tenant string `arg:"" help:"The tenant's id."`
}

// Run lists the masks of a tenant.
func (c *MaskListCmd) Run(ctx context.Context, p *Process) error {
	var now policy
	if err := c.do(ctx, http.MethodGet, policyPath(c.Tenant), nil, &now); err != nil {
		return err
	}
	return c.print(p.Out, now.Masks, maskTable(now.Masks))
}

// changeMasks replaces the masks of a tenant by what change makes of them. When somebody else changes them meanwhile, it is made of theirs.
func (s Server) changeMasks(ctx context.Context, tenant string, change func([]mask) ([]mask, error)) (now policy, err error) {
	for range 5 {
		now, err = s.changeMasksOnce(ctx, tenant, change)
		var refused *problem.Problem
		if !errors.As(err, &refused) || refused.Code != "version_conflict" {
			break
		}
	}
	return now, err
}

func (s Server) changeMasksOnce(ctx context.Context, tenant string, change func([]mask) ([]mask, error)) (policy, error) {
	var now policy
	if err := s.do(ctx, http.MethodGet, policyPath(tenant), nil, &now); err != nil {
		return now, err
	}
	masks, err := change(now.Masks)
	if err != nil {
		return now, err
	}
	if masks == nil {
		masks = []mask{}
	}
	err = s.do(ctx, http.MethodPatch, policyPath(tenant), map[string]any{"masks": masks, "masks_version": now.Version}, &now)
	return now, err
}

// masked is the name under which a mask of a column or a property (also written props.NAME) is shown.
func masked(column string) string {
	name, property := catalog.ReadMaskName(column)
	return catalog.Mask{Column: name, Property: property}.Name()
}

// without takes roles (none: all) out of the masks of a column, and says whether any was in one.
func without(list []mask, column string, roles []string) (out []mask, found bool) {
	for _, m := range list {
		if m.Column == masked(column) {
			var left []string
			for _, r := range m.Roles {
				if len(roles) > 0 && !slices.Contains(roles, r) {
					left = append(left, r)
				}
			}
			found = found || len(left) < len(m.Roles)
			if m.Roles = left; len(left) == 0 {
				continue
			}
		}
		out = append(out, m)
	}
	return out, found
}

// MaskSetCmd is `weir mask set`.
type MaskSetCmd struct {
	Server
	Output
	Role   []string `help:"For whom: viewer, analyst, or both with a comma." enum:"viewer,analyst" default:"viewer,analyst"`
	Action string   `help:"hide: the value is empty or NULL; hash: equal values stay equal." enum:"hide,hash" required:""`
	Tenant string   `arg:"" help:"The tenant's id."`
	Column string   `arg:"" help:"A column of events, a property, or props for all properties."`
}

// Run masks a column. What was said of it for other roles stays.
func (c *MaskSetCmd) Run(ctx context.Context, p *Process) error {
	now, err := c.changeMasks(ctx, c.Tenant, func(list []mask) ([]mask, error) {
		list, _ = without(list, c.Column, c.Role)
		for i, m := range list {
			if m.Column == masked(c.Column) && m.Action == c.Action {
				list[i].Roles = append(m.Roles, c.Role...)
				return list, nil
			}
		}
		return append(list, mask{Column: c.Column, Roles: c.Role, Action: c.Action}), nil
	})
	if err != nil {
		return err
	}
	return c.print(p.Out, now.Masks, maskTable(now.Masks))
}

// MaskDeleteCmd is `weir mask delete`.
type MaskDeleteCmd struct {
	Server
	Role   []string `help:"To whom; to all by default." enum:"viewer,analyst" placeholder:"ROLE"`
	Tenant string   `arg:"" help:"The tenant's id."`
	Column string   `arg:"" help:"What is masked."`
}

// Run takes a mask away.
func (c *MaskDeleteCmd) Run(ctx context.Context, p *Process) error {
	_, err := c.changeMasks(ctx, c.Tenant, func(list []mask) ([]mask, error) {
		left, found := without(list, c.Column, c.Role)
		if !found {
			return nil, fmt.Errorf("%s is not masked: see `weir mask list %s`", c.Column, c.Tenant)
		}
		return left, nil
	})
	if err != nil {
		return err
	}
	return done(p.Out, "%s of tenant %s is not masked any more for %s", c.Column, c.Tenant, orAll(c.Role))
}

func orAll(roles []string) string {
	if len(roles) == 0 {
		return "any role"
	}
	return "the role " + strings.Join(roles, ", ")
}
