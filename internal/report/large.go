package report

import (
	"hash/maphash"
	"sync"
)

// hint is how the visitors of a question are counted.
type hint int

const (
	countRough hint = iota // by the sample, and then what is small exactly; what nothing is known of is counted so
	countExact             // exactly at once: no number was large
	countAll               // the same, for what is small cannot be told apart in a cheaper way
)

// Bounds of what is remembered: so many questions, and of each so many groups of either size.
const (
	maxLarge = 16384
	maxNames = 64
)

// large remembers how the visitors of a question are counted best. It is a hint: a wrong one costs a statement.
type large struct {
	mu    sync.Mutex
	hints map[[32]byte]remembered
}

// remembered is what is known of a question.
type remembered struct {
	how          hint
	small, large map[uint64]bool // of countRough: groups that were so, by nameOf
	names        []string        // of the small ones, where weir itself names the groups
	sum          uint64          // of countExact: the visitors of all rows
}

var nameSeed = maphash.MakeSeed()

// nameOf stands for the name of a group.
func nameOf(group string) uint64 { return maphash.String(nameSeed, group) }

func hashesOf(groups []string) map[uint64]bool {
	if len(groups) == 0 {
		return nil
	}
	names := make(map[uint64]bool, len(groups))
	for _, g := range groups {
		names[nameOf(g)] = true
	}
	return names
}

func (l *large) of(key [32]byte) remembered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hints[key]
}

// set remembers how, and of countRough which groups were small and which large: too many are not remembered.
func (l *large) set(key [32]byte, how hint, s groupSizes) {
	k := remembered{how: how}
	if len(s.small) <= maxNames && len(s.large) <= maxNames {
		k.small, k.large, k.names = hashesOf(s.small), hashesOf(s.large), s.names()
	}
	l.put(key, k)
}

// sized remembers how, and of countExact how many visitors the rows had together.
func (l *large) sized(key [32]byte, how hint, sum uint64) { l.put(key, remembered{how: how, sum: sum}) }

func (l *large) put(key [32]byte, k remembered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.how == countRough && k.small == nil {
		delete(l.hints, key)
		return
	}
	if l.hints == nil {
		l.hints = map[[32]byte]remembered{}
	}
	if _, have := l.hints[key]; !have && len(l.hints) >= maxLarge {
		for some := range l.hints {
			delete(l.hints, some)
			break
		}
	}
	l.hints[key] = k
}
