package profile

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"weir/internal/event"
)

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

type fataler interface{ Fatal(...any) }

func open(t fataler, fs vfs.FS) (*Set, *pebble.DB) {
	cache := pebble.NewCache(64 << 10) // of blocks that were read: not what TestMemory asks for
	defer cache.Unref()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, Logger: quiet{}, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{DB: db, Known: func(id string) bool { return id != "gone" }, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return s, db
}

func commit(t fataler, s *Set, db *pebble.DB, o *Observer, rows []event.Row) {
	b := event.NewBatch()
	for i := range rows {
		b.Append(&rows[i])
	}
	o.Observe(b)
	batch := db.NewBatch()
	if err := s.Commit(o, batch, func() error { return batch.Commit(pebble.Sync) }); err != nil {
		t.Fatal(err)
	}
}

var values = []string{"true", "false", "null", "x", "", "-12345678901234567890", "[1,2]"}

// drawRow is an event with a few properties; maxed says that one tenant has more names than it may.
func drawRow(t *rapid.T) event.Row {
	r := event.Row{Tenant: rapid.SampledFrom([]string{"a", "b", "gone"}).Draw(t, "tenant"), Site: rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "site"),
		ReceivedAt: 1_790_000_000_000 + rapid.Int64Range(0, 3*dayMillis).Draw(t, "received"), URL: []byte(rapid.StringN(0, 20, 200).Draw(t, "url"))}
	if rapid.IntRange(0, 2).Draw(t, "keyless") > 0 {
		r.Flags = event.FlagPublic
	}
	r.TS = r.ReceivedAt - rapid.Int64Range(0, 4).Draw(t, "age")*dayMillis
	for i := range rapid.IntRange(0, 4).Draw(t, "props") {
		name := fmt.Sprint("p", i, rapid.IntRange(0, 1).Draw(t, "name"))
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			r.Props = append(r.Props, event.Prop{Key: []byte(name), Value: []byte(rapid.SampledFrom(values).Draw(t, "value"))})
		case 1:
			v := rapid.SampledFrom([]float64{0, -3, 0.5, 1 << 53, 1<<53 + 2, -1 << 53, 1e300}).Draw(t, "num")
			r.Nums = append(r.Nums, event.Num{Key: []byte(name), Value: v})
		default: // a whole number that a float64 cannot hold
			r.Nums = append(r.Nums, event.Num{Key: []byte(name), Value: 12345678901234567890})
			r.Props = append(r.Props, event.Prop{Key: []byte(name), Value: []byte("12345678901234567891")})
		}
	}
	return r
}

// known is everything that is known of a tenant, without what may differ.
type known struct {
	Schema Schema
	Stats  Statistics
}

func ask(s *Set, tenant string) known {
	k := known{s.Schema(tenant), s.Statistics(tenant)}
	k.Schema.Version = 0
	for _, p := range k.Schema.Properties {
		sort.Strings(p.Sources)
	}
	return k
}

// TestAnyBatching checks that the same rows give the same profiles however they are cut into inserts, shared out to writers, and whenever the
// process is started anew, and that these are what the rows say one by one.
func TestAnyBatching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(drawRow), 1, 40).Draw(t, "rows")
		want, wantDB := open(t, vfs.NewMem())
		defer wantDB.Close()
		var one Observer
		for _, r := range rows {
			commit(t, want, wantDB, &one, []event.Row{r})
		}
		fs := vfs.NewMem()
		s, db := open(t, fs)
		defer func() { db.Close() }()
		var main, late Observer
		for rest := rows; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			o := &main
			if rapid.Bool().Draw(t, "late") {
				o = &late
			}
			commit(t, s, db, o, rest[:n])
			rest = rest[n:]
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				s, db = open(t, fs)
				main, late = Observer{}, Observer{}
			}
		}
		for _, id := range []string{"a", "b", "gone"} {
			if diff := cmp.Diff(ask(want, id), ask(s, id)); diff != "" {
				t.Fatalf("tenant %s (-one by one +batched):\n%s", id, diff)
			}
			checkOracle(t, rows, s, id)
		}
	})
}

