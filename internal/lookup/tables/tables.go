// Package tables keeps tenants' lookup tables: it reads uploads, writes their rows into the engine, has the catalog say which version is the current
// one, and removes what is not read any more.
//
// Guarantees. A table is replaced wholly or not at all: its rows are durable in the engine under a new version before the catalog, in one synced
// transaction, names that version. What was acknowledged survives the end of the process and of the engine. Rows of an old version stay until no query
// that began with it runs. Rows that nobody names, because a process ended in between, are removed after the next start. Nothing is kept for a tenant
// without tables.
package tables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Limits bound tables and uploads. All must be set.
type Limits struct {
	MaxTables  int   // of one tenant
	MaxColumns int   // of one table
	MaxRows    int64 // of one table
	MaxBytes   int64 // of one table: its texts, and lookup.CellBytes for each value
	MaxCell    int64 // bytes of one value
	Uploads    int   // that are read at once, of all tenants; one of each
}

// Validate reports everything that is wrong with l.
func (l Limits) Validate() error {
	var errs []error
	for _, v := range []struct {
		name        string
		value, most int64
	}{{"max_tables", int64(l.MaxTables), 10_000}, {"max_columns", int64(l.MaxColumns), 10_000}, {"max_rows", l.MaxRows, 1<<32 - 1},
		{"max_bytes", l.MaxBytes, 1 << 30}, {"max_cell", l.MaxCell, 1 << 30}, {"uploads", int64(l.Uploads), 1000}} {
		if v.value < 1 || v.value > v.most {
			errs = append(errs, fmt.Errorf("lookups.%s is %d, want 1 to %d", v.name, v.value, v.most))
		}
	}
	return errors.Join(errs...)
}

// Catalog says which tables there are. catalog.Catalog does.
type Catalog interface {
	PutLookup(ctx context.Context, t lookup.Table, most int) (put, replaced lookup.Table, err error)
	DeleteLookup(ctx context.Context, t tenant.ID, name string) (lookup.Table, error)
	Lookups(t tenant.ID) []lookup.Table
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
}

// Engine keeps the rows. *clickhouse.Client does.
type Engine interface {
	Query(ctx context.Context, s clickhouse.Statement) (*clickhouse.Result, error)
	Exec(ctx context.Context, s clickhouse.Statement) (clickhouse.Summary, error)
	Insert(ctx context.Context, s clickhouse.Statement, body io.Reader) (clickhouse.Summary, error)
	Rows(ctx context.Context, s clickhouse.Statement, fn func(row []any) error) (clickhouse.Summary, error)
}

// Data is told when what a tenant's queries see changes.
type Data interface {
	// ChangeData says that it is about to change, until done is called.
	ChangeData(tenants ...string) (done func())
}

// Deps are what Tables work with. All but Reserved, Audit, Sink, Gate and Ready must be set.
type Deps struct {
	Catalog  Catalog
	Engine   Engine
	Data     Data
	Reserved func(name string) string // why a table cannot be called so; empty: it can
	Audit    audit.Recorder           // nil: nothing is recorded
	Sink     usage.Sink               // nil: nobody is told what work there was
	Gate     usage.Gate               // nil: everything is admitted at once
	Ready    <-chan struct{}          // closed when the engine's table is there; nil: it is
}

// id names one version of a table.
type id struct {
	tenant  tenant.ID
	name    string
	version uint64
}

func idOf(t lookup.Table) id { return id{t.Tenant, t.Name, t.Version} }

// Tables keeps lookup tables. It is safe for concurrent use.
type Tables struct {
	limits  Limits
	deps    Deps
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	places  chan struct{} // of uploads
	wake    chan struct{} // there is something to remove

	mu      sync.Mutex
	last    uint64                      // the highest version given away
	writing map[tenant.ID]id            // uploads under way: one of a tenant
	pins    map[id]int                  // versions that queries read
	old     map[id]bool                 // versions that nobody will begin to read, to be removed
	unsure  map[id]bool                 // versions that the catalog may have taken although it failed: they are left alone
	idle    map[tenant.ID]chan struct{} // closed when the tenant's upload has ended; made by those who wait for it
}

// New returns tables. It does no I/O.
func New(l Limits, d Deps, log *slog.Logger, reg prometheus.Registerer) (*Tables, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("lookup metrics: %w", err)
	}
	if d.Reserved == nil {
		d.Reserved = func(string) string { return "" }
	}
	if d.Ready == nil {
		ready := make(chan struct{})
		close(ready)
		d.Ready = ready
	}
	return &Tables{limits: l, deps: d, log: log.With("component", "lookup"), metrics: m, now: time.Now, places: make(chan struct{}, l.Uploads), wake: make(chan struct{}, 1),
		writing: map[tenant.ID]id{}, pins: map[id]int{}, old: map[id]bool{}, unsure: map[id]bool{}, idle: map[tenant.ID]chan struct{}{}}, nil
}

// Lookups returns the tenant's tables as they are now, by name. The slice must not be changed.
func (s *Tables) Lookups(t tenant.ID) []lookup.Table { return s.deps.Catalog.Lookups(t) }

// find returns the current version of a table.
func (s *Tables) find(t tenant.ID, name string) (lookup.Table, bool) {
	for _, table := range s.deps.Catalog.Lookups(t) {
		if table.Name == name {
			return table, true
		}
	}
	return lookup.Table{}, false
}

