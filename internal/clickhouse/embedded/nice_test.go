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

// nices are the nice values of the threads of a process, by the threads' names.
func nices(t *testing.T, pid int) map[string][]int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	out := map[string][]int{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended
		}
		_, stat, _ := strings.Cut(string(b), "(")
		end := strings.LastIndexByte(stat, ')')
		if fields := strings.Fields(stat[end+1:]); len(fields) > 16 {
			n, _ := strconv.Atoi(fields[16])
			out[stat[:end]] = append(out[stat[:end]], n)
		}
	}
	return out
}

// niced counts the threads of a process, but those of merges, with a lower priority than usual.
func niced(t *testing.T, pid int) (n int) {
	t.Helper()
	for name, of := range nices(t, pid) {
		for _, nice := range of {
			if name != mergeThread && nice > 0 {
				n++
			}
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

func TestMergeNice(t *testing.T) {
	for _, c := range []struct {
		parts    int
		mutating bool
		want     int
	}{
		{0, false, 19}, {60, false, 19}, {61, false, 18}, {90, false, 9}, {119, false, 0}, {120, false, 0}, {3000, false, 0},
		{0, true, 5}, {60, true, 5}, {110, true, 3}, {200, true, 0},
	} {
		if got := mergeNice(c.parts, c.mutating); got != c.want {
			t.Errorf("%d parts, a mutation waits: %v: %d, want %d", c.parts, c.mutating, got, c.want)
		}
	}
}

// Merges yield while there are few parts, whatever statements of lower priority ran meanwhile, and no longer when there are many.
func TestMergesYield(t *testing.T) {
	if !mayUnnice() {
		t.Skip("this process may not take a lower priority back")
	}
	e := startEngine(t, testConfig(t))
	exec := func(sql string, settings map[string]string) {
		t.Helper()
		if _, err := e.Client().Exec(ctx, clickhouse.Statement{SQL: sql, Settings: settings}); err != nil {
			t.Fatal(err)
		}
	}
	all := func(want int) func() bool {
		return func() bool {
			of := nices(t, e.PID())[mergeThread]
			return len(of) > 0 && !slices.ContainsFunc(of, func(n int) bool { return n != want })
		}
	}
	exec("CREATE DATABASE IF NOT EXISTS weir", nil)
	exec("CREATE TABLE weir.many_parts (x UInt8) ENGINE = MergeTree ORDER BY x", nil)
	for range 20 { // the threads are there from the first merge on
		exec("INSERT INTO weir.many_parts VALUES (1)", nil)
	}
	waitFor(t, "merges that yield", time.Minute, all(mostNice))
	for range 5 {
		exec("SELECT uniq(sipHash64(number)) FROM numbers_mt(1000000)", map[string]string{clickhouse.NiceSetting: "12", "max_threads": "4"})
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // when the priority of statements' threads is given back
		if !all(mostNice)() {
			t.Fatalf("after statements of lower priority merges have %v", nices(t, e.PID())[mergeThread])
		}
	}
	exec("SYSTEM STOP MERGES weir.many_parts", nil)
	for range fullParts {
		exec("INSERT INTO weir.many_parts VALUES (1)", nil)
	}
	waitFor(t, "merges of the usual priority", time.Minute, all(0))
	exec("DROP TABLE weir.many_parts SYNC", nil)
	waitFor(t, "merges that yield again", time.Minute, all(mostNice))
}
