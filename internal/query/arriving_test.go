package query

import (
	"context"
	"sync"
	"testing"
	"time"

	"weir/internal/cache"
	"weir/internal/event"
	"weir/internal/tenant"
	"weir/internal/token"
)

// arriving is a tenant whose first event with a property becomes visible while it is waited for.
type arriving struct {
	mu   sync.Mutex
	here bool
}

func (a *arriving) AsOf(tenant.ID) time.Time { return time.Now() }

func (a *arriving) VisibleTo(tenant.ID, token.Token) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.here
}

func (a *arriving) WaitVisibleTo(context.Context, tenant.ID, token.Token) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.here = true
	return nil
}

func (a *arriving) Properties(tenant.ID) []event.Property {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.here {
		return nil
	}
	return []event.Property{{Name: "new_field", Kind: event.PropInt}}
}

// TestPropertyOfTheToken asks for a property with the token of its first event.
func TestPropertyOfTheToken(t *testing.T) {
	a, e := &arriving{}, &fakeEngine{body: engineJSON}
	h := newService(t, Config{}, Deps{Engine: e, Data: &data{}, Visibility: a, Properties: a})
	tok := token.Token{{Partition: 0, Offset: 3}}.String()
	if w := post(h, analyst, `{"sql":"SELECT other_field FROM events","min_token":"`+tok+`"}`); w.Code != 400 || problemIn(t, w).Code != CodeUnknownColumn {
		t.Errorf("a name that does not come: %d %s", w.Code, w.Body)
	}
	a.here = false
	if w := post(h, analyst, `{"sql":"SELECT new_field FROM events","min_token":"`+tok+`"}`); w.Code != 200 || len(e.got) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// widening is a tenant whose data change, whole, right after its properties were read.
type widening struct{ *data }

func (w widening) Properties(tenant.ID) []event.Property {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	return nil
}

// TestAnswersOfOldPropertiesAreNotKept checks that an answer is not kept under a version that is newer than the properties with which it was made.
func TestAnswersOfOldPropertiesAreNotKept(t *testing.T) {
	v, e := &data{version: 1}, &fakeEngine{body: engineJSON}
	h := newService(t, Config{}, Deps{Engine: e, Data: v, Properties: widening{v}, Cache: newCache(t, cache.Config{})})
	run(h, "SELECT 1")
	run(h, "SELECT 1")
	if len(e.got) != 2 {
		t.Error("an answer with the properties of an earlier version was given again")
	}
}
