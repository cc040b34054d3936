package dedupe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// twoRuns is a closed set of two run files, of two days, the older one damaged by f.
func twoRuns(t *testing.T, f func(mem *vfs.MemFS, path string)) (*harness, [2][]Entry) {
	t.Helper()
	mem := vfs.NewMem()
	h := newHarness(t, mem, Config{FreezeKeys: 200})
	var days [2][]Entry
	for d := range days {
		for i := range 400 {
			days[d] = append(days[d], h.entry(1, d*1000+i, start+int64(d)*2*day, 0))
		}
		h.store(h.check(days[d]))
		h.maintain()
	}
	if files := h.files(); len(files) != 2 {
		t.Fatalf("files %v", files)
	}
	older := h.set.view.runs[0].path
	if err := h.set.Close(); err != nil {
		t.Fatal(err)
	}
	f(mem, older)
	t.Cleanup(func() { h.db.Close() })
	h.cfg.Registerer = prometheus.NewRegistry()
	return h, days
}

func flip(t *testing.T, mem *vfs.MemFS, path string, at int64) {
	t.Helper()
	f, err := mem.OpenReadWrite(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += info.Size()
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func damages(t *testing.T) map[string]func(*vfs.MemFS, string) {
	return map[string]func(*vfs.MemFS, string){
		"page":    func(m *vfs.MemFS, p string) { flip(t, m, p, pageSize+100) },
		"filter":  func(m *vfs.MemFS, p string) { flip(t, m, p, 3*pageSize+5) },
		"fences":  func(m *vfs.MemFS, p string) { flip(t, m, p, -footerSize-sliceSize-3) },
		"slices":  func(m *vfs.MemFS, p string) { flip(t, m, p, -footerSize-3) },
		"footer":  func(m *vfs.MemFS, p string) { flip(t, m, p, -footerSize+20) },
		"missing": func(m *vfs.MemFS, p string) { _ = m.Remove(p) },
		"other": func(m *vfs.MemFS, p string) {
			_ = m.Rename(strings.Replace(p, "0.run", "1.run", 1), p)
		},
		"empty": func(m *vfs.MemFS, p string) {
			f, err := m.Create(p, "test")
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		},
	}
}

// TestDamage checks that damage is noticed with the file's name: at Open, or,
// for pages, when the page is read.
func TestDamage(t *testing.T) {
	for name, damage := range damages(t) {
		t.Run(name, func(t *testing.T) {
			h, days := twoRuns(t, damage)
			set, err := Open(h.cfg)
			if name == "page" && err == nil {
				err = set.Check(days[0], make([]Verdict, len(days[0])))
				_ = set.Close()
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "0000000000000000.run") {
				t.Fatalf("error %v", err)
			}
		})
	}
}

// TestDropDamaged checks that a damaged run can be forgotten, and that the horizon tells.
func TestDropDamaged(t *testing.T) {
	for name, damage := range damages(t) {
		t.Run(name, func(t *testing.T) {
			h, days := twoRuns(t, damage)
			h.cfg.DropDamaged = true
			if name == "other" {
				return // both files are gone
			}
			h.open()
			defer h.set.Close()
			if got, want := h.set.Horizon(1), time.UnixMilli(start+second).UTC(); got != want {
				t.Errorf("horizon %v, not %v", got, want)
			}
			h.limits = true
			if fresh := h.check(append(days[0], days[1]...)); len(fresh) != len(days[0]) {
				t.Errorf("%d keys are new, not the %d of the damaged file", len(fresh), len(days[0]))
			}
			if err := h.set.Close(); err != nil {
				t.Fatal(err)
			}
			h.cfg.DropDamaged = false
			h.open()
			if got, want := h.set.Horizon(1), time.UnixMilli(start+second).UTC(); got != want {
				t.Errorf("horizon %v after a restart, not %v", got, want)
			}
		})
	}
}

// TestBlobDamage checks that a damaged blob stops Open.
func TestBlobDamage(t *testing.T) {
	h := newHarness(t, vfs.NewMem(), Config{})
	h.store([]Entry{h.entry(1, 1, start, 0)})
	k := make([]byte, len(h.set.cfg.Prefix)+blobKeyTail)
	h.set.putBlobKey(k, h.commit, 0)
	v, closer, err := h.db.Get(k)
	if err != nil {
		t.Fatal(err)
	}
	v = append([]byte(nil), v...)
	_ = closer.Close()
	v[20] ^= 1
	if err := h.db.Set(k, v, nil); err != nil {
		t.Fatal(err)
	}
	_ = h.set.Close()
	defer h.db.Close()
	if _, err := Open(h.cfg); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("error %v", err)
	}
}

// TestOtherSecret checks that another secret is refused.
func TestOtherSecret(t *testing.T) {
	h := newHarness(t, vfs.NewMem(), Config{})
	_ = h.set.Close()
	defer h.db.Close()
	h.cfg.Secret = Secret{8}
	if _, err := Open(h.cfg); err == nil || !strings.Contains(err.Error(), "dedupe.secret") {
		t.Fatalf("error %v", err)
	}
}
