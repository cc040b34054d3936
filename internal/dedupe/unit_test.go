package dedupe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestIDTime(t *testing.T) {
	for id, want := range map[string]int64{
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f":  1645557742000, // RFC 9562's example
		"017F22E2-79B0-7CC3-98C4-DC0C0C07398F":  1645557742000,
		"017f22e2-79b0-4cc3-98c4-dc0c0c07398f":  0, // version 4
		"017f22e2-79b0-7cc3-78c4-dc0c0c07398f":  0, // another variant
		"017f22e2-79b0-7cc3-c8c4-dc0c0c07398f":  0,
		"017f22e279b0-7cc3-98c4-dc0c0c07398f0":  0,
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398g":  0,
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398":   0,
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398f}": 0,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":            1469922850259, // the ULID specification's example
		"01arz3ndektsv4rrffq69g5fav":            1469922850259,
		"81ARZ3NDEKTSV4RRFFQ69G5FAV":            0, // more than 128 bits
		"01ARZ3NDEKTSV4RRFFQ69G5FAU":            0, // U is no digit
		"01ARZ3NDEKTSV4RRFFQ69G5FAVA":           0,
		"7ZZZZZZZZZZZZZZZZZZZZZZZZZ":            1<<48 - 1,
		"":                                      0,
	} {
		if got := IDTime([]byte(id)); got != want {
			t.Errorf("%q: %d, not %d", id, got, want)
		}
	}
}

