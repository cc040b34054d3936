package embedded

import "sync"

// maxAdmitted bounds the texts that are remembered, in bytes of texts and prints.
const maxAdmitted = 16 << 20

// admitted remembers what the engine's formatter made of texts that passed the barrier: dashboards send the same text again and again, and
// asking the engine for its print costs more than half a millisecond. The key is the whole text, and what is found is what the check of that text returned:
// it depends on nothing else, for the lists of functions are fixed when the engine starts. Refusals are not remembered. Nor does a tenant find what another's
// text left there: how long an answer takes would tell that somebody asks the same.
//
// Of texts that differ in their literals only the print differs in them only, and the check does not look at literals: see pattern.
type admitted struct {
	texts    generations[string]
	patterns generations[*pattern] // by the key of a skeleton
}

// separator is in no tenant's name.
const separator = "\x00"

// find returns the print of a text that has passed, or whose like has.
func (a *admitted) find(tenant, text string) (print string, ok bool) {
	if print, ok = a.texts.find(tenant + separator + text); ok {
		return print, true
	}
	s, plain := skeletonOf(text)
	if !plain {
		return "", false
	}
	if t, _ := a.patterns.find(tenant + separator + s.key); t != nil && t.parts != nil {
		return t.print(s.literals), true
	}
	return "", false
}

// keep remembers a text that passed and its print. When a second one of a skeleton comes, a pattern is made of it: format asks the engine for a print.
func (a *admitted) keep(tenant, text, print string, format func(sql string) (string, error)) {
	s, plain := skeletonOf(text)
	if !plain {
		a.texts.keep(tenant+separator+text, print, len(text)+len(print))
		return
	}
	t, seen := a.patterns.find(tenant + separator + s.key)
	switch {
	case seen && t.tried: // and failed
		a.texts.keep(tenant+separator+text, print, len(text)+len(print))
	case seen:
		t = s.pattern(print, format)
		if t == nil {
			t = &pattern{tried: true}
		}
		a.patterns.keep(tenant+separator+s.key, t, 2*len(s.key)+len(print))
	default:
		a.texts.keep(tenant+separator+text, print, len(text)+len(print))
		a.patterns.keep(tenant+separator+s.key, &pattern{}, len(s.key))
	}
}

// pattern makes the pattern of a skeleton, whose text of s.literals has this print; nil: there is none.
func (s skeleton) pattern(print string, format func(sql string) (string, error)) *pattern {
	sql, stubs, ok := s.stubs()
	if !ok {
		return nil
	}
	stubbed, err := format(sql)
	if err != nil { // the parser looks into some literals
		return nil
	}
	t := newPattern(stubbed, stubs)
	if t == nil || t.print(s.literals) != print {
		return nil
	}
	return t
}

// generations is a bounded memory by text.
type generations[V any] struct {
	mu       sync.Mutex
	now, old map[string]kept[V] // two generations: what is not used while one fills is forgotten
	bytes    int                // of now
}

type kept[V any] struct {
	value V
	size  int
}

func (g *generations[V]) find(text string) (V, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k, ok := g.now[text]; ok {
		return k.value, true
	}
	k, ok := g.old[text]
	if ok {
		g.keepLocked(text, k)
	}
	return k.value, ok
}

// keep remembers a value; size is that of all that it holds, in bytes.
func (g *generations[V]) keep(text string, value V, size int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keepLocked(text, kept[V]{value, size})
}

func (g *generations[V]) keepLocked(text string, k kept[V]) {
	if k.size > maxAdmitted/8 {
		return
	}
	if g.now == nil || g.bytes+k.size > maxAdmitted/2 {
		g.old, g.now, g.bytes = g.now, map[string]kept[V]{}, 0
	}
	g.bytes += k.size - g.now[text].size
	g.now[text] = k
}
