package chain

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/tenant"
)

// settings stands for the catalog.
type settings struct {
	mu sync.Mutex
	m  map[string]string
}

func (s *settings) Setting(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[name]
	if !ok {
		return "", catalog.ErrNotFound
	}
	return v, nil
}

func (s *settings) SetSetting(_ context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[name] = value
	return nil
}

func (s *settings) clone() *settings {
	out := &settings{m: map[string]string{}}
	for k, v := range s.m {
		out.m[k] = v
	}
	return out
}

type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

type fixture struct {
	t    testing.TB
	fs   vfs.FS
	dir  string // default: audit
	set  *settings
	time *clock
	keep time.Duration
	*Log
}

func newFixture(t testing.TB) *fixture { return newFixtureIn(t, vfs.NewCrashableMem(), "") }

// newFixtureIn has its log in a directory that is there until the log is closed: a t.TempDir() made for it before.
func newFixtureIn(t testing.TB, fs vfs.FS, dir string) *fixture {
	f := &fixture{t: t, fs: fs, dir: dir, set: &settings{m: map[string]string{}}, time: newClock()}
	f.open()
	t.Cleanup(func() {
		if f.Log != nil {
			_ = f.Log.Close()
		}
	})
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	dir := "audit"
	if f.dir != "" {
		dir = f.dir
	}
	l, err := Open(f.t.Context(), Config{Dir: dir, FS: f.fs, Anchors: f.set, Retention: f.keep, Now: func() time.Time { return f.time.now }})
	if err != nil {
		f.t.Fatal(err)
	}
	f.Log = l
}

func (f *fixture) reopen() {
	f.t.Helper()
	if err := f.Log.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
}

// tamper changes the store behind the log's back.
func (f *fixture) tamper(fn func(db *pebble.DB)) {
	f.t.Helper()
	if err := f.Log.Close(); err != nil {
		f.t.Fatal(err)
	}
	db, err := pebble.Open("audit", &pebble.Options{FS: f.fs})
	if err != nil {
		f.t.Fatal(err)
	}
	fn(db)
	if err := db.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
}

func (f *fixture) append(tenants ...tenant.ID) {
	f.t.Helper()
	for i, t := range tenants {
		f.time.now = f.time.now.Add(time.Second)
		e := audit.Entry{Tenant: t, Actor: "key:k1", Role: tenant.RoleAdmin, Action: "create-key", Target: "/x", Text: secret(t, i), From: "192.0.2.1", Outcome: audit.OK}
		if err := f.Append(f.t.Context(), e); err != nil {
			f.t.Fatal(err)
		}
	}
}

// secret is a text that compression leaves as it is.
func secret(t tenant.ID, i int) string {
	sum := commit([]byte(t), []byte{byte(i)})
	return hex.EncodeToString(sum[:12])
}

func (f *fixture) verify() audit.Verdict {
	f.t.Helper()
	v, err := f.Verify(f.t.Context(), audit.Head{})
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f *fixture) wantOK(last, erased uint64) {
	f.t.Helper()
	if v := f.verify(); !v.OK || v.Last != last || v.Erased != erased || len(v.Findings) > 0 {
		f.t.Fatalf("verdict is %+v, want %d entries with %d erased", v, last, erased)
	}
}

// wantFound checks that damage is found and named.
func (f *fixture) wantFound(seq uint64, kind string) {
	f.t.Helper()
	v := f.verify()
	for _, x := range v.Findings {
		if x.Seq == seq && x.Kind == kind && !v.OK {
			return
		}
	}
	f.t.Fatalf("want entry %d to be found %s, verdict is %+v", seq, kind, v)
}

