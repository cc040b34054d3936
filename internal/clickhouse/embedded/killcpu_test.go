package embedded

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// TestKilledWhenItsTimeIsOver: a statement that is killed before the engine itself has seen that its time is over ends with the error of that limit, and one whose caller has left does not.
func TestKilledWhenItsTimeIsOver(t *testing.T) {
	killed := &libchdb.Error{Text: "Code: 394. DB::Exception: Query 'x' is killed in pending state. (QUERY_WAS_CANCELLED)"}
	other := &libchdb.Error{Text: "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)"}
	for _, leaves := range []bool{false, true} {
		s := &server{pool: &sessions{base: []string{"\x00"}}} // no connection can be made: nothing is killed
		s.listing.pool = s.pool
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := &call{server: s, req: &request{settings: map[string]string{"max_execution_time": "0.05"}}, sess: &session{}}
		c.watch(ctx)
		if leaves {
			cancel()
		}
		waitFor(t, "the kill", time.Minute, c.killedBefore)
		c.unwatch()
		var e *clickhouse.Error
		if err := c.timeOver(killed); leaves != (err == killed) || !leaves && (!errors.As(err, &e) || e.Code != clickhouse.CodeTimeoutExceeded || e.Status != http.StatusBadRequest) {
			t.Errorf("its caller leaves: %v: %v", leaves, err)
		}
		if err := c.timeOver(other); err != other {
			t.Errorf("another error becomes %v", err)
		}
		if err := c.timeOver(nil); err != nil {
			t.Errorf("a whole answer: %v", err)
		}
	}
}

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
		waitFor(t, "CPU", time.Minute, func() bool {
			u, err := e.Usage(ctx)
			return err == nil && u.CPU-before.CPU > time.Second
		})
		cancel()
		<-done
		var p clickhouse.Process
		waitFor(t, "the end of the statement", time.Minute, func() bool {
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
