package sdk

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"weir/internal/catalog"
)

type sites map[string]catalog.Source

func (s sites) SourceBySite(site string) (catalog.Source, catalog.Tenant, bool) {
	src, ok := s[site]
	return src, catalog.Tenant{}, ok
}

func server(t *testing.T, files fstest.MapFS) http.Handler {
	t.Helper()
	h, err := New(Config{Files: files, Sites: sites{"free": {}, "half": {Privacy: &catalog.Privacy{Cookieless: true}},
		"strict": {Privacy: &catalog.Privacy{ConsentRequired: true, Cookieless: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	return mux
}

var files = fstest.MapFS{"sdk.js": {Data: []byte("script();")}, "sdk.mjs": {Data: []byte("export {}")}}

func get(h http.Handler, path string, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	h := server(t, files)
	for _, tc := range []struct{ path, body, cache string }{
		{"/sdk.js", "script();", "max-age=3600"},
		{"/sdk.mjs", "export {}", "max-age=3600"},
		{"/sdk.js?site_id=nobody", "script();", "max-age=3600"}, // a page that calls it must find it
		{"/sdk.js?site_id=free", `self.weirConfig={"consent_required":false,"cookieless":false};script();`, "max-age=300"},
		{"/sdk.js?site_id=half", `self.weirConfig={"consent_required":false,"cookieless":true};script();`, "max-age=300"},
		{"/sdk.js?site_id=strict", `self.weirConfig={"consent_required":true,"cookieless":true};script();`, "max-age=300"},
	} {
		res := get(h, tc.path)
		hd := res.Header
		if got := text(t, res.Body); res.StatusCode != 200 || got != tc.body {
			t.Errorf("%s: %d %q", tc.path, res.StatusCode, got)
		}
		if hd.Get("Cache-Control") != "public, "+tc.cache || hd.Get("Access-Control-Allow-Origin") != "*" || hd.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
			hd.Get("Content-Type") != "text/javascript; charset=utf-8" || hd.Get("Vary") != "Accept-Encoding" || hd.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", tc.path, hd)
		}
		// The same, gzipped, under another tag.
		zipped := get(h, tc.path, "Accept-Encoding", "br, gzip;q=0.5")
		zr, err := gzip.NewReader(zipped.Body)
		if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v %v", tc.path, err, zipped.Header)
		}
		if got := text(t, zr); got != tc.body {
			t.Errorf("%s: unzipped %q", tc.path, got)
		}
		plainTag, zipTag := hd.Get("ETag"), zipped.Header.Get("ETag")
		if plainTag == "" || plainTag == zipTag {
			t.Errorf("%s: tags %s and %s", tc.path, plainTag, zipTag)
		}
		for _, tag := range []string{plainTag, zipTag, "W/" + plainTag, `"x", ` + plainTag, "*"} {
			if res := get(h, tc.path, "If-None-Match", tag); res.StatusCode != http.StatusNotModified || text(t, res.Body) != "" || res.Header.Get("ETag") == "" {
				t.Errorf("%s: %s is not known: %d", tc.path, tag, res.StatusCode)
			}
		}
		if res := get(h, tc.path, "If-None-Match", `"other"`); res.StatusCode != 200 {
			t.Errorf("%s: another tag: %d", tc.path, res.StatusCode)
		}
	}
	if a, b := get(h, "/sdk.js?site_id=free").Header.Get("ETag"), get(h, "/sdk.js?site_id=strict").Header.Get("ETag"); a == b {
		t.Error("the tag does not change with the settings")
	}
	for _, refuse := range []string{"gzip;q=0", "identity", "br", "xgzip", "gzip;q=x"} {
		if res := get(h, "/sdk.js", "Accept-Encoding", refuse); res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s gets gzip", refuse)
		}
	}
	r := httptest.NewRequest(http.MethodHead, "/sdk.js", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "9" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}

func TestSettings(t *testing.T) {
	h := server(t, files)
	for site, want := range map[string]string{"free": `{"consent_required":false,"cookieless":false}`, "strict": `{"consent_required":true,"cookieless":true}`} {
		res := get(h, "/sdk/config?site_id="+site)
		if got := strings.TrimSpace(text(t, res.Body)); res.StatusCode != 200 || got != want || res.Header.Get("Cache-Control") != "public, max-age=300" ||
			res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s %v", site, res.StatusCode, got, res.Header)
		}
	}
	for path, code := range map[string]string{"/sdk/config": "field_missing", "/sdk/config?site_id=%00%ff": "site_unknown", "/sdk/config?site_id=" + strings.Repeat("x", 1<<16): "site_unknown"} {
		res := get(h, path)
		var p struct{ Code, Field string }
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Code != code || p.Field != "site_id" || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%.40s: %v %+v %v", path, err, p, res.Header)
		}
	}
}

// A binary that was built without the SDK says so, and its other half still works.
func TestNotBuilt(t *testing.T) {
	h := server(t, fstest.MapFS{"README": {}})
	for _, path := range []string{"/sdk.js", "/sdk.mjs", "/sdk.js?site_id=free"} {
		res := get(h, path)
		if got := text(t, res.Body); res.StatusCode != 503 || !strings.Contains(got, "make build") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", path, res.StatusCode, got)
		}
	}
	if res := get(h, "/sdk/config?site_id=free"); res.StatusCode != 200 {
		t.Errorf("config: %d", res.StatusCode)
	}
	if _, err := Built().Open("README"); err != nil {
		t.Error(err)
	}
}
