package dedupe

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

var benchKeys = flag.Int("dedupe.keys", 2_000_000, "keys remembered before the benchmark, over 7 days")

const benchBatch = 100_000

// benchSet is a Set on the disk, with Run beside it, filled with keys over 7 days.
type benchSet struct {
	*Set
	db     *pebble.DB
	cfg    Config
	stop   func()
	commit uint64
	serial uint64
	ids    []byte
}

func openBench(b *testing.B) *benchSet {
	dir := b.TempDir()
	db, err := pebble.Open(dir+"/db", &pebble.Options{Logger: quiet{}})
	if err != nil {
		b.Fatal(err)
	}
	s := &benchSet{db: db, cfg: Config{DB: db, Dir: dir + "/runs", Secret: Secret{1}}}
	s.open(b)
	b.Cleanup(func() {
		s.close(b)
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func (s *benchSet) open(b *testing.B) {
	set, err := Open(s.cfg)
	if err != nil {
		b.Fatal(err)
	}
	s.Set = set
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := set.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	s.stop = func() { cancel(); wg.Wait() }
}

func (s *benchSet) close(b *testing.B) {
	s.stop()
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}

var benchStart = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).UnixMilli()

// id writes a random UUID, of version 7 with the given time, or of version 4.
func benchID(id []byte, serial uint64, ms int64, v7 bool) []byte {
	x, y := mix(serial), mix(serial^1<<63)
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], x)
	binary.BigEndian.PutUint64(raw[8:], y)
	raw[6] = raw[6]&0x0f | 0x40
	if v7 {
		binary.BigEndian.PutUint64(raw[:], uint64(ms)<<16|0x7000|x&0xfff)
	}
	raw[8] = raw[8]&0x3f | 0x80
	const hex = "0123456789abcdef"
	id = id[:0]
	for i, c := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			id = append(id, '-')
		}
		id = append(id, hex[c>>4], hex[c&15])
	}
	return id
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// next makes n entries received at ms from the serials on.
func (s *benchSet) next(entries []Entry, serial uint64, ms int64, v7 bool) {
	site := []byte("shop.example")
	for i := range entries {
		s.ids = benchID(s.ids, serial+uint64(i), ms, v7)
		entries[i] = Entry{
			Key:      s.Key(uint32(serial+uint64(i))%1000, site, s.ids),
			Payload:  uint32(serial) + uint32(i),
			Received: ms,
			IDTime:   IDTime(s.ids),
		}
	}
}

func (s *benchSet) store(b *testing.B, entries []Entry, verdicts []Verdict, want Verdict) {
	if err := s.Check(entries, verdicts); err != nil {
		b.Fatal(err)
	}
	for _, v := range verdicts {
		if v != want {
			b.Fatalf("a key is %v, not %v", v, want)
		}
	}
	if want != New {
		return
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	s.commit++
	st, err := s.Stage(batch, entries, s.commit)
	if err != nil {
		b.Fatal(err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		b.Fatal(err)
	}
	s.Apply(st)
}

func (s *benchSet) fill(b *testing.B, v7 bool) (last int64) {
	entries, verdicts := make([]Entry, benchBatch), make([]Verdict, benchBatch)
	ms := benchStart
	for n := 0; n < *benchKeys; n += benchBatch {
		ms = benchStart + int64(float64(n)/float64(*benchKeys)*7*86400e3)
		s.next(entries, s.serial, ms, v7)
		s.serial += benchBatch
		s.store(b, entries, verdicts, New)
		for s.Stats().Segments > 2 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := s.Maintain(b.Context()); err != nil {
		b.Fatal(err)
	}
	return ms
}

func BenchmarkNew(b *testing.B) {
	for _, v7 := range []bool{false, true} {
		b.Run(fmt.Sprintf("v7=%v", v7), func(b *testing.B) {
			s := openBench(b)
			ms := s.fill(b, v7)
			entries, verdicts := make([]Entry, benchBatch), make([]Verdict, benchBatch)
			b.ReportAllocs()
			runtime.GC()
			cpu0, made, check := cpuTime(), time.Duration(0), time.Duration(0)
			b.ResetTimer()
			for b.Loop() {
				t, c := time.Now(), cpuTime()
				ms += 500
				s.next(entries, s.serial, ms, v7)
				s.serial += benchBatch
				made += cpuTime() - c
				_ = t
				t = time.Now()
				s.store(b, entries, verdicts, New)
				check += time.Since(t)
			}
			b.StopTimer()
			if err := s.Maintain(b.Context()); err != nil {
				b.Fatal(err)
			}
			n := float64(b.N) * benchBatch
			b.ReportMetric(float64(check.Nanoseconds())/n, "wall-ns/event")
			b.ReportMetric(float64((cpuTime()-cpu0-made).Nanoseconds())/n, "cpu-ns/event")
			report(b, s)
		})
	}
}

func report(b *testing.B, s *benchSet) {
	st := s.Stats()
	var index int64
	for _, r := range s.view.runs {
		index += r.bytes()
	}
	b.ReportMetric(float64(index)/float64(st.RunKeys), "B/key")
	b.ReportMetric(float64(st.Runs), "runs")
	b.ReportMetric(float64(st.RunKeys+st.HeadKeys)/1e6, "Mkeys")
}

func BenchmarkRepeats(b *testing.B) {
	for _, v7 := range []bool{false, true} {
		b.Run(fmt.Sprintf("v7=%v", v7), func(b *testing.B) {
			s := openBench(b)
			ms := s.fill(b, v7)
			entries, verdicts := make([]Entry, benchBatch), make([]Verdict, benchBatch)
			check := time.Duration(0)
			b.ResetTimer()
			for b.Loop() {
				n := rand.Uint64N(s.serial/benchBatch) * benchBatch
				at := benchStart + int64(float64(n)/float64(*benchKeys)*7*86400e3)
				s.next(entries, n, at, v7)
				for i := range entries {
					entries[i].Received = ms
				}
				t := time.Now()
				s.store(b, entries, verdicts, Duplicate)
				check += time.Since(t)
			}
			b.ReportMetric(float64(b.N)*benchBatch/check.Seconds(), "repeats/s")
			report(b, s)
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	s := openBench(b)
	s.fill(b, false)
	entries, verdicts := make([]Entry, benchBatch), make([]Verdict, benchBatch)
	for range 9 { // nearly a full head
		s.next(entries, s.serial, benchStart+7*86400e3, false)
		s.serial += benchBatch
		s.store(b, entries, verdicts, New)
	}
	b.ResetTimer()
	for b.Loop() {
		s.close(b)
		s.open(b)
	}
	report(b, s)
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, a ...any) {
	panic(fmt.Sprintf(f, a...))
}
