// Package demo fills a running weir with something to see: a tenant fed from a bundled sample of a real web
// server's log, moved to the present, and then a steady replay of it as live traffic.
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"weir/internal/client"
	"weir/internal/importer"
	"weir/internal/problem"
)

// sample is a part of a public access log of a web site (four days of May 2015), all lines of some clients. The last part of
// each address is replaced. mksample makes it.
//
//go:embed sample.log.gz
var sample []byte

// Sample is the bundled access log, compressed with gzip.
func Sample() []byte { return bytes.Clone(sample) }

// The names of what the demo creates.
const (
	Tenant   = "demo"
	SourceID = "web"
	SiteID   = "site-demo"
	siteURL  = "http://www.semicomplete.com" // where the sample is from
)

// Config says where the demo runs. Server and AdminToken or TokenFile must be set.
type Config struct {
	Server     string
	AdminToken string
	// TokenFile holds the operator's token if AdminToken is empty. It is read when the server is ready.
	TokenFile string
	// KeyFile keeps the keys that the demo made, so that they stay the same when it is started again. Empty makes new ones each time.
	KeyFile string
	// Rate is the events of the live replay a second, 10 by default; a negative one means no replay.
	Rate float64
	// Command is the name of the binary in the commands that are printed, "weir" by default.
	Command string
	Log     *slog.Logger
	Client  client.Options // of the clients that call the server; RetryFor is the demo's own
}

// keys are the demo's API keys.
type keys struct {
	Analyst string `json:"analyst"`
	Writer  string `json:"writer"`
}

