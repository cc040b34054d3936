package chain

import (
	"sync"
	"time"

	"weir/internal/audit"
)

// maxGathered bounds what is gathered in a minute: more different ones are gathered as one. So does maxNobody for those of nobody who is known, which cost
// who sends them nothing.
const (
	maxGathered = 10_000
	maxNobody   = 1_000
)

// gatherer adds up entries that differ only in cost, count and request.
type gatherer struct {
	mu     sync.Mutex
	minute time.Time
	all    map[audit.Entry]*sum // by the entry without what is added up
	nobody int                  // of them, without an actor
}

type sum struct {
	first time.Time
	count uint64
	cost  audit.Cost
}

// Gather implements audit.Recorder.
func (l *Log) Gather(e audit.Entry) {
	now := l.cfg.Now()
	cost, n := e.Cost, max(e.Count, 1)
	e.Cost, e.Count, e.Request, e.Seq, e.At, e.Text = nil, 0, "", 0, time.Time{}, audit.Cut(e.Text)
	e.Target = audit.Cut(e.Target)
	g := &l.gather
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all == nil {
		g.all = map[audit.Entry]*sum{}
		g.minute = now.Truncate(time.Minute)
	}
	s := g.all[e]
	if s == nil && (len(g.all) >= maxGathered || e.Actor == "" && g.nobody >= maxNobody) {
		e = audit.Entry{Action: e.Action, Outcome: e.Outcome, Target: "(more than were gathered one by one)"}
		s = g.all[e]
	}
	if s == nil {
		s = &sum{first: now}
		g.all[e] = s
		if e.Actor == "" {
			g.nobody++
		}
	}
	s.count += n
	if cost != nil {
		s.cost.Amount += cost.Amount
		s.cost.Currency = cost.Currency
		s.cost.CPUSeconds += cost.CPUSeconds
		s.cost.RowsRead += cost.RowsRead
		s.cost.BytesRead += cost.BytesRead
	}
}

// flushGathered records what was gathered when its minute is over at now; at the zero time, whatever there is.
func (l *Log) flushGathered(now time.Time) {
	g := &l.gather
	g.mu.Lock()
	if len(g.all) == 0 || !now.IsZero() && now.Sub(g.minute) < time.Minute {
		g.mu.Unlock()
		return
	}
	all := g.all
	g.all, g.nobody = nil, 0
	g.mu.Unlock()
	for e, s := range all {
		e.Count, e.At = s.count, s.first
		if s.cost != (audit.Cost{}) {
			e.Cost = &s.cost
		}
		l.Record(e)
	}
}
