// Command web builds the dashboard of web/ into internal/dashboard/dist/app, from where it is embedded. It does nothing when that was built
// from the same files; packages and builds are kept in the cache by the hash of what they come from. With -types it asks bin/weir for its
// OpenAPI description and writes the client's types instead, or with -stale only says whether they are out of date.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

const (
	source = "web"
	output = "internal/dashboard/dist/app"
	stamp  = "build.txt" // in the output: the hash of what it was built from
	types  = "src/api/schema.d.ts"
)

func main() {
	cache := flag.String("cache", ".cache", "cache `directory`")
	install := flag.Bool("install", false, "only install the packages")
	gen := flag.Bool("types", false, "write the types of the API from the description that bin/weir gives")
	stale := flag.Bool("stale", false, "fail if the types of the API are out of date")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := builder{cache: filepath.Join(*cache, "web")}
	var err error
	switch {
	case *install:
		err = b.packages(ctx)
	case *gen || *stale:
		err = b.types(ctx, *stale)
	default:
		err = b.build(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

type builder struct{ cache string }

// packages makes web/node_modules a link to the packages of the lock file, which are installed once for each lock file.
func (b builder) packages(ctx context.Context) error {
	sum, err := hashOf("package.json", "package-lock.json", ".npmrc")
	if err != nil {
		return err
	}
	kept, err := filepath.Abs(filepath.Join(b.cache, "packages-"+sum))
	if err != nil {
		return err
	}
	// npm's own list comes last: `npm ci` in the source's directory empties what the link leads to.
	if _, err := os.Stat(filepath.Join(kept, "node_modules", ".package-lock.json")); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.RemoveAll(kept), b.install(ctx, kept)); err != nil {
			return err
		}
	}
	link := filepath.Join(source, "node_modules")
	target, err := filepath.Rel(source, filepath.Join(b.cache, "packages-"+sum, "node_modules"))
	if err != nil {
		return err
	}
	if now, err := os.Readlink(link); err == nil && now == target {
		return nil
	}
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	return os.Symlink(target, link)
}

// install fills a directory beside kept and renames it: what is there under the final name is whole.
func (b builder) install(ctx context.Context, kept string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed: the dashboard is built with Node 20.19 or later and npm; `go build ./cmd/weir` builds weir without it", program)
		}
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return err
	}
	next, err := os.MkdirTemp(b.cache, "next-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(next) }() // gone already when all went well
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(next, name), data, 0o644); err != nil {
			return err
		}
	}
	if err := run(ctx, next, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"); err != nil {
		return err
	}
	return rename(next, kept)
}

// build makes the output, from the cache if it was built from the same files before.
func (b builder) build(ctx context.Context) error {
	sum, err := hashOf(".")
	if err != nil {
		return err
	}
	if now, err := os.ReadFile(filepath.Join(output, stamp)); err == nil && string(now) == sum {
		return nil
	}
	kept := filepath.Join(b.cache, "build-"+sum)
	if _, err := os.Stat(kept); errors.Is(err, fs.ErrNotExist) {
		if err := b.packages(ctx); err != nil {
			return err
		}
		next, err := os.MkdirTemp(b.cache, "next-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(next) }()
		to, err := filepath.Abs(next)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "web: building the dashboard")
		if err := run(ctx, source, filepath.Join("node_modules", ".bin", "vite"), "build", "--logLevel", "warn", "--emptyOutDir", "--outDir", to); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(next, stamp), []byte(sum), 0o644); err != nil {
			return err
		}
		if err := rename(next, kept); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(output); err != nil {
		return err
	}
	return os.CopyFS(output, os.DirFS(kept))
}

// rename moves a finished directory; another process may have been faster, with the same content.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if _, there := os.Stat(to); err != nil && there == nil {
		return nil
	}
	return err
}

// hashOf hashes the names and contents of files and directories of web/. What is not a source is left out.
func hashOf(names ...string) (string, error) {
	var files []string
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(source, name), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.Name() == "node_modules" && d.IsDir():
				return fs.SkipDir
			case d.IsDir() || d.Type()&fs.ModeSymlink != 0 || d.Name() == "openapi.json" || strings.HasSuffix(path, ".test.ts") || strings.HasSuffix(path, ".md"):
				return nil
			}
			files = append(files, path)
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	slices.Sort(files)
	h := sha256.New()
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", filepath.ToSlash(path), len(data), data)
	}
	return hex.EncodeToString(h.Sum(nil)[:10]), nil
}

func run(ctx context.Context, dir, program string, args ...string) error {
	if strings.Contains(program, string(filepath.Separator)) { // relative to dir
		program = filepath.Join(".", program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
