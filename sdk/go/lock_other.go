//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package weir

import (
	"errors"
	"os"
	"runtime"
)

// lockFile refuses: without a lock two clients could use one spool.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("weir: spool: not on " + runtime.GOOS + ", where files cannot be locked")
}