func TestAppendAndList(t *testing.T) {
	f := newFixture(t)
	f.append("acme", "other", "acme", "")
	f.Record(audit.Entry{Tenant: "acme", Actor: "local:u", Action: audit.Query, Text: "SELECT 1", Outcome: "over_limit", Cost: &audit.Cost{Amount: .5, Currency: "EUR"}})
	if err := f.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wantOK(5, 0)
	f.reopen()
	f.append("acme")
	f.wantOK(6, 0)
	seqs := func(q audit.Question) []uint64 {
		t.Helper()
		p, err := f.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var out []uint64
		for _, e := range p.Entries {
			out = append(out, e.Seq)
		}
		return out
	}
	start := newClock().now
	for name, tc := range map[string]struct {
		q    audit.Question
		want []uint64
	}{
		"all":       {audit.Question{All: true}, []uint64{6, 5, 4, 3, 2, 1}},
		"of one":    {audit.Question{Tenant: "acme"}, []uint64{6, 5, 3, 1}},
		"of nobody": {audit.Question{Tenant: "acm"}, nil},
		"action":    {audit.Question{Tenant: "acme", Action: audit.Query}, []uint64{5}},
		"actor":     {audit.Question{All: true, Actor: "key:k1", Limit: 2}, []uint64{6, 4}},
		"outcome":   {audit.Question{All: true, Outcome: "over_limit"}, []uint64{5}},
		"failed":    {audit.Question{All: true, Outcome: "failed"}, []uint64{5}},
		"target":    {audit.Question{Tenant: "other", Target: "/x"}, []uint64{2}},
		"before":    {audit.Question{Tenant: "acme", Before: 5}, []uint64{3, 1}},
		"from":      {audit.Question{All: true, From: start.Add(4 * time.Second)}, []uint64{6, 5, 4}},
		"to":        {audit.Question{All: true, To: start.Add(2 * time.Second)}, []uint64{1}},
	} {
		if d := cmp.Diff(tc.want, seqs(tc.q)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	p, err := f.List(t.Context(), audit.Question{All: true, Outcome: "over_limit"})
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Entry{Seq: 5, At: p.Entries[0].At, Tenant: "acme", Actor: "local:u", Action: audit.Query, Text: "SELECT 1", Outcome: "over_limit", Cost: &audit.Cost{Amount: .5, Currency: "EUR"}}
	if d := cmp.Diff(want, p.Entries[0]); d != "" {
		t.Error(d)
	}
	// Pages join without gap or repetition.
	var all []uint64
	for q := (audit.Question{Tenant: "acme", Limit: 3}); ; {
		p, err := f.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Entries {
			all = append(all, e.Seq)
		}
		if q.Before = p.Next; p.Next == 0 {
			break
		}
	}
	if d := cmp.Diff([]uint64{6, 5, 3, 1}, all); d != "" {
		t.Error(d)
	}
	if _, err := f.List(t.Context(), audit.Question{}); err == nil {
		t.Error("a question about nobody is answered")
	}
}

func TestConcurrentAppends(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				e := audit.Entry{Tenant: "acme", Action: "x", Text: fmt.Sprint(w, i), Outcome: audit.OK}
				if i%2 == 0 {
					f.Record(e)
				} else if err := f.Append(context.Background(), e); err != nil {
					t.Error(err)
				}
				f.Gather(e)
			}
		})
	}
	wg.Wait()
	f.wantOK(160, 0)
}

