package httpapi

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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

// passedOn are headers that proxies and content networks add, beside all that begin with X-Forwarded.
var passedOn = []string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Forwarded-For", "X-Original-Host", "X-Original-Url", "X-Host",
	"X-Envoy-External-Address", "X-Envoy-Expected-Rq-Timeout-Ms", "X-Amzn-Trace-Id", "X-Azure-Clientip", "X-Appengine-User-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
	"Cf-Ray", "Cdn-Loop", "Fastly-Client-Ip", "Fly-Client-Ip", "Do-Connecting-Ip"}

// fromHere says whether a request surely comes from this machine itself. One that a proxy passed on does not, even if the proxy runs here: it says so in a
// header, asks with HTTP/1.0 as nginx long did by default, or for the host that its client asked for.
func fromHere(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().Unmap().IsLoopback() || !r.ProtoAtLeast(1, 1) || !loopbackHost(r.Host) {
		return false
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded") || slices.Contains(passedOn, name) {
			return false
		}
	}
	return true
}

// loopbackHost says whether a Host header names this machine for itself.
func loopbackHost(host string) bool {
	u := url.URL{Host: host}
	name := u.Hostname()
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text)) // the client has gone if this fails
}
