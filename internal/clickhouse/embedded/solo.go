package embedded

import (
	"strings"
	"sync"
	"time"
)

// solos measures statements by what the process uses while no other one runs, and learns from that how much the engine leaves out of its own
// numbers: it never counts the thread of an INSERT, and of a short statement only the caller's thread is known. A statement that ran alone is
// charged what the process used meanwhile, less merges and housekeeping; another one what is known of it, times what those of its kind that
// ran alone used more than was known of them.
//
// What is reckoned and not measured never makes the sum more than the whole: statements that run without a moment between them in which none
// does are charged in sum what the process used since the first of them began, at most (leftLocked).
type solos struct {
	threads *threadCPUs

	mu         sync.Mutex
	active     map[*call]bool
	from, said time.Duration      // when the first of those that run began: the process's CPU for statements, and what of it statements had said
	factors    map[string]*factor // by kind: the first part of the comment
}

// factor is what statements of a kind really used, and what was known of them; the past fades.
type factor struct{ real, known float64 }

// What is assumed before anything was measured, and with which weight (seconds).
const (
	priorWeight            = 0.02
	factorKeeps            = 0.98
	minFactor, maxFactor   = 1.0, 20.0
	maxKinds               = 64
	insertPrior, fairPrior = 3.0, 1.2
)

func kindOf(comment string) string {
	kind, _, _ := strings.Cut(comment, "/")
	return kind
}

func (s *solos) begin(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil {
		s.active, s.factors = map[*call]bool{}, map[string]*factor{}
	}
	c.alone, c.from, c.said = len(s.active) == 0, s.threads.statements(), c.statements.all()
	if c.alone {
		s.from, s.said = c.from, c.said
	}
	for other := range s.active {
		other.alone = false
	}
	s.active[c] = true
}

// alone says whether no other statement has run beside c so far.
func (s *solos) alone(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.alone
}

// leftLocked is what the process has used for statements since the first of those that run began, and nobody has been charged.
func (s *solos) leftLocked(c *call) time.Duration {
	return max(0, s.threads.statements()-s.from-(c.statements.all()-s.said))
}

// end charges the statement: known is what its own measurements say, and let expect of what they could not see.
func (s *solos) end(c *call, known time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.active, c)
	c.charge(s.worth(c, known))
}

// worth is what the statement is charged.
func (s *solos) worth(c *call, known time.Duration) time.Duration {
	kind := kindOf(c.req.comment)
	f := s.factors[kind]
	if f == nil {
		if len(s.factors) >= maxKinds {
			clear(s.factors)
		}
		prior := fairPrior
		if kind == "insert" || kind == "rollup" {
			prior = insertPrior
		}
		f = &factor{real: priorWeight * prior, known: priorWeight}
		s.factors[kind] = f
	}
	if !c.alone {
		reckoned := time.Duration(float64(known) * min(maxFactor, max(minFactor, f.real/f.known)))
		return max(c.used, min(reckoned, c.hasCharged()+s.leftLocked(c)))
	}
	real := max(0, s.threads.statements()-c.from)
	if c.exact { // what is known of it comes from there, and teaches nothing
		return real
	}
	f.real, f.known = f.real*factorKeeps+real.Seconds(), f.known*factorKeeps+known.Seconds()
	return real
}