// Each byte of links, texts and keys matters.
func TestTampering(t *testing.T) {
	base := newFixture(t)
	base.append("acme", "other", "acme", "", "acme")
	if err := base.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := base.Sync(); err != nil {
		t.Fatal(err)
	}
	mem := base.fs.(*vfs.MemFS)
	fresh := func(t *testing.T) *fixture {
		f := &fixture{t: t, fs: mem.CrashClone(vfs.CrashCloneCfg{}), set: base.set.clone(), time: newClock()}
		f.open()
		t.Cleanup(func() { _ = f.Log.Close() })
		f.wantOK(5, 0)
		return f
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	get := func(t *testing.T, db *pebble.DB, key []byte) []byte {
		t.Helper()
		v, c, err := db.Get(key)
		must(t, err)
		defer c.Close()
		return bytes.Clone(v)
	}
	for name, tc := range map[string]struct {
		key    []byte
		length int // 0: the whole value
		want   func(i int) (uint64, string)
	}{
		"link": {linkKey(3), linkSize, func(i int) (uint64, string) {
			if i == 0 {
				return 3, "unreadable"
			}
			return 3, "changed"
		}},
		"text":      {textKey(3), 0, func(int) (uint64, string) { return 3, "text_changed" }},
		"last link": {linkKey(5), linkSize, func(i int) (uint64, string) { return 5, map[bool]string{true: "unreadable", false: "changed"}[i == 0] }},
	} {
		t.Run(name, func(t *testing.T) {
			f := fresh(t)
			n := tc.length
			if n == 0 {
				v, err := f.get(tc.key)
				must(t, err)
				n = len(v)
			}
			step := max(1, n/24) // each kind of byte; all of a link's fields
			for i := 0; i < n; i += step {
				var old []byte
				f.tamper(func(db *pebble.DB) {
					old = get(t, db, tc.key)
					v := bytes.Clone(old)
					v[i] ^= 0x40
					must(t, db.Set(tc.key, v, pebble.Sync))
				})
				f.wantFound(tc.want(i))
				f.tamper(func(db *pebble.DB) { must(t, db.Set(tc.key, old, pebble.Sync)) })
				f.wantOK(5, 0)
			}
		})
	}
	for name, tc := range map[string]struct {
		fn   func(t *testing.T, db *pebble.DB)
		seq  uint64
		kind string
	}{
		"an entry is removed": {func(t *testing.T, db *pebble.DB) {
			must(t, db.Delete(linkKey(3), pebble.Sync))
			must(t, db.Delete(textKey(3), pebble.Sync))
		}, 3, "missing"},
		"the first is removed":    {func(t *testing.T, db *pebble.DB) { must(t, db.Delete(linkKey(1), pebble.Sync)) }, 1, "missing"},
		"the tail is cut":         {func(t *testing.T, db *pebble.DB) { must(t, db.DeleteRange(linkKey(4), linkKey(9), pebble.Sync)) }, 4, "truncated"},
		"a text is removed":       {func(t *testing.T, db *pebble.DB) { must(t, db.Delete(textKey(2), pebble.Sync)) }, 2, "text_missing"},
		"a text of another entry": {func(t *testing.T, db *pebble.DB) { must(t, db.Set(textKey(2), get(t, db, textKey(3)), pebble.Sync)) }, 2, "text_changed"},
		"a text without entry":    {func(t *testing.T, db *pebble.DB) { must(t, db.Set(textKey(9), get(t, db, textKey(3)), pebble.Sync)) }, 9, "foreign"},
		"two entries change places": {func(t *testing.T, db *pebble.DB) {
			for _, key := range []func(uint64) []byte{linkKey, textKey} {
				a, b := get(t, db, key(2)), get(t, db, key(3))
				must(t, db.Set(key(2), b, pebble.Sync))
				must(t, db.Set(key(3), a, pebble.Sync))
			}
		}, 2, "changed"},
		"a beginning that nobody removed": {func(t *testing.T, db *pebble.DB) {
			k, err := decodeLink(2, get(t, db, linkKey(2)))
			must(t, err)
			must(t, db.Set(baseKey, encodeBase(base_(2, k.hash)), pebble.Sync))
			must(t, db.DeleteRange(linkKey(0), linkKey(3), pebble.Sync))
			must(t, db.DeleteRange(textKey(0), textKey(3), pebble.Sync))
		}, 2, "missing"},
		"a beginning with an entry that says so": {func(t *testing.T, db *pebble.DB) {
			first, err := decodeLink(2, get(t, db, linkKey(2)))
			must(t, err)
			prev, err := decodeLink(5, get(t, db, linkKey(5)))
			must(t, err)
			said, err := json.Marshal(removal{Seq: 2, Hash: hex.EncodeToString(first.hash[:])})
			must(t, err)
			text, err := sealText(make([]byte, saltSize), audit.Entry{Seq: 6, Action: audit.Retention, Text: string(said), Outcome: audit.OK})
			must(t, err)
			owner, err := decodeLink(4, get(t, db, linkKey(4))) // the installation's own
			must(t, err)
			k := link{seq: 6, owner: owner.owner, commitment: commit(text[:saltSize], text[saltSize:])}
			k.hash = k.next(prev.hash)
			must(t, db.Set(linkKey(6), k.encode(), pebble.Sync))
			must(t, db.Set(textKey(6), text, pebble.Sync))
			must(t, db.Set(baseKey, encodeBase(base_(2, first.hash)), pebble.Sync))
			must(t, db.DeleteRange(linkKey(0), linkKey(3), pebble.Sync))
			must(t, db.DeleteRange(textKey(0), textKey(3), pebble.Sync))
		}, 2, "missing"},
		"an entry is hidden from its tenant": {func(t *testing.T, db *pebble.DB) { must(t, db.Delete(indexKey("acme", 3), pebble.Sync)) }, 3, "unlisted"},
		// Who can compute hashes rewrites all of the chain from entry 2 on: the anchor finds that.
		"the chain is rewritten": {func(t *testing.T, db *pebble.DB) {
			prev, err := decodeLink(1, get(t, db, linkKey(1)))
			must(t, err)
			for seq := uint64(2); seq <= 5; seq++ {
				k, err := decodeLink(seq, get(t, db, linkKey(seq)))
				must(t, err)
				text := bytes.Replace(get(t, db, textKey(seq)), []byte("192.0.2.1"), []byte("192.0.2.9"), 1)
				k.commitment = commit(text[:saltSize], text[saltSize:])
				k.hash = k.next(prev.hash)
				must(t, db.Set(linkKey(seq), k.encode(), pebble.Sync))
				must(t, db.Set(textKey(seq), text, pebble.Sync))
				prev = k
			}
		}, 5, "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fresh(t)
			f.tamper(func(db *pebble.DB) { tc.fn(t, db) })
			f.wantFound(tc.seq, tc.kind)
		})
	}
}

