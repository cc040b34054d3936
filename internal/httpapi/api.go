// Package httpapi is weir's HTTP surface: it serves the control API (tenants, sources, keys, the import ledger, usage,
// quarantine), health, metrics, the API's description and its pages, and carries the handlers of others: the doors, queries, reports.
//
// Every error leaves as application/problem+json. Operations registered with huma are authenticated before
// they run, unless they say otherwise with Public; plain handlers authenticate by themselves.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Authenticator tells who makes a request, and makes keys.
type Authenticator interface {
	Authenticate(r *http.Request) (tenant.Principal, *problem.Problem)
	NewKey(role tenant.Role) (key string, hash [32]byte, err error)
}

// Config configures an API. A zero duration or size is replaced by its default.
type Config struct {
	Catalog   catalog.Catalog
	Auth      Authenticator
	Passwords Passwords // nil: no users
	Usage     Usage     // nil: no /api/v1/usage
	// Resources tells what a tenant used in [from, to), for /api/v1/usage. nil: it is left out.
	Resources  func(t tenant.ID, from, to time.Time) (Resources, error)
	Limits     Limits     // nil: no /api/v1/limits
	Quarantine Quarantine // nil: no /api/v1/quarantine
	Sessions   Sessions   // nil: nobody signs in with a browser
	Logins     Logins     // nil: not with an identity provider
	Audit      AuditLog   // nil: nothing is recorded, and there is no /api/v1/audit
	Loads      Loads      // nil: no /api/v1/operator/tenants
	Schema     Schema     // nil: no /api/v1/schema and /api/v1/properties
	Deletions  Deletions
	// TrustedProxies are those whose X-Forwarded-For and X-Forwarded-Proto count.
	TrustedProxies []netip.Prefix
	// Ready tells why answers are not possible yet; nothing when they are. It is called for each /readyz. Nil: always ready.
	Ready   func() []string
	Version string
	Webhook func(url string) error // says why a webhook will never be called, for its tenant; nil: any is taken

	HeaderTimeout time.Duration // to send a request's head: 10 s
	BodyTimeout   time.Duration // to send a whole body: 1 min
	WriteTimeout  time.Duration // without progress of an answer: 30 s
	IdleTimeout   time.Duration // between requests of a connection: 2 min
	Drain         time.Duration // for running requests at the end: 8 s
	Recheck       time.Duration // between looks at whether who waits for an answer, or takes one out, may still have it: 3 s
	MaxHeader     int           // bytes of a request's head: 64 KiB

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil keeps the metrics unregistered
	Gatherer   prometheus.Gatherer   // what /metrics shows; nil: no /metrics
	Now        func() time.Time      // default: time.Now; a seam of tests
}

func orDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func (c *Config) setDefaults() {
	orDefault(&c.HeaderTimeout, 10*time.Second)
	orDefault(&c.BodyTimeout, time.Minute)
	orDefault(&c.WriteTimeout, 30*time.Second)
	orDefault(&c.IdleTimeout, 2*time.Minute)
	orDefault(&c.Drain, 8*time.Second)
	orDefault(&c.Recheck, 3*time.Second)
	orDefault(&c.MaxHeader, 64<<10)
	orDefault(&c.Version, "development")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ready == nil {
		c.Ready = func() []string { return nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate reports every problem.
func (c Config) Validate() error {
	var errs []error
	if c.Catalog == nil {
		errs = append(errs, errors.New("httpapi: Catalog is nil"))
	}
	if c.Auth == nil {
		errs = append(errs, errors.New("httpapi: Auth is nil"))
	}
	if c.Deletions == nil {
		errs = append(errs, errors.New("httpapi: Deletions is nil"))
	}
	return errors.Join(errs...)
}

// API is the HTTP surface. Register everything before Run or the first request.
type API struct {
	cfg      Config
	log      *slog.Logger
	mux      *http.ServeMux
	huma     huma.API
	metrics  *metrics
	spec     func() ([]byte, error) // the OpenAPI description, made at its first use
	salts    saltSource
	overview overview
	pages    http.Handler // what browsers get where there is nothing else; nil: a problem

	stopping chan struct{} // closed when the first listener stops
	stop     sync.Once
}

// New returns an API with the control operations. It does no I/O.
func New(cfg Config) (*API, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	installErrors()
	a := &API{cfg: cfg, log: cfg.Logger.With("component", "httpapi"), mux: http.NewServeMux(), metrics: newMetrics(), stopping: make(chan struct{})}
	if cfg.Registerer != nil {
		if err := a.metrics.register(cfg.Registerer); err != nil {
			return nil, fmt.Errorf("httpapi: %w", err)
		}
	}
	a.huma = humago.New(a.mux, humaConfig(cfg.Version))
	a.huma.UseMiddleware(a.authenticate)
	a.spec = sync.OnceValues(a.huma.OpenAPI().MarshalJSON)
	a.salts = saltSource{catalog: cfg.Catalog}
	a.registerTenants()
	a.registerOverview()
	a.registerSuspension()
	a.registerSources()
	a.registerKeys()
	a.registerUsers()
	a.registerPolicy()
	a.registerSessions()
	a.registerSites()
	a.registerNames()
	a.registerAudit()
	a.registerImports()
	a.registerUsage()
	a.registerLimits()
	a.registerQuarantine()
	a.registerSchema()
	a.registerHealth()
	a.registerPages()
	return a, nil
}

// humaConfig has no paths of huma's own: its pages load from other hosts, and its description is made without a lock.
func humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("weir", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // no $schema in answers
	c.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "Control, ingest, query and report API of weir. Send a key as `Authorization: Bearer KEY`. " +
		"Errors are application/problem+json with a stable `code`, the `field` or `limit` concerned, and what to do."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "A key of a tenant, or the operator's token. The operator names the tenant with the header " + tenant.Header + "."},
	}
	c.Security = []map[string][]string{{"key": {}}}
	return c
}

// Huma is where operations are registered. They are authenticated: tenant.From(ctx) has the principal.
// An error that is or wraps a *problem.Problem is answered as it is, another one is logged and answered with 500.
func (a *API) Huma() huma.API { return a.huma }

// Mux is where plain handlers are registered; they authenticate by themselves.
func (a *API) Mux() *http.ServeMux { return a.mux }

// Pages answers browsers that open an address for which nothing is registered: the dashboard, whose views have addresses of their own.
func (a *API) Pages(h http.Handler) { a.pages = h }

// Describe adds a plain handler to the OpenAPI description.
func (a *API) Describe(op *huma.Operation) { a.huma.OpenAPI().AddOperation(op) }

// Public marks an operation as open to everybody: huma.Operation{Metadata: httpapi.Public()}.
func Public() map[string]any { return map[string]any{publicKey: true} }

const publicKey = "public"

// authenticate is the huma middleware that lets nobody in without a principal.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	ctx = lenient{huma.WithValue(huma.WithValue(ctx, logKey{}, a.log), schemasKey{}, a.huma.OpenAPI().Components.Schemas)}
	w.Header().Set("Cache-Control", "no-store")
	next = a.plainly(next)
	if public, _ := ctx.Operation().Metadata[publicKey].(bool); public {
		next(ctx)
		return
	}
	p, prob := a.cfg.Auth.Authenticate(r)
	if prob != nil {
		prob.Write(w)
		return
	}
	component := usage.Control
	if strings.HasPrefix(ctx.Operation().Path, "/api/v1/analytics/") {
		component = usage.Report
	}
	defer usage.Label(ctx.Context(), component, p.Tenant)()
	standing := tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) { return a.cfg.Auth.Authenticate(r) }, Stopping: a.stopping}
	a.audited(lenient{huma.WithContext(ctx, tenant.WithStanding(tenant.With(ctx.Context(), p), standing))}, p, next)
}

// lenient reads a body as JSON whatever its content type says: curl -d says that it is a form.
type lenient struct{ humaContext }

type humaContext huma.Context

func (l lenient) Unwrap() huma.Context { return l.humaContext }

func (l lenient) Header(name string) string {
	if name == "Content-Type" {
		return "application/json"
	}
	return l.humaContext.Header(name)
}

// principal returns who makes a request of a huma operation, if the role is enough.
func principal(ctx context.Context, min tenant.Role) (tenant.Principal, error) {
	p, err := tenant.From(ctx)
	if err != nil {
		return p, err
	}
	if prob := p.Require(min); prob != nil {
		return p, prob
	}
	return p, nil
}

// adminOf returns the tenant if the request comes from its admin or from the operator.
func adminOf(ctx context.Context, id string) (tenant.ID, error) {
	p, err := principal(ctx, tenant.RoleAdmin)
	if err != nil {
		return "", err
	}
	if p.Role != tenant.RoleOperator && string(p.Tenant) != id {
		return "", problem.New(http.StatusForbidden, "wrong_tenant", "the key belongs to tenant %s and may not touch tenant %q", p.Tenant, id).WithField("tenant")
	}
	return tenant.ID(id), nil
}
