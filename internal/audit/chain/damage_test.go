package chain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weir/internal/audit"
	"weir/internal/tenant"
	"weir/internal/testkit/damagekit"
)

const many = 2000 // entries of a log in one file of many blocks

// onDisk makes a log of many entries in one file, and closes it.
func onDisk(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, fs: vfs.Default, dir: filepath.Join(t.TempDir(), "audit"), set: &settings{m: map[string]string{}}, time: newClock()}
	f.open()
	for i := range many {
		f.Record(audit.Entry{Tenant: []tenant.ID{"acme", "other"}[i%2], Action: "create-key", Text: secret(tenant.ID(rune('a'+i/200)), i), Outcome: audit.OK})
	}
	err := errors.Join(f.Anchor(t.Context()), f.db.Flush(), f.db.Compact(t.Context(), []byte{0}, []byte{255}, false), f.Log.Close())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// blockOf returns bytes of the block that has a key: those whose damage keeps the key from being read.
func (f *fixture) blockOf(key []byte) []byte {
	f.t.Helper()
	name := filepath.Join(f.dir, "000009.sst")
	raw, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	for at := 64; at+24 < len(raw); at += 128 {
		copied := filepath.Join(f.t.TempDir(), "audit")
		if err := os.CopyFS(copied, os.DirFS(f.dir)); err != nil {
			f.t.Fatal(err)
		}
		damagekit.FlipBit(f.t, copied, string(raw[at:at+24]))
		l, err := Open(f.t.Context(), Config{Dir: copied, FS: f.fs, Anchors: f.set, ReadOnly: true})
		if err != nil {
			f.t.Fatal(err)
		}
		_, err = l.get(key)
		if cerr := l.Close(); cerr != nil {
			f.t.Fatal(cerr)
		}
		if errors.Is(err, audit.ErrDamaged) {
			return raw[at : at+24]
		}
	}
	f.t.Fatal("no damage keeps it from being read")
	return nil
}

// unread is the only finding of a verdict, about the entries around 900 unless it is about all.
func unread(t *testing.T, v audit.Verdict, want string, all bool) {
	t.Helper()
	if v.OK || len(v.Findings) != 1 || v.Findings[0].Kind != "unreadable" || !strings.HasPrefix(v.Findings[0].Detail, want) || !strings.HasSuffix(v.Findings[0].Detail, "cannot be read: file 000009.sst is damaged") {
		t.Fatalf("verdict is %+v, want %q", v, want)
	}
	if seq := v.Findings[0].Seq; all != (seq == 1) || !all && (seq < 400 || seq > 900) || v.Last != many {
		t.Errorf("verdict is %+v", v)
	}
}

// listed lists up to damage.
func (f *fixture) listed(q audit.Question) (int, error) {
	q.Limit = 100
	for n := 0; ; {
		p, err := f.List(f.t.Context(), q)
		if n += len(p.Entries); err != nil || p.Next == 0 {
			return n, err
		}
		q.Before = p.Next
	}
}