// What was found stays found: a restart, new entries and a new anchor do not make a log whole that was cut, emptied or replaced.
func TestTamperingIsNotForgotten(t *testing.T) {
	for name, tc := range map[string]struct {
		fn   func(t *testing.T, f *fixture)
		seq  uint64
		kind string
	}{
		"cut": {func(t *testing.T, f *fixture) {
			f.tamper(func(db *pebble.DB) { cutFrom(t, db, 4) })
		}, 4, "missing"},
		"emptied": {func(t *testing.T, f *fixture) {
			if err := errors.Join(f.Log.Close(), f.fs.RemoveAll("audit")); err != nil {
				t.Fatal(err)
			}
			f.open()
		}, 1, "missing"},
		"replaced": {func(t *testing.T, f *fixture) {
			// A whole chain, only not the one that was written here.
			other := &fixture{t: t, fs: vfs.NewCrashableMem(), set: &settings{m: map[string]string{secretSetting: f.set.m[secretSetting]}}, time: newClock()}
			other.open()
			other.append("acme", "other", "acme", "", "acme")
			if err := errors.Join(other.Log.Close(), f.Log.Close()); err != nil {
				t.Fatal(err)
			}
			f.fs = other.fs
			f.open()
		}, 5, "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.append("acme", "other", "acme", "", "acme")
			if err := f.Anchor(t.Context()); err != nil {
				t.Fatal(err)
			}
			tc.fn(t, f)
			for range 2 {
				for range 3 {
					f.append("acme")
				}
				if err := f.Anchor(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.wantFound(tc.seq, tc.kind)
				f.reopen()
			}
			if h := f.Head(); h.Seq != 11 {
				t.Errorf("numbers go on at %d: those of missing entries are given again", h.Seq)
			}
			p, err := f.List(t.Context(), audit.Question{Tenant: "acme"})
			if err != nil || len(p.Entries) < 6 {
				t.Errorf("%d entries, %v", len(p.Entries), err)
			}
		})
	}
}

func cutFrom(t *testing.T, db *pebble.DB, seq uint64) {
	t.Helper()
	if err := errors.Join(db.DeleteRange(linkKey(seq), endOfLinks, pebble.Sync), db.DeleteRange(textKey(seq), []byte{'T' + 1}, pebble.Sync)); err != nil {
		t.Fatal(err)
	}
}

