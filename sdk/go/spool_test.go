package weir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func open(t *testing.T, dir string, max int64, report func(error)) *spool {
	t.Helper()
	if report == nil {
		report = func(err error) { t.Error(err) }
	}
	s, err := openSpool(dir, max, report)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fill(t *testing.T, s *spool, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := s.push(item{at: int64(i), line: fmt.Appendf(nil, `{"n":%d}`, i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// rest settles everything in batches of n events and gives the lines.
func rest(t *testing.T, s *spool, n int) []string {
	t.Helper()
	var lines []string
	for {
		b, err := s.next(n, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if b.done == 0 {
			return lines
		}
		for _, it := range b.items {
			lines = append(lines, string(it.line))
		}
		if err := s.settle(b); err != nil {
			t.Fatal(err)
		}
	}
}

func numbers(from, to int) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf(`{"n":%d}`, i))
	}
	return lines
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d lines %.200q\nwant %d %.200q", len(got), got, len(want), want)
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func shut(t *testing.T, s *spool) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// What waits is there after each restart, in order; what was settled is not; files of settled events are removed.
func TestSpoolRestarts(t *testing.T) {
	dir := t.TempDir()
	pushed, settled := 0, 0
	for life := range 20 {
		s := open(t, dir, 1<<20, nil)
		s.segmentBytes = 300
		if waiting, _, _ := s.count(); waiting != uint64(pushed-settled) {
			t.Fatalf("life %d: %d wait, want %d", life, waiting, pushed-settled)
		}
		fill(t, s, pushed, pushed+17)
		pushed += 17
		b, err := s.next(life, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i, it := range b.items {
			if want := fmt.Sprintf(`{"n":%d}`, settled+i); string(it.line) != want || it.at != int64(settled+i) {
				t.Fatalf("life %d: %s of %d, want %s", life, it.line, it.at, want)
			}
		}
		if b.done > 0 {
			if err := s.settle(b); err != nil {
				t.Fatal(err)
			}
			settled += len(b.items)
		}
		if life%3 > 0 { // else as if the process had been killed: only the lock goes
			shut(t, s)
		} else if err := s.lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, 1<<20, nil)
	equal(t, rest(t, s, 7), numbers(settled, pushed))
	if waiting, _, bytes := s.count(); waiting != 0 || bytes != 0 || s.size != 0 || len(segments(t, dir)) != 0 {
		t.Errorf("%d events, %d bytes (%d), files %v are left", waiting, bytes, s.size, segments(t, dir))
	}
	shut(t, s)
}

// A segment that is cut off anywhere loses only the lines that are not whole, silently; those after the next start come behind.
func TestSpoolTornTail(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<20, nil)
	fill(t, s, 0, 5)
	shut(t, s)
	name := segments(t, dir)[0]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, 1<<20, nil)
		kept := bytes.Count(whole[:cut], []byte("\n"))
		if waiting, _, _ := s.count(); waiting != uint64(kept) {
			t.Errorf("cut at %d: %d wait, want %d", cut, waiting, kept)
		}
		fill(t, s, 5, 7)
		equal(t, rest(t, s, 100), append(numbers(0, kept), numbers(5, 7)...))
		shut(t, s)
		if err := os.Remove(filepath.Join(dir, "cursor")); err != nil {
			t.Fatal(err)
		}
		for _, other := range segments(t, dir) {
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A changed byte anywhere loses no more than the lines that it is in, and that is told.
func TestSpoolCorrupt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<20, nil)
	fill(t, s, 0, 6)
	shut(t, s)
	name := segments(t, dir)[0]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		broken := bytes.Clone(whole)
		broken[at] ^= 0x11
		if err := os.WriteFile(name, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		told := 0
		s := open(t, dir, 1<<20, func(error) { told++ })
		got := rest(t, s, 2)
		if told != 1 && at != len(whole)-1 || len(got) < 4 {
			t.Errorf("byte %d: %d lines are left, told %d times", at, len(got), told)
		}
		if waiting, _, _ := s.count(); waiting != 0 {
			t.Errorf("byte %d: %d events wait for ever", at, waiting)
		}
		shut(t, s)
		if err := os.Remove(filepath.Join(dir, "cursor")); err != nil {
			t.Fatal(err)
		}
	}
}

// A cursor that is lost, torn, old or ahead of the file never hides an event that is not settled.
func TestSpoolCursor(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "torn": "1234", "zeros": strings.Repeat("\x00", 30), "of another time": "00000000 1 20\n"} {
		dir := t.TempDir()
		s := open(t, dir, 1<<20, nil)
		fill(t, s, 0, 5)
		b, err := s.next(2, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.settle(b); err != nil {
			t.Fatal(err)
		}
		shut(t, s)
		if err := os.WriteFile(filepath.Join(dir, "cursor"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, 1<<20, nil)
		t.Log(name)
		equal(t, rest(t, s, 10), numbers(0, 5))
		shut(t, s)
	}
	dir := t.TempDir()
	s := open(t, dir, 1<<20, nil)
	fill(t, s, 0, 5)
	rest(t, s, 10) // the cursor is at the end of the first segment, which goes when it is shut
	shut(t, s)
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), record(item{line: []byte("{}")})[:12], 0o600); err != nil { // power loss took what was not synced
		t.Fatal(err)
	}
	s = open(t, dir, 1<<20, nil)
	fill(t, s, 5, 8)
	equal(t, rest(t, s, 10), numbers(5, 8))
	shut(t, s)
}

func TestSpoolFull(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, minSpoolBytes, nil)
	line := bytes.Repeat([]byte("x"), 10_000)
	n := 0
	for ; ; n++ {
		if _, err := s.push(item{line: line}); errors.Is(err, ErrQueueFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	onDisk := func() (sum int64) {
		for _, name := range segments(t, dir) {
			st, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			sum += st.Size()
		}
		return sum
	}
	if got := onDisk(); got > minSpoolBytes || got < minSpoolBytes-11_000 {
		t.Errorf("%d events take %d bytes, the bound is %d", n, got, minSpoolBytes)
	}
	if _, err := s.push(item{line: bytes.Repeat([]byte("x"), minSpoolBytes/2)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an event of half the spool: %v", err)
	}
	for range 50 { // it takes as much as goes, for ever
		b, err := s.next(30, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.settle(b); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := s.push(item{line: line}); err != nil {
				break
			}
		}
	}
	if got := onDisk(); got > minSpoolBytes || got < minSpoolBytes/2 {
		t.Errorf("after a while the spool takes %d bytes, the bound is %d", got, minSpoolBytes)
	}
	shut(t, s)
}

// A segment that vanishes is told and does not stop the others.
func TestSpoolGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<20, nil)
	s.segmentBytes = 100
	fill(t, s, 0, 20)
	shut(t, s)
	var told []error
	s = open(t, dir, 1<<20, func(err error) { told = append(told, err) })
	names := segments(t, dir)
	lost, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, s, 100); len(got) != 20-bytes.Count(lost, []byte("\n")) || len(told) != 1 {
		t.Errorf("%d lines, told %v", len(got), told)
	}
	if waiting, _, _ := s.count(); waiting != 0 {
		t.Errorf("%d wait for ever", waiting)
	}
	shut(t, s)
}

// Other files in the directory are left alone.
func TestSpoolForeignFiles(t *testing.T) {
	dir := t.TempDir()
	foreign := []string{"1.spool", "00000000000000000001.spool.bak", "x.spool", "-0000000000000000001.spool", "readme"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, segmentName(7)), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, 1<<20, nil)
	fill(t, s, 0, 3)
	equal(t, rest(t, s, 100), numbers(0, 3))
	shut(t, s)
	for _, name := range foreign {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestSpoolInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<20, nil)
	if _, err := openSpool(dir, 1<<20, nil); !errors.Is(err, ErrSpoolInUse) {
		t.Errorf("a second client: %v", err)
	}
	shut(t, s)
	shut(t, open(t, dir, 1<<20, nil))
}

