package metering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// Engine is the engine's process.
type Engine interface {
	// UsageSince returns what it has used since its start; of statements only those sums that changed after the cursor.
	UsageSince(ctx context.Context, since uint64) (EngineUsage, error)
	// Generation rises when the process is another one.
	Generation() uint64
}

// EngineUsage is what the engine's process has used since its start.
type EngineUsage struct {
	CPU time.Duration
	// By what threads are for; all zero where the system does not tell.
	Statement, Merge, Housekeeping time.Duration
	Statements                     map[string]time.Duration // by the statement's comment
	Cursor                         uint64
}

// Config configures a Meter. DB is required.
type Config struct {
	DB *pebble.DB // the ledger's store; the caller's, closed after Close
	// Engine is measured too. nil: there is none to be measured, and the CPU of records is taken as it is.
	Engine Engine
	Book   Book
	// Interval is the time between two looks at the processes: 9 s. Costs are at most so old; each look loses some samples (DESIGN.md).
	Interval time.Duration
	// Storage, if set, tells how many bytes each tenant occupies on disk. It is asked every StorageEvery: 1 min.
	Storage      func(ctx context.Context) (map[tenant.ID]float64, error)
	StorageEvery time.Duration
	// Budget tells a living tenant's budget, from memory. nil: there are none.
	Budget func(t tenant.ID) (catalog.Budget, bool)
	// ShapeText tells the text of a query's shape that was asked just now; empty when it is not known. The ledger keeps it. nil: shapes are shown as hashes.
	ShapeText func(t tenant.ID, shape string) string
	Webhook   WebhookConfig
	Provider  string // who bills, in exports: "weir"
	Region    string // of the installation, in exports: "local"

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil keeps the metrics unregistered
	Now        func() time.Time      // default: time.Now; a seam of tests
}

func (c Config) withDefaults() Config {
	if c.Interval == 0 {
		c.Interval = 9 * time.Second
	}
	if c.StorageEvery == 0 {
		c.StorageEvery = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Provider == "" {
		c.Provider = "weir"
	}
	if c.Region == "" {
		c.Region = "local"
	}
	if c.Budget == nil {
		c.Budget = func(tenant.ID) (catalog.Budget, bool) { return catalog.Budget{}, false }
	}
	if c.Book == (Book{}) {
		c.Book = DefaultBook()
	}
	return c
}

// Validate reports every problem.
func (c Config) Validate() error {
	c = c.withDefaults()
	errs := []error{c.Book.Validate(), c.Webhook.Validate()}
	if c.DB == nil {
		errs = append(errs, errors.New("metering: DB is nil"))
	}
	if c.Interval < 100*time.Millisecond || c.Interval > 10*time.Second {
		errs = append(errs, fmt.Errorf("metering.interval: is %s, want 100ms to 10s", c.Interval))
	}
	return errors.Join(errs...)
}
