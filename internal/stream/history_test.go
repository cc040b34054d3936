package stream

import (
	"fmt"
	"math/rand/v2"
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

// TestRebuild takes a data directory without profiles, whose events lie in the engine, and checks that what is learned from the engine is what
// would have been observed, while further events come in.
func TestRebuild(t *testing.T) {
	client := testkit.Engine(t)
	testkit.Exec(t, client, "TRUNCATE TABLE weir.events")
	fs, l := vfs.NewMem(), newMemLog(2)
	e := &session{fakeEngine: newFakeEngine()}
	r := newRig(t, fs, l, e)
	table := NewEventsTable(client)
	r.p.cfg.Table, r.p.cfg.LateTable = table, table
	rng := rand.New(rand.NewPCG(7, 7))
	send := func(n int) {
		for i := range n {
			x := row("t"+strconv.Itoa(rng.IntN(3)), fmt.Sprint("id", rng.Uint64()), time.Duration(rng.IntN(5*24))*time.Hour)
			x.Flags = 0
			x.Site = "site" + strconv.Itoa(rng.IntN(3))
			x.URL, x.Referrer = []byte("https://www.example.com/some/path?q=ü"), []byte(fmt.Sprint("r", i))
			props, nums := randomProps(rng)
			appendRows(t, l, uint16(rng.IntN(2)), withProps(x, props, nums...))
		}
		commit(t, r)
		if err := r.p.commitLate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	send(300)
	send(200)
	type known struct {
		Schema profile.Schema
		Stats  profile.Statistics
	}
	all := func() map[string]known {
		out := map[string]known{}
		for _, id := range []string{"t0", "t1", "t2"} {
			k := known{r.p.Schema(id), r.p.Statistics(id)}
			k.Schema.Version = 0
			for i := range k.Schema.Properties {
				k.Schema.Properties[i].Sources = sorted(k.Schema.Properties[i].Sources)
			}
			out[id] = k
		}
		return out
	}
	// As it is in a directory of an older version.
	if err := r.db.DeleteRange([]byte{profile.Prefix}, []byte{profile.Prefix + 1}, nil); err != nil {
		t.Fatal(err)
	}
	observed := all()
	r.close(t)
	r = newRig(t, fs, l, e)
	r.p.cfg.Table, r.p.cfg.LateTable, r.p.cfg.History = table, table, EngineHistory{client}
	if rows, _ := r.p.Stored("t1"); rows != 0 || r.p.profiles.Complete() {
		t.Fatalf("%d rows are known, complete %v", rows, r.p.profiles.Complete())
	}
	before, _ := r.p.DataVersion("t1")
	if err := r.p.rebuildProfiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(observed, all()); diff != "" {
		t.Errorf("observed and learned (-want +got):\n%s", diff)
	}
	if after, settled := r.p.DataVersion("t1"); after <= before || !settled || !r.p.profiles.Complete() {
		t.Errorf("version %d after %d, settled %v", after, before, settled)
	}
	r.close(t)

	// Again, ended before it was finished, and with inserts meanwhile.
	r = newRig(t, fs, l, e)
	if err := r.db.DeleteRange([]byte{profile.Prefix}, []byte{profile.Prefix + 1}, nil); err != nil {
		t.Fatal(err)
	}
	r.close(t)
	r = newRig(t, fs, l, e)
	r.p.cfg.Table, r.p.cfg.LateTable = table, table
	send(100)
	r.close(t)
	r = newRig(t, fs, l, e)
	defer func() { r.close(t) }()
	r.p.cfg.Table, r.p.cfg.LateTable, r.p.cfg.History = table, table, EngineHistory{client}
	send(100)
	if err := r.p.rebuildProfiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	var total uint64
	for _, id := range []string{"t0", "t1", "t2"} {
		rows, _ := r.p.Stored(id)
		total += rows
	}
	if total != 700 {
		t.Errorf("%d rows are known, 700 are stored", total)
	}
}

func sorted(list []string) []string {
	out := append([]string{}, list...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}
