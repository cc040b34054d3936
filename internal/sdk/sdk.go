// Package sdk serves the browser SDK, which is built from sdk/js and embedded: /sdk.js for a script tag, /sdk.mjs for import, and /sdk/config,
// which tells it what a site demands of it. All three are public and may be used by pages of any origin.
package sdk

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/problem"
)

//go:embed dist
var built embed.FS

// Built is what make sdk built; it has no sdk.js when the binary was made without.
func Built() fs.FS {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		panic(err) // the name is a constant
	}
	return dist
}

// Settings are what a site demands of the SDK, as /sdk/config tells them.
type Settings struct {
	ConsentRequired bool `json:"consent_required"` // nothing is sent or stored before the visitor agreed
	Cookieless      bool `json:"cookieless"`       // no identifier is stored
}

// Sites finds the source of a public site id.
type Sites interface {
	SourceBySite(site string) (catalog.Source, catalog.Tenant, bool)
}

// Config configures a Handler.
type Config struct {
	Files fs.FS // sdk.js and sdk.mjs; Built's
	Sites Sites
}

const (
	// codeMaxAge is how long a browser uses the script without asking. It is short when the script says what its site demands.
	codeMaxAge     = time.Hour
	settingsMaxAge = 5 * time.Minute
)

// Handler serves the SDK. It keeps every form of it in memory: plain and gzipped, alone and with each combination of settings in front.
type Handler struct {
	cfg    Config
	script map[Settings]*file
	plain  *file // the script without settings
	module *file
}

// file is a body and its gzipped form, with their entity tags.
type file struct {
	body, zipped []byte
	tag          string
}

// New reads the files. A missing file is no error: it is answered with 503.
func New(cfg Config) (*Handler, error) {
	h := &Handler{cfg: cfg}
	script, err := read(cfg.Files, "sdk.js")
	if err != nil {
		return nil, err
	}
	module, err := read(cfg.Files, "sdk.mjs")
	if err != nil {
		return nil, err
	}
	if module != nil {
		h.module = newFile(module)
	}
	if script == nil {
		return h, nil
	}
	h.plain, h.script = newFile(script), map[Settings]*file{}
	for _, s := range []Settings{{}, {true, false}, {false, true}, {true, true}} {
		text, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("sdk: %w", err)
		}
		h.script[s] = newFile(append([]byte("self.weirConfig="+string(text)+";"), script...))
	}
	return h, nil
}

func read(files fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sdk: %w", err)
	}
	return data, nil
}

func newFile(body []byte) *file {
	var zipped bytes.Buffer
	zw, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = zw.Write(body) // a buffer takes everything
	_ = zw.Close()
	sum := sha256.Sum256(body)
	return &file{body: body, zipped: zipped.Bytes(), tag: base64.RawURLEncoding.EncodeToString(sum[:12])}
}

// Register puts the handlers on a mux.
func (h *Handler) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /sdk.js", h.serveScript)
	mux.HandleFunc("GET /sdk.mjs", func(w http.ResponseWriter, r *http.Request) { serve(w, r, h.module, codeMaxAge) })
	mux.HandleFunc("GET /sdk/config", h.serveSettings)
}

// serveScript serves the script; with ?site_id= it begins with the site's settings, so that it need not ask for them. An unknown site gets the
// script alone: a page that calls it must find it.
func (h *Handler) serveScript(w http.ResponseWriter, r *http.Request) {
	if site := r.URL.Query().Get("site_id"); site != "" && h.script != nil {
		if src, _, ok := h.cfg.Sites.SourceBySite(site); ok {
			serve(w, r, h.script[settings(src)], settingsMaxAge)
			return
		}
	}
	serve(w, r, h.plain, codeMaxAge)
}

func settings(src catalog.Source) Settings {
	if src.Privacy == nil {
		return Settings{}
	}
	return Settings{ConsentRequired: src.Privacy.ConsentRequired, Cookieless: src.Privacy.Cookieless}
}

// open lets pages of every origin load and read the answer.
func open(hd http.Header) {
	hd.Set("Access-Control-Allow-Origin", "*")
	hd.Set("Cross-Origin-Resource-Policy", "cross-origin")
	hd.Set("Timing-Allow-Origin", "*")
}

func serve(w http.ResponseWriter, r *http.Request, f *file, maxAge time.Duration) {
	hd := w.Header()
	open(hd)
	if f == nil {
		hd.Set("Cache-Control", "no-store")
		problem.New(http.StatusServiceUnavailable, "sdk_missing", "this weir was built without the browser SDK: build it with make build").Write(w)
		return
	}
	hd.Set("Content-Type", "text/javascript; charset=utf-8")
	hd.Set("Cache-Control", cacheFor(maxAge))
	hd.Set("Vary", "Accept-Encoding")
	body, tag := f.body, `"`+f.tag+`"`
	if acceptsGzip(r.Header) {
		body, tag = f.zipped, `"`+f.tag+`-gzip"`
		hd.Set("Content-Encoding", "gzip")
	}
	hd.Set("ETag", tag)
	if match := r.Header.Get("If-None-Match"); matches(match, f.tag) {
		hd.Del("Content-Encoding")
		hd.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	hd.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone if this fails
	}
}

// cacheFor is the whole time that an answer may be used: no stale one after it (stale-while-revalidate), which would ignore a site's new demands for long.
func cacheFor(d time.Duration) string {
	return "public, max-age=" + strconv.Itoa(int(d/time.Second))
}

// matches compares If-None-Match with a tag in either encoding; proxies make strong tags weak.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.Trim(strings.TrimPrefix(strings.TrimSpace(one), "W/"), `"`)
		if one == tag || one == tag+"-gzip" || one == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding; a weight of 0 forbids.
func acceptsGzip(hd http.Header) bool {
	for _, line := range hd.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(strings.ReplaceAll(one, " ", ""), ";")
			if !strings.EqualFold(name, "gzip") {
				continue
			}
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.ToLower(weight), "q="), 64)
			return weight == "" || err == nil && q > 0
		}
	}
	return false
}

// serveSettings answers {"consent_required","cookieless"}.
func (h *Handler) serveSettings(w http.ResponseWriter, r *http.Request) {
	hd := w.Header()
	open(hd)
	hd.Set("Cache-Control", "no-store")
	site := r.URL.Query().Get("site_id")
	if site == "" {
		problem.New(http.StatusBadRequest, "field_missing", "the request names no site: set site_id").WithField("site_id").Write(w)
		return
	}
	src, _, ok := h.cfg.Sites.SourceBySite(site)
	if !ok {
		problem.New(http.StatusNotFound, "site_unknown", "the site does not exist: check site_id").WithField("site_id").Write(w)
		return
	}
	text, err := json.Marshal(settings(src))
	if err != nil {
		panic(fmt.Errorf("sdk: %w", err)) // two booleans
	}
	hd.Set("Cache-Control", cacheFor(settingsMaxAge))
	hd.Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // the client has gone if this fails
}
