package dashboard

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func tree(files map[string]string) fstest.MapFS {
	t := fstest.MapFS{}
	for name, data := range files {
		t[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return t
}

var build = map[string]string{
	placeholder:                     "run make build",
	"dist/app/index.html":           "<html>index",
	"dist/app/index.html.gz":        "gz index",
	"dist/app/assets/main-1.js":     "script",
	"dist/app/assets/main-1.js.br":  "br",
	"dist/app/assets/main-1.js.gz":  "gz",
	"dist/app/assets/font-2.woff2":  "font",
	"dist/app/favicon.svg":          "<svg>",
	"dist/app/manifest.webmanifest": "{}",
}

func get(t *testing.T, p *Pages, method, path, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	p.Register(mux)
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	w.Header().Set("X-Frame-Options", "DENY")
	if _, pattern := mux.Handler(r); pattern == "" {
		p.ServeHTTP(w, r)
	} else {
		mux.ServeHTTP(w, r)
	}
	return w
}

func TestServe(t *testing.T) {
	p, err := load(tree(build))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		method, path, encoding string
		status                 int
		body, encoded, kind    string
		cache                  string
	}{
		{"GET", "/", "", 200, "<html>index", "", "text/html; charset=utf-8", "no-cache"},
		{"GET", "/", "gzip, deflate, br", 200, "gz index", "gzip", "text/html; charset=utf-8", "no-cache"},
		{"GET", "/sites/a/overview", "", 200, "<html>index", "", "text/html; charset=utf-8", "no-cache"},
		{"GET", "/assets/main-1.js", "gzip, br", 200, "br", "br", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/main-1.js", "br;q=0, gzip;q=0.5", 200, "gz", "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/main-1.js", "brotli", 200, "script", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"HEAD", "/assets/main-1.js", "br", 200, "", "br", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/assets/font-2.woff2", "br", 200, "font", "", "font/woff2", "public, max-age=31536000, immutable"},
		{"GET", "/assets/main-0.js", "br", 404, "this file is not part of the dashboard: reload the page\n", "", "text/plain; charset=utf-8", ""},
		{"GET", "/assets/main-1.js.br", "", 404, "this file is not part of the dashboard: reload the page\n", "", "text/plain; charset=utf-8", ""},
		{"GET", "/favicon.svg", "", 200, "<svg>", "", "image/svg+xml", "public, max-age=3600"},
		{"GET", "/favicon.ico", "", 200, "<svg>", "", "image/svg+xml", "public, max-age=3600"},
	} {
		w := get(t, p, tc.method, tc.path, tc.encoding)
		h := w.Header()
		if w.Code != tc.status || w.Body.String() != tc.body || h.Get("Content-Encoding") != tc.encoded || h.Get("Content-Type") != tc.kind {
			t.Errorf("%+v: %d %q %v", tc, w.Code, w.Body, h)
		}
		if tc.cache != "" && h.Get("Cache-Control") != tc.cache {
			t.Errorf("%s: Cache-Control %q", tc.path, h.Get("Cache-Control"))
		}
		if tc.status == 404 && strings.Contains(h.Get("Cache-Control"), "max-age") {
			t.Errorf("%s: what is missing is kept: %q", tc.path, h.Get("Cache-Control"))
		}
	}
}

func TestPolicy(t *testing.T) {
	p, err := load(tree(build))
	if err != nil {
		t.Fatal(err)
	}
	// The dashboard itself may not be framed, whatever its address.
	for _, path := range []string{"/", EmbedPath} {
		w := get(t, p, "GET", path, "")
		if h := w.Header(); h.Get("X-Frame-Options") != "DENY" || !strings.HasSuffix(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || w.Body.String() != build["dist/app/index.html"] {
			t.Errorf("without a page for embeds, %s: %q %v", path, w.Body, h)
		}
	}
	with := maps.Clone(build)
	with["dist/app/embed.html"] = "<html>embed"
	if p, err = load(tree(with)); err != nil {
		t.Fatal(err)
	}
	for path, frame := range map[string]string{"/": "DENY", "/embed": "", "/embed/x": "DENY", "/sites/embed": "DENY", "/embed.html": "DENY"} {
		w := get(t, p, "GET", path, "")
		if page := w.Body.String(); (page == "<html>embed") != (path == EmbedPath) {
			t.Errorf("%s: %q", path, page)
		}
		csp := w.Header().Get("Content-Security-Policy")
		for directive := range strings.SplitSeq(csp, "; ") {
			if strings.HasPrefix(directive, "script-src") && directive != "script-src 'self'" {
				t.Errorf("%s: %s", path, directive)
			}
		}
		if !strings.HasPrefix(csp, "default-src 'none'; ") || w.Header().Get("X-Frame-Options") != frame || strings.HasSuffix(csp, "frame-ancestors 'none'") != (frame == "DENY") {
			t.Errorf("%s: frame options %q, policy %q", path, w.Header().Get("X-Frame-Options"), csp)
		}
	}
}

// TestEmbedIsAPage: the page of a panel is at its address for every client, as the dashboard is at /, by GET and HEAD.
func TestEmbedIsAPage(t *testing.T) {
	with := maps.Clone(build)
	with["dist/app/embed.html"] = "<html>embed"
	p, err := load(tree(with))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Register(mux)
	for _, method := range []string{"GET", "HEAD"} {
		for _, path := range []string{"/", EmbedPath + "?token=t"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(method, path, nil)) // without Accept
			if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("%s %s: %d %v", method, path, w.Code, w.Header())
			}
		}
	}
}

func TestWithoutBuild(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing":     {placeholder: build[placeholder]},
		"interrupted": {placeholder: build[placeholder], "dist/app/assets/main-1.js": "script"},
	} {
		p, err := load(tree(files))
		if err != nil {
			t.Fatal(name, err)
		}
		if w := get(t, p, "GET", "/sites/x", "br"); w.Code != 200 || w.Body.String() != "run make build" || p.Built() {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
		if w := get(t, p, "GET", "/assets/main-1.js", ""); w.Code != 404 {
			t.Errorf("%s: asset %d", name, w.Code)
		}
		if w := get(t, p, "GET", "/favicon.svg", ""); w.Code != 404 {
			t.Errorf("%s: icon %d", name, w.Code)
		}
	}
	if _, err := load(tree(map[string]string{"dist/app/index.html": "x", "dist/app/assets/a.exe": "x"})); err == nil {
		t.Error("a file of an unknown kind was taken")
	}
	if _, err := load(tree(nil)); err == nil {
		t.Error("an empty tree was taken")
	}
}

// TestEmbedded looks at what really is in the test's binary, with or without a build.
func TestEmbedded(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	body := string(p.index.encoded[""])
	if p.Built() && (!strings.Contains(body, `src="/assets/`) || strings.Contains(body, "<script>")) {
		t.Errorf("the page is %q", body)
	}
	if !p.Built() && !strings.Contains(body, "make build") {
		t.Errorf("the placeholder does not say what to run: %q", body)
	}
	if strings.Contains(body, "https://") || strings.Contains(body, "http://") {
		t.Error("the page refers to another host")
	}
}
