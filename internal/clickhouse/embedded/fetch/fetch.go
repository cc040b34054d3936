// Package fetch gets libchdb for the build: a pinned npm package, checked
// against a checksum that is part of the source, and unpacked into the build's cache.
package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/clickhouse/embedded/libchdb"
)

// source is where the library of a platform comes from.
type source struct {
	pkg    string
	sha512 string // of the package's tarball, base64; "" if none is recorded
}

// sources by GOOS-GOARCH. Every platform whose checksum is empty is refused:
// to add one, record the `integrity` that `npm view <package>@<release> dist.integrity` prints, on a machine you trust.
var sources = map[string]source{
	"linux-amd64":  {"@chdb/lib-linux-x64-gnu", "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="},
	"linux-arm64":  {"@chdb/lib-linux-arm64-gnu", ""},
	"darwin-amd64": {"@chdb/lib-darwin-x64", ""},
	"darwin-arm64": {"@chdb/lib-darwin-arm64", ""},
}

// record is written beside an unpacked library.
type record struct {
	Package string    `json:"package"`
	File    string    `json:"file"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mod_time"`
}

const recordFile = "fetched.json"

// Config says what to fetch and whereto.
type Config struct {
	Root         string // the directory that holds .cache
	GOOS, GOARCH string
	Out          io.Writer // progress
	Terminal     bool      // Out is a terminal: one line that changes
	// Pack makes the package's tarball in dir and returns its path. nil: run npm pack.
	Pack func(ctx context.Context, pkg, dir string) (string, error)

	sources map[string]source // nil: the recorded ones
}

// Library makes sure that the library is in the cache and returns its path. It
// does nothing if an intact one is there. Two processes may run it at a time.
func Library(ctx context.Context, cfg Config) (string, error) {
	platform := cfg.GOOS + "-" + cfg.GOARCH
	if cfg.sources == nil {
		cfg.sources = sources
	}
	src, ok := cfg.sources[platform]
	if !ok {
		return "", fmt.Errorf("libchdb: there is no package for %s; weir runs on linux and darwin, amd64 and arm64", platform)
	}
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	dir := libchdb.CacheDir(root, cfg.GOOS, cfg.GOARCH)
	if file, ok := intact(dir); ok {
		return file, nil
	}
	if src.sha512 == "" {
		return "", fmt.Errorf("libchdb: no checksum of %s@%s is recorded for %s, so it is not fetched; give weir a library you trust with --libchdb PATH", src.pkg, libchdb.Release, platform)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if file, ok := intact(dir); ok { // another process was faster
		return file, nil
	}
	if cfg.Pack == nil {
		cfg.Pack = func(ctx context.Context, pkg, dir string) (string, error) { return npmPack(ctx, cfg, pkg, dir) }
	}
	tmp, err := os.MkdirTemp(dir, ".fetch-")
	if err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	defer os.RemoveAll(tmp)
	spec := src.pkg + "@" + libchdb.Release
	tarball, err := cfg.Pack(ctx, spec, tmp)
	if err != nil {
		return "", err
	}
	if err := verify(tarball, src.sha512); err != nil {
		return "", fmt.Errorf("libchdb: %s: %w", spec, err)
	}
	rec, err := unpack(tarball, tmp)
	if err != nil {
		return "", fmt.Errorf("libchdb: %s: %w", spec, err)
	}
	rec.Package = spec
	return install(tmp, dir, rec)
}

func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("libchdb: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("libchdb: lock: %w", err)
	}
	return func() { f.Close() }, nil
}

// intact tells whether the library in dir is the one that was unpacked there. It is only read if it was touched since.
func intact(dir string) (string, bool) {
	b, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return "", false
	}
	var rec record
	if json.Unmarshal(b, &rec) != nil || rec.File == "" || rec.File != filepath.Base(rec.File) {
		return "", false
	}
	file := filepath.Join(dir, rec.File)
	info, err := os.Stat(file)
	if err != nil || info.Size() != rec.Size {
		return "", false
	}
	if info.ModTime().Equal(rec.ModTime) {
		return file, true
	}
	f, err := os.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", false
	}
	return file, hex.EncodeToString(h.Sum(nil)) == rec.SHA256
}

// verify compares a file's SHA-512 with the recorded one.
func verify(file, want string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the package (%d bytes) is not the one that was recorded: its SHA-512 is %s, not %s; it was changed or damaged on its way", n, got, want)
	}
	return nil
}

// unpack writes the library of a package into dir and syncs it.
func unpack(tarball, dir string) (rec record, err error) {
	f, err := os.Open(tarball)
	if err != nil {
		return rec, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return rec, err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return rec, errors.New("there is no libchdb in the package")
		}
		if err != nil {
			return rec, err
		}
		name := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || name != "libchdb.so" && name != "libchdb.dylib" {
			continue
		}
		out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
		if err != nil {
			return rec, err
		}
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(out, sum), t)
		if err == nil {
			err = out.Sync()
		}
		if err = errors.Join(err, out.Close()); err != nil {
			return rec, err
		}
		return record{File: name, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n}, nil
	}
}

// install moves the unpacked library into its place. The record goes last: without it the library counts as absent.
func install(tmp, dir string, rec record) (string, error) {
	from, to := filepath.Join(tmp, rec.File), filepath.Join(dir, rec.File)
	info, err := os.Stat(from)
	if err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	rec.ModTime = info.ModTime()
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	note := filepath.Join(tmp, recordFile)
	if err := os.WriteFile(note, append(b, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	if err := os.Rename(from, to); err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	if err := os.Rename(note, filepath.Join(dir, recordFile)); err != nil {
		return "", fmt.Errorf("libchdb: %w", err)
	}
	return to, nil
}

// npmPack runs npm pack and shows how far its download is.
func npmPack(ctx context.Context, cfg Config, spec, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("libchdb: npm is needed to fetch the engine's library and was not found; install Node.js with npm, or give weir a library with --libchdb PATH")
	}
	cache, _ := exec.CommandContext(ctx, npm, "config", "get", "cache").Output() // only for the progress
	cmd := exec.CommandContext(ctx, npm, "pack", spec, "--pack-destination", dir, "--json", "--loglevel=error")
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("libchdb: npm: %w", err)
	}
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		progress{out: cfg.Out, terminal: cfg.Terminal, what: spec, since: time.Now(),
			dirs: []string{filepath.Join(strings.TrimSpace(string(cache)), "_cacache", "tmp"), dir}}.run(done)
	}()
	err = cmd.Wait()
	close(done)
	<-stopped
	if err != nil {
		return "", fmt.Errorf("libchdb: npm pack %s: %w: %s", spec, err, strings.TrimSpace(stderr.String()))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("libchdb: npm pack %s made %d files, one was expected: %s", spec, len(files), strings.TrimSpace(stdout.String()))
	}
	return files[0], nil
}