// Run waits for the server, creates what is missing, imports the sample unless that was done before, prints to out what to
// try, and replays the sample until ctx ends; it then returns nil.
func Run(ctx context.Context, cfg Config, out io.Writer) error {
	if cfg.Server == "" || (cfg.AdminToken == "" && cfg.TokenFile == "") {
		return errors.New("demo: server and admin token, or its file, must be set")
	}
	if cfg.Rate == 0 {
		cfg.Rate = 10
	}
	if cfg.Command == "" {
		cfg.Command = "weir"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &demo{cfg: cfg, log: cfg.Log.With("component", "demo")}
	err := d.run(ctx, out)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type demo struct {
	cfg   Config
	log   *slog.Logger
	admin *client.Client
	site  string
}

func (d *demo) run(ctx context.Context, out io.Writer) error {
	if err := client.New(d.cfg.Server, "", d.cfg.Client).WaitReady(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	token := d.cfg.AdminToken
	if token == "" {
		text, err := os.ReadFile(d.cfg.TokenFile)
		if err != nil {
			return fmt.Errorf("demo: read the operator's token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	d.admin = client.New(d.cfg.Server, token, d.cfg.Client)
	if err := d.create(ctx); err != nil {
		return fmt.Errorf("demo: create tenant %s and its source %s: %w", Tenant, SourceID, err)
	}
	k, err := d.keys(ctx)
	if err != nil {
		return fmt.Errorf("demo: make keys: %w", err)
	}
	patient := d.cfg.Client
	patient.RetryFor = time.Minute
	writer := client.New(d.cfg.Server, k.Writer, patient)
	sum, err := importer.Run(ctx, importer.Options{Client: writer, SiteID: d.site, Format: importer.Combined, ShiftToNow: true, BaseURL: siteURL,
		Inputs: []importer.Input{{Name: "the bundled sample", Open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(sample)), int64(len(sample)), nil
		}}}}, nil)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if sum.Rejected > 0 {
		d.log.Warn("lines of the bundled sample were rejected", "count", sum.Rejected, "reason", sum.Reasons[0].Message)
	}
	if sum.Accepted > 0 {
		d.waitVisible(ctx, client.New(d.cfg.Server, k.Analyst, d.cfg.Client))
	}
	if err := d.print(out, k, sum); err != nil || d.cfg.Rate < 0 {
		return err
	}
	return d.replay(ctx, writer, client.New(d.cfg.Server, k.Writer, d.cfg.Client))
}

// create makes the tenant and its source unless they exist.
func (d *demo) create(ctx context.Context) error {
	err := d.admin.Do(ctx, http.MethodPost, "/api/v1/tenants", map[string]string{"id": Tenant, "name": "Demo"}, nil)
	if err != nil && !hasStatus(err, http.StatusConflict) {
		return err
	}
	var made struct {
		SiteID string `json:"site_id"`
	}
	err = d.admin.Do(ctx, http.MethodPost, "/api/v1/tenants/"+Tenant+"/sources", map[string]string{"id": SourceID, "site_id": SiteID, "name": "Demo site"}, &made)
	if err != nil && !hasStatus(err, http.StatusConflict) {
		return err
	}
	d.site = SiteID
	if made.SiteID != "" {
		d.site = made.SiteID
	}
	return nil
}

func hasStatus(err error, status int) bool {
	var p *problem.Problem
	return errors.As(err, &p) && p.Status == status
}

// keys returns the keys of the key file if they still open the door, else new ones.
func (d *demo) keys(ctx context.Context) (keys, error) {
	var k keys
	if d.cfg.KeyFile != "" {
		text, err := os.ReadFile(d.cfg.KeyFile)
		if err == nil && json.Unmarshal(text, &k) == nil && d.works(ctx, k) {
			return k, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return k, fmt.Errorf("read %s: %w", d.cfg.KeyFile, err)
		}
	}
	var err error
	if k.Analyst, err = d.newKey(ctx, "analyst"); err != nil {
		return k, err
	}
	if k.Writer, err = d.newKey(ctx, "writer"); err != nil || d.cfg.KeyFile == "" {
		return k, err
	}
	text, err := json.Marshal(k)
	if err != nil {
		return k, fmt.Errorf("encode the keys: %w", err)
	}
	if err := os.WriteFile(d.cfg.KeyFile, append(text, '\n'), 0o600); err != nil {
		return k, fmt.Errorf("keep the keys: %w", err)
	}
	return k, nil
}

func (d *demo) works(ctx context.Context, k keys) bool {
	if k.Analyst == "" || k.Writer == "" {
		return false
	}
	reader := client.New(d.cfg.Server, k.Analyst, d.cfg.Client)
	if _, err := reader.QueryRows(ctx, client.QueryRequest{SQL: "SELECT 1 AS one"}); err != nil {
		return false
	}
	_, err := client.New(d.cfg.Server, k.Writer, d.cfg.Client).Imports(ctx, d.site)
	return err == nil
}

func (d *demo) newKey(ctx context.Context, role string) (string, error) {
	var made struct {
		Key string `json:"key"`
	}
	err := d.admin.Do(ctx, http.MethodPost, "/api/v1/tenants/"+Tenant+"/keys", map[string]string{"role": role, "name": "demo " + role}, &made)
	return made.Key, err
}

// waitVisible waits, not for ever, until the sample's events answer the queries that are printed. Those older than two
// days come some seconds after the others.
func (d *demo) waitVisible(ctx context.Context, reader *client.Client) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		res, err := reader.QueryRows(ctx, client.QueryRequest{SQL: "SELECT 1 AS one FROM events LIMIT 1"})
		if err == nil && len(res.Data) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			d.log.Warn("the sample is not visible yet", "error", err)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

const demoSQL = "SELECT type, count() AS events, uniq(client_id) AS clients FROM events GROUP BY type ORDER BY events DESC"

func (d *demo) print(out io.Writer, k keys, sum importer.Summary) error {
	live := ""
	if d.cfg.Rate > 0 {
		live = fmt.Sprintf("; %g more arrive each second", d.cfg.Rate)
	}
	server := d.admin.Server()
	_, err := fmt.Fprintf(out, `
weir is ready at %[1]s
  tenant %[2]s, site id %[3]s, analyst key %[4]s
  %[5]d events of a real web site are in, moved to the last four days%[6]s
  (those of the first two days appear some seconds later)

Try:
  curl -s %[1]s/api/v1/query -H "Authorization: Bearer %[4]s" -d '{"sql":"%[7]s"}'
  %[8]s query --server %[1]s --key %[4]s "SELECT path, count() AS views FROM events WHERE type = 'pageview' GROUP BY path ORDER BY views DESC LIMIT 10"

Stop with Ctrl-C.
`, server, Tenant, d.site, k.Analyst, sum.Accepted+sum.Done, live, demoSQL, d.cfg.Command)
	return err
}
