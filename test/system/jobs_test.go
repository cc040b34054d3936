//go:build system

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/client"
	"weir/test/system/harness"
)

// jobState is what GET /jobs/{id} says.
type jobState struct {
	ID, State string
	Error     *struct {
		Code, Detail string
		Status       int
	}
	Result *struct {
		Bytes int64
		Rows  uint64
	}
}

func job(t *testing.T, c *client.Client, id string) jobState {
	t.Helper()
	var j jobState
	if err := c.Do(t.Context(), http.MethodGet, "/jobs/"+id, nil, &j); err != nil {
		t.Fatal(err)
	}
	return j
}

func startJob(t *testing.T, c *client.Client, sql string) string {
	t.Helper()
	var j jobState
	if err := c.Do(t.Context(), http.MethodPost, "/api/v1/query", map[string]any{"sql": sql, "async": true}, &j); err != nil {
		t.Fatal(err)
	}
	return j.ID
}

// get reads what lies at a path.
func get(ctx context.Context, t *testing.T, c *client.Client, path string) []byte {
	t.Helper()
	body, err := c.Get(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// result reads a job's result: one row with one number.
func result(t *testing.T, c *client.Client, id string) string {
	t.Helper()
	text := get(t.Context(), t, c, "/jobs/"+id+"/result")
	var answer struct{ Data []map[string]any }
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Data) != 1 {
		t.Fatalf("%v: %.300s", err, text)
	}
	return fmt.Sprint(answer.Data[0]["n"])
}

func filled(t *testing.T, srv *harness.Server, tn harness.Tenant, n int) {
	t.Helper()
	for sent := 0; sent < n; sent += 5000 {
		if got := call(t.Context(), t, "POST", srv.URL+"/ingest", tn.WriteKey, events(min(5000, n-sent))); got.status != 200 {
			t.Fatalf("%+v", got)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := harness.WaitCount(ctx, srv.Client(tn.Analyst), "SELECT count() FROM events", int64(n)); err != nil {
		t.Fatal(err)
	}
}

// TestJobAcrossKills kills weir while a job runs and after another has ended: the one goes on and has the right result, the other still has its own, and
// no file is left that belongs to neither.
func TestJobAcrossKills(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{Args: []string{"--metering-interval", "1s"}})
	tn, err := srv.NewTenant(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	const rows = 15_000
	filled(t, srv, tn, rows)
	c := srv.Client(tn.Analyst)
	ended := startJob(t, c, "SELECT toString(count()) AS n FROM events")
	until(t, "the end of a short job", func() bool { return job(t, c, ended).State == "done" })
	long := startJob(t, c, "SELECT toString(count()) AS n FROM events AS a CROSS JOIN events AS b WHERE cityHash64(a.event_id, b.event_id) >= 0")
	kills := 0
	for range 2 { // a third kill would be taken for the job's doing
		until(t, "the job to run", func() bool {
			j := job(t, c, long)
			if j.State == "failed" {
				t.Fatalf("%+v %+v", j, j.Error)
			}
			return j.State == "running" || j.State == "done"
		})
		used := cpuOf(t, srv.EnginePID())
		until(t, "the job to be under way", func() bool { // in CPU: neither over on a fast machine nor not begun on a slow one
			return cpuOf(t, srv.EnginePID())-used > 100*time.Millisecond || job(t, c, long).State == "done"
		})
		if job(t, c, long).State == "done" {
			break
		}
		if err := srv.Kill(); err != nil {
			t.Fatal(err)
		}
		kills++
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if kills == 0 {
		t.Fatal("the job was too short to be interrupted: the test shows nothing")
	}
	eventually(t, 5*time.Minute, "done", func() bool {
		j := job(t, c, long)
		if j.State == "failed" || j.State == "cancelled" {
			t.Fatalf("%+v %+v", j, j.Error)
		}
		return j.State == "done"
	})
	if n := result(t, c, long); n != fmt.Sprint(rows*rows) {
		t.Errorf("the result is %s, want %d", n, rows*rows)
	}
	if n := result(t, c, ended); n != fmt.Sprint(rows) {
		t.Errorf("the result of the job that had ended is %s, want %d", n, rows)
	}
	files, err := filepath.Glob(filepath.Join(srv.Dir(), "jobs", "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("files of results: %v, %v", files, err)
	}
	t.Logf("killed %d times", kills)
}

// TestJobEndsWithItsKey deletes the key of a job that runs, which would go on for minutes: it ends, and so does its statement.
func TestJobEndsWithItsKey(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tn, err := srv.NewTenant(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	filled(t, srv, tn, 5000)
	var key struct{ ID, Key string }
	admin := srv.Client(tn.Admin)
	if err := admin.Do(t.Context(), http.MethodPost, "/api/v1/tenants/jobs/keys", map[string]string{"role": "analyst"}, &key); err != nil {
		t.Fatal(err)
	}
	var q struct{ SQL string }
	if err := json.Unmarshal([]byte(fmt.Sprintf(heavy, 7)), &q); err != nil {
		t.Fatal(err)
	}
	mine, others := startJob(t, srv.Client(key.Key), q.SQL), startJob(t, srv.Client(tn.Analyst), q.SQL)
	until(t, "the job to run", func() bool { return job(t, admin, mine).State == "running" })
	if err := admin.Do(t.Context(), http.MethodDelete, "/api/v1/tenants/jobs/keys/"+key.ID, nil, nil); err != nil {
		t.Fatal(err)
	}
	took := until(t, "the end of the job", func() bool { return job(t, admin, mine).State != "running" })
	if j := job(t, admin, mine); j.State != "failed" || j.Error == nil || j.Error.Code != "access_revoked" {
		t.Errorf("%+v %+v", j, j.Error)
	}
	t.Logf("the job ended %v after its key", took)
	if j := job(t, admin, others); j.State != "running" && j.State != "queued" {
		t.Errorf("another's job: %+v %+v", j, j.Error)
	}
	if err := admin.Do(t.Context(), http.MethodDelete, "/jobs/"+others, nil, nil); err != nil {
		t.Fatal(err)
	}
	until(t, "an idle engine", func() bool {
		before := cpuOf(t, srv.EnginePID())
		time.Sleep(500 * time.Millisecond)
		return cpuOf(t, srv.EnginePID())-before < 200*time.Millisecond
	})
	if _, err := os.Stat(filepath.Join(srv.Dir(), "jobs", mine+".result")); err == nil {
		t.Error("its half result is still there")
	}
}

// TestQueryEndsWithItsKey deletes the key of a query that runs, and of one whose answer is under way, at both doors: they end, although both would go on for minutes, and so
// do their statements.
func TestQueryEndsWithItsKey(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{ClickHouse: "auto"})
	tn, err := srv.NewTenant(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	filled(t, srv, tn, 5000)
	admin := srv.Client(tn.Admin)
	const (
		silent = "SELECT count() FROM events AS a CROSS JOIN events AS b CROSS JOIN events AS c WHERE cityHash64(a.event_id, b.event_id, c.event_id) >= 0"
		rows   = "SELECT a.event_id AS x, b.event_id AS y FROM events AS a CROSS JOIN events AS b"
	)
	for name, c := range map[string]struct{ door, sql string }{
		"api, silent": {"api", silent}, "api, rows": {"api", rows}, "clickhouse, silent": {"clickhouse", silent}, "clickhouse, rows": {"clickhouse", rows},
	} {
		until(t, name+": no query that runs", func() bool { return runningQueries(t, admin) == 0 })
		var key struct{ ID, Key string }
		if err := admin.Do(t.Context(), http.MethodPost, "/api/v1/tenants/jobs/keys", map[string]string{"role": "analyst"}, &key); err != nil {
			t.Fatal(err)
		}
		url, body := srv.ClickHouse()+"/?default_format=TSV", c.sql
		if c.door == "api" {
			b, err := json.Marshal(map[string]string{"sql": c.sql, "format": "TSV"})
			if err != nil {
				t.Fatal(err)
			}
			url, body = srv.URL+"/api/v1/query", string(b)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key.Key)
		ended, answers := make(chan string, 1), make(chan struct{})
		go func() {
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				ended <- err.Error()
				return
			}
			defer resp.Body.Close()
			close(answers)
			n, err := io.Copy(io.Discard, slow{resp.Body})
			ended <- fmt.Sprintf("%d, %d bytes, %v", resp.StatusCode, n, err)
		}()
		if c.sql == rows {
			select {
			case <-answers:
			case <-time.After(time.Minute):
				t.Fatalf("%s: no answer", name)
			}
		} else {
			until(t, name+": a query that runs", func() bool { return runningQueries(t, admin) == 1 })
		}
		time.Sleep(500 * time.Millisecond)
		select {
		case how := <-ended:
			t.Errorf("%s: ended before its key: %s", name, how)
			continue
		default:
		}
		if err := admin.Do(t.Context(), http.MethodDelete, "/api/v1/tenants/jobs/keys/"+key.ID, nil, nil); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		select {
		case how := <-ended:
			t.Logf("%s: ended %v after its key: %s", name, time.Since(begin), how)
		case <-time.After(time.Minute):
			t.Fatalf("%s: goes on a minute after its key", name)
		}
		var log struct {
			Entries []struct{ Actor, Outcome string }
		}
		until(t, name+": an entry of the audit log", func() bool {
			if err := admin.Do(t.Context(), http.MethodGet, "/api/v1/audit?limit=50", nil, &log); err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(log.Entries, func(e struct{ Actor, Outcome string }) bool {
				return e.Actor == "key:"+key.ID && e.Outcome == "access_revoked"
			})
		})
	}
	until(t, "an idle engine", func() bool {
		before := cpuOf(t, srv.EnginePID())
		time.Sleep(500 * time.Millisecond)
		return cpuOf(t, srv.EnginePID())-before < 200*time.Millisecond
	})
}

// runningQueries is how many queries of a tenant the limits say to be running.
func runningQueries(t *testing.T, admin *client.Client) (n int) {
	t.Helper()
	var s struct {
		Now struct{ Queries []struct{ Running int } }
	}
	if err := admin.Do(t.Context(), http.MethodGet, "/api/v1/limits", nil, &s); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Now.Queries {
		n += c.Running
	}
	return n
}

// slow reads little at a time, so that an answer is long under way.
type slow struct{ io.Reader }

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.Reader.Read(p[:min(len(p), 4<<10)])
}

// TestJobResultAfterAMask masks a column after a job has shown it: its result is no longer for those for whom the mask holds, and still for others.
func TestJobResultAfterAMask(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	tn, err := srv.NewTenant(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	filled(t, srv, tn, 10)
	c, admin := srv.Client(tn.Analyst), srv.Client(tn.Admin)
	const sql = "SELECT max(city) AS n FROM events"
	before := startJob(t, c, sql)
	until(t, "the end of a job", func() bool { return job(t, c, before).State == "done" })
	if n := result(t, c, before); n != "" {
		t.Errorf("the result is %s", n)
	}
	masks := map[string]any{"masks": []map[string]any{{"column": "city", "roles": []string{"analyst"}, "action": "hide"}}}
	if err := admin.Do(t.Context(), http.MethodPatch, "/api/v1/tenants/jobs/policy", masks, nil); err != nil {
		t.Fatal(err)
	}
	if got := call(t.Context(), t, "GET", srv.URL+"/jobs/"+before+"/result", tn.Analyst, ""); got.status != 403 || got.Code != "masks_changed" {
		t.Errorf("after the mask: %+v", got)
	}
	if n := result(t, admin, before); n != "" {
		t.Errorf("an admin's result is %s", n)
	}
	after := startJob(t, c, sql)
	until(t, "the end of a job", func() bool { return job(t, c, after).State == "done" })
	if n := result(t, c, after); n != "" {
		t.Errorf("of a job since the mask: %s", n)
	}
}
