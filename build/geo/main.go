// Command geo fetches the country file that internal/enrich reads: the pinned
// npm package, checked against a committed SHA-512, unpacked into a cache outside
// git. It does nothing when the file is there already. With -crawlers it writes the
// committed list of robots' user agents anew instead; that is for maintainers.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"weir/internal/enrich"
)

type npmPackage struct {
	name, version, integrity, file string
}

var (
	geo = npmPackage{enrich.GeoPackage, enrich.GeoVersion,
		"xemBDNQl4mCYDuVbqe3jKGKsVDykZGkfvebhtOh/3VGLadq8vsp7t7ontpMUt3hH7sAGT0eLDyJ99SV+0waxZg==",
		"package/geo-whois-asn-country.mmdb"}
	crawlers = npmPackage{"crawler-user-agents", "1.60.0",
		"p8hKVsnZl3msolBhGW8s86V0tmmcuBSwhTXkzkegGQzTt0A/ysKDHKzek9fichfqL5qBEgDrR9CuGBU0Y7bDrg==",
		"package/crawler-user-agents.json"}
)

// maxFile bounds an unpacked file, in bytes.
const maxFile = 64 << 20

func main() {
	cache := flag.String("cache", ".cache", "cache `directory`")
	list := flag.String("crawlers", "", "write the list of robots to this `file` instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *list != "" {
		err = writeCrawlers(ctx, *list)
	} else {
		err = fetchGeo(ctx, enrich.CountryFile(*cache))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "geo:", err)
		os.Exit(1)
	}
}

func fetchGeo(ctx context.Context, target string) error {
	if st, err := os.Stat(target); err == nil && st.Size() > 0 {
		return nil
	}
	fmt.Printf("fetching %s %s (8 MB)\n", geo.name, geo.version)
	data, err := geo.fetch(ctx)
	if err != nil {
		return err
	}
	return writeFile(target, data)
}

func writeCrawlers(ctx context.Context, target string) error {
	data, err := crawlers.fetch(ctx)
	if err != nil {
		return err
	}
	var list []struct{ Pattern string }
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Patterns (regular expressions) of user agents of robots, one a line.\n"+
		"# From the npm package %s %s, MIT licence: see crawlers.LICENSE.\n"+
		"# Rewritten by: go run ./build/geo -crawlers internal/enrich/crawlers.txt\n", crawlers.name, crawlers.version)
	for _, p := range list {
		b.WriteString(p.Pattern + "\n")
	}
	return writeFile(target, b.Bytes())
}

// fetch returns the package's file after its tarball was checked.
func (p npmPackage) fetch(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "weir-npm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, p.name+"@"+p.version)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("npm was not found: install Node.js with npm and try again")
	} else if err != nil {
		return nil, fmt.Errorf("npm pack %s@%s: %w", p.name, p.version, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("npm pack %s@%s wrote %d files, not one", p.name, p.version, len(found))
	}
	tgz, err := os.ReadFile(found[0])
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(tgz)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != p.integrity {
		return nil, fmt.Errorf("%s@%s has the SHA-512 %s, expected %s: it is not used; try again, or report this", p.name, p.version, got, p.integrity)
	}
	return p.unpack(tgz)
}

func (p npmPackage) unpack(tgz []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(tgz))
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("find %s in %s: %w", p.file, p.name, err)
		}
		if h.Name == p.file {
			return io.ReadAll(io.LimitReader(t, maxFile))
		}
	}
}

// writeFile puts data at target: wholly or not at all.
func writeFile(target string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".part-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}