// A key among the links that is none does not make numbers begin anew, which would overwrite the log.
func TestForeignKey(t *testing.T) {
	f := newFixture(t)
	f.append("acme", "acme")
	f.tamper(func(db *pebble.DB) {
		if err := db.Set([]byte("L\xff\xff"), []byte("x"), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	})
	f.append("acme")
	if h := f.Head(); h.Seq != 3 {
		t.Errorf("the next entry has the number %d", h.Seq)
	}
	f.wantFound(0, "foreign")
}

func base_(seq uint64, hash [32]byte) base { return base{seq, hash} }

// A head that somebody kept elsewhere finds what even the anchor does not.
func TestKeptHead(t *testing.T) {
	f := newFixture(t)
	f.append("acme", "acme")
	head := f.Head()
	f.append("acme")
	for _, tc := range []struct {
		head audit.Head
		ok   bool
	}{{head, true}, {audit.Head{Seq: 2, Hash: strings.Repeat("0", 64)}, false}, {audit.Head{Seq: 4, Hash: head.Hash}, false}} {
		v, err := f.Verify(t.Context(), tc.head)
		if err != nil || v.OK != tc.ok {
			t.Errorf("%+v: %+v, %v", tc.head, v, err)
		}
	}
}

// After a crash everything that was appended is there, the chain is whole, and what was only recorded is there or not.
func TestCrash(t *testing.T) {
	for seed := range uint64(20) {
		f := newFixture(t)
		rng := rand.New(rand.NewPCG(seed, 1))
		durable := 0
		for i := range 30 {
			if rng.IntN(2) == 0 {
				f.append("acme")
				durable = i + 1
			} else {
				f.Record(audit.Entry{Tenant: "acme", Action: "x", Outcome: audit.OK})
			}
			if rng.IntN(7) == 0 {
				if err := f.Anchor(t.Context()); err != nil {
					t.Fatal(err)
				}
				durable = i + 1
			}
		}
		crashed := &fixture{t: t, fs: f.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}), set: f.set.clone(), time: newClock()}
		crashed.open()
		v := crashed.verify()
		if !v.OK || v.Last < uint64(durable) || v.Last > 30 {
			t.Errorf("seed %d: %d were durable, the log has %+v", seed, durable, v)
		}
		crashed.append("acme")
		crashed.wantOK(v.Last+1, 0)
		if err := crashed.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// contains looks for bytes in every file of the store.
func contains(t *testing.T, fs vfs.FS, needle string) string {
	t.Helper()
	names, err := fs.List("audit")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := fs.Open(path.Join("audit", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // the store has removed it meanwhile
		} else if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		_, err = b.ReadFrom(file)
		if cerr := file.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		if bytes.Contains(b.Bytes(), []byte(needle)) {
			return name
		}
	}
	return ""
}

func TestForgetTenant(t *testing.T) {
	f := newFixture(t)
	f.append("acme", "other", "acme", "")
	if contains(t, f.fs, secret("acme", 0)) == "" {
		t.Error("the search finds nothing")
	}
	f.Gather(audit.Entry{Tenant: "acme", Action: audit.Report, Text: secret("acme", 99), Outcome: audit.OK})
	n, err := f.ForgetTenant(t.Context(), "acme")
	if err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	f.wantOK(6, 3)
	if n, err := f.ForgetTenant(t.Context(), "acme"); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	p, err := f.List(t.Context(), audit.Question{Tenant: "acme"})
	if err != nil || len(p.Entries) != 0 {
		t.Errorf("its entries are still listed: %v, %v", p, err)
	}
	p, err = f.List(t.Context(), audit.Question{All: true})
	if err != nil || len(p.Entries) != 6 || !p.Entries[5].Erased || p.Entries[5].Text != "" || p.Entries[5].Tenant != "" || p.Entries[5].At.IsZero() || p.Entries[4].Erased {
		t.Errorf("%+v, %v", p, err)
	}
	f.reopen()
	f.wantOK(6, 3)
	for _, text := range []string{secret("acme", 0), secret("acme", 2), secret("acme", 99)} {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // files are removed behind
			name := contains(t, f.fs, text)
			if name == "" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%q is still in the file %s", text, name)
			}
		}
	}
	if contains(t, f.fs, secret("other", 1)) == "" {
		t.Error("the search finds nothing at all")
	}
	// What was erased is not a licence: a later text of the tenant may not vanish.
	f.append("acme")
	f.tamper(func(db *pebble.DB) {
		if err := db.Delete(textKey(7), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	})
	f.wantFound(7, "text_missing")
	if _, err := f.ForgetTenant(t.Context(), ""); err == nil {
		t.Error("the installation's own entries can be erased")
	}
}

