package usage

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"weir/internal/tenant"
)

// keptTexts is how many shapes' texts are remembered, of all tenants together.
const keptTexts = 4096

// Texts remembers what the shapes of questions stand for that were asked of late, by tenant: a bill names work by shape, and people read it. It is safe for
// concurrent use.
type Texts struct {
	mu   sync.Mutex
	kept *simplelru.LRU[textKey, string]
}

type textKey struct {
	tenant tenant.ID
	shape  string
}

// NewTexts makes an empty memory.
func NewTexts() *Texts {
	kept, _ := simplelru.NewLRU[textKey, string](keptTexts, nil) // fails only for a size below 1
	return &Texts{kept: kept}
}

// Note remembers the text of a shape. Without a shape it does nothing.
func (t *Texts) Note(id tenant.ID, shape, text string) {
	if shape == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.kept.Get(textKey{id, shape}); !known {
		t.kept.Add(textKey{id, shape}, text)
	}
}

// Of returns the text of a shape; empty when it is not remembered.
func (t *Texts) Of(id tenant.ID, shape string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, _ := t.kept.Get(textKey{id, shape})
	return text
}

// Forget forgets the texts of a tenant.
func (t *Texts) Forget(id tenant.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.kept.Keys() {
		if k.tenant == id {
			t.kept.Remove(k)
		}
	}
}
