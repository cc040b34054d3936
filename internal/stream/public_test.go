package stream

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/event"
)

// TestPublicIDs: who sends without a key cannot take an id from who has one, nor the other way round; copies are found among each.
func TestPublicIDs(t *testing.T) {
	l, e := newMemLog(1), newFakeEngine()
	public := func(id, typ string) event.Row {
		r := row("t1", id, 0)
		r.Type, r.Flags = []byte(typ), r.Flags|event.FlagPublic
		return r
	}
	x := start(t, vfs.NewMem(), &session{fakeEngine: e}, l, -1, rand.New(rand.NewPCG(1, 1)))
	defer x.stop()
	for _, rows := range [][]event.Row{{public("order-1", "junk")}, {row("t1", "order-1", 0), row("t1", "order-2", 0)}, {public("order-1", "junk"), public("order-2", "junk")}, {row("t1", "order-1", 0), row("t1", "order-3", 0)}} {
		appendRows(t, l, 0, rows...)
		settled(t, x)
	}
	var got []string
	for _, r := range e.rows {
		got = append(got, r.id)
	}
	slices.Sort(got)
	if want := []string{"order-1", "order-1", "order-2", "order-2", "order-3"}; !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
}
