package query

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"weir/internal/tenant"
)

// keptTexts is how many shapes' texts are remembered, of all tenants together.
const keptTexts = 4096

// texts remembers the texts of the shapes that were asked of late, by tenant: what tells people which query a hash in their bill stands for. It is
// safe for concurrent use.
type texts struct {
	mu   sync.Mutex
	kept *simplelru.LRU[textKey, string]
}

type textKey struct {
	tenant tenant.ID
	shape  string
}

func newTexts() *texts {
	kept, _ := simplelru.NewLRU[textKey, string](keptTexts, nil) // fails only for a size below 1
	return &texts{kept: kept}
}

func (t *texts) note(id tenant.ID, shape, text string) {
	if shape == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.kept.Get(textKey{id, shape}); !known {
		t.kept.Add(textKey{id, shape}, text)
	}
}

// ShapeText returns the text of a shape that the tenant asked since the start, without literals and cut at 2 048 bytes; empty when it is not remembered.
func (s *Service) ShapeText(id tenant.ID, shape string) string {
	s.texts.mu.Lock()
	defer s.texts.mu.Unlock()
	text, _ := s.texts.kept.Get(textKey{id, shape})
	return text
}

// ForgetTenant forgets the texts of a tenant.
func (s *Service) ForgetTenant(id tenant.ID) {
	s.texts.mu.Lock()
	defer s.texts.mu.Unlock()
	for _, k := range s.texts.kept.Keys() {
		if k.tenant == id {
			s.texts.kept.Remove(k)
		}
	}
}