// checkOracle compares the kinds with what the rows say.
func checkOracle(t *rapid.T, rows []event.Row, s *Set, id string) {
	want := map[string]event.PropertyKind{}
	count := uint64(0)
	text, whole, fraction, truth := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		if r.Tenant != id || id == "gone" {
			continue
		}
		count++
		nums := map[string]bool{}
		for _, n := range r.Nums {
			name := string(n.Key)
			nums[name], want[name] = true, 0
			if n.Value != float64(int64(n.Value)) || n.Value > 1<<53 || n.Value < -(1<<53) {
				fraction[name] = true
			} else {
				whole[name] = true
			}
		}
		for _, p := range r.Props {
			name, v := string(p.Key), string(p.Value)
			want[name] = 0
			switch {
			case v == "true" || v == "false":
				truth[name] = true
			case v != "null" && !nums[name]:
				text[name] = true
			}
		}
	}
	for name := range want {
		switch {
		case text[name] || truth[name] && (whole[name] || fraction[name]):
			want[name] = event.PropString
		case fraction[name]:
			want[name] = event.PropFloat
		case whole[name]:
			want[name] = event.PropInt
		case truth[name]:
			want[name] = event.PropBool
		default:
			want[name] = event.PropString
		}
	}
	got := map[string]event.PropertyKind{}
	list, _ := s.Properties(id)
	for _, p := range list {
		got[p.Name] = p.Kind
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("kinds of %s (-want +got):\n%s", id, diff)
	}
	for name := range want {
		if texts := !whole[name] && !fraction[name]; s.Texts(id, name) != texts || s.Texts("nobody", name) || s.Texts(id, name+"none") {
			t.Fatalf("%s of %s: only texts %v, want %v", name, id, s.Texts(id, name), texts)
		}
	}
	if rows, _ := s.Stored(id); rows != count {
		t.Fatalf("%s has %d rows, want %d", id, rows, count)
	}
}

func props(names ...string) (out []event.Prop) {
	for _, n := range names {
		out = append(out, event.Prop{Key: []byte(n), Value: []byte("v")})
	}
	return out
}

// TestUnseen: what a tenant has not sent is unseen for sure only once it has sent something; what another site sent is, where only one site is asked for.
func TestUnseen(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer func() { db.Close() }()
	if err := s.SetCommon([]event.Property{{Name: "common", Kind: event.PropInt}}); err != nil {
		t.Fatal(err)
	}
	var o Observer
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Site: "one", Props: props("plan")}, {Tenant: "a", Site: "two", Props: props("theirs")}, {Tenant: "b", Site: "b"}})
	for _, c := range []struct {
		tenant, site, name string
		here, unseen       bool
		known              string
	}{
		{"a", "one", "plan", false, false, "[]"}, {"a", "one", "plan", true, false, "[]"},
		{"a", "one", "theirs", false, false, "[]"}, {"a", "one", "theirs", true, true, "[plan]"},
		{"a", "one", "none", false, true, "[plan theirs]"}, {"a", "two", "none", true, true, "[theirs]"}, {"a", "three", "plan", true, true, "[]"},
		{"a", "one", "common", true, false, "[]"}, {"b", "b", "plan", false, true, "[]"}, {"nobody", "x", "plan", false, false, "[]"},
	} {
		known, unseen := s.Unseen(c.tenant, c.site, c.name, c.here)
		slices.Sort(known)
		if unseen != c.unseen || fmt.Sprint(known) != c.known {
			t.Errorf("%+v: %v %v", c, unseen, known)
		}
	}
}

// TestNameLimit checks that names beyond the limit are counted and shown, are remembered as such, and cost no memory.
func TestNameLimit(t *testing.T) {
	fs := vfs.NewMem()
	s, db := open(t, fs)
	defer func() { db.Close() }()
	if err := s.SetCommon([]event.Property{{Name: "common", Kind: event.PropInt}}); err != nil {
		t.Fatal(err)
	}
	var o Observer
	name := func(i int) string { return fmt.Sprintf("name%05d", i) }
	for from := 0; from < MaxNames+100; from += 300 {
		var rows []event.Row
		for i := from; i < min(from+300, MaxNames+100); i++ {
			rows = append(rows, event.Row{Tenant: "a", Props: props(name(i))})
		}
		commit(t, s, db, &o, rows)
	}
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Props: props(name(0), name(MaxNames+1), "common")}, {Tenant: "b", Props: props(name(MaxNames + 1))}})
	check := func(s *Set) {
		t.Helper()
		k := s.Schema("a")
		if k.Names != MaxNames+1 || k.LeftOut != 101 || len(k.Examples) != maxExamples || k.Examples[0] != name(MaxNames) {
			t.Errorf("%d names, %d values left out, such as %v", k.Names, k.LeftOut, k.Examples)
		}
		if _, unseen := s.Unseen("a", "", "other", false); unseen {
			t.Error("of names beyond the limit nobody knows which they were, and one is said to be none of them")
		}
		if k.Names > 0 && s.Texts("a", k.Properties[0].Name) {
			t.Error("of names beyond the limit nobody knows what they were, and one is said to be of texts only")
		}
		if list, _ := s.Properties("a"); len(list) != MaxNames+1 || list[0] != (event.Property{Name: "common", Kind: event.PropString}) {
			t.Errorf("%d properties, first %v", len(list), list[0])
		}
		if k := s.Schema("b"); k.LeftOut != 0 || k.Names != 1 {
			t.Errorf("tenant b: %+v", k)
		}
	}
	check(s)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, db = open(t, fs)
	if err := s.SetCommon([]event.Property{{Name: "common", Kind: event.PropInt}}); err != nil {
		t.Fatal(err)
	}
	check(s)
}

