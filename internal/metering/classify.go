package metering

import (
	"strings"

	"github.com/google/pprof/profile"

	"weir/internal/tenant"
	"weir/internal/usage"
)

// part is where a sample of this process belongs: to a tenant (component and tenant), to those who caused the work of a component, or, as
// overhead, to nobody.
type part struct {
	component usage.Component // empty: overhead
	tenant    tenant.ID
	overhead  string
}

// Components that only the metering tells apart: goroutines that serve all tenants and carry no label, or the label of who happened to start them.
const (
	partHTTP   usage.Component = "http"   // connections of HTTP servers, outside of handlers
	partEngine usage.Component = "engine" // connections to the engine
	partStore  usage.Component = "store"  // flushes and compactions of the stores
)

// Names of overhead of this process.
const (
	overheadGC        = "gc"        // the collector's own workers; what allocating goroutines assist is theirs
	overheadScheduler = "scheduler" // the runtime between goroutines
	overheadMetering  = "metering"
	overheadTelemetry = "telemetry" // /metrics, logging of metrics
	overheadEngine    = "engine_supervision"
	overheadCatalog   = "catalog"
	overheadControl   = "control" // the control API for nobody: health, pages, operator
	overheadStartup   = "startup" // before the metering ran: opening stores, loading the catalog
	overheadIdle      = "idle"    // of windows that used too little for a sample
	overheadDeleted   = "deleted_tenants"
	overheadOther     = "other"
)

// frameParts tells by a frame, whatever the labels say. The first that matches any frame of the stack counts.
var frameParts = []struct {
	prefix string
	part   part
}{
	{"runtime.gcBgMarkWorker", part{overhead: overheadGC}},
	{"runtime.bgsweep", part{overhead: overheadGC}},
	{"runtime.bgscavenge", part{overhead: overheadGC}},
	{"net/http.(*persistConn).", part{component: partEngine}},
	{"weir/internal/metering.(*Meter).", part{overhead: overheadMetering}},
	{"runtime/pprof.profileWriter", part{overhead: overheadMetering}},
}

// rootParts tells by the outermost frame: whose goroutine it is.
var rootParts = []struct {
	prefix string
	part   part
}{
	{"github.com/cockroachdb/pebble", part{component: partStore}},
	{"database/sql.", part{overhead: overheadCatalog}},
}

// unlabelled tells by any frame of a stack without labels.
var unlabelled = []struct {
	prefix string
	part   part
}{
	{"github.com/prometheus/", part{overhead: overheadTelemetry}},
	{"net/http.(*conn).", part{component: partHTTP}},
	{"net/http.(*Server).Serve", part{component: partHTTP}},
	{"net/http.(*connReader).", part{component: partHTTP}},
	{"weir/internal/clickhouse/embedded.", part{overhead: overheadEngine}},
	{"weir/internal/catalog", part{overhead: overheadCatalog}},
	{"modernc.org/sqlite", part{overhead: overheadCatalog}},
}

// classify says where a sample belongs.
func classify(s *profile.Sample) part {
	names := functions(s)
	for _, f := range frameParts {
		if anyPrefix(names, f.prefix) {
			return f.part
		}
	}
	if len(names) > 0 {
		for _, f := range rootParts {
			if strings.HasPrefix(names[len(names)-1], f.prefix) {
				return f.part
			}
		}
	}
	component, id := label(s, usage.LabelComponent), label(s, usage.LabelTenant)
	switch usage.Component(component) {
	case "":
	case usage.Metered:
		return part{overhead: overheadMetering}
	case usage.Control:
		if id == "" {
			return part{overhead: overheadControl}
		}
		fallthrough
	default:
		return part{component: usage.Component(component), tenant: tenant.ID(id)}
	}
	for _, f := range unlabelled {
		if anyPrefix(names, f.prefix) {
			return f.part
		}
	}
	for _, n := range names {
		if !strings.HasPrefix(n, "runtime.") && !strings.HasPrefix(n, "internal/runtime/") {
			return part{overhead: overheadOther}
		}
	}
	return part{overhead: overheadScheduler} // nothing but the runtime
}

func label(s *profile.Sample, name string) string {
	if v := s.Label[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// functions lists the functions of a stack, the innermost first, inlined ones included.
func functions(s *profile.Sample) []string {
	var out []string
	for _, loc := range s.Location {
		for _, line := range loc.Line {
			if line.Function != nil {
				out = append(out, line.Function.Name)
			}
		}
	}
	return out
}

func anyPrefix(names []string, prefix string) bool {
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			return true
		}
	}
	return false
}
