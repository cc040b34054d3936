package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"weir/internal/client"
	"weir/internal/importer"
)

// ImportCmd is `weir import`.
type ImportCmd struct {
	Server
	ForTenant
	Format string `help:"What the lines are: combined (an access log of Apache or nginx) or ndjson (events as /ingest takes them)." enum:"combined,ndjson" default:"combined"`
	SiteID string `help:"The source that the events belong to." name:"site-id" required:""`

	BaseURL    string `help:"Put before the paths of an access log, for example https://www.example.com." name:"base-url"`
	Salt       string `help:"What client ids of an access log are hashed with. Empty takes the source's own from the server."`
	ShiftToNow bool   `help:"Move all times so that the last line is now."`
	Strict     bool   `help:"Fail if a line was rejected, now or by an earlier import of the same file."`

	BatchEvents int    `help:"Events in one request." default:"1000"`
	InFlight    int    `help:"Requests at once." default:"4"`
	Compression string `help:"Compression of requests." enum:"zstd,gzip,none" default:"zstd"`

	Files []string `arg:"" name:"file" help:"Files to import, plain or compressed with gzip or zstd; - is the standard input."`
}

// importRetry is how long one request is tried again before the import gives up; started again, it goes on where it was.
const importRetry = 10 * time.Minute

// Run imports the files and prints a summary. Rejected lines are no failure unless Strict is set.
func (c *ImportCmd) Run(ctx context.Context, p *Process) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	o := importer.Options{SiteID: c.SiteID, Format: importer.Format(c.Format), BaseURL: c.BaseURL, Salt: []byte(c.Salt), ShiftToNow: c.ShiftToNow,
		BatchEvents: c.BatchEvents, InFlight: c.InFlight, Compression: c.Compression}
	var mu sync.Mutex
	var told time.Time
	o.Client, err = c.connect(key, client.Options{RetryFor: importRetry, Tenant: c.Tenant, OnRetry: func(err error, wait time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			fmt.Fprintf(p.Err, "\nwaiting %s: %v\n", wait.Round(time.Millisecond), err)
		}
	}})
	if err != nil {
		return err
	}
	for _, name := range c.Files {
		o.Inputs = append(o.Inputs, importer.File(name, p.In))
	}
	sum, err := importer.Run(ctx, o, p.Err)
	if sum.Files > 0 {
		err = errors.Join(err, sum.Write(p.Out))
	}
	if err == nil && c.Strict {
		return sum.Strict()
	}
	return err
}
