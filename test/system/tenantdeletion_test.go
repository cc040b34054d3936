//go:build system

package system

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/client"
	"weir/test/system/harness"
)

// removal is the part of a deletion's report that is looked at.
type removal struct {
	Tenant string
	Until  time.Time
	Places []struct {
		Place             string
		Rows, Bytes, Left uint64
	}
}

// plant gives a tenant events of now and of long ago, some that link ids, and what its users keep, with canaries.
func plant(ctx context.Context, t *testing.T, s *harness.Server, id, canary string) *client.Client {
	t.Helper()
	admin := s.Admin()
	for _, call := range []struct{ path, body string }{
		{"/api/v1/tenants", `{"id":"` + id + `","name":"` + canary + `-name"}`},
		{"/api/v1/tenants/" + id + "/sources", `{"id":"web","site_id":"site-` + id + `"}`},
	} {
		if err := admin.Do(ctx, http.MethodPost, call.path, json.RawMessage(call.body), nil); err != nil {
			t.Fatal(err)
		}
	}
	var key struct{ Key string }
	if err := admin.Do(ctx, http.MethodPost, "/api/v1/tenants/"+id+"/keys", json.RawMessage(`{"role":"admin"}`), &key); err != nil {
		t.Fatal(err)
	}
	c := s.Client(key.Key)
	for batch := range 5 {
		var lines strings.Builder
		for i := range 200 {
			age := time.Duration(0)
			if i%10 == 0 {
				age = time.Duration(i) * 24 * time.Hour
			}
			what := `"type":"pageview"`
			if i == 1 {
				what = fmt.Sprintf(`"type":"identify","user_id":"%s-user"`, canary)
			}
			fmt.Fprintf(&lines, `{"event_id":"%s-%d-%d","site_id":"site-%s",%s,"ts":%d,"client_id":"%s-client-%d","url":"https://h/%s-path","props":{"%s_prop":"%s-value-%d"}}`+"\n",
				canary, batch, i, id, what, time.Now().Add(-age).UnixMilli(), canary, i, canary, strings.ReplaceAll(canary, "-", "_"), canary, i)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/ingest", strings.NewReader(lines.String()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key.Key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || !bytes.Contains(body, []byte(`"accepted":200`)) {
			t.Fatalf("ingest: %s %s", resp.Status, body)
		}
	}
	site := "/api/v1/analytics/site-" + id
	for _, call := range []struct {
		by         *client.Client
		path, body string
	}{
		{c, site + "/goals", `{"name":"` + canary + `-goal","type":"x"}`},
		{admin, site + "/cohorts", `{"name":"c","question":{"people":["` + canary + `-person"]}}`}, // the operator names no tenant
		{c, "/api/v1/dashboards", `{"name":"` + canary + `-dashboard"}`},
	} {
		if err := call.by.Do(ctx, http.MethodPost, call.path, json.RawMessage(call.body), nil); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func stored(ctx context.Context, t *testing.T, c *client.Client) int {
	t.Helper()
	res, err := c.QueryRows(ctx, client.QueryRequest{SQL: "SELECT toString(count()) AS n FROM events"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := fmt.Sscan(fmt.Sprint(res.Data[0]["n"]), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// derived says whether every rollup has taken every event: they follow some seconds behind, and a tenant that is deleted before has nothing in them.
func derived(ctx context.Context, t *testing.T, s *harness.Server) bool {
	t.Helper()
	positions, behind := 0, 0
	for line := range strings.Lines(string(get(ctx, t, s.Admin(), "/metrics"))) {
		if strings.HasPrefix(line, "weir_stream_rollup_lag_inserts{") {
			positions++
			if !strings.HasSuffix(strings.TrimSpace(line), "} 0") {
				behind++
			}
		}
	}
	if positions == 0 {
		t.Fatal("the metrics tell nothing of rollups")
	}
	return behind == 0
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s: not %s", within, what)
		}
	}
}

func (r removal) rows(t *testing.T) map[string]uint64 {
	t.Helper()
	rows := map[string]uint64{}
	for _, p := range r.Places {
		rows[p.Place] = p.Rows
		if p.Left != 0 {
			t.Errorf("%s still has %d rows", p.Place, p.Left)
		}
	}
	t.Logf("report: %+v", r)
	return rows
}

// remove deletes a tenant and waits for the report.
func remove(ctx context.Context, t *testing.T, s *harness.Server, path string) removal {
	t.Helper()
	var job struct{ ID, State string }
	if err := s.Admin().Do(ctx, http.MethodDelete, path, nil, &job); err != nil || job.ID == "" {
		t.Fatalf("%v, %+v", err, job)
	}
	return reportOf(ctx, t, s, job.ID)
}

// reportOf waits for the report of a deletion.
func reportOf(ctx context.Context, t *testing.T, s *harness.Server, id string) (report removal) {
	t.Helper()
	var job struct{ State string }
	eventually(t, 5*time.Minute, "done", func() bool {
		if err := s.Admin().Do(ctx, http.MethodGet, "/jobs/"+id, nil, &job); err != nil {
			t.Fatal(err)
		}
		if job.State == "failed" {
			t.Fatalf("job failed: %+v", job)
		}
		return job.State == "done"
	})
	if err := s.Admin().Do(ctx, http.MethodGet, "/jobs/"+id+"/result", nil, &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// files that hold text, below dir, without those of the event log.
func holding(t *testing.T, dir, text string) (found []string) {
	for _, path := range holdingAnywhere(t, dir, text) {
		if rel, _ := filepath.Rel(dir, path); !strings.HasPrefix(rel, "log/") {
			found = append(found, path)
		}
	}
	return found
}

func holdingAnywhere(t *testing.T, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // removed in the meantime
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestDeleteTenant deletes one of two tenants, kills weir again and again while its data is removed, and then finds the report, nothing of it in the
// tables and in no file but the event log's, and everything of the other.
func TestDeleteTenant(t *testing.T) {
	t.Parallel() // most of it is waiting for the engine to let go of old parts
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	s, err := harness.Start(ctx, harness.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Kill() })
	gone, stays := plant(ctx, t, s, "gone", "canary-gone"), plant(ctx, t, s, "stays", "canary-stays")
	eventually(t, time.Minute, "visible", func() bool { return stored(ctx, t, gone) == 1000 && stored(ctx, t, stays) == 1000 })
	eventually(t, time.Minute, "derived", func() bool { return derived(ctx, t, s) })
	if len(holding(t, s.Dir(), "canary-gone")) == 0 {
		t.Fatal("the canary is nowhere: the test shows nothing")
	}
	var job struct{ ID, State string }
	if err := s.Admin().Do(ctx, http.MethodDelete, "/api/v1/tenants/gone", nil, &job); err != nil || job.ID == "" {
		t.Fatalf("%v, %+v", err, job)
	}
	if err := gone.Do(ctx, http.MethodGet, "/jobs", nil, nil); err == nil || !strings.Contains(err.Error(), "unknown_key") {
		t.Errorf("its key still works: %v", err)
	}
	for i := range 4 {
		time.Sleep(time.Duration(i*i) * 150 * time.Millisecond)
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	report := reportOf(ctx, t, s, job.ID)
	rows := report.rows(t)
	if rows["table weir.events"]+rows["late events"] != 1000 || rows["derived tables"] == 0 || rows["event ids"] != 1000 || rows["hours of accounting"] == 0 || rows["properties and statistics"] == 0 || report.Until.Before(time.Now()) {
		t.Errorf("found %v until %s", rows, report.Until)
	}
	if n := stored(ctx, t, stays); n != 1000 {
		t.Errorf("the other tenant has %d events", n)
	}
	if err := s.Admin().Do(ctx, http.MethodPost, "/api/v1/tenants", json.RawMessage(`{"id":"gone"}`), nil); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("the id is given again: %v", err)
	}
	if found := holding(t, s.Dir(), "canary-gone"); len(found) != 0 {
		t.Errorf("the canary is still in %v", found)
	}
	if len(holding(t, s.Dir(), "canary-stays")) == 0 {
		t.Error("the other's events are gone too")
	}
	// The files of the audit log are compressed: it is asked.
	var log struct{ Entries json.RawMessage }
	if err := s.Admin().Do(ctx, http.MethodGet, "/api/v1/audit?limit=1000", nil, &log); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(log.Entries, []byte("canary-gone")) || !bytes.Contains(log.Entries, []byte("canary-stays-person")) {
		t.Errorf("the audit log holds the canary, or not the other's: %s", log.Entries)
	}
}

// costLines are the costs that the operator sees, told apart by something.
func costLines(ctx context.Context, t *testing.T, s *harness.Server, by string) (lines []costLine) {
	t.Helper()
	var b struct{ Lines []costLine }
	if err := s.Admin().Do(ctx, http.MethodGet, "/api/v1/costs?limit=10000&by="+by, nil, &b); err != nil {
		t.Fatal(err)
	}
	return b.Lines
}

type costLine struct {
	Tenant, Kind, User, Shape string
	ShapeText                 string `json:"shape_text"`
	Amount                    float64
}

func amountOf(lines []costLine, tenant string) (sum float64) {
	for _, l := range lines {
		if l.Tenant == tenant {
			sum += l.Amount
		}
	}
	return sum
}

// TestDeletedTenantIsGone deletes a tenant while a job of it runs and nothing else happens: no file holds anything of it but the event log's, its costs do
// not come back, and after the date that the report gives the event log holds nothing of it either.
func TestDeletedTenantIsGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	s := harness.StartT(t, harness.Config{Args: []string{"--log-retention", "1m", "--metering-interval", "1s", "--query-timeout", "5s"}})
	gone := plant(ctx, t, s, "gone", "canary-gone")
	if len(holdingAnywhere(t, filepath.Join(s.Dir(), "log"), "canary-gone")) == 0 { // soon it is truncated away
		t.Fatal("the canary is not in the log: the test shows nothing")
	}
	stays := plant(ctx, t, s, "stays", "canary-stays")
	eventually(t, time.Minute, "visible", func() bool { return stored(ctx, t, gone) == 1000 && stored(ctx, t, stays) == 1000 })
	for _, c := range []*client.Client{gone, stays} {
		name := map[*client.Client]string{gone: "canary-gone", stays: "canary-stays"}[c]
		id := startJob(t, c, "SELECT client_id, path FROM events WHERE path <> '/"+name+"-in-a-query'")
		eventually(t, time.Minute, "done", func() bool { return job(t, c, id).State == "done" })
	}
	startJob(t, gone, "SELECT count() FROM events AS a CROSS JOIN events AS b CROSS JOIN events AS c CROSS JOIN events AS d WHERE cityHash64(a.event_id, b.event_id, c.event_id, d.event_id) % 7 = 1 AND a.path <> 'canary-gone-running'")
	eventually(t, time.Minute, "charged", func() bool {
		lines := costLines(ctx, t, s, "tenant,shape")
		return amountOf(lines, "gone") > 0 && amountOf(lines, "stays") > 0
	})
	if len(holding(t, s.Dir(), "canary-gone")) == 0 {
		t.Fatal("the canary is nowhere: the test shows nothing")
	}
	report := remove(ctx, t, s, "/api/v1/tenants/gone")
	rows := report.rows(t)
	for _, place := range []string{"jobs and their results", "usage and costs", "texts of the audit log", "learned costs of queries"} {
		if rows[place] == 0 {
			t.Errorf("nothing was found in %s", place)
		}
	}
	if found := holding(t, s.Dir(), "canary-gone"); len(found) != 0 {
		t.Errorf("the canary is still in %v", found)
	}
	since := time.Now()
	eventually(t, time.Minute, "measured again", func() bool { return costs(t, s).AsOf.After(since.Add(3 * time.Second)) })
	for _, l := range costLines(ctx, t, s, "tenant,kind,user,shape") {
		if l.Tenant == "gone" {
			t.Errorf("its costs have come back: %+v", l)
		}
	}
	if testing.Short() {
		return
	}
	for i := 0; time.Now().Before(report.Until); i++ { // others go on, a little
		if err := stays.Do(ctx, http.MethodPost, "/ingest", json.RawMessage(fmt.Sprintf(`{"event_id":"later-%d","site_id":"site-stays","type":"view","props":{"x":"canary-stays"}}`, i)), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	if found := holdingAnywhere(t, s.Dir(), "canary-gone"); len(found) != 0 {
		t.Errorf("after %s the canary is still in %v", report.Until, found)
	}
	if len(holdingAnywhere(t, s.Dir(), "canary-stays")) == 0 {
		t.Error("the other's events are gone too")
	}
}

// TestDeletedTenantsBill keeps the billing figures of a deleted tenant, over a restart, until they are not wanted any more.
func TestDeletedTenantsBill(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s := harness.StartT(t, harness.Config{Args: []string{"--metering-interval", "1s", "--query-timeout", "5s"}})
	gone := plant(ctx, t, s, "gone", "canary-gone")
	eventually(t, time.Minute, "visible", func() bool { return stored(ctx, t, gone) == 1000 })
	eventually(t, time.Minute, "charged", func() bool { return amountOf(costLines(ctx, t, s, "tenant,shape"), "gone") > 0 })
	costs(t, s)
	before := amountOf(costLines(ctx, t, s, "tenant"), "gone")
	report := remove(ctx, t, s, "/api/v1/tenants/gone?keep_billing=true")
	if rows := report.rows(t); rows["usage and costs"] == 0 {
		t.Error("no row named a user or a query")
	}
	check := func(when string) {
		t.Helper()
		lines := costLines(ctx, t, s, "tenant,kind,user,shape")
		if after := amountOf(lines, "gone"); after < before {
			t.Errorf("%s: the bill was %v and is %v", when, before, after)
		}
		for _, l := range lines {
			if l.Tenant == "gone" && (l.User != "" || l.Shape != "" || l.ShapeText != "") {
				t.Errorf("%s: a line names a user or a query: %+v", when, l)
			}
		}
		body, err := s.Admin().Get(ctx, "/api/v1/costs/export")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if text, err := io.ReadAll(body); err != nil || !strings.Contains(string(text), ",gone,") {
			t.Errorf("%s: the export has nothing of it, %v", when, err)
		}
	}
	check("deleted")
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	check("after a restart")
	if found := holding(t, s.Dir(), "canary-gone"); len(found) != 0 {
		t.Errorf("the canary is still in %v", found)
	}
	remove(ctx, t, s, "/api/v1/tenants/gone?keep_billing=false")
	if left := costLines(ctx, t, s, "tenant,kind"); amountOf(left, "gone") != 0 {
		t.Errorf("left: %+v", left)
	}
	if err := s.Admin().Do(ctx, http.MethodDelete, "/api/v1/tenants/gone?keep_billing=false", nil, nil); err == nil {
		t.Error("there is still something to remove")
	}
}
