package metering

import (
	"context"
	"testing"
	"time"
)

// starting is an engine of generation 0: it answers while it is being started.
type starting struct{ Engine }

func (starting) Generation() uint64 { return 0 }
func (starting) UsageSince(context.Context, uint64) (EngineUsage, error) {
	return EngineUsage{CPU: time.Second, Statements: map[string]time.Duration{"a": time.Second}}, nil
}

// TestFirstLook: the first look may meet an engine that is just being started.
func TestFirstLook(t *testing.T) {
	var m engineMeter
	if w, ok, err := m.look(t.Context(), starting{}); err != nil || !ok || !w.first {
		t.Errorf("%+v, %v, %v", w, ok, err)
	}
}
