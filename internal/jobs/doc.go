// Package jobs is persistent asynchronous work: queries that run long, the removal of a tenant. A job is started, answered
// with 202, and then asked for its state, its progress and its result, which is kept for a day.
//
// Guarantees. A job that was started is never lost: its record is durable before Start returns. A job that says done has its
// whole result on disk: the file is synced before the record. After a restart a job of a resumable kind goes on, one that had not begun
// begins, and any other says that it failed because it was interrupted. A job in whose course the process crashed three times is not begun
// again: it may be the reason. What a crash leaves of result files is removed at the start. A job whose owner may not have work done any more
// (its key was revoked, its user removed) ends within seconds.
//
// The package doesn't know what kinds of work there are: Register adds them.
package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// State is where a job stands.
type State string

// The states. The last three are ends.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended says whether nothing more will happen to a job in this state.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

func (s State) valid() bool { return s.Ended() || s == Queued || s == Running }

// Progress is how far a job has come. Total is 0 while it is not known.
type Progress struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"` // what is counted: rows, bytes, steps
	Text  string `json:"text,omitempty"` // what it is doing now, for people
}

// Wait is what a running job waits for: it has begun, and its turn at the admission has not come.
type Wait struct {
	Limit string     `json:"limit" example:"limits.cpu_seconds_per_minute" doc:"The limit's name"`
	Value int64      `json:"value" doc:"The limit"`
	Text  string     `json:"text,omitempty" doc:"Why, for people"`
	Until *time.Time `json:"until,omitempty" doc:"When there is room, as far as is known now"`
}

// Result is what is known of a job's result. Its content is read with Jobs.Open.
type Result struct {
	ContentType string `json:"content_type"`
	Bytes       int64  `json:"bytes"`
	Rows        uint64 `json:"rows,omitempty"`
}

// Job is one piece of work. The zero time stands for what has not happened.
type Job struct {
	ID       string           `json:"id"`
	Who      tenant.Principal `json:"who"` // who started it, and on whose behalf it runs; Who.Tenant is empty for the installation's own work
	Kind     string           `json:"kind"`
	Title    string           `json:"title,omitempty"` // for people; at most 500 bytes are kept
	State    State            `json:"state"`
	Progress Progress         `json:"progress"`
	Created  time.Time        `json:"created"`
	Started  time.Time        `json:"started,omitzero"`
	Ended    time.Time        `json:"ended,omitzero"`
	Begun    int              `json:"begun,omitempty"`  // how often it was begun, without those ends of the process that were asked for
	Expires  time.Time        `json:"expires,omitzero"` // when it is removed with its result
	Error    *problem.Problem `json:"error,omitempty"`
	Result   *Result          `json:"result,omitempty"`

	Waits *Wait `json:"-"` // what it waits for at the moment that it is shown; nil: it does not wait

	Under json.RawMessage `json:"under,omitempty"` // what its runner noted about who may read the result; kept with it

	Input json.RawMessage `json:"input,omitempty"` // what its runner works on; dropped at the end
	Saved json.RawMessage `json:"saved,omitempty"` // what its runner noted for after a restart; dropped at the end
}

// Tenant is the tenant that the job concerns; empty for the installation's own work.
func (j Job) Tenant() tenant.ID { return j.Who.Tenant }

// Owner names who started it.
func (j Job) Owner() string { return j.Who.Actor() }

// visibleTo says whether p may see the job: its owner, an admin of its tenant, the operator (of the tenant that it names, if any).
func (j Job) visibleTo(p tenant.Principal) bool {
	switch {
	case p.Role == tenant.RoleOperator:
		return p.Tenant == "" || p.Tenant == j.Tenant()
	case p.Tenant == "" || p.Tenant != j.Tenant():
		return false
	}
	return p.Role == tenant.RoleAdmin || p.Actor() == j.Owner()
}

// Config configures Jobs. DB and Dir are required; a zero limit is replaced by its default.
type Config struct {
	DB     *pebble.DB // holds the records; owned by the caller, must outlive Jobs
	Prefix string     // of all keys in DB; "jobs/" by default
	FS     vfs.FS     // of Dir; the operating system's by default
	Dir    string     // of the result files; made if absent. Every *.result file in it belongs to Jobs.

	Keep          time.Duration // how long an ended job and its result stay: a day
	MaxResult     int64         // bytes of one result: 1 GiB
	MaxDisk       int64         // bytes of all results: 16 GiB
	MaxDiskTenant int64         // bytes of one tenant's results: 4 GiB
	Workers       int           // jobs that run, or wait for their turn at the admission, at once: 32
	TenantRunning int           // of these, jobs of one tenant: 2
	TenantQueued  int           // jobs of one tenant that wait or run: 100
	TenantKept    int           // ended jobs of one tenant; the oldest are removed: 1000

	// May says, from memory, whether somebody may have work done: their key or user is there, and their tenant. It is asked when a job is
	// started and every two seconds until it ends. nil: everybody may. The installation's own work is not asked for.
	May func(who tenant.Principal) bool
	// Full says that the disk has no room for results. It is asked at every write. nil: it never is full.
	Full func() bool

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // a seam of tests
}

func orDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func (c Config) withDefaults() Config {
	orDefault(&c.Prefix, "jobs/")
	orDefault(&c.Keep, 24*time.Hour)
	orDefault(&c.MaxResult, 1<<30)
	orDefault(&c.MaxDisk, 16<<30)
	orDefault(&c.MaxDiskTenant, 4<<30)
	orDefault(&c.Workers, 32)
	orDefault(&c.TenantRunning, 2)
	orDefault(&c.TenantQueued, 100)
	orDefault(&c.TenantKept, 1000)
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports every problem.
func (c Config) Validate() error {
	var errs []error
	if c.DB == nil {
		errs = append(errs, errors.New("jobs: DB is nil"))
	}
	if c.Dir == "" {
		errs = append(errs, errors.New("jobs: Dir is empty"))
	}
	for name, v := range map[string]int64{
		"keep": int64(c.Keep), "max_result": c.MaxResult, "max_disk": c.MaxDisk, "max_disk_tenant": c.MaxDiskTenant, "workers": int64(c.Workers),
		"tenant_running": int64(c.TenantRunning), "tenant_queued": int64(c.TenantQueued), "tenant_kept": int64(c.TenantKept),
	} {
		if v < 0 {
			errs = append(errs, fmt.Errorf("jobs.%s: is %d, want more than 0", name, v))
		}
	}
	return errors.Join(errs...)
}

// ErrNotFound says that there is no such job, or none that the asker may see.
var ErrNotFound = errors.New("no such job")
