//go:build browser

// Package browser runs what weir gives to browsers in a real one: Chromium, driven by playwright-core, against a real weir. A suite is a
// directory of *.test.mjs files for Node's own test runner; harness.mjs is what they share.
package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/test/browser/chromium"
	"weir/test/system/harness"
)

// TestSmoke shows that the harness itself works.
func TestSmoke(t *testing.T) { suite(t, "test/browser/smoke") }

// TestSDKs shows that SDKs of other products work unmodified.
func TestSDKs(t *testing.T) { suite(t, "test/browser/sdks", "WEIR_SDKS="+sdks(t)) }

// TestSDK shows that the browser SDK loses and doubles nothing, and that it does nothing before it may.
func TestSDK(t *testing.T) { suite(t, "test/browser/sdk") }

// TestDashboard clicks through the dashboard on a real access log.
func TestDashboard(t *testing.T) {
	bin, err := harness.Binary()
	if err != nil {
		t.Fatal(err)
	}
	suite(t, "test/browser/dashboard", "WEIR_BIN="+bin)
}

// TestScreens takes the pictures of the documentation into WEIR_SCREENS; make screenshots runs it.
func TestScreens(t *testing.T) {
	if os.Getenv("WEIR_SCREENS") == "" {
		t.Skip("WEIR_SCREENS is not set: make screenshots takes the pictures")
	}
	bin, err := harness.Binary()
	if err != nil {
		t.Fatal(err)
	}
	suite(t, "test/browser/screens", "WEIR_BIN="+bin)
}

// suite starts a weir of its own and runs the *.test.mjs files of a directory of the repository, two at once, with these variables:
//
//	WEIR_URL, WEIR_ADMIN_TOKEN  the server and its operator's token
//	WEIR_CHROMIUM               the browser's path
//	WEIR_NODE_MODULES           the directory with playwright-core and axe-core
//	WEIR_ARTEFACTS              a directory for screenshots and the like, which stays: bin/browser/NAME
//
// More may be given as env. BROWSER_ONLY=NAME runs only the files whose names begin so, BROWSER_TEST=PATTERN only the tests whose names match. A program that is missing is a failure when CI is set, else the test is skipped.
func suite(t *testing.T, dir string, env ...string) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	browser, node := browserPath(t), need(t, "node")
	modules := nodeModules(t, root, ".")
	files, err := filepath.Glob(filepath.Join(root, dir, os.Getenv("BROWSER_ONLY")+"*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no *.test.mjs: %v", dir, err)
	}
	artefacts := filepath.Join(root, "bin", "browser", filepath.Base(dir))
	if err := os.MkdirAll(artefacts, 0o755); err != nil {
		t.Fatal(err)
	}
	s := harness.StartT(t, harness.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	args := []string{"--test", "--test-concurrency=2", "--test-timeout=900000", "--test-reporter=spec"}
	if pattern := os.Getenv("BROWSER_TEST"); pattern != "" {
		args = append(args, "--test-name-pattern="+pattern)
	}
	cmd := exec.CommandContext(ctx, node, append(args, files...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "WEIR_URL="+s.URL, "WEIR_ADMIN_TOKEN="+harness.AdminToken, "WEIR_CHROMIUM="+browser,
		"WEIR_NODE_MODULES="+modules, "WEIR_ARTEFACTS="+artefacts)
	cmd.Env = append(cmd.Env, env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends its browser then
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if err != nil {
		t.Fatalf("%s: %v\n%s", dir, err, out.String())
	}
	t.Logf("%s", out.String())
}

// browserPath finds or installs the browser.
func browserPath(t *testing.T) string {
	t.Helper()
	path, err := found()
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

var found = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return chromium.Find(ctx, chromium.Host(), os.Stderr)
})

// need returns the path of a program.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// sdks is the directory of the packages of test/clients/sdks: the one that its own test has fetched, if it is of the same lock file.
func sdks(t *testing.T) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	from, fetched := filepath.Join(root, "test", "clients", "sdks"), filepath.Join(root, ".cache", "clients", "sdks")
	want, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(fetched, "fetched")); err == nil && bytes.Equal(got, want) {
		return filepath.Join(fetched, "node_modules")
	}
	return nodeModules(t, root, from)
}

// nodeModules fetches the pinned packages of a directory once for each lock file and returns where they are.
func nodeModules(t *testing.T, root, from string) string {
	t.Helper()
	npm := need(t, "npm")
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	parent := filepath.Join(root, ".cache", "browser")
	dir := filepath.Join(parent, hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "node_modules")
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	next, err := os.MkdirTemp(parent, "next-") // what is there under the final name is whole
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(next)
	for _, f := range []string{"package.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join(from, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(next, f), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ci := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	ci.Dir = next
	if out, err := ci.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(next, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // another process may have been faster
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "node_modules")
}