// A directory that cannot be written refuses events, and takes them again when it can be.
func TestSpoolUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, dir, 1<<20, nil)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.push(item{line: []byte("{}")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an event without a directory: %v", err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 0, 3)
	equal(t, rest(t, s, 100), numbers(0, 3))
	shut(t, s)
}

// A client that is closed while the server is away leaves its events to the next one, which sends them at once.
func TestSpoolOfClients(t *testing.T) {
	for _, sync := range []Sync{SyncSecond, SyncEach} {
		synctest.Test(t, func(t *testing.T) {
			away := &server{next: func(request) (*http.Response, error) { return nil, errors.New("away") }}
			opts := Options{Spool: t.TempDir(), Sync: sync, FlushInterval: time.Hour}
			c := start(t, away, opts)
			track(t, c, "1", "2", "3")
			if _, err := New(Options{Endpoint: "http://h", WriteKey: "k", Spool: opts.Spool}); !errors.Is(err, ErrSpoolInUse) {
				t.Errorf("a second client: %v", err)
			}
			time.Sleep(2 * time.Second)
			sp := c.queue.(*spool)
			sp.syncing.Lock()
			if sp.synced != 3 {
				t.Errorf("%d events are synced", sp.synced)
			}
			sp.syncing.Unlock()
			err := c.Close(cancelled(t))
			if err == nil || !strings.Contains(err.Error(), "3 events stay in the spool") {
				t.Errorf("close: %v", err)
			}
			release := make(chan struct{}) // the new client sends as soon as it is there, so that the answer must wait to let the queue be seen
			s := &server{next: func(r request) (*http.Response, error) { <-release; return accept(len(r.ids)), nil }}
			c = start(t, s, opts)
			synctest.Wait()
			if st := c.Stats(); st.Queued != 3 {
				t.Errorf("%+v", st)
			}
			close(release)
			synctest.Wait()
			if s.count() != 1 || !reflect.DeepEqual(s.requests[0].ids, []string{"1", "2", "3"}) {
				t.Errorf("the next client sent %+v", s.requests)
			}
			track(t, c, "4")
			stop(t, c)
			if got := s.taken(); len(got) != 4 || len(segments(t, opts.Spool)) != 0 {
				t.Errorf("%v arrived; %v are left", got, segments(t, opts.Spool))
			}
		})
	}
}

// Whatever lies in the directory, opening and reading ends, and lines that are as they were written come out.
func FuzzSpool(f *testing.F) {
	good := string(record(item{at: 5, line: []byte(`{"event_id":"a","type":"e"}`)}))
	f.Add([]byte(good), []byte("00000000 1 0\n"), uint8(1))
	f.Add([]byte(good+"torn"), []byte("x"), uint8(2))
	f.Add([]byte("\n\n\n"+good), []byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, seg, cur []byte, n uint8) {
		dir := t.TempDir()
		for id, text := range map[uint64][]byte{1: append([]byte(good), seg...), 2: []byte(good)} {
			if err := os.WriteFile(filepath.Join(dir, segmentName(id)), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "cursor"), cur, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, 1<<20, func(error) {})
		settledBefore := s.readCursor() != cursor{}
		if _, err := s.push(item{line: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		got := rest(t, s, int(n)+1)
		if len(got) == 0 || got[len(got)-1] != "{}" || !settledBefore && (len(got) < 3 || got[0] != `{"event_id":"a","type":"e"}`) {
			t.Errorf("%q", got)
		}
		if waiting, _, _ := s.count(); waiting != 0 {
			t.Errorf("%d wait for ever", waiting)
		}
		shut(t, s)
	})
}

// TestSyncThatFails: whose events a sync failed for are told so, also when the next sync succeeds.
func TestSyncThatFails(t *testing.T) {
	s, err := openSpool(t.TempDir(), 1<<20, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	push := func() uint64 {
		t.Helper()
		n, err := s.push(item{at: 1, line: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first, second := push(), push()
	broken, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Close(); err != nil { // to sync it fails
		t.Fatal(err)
	}
	s.full = append(s.full, broken)
	if s.sync(first) == nil {
		t.Error("a sync that failed is no error")
	}
	if s.sync(second) == nil {
		t.Error("an event of a sync that failed counts as synced")
	}
	if err := s.sync(push()); err != nil {
		t.Errorf("the sync after it: %v", err)
	}
	if s.sync(second) == nil {
		t.Error("an event of a sync that failed counts as synced after the next one")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
