package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"weir/internal/client"
)

// QueryCmd is `weir query`.
type QueryCmd struct {
	Server
	ForTenant
	Format string            `help:"table, json (one object), csv (with a head) or ndjson (one object a row)." enum:"table,json,csv,ndjson" default:"table"`
	Param  map[string]string `help:"Value of a placeholder {name:Type} of the statement; may be repeated." placeholder:"NAME=VALUE"`
	SQL    string            `arg:"" name:"sql" help:"One SELECT; - reads it from the standard input."`
}

var queryFormats = map[string]string{"table": "JSON", "json": "JSON", "csv": "CSVWithNames", "ndjson": "JSONEachRow"}

// maxSQL bounds what is read from the standard input; the server takes less.
const maxSQL = 1 << 20

// Run runs the statement and prints its answer.
func (c *QueryCmd) Run(ctx context.Context, p *Process) error {
	sql := c.SQL
	if sql == "-" {
		text, err := io.ReadAll(io.LimitReader(p.In, maxSQL))
		if err != nil {
			return fmt.Errorf("read the statement: %w", err)
		}
		sql = string(text)
	}
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	req := client.QueryRequest{SQL: sql, Format: queryFormats[c.Format]}
	if len(c.Param) > 0 {
		req.Params = map[string]any{}
		for k, v := range c.Param {
			req.Params[k] = v
		}
	}
	body, _, err := cl.Query(ctx, req)
	if err != nil {
		return err
	}
	defer body.Close()
	if c.Format == "table" {
		return printAnswer(p.Out, body)
	}
	_, err = io.Copy(p.Out, body)
	return err
}

// answer is what /api/v1/query sends in the JSON format.
type answer struct {
	Meta []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"meta"`
	Data       []map[string]json.RawMessage `json:"data"`
	Rows       int64                        `json:"rows"`
	AsOf       string                       `json:"as_of"`
	Statistics struct {
		Elapsed   float64     `json:"elapsed"`
		RowsRead  json.Number `json:"rows_read"`
		BytesRead json.Number `json:"bytes_read"`
	} `json:"statistics"`
}

func printAnswer(w io.Writer, body io.Reader) error {
	var a answer
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	g := grid{right: map[int]bool{}}
	for i, m := range a.Meta {
		g.head = append(g.head, m.Name)
		g.right[i] = isNumber(m.Type)
	}
	for _, r := range a.Data {
		cells := make([]string, len(a.Meta))
		for i, m := range a.Meta {
			cells[i] = cell(r[m.Name])
		}
		g.add(cells...)
	}
	if err := g.write(w); err != nil {
		return err
	}
	rows := "rows"
	if a.Rows == 1 {
		rows = "row"
	}
	foot := fmt.Sprintf("\n%d %s, %s rows read in %.3f s", a.Rows, rows, orDash(a.Statistics.RowsRead.String()), a.Statistics.Elapsed)
	if a.AsOf != "" {
		foot += ", as of " + a.AsOf
	}
	return done(w, "%s", foot)
}

func isNumber(typ string) bool {
	typ = strings.TrimPrefix(typ, "Nullable(")
	for _, p := range []string{"Int", "UInt", "Float", "Decimal"} {
		if strings.HasPrefix(typ, p) {
			return true
		}
	}
	return false
}

// cell is a JSON value as text: a string without its quotes, what is nested as JSON.
func cell(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && !bytes.Equal(raw, []byte("null")) {
		return s
	}
	if len(raw) == 0 || string(raw) == "null" {
		return "-"
	}
	return string(raw)
}
