package report

import "sync"

// hint is how the visitors of a question are counted.
type hint int

const (
	countRough hint = iota // by the sample, and then what is small exactly; what nothing is known of is counted so
	countExact             // exactly at once: no number was large
	countAll               // the same, for what is small cannot be told apart in a cheaper way
)

// maxLarge bounds the questions of which it is remembered.
const maxLarge = 16384

// large remembers how the visitors of a question are counted best. It is a hint: a wrong one costs a statement.
type large struct {
	mu    sync.Mutex
	hints map[[32]byte]hint // those that are not countRough
}

func (l *large) of(key [32]byte) hint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hints[key]
}

func (l *large) set(key [32]byte, how hint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if how == countRough {
		delete(l.hints, key)
		return
	}
	if l.hints == nil {
		l.hints = map[[32]byte]hint{}
	}
	if _, known := l.hints[key]; !known && len(l.hints) >= maxLarge {
		for some := range l.hints {
			delete(l.hints, some)
			break
		}
	}
	l.hints[key] = how
}
