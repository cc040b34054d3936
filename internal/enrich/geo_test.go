package enrich

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReload: a file that appears or is replaced is taken up once it stays the same; a broken one leaves the old one in use and warns once.
func TestReload(t *testing.T) {
	good, err := os.ReadFile(countryFile(t))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	file := filepath.Join(t.TempDir(), "country.mmdb")
	e, err := Open(Config{CountryFile: file}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(file+".new", b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	country := func() string { return e.Enrich(netip.MustParseAddr("193.99.144.80"), nil, false).Country }
	put(good)
	e.geo[0].reload(log)
	if country() != "" {
		t.Error("a file that may still be growing was read")
	}
	e.geo[0].reload(log)
	if country() != "DE" || e.built() == 0 {
		t.Errorf("country %q", country())
	}
	taken := e.geo[0].now.Load()
	for _, broken := range [][]byte{[]byte("no database"), good[:len(good)/2]} {
		out.Reset()
		put(broken)
		for range 5 {
			e.geo[0].reload(log)
		}
		if country() != "DE" || e.geo[0].now.Load() != taken || strings.Count(out.String(), "level=WARN") != 1 || !strings.Contains(out.String(), file) {
			t.Errorf("country %q after a broken file: %s", country(), out.String())
		}
	}
	put(good)
	e.geo[0].reload(log)
	e.geo[0].reload(log)
	if e.geo[0].now.Load() == taken || country() != "DE" {
		t.Error("the good file after the broken ones was not taken")
	}
}
