package disklog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// After a Purge no file holds a record that was truncated away, whether it was in a table, in a memtable or in a write-ahead log, and what is kept can be read.
func TestPurge(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(vfs.Default, dir))
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	for round := range 3 { // the next finds what the last one left
		var next uint64
		for i := range 200 {
			what := "gone"
			if i >= 100 {
				what = "kept"
			}
			off, err := l.Append(t.Context(), 1, []byte(fmt.Sprintf("canary-%s-%d-%d-%s", what, round, i, bytes.Repeat([]byte("x"), 3000))))
			if err != nil {
				t.Fatal(err)
			}
			if i == 99 {
				next = off + 1
			}
		}
		if round == 1 {
			if err := l.store.db.Flush(); err != nil { // in one table with what is kept
				t.Fatal(err)
			}
		}
		gone := fmt.Sprintf("canary-gone-%d-", round)
		if len(filesWith(t, dir, gone)) == 0 {
			t.Fatal("the canary is nowhere: the test shows nothing")
		}
		if err := l.Truncate(t.Context(), 1, next); err != nil {
			t.Fatal(err)
		}
		if err := l.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.store.db.TestOnlyWaitForCleaning() // tables are removed a moment later
		if found := filesWith(t, dir, gone); len(found) > 0 {
			t.Errorf("round %d: truncated records are still in %v", round, found)
		}
		recs, err := l.Read(t.Context(), 1, next, 1<<20)
		if err != nil || len(recs) != 100 || !bytes.HasPrefix(recs[0].Data, []byte("canary-kept")) {
			t.Errorf("round %d: %d records are left, %v", round, len(recs), err)
		}
	}
}

func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if content, err := os.ReadFile(name); err == nil && bytes.Contains(content, []byte(text)) {
			found = append(found, filepath.Base(name))
		}
	}
	return found
}
