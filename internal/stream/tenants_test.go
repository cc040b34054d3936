package stream

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/token"
)

func commit(t *testing.T, r rig) {
	t.Helper()
	if err := r.p.commitMain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func withProps(r event.Row, props []event.Prop, nums ...event.Num) event.Row {
	r.Props, r.Nums = props, nums
	return r
}

func text(k, v string) event.Prop       { return event.Prop{Key: []byte(k), Value: []byte(v)} }
func num(k string, v float64) event.Num { return event.Num{Key: []byte(k), Value: v} }

// TestPropertiesAtCommit checks that a property is known as soon as its first event is committed, and what is known survives a restart.
func TestPropertiesAtCommit(t *testing.T) {
	fs, l, e := vfs.NewMem(), newMemLog(1), &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	before := r.p.PropertiesVersion("t1")
	appendRows(t, l, 0, withProps(row("t1", "a", 0), []event.Prop{text("plan", "pro"), text("path", "/x")}, num("size", 3)),
		withProps(row("t2", "a", 0), []event.Prop{text("size", "large")}))
	commit(t, r)
	check := func(r rig) {
		t.Helper()
		if got := r.p.Properties("t1"); len(got) != 2 || got[0] != (event.Property{Name: "plan", Kind: event.PropString}) || got[1] != (event.Property{Name: "size", Kind: event.PropInt}) {
			t.Errorf("properties of t1: %v", got)
		}
		if got := r.p.Properties("t2"); len(got) != 1 || got[0].Kind != event.PropString {
			t.Errorf("properties of t2: %v", got)
		}
		if rows, bytes := r.p.Stored("t1"); rows != 1 || bytes < 100 {
			t.Errorf("t1 has %d rows, %d bytes", rows, bytes)
		}
	}
	check(r)
	if after := r.p.PropertiesVersion("t1"); after == before {
		t.Error("the version of the properties has not changed")
	}
	r.close(t)
	r = newRig(t, fs, l, e)
	defer r.close(t)
	check(r)
}

// TestSnapshot checks that a snapshot holds what is visible to the tenant, and that late rows hold back their own tenant only.
func TestSnapshot(t *testing.T) {
	l := newMemLog(3)
	r := newRig(t, vfs.NewMem(), l, &session{fakeEngine: newFakeEngine()})
	defer r.close(t)
	all := catalog.Range{First: 2, Count: 2} // partitions 2 and 0
	if got := r.p.Snapshot("t1", all); len(got) != 0 {
		t.Errorf("of an empty log: %v", got)
	}
	appendRows(t, l, 0, row("t1", "a", 0), row("t2", "a", 0))
	appendRows(t, l, 0, row("t1", "b", 0), row("t2", "late", 30*24*time.Hour))
	appendRows(t, l, 0, row("t1", "c", 0))
	appendRows(t, l, 1, row("t1", "d", 0))
	acked := r.p.Acknowledged(all)
	if len(acked) != 1 || acked[0] != (token.Pair{Partition: 0, Offset: 2}) {
		t.Errorf("acknowledged: %v", acked)
	}
	if d := r.p.Distance("t1", acked); d.Records != 3 {
		t.Errorf("before the commit: %+v", d)
	}
	commit(t, r)
	if got := r.p.Snapshot("t1", all); len(got) != 1 || got[0] != (token.Pair{Partition: 0, Offset: 2}) {
		t.Errorf("t1: %v", got)
	}
	if got := r.p.Snapshot("t2", all); len(got) != 1 || got[0] != (token.Pair{Partition: 0, Offset: 0}) {
		t.Errorf("t2, of which a row waits in the late stream: %v", got)
	}
	if !r.p.VisibleTo("t1", acked) || r.p.VisibleTo("t2", acked) || r.p.Visible(0, 2) {
		t.Error("a late row holds back its own tenant, and whoever asks for all")
	}
	if d := r.p.Distance("t2", acked); d.Records != 0 || d.LateRows != 1 {
		t.Errorf("t2: %+v", d)
	}
	if err := r.p.commitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.p.Snapshot("t2", all); len(got) != 1 || got[0].Offset != 2 || r.p.Distance("t2", acked) != (Distance{}) {
		t.Errorf("t2 in the end: %v, %+v", got, r.p.Distance("t2", acked))
	}
	for _, c := range []struct {
		t    token.Token
		of   catalog.Range
		want bool
	}{
		{acked, all, true},
		{token.Token{}, all, true},
		{token.Token{{Partition: 0, Offset: 3}}, all, false}, // never given away
		{token.Token{{Partition: 0, Offset: 2}, {Partition: 1, Offset: 0}}, all, false},                  // 1 is others'
		{token.Token{{Partition: 1, Offset: 0}}, catalog.Range{First: 2, Count: 2, Epoch: 1}, true},      // was its own, perhaps
		{token.Token{{Partition: 1, Offset: 0}}, catalog.Range{}, true},                                  // an operator
		{token.Token{{Partition: 3, Offset: 0}}, catalog.Range{}, false},                                 // there is none
		{token.Token{{Partition: 0, Offset: 2}, {Partition: 2, Offset: 0}}, all, false},                  // 2 is empty
		{token.Token{{Partition: 65535, Offset: 0}}, catalog.Range{First: 2, Count: 2, Epoch: 1}, false}, // there is none
	} {
		if got := r.p.Given(c.of, c.t); got != c.want {
			t.Errorf("%v of %+v: given %v, want %v", c.t, c.of, got, c.want)
		}
	}
	if got := r.p.Snapshot("t1", catalog.Range{First: 2, Count: 2, Epoch: 1}); len(got) != 2 {
		t.Errorf("a range that was moved: %v", got)
	}
}
