package embedded

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

func procCPU(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	_ = b
	var total time.Duration
	ents, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	_ = ents
	st, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(st[strings.LastIndexByte(string(st), ')')+1:]))
	var u, s int
	fmt.Sscan(f[11], &u)
	fmt.Sscan(f[12], &s)
	total = time.Duration(u+s) * 10 * time.Millisecond
	return total
}

func TestMeterProbe(t *testing.T) {
	e := startEngine(t, testConfig(t))
	c := e.Client()
	for _, q := range []string{
		"SELECT sum(cityHash64(number, 1, 2)) FROM numbers_mt(1000000000)",
		"SELECT uniqExact(number) FROM numbers_mt(10000000)",
		"SELECT number FROM numbers_mt(3000000)",
		"SELECT number FROM numbers_mt(200000000) WHERE sipHash64(number)=1",
		"SELECT number, sipHash64(number) h FROM numbers_mt(3000000) ORDER BY h",
		"SELECT number, count() FROM numbers_mt(30000) GROUP BY number",
		"SELECT sipHash64(number) h FROM numbers_mt(3000000) ORDER BY h LIMIT 10",
	} {
		for _, f := range []string{"JSON", "JSONCompactEachRow", "CSVWithNames"} {
			before := procCPU(e.PID())
			_, sum := read(t, c, clickhouse.Statement{SQL: q, Format: f})
			t.Logf("%-20s proc %v cpu %v elapsed %v peak %d read %d: %s", f, procCPU(e.PID())-before, sum.CPU, sum.Elapsed, sum.PeakMemory, sum.ReadRows, q)
		}
	}
	n := 200
	for _, q := range []string{"SELECT 1", "SELECT sum(number) FROM numbers(1000)", "SELECT sum(sipHash64(number)) FROM numbers(500000)"} {
		var cpu time.Duration
		before := procCPU(e.PID())
		begin := time.Now()
		for range n {
			_, sum := read(t, c, clickhouse.Statement{SQL: q, Format: "JSON"})
			cpu += sum.CPU
		}
		t.Logf("%d times: proc %v cpu %v wall each %v %s", n, procCPU(e.PID())-before, cpu, time.Since(begin)/time.Duration(n), q)
	}
}
