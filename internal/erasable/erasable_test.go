package erasable

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// After a flush and a compaction no file holds what was deleted. With Pebble's own cleaner a write-ahead log that waits to be used again does.
func TestNothingIsLeft(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cleaner pebble.Cleaner
		left    bool
	}{{"ours", Cleaner{}, false}, {"the default", pebble.DeleteCleaner{}, true}} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			o := &pebble.Options{Cleaner: tc.cleaner, Logger: quiet{}}
			o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
			db, err := pebble.Open(dir, o)
			must(t, err)
			defer func() { must(t, db.Close()) }()
			for i := range 100 {
				must(t, db.Set([]byte(fmt.Sprint("key", i)), []byte("canary"), pebble.Sync))
			}
			must(t, db.Flush())
			if len(holding(t, dir)) == 0 {
				t.Fatal("the canary is nowhere: the test shows nothing")
			}
			must(t, db.DeleteRange([]byte("key"), []byte("kez"), pebble.Sync))
			must(t, db.Flush())
			must(t, db.Compact(context.Background(), []byte("a"), []byte("z"), false))
			db.TestOnlyWaitForCleaning()
			found := holding(t, dir)
			for deadline := time.Now().Add(time.Minute); !tc.left && len(found) > 0 && time.Now().Before(deadline); found = holding(t, dir) {
				time.Sleep(10 * time.Millisecond) // a compaction that began by itself may still end
			}
			if len(found) > 0 != tc.left {
				t.Errorf("left in %v", found)
			}
		})
	}
}

// Logs that are used again hold what was erased, until they are replaced; the store goes on.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	logs := &Logs{FS: vfs.Default}
	o := &pebble.Options{FS: logs, Logger: quiet{}}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	db, err := pebble.Open(dir, o)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for round := range 3 {
		for i := range 100 {
			must(t, db.Set([]byte(fmt.Sprint("key", i)), []byte("canary"), pebble.Sync))
		}
		must(t, db.Flush())
		must(t, db.DeleteRange([]byte("key"), []byte("kez"), pebble.Sync))
		must(t, db.Flush())
		must(t, db.Compact(t.Context(), []byte("a"), []byte("z"), false))
		db.TestOnlyWaitForCleaning()
		if round == 0 && len(holding(t, dir)) == 0 {
			t.Fatal("the canary is nowhere: the test shows nothing")
		}
		must(t, logs.Replace(t.Context(), db, dir))
		db.TestOnlyWaitForCleaning()
		found := holding(t, dir)
		for deadline := time.Now().Add(time.Minute); len(found) > 0 && time.Now().Before(deadline); found = holding(t, dir) {
			time.Sleep(10 * time.Millisecond)
		}
		if len(found) > 0 {
			t.Errorf("round %d: left in %v", round, found)
		}
		must(t, db.Set([]byte("other"), []byte("value"), pebble.Sync))
	}
}

func holding(t *testing.T, dir string) (found []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, name := range names {
		if content, err := os.ReadFile(name); err == nil && bytes.Contains(content, []byte("canary")) {
			found = append(found, filepath.Base(name))
		}
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
