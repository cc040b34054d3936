package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"weir/internal/accesslog"
	"weir/internal/client"
	"weir/internal/importer"
)

// replay sends the sample's lines through /ingest, one after the other and from the start again, at the configured rate: with a key, so that each has its
// country by its address, as the history has. The server gives each its time and its id. What fails is skipped and told in the log, at most once a minute.
// patient asks what must not fail.
func (d *demo) replay(ctx context.Context, patient, c *client.Client) error {
	ledger, err := patient.Imports(ctx, d.site)
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
		if err := d.send(ctx, c, visits[i]); err != nil && ctx.Err() == nil {
			if failed++; time.Since(told) > time.Minute {
				d.log.Warn("live replay: an event was not taken", "error", err, "count", failed)
				told, failed = time.Now(), 0
			}
		}
	}
}

// send sends one event.
func (d *demo) send(ctx context.Context, c *client.Client, event []byte) error {
	res, err := c.Ingest(ctx, event, client.IngestOptions{SiteID: d.site})
	if err == nil && len(res.Rejected) > 0 {
		err = errors.New(res.Rejected[0].Message)
	}
	return err
}

// visits are the lines of the sample as events.
func (d *demo) visits(salt []byte) ([][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(sample))
	if err != nil {
		return nil, fmt.Errorf("demo: open the sample: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("demo: read the sample: %w", err)
	}
	var visits [][]byte
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

func (d *demo) visit(l *accesslog.Line, salt []byte) ([]byte, error) {
	kind := "request"
	if l.PageView() {
		kind = "pageview"
	}
	ev := map[string]any{"type": kind, "client_id": importer.ClientID(salt, l.Host, l.UserAgent), "url": siteURL + plain(l.Target), "props": map[string]any{"method": plain(l.Method), "status": l.Status, "bytes": max(0, l.Bytes)}}
	if len(l.Referrer) > 0 {
		ev["referrer"] = plain(l.Referrer)
	}
	if len(l.UserAgent) > 0 {
		ev["user_agent"] = plain(l.UserAgent)
	}
	if _, err := netip.ParseAddr(string(l.Host)); err == nil {
		ev["ip"] = string(l.Host)
	}
	event, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("demo: encode an event: %w", err)
	}
	return event, nil
}

func plain(s []byte) string { return string(accesslog.Unescape(nil, s)) }
