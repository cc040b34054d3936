package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// niceValues are those of the threads of a process.
func niceValues(t *testing.T, pid int) (values []int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		nice, err := strconv.Atoi(fields[16])
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, nice)
	}
	return values
}

// The engine yields to the process that started it. Its statements may yield more, and leave no thread behind that does so still.
func TestNice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("priorities of threads are Linux's")
	}
	e := startEngine(t, testConfig(t))
	usual := func() {
		t.Helper()
		waitFor(t, "the engine's nice value of all threads", time.Minute, func() bool {
			// The library gives one of its own threads a higher priority than any, where it may.
			return !slices.ContainsFunc(niceValues(t, e.PID()), func(n int) bool { return n >= 0 && n != engineNice })
		})
	}
	usual()
	run := func(sql string, n int) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: sql, Tenant: "acme", Settings: map[string]string{clickhouse.NiceSetting: "12", "max_threads": "4"}}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	seen, ended := make(chan int, 1), make(chan struct{})
	go func() {
		for most := 0; ; {
			most = max(most, slices.Max(niceValues(t, e.PID())))
			select {
			case <-ended:
				seen <- most
				return
			default:
			}
		}
	}()
	run("SELECT uniq(sipHash64(number)) FROM numbers_mt(10000000)", 4)
	close(ended)
	if most := <-seen; most != engineNice+12 && os.Getuid() == 0 {
		t.Errorf("the highest nice value was %d", most)
	}
	for range 20 { // many threads are made and given back
		run("SELECT sum(x) FROM (SELECT number AS x FROM numbers_mt(100000) UNION ALL SELECT number FROM numbers_mt(100000))", 8)
	}
	usual()
}
