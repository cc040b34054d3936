package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"weir/internal/accesslog"
	"weir/internal/client"
	"weir/internal/importer"
)

// visit is one line of the sample as a browser would have sent it.
type visit struct {
	body   []byte
	header http.Header
}

// replay sends the sample's lines through /collect, one after the other and from the start again, at the configured rate.
// The server gives each its time and its id. What fails is skipped and told in the log, at most once a minute.
func (d *demo) replay(ctx context.Context, c *client.Client) error {
	ledger, err := c.Imports(ctx, d.site)
	if err != nil {
		return fmt.Errorf("demo: read the salt of %s: %w", d.site, err)
	}
	visits, err := d.visits([]byte(ledger.Salt))
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / d.cfg.Rate))
	defer tick.Stop()
	failed, told := 0, time.Time{}
	for i := 0; ; i = (i + 1) % len(visits) {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := c.Collect(ctx, visits[i].body, visits[i].header); err != nil && ctx.Err() == nil {
			if failed++; time.Since(told) > time.Minute {
				d.log.Warn("live replay: an event was not taken", "error", err, "count", failed)
				told, failed = time.Now(), 0
			}
		}
	}
}

func (d *demo) visits(salt []byte) ([]visit, error) {
	z, err := gzip.NewReader(bytes.NewReader(sample))
	if err != nil {
		return nil, fmt.Errorf("demo: open the sample: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("demo: read the sample: %w", err)
	}
	var visits []visit
	var l accesslog.Line
	for line := range bytes.Lines(text) {
		if l.Parse(bytes.TrimRight(line, "\r\n")) != nil {
			continue
		}
		v, err := d.visit(&l, salt)
		if err != nil {
			return nil, err
		}
		visits = append(visits, v)
	}
	return visits, nil
}

func (d *demo) visit(l *accesslog.Line, salt []byte) (visit, error) {
	kind := "request"
	if l.PageView() {
		kind = "pageview"
	}
	ev := map[string]any{"type": kind, "url": siteURL + plain(l.Target), "props": map[string]any{"method": plain(l.Method), "status": l.Status, "bytes": max(0, l.Bytes)}}
	if len(l.Referrer) > 0 {
		ev["referrer"] = plain(l.Referrer)
	}
	body, err := json.Marshal(map[string]any{"site_id": d.site, "client_id": importer.ClientID(salt, l.Host, l.UserAgent), "events": []any{ev}})
	if err != nil {
		return visit{}, fmt.Errorf("demo: encode an event: %w", err)
	}
	// The address counts only if the server trusts this machine as a proxy; else the events have no country.
	header := http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": {string(l.Host)}}
	if len(l.UserAgent) > 0 {
		header.Set("User-Agent", plain(l.UserAgent))
	}
	return visit{body, header}, nil
}

func plain(s []byte) string { return string(accesslog.Unescape(nil, s)) }
