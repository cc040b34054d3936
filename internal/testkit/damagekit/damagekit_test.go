package damagekit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlipBit(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"1.sst": "of others", "2.sst": "found, and found", "3.log": "found"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	FlipBit(t, dir, "found")
	for name, want := range map[string]string{"1.sst": "of others", "2.sst": "found, and gound", "3.log": "found"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
	if err := flipBit(dir, "nowhere"); err == nil || !strings.Contains(err.Error(), `holds "nowhere"`) {
		t.Errorf("text that no file holds: %v", err)
	}
}
