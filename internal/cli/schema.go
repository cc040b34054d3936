package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// SchemaCmd is `weir schema`.
type SchemaCmd struct {
	List   SchemaListCmd   `cmd:"" help:"List the properties of a tenant's events (viewer)."`
	Remove SchemaRemoveCmd `cmd:"" help:"Take properties out: their columns go from SQL, the events stay, and a name comes back with the next event that has it (tenant admin)."`
}

const schemaPath = "/api/v1/schema"

// SchemaListCmd is `weir schema list`.
type SchemaListCmd struct {
	Server
	ForTenant
	Output
}

// tenantSchema is what of the answer of /api/v1/schema is shown.
type tenantSchema struct {
	Properties []schemaProperty `json:"properties"`
	LeftOut    struct {
		Limit    int      `json:"limit"`
		Values   uint64   `json:"values"`
		Examples []string `json:"examples"`
		Public   struct {
			Limit    int      `json:"limit"`
			Values   uint64   `json:"values"`
			Examples []string `json:"examples"`
		} `json:"public"`
	} `json:"left_out"`
	Complete bool `json:"complete"`
}

type schemaProperty struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	SQL         string    `json:"sql"`
	Common      bool      `json:"common"`
	OnlyNull    bool      `json:"only_null"`
	Sources     []string  `json:"sources"`
	MoreSources bool      `json:"more_sources"`
	Public      bool      `json:"public"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
}

// from names the first sources that sent the property.
func (q schemaProperty) from() string {
	const most = 3
	out := strings.Join(q.Sources[:min(most, len(q.Sources))], ", ")
	switch n := len(q.Sources) - most; {
	case q.MoreSources:
		out += ", …"
	case n > 0:
		out += fmt.Sprintf(" and %d more", n)
	}
	return orDash(out)
}

// note says what is special about the property.
func (q schemaProperty) note() string {
	var notes []string
	if q.Common {
		notes = append(notes, "declared for every tenant")
	}
	if q.Public {
		notes = append(notes, "came without a key only")
	}
	if q.OnlyNull {
		notes = append(notes, "null only")
	}
	return orDash(strings.Join(notes, ", "))
}

func (s tenantSchema) table() grid {
	g := grid{head: []string{"name", "kind", "sql", "sources", "first seen", "last seen", "note"}}
	for _, q := range s.Properties {
		last := "-"
		if !q.LastSeen.IsZero() {
			last = q.LastSeen.UTC().Format(time.DateOnly)
		}
		g.add(q.Name, q.Kind, q.SQL, q.from(), when(q.FirstSeen), last, q.note())
	}
	return g
}

// remarks say what the table leaves out.
func (s tenantSchema) remarks() []string {
	var out []string
	if n := s.LeftOut.Values; n > 0 {
		out = append(out, fmt.Sprintf("Values of names for which there is no place, beyond %d: %d; such as %s", s.LeftOut.Limit, n, strings.Join(s.LeftOut.Examples, ", ")))
	}
	if p := s.LeftOut.Public; p.Values > 0 {
		out = append(out, fmt.Sprintf("Values of names that came without a key and have no place in their share of %d: %d; the latest %s", p.Limit, p.Values, strings.Join(p.Examples, ", ")))
	}
	if !s.Complete {
		out = append(out, "After an update, properties of older events are being learned: the list is not complete.")
	}
	return out
}

// Run lists the properties.
func (c *SchemaListCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := cl.Do(ctx, http.MethodGet, schemaPath, nil, &raw); err != nil {
		return err
	}
	var s tenantSchema
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("decode the schema: %w", err)
	}
	if err := c.print(p.Out, raw, s.table); err != nil || c.Format == "json" {
		return err
	}
	for _, line := range s.remarks() {
		if err := done(p.Out, "%s", printable(line)); err != nil {
			return err
		}
	}
	return nil
}

// SchemaRemoveCmd is `weir schema remove`.
type SchemaRemoveCmd struct {
	Server
	ForTenant
	Output
	Public bool     `help:"All that came without a key only, beside those that are named."`
	Name   []string `arg:"" optional:"" help:"The properties, as schema list shows them; at most 100."`
}

// Run takes properties out of the schema.
func (c *SchemaRemoveCmd) Run(ctx context.Context, p *Process) error {
	if len(c.Name) == 0 && !c.Public {
		return errors.New("no property is named: give their names, or --public")
	}
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	q := url.Values{"name": c.Name}
	if c.Public {
		q.Set("public", "true")
	}
	var gone struct {
		Forgotten []struct {
			Name string `json:"name"`
			Kind string `json:"kind"`
		} `json:"forgotten"`
		Unknown []string `json:"unknown"`
	}
	if err := cl.Do(ctx, http.MethodDelete, schemaPath+"/properties?"+q.Encode(), nil, &gone); err != nil {
		return err
	}
	return c.print(p.Out, gone, func() grid {
		g := grid{head: []string{"name", "kind", "result"}}
		for _, f := range gone.Forgotten {
			g.add(f.Name, f.Kind, "taken out")
		}
		for _, name := range gone.Unknown {
			g.add(name, "-", "there is none")
		}
		return g
	})
}
