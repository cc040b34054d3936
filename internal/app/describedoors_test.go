package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/ingest"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// nobody stands in for what doors need; nothing is asked of it here.
type nobody struct{}

func (nobody) SourceBySite(string) (s catalog.Source, t catalog.Tenant, ok bool) { return }
func (nobody) TenantByID(tenant.ID) (t catalog.Tenant, ok bool)                  { return }
func (nobody) Authenticate(*http.Request) (p tenant.Principal, prob *problem.Problem) {
	return p, problem.New(401, "missing_key", "no")
}
func (n nobody) AuthenticateKey(r *http.Request, _ string) (tenant.Principal, *problem.Problem) {
	return n.Authenticate(r)
}
func (nobody) IsKey(string) bool                                             { return false }
func (nobody) Enrich(netip.Addr, []byte, bool) (f event.Facts)               { return }
func (nobody) Complete(_ *catalog.Source, _ *event.Row, arena []byte) []byte { return arena }
func (nobody) Append(context.Context, uint16, *event.Batch) (uint64, error)  { return 0, nil }

// TestProtocolsAreDescribed: each address of a foreign protocol in the description is served with its method, and none is served that is not described: those that the packages of protocols
// register stand in their sources as texts.
func TestProtocolsAreDescribed(t *testing.T) {
	h, err := ingest.New(ingest.Config{}, ingest.Deps{Catalog: nobody{}, Auth: nobody{}, Enricher: nobody{}, Gatherer: nobody{}, Partitions: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	const own = "/com.acme/track" // a tracker's own postPath
	foreignDoors(mux, h, own)
	described, ids := map[string]bool{}, map[string]bool{}
	for _, d := range protocolDoors(own) {
		path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(d.path, "x")
		r := httptest.NewRequest(d.method, path, nil)
		if _, pattern := mux.Handler(r); pattern == "" {
			t.Errorf("%s %s is described and not served", d.method, d.path)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code == http.StatusMethodNotAllowed || w.Code == http.StatusMovedPermanently {
			t.Errorf("%s %s: %d", d.method, d.path, w.Code)
		}
		if ids[d.id] || d.summary == "" || len(d.answers) == 0 {
			t.Errorf("%s %s: %+v", d.method, d.path, d)
		}
		ids[d.id], described[d.path] = true, true
	}
	if !described[own] {
		t.Errorf("%s is not described", own)
	}
	for _, op := range append(plainOperations(), foreignOperations(own)...) { // the description takes an id once
		if op.Tags[0] != "protocols" && ids[op.OperationID] {
			t.Errorf("the id %s is there twice", op.OperationID)
		}
		ids[op.OperationID] = true
	}
	foreignDoors(http.NewServeMux(), h, "/com.snowplowanalytics.snowplow/tp2") // the one that there is
	literals := regexp.MustCompile(`"(/[^"]*)"(\+)?`)
	files, err := filepath.Glob("../ingest/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, ok := strings.Cut(string(text), "\nfunc Register(")
		if !ok || strings.HasSuffix(file, "_test.go") {
			continue
		}
		body, _, _ = strings.Cut(body, "\n}\n")
		for _, m := range literals.FindAllStringSubmatch(body, -1) {
			path := strings.Replace(m[1], "{$}", "", 1)
			if path == "/" { // behind a path from the list beside it
				continue
			}
			found++
			known := described[path]
			for p := range described {
				known = known || m[2] != "" && strings.HasPrefix(p, path) // the rest is a variable
			}
			if !known {
				t.Errorf("%s serves %s, which is not described", file, path)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d addresses were found in the sources", found)
	}
}
