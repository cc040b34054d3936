// Package publish writes what a benchmark has found: the raw figures, its section of docs/BENCHMARKS.md, and its drawings.
package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"weir/test/system/harness"
)

// Raw writes the figures of a run to test/load/results/<name>.json; without write it prints them.
func Raw(name string, figures any, write bool) error {
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	if !write {
		fmt.Println(string(text))
		return nil
	}
	root, err := harness.Root()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "test", "load", "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644)
}

// Section puts text between the marks of a make target on the page. A page without them gets them at its end, under the heading, or is left alone, with an error,
// if there is no heading. A page that does not exist is created.
func Section(page, target, heading, text string) error {
	begin := "<!-- " + target + ":begin: written by make " + target + ", do not edit -->"
	end := "<!-- " + target + ":end -->"
	b, err := os.ReadFile(page)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte("# Benchmarks\n"), os.MkdirAll(filepath.Dir(page), 0o755)
	}
	if err != nil {
		return err
	}
	all := string(b)
	if !strings.Contains(all, begin) {
		if heading == "" {
			return fmt.Errorf("%s has no place for the figures: add the lines %q and %q", page, begin, end)
		}
		all = strings.TrimRight(all, "\n") + "\n\n## " + heading + "\n\n" + begin + "\n" + end + "\n"
	}
	before, rest, _ := strings.Cut(all, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return fmt.Errorf("%s has no line %q", page, end)
	}
	return os.WriteFile(page, []byte(before+begin+"\n"+text+end+after), 0o644)
}

// Verdict says whether a budget was met.
func Verdict(ok bool) string {
	if ok {
		return "met"
	}
	return "**missed**"
}

// SVG writes a drawing on white.
func SVG(name string, width, height vg.Length, paint func(draw.Canvas)) error {
	canvas := vgsvg.New(width, height)
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	paint(c)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		return errors.Join(fmt.Errorf("draw %s: %w", name, err), f.Close())
	}
	return f.Close()
}