// What a tenant did before it was deleted, and what ends after its texts were erased, leaves no text either, also after a restart.
func TestForgottenStaysForgotten(t *testing.T) {
	f := newFixture(t)
	f.append("acme")
	if _, err := f.ForgetTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		f.Record(audit.Entry{Tenant: "acme", Actor: "local:" + secret("acme", 50), Role: tenant.RoleAnalyst, Action: audit.Query, Target: secret("acme", 51), Text: secret("acme", 52+i),
			From: "192.0.2.77", Request: secret("acme", 54), Outcome: audit.OK})
		f.Gather(audit.Entry{Tenant: "acme", Actor: secret("acme", 55), Action: audit.Report, Outcome: audit.OK})
		f.flushGathered(time.Time{})
		if err := f.Append(t.Context(), audit.Entry{Tenant: "acme", Actor: "key:operator", Role: tenant.RoleOperator, Action: "delete-tenant", Target: "/api/v1/tenants/acme", Outcome: audit.OK}); err != nil {
			t.Fatal(err)
		}
		f.reopen()
	}
	f.wantOK(8, 1)
	for i := range 6 {
		if name := contains(t, f.fs, secret("acme", 50+i)); name != "" {
			t.Errorf("text %d is in the file %s", i, name)
		}
	}
	p, err := f.List(t.Context(), audit.Question{All: true, Limit: 3})
	if err != nil || len(p.Entries) != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if e := p.Entries[0]; e.Actor != "key:operator" || e.Target != "/api/v1/tenants/acme" || e.Tenant != "" {
		t.Errorf("of the operator: %+v", e)
	}
	if e := p.Entries[2]; e.Action != audit.Query || e.Outcome != audit.OK || e.From != "" || e.Tenant != "" {
		t.Errorf("of the tenant: %+v", e)
	}
}

func TestErase(t *testing.T) {
	f := newFixture(t)
	f.append("acme", "other", "acme")
	if n, err := f.Erase(t.Context(), []uint64{3, 1, 99}); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if n, err := f.Erase(t.Context(), []uint64{4, 1}); n != 0 || err != nil {
		t.Errorf("the entry that tells of an erasure, or an erased one, is erased: %d, %v", n, err)
	}
	f.wantOK(4, 2)
	if _, err := f.Erase(t.Context(), make([]uint64, maxErase+1)); err == nil {
		t.Error("any number is erased at once")
	}
}

func TestExpire(t *testing.T) {
	f := newFixture(t)
	if n, err := f.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("without a retention: %d, %v", n, err)
	}
	f.keep = 48 * time.Hour
	f.reopen()
	f.append("acme", "other", "acme")
	f.time.now = f.time.now.Add(24 * time.Hour)
	f.append("acme")
	f.time.now = f.time.now.Add(25 * time.Hour)
	if n, err := f.Expire(t.Context()); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if v := f.verify(); !v.OK || v.First != 4 || v.Last != 5 {
		t.Errorf("%+v", v)
	}
	if err := f.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.reopen()
	f.append("acme")
	f.time.now = f.time.now.Add(49 * time.Hour)
	if n, err := f.Expire(t.Context()); n != 2 || err != nil { // all but the newest
		t.Fatalf("%d, %v", n, err)
	}
	f.append("acme")
	if v := f.verify(); !v.OK || v.First != 6 || v.Last != 8 {
		t.Errorf("%+v", v)
	}
	p, err := f.List(t.Context(), audit.Question{Tenant: "acme"})
	if err != nil || len(p.Entries) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// However much is too old, one turn of the retention removes it all, in bounded steps, also past entries that are missing.
func TestExpireAll(t *testing.T) {
	f := newFixture(t)
	f.keep = 48 * time.Hour
	f.reopen()
	f.append("acme", "acme", "acme")
	if err := f.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.tamper(func(db *pebble.DB) { cutFrom(t, db, 2) })
	f.append("acme", "acme", "acme", "acme")
	f.Log.maxExpire = 2
	f.time.now = f.time.now.Add(50 * time.Hour)
	if err := f.expireAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := f.verify(); !v.OK || v.First != 8 {
		t.Errorf("%+v", v)
	}
}

func TestGather(t *testing.T) {
	f := newFixture(t)
	e := audit.Entry{Tenant: "acme", Actor: "key:k", Action: audit.Report, Target: "s1", Outcome: audit.OK}
	begin := f.time.now
	for i := range 3 {
		e.Request, e.Cost = fmt.Sprint(i), &audit.Cost{Amount: 1, CPUSeconds: .5, Currency: "EUR"}
		f.Gather(e)
	}
	e.Actor, e.Cost = "key:other", nil
	f.Gather(e)
	f.flushGathered(f.time.now.Add(10 * time.Second))
	f.wantOK(0, 0)
	f.time.now = f.time.now.Add(time.Minute)
	f.flushGathered(f.time.now)
	f.wantOK(2, 0)
	p, err := f.List(t.Context(), audit.Question{Tenant: "acme", Actor: "key:k"})
	if err != nil || len(p.Entries) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	want := audit.Entry{Seq: p.Entries[0].Seq, At: begin, Tenant: "acme", Actor: "key:k", Action: audit.Report, Target: "s1", Outcome: audit.OK, Count: 3,
		Cost: &audit.Cost{Amount: 3, CPUSeconds: 1.5, Currency: "EUR"}}
	if d := cmp.Diff(want, p.Entries[0]); d != "" {
		t.Error(d)
	}
}