// Pin keeps the rows of tables until release is called. It is false when one of them is not the current version any more: ask Lookups again.
func (s *Tables) Pin(tables []lookup.Table) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tables {
		// Under the lock: a version that is current here is not in old yet, so whoever removes it will see the pin.
		if now, found := s.find(t.Tenant, t.Name); !found || now.Version != t.Version {
			return nil, false
		}
	}
	for _, t := range tables {
		s.pins[idOf(t)]++
	}
	return sync.OnceFunc(func() { s.release(tables) }), true
}

func (s *Tables) release(tables []lookup.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tables {
		at := idOf(t)
		if s.pins[at]--; s.pins[at] > 0 {
			continue
		}
		delete(s.pins, at)
		if s.old[at] {
			s.signal()
		}
	}
}

// signal wakes who removes old rows.
func (s *Tables) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// retire says that nobody will begin to read a version.
func (s *Tables) retire(t lookup.Table) {
	if t.Version == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old[idOf(t)] = true
	s.signal()
}

// begin takes the tenant's place for an upload and gives it a version.
func (s *Tables) begin(t tenant.ID, name string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.writing[t]; busy {
		return 0, problem.New(http.StatusTooManyRequests, "upload_running", "another upload of the tenant is under way; send one after the other").WithRetry(time.Second)
	}
	// Microseconds: a version that nobody has had before, with fewer than 17 digits, which no message hides.
	s.last = max(s.last+1, uint64(s.now().UnixMicro()))
	if now, ok := s.find(t, name); ok {
		s.last = max(s.last, now.Version+1)
	}
	s.writing[t] = id{t, name, s.last}
	return s.last, nil
}

func (s *Tables) end(t tenant.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writing, t)
	if ch := s.idle[t]; ch != nil {
		close(ch)
		delete(s.idle, t)
	}
}

// WaitIdle returns when no upload of the tenant is under way. One of a tenant that the catalog does not know any more does not begin afterwards.
func (s *Tables) WaitIdle(ctx context.Context, t tenant.ID) error {
	s.mu.Lock()
	if _, busy := s.writing[t]; !busy {
		s.mu.Unlock()
		return nil
	}
	ch := s.idle[t]
	if ch == nil {
		ch = make(chan struct{})
		s.idle[t] = ch
	}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ch:
		return nil
	}
}

// put writes the rows of a content and makes them the table's. The caller has begun.
func (s *Tables) put(ctx context.Context, x *work, t lookup.Table, c *Content) (put lookup.Table, created bool, err error) {
	t.Columns, t.Rows, t.Bytes = c.Columns, c.Rows, c.Bytes
	if c.Rows > 0 {
		if err := s.insert(ctx, x, t, c); err != nil {
			return put, false, err
		}
	}
	done := s.deps.Data.ChangeData(string(t.Tenant))
	defer done()
	// The rows are there: a caller who leaves now does not stop what is left, which is short.
	put, replaced, err := s.deps.Catalog.PutLookup(context.WithoutCancel(ctx), t, s.limits.MaxTables)
	switch {
	case err == nil:
		s.retire(replaced)
		return put, replaced.Version == 0, nil
	case errors.Is(err, catalog.ErrFull), errors.Is(err, catalog.ErrNotFound):
		s.retire(t)
	default: // if it has not, the rows are removed after the next start, when the catalog says for certain
		s.mu.Lock()
		s.unsure[idOf(t)] = true
		s.mu.Unlock()
	}
	return put, false, problemOf(err, t.Tenant, s.limits)
}

// insert writes the rows of a version into the engine when its turn has come.
func (s *Tables) insert(ctx context.Context, x *work, t lookup.Table, c *Content) error {
	turn, err := s.admit(ctx, x, c.Bytes)
	if err != nil {
		return err
	}
	defer turn.end()
	settings := clickhouse.OneBlockSettings()
	maps.Copy(settings, turn.settings())
	x.summary, err = s.deps.Engine.Insert(ctx, clickhouse.Statement{SQL: insertSQL(), Settings: settings, Comment: comment(t.Tenant)}, newRows(t, c))
	if err != nil {
		s.retire(t) // whether the rows are there is not known
		return s.engineError(err)
	}
	return nil
}

// remove removes a table.
func (s *Tables) remove(ctx context.Context, t tenant.ID, name string) error {
	done := s.deps.Data.ChangeData(string(t))
	defer done()
	old, err := s.deps.Catalog.DeleteLookup(context.WithoutCancel(ctx), t, name)
	if errors.Is(err, catalog.ErrNotFound) {
		if _, known := s.deps.Catalog.TenantByID(t); known {
			return unknownTable(name)
		}
	}
	if err != nil {
		return problemOf(err, t, s.limits)
	}
	s.retire(old)
	return nil
}

// engineError says what a failure of the engine means for an upload. The engine's refusal is weir's own fault, but for a disk or memory that is full.
func (s *Tables) engineError(err error) error {
	var e *clickhouse.Error
	if errors.As(err, &e) {
		s.log.Error("the engine refused the rows of a lookup table", "error", err)
		return unavailable()
	}
	return problemOf(err, "", s.limits)
}

// comment is what the engine's CPU is charged to.
func comment(t tenant.ID) string { return string(usage.KindControl) + "/" + string(t) }

// condition selects versions from the engine's table.
func condition(ids []id) (string, error) {
	var parts []string
	for _, x := range ids {
		t := lookup.Table{Tenant: x.tenant, Name: x.name, Version: x.version}
		c, err := t.Condition(lookup.EngineTable)
		if err != nil {
			return "", err
		}
		parts = append(parts, "("+c+")")
	}
	return strings.Join(parts, " OR "), nil
}
