package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

var text = strings.Repeat("0123456789abcdef", 30_000) // longer than the buffer

// After a power cut at any moment, a job that said done has its whole result, one that was started is known, and no file is left that belongs to nobody.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(60) {
		fs := vfs.NewCrashableMem()
		stopAt := int(seed % 12)
		var clone *vfs.MemFS
		steps := 0
		step := func() {
			if steps == stopAt && clone == nil {
				clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed*17) % 101, RNG: rand.New(rand.NewPCG(seed, 1))})
			}
			steps++
		}
		b := open(t, fs, nil, Kind{Name: "long", Run: func(_ context.Context, r *Run) error {
			step()
			w, err := r.Result("text/plain")
			for i := 0; err == nil && i < len(text); i += 60_000 {
				_, err = io.WriteString(w, text[i:min(i+60_000, len(text))])
				step()
			}
			return err
		}}).run()
		id := b.start(ann, "long", nil).ID
		b.await(id, Done)
		said := clone == nil // the cut comes after the answer "done"
		step()
		if clone == nil {
			clone = fs.CrashClone(vfs.CrashCloneCfg{RNG: rand.New(rand.NewPCG(seed, 2))})
		}
		b.stop()
		b = open(t, clone, nil, Kind{Name: "long", Run: func(context.Context, *Run) error { return errors.New("not again") }}).run()
		j, err := b.jobs.Get(ann, id)
		if err != nil {
			t.Fatalf("seed %d: a started job is lost: %v", seed, err)
		}
		if !j.State.Ended() {
			j = b.await(id, Failed)
		}
		want := 0
		if j.State == Done {
			want = 1
			if got := b.content(id); got != text {
				t.Errorf("seed %d: the result has %d bytes of %d", seed, len(got), len(text))
			}
		}
		if said && j.State != Done {
			t.Errorf("seed %d: the job said done and is %s", seed, j.State)
		}
		if n := files(t, clone); len(n) != want {
			t.Errorf("seed %d: files %v, state %s", seed, n, j.State)
		}
		b.stop()
	}
}

// Whatever operation of the result's file fails, the job fails and says so, and nothing is left that counts against a limit.
func TestEveryFault(t *testing.T) {
	for n := 0; ; n++ {
		mem := vfs.NewMem()
		db, err := pebble.Open("state", &pebble.Options{FS: mem, Logger: quiet{}})
		if err != nil {
			t.Fatal(err)
		}
		left := n
		failed := false
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			switch op.Kind {
			case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpOpenDir:
				if left--; left == -1 {
					failed = true
					return fmt.Errorf("injected at %s", op.Path)
				}
			}
			return nil
		}))
		js, err := Open(Config{DB: db, FS: fs, Dir: "jobs"})
		if err != nil {
			if !failed {
				t.Fatal(err)
			}
			_ = db.Close()
			continue
		}
		long := echo
		js.Register(long)
		b := (&bench{t: t, fs: mem, db: db, jobs: js}).run()
		j := b.start(ann, "echo", text)
		if !failedOrDone(b, j.ID) {
			t.Fatalf("fault %d: the job never ended", n)
		}
		j, _ = js.Get(ann, j.ID)
		js.running.Wait()
		switch {
		case !failed && j.State != Done, failed && j.State != Failed, failed && (len(files(t, mem)) != 0 || js.disk != 0):
			t.Errorf("fault %d (%v): state %s, files %v, bytes %d", n, failed, j.State, files(t, mem), js.disk)
		}
		b.stop()
		if !failed {
			if n < 4 {
				t.Errorf("only %d operations could fail", n)
			}
			return
		}
	}
}

func failedOrDone(b *bench, id string) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if j, _ := b.jobs.Get(operator, id); j.State.Ended() {
			return true
		}
		select {
		case <-b.t.Context().Done():
			return false
		default:
		}
		b.jobs.signal()
		time.Sleep(time.Millisecond)
	}
	return false
}

// A result that somebody has shortened makes its job failed; a record that cannot be read stops the start.
func TestDamage(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs, nil, echo).run()
	id := b.start(ann, "echo", "hello").ID
	b.await(id, Done)
	b.stop()
	f, err := fs.Create("jobs/"+id+".result", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	b = open(t, fs, nil, echo).run()
	if j := b.await(id, Failed); j.Error.Code != "result_lost" || len(files(t, fs)) != 0 {
		t.Errorf("job says %v, files %v", j.Error, files(t, fs))
	}
	if err := b.db.Set([]byte("jobs/"+newID()), []byte("junk"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{DB: b.db, FS: fs, Dir: "jobs"}); !errors.Is(err, errRecord) {
		t.Errorf("a damaged record: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	good, err := encodeRecord(&Job{ID: newID(), Who: ann, Kind: "query", State: Done, Result: &Result{"text/csv", 3, 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:7])
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := decodeRecord(b)
		if err != nil {
			if !errors.Is(err, errRecord) {
				t.Errorf("error %v", err)
			}
			return
		}
		again, err := encodeRecord(j)
		if err != nil {
			t.Fatal(err)
		}
		k, err := decodeRecord(again)
		if err != nil || k.ID != j.ID || k.State != j.State {
			t.Errorf("%+v became %+v, %v", j, k, err)
		}
	})
}
