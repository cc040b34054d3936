package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weir/internal/problem"
	"weir/internal/tenant"
)

func (a *API) registerHealth() {
	a.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, "ok\n") })
	a.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := a.cfg.Ready(); len(reasons) > 0 {
			problem.New(http.StatusServiceUnavailable, "not_ready", "not ready: %s", strings.Join(reasons, "; ")).WithRetry(time.Second).Write(w)
			return
		}
		writeText(w, "ready\n")
	})
	a.describeText("/healthz", "Liveness: 200 while the process runs")
	a.describeText("/readyz", "Readiness: 200, or 503 with the reasons until answers are possible")
	if a.cfg.Gatherer == nil {
		return
	}
	h := promhttp.HandlerFor(a.cfg.Gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	a.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			p, prob := a.cfg.Auth.Authenticate(r)
			if prob == nil {
				prob = p.Require(tenant.RoleOperator)
			}
			if prob != nil {
				prob.Write(w)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
	a.describeText("/metrics", "Metrics in the Prometheus format, for requests from this machine or with the operator's token")
}

func (a *API) describeText(path, summary string) {
	a.Describe(&huma.Operation{OperationID: strings.Trim(path, "/"), Method: http.MethodGet, Path: path, Tags: []string{"Health"}, Summary: summary,
		Security: []map[string][]string{}, Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {}}}}})
}

// fromHere says whether a request comes from this machine itself. One that a proxy passed on does not, even if
// the proxy runs here.
func fromHere(r *http.Request) bool {
	for _, h := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text)) // the client has gone if this fails
}
