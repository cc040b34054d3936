package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
)

// Root is the directory of the module.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("harness: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("harness: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Libchdb is the path of the engine's library: WEIR_LIBCHDB, or the newest in the build's cache; "" if there is none.
func Libchdb() string {
	if lib := os.Getenv("WEIR_LIBCHDB"); lib != "" {
		return lib
	}
	root, err := Root()
	if err != nil {
		return ""
	}
	found, _ := filepath.Glob(filepath.Join(root, ".cache", "libchdb", "*", runtime.GOOS+"-"+runtime.GOARCH, "libchdb.*"))
	sort.Strings(found)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// Binary is the path of weir: WEIR_BIN, else it is built from the source once a process.
func Binary() (string, error) { return binary() }

var binary = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("WEIR_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".cache", "harness", "weir")
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", fmt.Errorf("harness: %w", err)
	}
	next := fmt.Sprintf("%s.%d", bin, os.Getpid()) // another test process may build too
	cmd := exec.Command("go", "build", "-o", next, "./cmd/weir")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("harness: build weir: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return bin, os.Rename(next, bin)
})
