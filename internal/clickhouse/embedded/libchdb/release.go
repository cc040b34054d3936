package libchdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Release is the release of the npm packages that weir is built and tested with.
const Release = "26.7.3-stable.1"

// fileNames are the names that a library may have.
var fileNames = []string{"libchdb.so", "libchdb.dylib"}

// CacheDir returns where the library of a platform lies under a directory that holds the build's cache.
func CacheDir(root, goos, goarch string) string {
	return filepath.Join(root, ".cache", "libchdb", Release, goos+"-"+goarch)
}

// Find returns the library to load: path if it is given, else the one beside
// the program exe (libchdb.so, or ../lib/weir/libchdb.so), else the one in the build's
// cache, above the program's directory or in the working directory.
func Find(path, exe string) (string, error) {
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", fmt.Errorf("libchdb: %w", err)
		}
		return abs, Check(abs)
	}
	var dirs []string
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	if exe != "" {
		bin := filepath.Dir(exe)
		dirs = append(dirs, bin, filepath.Join(bin, "..", "lib", "weir"), CacheDir(filepath.Join(bin, ".."), runtime.GOOS, runtime.GOARCH))
	}
	if wd, err := os.Getwd(); err == nil {
		dirs = append(dirs, CacheDir(wd, runtime.GOOS, runtime.GOARCH))
	}
	for _, dir := range dirs {
		for _, name := range fileNames {
			file := filepath.Join(dir, name)
			if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
				continue
			}
			return file, Check(file)
		}
	}
	return "", fmt.Errorf("libchdb: the engine's library is neither beside the program nor in the build's cache; run make build, or give its path with --libchdb (looked in %v)", dirs)
}
