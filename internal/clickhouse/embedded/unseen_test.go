package embedded

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// computing is a statement that reads nothing: its threads tell what they have used when they leave it, not before.
const computing = "SELECT max(sipHash64(a.x, b.y)) AS m FROM (SELECT arrayJoin(range(%d)) AS x) AS a CROSS JOIN (SELECT arrayJoin(range(1000)) AS y) AS b"

// What a statement computes is in its bill, whatever its form, its format and its end, and also where it ends just after it was looked at.
func TestNothingComputedIsFree(t *testing.T) {
	e := startEngine(t, testConfig(t))
	said := func(st clickhouse.Statement) time.Duration {
		st.Tenant = "acme"
		res, err := e.Client().Query(ctx, st)
		var ee *clickhouse.Error
		if errors.As(err, &ee) {
			return ee.Summary.CPU
		} else if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); err != nil {
			t.Fatal(err)
		}
		return res.Summary().CPU
	}
	for _, c := range []struct{ sql, format, limit string }{
		{computing, "TSV", ""}, {computing, "JSON", ""}, {computing, "Parquet", ""}, {computing, "PrettyCompact", ""},
		{"SELECT (" + computing + ") AS s", "TSV", ""}, {"SELECT count() FROM numbers(10) WHERE toString(number) IN (SELECT toString(m) FROM (" + computing + "))", "TSV", ""},
		{"EXPLAIN actions = 0 SELECT (" + computing + ") AS s", "TSV", ""}, {"SELECT toUInt8(concat('x', toString(m))) FROM (" + computing + ")", "TSV", ""},
		{"SELECT (" + computing + ") AS s, count() FROM numbers(10)", "TSV", "0.3"},
	} {
		for i := range 6 {
			st := clickhouse.Statement{SQL: fmt.Sprintf(c.sql, 600+200*i), Format: c.format, Settings: map[string]string{"max_threads": "2"}}
			if c.limit != "" {
				st.SQL, st.Settings["max_execution_time"] = fmt.Sprintf(c.sql, 100_000), c.limit
			}
			// What else the process did meanwhile is in its use: on a machine with much else to do that can be much, once.
			var got, used time.Duration
			for range 3 {
				before, err := e.Usage(ctx)
				if err != nil {
					t.Fatal(err)
				}
				got = said(st)
				after, err := e.Usage(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if used = after.CPU - before.CPU; got >= used/2 && got <= used+used/10 { // of threads that run, the process's use is known as of the last tick only
					break
				}
			}
			if got < used/2 || got > used+used/10 {
				t.Errorf("%.60s as %s: charged %v of the %v that the process used, three times", st.SQL, c.format, got, used)
			}
		}
	}
	before, err := e.Usage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sum time.Duration
	for range 4 {
		wg.Go(func() {
			for range 2 {
				got := said(clickhouse.Statement{SQL: fmt.Sprintf(computing, 1500), Format: "Parquet"})
				mu.Lock()
				sum += got
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	after, err := e.Usage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if used := after.CPU - before.CPU; sum < used*6/10 || sum > used*11/10 {
		t.Errorf("side by side: charged %v of the %v that the process used", sum, used)
	} else {
		t.Logf("side by side: charged %v of the %v that the process used", sum, used)
	}
}
