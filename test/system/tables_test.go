//go:build system

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/internal/client"
	"weir/test/system/harness"
)

// TestLookupTables uploads tables for two tenants, joins them by both doors, kills weir and its engine in the middle of uploads, and finds every table as it was
// acknowledged last, and never half of one. Then one tenant is deleted.
func TestLookupTables(t *testing.T) {
	t.Parallel() // most of it is waiting for the engine to let go of old parts
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s, err := harness.Start(ctx, harness.Config{Dir: t.TempDir(), ClickHouse: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Kill() })
	gone, stays := plant(ctx, t, s, "gone", "canary-gone"), plant(ctx, t, s, "stays", "canary-stays")
	eventually(t, time.Minute, "visible", func() bool { return stored(ctx, t, gone) == 1000 && stored(ctx, t, stays) == 1000 })

	l, err := gone.PutLookup(ctx, "gone", "paths", []byte("path,area\n/gone-path,\n/canary-gone-path,north\n"), client.LookupOptions{})
	if err != nil || l.Rows != 2 {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, err := stays.PutLookup(ctx, "stays", "paths", []byte(`[{"path":"/canary-stays-path","area":"south"}]`), client.LookupOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := gone.PutLookup(ctx, "stays", "paths", []byte("a\n1\n"), client.LookupOptions{}); err == nil || !strings.Contains(err.Error(), "wrong_tenant") {
		t.Errorf("another tenant's table: %v", err)
	}
	const join = "SELECT l.area, toString(count()) AS n FROM events AS e LEFT JOIN paths AS l ON e.path = l.path GROUP BY 1 ORDER BY 1"
	ask := func(c *client.Client, sql string) string {
		t.Helper()
		res, err := c.QueryRows(ctx, client.QueryRequest{SQL: sql})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return fmt.Sprint(res.Data)
	}
	paths := ask(stays, "SELECT DISTINCT path FROM events")
	t.Logf("paths: %s", paths)
	for range 2 { // the second one from the cache
		if got := ask(stays, "SELECT area FROM paths"); got != "[map[area:south]]" {
			t.Errorf("stays: %s", got)
		}
	}
	if _, err := stays.PutLookup(ctx, "stays", "paths", []byte("path,area\n/canary-stays-path,east\n"), client.LookupOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := ask(stays, "SELECT area FROM paths"); got != "[map[area:east]]" {
		t.Errorf("after it was replaced: %s", got)
	}
	if got := ask(gone, join); strings.Contains(got, "east") || !strings.Contains(got, "1000") {
		t.Errorf("gone: %s", got)
	}
	port(ctx, t, s, "SHOW TABLES", "events\npaths\nrollup_hour_audience\nrollup_hour_page\nrollup_minute\nsessions\n")
	if err := s.Admin().Do(ctx, http.MethodPost, "/api/v1/tenants", json.RawMessage(`{"id":"quiet"}`), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Admin().PutLookup(ctx, "quiet", "codes", []byte("id\n"+strings.Repeat("some code\n", 20_000)), client.LookupOptions{}); err != nil {
		t.Fatal(err)
	}
	killUploads(ctx, t, s)
	charged(ctx, t, s)

	var job struct{ ID, State string }
	if err := s.Admin().Do(ctx, http.MethodDelete, "/api/v1/tenants/gone", nil, &job); err != nil || job.ID == "" {
		t.Fatalf("%v, %+v", err, job)
	}
	eventually(t, 5*time.Minute, "deleted", func() bool {
		return s.Admin().Do(ctx, http.MethodGet, "/jobs/"+job.ID, nil, &job) == nil && job.State == "done"
	})
	var report removal
	if err := s.Admin().Do(ctx, http.MethodGet, "/jobs/"+job.ID+"/result", nil, &report); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range report.Places {
		if p.Place == "lookup tables" {
			found = p.Rows == 2 && p.Left == 0
		}
	}
	if !found {
		t.Errorf("the report says of lookup tables %+v", report.Places)
	}
	if files := holding(t, s.Dir(), "canary-gone"); len(files) > 0 {
		t.Errorf("what was uploaded is still in %v", files)
	}
}

// charged waits until the tenant quiet, which has nothing but a lookup table, is charged for its upload and for what it stores.
func charged(ctx context.Context, t *testing.T, s *harness.Server) {
	t.Helper()
	c := client.New(s.URL, harness.AdminToken, client.Options{Tenant: "quiet"})
	eventually(t, 3*time.Minute, "charged", func() bool {
		var costs struct {
			Lines []struct {
				Kind   string
				Amount float64
			}
		}
		if err := c.Do(ctx, http.MethodGet, "/api/v1/costs?by=kind", nil, &costs); err != nil {
			return false
		}
		paid := map[string]float64{}
		for _, l := range costs.Lines {
			paid[l.Kind] += l.Amount
		}
		return paid["control"] > 0 && paid["storage"] > 0
	})
}

// port asks at the ClickHouse port as the operator for the tenant stays.
func port(ctx context.Context, t *testing.T, s *harness.Server, sql, want string) {
	t.Helper()
	var key struct{ Key string }
	if err := s.Admin().Do(ctx, http.MethodPost, "/api/v1/tenants/stays/keys", json.RawMessage(`{"role":"analyst"}`), &key); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ClickHouse()+"/?query="+url.QueryEscape(sql), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("stays", key.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != want {
		t.Errorf("the port says %q (%v), want %q", body, err, want)
	}
}

// killUploads replaces a table again and again, each time with as many rows as its values say, and kills weir or its engine meanwhile.
func killUploads(ctx context.Context, t *testing.T, s *harness.Server) {
	t.Helper()
	for round := range 6 {
		acked, tried := 0, 0
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			c := client.New(s.URL, harness.AdminToken, client.Options{RetryFor: -1})
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				tried = n
				rows := fmt.Sprintf("%d,%d\n", n, 1000*n+round)
				if _, err := c.PutLookup(ctx, "stays", fmt.Sprintf("round%d", round), []byte("n,x\n"+strings.Repeat(rows, 100*n)), client.LookupOptions{}); err == nil {
					acked = n
				}
			}
		}()
		time.Sleep(time.Duration(300+150*round) * time.Millisecond)
		if round%2 == 0 {
			if err := s.Kill(); err != nil {
				t.Error(err)
			}
		} else {
			until(t, "an engine", func() bool { return s.EnginePID() > 0 })
			if err := syscall.Kill(s.EnginePID(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		<-ended
		if round%2 == 0 {
			if err := s.Restart(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		table := fmt.Sprintf("round%d", round)
		body, err := s.Admin().Lookup(ctx, "stays", table, "csv")
		if err != nil {
			if acked > 0 {
				t.Errorf("round %d: upload %d was acknowledged: %v", round, acked, err)
			}
			continue
		}
		text, err := io.ReadAll(body)
		body.Close()
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		var n, x int
		if _, serr := fmt.Sscanf(lines[1], "%d,%d", &n, &x); serr != nil || err != nil {
			t.Fatalf("round %d: %q: %v, %v", round, lines[1], serr, err)
		}
		if n < acked || n > tried || len(lines) != 100*n+1 || strings.Count(string(text), lines[1]+"\n") != 100*n {
			t.Errorf("round %d: %d lines of upload %d; acknowledged was %d, tried %d", round, len(lines)-1, n, acked, tried)
		}
		t.Logf("round %d: upload %d of %d, acknowledged %d", round, n, tried, acked)
	}
}
