package httpapi

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed pages
var pageFiles embed.FS

// registerPages serves the pages. They need nothing from other hosts.
func (a *API) registerPages() {
	a.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		spec, err := a.spec()
		if err != nil {
			panic(fmt.Errorf("describe the API: %w", err)) // an operation that cannot be described is a bug
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(spec) // the client has gone if this fails
	})
	a.mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) { servePage(w, "docs.html", "text/html") })
	a.mux.HandleFunc("GET /docs.js", func(w http.ResponseWriter, _ *http.Request) { servePage(w, "docs.js", "text/javascript") })
	a.mux.HandleFunc("GET /weir.css", func(w http.ResponseWriter, _ *http.Request) { servePage(w, "weir.css", "text/css") })
	started := a.cfg.Now()
	home := template.Must(template.ParseFS(pageFiles, "pages/home.html"))
	a.mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		var page bytes.Buffer
		err := home.Execute(&page, map[string]any{"Version": a.cfg.Version, "Reasons": a.cfg.Ready(), "Metrics": a.cfg.Gatherer != nil,
			"Uptime": a.cfg.Now().Sub(started).Truncate(time.Second)})
		if err != nil {
			panic(fmt.Errorf("page: %w", err))
		}
		pageHeaders(w, "text/html")
		_, _ = w.Write(page.Bytes()) // the client has gone if this fails
	})
}

func pageHeaders(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType+"; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
}

func servePage(w http.ResponseWriter, name, contentType string) {
	data, err := pageFiles.ReadFile("pages/" + name)
	if err != nil {
		panic(fmt.Errorf("page: %w", err)) // it is embedded
	}
	pageHeaders(w, contentType)
	_, _ = w.Write(data) // the client has gone if this fails
}
