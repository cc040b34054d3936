// Command fuzz runs every fuzz target of the module for a while, one after the other, and fails when one of them does.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

func main() {
	each := flag.Duration("time", 20*time.Second, "how long each target runs")
	only := flag.String("run", "", "run only targets whose package or name contains this")
	flag.Parse()
	if err := run(*each, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(each time.Duration, only string) error {
	var failed []string
	n := 0
	for _, module := range []string{".", "sdk/go"} {
		if err := walk(module, each, only, &n, &failed); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d targets failed: %s", len(failed), n, strings.Join(failed, ", "))
	}
	fmt.Printf("%d targets, none failed\n", n)
	return nil
}

// walk runs the targets of a module: those of weir itself lie below internal.
func walk(module string, each time.Duration, only string, n *int, failed *[]string) error {
	root := filepath.Join(module, "internal")
	if module != "." {
		root = module
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(module, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, m := range target.FindAllSubmatch(src, -1) {
			pkg, name := filepath.Dir(path), string(m[1])
			if !strings.Contains(pkg+" "+name, only) {
				continue
			}
			*n++
			fmt.Printf("%s %s for %s\n", pkg, name, each)
			cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+name+"$", "-fuzztime", each.String(), "-fuzzminimizetime", "20x", "./"+dir)
			cmd.Dir = module
			if out, err := cmd.CombinedOutput(); err != nil {
				os.Stdout.Write(out)
				*failed = append(*failed, pkg+" "+name)
			} else if lines := bytes.Split(bytes.TrimSpace(out), []byte("\n")); len(lines) > 1 {
				fmt.Printf("  %s\n", lines[len(lines)-2])
			}
		}
		return nil
	})
}