// A flipped bit in the files is an error of what reads there, and verify names the entries that it takes.
func TestDamage(t *testing.T) {
	for name, tc := range map[string]struct {
		key  []byte
		want string
		all  bool // it keeps all entries from being listed
	}{
		"a link":  {linkKey(900), "entries ", false},
		"a text":  {textKey(900), "the text of entries ", false},
		"an item": {indexKey("other", 900), "the list of the tenant other at entries ", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := onDisk(t)
			f.open()
			find, err := f.get(tc.key)
			if err = errors.Join(err, f.Log.Close()); err != nil {
				t.Fatal(err)
			}
			switch { // a part that compression leaves as it is
			case tc.key[0] == 'L':
				find = find[linkSize-24 : linkSize-4]
			case tc.key[0] == 'T':
				find = find[4:24]
			default: // keys of the index are not whole in the file
				find = f.blockOf(tc.key)
			}
			damagekit.FlipBit(t, f.dir, string(find))
			f.open()
			t.Cleanup(func() { _ = f.Log.Close() })
			n, err := f.listed(audit.Question{Tenant: "other"})
			if !errors.Is(err, audit.ErrDamaged) || n == 0 || n > many/2-100 {
				t.Errorf("%d entries are listed, then %v", n, err)
			}
			if n, err := f.listed(audit.Question{Tenant: "acme"}); (err == nil) != (name == "an item") {
				t.Errorf("%d entries of another tenant are listed, then %v", n, err)
			}
			unread(t, f.verify(), tc.want, false)
			f.append("acme")
			if v := f.verify(); v.Last != many+1 || len(v.Findings) != 1 {
				t.Errorf("verdict behind a new entry is %+v", v)
			}
			if err := f.Log.Close(); err != nil {
				t.Fatal(err)
			}
			l, err := Open(t.Context(), Config{Dir: f.dir, FS: f.fs, Anchors: f.set, ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			f.Log = l
			if v := f.verify(); v.OK || len(v.Findings) != 1 {
				t.Errorf("verdict without a server is %+v", v)
			}
		})
	}
}

// A file that cannot be read at all, or not at the end of the log, leaves nothing to add to: that is an error, and verify still says what is damaged.
func TestDamagedWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		find []byte // nil: a part of the last link
		all  bool
	}{"the end": {}, "the footer": {[]byte{0xf0, 0x9f, 0xaa, 0xb3}, true}} {
		t.Run(name, func(t *testing.T) {
			f := onDisk(t)
			if tc.find == nil {
				f.open()
				v, err := f.get(linkKey(many))
				if err = errors.Join(err, f.Log.Close()); err != nil {
					t.Fatal(err)
				}
				tc.find = v[linkSize-24 : linkSize-4]
			}
			damagekit.FlipBit(t, f.dir, string(tc.find))
			_, err := Open(t.Context(), Config{Dir: f.dir, FS: f.fs, Anchors: f.set})
			if !errors.Is(err, audit.ErrDamaged) {
				t.Fatalf("opened with %v", err)
			}
			if f.Log, err = Open(t.Context(), Config{Dir: f.dir, FS: f.fs, Anchors: f.set, ReadOnly: true}); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Log.Close() }()
			v := f.verify()
			if !slices.ContainsFunc(v.Findings, func(x audit.Finding) bool {
				return strings.HasPrefix(x.Detail, "entries ") && strings.Contains(x.Detail, " to 2000 cannot be read: file 000009.sst is damaged") && (x.Seq == 1) == tc.all
			}) || v.OK {
				t.Errorf("verdict is %+v", v)
			}
		})
	}
}

// The store's own work, which tries again at once, rests when it meets damage, and does not keep entries from being taken.
func TestDamageRests(t *testing.T) {
	f := newFixtureIn(t, vfs.Default, filepath.Join(t.TempDir(), "audit"))
	f.append(slices.Repeat([]tenant.ID{"acme"}, 200)...)
	v, err := f.get(linkKey(20))
	if err = errors.Join(err, f.db.Flush(), f.Log.Close()); err != nil {
		t.Fatal(err)
	}
	damagekit.FlipBit(t, f.dir, string(v[linkSize-24:linkSize-4]))
	opened := time.Now()
	f.open()
	for range 20 { // more than a level 0 takes without a compaction, or Pebble lets writes go on with
		f.append("acme")
		if err := f.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for begun := time.Now(); testutil.ToFloat64(f.metrics.damaged) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("nothing meets the damage")
		}
	}
	time.Sleep(200 * time.Millisecond)
	if n, took := testutil.ToFloat64(f.metrics.damaged), time.Since(opened); n > 5+took.Seconds() { // it rests for a second
		t.Errorf("the damage is met %v times in %s", n, took)
	}
	if v := f.verify(); v.OK || v.Last != 220 {
		t.Errorf("verdict is %+v", v)
	}
}

// Damage may be read around; what cannot be written is never taken for written: it is an error, or ends the process.
func TestUnwritable(t *testing.T) {
	var broken bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".log") {
			return errors.New("broken disk")
		}
		return nil
	}))
	ended := make(chan error)
	l, err := Open(t.Context(), Config{Dir: "audit", FS: fs, Anchors: &settings{m: map[string]string{}}, Fatal: func(message string) {
		ended <- errors.New(message)
		select {}
	}})
	if err != nil {
		t.Fatal(err)
	}
	broken = true
	answered := make(chan error)
	for range 3 {
		go func() { answered <- l.Append(context.Background(), audit.Entry{Action: "x", Outcome: audit.OK}) }()
		select {
		case err := <-ended:
			if !strings.Contains(err.Error(), "broken disk") {
				t.Error(err)
			}
			return
		case err := <-answered:
			if err == nil {
				t.Fatal("an entry that is not written is taken")
			}
		case <-time.After(time.Minute):
			t.Fatal("hangs")
		}
	}
}
