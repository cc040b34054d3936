package damage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/testkit/damagekit"
)

type quiet struct{ t *testing.T }

func (quiet) Infof(string, ...any)             {}
func (quiet) Errorf(string, ...any)            {}
func (q quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// Damage is an error of who reads there, at once; the store's own work rests when it meets it, and what is written is still taken.
func TestSurvive(t *testing.T) {
	dir, log, reg := filepath.Join(t.TempDir(), "letters"), &bytes.Buffer{}, prometheus.NewRegistry()
	o := &pebble.Options{Logger: quiet{t}}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	open := func() *pebble.DB {
		t.Helper()
		db, err := pebble.Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	if err := errors.Join(db.Set([]byte("k1"), []byte("a value to be found"), pebble.Sync), db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}
	damagekit.FlipBit(t, dir, "to be found")
	if err := Survive(o, Config{Store: "letters", Mend: "look for them", Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: reg}); err != nil {
		t.Fatal(err)
	}
	db = open()
	defer func() { _ = db.Close() }()
	var err error
	quickest := time.Hour
	for range 5 { // a busy machine may let one of them wait
		begun := time.Now()
		_, _, err = db.Get([]byte("k1"))
		if quickest = min(quickest, time.Since(begun)); !Of(err) {
			t.Fatalf("read %v", err)
		}
	}
	if quickest > rest/2 {
		t.Fatalf("each read waited, for %s at least", quickest)
	}
	if p := Problem(fmt.Errorf("read: %w", err)); p == nil || p.Code != "store_damaged" || p.Status != 500 || !strings.Contains(p.Detail, "the store letters") || strings.Contains(p.Detail, dir) {
		t.Errorf("told of it: %+v", p)
	}
	if told := Told(fmt.Errorf("read: %w", err), "look for it"); told.Error() != "the file "+filepath.Join(dir, "000005.sst")+" is damaged: look for it" || !Of(told) || Told(told, "again") != told {
		t.Errorf("told at the start: %v", told)
	}
	for i := range 20 { // more than level 0 takes without a compaction
		written := make(chan error, 1)
		go func() {
			written <- errors.Join(db.Set([]byte("k0"), []byte{byte(i)}, pebble.Sync), db.Set([]byte("k2"), nil, pebble.Sync), db.Flush())
		}()
		select {
		case err := <-written:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("what is written waits for ever")
		}
	}
	count := func() float64 {
		all, err := reg.Gather()
		if err != nil || len(all) != 1 || all[0].GetName() != "weir_store_damaged_reads_total" {
			t.Fatal(all, err)
		}
		return all[0].Metric[0].Counter.GetValue()
	}
	before := count()
	for deadline := time.Now().Add(time.Minute); count() == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no compaction meets the damage")
		}
	}
	before, begun := count(), time.Now()
	time.Sleep(300 * time.Millisecond)
	if n, took := count()-before, time.Since(begun); n > 3+took.Seconds()/rest.Seconds() {
		t.Errorf("the damage is met %v times in %s", n, took)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "look for them") {
		t.Errorf("%d lines of the log:\n%s", n, log)
	}
}

func TestOf(t *testing.T) {
	other := errors.New("another error")
	if Of(nil) || Of(other) || Problem(other) != nil || Told(other, "x") != other || Told(nil, "x") != nil {
		t.Error("an error is taken for damage that is none")
	}
	if whole := fmt.Errorf("a log: %w", pebble.ErrCorruption); Told(whole, "mend it").Error() != whole.Error()+": mend it" || !strings.Contains(Problem(whole).Detail, "a store") {
		t.Error(Told(whole, "mend it"), Problem(whole))
	}
}
