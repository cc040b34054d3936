// Package damagekit damages the files of stores for the tests of other packages.
package damagekit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// FlipBit changes one bit where a file of a store of Pebble's, which is closed, holds text: at the last place of the first file that does. What is compressed holds no text.
func FlipBit(t testing.TB, dir, text string) {
	t.Helper()
	if err := flipBit(dir, text); err != nil {
		t.Fatal(err)
	}
}

func flipBit(dir, text string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return err
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if at := bytes.LastIndex(raw, []byte(text)); at >= 0 {
			raw[at] ^= 1
			return os.WriteFile(name, raw, 0o600)
		}
	}
	return fmt.Errorf("no file of %v holds %q", files, text)
}
