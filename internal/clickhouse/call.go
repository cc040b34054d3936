package clickhouse

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxErrorText bounds the text of an error that is read, in bytes.
const maxErrorText = 64 << 10

// Query runs a statement and streams its answer. A failure after the first byte surfaces as an *Error from Body.Read.
func (c *Client) Query(ctx context.Context, s Statement) (*Result, error) {
	resp, err := c.do(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	return c.result(resp), nil
}

// Exec runs a statement and discards its answer.
func (c *Client) Exec(ctx context.Context, s Statement) (Summary, error) {
	res, err := c.Query(ctx, s)
	if err != nil {
		return Summary{}, err
	}
	return res.drain()
}

// Rows runs a statement in JSONCompactEachRow and calls fn with each row's raw values decoded as by encoding/json
// (64-bit integers as json.Number).
func (c *Client) Rows(ctx context.Context, s Statement, fn func(row []any) error) (Summary, error) {
	s.Format = "JSONCompactEachRow"
	res, err := c.Query(ctx, s)
	if err != nil {
		return Summary{}, err
	}
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	for {
		var row []any
		if err = dec.Decode(&row); err != nil {
			break
		}
		if err = fn(row); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		return res.Summary(), errors.Join(err, res.Body.Close())
	}
	return res.drain()
}

// Insert streams body, which is in the format that s.SQL names ("INSERT INTO t (a, b) FORMAT Native").
// When it returns nil the rows are durable (the engine's fsync settings are part of its configuration).
// When it fails their fate is unknown, unless the error is an *Error with Status 4xx.
func (c *Client) Insert(ctx context.Context, s Statement, body io.Reader) (Summary, error) {
	if body == nil {
		body = bytes.NewReader(nil)
	}
	resp, err := c.do(ctx, s, body)
	if err != nil {
		return Summary{}, err
	}
	return c.result(resp).drain()
}

// Ping returns nil when the engine answers.
func (c *Client) Ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"ping", nil)
	if err != nil {
		return fmt.Errorf("clickhouse: ping: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return unavailable(ctx, "ping", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("clickhouse: ping: %w: status %d", ErrUnavailable, resp.StatusCode)
	}
	return nil
}

// do sends a statement: as the request's body, or with data as the body if data is not nil.
func (c *Client) do(ctx context.Context, s Statement, data io.Reader) (*http.Response, error) {
	q := url.Values{}
	for k, v := range s.Settings {
		q.Set(k, v)
	}
	for k, v := range s.Params {
		q.Set("param_"+k, v)
	}
	if s.QueryID == "" {
		s.QueryID = rand.Text()
	}
	q.Set("query_id", s.QueryID)
	if s.Comment != "" {
		q.Set("log_comment", s.Comment)
	}
	if s.Format != "" {
		q.Set("default_format", s.Format)
	}
	if !c.unix { // defaults of the embedded engine that a server may have otherwise
		q.Set("cancel_http_readonly_queries_on_client_close", "1")
		q.Set("output_format_json_quote_64bit_integers", "0")
		q.Set("http_write_exception_in_output_format", "0")
	}
	body := data
	if data == nil {
		body = strings.NewReader(s.SQL)
	} else {
		q.Set("query", s.SQL)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"?"+q.Encode(), body)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	switch {
	case s.Operator && s.Tenant != "":
		return nil, fmt.Errorf("clickhouse: a statement is a tenant's or an operator's, not both")
	case s.Operator:
		req.Header.Set(HeaderUser, "o_operator")
		req.Header.Set(HeaderDatabase, "o_operator")
	case s.Tenant != "":
		req.Header.Set(HeaderUser, "t_"+s.Tenant)
		req.Header.Set(HeaderDatabase, "t_"+s.Tenant)
	case c.user != nil:
		pw, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), pw)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unavailable(ctx, "statement", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorText)) // what was read so far is the best message there is
	e := ParseError(string(text), resp.StatusCode)
	e.Summary = ParseSummary(resp.Header.Get(HeaderSummary))
	if e.Code == 0 && resp.StatusCode == http.StatusServiceUnavailable {
		return nil, fmt.Errorf("clickhouse: %w: %s", ErrUnavailable, e.Message)
	}
	return nil, e
}

// unavailable wraps a failure of the transport. The caller's own cancellation stays what it is; a dial that takes too long calls itself
// context.DeadlineExceeded, too, and is none.
func unavailable(ctx context.Context, op string, err error) error {
	switch cause := ctx.Err(); {
	case cause != nil && errors.Is(err, cause):
		return fmt.Errorf("clickhouse: %s: %w", op, err)
	case cause != nil:
		return fmt.Errorf("clickhouse: %s: %w: %w", op, cause, err)
	}
	return fmt.Errorf("clickhouse: %s: %w: %w", op, ErrUnavailable, err)
}
