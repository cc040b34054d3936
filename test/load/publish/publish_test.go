package publish

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func TestSection(t *testing.T) {
	page := filepath.Join(t.TempDir(), "docs", "BENCHMARKS.md")
	write := func(target, text string) string {
		t.Helper()
		if err := Section(page, target, "Of "+target, text); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	write("one", "first\n") // makes the page
	write("two", "second\n")
	got := write("one", "again\n") // in its place
	want := `# Benchmarks

## Of one

<!-- one:begin: written by make one, do not edit -->
again
<!-- one:end -->

## Of two

<!-- two:begin: written by make two, do not edit -->
second
<!-- two:end -->
`
	if got != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
	if err := Section(page, "three", "", "third\n"); err == nil || !strings.Contains(err.Error(), "three:begin") {
		t.Errorf("a page without a place, and no heading: %v", err)
	}
	if now, _ := os.ReadFile(page); string(now) != got {
		t.Errorf("an error has changed the page to\n%s", now)
	}
	if err := os.WriteFile(page, []byte(strings.Replace(got, "<!-- one:end -->", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Section(page, "one", "", "x\n"); err == nil || !strings.Contains(err.Error(), "one:end") {
		t.Errorf("a page without an end: %v", err)
	}
}

func TestSVG(t *testing.T) {
	name := filepath.Join(t.TempDir(), "img", "x.svg")
	painted := false
	if err := SVG(name, vg.Inch, vg.Inch, func(draw.Canvas) { painted = true }); err != nil || !painted {
		t.Fatal(painted, err)
	}
	if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("no drawing: %v", err)
	}
}
