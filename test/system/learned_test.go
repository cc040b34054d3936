//go:build system

package system

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"weir/internal/client"
	"weir/test/system/harness"
)

// A statement that has shown what it costs is expected to cost that after a kill, too: else each restart takes a burst of heavy ones for cheap.
func TestLearnedCostsOverKill(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := harness.StartT(t, harness.Config{})
	a, err := srv.NewTenant(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	analyst := srv.Client(a.Analyst)
	if got := call(ctx, t, http.MethodPost, srv.URL+"/ingest", a.WriteKey, events(300)); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	if err := harness.WaitCount(ctx, analyst, "SELECT count() FROM events", 300); err != nil {
		t.Fatal(err)
	}
	sql := func(n int) string {
		return fmt.Sprintf("SELECT count() FROM events AS a CROSS JOIN events AS b CROSS JOIN events AS c WHERE cityHash64(a.event_id, b.event_id, c.event_id) %% 7 = %d", n)
	}
	if first := estimate(ctx, t, analyst, sql(1)); first.Learned {
		t.Fatalf("at first: %+v", first)
	}
	if err := analyst.Do(ctx, http.MethodPost, "/api/v1/query", map[string]any{"sql": sql(2)}, nil); err != nil {
		t.Fatal(err)
	}
	before := estimate(ctx, t, analyst, sql(3))
	if !before.Learned || before.CPU == 0 {
		t.Fatalf("after one run: %+v", before)
	}
	time.Sleep(5 * time.Second) // what was learned is durable within two
	if err := srv.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if after := estimate(ctx, t, analyst, sql(4)); after != before {
		t.Errorf("after a kill: %+v, before %+v", after, before)
	}
}

// planned is what a statement is expected to cost.
type planned struct {
	Class   string  `json:"class"`
	CPU     float64 `json:"cpu_seconds"`
	Learned bool    `json:"learned"`
}

func estimate(ctx context.Context, t *testing.T, c *client.Client, sql string) planned {
	t.Helper()
	var got struct{ Estimate planned }
	if err := c.Do(ctx, http.MethodPost, "/api/v1/query", map[string]any{"sql": sql, "dry_run": true}, &got); err != nil {
		t.Fatal(err)
	}
	return got.Estimate
}
