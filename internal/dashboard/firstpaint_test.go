package dashboard

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// maxFirstPaint bounds the script, in bytes after gzip, that must come before a page of a signed-in person shows its numbers: what the page itself
// names, what that imports, and the route. Charts and the map come later, and the page can be read without them.
const maxFirstPaint = 300_000

// maxEmbed bounds the same of the page of an embedded panel, which is loaded into pages of others. A line's chart comes later.
const maxEmbed = 90_000

// chunk is an entry of the build's manifest (https://vite.dev/guide/backend-integration).
type chunk struct {
	File           string   `json:"file"`
	Imports        []string `json:"imports"`
	DynamicImports []string `json:"dynamicImports"`
	IsEntry        bool     `json:"isEntry"`
}

func TestFirstPaint(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if !p.Built() {
		if os.Getenv("CI") != "" {
			t.Fatal("the dashboard is not built: make web")
		}
		t.Skip("the dashboard is not built: make web")
	}
	var chunks map[string]chunk
	if err := json.Unmarshal(p.files["manifest.json"].encoded[""], &chunks); err != nil {
		t.Fatal(err)
	}
	var routes []string // what the frame loads when it is opened: every page
	for _, name := range chunks["index.html"].DynamicImports {
		if strings.HasPrefix(name, "src/pages/") {
			routes = append(routes, name)
		}
	}
	for _, route := range []string{"src/pages/overview/Overview.tsx", "src/pages/sql/Sql.tsx", "src/pages/sign-in/SignIn.tsx"} {
		if !slices.Contains(routes, route) {
			t.Errorf("%s is not among the pages: %v", route, routes)
		}
	}
	for _, route := range routes {
		total := firstPaint(t, p, chunks, "index.html", route)
		t.Logf("%s: %d bytes", route, total)
		if total > maxFirstPaint {
			t.Errorf("%s needs %d bytes of script before it shows something, at most %d are allowed", route, total, maxFirstPaint)
		}
	}
	if total := firstPaint(t, p, chunks, "embed.html"); total > maxEmbed {
		t.Errorf("an embedded panel needs %d bytes of script before it shows something, at most %d are allowed", total, maxEmbed)
	} else {
		t.Logf("embed.html: %d bytes", total)
	}
}

// firstPaint sums the sizes of chunks and of all that they import.
func firstPaint(t *testing.T, p *Pages, chunks map[string]chunk, names ...string) int {
	t.Helper()
	seen, total := map[string]bool{}, 0
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		c, ok := chunks[name]
		f, there := p.files[c.File]
		if !ok || !there {
			t.Fatalf("the build has no %s (%s)", name, c.File)
		}
		if data := f.encoded["gzip"]; data != nil {
			total += len(data)
		} else {
			total += len(f.encoded[""])
		}
		names = append(names, c.Imports...)
	}
	return total
}
