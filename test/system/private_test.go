package system

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/test/system/harness"
)

// TestDataIsPrivate: what weir and its engine make is readable for their user only, also in a directory that others may read; that one is told of at the start.
func TestDataIsPrivate(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "weir-private-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const told = "others than the user of weir may look into the data directory"
	var out bytes.Buffer // written by one goroutine of the harness, read after the process has ended
	srv := harness.StartT(t, harness.Config{Dir: dir, Output: &out})
	ctx := t.Context()
	tn, err := srv.NewTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if a := call(ctx, t, http.MethodPost, srv.URL+"/ingest", tn.WriteKey, `{"type":"x","client_id":"c"}`); a.status != http.StatusOK {
		t.Fatalf("ingest: %d %s", a.status, a.text)
	}
	if err := harness.WaitCount(ctx, srv.Client(tn.Analyst), "SELECT count() FROM events", 1); err != nil {
		t.Fatal(err)
	}
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, told) || !strings.Contains(text, "drwxr-xr-x") {
		t.Errorf("the directory's mode is not told of: %.2000s", text)
	}
	kinds, files := map[string]bool{}, 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		kinds[top] = true
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", rel, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{"log", "audit", "state", "metering", "engine", "catalog.db"} {
		if !kinds[want] {
			t.Errorf("there is no %s: %v", want, kinds)
		}
	}
	if files < 30 {
		t.Errorf("only %d files were looked at", files)
	}
	// A directory of its own is nothing to tell of.
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	before := out.Len()
	if err := srv.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	if text := out.String()[before:]; strings.Contains(text, told) {
		t.Errorf("a private directory is told of: %.2000s", text)
	}
}
