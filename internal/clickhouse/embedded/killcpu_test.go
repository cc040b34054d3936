package embedded

import (
	"context"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// A statement that is cut off is charged what it used, although its threads had not ended when it was last looked at.
func TestCPUOfKilled(t *testing.T) {
	e := startEngine(t, testConfig(t))
	for _, threads := range []string{"1", "2"} {
		before, err := e.Usage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		run, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = e.Client().Exec(run, clickhouse.Statement{SQL: "SELECT count() FROM numbers(5000) AS a CROSS JOIN numbers(5000) AS b CROSS JOIN numbers(5000) AS c WHERE sipHash64(a.number, b.number, c.number) % 7 = 1",
				QueryID: "killed" + threads, Tenant: "acme", Settings: map[string]string{"max_threads": threads}}) // cut off
		}()
		waitFor(t, "CPU", 30*time.Second, func() bool {
			u, err := e.Usage(ctx)
			return err == nil && u.CPU-before.CPU > time.Second
		})
		cancel()
		<-done
		var p clickhouse.Process
		waitFor(t, "the end of the statement", 10*time.Second, func() bool {
			p, err = e.Client().Process(ctx, "killed"+threads)
			return err == nil && p.Ended
		})
		after, err := e.Usage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if used := after.CPU - before.CPU; p.Summary.CPU < used/2 || p.Summary.CPU > used {
			t.Errorf("%s threads: charged %v of the %v that the process used", threads, p.Summary.CPU, used)
		} else {
			t.Logf("%s threads: charged %v of the %v that the process used", threads, p.Summary.CPU, used)
		}
	}
}
