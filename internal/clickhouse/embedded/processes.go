package embedded

import (
	"net/http"
	"sync"
	"time"

	"weir/internal/clickhouse"
)

// processes are the statements that run, and those that ended a moment ago: who was cut off from a statement's answer can still
// learn what it used.
type processes struct {
	mu      sync.Mutex
	running map[string]*call // by query id; nil until it has a connection
	ended   map[string]clickhouse.Summary
	order   []string // of ended, the oldest first
}

// keptProcesses is how many ended statements are remembered.
const keptProcesses = 4096

func newProcesses() *processes {
	return &processes{running: map[string]*call{}, ended: map[string]clickhouse.Summary{}}
}

// begin notes a statement; c is nil while it waits.
func (p *processes) begin(id string, c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[id] = c
}

// end notes what a statement used. A second call for it does nothing.
func (p *processes) end(id string, s clickhouse.Summary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.running[id]; !ok {
		return
	}
	delete(p.running, id)
	if _, again := p.ended[id]; !again {
		p.order = append(p.order, id)
	}
	p.ended[id] = s
	if len(p.order) > keptProcesses {
		delete(p.ended, p.order[0])
		p.order = p.order[1:]
	}
}

// find returns a statement that runs (nil: it waits), or what one used that has ended.
func (p *processes) find(id string) (c *call, s clickhouse.Summary, ended, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.running[id]; ok {
		return c, s, false, true
	}
	s, ok = p.ended[id]
	return nil, s, ok, ok
}

// process answers GET /processes?id=.
func (s *server) process(w http.ResponseWriter, r *http.Request) {
	c, sum, ended, ok := s.processes.find(r.URL.Query().Get("id"))
	if !ok {
		http.Error(w, "no such statement", http.StatusNotFound)
		return
	}
	p := clickhouse.Process{Summary: sum, Ended: ended}
	if c != nil {
		p = c.process()
	}
	w.Header().Set("Content-Type", "application/json")
	if err := clickhouse.EncodeProcess(w, p); err != nil {
		s.log.Debug("a process could not be told", "error", err)
	}
}

// process reads what a running statement has used from the list of running statements.
func (c *call) process() clickhouse.Process {
	c.sample()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := clickhouse.Process{Summary: c.last.Summary, TotalRows: c.last.total}
	p.Elapsed = time.Since(c.begin)
	if c.forTenant() {
		p.Summary, p.TotalRows = p.Told(), clickhouse.RowsTold(p.TotalRows)
	}
	return p
}
