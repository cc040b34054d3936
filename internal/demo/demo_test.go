package demo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"weir/internal/client"
	"weir/internal/problem"
)

// weir is a stand-in for the parts of the server that the demo calls.
type weir struct {
	mu                        sync.Mutex
	tenants, sources, queries int
	keys                      map[string]string
	ledger                    map[string]client.ImportEntry
	ids                       map[string]int64 // ts of imported events
	collected                 []map[string]any
	agents, addresses, sites  map[string]bool
	enough                    func()
}

func (s *weir) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var in map[string]any
	_ = json.Unmarshal(body, &in)
	auth := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	answer := func(status int, v any) { w.WriteHeader(status); _ = json.NewEncoder(w).Encode(v) }
	switch r.Method + " " + r.URL.Path {
	case "GET /readyz":
	case "POST /api/v1/tenants":
		if s.tenants++; s.tenants > 1 || auth != "root" {
			problem.New(409, "exists", "it exists").Write(w)
			return
		}
		answer(201, in)
	case "POST /api/v1/tenants/demo/sources":
		if s.sources++; s.sources > 1 || in["site_id"] != SiteID {
			problem.New(409, "exists", "it exists").Write(w)
			return
		}
		answer(201, in)
	case "POST /api/v1/tenants/demo/keys":
		key := fmt.Sprintf("key-%d", len(s.keys))
		s.keys[key] = in["role"].(string)
		answer(201, map[string]string{"id": "x", "key": key})
	case "POST /api/v1/query":
		if s.keys[auth] != "analyst" {
			problem.New(403, "role", "no").Write(w)
			return
		}
		rows := []any{}
		if s.queries++; s.queries > 2 { // visible after a while
			rows = append(rows, map[string]int{"one": 1})
		}
		answer(200, map[string]any{"data": rows})
	case "GET /api/v1/imports":
		if s.keys[auth] != "writer" {
			problem.New(403, "role", "no").Write(w)
			return
		}
		l := client.Ledger{Salt: "pepper"}
		for _, e := range s.ledger {
			l.Imports = append(l.Imports, e)
		}
		answer(200, l)
	case "POST /ingest":
		if s.keys[auth] != "writer" {
			problem.New(403, "role", "no").Write(w)
			return
		}
		if r.URL.Query().Get("mode") == "import" {
			s.ingest(w, r.URL.Query().Get("site_id"), body)
			return
		}
		s.collected = append(s.collected, in)
		s.agents[fmt.Sprint(in["user_agent"])], s.addresses[fmt.Sprint(in["ip"])] = true, true
		s.sites[r.URL.Query().Get("site_id")] = true
		if len(s.collected) == 50 {
			s.enough()
		}
		answer(200, client.IngestResult{Accepted: 1})
	default:
		if file, ok := strings.CutPrefix(r.URL.Path, "/api/v1/imports/"+SiteID+"/"); ok && r.Method == "PUT" {
			e := client.ImportEntry{File: file}
			_ = json.Unmarshal(body, &e)
			s.ledger[file] = e
			w.WriteHeader(204)
			return
		}
		problem.New(404, "not_found", "%s %s", r.Method, r.URL).Write(w)
	}
}

func (s *weir) ingest(w http.ResponseWriter, site string, body []byte) {
	d, _ := zstd.NewReader(nil)
	defer d.Close()
	text, _ := d.DecodeAll(body, nil)
	n := 0
	for l := range bytes.Lines(text) {
		var ev struct {
			ID string `json:"event_id"`
			TS int64  `json:"ts"`
		}
		_ = json.Unmarshal(l, &ev)
		if site == SiteID {
			s.ids[ev.ID] = ev.TS
		}
		n++
	}
	_ = json.NewEncoder(w).Encode(client.IngestResult{Accepted: n})
}

func sampleLines(t *testing.T) int {
	z, err := gzip.NewReader(bytes.NewReader(Sample()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s := bufio.NewScanner(z); s.Scan(); {
		n++
	}
	return n
}

func TestRun(t *testing.T) {
	s := &weir{keys: map[string]string{}, ledger: map[string]client.ImportEntry{}, ids: map[string]int64{}, agents: map[string]bool{}, addresses: map[string]bool{}, sites: map[string]bool{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	dir := t.TempDir()
	cfg := Config{Server: srv.URL, TokenFile: filepath.Join(dir, "admin-token"), KeyFile: filepath.Join(dir, "demo-keys"), Rate: 5000}
	if err := os.WriteFile(cfg.TokenFile, []byte("root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for i := range 2 {
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
		s.enough = stop
		s.collected = nil
		var out bytes.Buffer
		if err := Run(ctx, cfg, &out); err != nil {
			t.Fatal(err)
		}
		stop()
		if len(s.collected) < 50 {
			t.Fatalf("run %d: %d events were replayed", i, len(s.collected))
		}
		if want := "analyst key key-0"; !strings.Contains(out.String(), want) || !strings.Contains(out.String(), srv.URL+"/api/v1/query") {
			t.Errorf("run %d printed %s", i, out.String())
		}
	}
	if s.queries < 3 {
		t.Errorf("the demo did not wait until its events were visible: %d queries", s.queries)
	}
	if n := sampleLines(t); len(s.ids) != n || n < 3500 {
		t.Errorf("%d events were imported from %d lines", len(s.ids), n)
	}
	var last int64
	for _, ts := range s.ids {
		last = max(last, ts)
	}
	if at := time.UnixMilli(last); at.After(time.Now()) || at.Before(begun.Add(-time.Minute)) {
		t.Errorf("the latest event is of %v, the demo began at %v", at, begun)
	}
	if len(s.keys) != 2 || len(s.agents) < 5 || len(s.addresses) < 5 { // a country is that of the address
		t.Errorf("%d keys, %d user agents, %d addresses", len(s.keys), len(s.agents), len(s.addresses))
	}
	st, err := os.Stat(cfg.KeyFile)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", st, err)
	}
	ev := s.collected[0]
	if len(s.sites) != 1 || !s.sites[SiteID] || ev["client_id"] == "" || ev["ts"] != nil || ev["event_id"] != nil {
		t.Errorf("for %v, got %v", s.sites, ev)
	}
}
