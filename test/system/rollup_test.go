//go:build system

package system

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/client"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/test/system/harness"
)

// TestRollupsAreExact asks rollups while events come in and the rollups move on: whoever has the acknowledgement of n events finds n, never
// fewer and never one twice, and nobody sees another tenant's. Afterwards late events and a restart change nothing of that.
func TestRollupsAreExact(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	const writers, batches, size = 3, 25, 40
	total := map[string]int{}
	var keys []harness.Tenant
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, id := range []string{"one", "two"} {
		tn, err := srv.NewTenant(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, tn)
		for w := range writers {
			wg.Go(func() {
				typ := fmt.Sprintf("%s-%d", id, w)
				for b := range batches {
					var body strings.Builder
					for i := range size {
						fmt.Fprintf(&body, `{"type":%q,"client_id":"c%d","url":"https://x.example/p%d","props":{"value":2}}`+"\n", typ, i%10, i%7)
					}
					res, err := srv.Client(tn.WriteKey).Ingest(t.Context(), []byte(body.String()), client.IngestOptions{})
					if err != nil || len(res.Rejected) > 0 {
						t.Errorf("%+v, %v", res, err)
						return
					}
					name := rollup.All[b%len(rollup.All)].Name
					sql := fmt.Sprintf("SELECT sum(events) AS n, uniqMerge(clients) AS u, sum(value) AS v FROM %s WHERE type = '%s'", name, typ)
					want := fmt.Sprintf("[map[n:%d u:10 v:%d]]", (b+1)*size, 2*(b+1)*size)
					if got := visible(t, srv.Client(tn.Analyst), client.QueryRequest{SQL: sql, MinToken: res.Token}); got != want {
						t.Errorf("%s, after %d batches: %s, want %s", name, b+1, got, want)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				total[id] += batches * size
			})
		}
	}
	wg.Wait()
	late := fmt.Sprintf(`{"type":"late","ts":%q}`, time.Now().AddDate(0, -2, 0).UTC().Format(time.RFC3339))
	res, err := srv.Client(keys[0].WriteKey).Ingest(t.Context(), []byte(late), client.IngestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	total["one"]++
	check := func() {
		for i, id := range []string{"one", "two"} {
			for _, r := range rollup.All {
				q := client.QueryRequest{SQL: "SELECT sum(events) AS n, countIf(startsWith(type, 'one')) > 0 AS one, countIf(startsWith(type, 'two')) > 0 AS two FROM " + r.Name}
				if id == "one" {
					q.MinToken = res.Token
				}
				if got, want := visible(t, srv.Client(keys[i].Analyst), q), fmt.Sprintf("[map[n:%d one:%d two:%d]]", total[id], 1-i, i); got != want {
					t.Errorf("%s of %s: %s, want %s", r.Name, id, got, want)
				}
			}
		}
	}
	check()
	if err := srv.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
}

// visible asks until the token's events can be seen: late ones take longer than one question waits.
func visible(t *testing.T, c *client.Client, q client.QueryRequest) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		res, err := c.QueryRows(t.Context(), q)
		if err == nil {
			return fmt.Sprint(res.Data)
		}
		var p *problem.Problem
		if !errors.As(err, &p) || p.Status != 503 || time.Now().After(deadline) {
			t.Errorf("%s: %v", q.SQL, err)
			return ""
		}
		time.Sleep(100 * time.Millisecond)
	}
}
