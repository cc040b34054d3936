package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// niced counts the threads of a process with a lower priority than usual.
func niced(t *testing.T, pid int) (n int) {
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
		if len(fields) > 16 && fields[16] != "0" && fields[16][0] != '-' {
			n++
		}
	}
	return n
}

// Statements may run at a lower priority, and leave no thread behind that has it still.
func TestNice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("priorities of threads are Linux's")
	}
	e := startEngine(t, testConfig(t))
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
		for most := 0; ; most = max(most, niced(t, e.PID())) {
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
	if most := <-seen; most == 0 && os.Getuid() == 0 {
		t.Error("no thread had a lower priority")
	}
	for range 20 { // many threads are made and given back
		run("SELECT sum(x) FROM (SELECT number AS x FROM numbers_mt(100000) UNION ALL SELECT number FROM numbers_mt(100000))", 8)
	}
	waitFor(t, "usual priority of all threads", time.Minute, func() bool { return niced(t, e.PID()) == 0 })
}
