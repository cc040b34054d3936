package metering

import (
	"context"
	"time"
)

// engineWindow is what the engine's process used between two looks, in seconds.
type engineWindow struct {
	cpu                            float64
	statement, merge, housekeeping float64 // by threads; all zero where the system does not tell
	statements                     map[string]float64
	lost                           float64 // CPU of processes that have ended, after the last look at them
	first                          bool    // since the process's start: loading of tables included
}

// engineMeter turns the engine's sums into windows.
type engineMeter struct {
	generation uint64
	prev       EngineUsage
	statements map[string]time.Duration
	children   float64 // CPU of children that ended, as of the last look
	started    bool
}

// look asks the engine. ok is false when it does not answer: what it used then is seen by a later look.
func (m *engineMeter) look(ctx context.Context, e Engine) (w engineWindow, ok bool, err error) {
	if e == nil {
		return w, false, nil
	}
	if !m.started {
		m.started, m.children = true, childrenCPU()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	generation, since := e.Generation(), m.prev.Cursor
	if generation != m.generation {
		since = 0
	}
	u, err := e.UsageSince(ctx, since)
	if err != nil {
		return w, false, err
	}
	if e.Generation() != generation { // whose answer this is cannot be told: the next look tells
		return w, false, nil
	}
	if generation != m.generation || u.CPU < m.prev.CPU || m.statements == nil { // another process, or the first look, at one that is just being started
		if m.generation != 0 {
			w.lost = max(0, childrenCPU()-m.children-m.prev.CPU.Seconds())
		}
		m.generation, m.prev, m.statements, m.children = generation, EngineUsage{}, map[string]time.Duration{}, childrenCPU()
		w.first = true
	}
	p := m.prev
	w.cpu = (u.CPU - p.CPU).Seconds()
	w.statement, w.merge, w.housekeeping = (u.Statement - p.Statement).Seconds(), (u.Merge - p.Merge).Seconds(), (u.Housekeeping - p.Housekeeping).Seconds()
	w.statements = make(map[string]float64, len(u.Statements))
	for comment, sum := range u.Statements {
		if d := sum - m.statements[comment]; d > 0 {
			w.statements[comment] = d.Seconds()
		}
		m.statements[comment] = sum
	}
	m.prev = u
	m.prev.Statements = nil
	return w, true, nil
}