// TestManyNames checks the way that is taken when a batch has too many names for a table.
func TestManyNames(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer db.Close()
	var rows []event.Row
	for i := range 1500 {
		rows = append(rows, event.Row{Tenant: fmt.Sprint("t", i), Props: props(fmt.Sprint("p", i), "same"), Nums: []event.Num{{Key: []byte(fmt.Sprint("n", i)), Value: 1}}})
	}
	var o Observer
	commit(t, s, db, &o, rows)
	if o.texts.sparse == nil {
		t.Fatal("the batch is too small for this test")
	}
	for i := range 1500 {
		if k := s.Schema(fmt.Sprint("t", i)); k.Names != 3 {
			t.Fatalf("tenant %d: %+v", i, k)
		}
	}
}

// TestCommon checks that declared properties are known for all, and widen with what a tenant sends.
func TestCommon(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer db.Close()
	var o Observer
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Nums: []event.Num{{Key: []byte("revenue"), Value: 3}, {Key: []byte("path"), Value: 3}}}})
	_, v1 := s.Properties("a")
	_, u1 := s.Properties("nobody")
	if err := s.SetCommon([]event.Property{{Name: "revenue", Kind: event.PropFloat}, {Name: "plan", Kind: event.PropBool}}); err != nil {
		t.Fatal(err)
	}
	want := []event.Property{{Name: "plan", Kind: event.PropBool}, {Name: "revenue", Kind: event.PropFloat}}
	for _, id := range []string{"a", "nobody"} {
		got, version := s.Properties(id)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
		if version == v1 || version == u1 {
			t.Errorf("%s: the version is still %d", id, version)
		}
	}
	again, v2 := s.Properties("a")
	if same, v3 := s.Properties("a"); v3 != v2 || &same[0] != &again[0] {
		t.Error("the list is made anew for every query")
	}
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Nums: []event.Num{{Key: []byte("revenue"), Value: 4}}}})
	if _, v3 := s.Properties("a"); v3 != v2 {
		t.Error("the version changes although the list does not")
	}
	commit(t, s, db, &o, []event.Row{{Tenant: "a", Props: props("revenue")}})
	if got, v3 := s.Properties("a"); v3 == v2 || got[1].Kind != event.PropString {
		t.Errorf("after text: %v", got)
	}
	if k := s.Schema("a"); len(k.Properties) != 3 || k.Properties[0].Name != "path" || k.Properties[0].Column || !k.Properties[2].Common {
		t.Errorf("schema: %+v", k)
	}
	for name, bad := range map[string][]event.Property{
		"path": {{Name: "path", Kind: event.PropInt}}, "x": {{Name: "x"}}, "y": {{Name: "y", Kind: event.PropInt}, {Name: "y", Kind: event.PropInt}}, "": make([]event.Property, MaxCommon+1),
	} {
		if got, err := CheckCommon(bad); !errors.Is(err, ErrCommon) || got != name || s.SetCommon(bad) == nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

// TestForget checks that nothing of a tenant is left, neither in memory nor on disk, and its neighbours stay.
func TestForget(t *testing.T) {
	fs := vfs.NewMem()
	s, db := open(t, fs)
	defer func() { db.Close() }()
	var o Observer
	for _, id := range []string{"a", "ab", "b"} {
		commit(t, s, db, &o, []event.Row{{Tenant: id, TS: 1_790_000_000_000, Props: props("p", "q\x00r")}})
	}
	if err := s.Forget("a"); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		if k := ask(s, "a"); len(k.Schema.Properties) != 0 || k.Stats.Rows != 0 {
			t.Errorf("a: %+v", k)
		}
		for _, id := range []string{"ab", "b"} {
			if k := ask(s, id); len(k.Schema.Properties) != 2 || k.Stats.Rows != 1 || len(k.Stats.Days) != 1 {
				t.Errorf("%s: %+v", id, k)
			}
		}
	}
	check()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, db = open(t, fs)
	check()
}

