package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
	"weir/internal/stream/profile"
	"weir/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// randomProps are properties of every kind, mixed differently by tenant.
func randomProps(rng *rand.Rand) ([]event.Prop, []event.Num) {
	var props []event.Prop
	var nums []event.Num
	for i := range 8 {
		name := "p" + strconv.Itoa(i)
		switch rng.IntN(9) {
		case 0:
			props = append(props, text(name, "true"))
		case 1:
			props = append(props, text(name, "null"))
		case 2:
			if i < 3 {
				props = append(props, text(name, "some text that is longer"))
			}
		case 3:
			nums = append(nums, num(name, float64(rng.IntN(100))))
		case 4:
			if i < 5 {
				nums = append(nums, num(name, rng.Float64()))
			}
		case 5:
			if i == 7 { // as a door keeps whole numbers that a float64 cannot hold
				props = append(props, text(name, "-90071992547409939"))
				nums = append(nums, num(name, -90071992547409939))
			}
		}
	}
	return props, nums
}

// rebuilding is a processor on the engine's events table, whose profiles can be lost.
type rebuilding struct {
	t     *testing.T
	fs    *vfs.MemFS
	log   *memLog
	rng   *rand.Rand
	table *EventsTable
	rig
}

func newRebuilding(t *testing.T) *rebuilding {
	client := testkit.Engine(t)
	testkit.Exec(t, client, "TRUNCATE TABLE weir.events")
	x := &rebuilding{t: t, fs: vfs.NewMem(), log: newMemLog(2), rng: rand.New(rand.NewPCG(7, 7)), table: NewEventsTable(client)}
	x.open()
	t.Cleanup(func() { x.close(t) })
	return x
}

func (x *rebuilding) open() {
	x.rig = newRig(x.t, x.fs, x.log, &session{fakeEngine: newFakeEngine()})
	x.p.cfg.Table, x.p.cfg.LateTable, x.p.cfg.History = x.table, x.table, EngineHistory{testkit.Engine(x.t)}
}

func (x *rebuilding) restart() {
	x.close(x.t)
	x.open()
}

// lose makes the data directory what it was before there were profiles.
func (x *rebuilding) lose() {
	x.t.Helper()
	if err := x.db.DeleteRange([]byte{profile.Prefix}, []byte{profile.Prefix + 1}, nil); err != nil {
		x.t.Fatal(err)
	}
	x.restart()
}

// send commits n events.
func (x *rebuilding) send(n int) {
	x.t.Helper()
	for i := range n {
		e := row("t"+strconv.Itoa(x.rng.IntN(3)), fmt.Sprint("id", x.rng.Uint64()), time.Duration(x.rng.IntN(5*24))*time.Hour)
		e.Flags, e.Site = 0, "site"+strconv.Itoa(x.rng.IntN(3))
		e.URL, e.Referrer = []byte("https://www.example.com/some/path?q=ü"), []byte(fmt.Sprint("r", i))
		props, nums := randomProps(x.rng)
		appendRows(x.t, x.log, uint16(x.rng.IntN(2)), withProps(e, props, nums...))
	}
	commit(x.t, x.rig)
	if err := x.p.commitLate(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

type knownOf struct {
	Schema profile.Schema
	Stats  profile.Statistics
}

func (x *rebuilding) known() map[string]knownOf {
	out := map[string]knownOf{}
	for _, id := range []string{"t0", "t1", "t2"} {
		k := knownOf{x.p.Schema(id), x.p.Statistics(id)}
		k.Schema.Version = 0
		for _, q := range k.Schema.Properties {
			slices.Sort(q.Sources)
		}
		out[id] = k
	}
	return out
}

// TestRebuild takes a data directory without profiles, and checks that what is learned from the engine is what was observed.
func TestRebuild(t *testing.T) {
	x := newRebuilding(t)
	x.send(300)
	x.send(200)
	observed := x.known()
	x.lose()
	if rows, _ := x.p.Stored("t1"); rows != 0 || x.p.ProfilesComplete() {
		t.Fatalf("%d rows are known, complete %v", rows, x.p.ProfilesComplete())
	}
	before, _ := x.p.DataVersion("t1")
	if err := x.p.rebuildProfiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(observed, x.known()); diff != "" {
		t.Errorf("observed and learned (-want +got):\n%s", diff)
	}
	if after, settled := x.p.DataVersion("t1"); after <= before || !settled || !x.p.ProfilesComplete() {
		t.Errorf("version %d after %d, settled %v", after, before, settled)
	}
	x.restart()
	if diff := cmp.Diff(observed, x.known()); diff != "" || !x.p.ProfilesComplete() {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// TestRebuildWhileEventsCome checks that each row counts once when events are committed before the rebuild has ended, across a restart too.
func TestRebuildWhileEventsCome(t *testing.T) {
	x := newRebuilding(t)
	x.send(300)
	x.lose()
	x.send(100)
	x.restart() // the rebuild has not ended
	x.send(100)
	if err := x.p.rebuildProfiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	var total uint64
	for _, k := range x.known() {
		total += k.Stats.Rows
	}
	if total != 500 {
		t.Errorf("%d rows are known, 500 are stored", total)
	}
}
