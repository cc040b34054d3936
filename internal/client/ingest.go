package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// notSent says that the request of a failed call certainly never reached the server.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// Rejection is one event that the server refused.
type Rejection struct {
	Index   int    `json:"index"` // place in the request, from 0
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// IngestResult is the answer of /ingest.
type IngestResult struct {
	Accepted int         `json:"accepted"`
	Rejected []Rejection `json:"rejected"`
	Unlisted int         `json:"rejected_unlisted"` // rejected and not in the list, which is bounded
	Token    string      `json:"token"`             // consistency token: what a query may demand as min_token
}

// IngestOptions say what an ingest body is.
type IngestOptions struct {
	ContentType     string // application/x-ndjson if empty
	ContentEncoding string // "", gzip or zstd
	SiteID          string // the source of events that name none; empty leaves it to the key
	Import          bool   // any age of ts is allowed
	Header          http.Header
}

// Ingest sends events in one request. When it returns nil the accepted ones are durable. It is retried on
// 429, 503 and broken connections: events without an event_id of their own may then be stored twice.
// body is not changed and may be reused when Ingest returns.
func (c *Client) Ingest(ctx context.Context, body []byte, o IngestOptions) (IngestResult, error) {
	q := call{method: http.MethodPost, path: "/ingest", body: body, header: http.Header{}, idempotent: true}
	for k, v := range o.Header {
		q.header[k] = v
	}
	params := url.Values{}
	if o.Import {
		params.Set("mode", "import")
	}
	if o.SiteID != "" {
		params.Set("site_id", o.SiteID)
	}
	if len(params) > 0 {
		q.path += "?" + params.Encode()
	}
	if o.ContentType == "" {
		o.ContentType = "application/x-ndjson"
	}
	q.header.Set("Content-Type", o.ContentType)
	if o.ContentEncoding != "" {
		q.header.Set("Content-Encoding", o.ContentEncoding)
	}
	resp, err := c.send(ctx, q)
	if err != nil {
		return IngestResult{}, err
	}
	defer resp.Body.Close()
	var res IngestResult
	if resp.StatusCode == http.StatusNoContent { // Prefer: return=minimal
		return res, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(&res); err != nil {
		return res, fmt.Errorf("decode the answer of /ingest: %w", err)
	}
	return res, nil
}

// QueryRequest is the body of POST /api/v1/query.
type QueryRequest struct {
	SQL      string         `json:"sql"`
	Params   map[string]any `json:"params,omitempty"`
	Format   string         `json:"format,omitempty"` // JSON if empty
	MaxCost  float64        `json:"max_cost,omitempty"`
	MinToken string         `json:"min_token,omitempty"`
	DryRun   bool           `json:"dry_run,omitempty"`
}

// Query runs one SELECT and returns the streamed answer; the caller closes it.
func (c *Client) Query(ctx context.Context, r QueryRequest) (io.ReadCloser, http.Header, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, nil, fmt.Errorf("encode query: %w", err)
	}
	resp, err := c.send(ctx, call{method: http.MethodPost, path: "/api/v1/query", body: body,
		header: http.Header{"Content-Type": {"application/json"}}, idempotent: true})
	if err != nil {
		return nil, nil, err
	}
	return resp.Body, resp.Header, nil
}

// QueryResult is an answer in the JSON format. Values are as encoding/json decodes them, numbers as json.Number.
type QueryResult struct {
	Meta []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"meta"`
	Data []map[string]any `json:"data"`
	Rows int64            `json:"rows"`
	AsOf string           `json:"as_of"`
}

// QueryRows runs one SELECT and holds its whole answer in memory.
func (c *Client) QueryRows(ctx context.Context, r QueryRequest) (QueryResult, error) {
	r.Format = "JSON"
	var res QueryResult
	body, _, err := c.Query(ctx, r)
	if err != nil {
		return res, err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	d.UseNumber()
	if err := d.Decode(&res); err != nil {
		return res, fmt.Errorf("decode the answer of the query: %w", err)
	}
	return res, nil
}

// ImportEntry is a file's place in the server's import ledger.
type ImportEntry struct {
	File      string    `json:"file,omitempty"` // hex SHA-256 of the format's name and the file's first PrefixLen bytes
	PrefixLen int       `json:"prefix_len"`
	Lines     int64     `json:"lines"`              // lines done from the start of the file
	Rejected  int64     `json:"rejected,omitempty"` // of these, rejected
	Updated   time.Time `json:"updated,omitzero"`
}

// Ledger is what the server remembers of the imports into one source.
type Ledger struct {
	Imports []ImportEntry `json:"imports"`
	Salt    string        `json:"salt"` // secret of the source: what client ids of its access logs are hashed with
}

// Imports reads the ledger of a source.
func (c *Client) Imports(ctx context.Context, siteID string) (Ledger, error) {
	var l Ledger
	err := c.Do(ctx, http.MethodGet, "/api/v1/imports?site_id="+url.QueryEscape(siteID), nil, &l)
	return l, err
}

// Import reads one file's entry; a *problem.Problem with status 404 if the file was never seen.
func (c *Client) Import(ctx context.Context, siteID, file string) (ImportEntry, error) {
	e := ImportEntry{File: file}
	err := c.Do(ctx, http.MethodGet, importPath(siteID, file), nil, &e)
	return e, err
}

// AdvanceImport says that the file's first e.Lines lines are done. The server never moves it back.
func (c *Client) AdvanceImport(ctx context.Context, siteID string, e ImportEntry) error {
	in := struct {
		PrefixLen int   `json:"prefix_len"`
		Lines     int64 `json:"lines"`
		Rejected  int64 `json:"rejected,omitempty"` // a server of before knows none
	}{e.PrefixLen, e.Lines, e.Rejected}
	return c.Do(ctx, http.MethodPut, importPath(siteID, e.File), in, nil)
}

func importPath(siteID, file string) string {
	return "/api/v1/imports/" + url.PathEscape(siteID) + "/" + url.PathEscape(file)
}
