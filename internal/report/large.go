package report

import "sync"

// maxLarge bounds the questions whose way of counting is remembered.
const maxLarge = 4096

// large remembers how the visitors of a question were last counted. It is a hint: a wrong one costs a statement.
type large struct {
	mu   sync.Mutex
	mode map[[32]byte]precision // those that are not exactly
}

func (l *large) of(key [32]byte) precision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode[key]
}

func (l *large) set(key [32]byte, mode precision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mode == exactly {
		delete(l.mode, key)
		return
	}
	if l.mode == nil || len(l.mode) >= maxLarge {
		l.mode = map[[32]byte]precision{}
	}
	l.mode[key] = mode
}