func TestKey(t *testing.T) {
	s := &Set{}
	s.k0, s.k1 = Secret{1, 2, 3}.halves()
	seen := map[Key]string{}
	long := strings.Repeat("x", 1000)
	for _, id := range []string{"", "a", "b", "ab", long, long + "x", long[:190], long[:191], long[:192]} {
		for _, site := range []string{"", "a", "b"} {
			for tenant := range uint32(2) {
				name := fmt.Sprintf("%d/%s/%s", tenant, site, id)
				k := s.Key(tenant, []byte(site), []byte(id))
				if other, ok := seen[k]; ok {
					t.Errorf("%s and %s have one key", name, other)
				}
				seen[k] = name
				if again := s.Key(tenant, []byte(site), []byte(id)); again != k {
					t.Errorf("%s has two keys", name)
				}
			}
		}
	}
	k := s.Key(0x01020304, []byte("site"), []byte("id"))
	if got, want := hex.EncodeToString(k[:]), "01020304d09a41e6b913dbd53bfcbf0b"; got != want {
		t.Errorf("key %s, not %s: stored keys would be lost", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { s.Key(1, []byte("site"), []byte("0123456789abcdef")) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSecret(t *testing.T) {
	s, err := ParseSecret("000102030405060708090a0b0c0d0e0f")
	if err != nil || s[15] != 15 {
		t.Fatalf("%x, %v", s[:], err)
	}
	for _, bad := range []string{"", "00", "zz0102030405060708090a0b0c0d0e0f"} {
		if _, err := ParseSecret(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, format := range []string{"%v", "%s", "%+v", "%#v"} {
		if got := fmt.Sprintf(format, Config{Secret: s}); strings.Contains(got, "0x3, 0x4") || strings.Contains(got, "3 4 5") {
			t.Errorf("%s prints the secret: %s", format, got)
		}
	}
}

func TestValidate(t *testing.T) {
	err := Config{Window: time.Minute, Lag: -1, MaxKeys: -1, FreezeKeys: 1 << 30, HeadKeys: 1}.Validate()
	for _, field := range []string{"db", "dir", "secret", "window", "lag", "max_keys", "freeze_keys", "head_keys"} {
		if err == nil || !strings.Contains(err.Error(), "dedupe."+field+":") {
			t.Errorf("no word about %s in %v", field, err)
		}
	}
}

// TestMisuse checks what Check and Stage refuse.
func TestMisuse(t *testing.T) {
	h := newMem(t, Config{})
	if err := h.set.Check(make([]Entry, 2), make([]Verdict, 1)); err == nil {
		t.Error("too few verdicts were taken")
	}
	b := h.db.NewBatch()
	defer b.Close()
	if _, err := h.set.Stage(b, make([]Entry, MaxStage+1), 1); err == nil {
		t.Error("too many entries were taken")
	}
	if err := h.set.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.set.Check(make([]Entry, 1), make([]Verdict, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("check after close: %v", err)
	}
	if _, err := h.set.Stage(b, nil, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("stage after close: %v", err)
	}
}

// TestLarge makes commits of several blobs, several pages and grown tables.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine and 200 000 keys: the race detector learns nothing from it, and needs a minute")
	}
	h := newMem(t, Config{FreezeKeys: 150_000})
	var all []Entry
	for i := range 200_000 {
		all = append(all, h.entry(uint32(i%7), i, start+int64(i)*20, []int64{0, start + int64(i)*20}[i%2]))
	}
	h.store(h.check(all[:100_000])) // stays in the head
	h.check(all)
	h.reopen()
	h.store(h.check(all))
	h.maintain()
	if st := h.set.Stats(); st.RunKeys != 200_000 || st.HeadKeys != 0 {
		t.Fatalf("%+v", st)
	}
	for range 3 {
		h.check(all)
		h.reopen()
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i := range all {
			all[i].Received += 7*day - 5000*second
		}
	}
}

// TestExpiry checks the very second of forgetting, for lookups and for files.
func TestExpiry(t *testing.T) {
	h := newMem(t, Config{FreezeKeys: 1})
	old := h.entry(1, 1, start, 0)
	at := func(e Entry, ms int64) []Entry { e.Received = ms; return []Entry{e} }
	h.store([]Entry{old})
	h.maintain()
	for _, c := range []struct {
		received int64
		fresh    int
	}{{start + 7*day, 0}, {start + 7*day + 999, 0}, {start + 7*day + second, 1}} {
		if got := len(h.check(at(old, c.received))); got != c.fresh {
			t.Errorf("received %d ms later: %d new", c.received-start, got)
		}
	}
	h.store([]Entry{h.entry(1, 2, start+8*day, 0)})
	h.maintain()
	if got := len(h.check(at(old, start+7*day))); got != 0 || h.set.Stats().Runs != 2 {
		t.Errorf("a key was dropped while an event could still come late")
	}
	h.store([]Entry{h.entry(1, 3, start+8*day+hour, 0)})
	h.maintain()
	if st := h.set.Stats(); st.Runs != 2 || len(h.files()) != 2 {
		t.Errorf("%d runs, files %v", st.Runs, h.files())
	}
	if got, want := h.set.Horizon(1), time.UnixMilli(start+day+hour).UTC(); got != want {
		t.Errorf("horizon %v, not %v", got, want)
	}
}

// TestQuota checks that a tenant above its quota loses its oldest keys only, that
// its horizon tells so, and that others lose nothing.
func TestQuota(t *testing.T) {
	h := newMem(t, Config{FreezeKeys: 100, QuotaOf: func(n uint32) int64 { return map[uint32]int64{2: 250}[n] }})
	h.limits = true
	if !h.set.Horizon(2).IsZero() {
		t.Error("an empty set has a horizon")
	}
	for i := range 20 {
		var batch []Entry
		for j := range 100 {
			batch = append(batch, h.entry(uint32(1+j%2), i*100+j, start+int64(i)*60*second, 0))
		}
		h.store(h.check(batch))
		h.maintain()
	}
	if got, want := h.set.Horizon(2), time.UnixMilli(start+14*60*second+second).UTC(); got != want {
		t.Errorf("horizon %v, not %v", got, want)
	}
	if got, want := h.set.Horizon(1), time.UnixMilli(start+19*60*second-7*day).UTC(); got != want {
		t.Errorf("other tenant's horizon %v, not %v", got, want)
	}
	horizon := h.set.Horizon(2)
	h.reopen()
	if got := h.set.Horizon(2); got != horizon {
		t.Errorf("horizon %v after a restart, not %v", got, horizon)
	}
	if fresh := h.check(slices.Clone(h.copies)); len(fresh) != 15*50 {
		t.Errorf("%d keys are forgotten, not %d", len(fresh), 15*50)
	}
}

// TestBound checks that the process keeps within MaxKeys, and that all horizons tell so.
func TestBound(t *testing.T) {
	h := newMem(t, Config{FreezeKeys: 100, MaxKeys: 500})
	h.limits = true
	for i := range 40 {
		var batch []Entry
		for j := range 100 {
			batch = append(batch, h.entry(uint32(1+j%2), i*100+j, start+int64(i)*60*second, 0))
		}
		h.store(h.check(batch))
		h.maintain()
		if st := h.set.Stats(); st.RunKeys > 550 || i >= 5 && st.RunKeys < 400 {
			t.Fatalf("%d keys after %d", st.RunKeys, 100*(i+1))
		}
	}
	want := time.UnixMilli(start + 35*60*second + second).UTC()
	for tenant := range uint32(3) {
		if got := h.set.Horizon(tenant); got != want {
			t.Errorf("horizon %v of tenant %d, not %v", got, tenant, want)
		}
	}
	if fresh := h.check(slices.Clone(h.copies)); len(fresh) != 3600 {
		t.Errorf("%d keys are forgotten, not 3600", len(fresh))
	}
}

// TestReadersKeepFiles checks that a merge does not take files away from a Check that reads them.
func TestReadersKeepFiles(t *testing.T) {
	h := newMem(t, Config{FreezeKeys: 10})
	for n := uint64(1); n < mergeFanIn; n++ {
		h.store([]Entry{h.entry(1, int(n), start, 0)})
		h.set.freezeHead()
	}
	h.maintain()
	v, err := h.set.acquire()
	if err != nil {
		t.Fatal(err)
	}
	h.store([]Entry{h.entry(1, mergeFanIn, start, 0)})
	h.set.freezeHead()
	h.maintain()
	if got := h.set.Stats().Runs; got != 1 {
		t.Fatalf("%d runs", got)
	}
	for _, r := range v.runs {
		if err := r.verify(); err != nil {
			t.Error(err)
		}
		if _, err := h.fs.Stat(r.path); err != nil {
			t.Error(err)
		}
	}
	v.release()
	h.maintain()
	if files := h.files(); len(files) != 1 {
		t.Errorf("files %v", files)
	}
}

func TestFilter(t *testing.T) {
	const n = 100_000
	f := newFilter(n)
	rng := rand.New(rand.NewPCG(3, 4))
	a, b := make([]uint64, 2*n), make([]uint64, 2*n)
	list := make([]uint32, 2*n)
	for i := range a {
		a[i], b[i], list[i] = rng.Uint64(), rng.Uint64(), uint32(i)
		if i < n {
			f.add(a[i], b[i])
		}
	}
	if got := f.match(a, b, list[:n], nil); !slices.Equal(got, list[:n]) {
		t.Errorf("%d of %d keys are found", len(got), n)
	}
	if false_ := len(f.match(a, b, list[n:], nil)); false_ > n/500 {
		t.Errorf("%d false hits of %d", false_, n)
	}
}

// TestSameHash checks keys that share the first half of the hash, over page borders.
func TestSameHash(t *testing.T) {
	h := newMem(t, Config{FreezeKeys: 600})
	var all []Entry
	for i := range 600 {
		e := h.entry(1, i, start, 0)
		if i > 100 && i < 500 { // three pages of one a
			copy(e.Key[4:12], []byte{0x80, 1, 2, 3, 4, 5, 6, 7})
		}
		all = append(all, e)
	}
	h.store(h.check(all))
	h.maintain()
	for i := range all {
		h.check(all[i : i+1])
	}
	h.check(all)
	absent := all[200]
	absent.Key[15]++
	absent.Key[14] += 77
	h.check([]Entry{absent})
}

// TestGolden keeps the forms of blobs and run files: state written by one release is read by the next.
func TestGolden(t *testing.T) {
	fs := vfs.NewMem()
	h := newHarness(t, fs, Config{FreezeKeys: 300})
	defer h.close()
	var recs []rec
	for i := range 300 {
		r := rec{mix(uint64(i)), mix(uint64(i+1000))<<32 | uint64(i%3), uint32(i), uint32(start/1000) + uint32(i)}
		recs = append(recs, r)
	}
	blob := make([]byte, blobSize(3))
	encodeBlob(blob, recs[:3], []uint16{1, 2, 0xffff})
	r, err := h.set.writeRun(t.Context(), "freeze", 20000, sortRecs(recs))
	if err != nil {
		t.Fatal(err)
	}
	defer r.file.Close()
	f, err := fs.Open(r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := io.ReadAll(io.NewSectionReader(f, 0, r.meta.size))
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"blob-1": blob, "run-1": file, "meta-1": r.meta.encode()} {
		path := "testdata/" + name
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is written otherwise than by earlier releases", name)
		}
	}
	again, days, err := decodeBlob(blob, nil, nil)
	if diff := cmp.Diff(recs[:3], again, cmp.AllowUnexported(rec{})); err != nil || diff != "" || !slices.Equal(days, []uint16{1, 2, 0xffff}) {
		t.Errorf("%v %v %s", err, days, diff)
	}
	opened, err := openRun(fs, "runs", r.meta)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.file.Close()
	if diff := cmp.Diff(r.slices, opened.slices, cmp.AllowUnexported(slice{})); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(r.filter, opened.filter) || !slices.Equal(r.fences, opened.fences) {
		t.Error("the index reads otherwise than it was written")
	}
}
