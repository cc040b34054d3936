package embedded

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Names of Usage.Threads.
const (
	ThreadsMerge        = "merge"        // merges and mutations
	ThreadsHousekeeping = "housekeeping" // schedules, caches, metrics of the engine
	ThreadsStatement    = "statement"    // what runs and serves statements
)

// threadClass tells what a thread of the library is for by its name. Threads of merges and of schedules are that for their whole life; all
// others come from one pool, or are Go's own, and serve statements.
func threadClass(name string) string {
	switch name {
	case "MergeMutate", "Move", "Fetch", "Common":
		return ThreadsMerge
	case "BgSchPool", "BgStrmSchPool", "BgBufSchPool", "BgDistSchPool", "BgMBSchPool", "PoolDelayExec", "MemoryWorker", "DictReload",
		"ConfigReloader", "AsyncMetrics", "SystemLogFlush", "TraceCollector", "jemalloc_bg_thd":
		return ThreadsHousekeeping
	}
	return ThreadsStatement
}

// threadCPUs sums up the CPU of this process's threads by class. A thread that ended between two looks took its last CPU along: that is what
// the process has used and no thread shows, and goes to the classes of the threads that are gone.
type threadCPUs struct {
	dedicated atomic.Pointer[[]int] // ids of the threads that never serve statements, as of the last look

	mu   sync.Mutex
	seen map[string]thread // by id
	sums map[string]time.Duration
}

type thread struct {
	class string
	cpu   time.Duration
}

// look reads the threads, and returns the sums by class and the process's CPU at that moment. nil: the system does not tell.
func (t *threadCPUs) look() (map[string]time.Duration, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := readThreads("/proc/self/task")
	total := processUsage().CPU
	if len(now) == 0 {
		return nil, total
	}
	if t.sums == nil {
		t.seen, t.sums = map[string]thread{}, map[string]time.Duration{}
	}
	t.advance(now, total)
	out := make(map[string]time.Duration, len(t.sums))
	for class, d := range t.sums {
		out[class] = d
	}
	return out, total
}

// advance moves the sums from the last look to this one.
func (t *threadCPUs) advance(now map[string]thread, total time.Duration) {
	gone := map[string]int{}
	n := 0
	for id, old := range t.seen {
		if th, ok := now[id]; !ok || th.cpu < old.cpu { // ended, or ended and its number given to another
			gone[old.class]++
			n++
		}
	}
	for id, th := range now {
		if old, ok := t.seen[id]; ok && old.cpu <= th.cpu {
			t.sums[th.class] += th.cpu - old.cpu
		} else {
			t.sums[th.class] += th.cpu
		}
	}
	dedicated := []int{}
	for id, th := range now {
		if th.class != ThreadsStatement {
			if n, err := strconv.Atoi(id); err == nil {
				dedicated = append(dedicated, n)
			}
		}
	}
	t.dedicated.Store(&dedicated)
	t.seen = now
	var sum time.Duration
	for _, d := range t.sums {
		sum += d
	}
	if rest := total - sum; rest > 0 && n > 0 {
		for class, k := range gone {
			t.sums[class] += rest * time.Duration(k) / time.Duration(n)
		}
	}
}

// statements is the process's CPU without that of merges and housekeeping. It takes some microseconds.
func (t *threadCPUs) statements() time.Duration {
	ids := t.dedicated.Load()
	if ids == nil {
		if t.look(); t.dedicated.Load() == nil { // the system does not tell threads apart
			t.dedicated.Store(&[]int{})
		}
		ids = t.dedicated.Load()
	}
	d := processCPU()
	for _, id := range *ids {
		d -= threadCPUOf(id)
	}
	return d
}

// readThreads reads the CPU and name of each thread of a process; nothing where there is no such directory.
func readThreads(dir string) map[string]thread {
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := make(map[string]thread, len(tasks))
	for _, task := range tasks {
		base := dir + "/" + task.Name()
		stat, err := os.ReadFile(base + "/schedstat")
		if err != nil {
			continue // it has just ended
		}
		run, _, _ := strings.Cut(string(stat), " ")
		ns, err := strconv.ParseInt(run, 10, 64)
		if err != nil {
			continue
		}
		name, err := os.ReadFile(base + "/comm")
		if err != nil {
			continue
		}
		out[task.Name()] = thread{threadClass(strings.TrimSpace(string(name))), time.Duration(ns)}
	}
	return out
}

// Bounds of what is remembered of comments.
const (
	maxComment  = 128
	maxComments = 50_000 // beyond, statements are charged to their comment's first part and "other"
)

// statementCPU sums up the CPU of statements by comment.
type statementCPU struct {
	mu     sync.Mutex
	cursor uint64
	sums   map[string]*statementSum
	total  time.Duration
}

// all is the sum over all comments.
func (s *statementCPU) all() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

type statementSum struct {
	cpu     time.Duration
	changed uint64  // the cursor of the next look after its last change
	memory  float64 // bytes: what statements took at their peak, a moving average; 0: not known
}

// One of so many short statements that run alone is looked at, whoever's it is: at random, so that nobody can know which; and how much the latest counts.
const (
	looksAtOneOf   = 16
	memoryLearning = 0.2
)

// mayBeQuiet says whether a statement need not be looked at while it is short and alone: what its kind takes in memory is known.
func (s *statementCPU) mayBeQuiet(comment string) bool {
	return rand.IntN(looksAtOneOf) != 0 && s.memory(comment) > 0
}

// memory is what statements of a comment take at their peak, on average, in bytes; 0: not known.
func (s *statementCPU) memory(comment string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sum := s.sums[comment]; sum != nil {
		return uint64(sum.memory)
	}
	return 0
}

// learnMemory notes what a statement took that was looked at.
func (s *statementCPU) learnMemory(comment string, peak uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.sums[comment]
	switch {
	case sum == nil: // the next one will find it
	case sum.memory == 0:
		sum.memory = float64(peak)
	default:
		sum.memory += memoryLearning * (float64(peak) - sum.memory)
	}
}

func (s *statementCPU) add(comment string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sums == nil {
		s.sums = map[string]*statementSum{}
	}
	sum := s.sums[comment]
	if sum == nil && len(s.sums) >= maxComments {
		kind, _, _ := strings.Cut(comment, "/")
		comment = kind + "/"
		sum = s.sums[comment]
	}
	if sum == nil {
		sum = &statementSum{}
		s.sums[comment] = sum
	}
	sum.cpu += d
	s.total += d
	sum.changed = s.cursor + 1
}

// since returns the sums that changed after cursor, and the cursor to give the next time.
func (s *statementCPU) since(cursor uint64) (map[string]time.Duration, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]time.Duration{}
	for comment, sum := range s.sums {
		if sum.changed > cursor {
			out[comment] = sum.cpu
		}
	}
	s.cursor++
	return out, s.cursor
}

// answerUsage serves GET /usage, and with ?since= also the CPU by threads and by statements.
func (s *server) answerUsage(w http.ResponseWriter, r *http.Request) {
	u := processUsage()
	if text := r.URL.Query().Get("since"); text != "" {
		since, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			http.Error(w, "since must be a number", http.StatusBadRequest)
			return
		}
		u.Statements, u.Cursor = s.statements.since(since)
		u.Threads, u.CPU = s.threads.look()
	}
	if err := json.NewEncoder(w).Encode(u); err != nil {
		s.log.Warn("usage was not sent", "error", err)
	}
}
