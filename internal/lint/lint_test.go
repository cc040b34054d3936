// Package lint holds the project's own rules, as tests.
package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Imports point one way: cmd → cli → app → components → contracts. A component is the first name under internal/.
var (
	// contracts may be imported by all; among themselves they may import what stands in the list behind them.
	contracts = map[string][]string{
		"event": {}, "eventlog": {"event"}, "clickhouse": {}, "problem": {}, "config": {"problem"}, "rollup": {"event", "clickhouse"}, "token": {},
		"tenant": {"problem"}, "lookup": {"tenant"}, "catalog": {"tenant", "lookup", "event"}, "usage": {"tenant", "problem"}, "audit": {"tenant"}, "origin": {},
		"erasable": {}, "damage": {"problem"}, "session": {"event", "rollup"}, "daily": {"event", "rollup", "session"},
	}
	// clients speak to the server over HTTP; they may import each other in this order and know nothing of its inside.
	clients = map[string][]string{"accesslog": {}, "client": {}, "importer": {"accesslog", "client"}, "demo": {"client", "importer", "accesslog"}}
	// above may import every package below it.
	above = map[string][]string{"cmd": {"cli"}, "cli": {"app"}, "app": {}}
	// seams are components through which the packages below them work: these may import their seam, but not each other, and it knows none of them.
	seams = []string{"ingest"}
	// exceptions let one package use what another one gives away on purpose. Keep it short, and say why.
	exceptions = map[string]string{
		"stream → dedupe": "the processor commits the keys of deduplication in its own batch",
		"cli → auth":      "the name of the file with the operator's token",
	}
)

// place is where a package stands: its layer, and its name there. Packages below a contract's root
// (eventlog/disklog, clickhouse/embedded) are components of their own.
type place struct{ layer, name string }

func placeOf(path string) place {
	parts := strings.Split(strings.TrimPrefix(path, "weir/"), "/")
	switch {
	case parts[0] == "cmd":
		return place{"cmd", "cmd"}
	case parts[0] != "internal" || len(parts) < 2:
		return place{"tool", parts[0]} // test/, build/: not part of the binary
	}
	name := parts[1]
	_, contract := contracts[name]
	_, isClient := clients[name]
	_, isAbove := above[name]
	switch {
	case isAbove:
		return place{name, name}
	case name == "testkit" || name == "lint":
		return place{"tests", name}
	case contract && len(parts) == 2:
		return place{"contract", name}
	case contract, contains(seams, name) && len(parts) > 2:
		return place{"component", name + "/" + parts[2]}
	case isClient:
		return place{"client", name}
	}
	return place{"component", name}
}

// forbidden says why from must not import to; empty if it may.
func forbidden(from, to place) string {
	if from == to || from.layer == "tool" || from.layer == "tests" {
		return ""
	}
	if _, ok := exceptions[from.name+" → "+to.name]; ok {
		return ""
	}
	switch to.layer {
	case "tests", "tool":
		return "it is for tests and tools only"
	case "cmd":
		return "nothing imports a command"
	case "contract":
		if from.layer == "contract" && !contains(contracts[from.name], to.name) {
			return "a contract knows only what its line in this test names"
		}
		return ""
	case "cli", "app":
		if !contains(above[from.name], to.name) {
			return "only what is above it may"
		}
		return ""
	case "client":
		if from.layer == "client" && contains(clients[from.name], to.name) || from.layer == "cli" {
			return ""
		}
		return "clients are used by the command line"
	case "component":
		if from.layer == "app" || from.layer == "cli" && strings.HasPrefix(to.name, "clickhouse/") {
			return ""
		}
		if contains(seams, to.name) && strings.HasPrefix(from.name, to.name+"/") {
			return ""
		}
		return "components never import each other, and only app wires them"
	}
	return "unknown layer " + to.layer
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

type pkg struct {
	ImportPath string
	Imports    []string // without those of tests
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,GoFiles", "weir/...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestImportDirection(t *testing.T) {
	list := packages(t)
	if len(list) < 20 {
		t.Fatalf("only %d packages were found", len(list))
	}
	used := map[string]bool{}
	for _, p := range list {
		from := placeOf(p.ImportPath)
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, "weir/") {
				continue
			}
			to := placeOf(imported)
			used[from.name+" → "+to.name] = true
			if why := forbidden(from, to); why != "" {
				t.Errorf("%s (%s) imports %s (%s): %s", p.ImportPath, from.layer, imported, to.layer, why)
			}
		}
	}
	for e := range exceptions {
		if !used[e] {
			t.Errorf("the exception %q is not needed any more", e)
		}
	}
}

func TestRules(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		allowed  bool
	}{
		{"cmd/weir", "internal/cli", true}, {"cmd/weir", "internal/app", false}, {"internal/cli", "internal/app", true}, {"internal/app", "internal/cli", false},
		{"internal/app", "internal/ingest", true}, {"internal/ingest", "internal/app", false}, {"internal/ingest", "internal/query", false},
		{"internal/ingest", "internal/event", true}, {"internal/event", "internal/ingest", false}, {"internal/event", "internal/tenant", false},
		{"internal/catalog/sqlite", "internal/catalog", true}, {"internal/catalog", "internal/catalog/sqlite", false}, {"internal/httpapi", "internal/catalog/sqlite", false},
		{"internal/eventlog/disklog", "internal/clickhouse/embedded", false}, {"internal/clickhouse/embedded", "internal/clickhouse/embedded/libchdb", true},
		{"internal/client", "internal/httpapi", false}, {"internal/httpapi", "internal/client", false}, {"internal/cli", "internal/importer", true},
		{"internal/stream", "internal/dedupe", true}, {"internal/dedupe", "internal/stream", false}, {"internal/query", "internal/testkit", false}, {"test/system", "internal/client", true},
		{"internal/cli", "internal/ingest", false}, {"internal/ingest", "cmd/weir", false},
		{"internal/ingest/segment", "internal/ingest", true}, {"internal/ingest/segment", "internal/ingest/posthog", false}, {"internal/ingest", "internal/ingest/segment", false},
		{"internal/ingest/segment", "internal/query", false}, {"internal/app", "internal/ingest/segment", true},
	} {
		why := forbidden(placeOf("weir/"+tc.from), placeOf("weir/"+tc.to))
		if (why == "") != tc.allowed {
			t.Errorf("%s → %s: %q, want allowed %v", tc.from, tc.to, why, tc.allowed)
		}
	}
}

// Names of packages that gather what belongs nowhere.
func TestPackageNames(t *testing.T) {
	banned := []string{"util", "utils", "common", "helpers", "helper", "types", "models", "base", "pkg", "misc", "shared"}
	for _, p := range packages(t) {
		for _, part := range strings.Split(p.ImportPath, "/") {
			if contains(banned, part) {
				t.Errorf("%s: a package is named by what it provides, not %q", p.ImportPath, part)
			}
		}
	}
}

// Main alone may exit, and stays short.
func TestMainIsShort(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "weir/cmd/") {
			continue
		}
		lines := 0
		for _, f := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join("../..", strings.TrimPrefix(p.ImportPath, "weir/"), f))
			if err != nil {
				t.Fatal(err)
			}
			lines += bytes.Count(text, []byte("\n"))
		}
		if lines > 60 {
			t.Errorf("%s has %d lines, want at most 60", p.ImportPath, lines)
		}
	}
}
