// Package chromium finds the Chromium that browser tests drive, and on a Debian system installs the distribution's package when there is none.
package chromium

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Variable names the environment variable with the path of a Chromium to use.
const Variable = "CHROMIUM"

// names are what distributions and vendors call it, in the order in which they are tried.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// System is what the search depends on; Host is the real one.
type System struct {
	Getenv    func(string) string
	LookPath  func(string) (string, error)
	OSRelease func() string // the text of /etc/os-release, "" if there is none
	UID       func() int
	Run       func(ctx context.Context, out io.Writer, name string, args ...string) error
}

// Host is the system that the process runs on.
func Host() System {
	return System{
		Getenv: os.Getenv, LookPath: exec.LookPath, UID: os.Getuid,
		OSRelease: func() string {
			b, err := os.ReadFile("/etc/os-release")
			if err != nil {
				return ""
			}
			return string(b)
		},
		Run: func(ctx context.Context, out io.Writer, name string, args ...string) error {
			c := exec.CommandContext(ctx, name, args...)
			c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
			c.Stdout, c.Stderr = out, out
			return c.Run()
		},
	}
}

// Find returns the path of a Chromium: that of $CHROMIUM (which must be there then), else the first in PATH. Where there is none, and the
// system is Debian and the user is root, it installs the package chromium first; what apt-get prints goes to out.
// The error says what to do.
func Find(ctx context.Context, sys System, out io.Writer) (string, error) {
	if named := sys.Getenv(Variable); named != "" {
		path, err := sys.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("chromium: %s names %s, which cannot be run: %w", Variable, named, err)
		}
		return path, nil
	}
	if path, ok := inPath(sys); ok {
		return path, nil
	}
	const what = "chromium: no Chromium was found in PATH: install it (Debian: apt-get install chromium), or name one with " + Variable + "=PATH"
	if !debian(sys.OSRelease()) || sys.UID() != 0 {
		return "", errors.New(what)
	}
	if _, err := sys.LookPath("apt-get"); err != nil {
		return "", errors.New(what)
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "chromium"}} {
		var said bytes.Buffer
		if err := sys.Run(ctx, io.MultiWriter(out, &said), "apt-get", args...); err != nil {
			return "", fmt.Errorf("%s; apt-get %s failed: %w: %s", what, strings.Join(args, " "), err, last(said.String()))
		}
	}
	if path, ok := inPath(sys); ok {
		return path, nil
	}
	return "", errors.New("chromium: the package chromium is installed, but there is no such program in PATH")
}

func inPath(sys System) (string, bool) {
	for _, n := range names {
		if path, err := sys.LookPath(n); err == nil {
			return path, true
		}
	}
	return "", false
}

// debian says whether the text of os-release is Debian's own. Ubuntu's package of this name is a snap, which a container cannot run.
func debian(release string) bool {
	for line := range strings.Lines(release) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key == "ID" {
			return strings.Trim(value, `"'`) == "debian"
		}
	}
	return false
}

// last is the end of a text, for an error.
func last(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-500):]
}
