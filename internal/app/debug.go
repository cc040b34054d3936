package app

import (
	"net/http"
	"net/http/pprof"

	"weir/internal/auth"
	"weir/internal/metering"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// debugHandler serves the profiles of net/http/pprof under /debug/pprof/ to the operator.
func debugHandler(a *auth.Authenticator, m *metering.Meter) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", func(w http.ResponseWriter, r *http.Request) {
		defer m.Pause()() // one profile at a time can run in a process
		pprof.Profile(w, r)
	})
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return authenticated(a, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, err := tenant.From(r.Context()); err != nil || p.Role != tenant.RoleOperator {
			problem.New(http.StatusForbidden, "forbidden", "profiles are for the operator: send the operator's token").Write(w)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}
