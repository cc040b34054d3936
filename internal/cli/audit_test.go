package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"weir/internal/audit"
	"weir/internal/audit/chain"
	"weir/internal/catalog/sqlite"
)

// A flipped bit in the files of the audit log is named, without a server too, and the exit is that of a finding.
func TestAuditVerifyDamaged(t *testing.T) {
	dir := t.TempDir()
	c, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "catalog.db"), Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	log, err := chain.Open(t.Context(), chain.Config{Dir: filepath.Join(dir, "audit"), Anchors: c})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		log.Record(audit.Entry{Tenant: "acme", Action: "create-key", Text: fmt.Sprint(i), Outcome: audit.OK})
	}
	if err := log.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := pebble.Open(filepath.Join(dir, "audit"), &pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	link, closer, err := db.Get([]byte("L\x00\x00\x00\x00\x00\x00\x01\xf4"))
	if err != nil {
		t.Fatal(err)
	}
	part := bytes.Clone(link[len(link)-24 : len(link)-4])
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Compact(t.Context(), []byte{0}, []byte{255}, false); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "audit", "*.sst"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[bytes.Index(raw, part)] ^= 1
	if err := os.WriteFile(files[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	code, out, errs := weir(t, "", "audit", "verify", "--data-dir", dir)
	if code != 1 || !strings.Contains(out, "unreadable  entries 4") || !strings.Contains(out, "cannot be read: file "+filepath.Base(files[0])+" is damaged") || !strings.Contains(errs, "is not what was written") {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}
