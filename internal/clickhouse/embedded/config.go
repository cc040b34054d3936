// Package embedded runs the embedded engine: libchdb in a child process that
// serves the ClickHouse HTTP protocol on a Unix socket.
//
// Engine is the parent's side: it starts the child, waits for it, restarts it.
// RunEngine is the child's side, called by the hidden subcommand `weir engine`.
// DESIGN.md says what is surprising about libchdb and what follows from it.
package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// EngineConfig configures the child. It travels as JSON.
type EngineConfig struct {
	// DataDir holds everything of the engine: its tables in db/, its lock, socket and generated configuration.
	DataDir string `json:"data_dir"`
	// Library is the path of libchdb.
	Library string `json:"library"`
	// Socket is the path of the Unix socket, mode 0600. Empty: engine.sock in DataDir.
	Socket string `json:"socket,omitempty"`
	// MemoryLimit bounds what the engine may use, in bytes. 0: 60 % of the machine's memory, at most what leaves 1 GiB of it.
	MemoryLimit int64 `json:"memory_limit,omitempty"`
	// MaxConcurrent bounds the statements that run at a time, of weir itself and of tenants each; more wait. 0: 64.
	MaxConcurrent int `json:"max_concurrent,omitempty"`
	// MaxBuffered bounds the answer of a statement whose format cannot be streamed, in bytes. 0: 256 MiB.
	MaxBuffered int64 `json:"max_buffered,omitempty"`
	// Database is the one that holds the tables of all tenants. Empty: weir.
	Database string `json:"database,omitempty"`
	// TenantTables are the tables of Database that tenant text may read, each
	// filtered to the rows whose column `tenant` is the tenant's. Empty: events.
	TenantTables []string `json:"tenant_tables,omitempty"`
	// LockWait is how long to wait for a dying child of an earlier parent to leave DataDir. 0: 10 s.
	LockWait time.Duration `json:"lock_wait,omitempty"`
	// StopWait is how long running statements may take to end when the child is asked to stop; then they are cancelled. 0: 5 s.
	StopWait time.Duration `json:"stop_wait,omitempty"`
	// Watch makes the child exit when its standard input ends: the parent is gone.
	Watch bool `json:"watch,omitempty"`
}

// maxSocketPath is the longest path of a Unix socket, in bytes, that every platform takes.
const maxSocketPath = 100

func (c EngineConfig) withDefaults() EngineConfig {
	if c.Socket == "" && c.DataDir != "" {
		c.Socket = filepath.Join(c.DataDir, "engine.sock")
	}
	if c.MemoryLimit == 0 {
		c.MemoryLimit = defaultMemoryLimit(machineMemory())
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = 64
	}
	if c.MaxBuffered == 0 {
		c.MaxBuffered = 256 << 20
	}
	if c.Database == "" {
		c.Database = "weir"
	}
	if len(c.TenantTables) == 0 {
		c.TenantTables = []string{"events"}
	}
	if c.LockWait == 0 {
		c.LockWait = 10 * time.Second
	}
	if c.StopWait == 0 {
		c.StopWait = 5 * time.Second
	}
	return c
}

var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,63}$`)

// Validate reports everything that is wrong with c.
func (c EngineConfig) Validate() error {
	var errs []error
	if !filepath.IsAbs(c.DataDir) {
		errs = append(errs, fmt.Errorf("engine: data_dir %q must be an absolute path", c.DataDir))
	}
	if c.Library == "" {
		errs = append(errs, errors.New("engine: library is not set; give the path of libchdb"))
	}
	if len(c.Socket) > maxSocketPath {
		errs = append(errs, fmt.Errorf("engine: socket %q has %d bytes, a Unix socket's path may have %d; use a shorter path", c.Socket, len(c.Socket), maxSocketPath))
	}
	if c.MemoryLimit < 0 || c.MaxConcurrent < 0 || c.MaxBuffered < 0 || c.LockWait < 0 || c.StopWait < 0 {
		errs = append(errs, errors.New("engine: memory_limit, max_concurrent, max_buffered, lock_wait and stop_wait must not be negative"))
	}
	if !tableName.MatchString(c.Database) {
		errs = append(errs, fmt.Errorf("engine: database %q must match %s", c.Database, tableName))
	}
	for _, t := range c.TenantTables {
		if !tableName.MatchString(t) {
			errs = append(errs, fmt.Errorf("engine: tenant_tables: %q must match %s", t, tableName))
		}
	}
	return errors.Join(errs...)
}

// defaultMemoryLimit leaves the machine 40 % of its memory and never less than 1 GiB, and the engine never less than 512 MiB.
func defaultMemoryLimit(total int64) int64 {
	if total <= 0 {
		return 2 << 30
	}
	return max(512<<20, min(total*6/10, total-1<<30))
}

// hardLimit is how many bytes of memory the engine's process may have in all. MemoryLimit bounds what its trackers see, which is all that statements compute, and this what they do not: the text of answers.
func (c EngineConfig) hardLimit() int64 { return c.MemoryLimit + c.MemoryLimit/4 + 256<<20 }

// dbPath is where the engine's own files lie.
func (c EngineConfig) dbPath() string { return filepath.Join(c.DataDir, "db") }

func (c EngineConfig) makeDirs() error {
	if err := os.MkdirAll(c.dbPath(), 0o700); err != nil {
		return fmt.Errorf("engine: data directory: %w", err)
	}
	return nil
}
