package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// packageOf makes a package's tarball with one library in it.
func packageOf(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range [][2]string{{"package/index.js", "x"}, {"package/libchdb.so", content}} {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Typeflag: tar.TypeReg, Size: int64(len(f[1])), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, f[1])
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sum(b []byte) string {
	s := sha512.Sum512(b)
	return base64.StdEncoding.EncodeToString(s[:])
}

func TestLibrary(t *testing.T) {
	good := packageOf(t, "the library")
	packs, tarball := 0, good
	cfg := Config{Root: t.TempDir(), GOOS: "linux", GOARCH: "amd64", Out: io.Discard,
		sources: map[string]source{"linux-amd64": {"@x/lib", sum(good)}, "linux-arm64": {"@x/arm", ""}},
		Pack: func(_ context.Context, pkg, dir string) (string, error) {
			packs++
			if !strings.HasPrefix(pkg, "@x/lib@") {
				t.Errorf("asked for %s", pkg)
			}
			file := filepath.Join(dir, "x.tgz")
			return file, os.WriteFile(file, tarball, 0o644)
		}}
	get := func(wantPacks int, wantErr string) string {
		t.Helper()
		file, err := Library(context.Background(), cfg)
		if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
			t.Fatalf("error %v, want %q", err, wantErr)
		}
		if packs != wantPacks {
			t.Fatalf("packed %d times, want %d", packs, wantPacks)
		}
		return file
	}

	tarball = packageOf(t, "another library")
	get(1, "is not the one that was recorded")
	tarball = good[:len(good)-9]
	get(2, "is not the one that was recorded")
	tarball = good
	file := get(3, "")
	if b, _ := os.ReadFile(file); string(b) != "the library" {
		t.Fatalf("unpacked %q", b)
	}
	get(3, "") // nothing to do

	if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	get(3, "") // touched, but the same
	if err := os.WriteFile(file, []byte("the lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	get(4, "") // cut off
	if err := os.WriteFile(file, []byte("thE library"), 0o755); err != nil {
		t.Fatal(err)
	}
	get(5, "") // damaged
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".fetch-*")); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}

	cfg.GOARCH = "arm64"
	get(5, "--libchdb")
	cfg.GOOS = "plan9"
	get(5, "no package for plan9-arm64")
}

// A checksum in the table must be one: 64 bytes in base64.
func TestSources(t *testing.T) {
	for platform, s := range sources {
		if b, err := base64.StdEncoding.DecodeString(s.sha512); err != nil || len(b) != 64 && len(b) != 0 {
			t.Errorf("%s: %q is no SHA-512", platform, s.sha512)
		}
	}
	if sources["linux-amd64"].sha512 == "" {
		t.Error("linux-amd64 has no checksum")
	}
}
