package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Lookup is a lookup table of a tenant.
type Lookup struct {
	Name    string         `json:"name"`
	Columns []LookupColumn `json:"columns"`
	Rows    uint64         `json:"rows"`
	Bytes   uint64         `json:"bytes"` // its texts, and 8 for each value
	Updated time.Time      `json:"updated"`
}

// LookupColumn is a column with its type in SQL.
type LookupColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// LookupOptions say what an upload is.
type LookupOptions struct {
	Format    string   // csv, ndjson or json; empty: told by its first sign
	Delimiter string   // of CSV: one sign, or tab; empty: a comma
	Types     []string // column:type; of the others they follow from the values
}

func lookupPath(tenant, name string) string {
	return "/api/v1/tenants/" + url.PathEscape(tenant) + "/lookups/" + url.PathEscape(name)
}

// PutLookup creates a lookup table or replaces it wholly. When it returns nil, every query that begins from then on sees the new rows. It is retried on
// 429, 503 and broken connections. body is not changed.
func (c *Client) PutLookup(ctx context.Context, tenant, name string, body []byte, o LookupOptions) (Lookup, error) {
	params := url.Values{}
	for key, v := range map[string]string{"format": o.Format, "delimiter": o.Delimiter} {
		if v != "" {
			params.Set(key, v)
		}
	}
	for _, t := range o.Types {
		params.Add("type", t)
	}
	q := call{method: http.MethodPut, path: lookupPath(tenant, name), body: body, header: http.Header{}, idempotent: true}
	if len(params) > 0 {
		q.path += "?" + params.Encode()
	}
	q.header.Set("Content-Type", "application/octet-stream")
	var out Lookup
	resp, err := c.send(ctx, q)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("decode the answer of PUT %s: %w", q.path, err)
	}
	return out, nil
}

// Lookups lists the tables of a tenant, by name.
func (c *Client) Lookups(ctx context.Context, tenant string) ([]Lookup, error) {
	var out struct {
		Lookups []Lookup `json:"lookups"`
	}
	err := c.Do(ctx, http.MethodGet, "/api/v1/tenants/"+url.PathEscape(tenant)+"/lookups", nil, &out)
	return out.Lookups, err
}

// Lookup returns the rows of a table as csv or ndjson. The caller closes the body.
func (c *Client) Lookup(ctx context.Context, tenant, name, format string) (io.ReadCloser, error) {
	return c.Get(ctx, lookupPath(tenant, name)+"?format="+url.QueryEscape(format))
}

// DeleteLookup deletes a table.
func (c *Client) DeleteLookup(ctx context.Context, tenant, name string) error {
	return c.Do(ctx, http.MethodDelete, lookupPath(tenant, name), nil, nil)
}
