package embedded

import "sync"

// maxAdmitted bounds the texts that are remembered, in bytes of texts and prints.
const maxAdmitted = 16 << 20

// admitted remembers what the engine's formatter made of texts that passed the barrier: dashboards send the same text again and again, and
// asking the engine for its print costs more than half a millisecond. The key is the whole text, and what is found is what the check of that text returned:
// it depends on nothing else, for the lists of functions are fixed when the engine starts. Refusals are not remembered.
type admitted struct {
	mu       sync.Mutex
	now, old map[string]string // two generations: what is not used while one fills is forgotten
	bytes    int               // of now
}

func (a *admitted) find(text string) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if out, ok := a.now[text]; ok {
		return out, true
	}
	out, ok := a.old[text]
	if ok {
		a.keepLocked(text, out)
	}
	return out, ok
}

func (a *admitted) keep(text, out string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keepLocked(text, out)
}

func (a *admitted) keepLocked(text, out string) {
	size := len(text) + len(out)
	if size > maxAdmitted/8 {
		return
	}
	if a.now == nil || a.bytes+size > maxAdmitted/2 {
		a.old, a.now, a.bytes = a.now, map[string]string{}, 0
	}
	if _, ok := a.now[text]; !ok {
		a.bytes += size
	}
	a.now[text] = out
}
