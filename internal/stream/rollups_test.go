package stream

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Steps yield to others until their round takes too long.
func TestRollupsYield(t *testing.T) {
	l, e := newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, vfs.NewMem(), l, e)
	defer r.close(t)
	for i, late := range []time.Duration{time.Hour, -time.Second} {
		appendRows(t, l, 0, row("t1", string(rune('a'+i)), 0))
		commit(t, r)
		e.urgent = nil
		if err := r.p.advanceRollups(t.Context(), time.Now().Add(late)); err != nil {
			t.Fatal(err)
		}
		if len(e.urgent) == 0 || slices.Contains(e.urgent, late > 0) {
			t.Errorf("late in %v: %v", late, e.urgent)
		}
	}
}
