package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/event"
)

// TestForgetWaits: an event that was acknowledged before is stored first, a late one too, so that it does not bring its kind back; one that comes after does with its own.
func TestForgetWaits(t *testing.T) {
	l := newMemLog(2)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	stray := []event.Prop{text("value", "stray")}
	appendRows(t, l, 0, withProps(row("t1", "a", 0), nil, num("value", 7)), withProps(row("t2", "a", 0), stray))
	commit(t, r)
	appendRows(t, l, 0, withProps(row("t1", "b", 0), stray))
	appendRows(t, l, 1, withProps(row("t1", "c", 30*24*time.Hour), stray), withProps(row("t2", "c", 0), stray))
	before, _ := r.p.DataVersion("t1")
	forget := func(wait time.Duration) error {
		soon, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		gone, err := r.p.ForgetProperties(soon, "t1", []string{"value"}, false)
		if err == nil && fmt.Sprint(gone) != "[{value string}]" {
			t.Errorf("forgotten: %v", gone)
		}
		return err
	}
	if err := forget(50 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("while events wait: %v", err)
	}
	if now, settled := r.p.DataVersion("t1"); now != before || !settled || len(r.p.Properties("t1")) != 1 {
		t.Error("something has changed")
	}
	commit(t, r)
	if err := forget(50 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("while a late event waits: %v", err)
	}
	if err := r.p.commitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, _ = r.p.DataVersion("t1")
	other, _ := r.p.DataVersion("t2")
	if err := forget(time.Minute); err != nil {
		t.Fatal(err)
	}
	if now, settled := r.p.DataVersion("t1"); now <= before || !settled {
		t.Errorf("the data version was %d and is %d, settled %v: answers from before are given again", before, now, settled)
	}
	if now, _ := r.p.DataVersion("t2"); now != other {
		t.Error("another tenant's answers are thrown away")
	}
	if got := fmt.Sprint(r.p.Properties("t1"), r.p.Properties("t2")); got != "[] [{value string}]" {
		t.Errorf("properties %s", got)
	}
	appendRows(t, l, 0, withProps(row("t1", "d", 0), nil, num("value", 8)))
	commit(t, r)
	if got := fmt.Sprint(r.p.Properties("t1")); got != "[{value int}]" {
		t.Errorf("properties %s", got)
	}
	appendRows(t, l, 0, withProps(row("t1", "b", 0), stray)) // the event of before again
	commit(t, r)
	if got := fmt.Sprint(r.p.Properties("t1")); got != "[{value int}]" {
		t.Errorf("after a repeat: %s", got)
	}
}

// TestForgetAcrossCrashes lets lives end at random steps, with texts and numbers under one name: once it was forgotten, what was sent before never makes it a text again, and what comes
// after is known.
func TestForgetAcrossCrashes(t *testing.T) {
	runs := 12
	if testing.Short() {
		runs = 4
	}
	for run := range runs {
		t.Run(strconv.Itoa(run), func(t *testing.T) {
			t.Parallel()
			forgetting(t, rand.New(rand.NewPCG(uint64(run), 5)))
		})
	}
}

func forgetting(t *testing.T, rng *rand.Rand) {
	fs, l, engine := vfs.NewCrashableMem(), newMemLog(3), newFakeEngine()
	sent := 0
	send := func(props []event.Prop, nums ...event.Num) {
		for range 1 + rng.IntN(4) {
			sent++
			age := time.Duration(rng.IntN(3)*10*24) * time.Hour
			appendRows(t, l, uint16(rng.IntN(3)), withProps(row("t1", strconv.Itoa(sent), age), props, nums...))
		}
	}
	begin := func(steps int) *life {
		return start(t, fs, &session{fakeEngine: engine, rng: rand.New(rand.NewPCG(rng.Uint64(), 2))}, l, steps, rand.New(rand.NewPCG(rng.Uint64(), 3)))
	}
	crashed := func(x *life) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.crashed != nil
	}
	for range 3 {
		send([]event.Prop{text("value", "stray")})
		wait := 300 * time.Millisecond
		for done := false; !done; wait += wait / 4 { // a busy machine has more time each try
			x := begin(1 + rng.IntN(25))
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			_, err := x.p.ForgetProperties(ctx, "t1", []string{"value"}, false)
			cancel()
			done = err == nil && !crashed(x) // else it is asked for again
			if done {
				send(nil, num("value", 7))
			}
			fs = x.stop()
		}
		x := begin(-1)
		settled(t, x)
		if got := fmt.Sprint(x.p.Properties("t1")); got != "[{value int}]" {
			t.Errorf("%s", got)
		}
		fs = x.stop()
	}
}