// TestFailedCommit checks that nothing is known of an insert whose commit failed.
func TestFailedCommit(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer db.Close()
	var o Observer
	b := event.NewBatch()
	b.Append(&event.Row{Tenant: "a", Props: props("p")})
	o.Observe(b)
	failed := errors.New("no")
	if err := s.Commit(&o, db.NewBatch(), func() error { return failed }); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if k := ask(s, "a"); k.Stats.Rows != 0 || len(k.Schema.Properties) != 0 {
		t.Errorf("known: %+v", k)
	}
}

// TestReads checks estimates over times and columns.
func TestReads(t *testing.T) {
	s, db := open(t, vfs.NewMem())
	defer db.Close()
	var o Observer
	day := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	var rows []event.Row
	for d := range 3 {
		for range 240 {
			rows = append(rows, event.Row{Tenant: "a", TS: day.AddDate(0, 0, d).UnixMilli(), URL: []byte(strings.Repeat("u", 97))})
		}
	}
	rows = append(rows, event.Row{Tenant: "a", TS: -1}, event.Row{Tenant: "a", TS: time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()})
	commit(t, s, db, &o, rows)
	at := func(h int) time.Time { return day.Add(time.Duration(h) * time.Hour) }
	never := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		from, to, now time.Time
		want          uint64
	}{
		{time.Time{}, time.Time{}, never, 722},
		{at(0), at(24), never, 240},
		{at(24), at(36), never, 120},
		{at(0).Add(10 * time.Minute), at(0).Add(20 * time.Minute), never, 10}, // a whole hour
		{at(12), at(36), never, 240},
		{at(48), time.Time{}, at(53), 241},                // the last day is six hours old, and has all its rows already
		{at(54), at(60), at(53), 0},                       // the future
		{at(-48), at(-24), never, 0},                      // before
		{time.Time{}, at(0).AddDate(-50, 0, 0), never, 1}, // what lies before 2000
		{at(30), at(20), never, 0},
	} {
		if got, _ := s.Reads("a", c.from, c.to, c.now, nil); got != c.want {
			t.Errorf("rows in [%v, %v) at %v: %d, want %d", c.from, c.to, c.now, got, c.want)
		}
	}
	commit(t, s, db, &o, []event.Row{{Tenant: "b", TS: day.UnixMilli()}})
	if rows, bytes := s.Reads("", at(0), at(24), never, nil); rows != 241 || bytes != 241*9 {
		t.Errorf("of all tenants: %d rows, %d bytes", rows, bytes)
	}
	_, one := s.Reads("a", at(0), at(24), never, nil)
	_, two := s.Reads("a", at(0), at(24), never, []string{"url", "url", "no such column"})
	if one != 240*9 || two < 240*105 || two > 240*112 {
		t.Errorf("%d bytes without a column, %d with url", one, two)
	}
	if rows, bytes := s.Reads("nobody", at(0), at(24), never, nil); rows+bytes != 0 {
		t.Error("an unknown tenant has rows")
	}
}

// TestMemory checks what a tenant costs that does nothing: a year of days and thirty properties.
func TestMemory(t *testing.T) {
	if racing {
		t.Skip("the race detector takes memory of its own")
	}
	fs := vfs.NewMem()
	s, db := open(t, fs)
	var o Observer
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprint("property_", i))
	}
	const tenants, days = 100, 365
	for n := range tenants {
		var rows []event.Row
		for d := range days {
			rows = append(rows, event.Row{Tenant: fmt.Sprint("tenant-", n), Site: fmt.Sprint("site-", n), TS: 1_790_000_000_000 - int64(d)*dayMillis, Props: props(names...)})
		}
		commit(t, s, db, &o, rows)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // what the first one's finalizers let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	s, o = nil, Observer{}
	held := func(fs vfs.FS) int64 { // a store without tenants holds memory too, in the heap or beside it
		before := heap()
		s, db := open(t, fs)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s.db, db = nil, nil // what it holds in the heap depends on how it was built
		after := heap()
		runtime.KeepAlive(s)
		return int64(after) - int64(before)
	}
	empty := held(vfs.NewMem())
	if per := (held(fs) - empty) / tenants; per > 16<<10 {
		t.Errorf("%d bytes a tenant, want at most 16 KiB", per)
	} else {
		t.Logf("%d bytes a tenant", per)
	}
}
