package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"weir/internal/client"
)

// LookupCmd is `weir lookup`.
type LookupCmd struct {
	Put    LookupPutCmd    `cmd:"" help:"Create a lookup table from a file, or replace it wholly."`
	List   LookupListCmd   `cmd:"" help:"List the lookup tables of a tenant."`
	Get    LookupGetCmd    `cmd:"" help:"Print the rows of a lookup table."`
	Delete LookupDeleteCmd `cmd:"" help:"Delete a lookup table."`
}

func lookupTable(list ...client.Lookup) func() grid {
	return func() grid {
		g := grid{head: []string{"name", "columns", "rows", "bytes", "updated"}, right: map[int]bool{2: true, 3: true}}
		for _, l := range list {
			var columns []string
			for _, c := range l.Columns {
				columns = append(columns, c.Name+" "+c.Type)
			}
			g.add(l.Name, strings.Join(columns, ", "), strconv.FormatUint(l.Rows, 10), strconv.FormatUint(l.Bytes, 10), when(l.Updated))
		}
		return g
	}
}

// LookupPutCmd is `weir lookup put`.
type LookupPutCmd struct {
	Server
	Output
	Type      []string `help:"Type of a column: Bool, Int64, Float64, String, or Nullable(…) of these; may be repeated. Others follow from the values." placeholder:"COLUMN:TYPE" sep:"none"`
	Delimiter string   `help:"Between values of CSV: one sign, or tab." placeholder:"SIGN"`
	Input     string   `help:"What the file is: csv, ndjson or json; told by its first sign." enum:",csv,ndjson,json" default:"" placeholder:"FORMAT"`
	Tenant    string   `arg:"" help:"The tenant's id."`
	Name      string   `arg:"" help:"The table's name in SQL."`
	File      string   `arg:"" help:"CSV whose first line names the columns, NDJSON, or a JSON array of objects; - reads the standard input."`
}

// maxLookupFile bounds what is read into memory; the server takes less.
const maxLookupFile = 4 << 30

// Run uploads a table.
func (c *LookupPutCmd) Run(ctx context.Context, p *Process) error {
	body, err := readInput(p, c.File)
	if err != nil {
		return err
	}
	cl, err := c.client("")
	if err != nil {
		return err
	}
	l, err := cl.PutLookup(ctx, c.Tenant, c.Name, body, client.LookupOptions{Format: c.Input, Delimiter: c.Delimiter, Types: c.Type})
	if err != nil {
		return err
	}
	return c.print(p.Out, l, lookupTable(l))
}

func readInput(p *Process, file string) ([]byte, error) {
	in := p.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, maxLookupFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(body) > maxLookupFile {
		return nil, fmt.Errorf("%s has more than %d bytes, which no server takes", file, maxLookupFile)
	}
	return body, nil
}

// LookupListCmd is `weir lookup list`.
type LookupListCmd struct {
	Server
	Output
	Tenant string `arg:"" help:"The tenant's id."`
}

// Run lists the tables of a tenant.
func (c *LookupListCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client("")
	if err != nil {
		return err
	}
	list, err := cl.Lookups(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return c.print(p.Out, map[string]any{"lookups": list}, lookupTable(list...))
}

// LookupGetCmd is `weir lookup get`.
type LookupGetCmd struct {
	Server
	Format string `help:"csv, or ndjson, which tells an empty text from a missing value." enum:"csv,ndjson" default:"csv"`
	Tenant string `arg:"" help:"The tenant's id."`
	Name   string `arg:"" help:"The table's name."`
}

// Run prints the rows of a table.
func (c *LookupGetCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client("")
	if err != nil {
		return err
	}
	body, err := cl.Lookup(ctx, c.Tenant, c.Name, c.Format)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(p.Out, body)
	return err
}

// LookupDeleteCmd is `weir lookup delete`.
type LookupDeleteCmd struct {
	Server
	Tenant string `arg:"" help:"The tenant's id."`
	Name   string `arg:"" help:"The table's name."`
}

// Run deletes a table.
func (c *LookupDeleteCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client("")
	if err != nil {
		return err
	}
	if err := cl.DeleteLookup(ctx, c.Tenant, c.Name); err != nil {
		return err
	}
	return done(p.Out, "lookup table %s of tenant %s is deleted", c.Name, c.Tenant)
}
