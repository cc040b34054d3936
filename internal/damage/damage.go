// Package damage has what a Pebble store needs so that damage in its files, a block whose checksum is wrong, is an error of whoever reads there, and not the
// end of the process: Pebble's default takes it for the same as a disk that cannot be written.
package damage

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/problem"
)

const (
	// neverStall puts Pebble's own stall out of reach: while damage keeps files of level 0 from being compacted, the store still takes what is written.
	neverStall = 100_000
	// rest is how long the store's own work (compactions, statistics of tables) waits when it meets damage: Pebble tries again at once, without end.
	rest = time.Second
)

// Config says of which store damage is met.
type Config struct {
	Store      string // its name in the metric and the log
	Mend       string // what the operator does about it, for the log
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil keeps the metric unregistered
}

// Survive makes damage in the files of a store an error of whoever reads there. The first time a file is met it is logged; each time is counted. What cannot
// be written stays the logger's Fatalf.
func Survive(o *pebble.Options, c Config) error {
	m := &meter{cfg: c, met: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "weir", Subsystem: "store", Name: "damaged_reads_total",
		ConstLabels: prometheus.Labels{"store": c.Store}, Help: "Reads that met damage in the files of a store: restore it from a backup."})}
	if c.Registerer != nil {
		if err := c.Registerer.Register(m.met); err != nil {
			return fmt.Errorf("damage metrics: %w", err)
		}
	}
	o.L0StopWritesThreshold = neverStall
	o.EventListener = &pebble.EventListener{DataCorruption: m.meet, BackgroundError: func(err error) {
		if !Of(err) { // meet has told it
			c.Logger.Error("the files of a store could not be rewritten", "store", c.Store, "error", err)
		}
	}}
	return nil
}

type meter struct {
	cfg  Config
	met  prometheus.Counter
	told sync.Map // by file
}

func (m *meter) meet(i pebble.DataCorruptionInfo) {
	m.met.Inc()
	if _, told := m.told.LoadOrStore(i.Path, true); !told {
		m.cfg.Logger.Error("a file of a store is damaged; what reads there fails: "+m.cfg.Mend, "store", m.cfg.Store, "file", i.Path, "error", fmt.Sprint(i.Details))
	}
	if !ours() {
		time.Sleep(rest)
	}
}

// ours says whether somebody of weir reads, and not the store itself in a goroutine of its own.
func ours() bool {
	var pcs [256]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "weir/") && !strings.HasPrefix(f.Function, "weir/internal/damage.(*meter)") && f.Function != "weir/internal/damage.ours" {
			return true
		}
		if !more {
			return false
		}
	}
}

// Of says whether an error is of damage in a store's files.
func Of(err error) bool { return err != nil && pebble.IsCorruptionError(err) }

// Problem is what a caller of the API is told who reads where a store is damaged; nil for other errors. It names the store's directory in the data directory.
func Problem(err error) *problem.Problem {
	if !Of(err) {
		return nil
	}
	what := "a store"
	if i := pebble.ExtractDataCorruptionInfo(err); i != nil {
		what = "the store " + filepath.Base(filepath.Dir(i.Path))
	}
	return problem.New(http.StatusInternalServerError, "store_damaged",
		"the files of %s are damaged where this would read; trying again does not help. The operator finds the file in the server's log, and restores the data directory from a backup; what does not read there goes on", what)
}

// Told is err with what to do about it when it is of damage, unless it tells that already.
func Told(err error, mend string) error {
	var told *toldError
	if !Of(err) || errors.As(err, &told) {
		return err
	}
	if i := pebble.ExtractDataCorruptionInfo(err); i != nil {
		return &toldError{err, fmt.Sprintf("the file %s is damaged: %s", i.Path, mend)}
	}
	return &toldError{err, fmt.Sprintf("%v: %s", err, mend)}
}

type toldError struct {
	err  error
	text string
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.err }
