// Package dashboard serves the dashboard: the files that `make web` builds from web/ and that are embedded in the binary.
//
// Files under /assets/ carry a hash of their content in their name and are kept for a year. The page itself is asked for again each time,
// and stands at every address that nothing else answers, so that an address of a view can be opened and reloaded. Nothing comes from another
// host: the Content-Security-Policy names only this one, and no script is inline. Without a build the page says what to run.
package dashboard

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// built is where the build stands in the embedded tree; placeholder is the page without one.
const (
	built       = "dist/app"
	placeholder = "dist/placeholder.html"
)

// policy says what the page may load. Styles may be inline: the component library writes the theme's variables as a style element.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "

// EmbedPath is the address of the build's embed.html, which shows one panel: the only page that other sites may frame. The dashboard itself, with
// its way to sign in, is never framed: in a build without that page the address is one like any other.
const EmbedPath = "/embed"

// Pages serves the dashboard's files.
type Pages struct {
	files map[string]file // by their path under the build, as "assets/main-1a2b.js"
	index file
	embed *file // nil: the build has none
	built bool
}

// file is one file in the encodings that there are of it; the empty encoding is always there.
type file struct {
	contentType string
	encoded     map[string][]byte // "", "br", "gzip"
}

// New reads the embedded build. It does no I/O beyond the binary.
func New() (*Pages, error) { return load(dist) }

var suffixes = map[string]string{".br": "br", ".gz": "gzip"}

// contentTypes are those of what a build consists of; the machine's own table is not asked.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	".png": "image/png", ".woff2": "font/woff2", ".json": "application/json", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
}

func load(tree fs.FS) (*Pages, error) {
	p := &Pages{files: map[string]file{}}
	err := fs.WalkDir(tree, built, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, built+"/")
		encoding := suffixes[path.Ext(name)]
		if encoding != "" {
			name = strings.TrimSuffix(name, path.Ext(name))
		}
		f, ok := p.files[name]
		if !ok {
			f = file{contentType: contentTypes[path.Ext(name)], encoded: map[string][]byte{}}
			if f.contentType == "" {
				return fmt.Errorf("%s has an extension without a content type", name)
			}
		}
		f.encoded[encoding] = data
		p.files[name] = f
		return nil
	})
	if index, ok := p.files["index.html"]; err == nil && ok {
		p.index, p.built = index, true
		if embed, ok := p.files["embed.html"]; ok {
			p.embed = &embed
		}
		return p, nil
	}
	if _, statErr := fs.Stat(tree, built+"/index.html"); statErr == nil && err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	data, err := fs.ReadFile(tree, placeholder)
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	p.files, p.index = map[string]file{}, file{contentType: contentTypes[".html"], encoded: map[string][]byte{"": data}}
	return p, nil
}

// Built says whether a dashboard is in the binary.
func (p *Pages) Built() bool { return p.built }

// Register adds the page and its files to a mux.
func (p *Pages) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", http.HandlerFunc(p.ServeHTTP))
	mux.Handle("GET "+EmbedPath, http.HandlerFunc(p.ServeHTTP)) // whatever Accept says
	mux.HandleFunc("GET /assets/{name...}", p.asset)
	for _, name := range []string{"favicon.svg", "manifest.webmanifest"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { p.other(w, r, name) })
	}
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { p.other(w, r, "favicon.svg") }) // what browsers ask for on pages that name no icon, such as /docs
}

// ServeHTTP answers with the page, whatever the address.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Referrer-Policy", "no-referrer")
	if r.URL.Path == EmbedPath && p.embed != nil {
		h.Set("Content-Security-Policy", policy+"*")
		h.Del("X-Frame-Options")
		p.embed.write(w, r)
		return
	}
	h.Set("Content-Security-Policy", policy+"'none'")
	p.index.write(w, r)
}

func (p *Pages) asset(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files["assets/"+r.PathValue("name")]
	if !ok { // a page of an older build asks for what is no more: it must not get HTML, and must not be told for long
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "this file is not part of the dashboard: reload the page", http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	f.write(w, r)
}

func (p *Pages) other(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := p.files[name]
	if !ok {
		http.Error(w, "this binary was built without the dashboard: run make build", http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	f.write(w, r)
}

// write answers with the smallest encoding that the client takes.
func (f file) write(w http.ResponseWriter, r *http.Request) {
	encoding := ""
	for _, e := range []string{"br", "gzip"} {
		if f.encoded[e] != nil && accepts(r.Header.Get("Accept-Encoding"), e) {
			encoding = e
			break
		}
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	if len(f.encoded) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Length", fmt.Sprint(len(f.encoded[encoding])))
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.encoded[encoding]) // the client has gone if this fails
	}
}

// accepts reads an Accept-Encoding header (RFC 9110, 12.5.3): the encoding by its name, not with a weight of zero.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		return !found || strings.Trim(q, "0.") != ""
	}
	return false
}