// Neither many different entries nor long ones fill memory and disk; what nobody known sends leaves room for the others.
func TestGatherBounds(t *testing.T) {
	f := newFixture(t)
	for i := range maxGathered {
		f.Gather(audit.Entry{Action: audit.SignIn, Outcome: "unknown_key", From: fmt.Sprint(i), Target: strings.Repeat("x", 60<<10)})
	}
	if n := len(f.gather.all); n != maxNobody+1 {
		t.Errorf("%d of nobody are gathered", n)
	}
	for e := range f.gather.all {
		if len(e.Target) > audit.MaxText {
			t.Fatalf("a target of %d bytes is kept", len(e.Target))
		}
	}
	for i := range maxGathered {
		f.Gather(audit.Entry{Actor: "key:k", Action: audit.Report, Outcome: audit.OK, Target: fmt.Sprint(i)})
	}
	if n := len(f.gather.all); n != maxGathered+1 {
		t.Errorf("%d are gathered", n)
	}
	var sum uint64
	for _, s := range f.gather.all {
		sum += s.count
	}
	if sum != 2*maxGathered {
		t.Errorf("%d were counted", sum)
	}
	f.flushGathered(time.Time{})
	f.Gather(audit.Entry{Action: audit.SignIn, Outcome: "unknown_key"})
	if len(f.gather.all) != 1 || f.gather.nobody != 1 {
		t.Errorf("a new minute begins with %d, %d of nobody", len(f.gather.all), f.gather.nobody)
	}
}

// Run makes durable what was recorded, anchors, and at its end writes what was gathered.
func TestRun(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.Record(audit.Entry{Action: "x", Outcome: audit.OK})
	f.Gather(audit.Entry{Action: "y", Outcome: audit.OK})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	crashed := &fixture{t: t, fs: f.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{}), set: f.set.clone(), time: newClock()}
	crashed.open()
	defer crashed.Close()
	crashed.wantOK(2, 0)
	if h, err := crashed.anchor(t.Context()); err != nil || h != f.Head() {
		t.Errorf("the anchor is %+v, %v", h, err)
	}
}

func TestReadOnly(t *testing.T) {
	f := newFixture(t)
	f.append("acme")
	if err := f.Log.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Config{Dir: "audit", FS: f.fs, Anchors: f.set, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	f.Log = l
	f.wantOK(1, 0)
	if err := l.Append(t.Context(), audit.Entry{}); err == nil {
		t.Error("a log that is open for reading takes entries")
	}
	if _, err := Open(t.Context(), Config{Dir: "none", FS: f.fs, Anchors: &settings{}, ReadOnly: true}); err == nil {
		t.Error("a log that does not exist can be read")
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{}, {Dir: "x"}, {Dir: "x", Anchors: &settings{}, Retention: time.Hour}} {
		if _, err := Open(t.Context(), bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	k := link{seq: 1, at: 2}
	f.Add(k.encode())
	text, err := sealText(make([]byte, saltSize), audit.Entry{Action: "x", Text: "y"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := decodeLink(7, b); err == nil && !bytes.Equal(k.encode(), b) {
			t.Errorf("%x is read as %+v", b, k)
		}
		if e, err := decodeEntry(link{seq: 7}, b); err == nil && e.Seq != 7 {
			t.Errorf("%x is read as %+v", b, e)
		}
		if x, err := decodeBase(b); err == nil && !bytes.Equal(encodeBase(x), b) {
			t.Errorf("%x is read as %+v", b, x)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	f := newFixture(b)
	e := audit.Entry{Tenant: "acme", Actor: "key:k", Action: audit.Query, Text: hex.EncodeToString(make([]byte, 200)), Outcome: audit.OK}
	b.ReportAllocs()
	for b.Loop() {
		f.Record(e)
	}
}
