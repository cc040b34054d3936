package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"weir/internal/client"
	"weir/internal/problem"
)

// TailCmd is `weir tail`.
type TailCmd struct {
	Server
	ForTenant
	SiteID string        `name:"site-id" help:"Only events of this source."`
	Type   string        `help:"Only events of this type."`
	Every  time.Duration `help:"How often to look." default:"1s"`
	Lines  int           `help:"How many earlier events to begin with." default:"10"`
	Window time.Duration `help:"Only events whose own time lies at most so far back: without it each look would read everything." default:"24h"`
	Format string        `help:"text, or json (one object an event)." enum:"text,json" default:"text"`
}

// Events become visible in the order of their commits, not of their arrival: tail looks back by overlap and leaves out what it has shown.
const (
	tailOverlap = 15 * time.Second
	tailMost    = 10_000 // events of one look; what is more is skipped, and said
)

const tailColumns = "toUnixTimestamp64Milli(received_at) AS _received, ts, received_at, type, event_id, site_id, client_id, user_id, session_id, url, referrer, country, device, os, browser, is_bot, props, props_num"

// tailRow is what tail itself needs of an event.
type tailRow struct {
	Received json.Number `json:"_received"`
	TS       string      `json:"ts"`
	Type     string      `json:"type"`
	EventID  string      `json:"event_id"`
	SiteID   string      `json:"site_id"`
	ClientID string      `json:"client_id"`
	URL      string      `json:"url"`
	Country  string      `json:"country"`
	Browser  string      `json:"browser"`
}

// Run prints events until ctx ends.
func (c *TailCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	if c.Every <= 0 {
		return errors.New("--every must be more than 0")
	}
	t := &tail{cmd: c, client: cl, out: p.Out, err: p.Err, shown: map[string]int64{}}
	if err := t.first(ctx); err != nil {
		return ignoreCancel(ctx, err)
	}
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := t.next(ctx); err != nil {
			return ignoreCancel(ctx, err)
		}
	}
}

func ignoreCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type tail struct {
	cmd    *TailCmd
	client *client.Client
	out    io.Writer
	err    io.Writer
	shown  map[string]int64 // arrival in milliseconds, by site and event id, within the overlap
	newest int64            // arrival of the newest event that was seen
}

// first shows the last lines of what is there.
func (t *tail) first(ctx context.Context) error {
	rows, err := t.query(ctx, "", "DESC", max(1, t.cmd.Lines), 0)
	if err != nil {
		return err
	}
	for i := len(rows) - 1; i >= 0; i-- {
		if err := t.show(rows[i], t.cmd.Lines > 0); err != nil {
			return err
		}
	}
	if t.newest == 0 {
		return nil
	}
	// Neighbours of the last line that were not asked for are not new.
	rows, err = t.query(ctx, " AND received_at >= fromUnixTimestamp64Milli({since:Int64}) AND received_at <= fromUnixTimestamp64Milli({until:Int64})",
		"ASC", tailMost, t.newest-tailOverlap.Milliseconds())
	for _, r := range rows {
		if err := t.show(r, false); err != nil {
			return err
		}
	}
	return err
}

// next shows what became visible since the last look.
func (t *tail) next(ctx context.Context) error {
	since := t.newest - tailOverlap.Milliseconds()
	rows, err := t.query(ctx, " AND received_at >= fromUnixTimestamp64Milli({since:Int64})", "ASC", tailMost, since)
	var p *problem.Problem
	if errors.As(err, &p) && p.Status >= 500 || err != nil && !errors.As(err, &p) {
		fmt.Fprintf(t.err, "weir: trying again: %v\n", err)
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := t.show(r, true); err != nil {
			return err
		}
	}
	if len(rows) == tailMost {
		fmt.Fprintf(t.err, "weir: more than %d events at once: some are not shown; use --type or --site-id, or a query\n", tailMost)
		return t.skip(ctx)
	}
	for k, at := range t.shown {
		if at < t.newest-2*tailOverlap.Milliseconds() {
			delete(t.shown, k)
		}
	}
	return nil
}

// skip moves to the newest event, so that a flood does not hold tail back for ever.
func (t *tail) skip(ctx context.Context) error {
	rows, err := t.query(ctx, "", "DESC", 1, 0)
	if err != nil || len(rows) == 0 {
		return err
	}
	clear(t.shown)
	if err := t.show(rows[0], true); err != nil {
		return err
	}
	t.newest += tailOverlap.Milliseconds() // the overlap would bring the flood again
	return nil
}

func (t *tail) query(ctx context.Context, where, order string, limit int, since int64) ([]json.RawMessage, error) {
	sql := fmt.Sprintf("SELECT %s FROM events WHERE ts > now() - %d%s", tailColumns, int64(t.cmd.Window/time.Second), where)
	params := map[string]any{}
	if strings.Contains(where, "{since:") {
		params["since"] = fmt.Sprint(since)
	}
	if strings.Contains(where, "{until:") {
		params["until"] = fmt.Sprint(t.newest)
	}
	if t.cmd.SiteID != "" {
		sql += " AND site_id = {site:String}"
		params["site"] = t.cmd.SiteID
	}
	if t.cmd.Type != "" {
		sql += " AND type = {type:String}"
		params["type"] = t.cmd.Type
	}
	sql += fmt.Sprintf(" ORDER BY received_at %s, site_id, event_id LIMIT %d", order, limit)
	body, _, err := t.client.Query(ctx, client.QueryRequest{SQL: sql, Format: "JSONEachRow", Params: params})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var rows []json.RawMessage
	d := json.NewDecoder(body)
	for {
		var r json.RawMessage
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, fmt.Errorf("decode the answer: %w", err)
		}
		rows = append(rows, r)
	}
}

// show prints an event unless it was shown, and remembers it.
func (t *tail) show(raw json.RawMessage, visible bool) error {
	var r tailRow
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("decode an event: %w", err)
	}
	at, err := r.Received.Int64()
	if err != nil {
		return fmt.Errorf("decode an event: %w", err)
	}
	key := r.SiteID + "\x00" + r.EventID
	if _, ok := t.shown[key]; ok {
		return nil
	}
	t.shown[key] = at
	t.newest = max(t.newest, at)
	if !visible {
		return nil
	}
	if t.cmd.Format == "json" {
		_, err = fmt.Fprintf(t.out, "%s\n", raw)
		return err
	}
	fields := []string{r.TS, r.SiteID, r.Type, orDash(r.ClientID), orDash(r.URL), orDash(r.Country), orDash(r.Browser)}
	return done(t.out, "%s", printable(strings.Join(fields, "  ")))
}
