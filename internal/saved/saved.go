// Package saved is what users of a tenant keep: goals, segments and cohorts of a site, dashboards of panels, queries, and embeds: tokens that open
// one panel for whoever shows them, for a short time. DESIGN.md says what a token promises.
//
// Viewers read, analysts and admins write. A key that is bound to a site reaches what is that site's alone.
package saved

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// Limits bound what a tenant may keep.
type Limits struct {
	PerSite    int // goals, segments and cohorts, of each kind and site; 500
	Dashboards int // 200
	Queries    int // 500
	Panels     int // of a dashboard; 50
}

// Catalog is what is needed of the catalog. catalog.Catalog does it.
type Catalog interface {
	catalog.SavedObjects
	SourceBySite(siteOrAlias string) (catalog.Source, catalog.Tenant, bool)
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
	UserByID(t tenant.ID, id string) (catalog.User, bool)
}

// Questions knows what can be asked about a site. *report.Reporter does.
type Questions interface {
	// CheckGoal, CheckSegment and CheckCohort say what is wrong with a body, in terms of its fields.
	CheckGoal(g catalog.Goal) *problem.Problem
	CheckSegment(s catalog.Segment) *problem.Problem
	CheckCohort(ctx context.Context, src catalog.Source, c catalog.Cohort) *problem.Problem
	// CohortsIn are the ids of the cohorts that filters name; FunnelNames what a funnel names.
	CohortsIn(filters []string) []string
	FunnelNames(funnel json.RawMessage) (segment string, goals []string)
	// CheckPanel says what is wrong with the question of a panel of a kind.
	CheckPanel(ctx context.Context, src catalog.Source, kind string, question json.RawMessage) *problem.Problem
	// AnswerPanel answers it for the principal in ctx, like the endpoint of that question: charged, within limits, masks kept. head has
	// what the endpoint sends beside the answer.
	AnswerPanel(ctx context.Context, src catalog.Source, kind string, question json.RawMessage) (answer json.RawMessage, head http.Header, p *problem.Problem)
}

// Deps are what Objects works with. All but Audit and May must be set.
type Deps struct {
	Catalog   Catalog
	Questions Questions
	Audit     audit.Recorder // nil: the opening of embeds is not recorded
	// May says, from memory, whether somebody still has at least the role of the principal. nil: embeds outlive who made them.
	May      func(who tenant.Principal) bool
	EmbedKey []byte         // secret of the installation, 32 bytes
	Public   map[string]any // metadata of an operation that authenticates by itself
}

// Objects serves what is saved. It is safe for concurrent use.
type Objects struct {
	limits  Limits
	deps    Deps
	log     *slog.Logger
	now     func() time.Time
	recheck time.Duration // recheckEvery
}

// recheckEvery is how often a panel that is being answered is asked whether its token still opens it.
const recheckEvery = 3 * time.Second

// New returns Objects. It does no I/O.
func New(l Limits, d Deps, log *slog.Logger) (*Objects, error) {
	if d.Catalog == nil || d.Questions == nil || len(d.EmbedKey) != keyBytes {
		return nil, errors.New("saved: Catalog and Questions must be set, and EmbedKey have 32 bytes")
	}
	for _, x := range []struct {
		value *int
		def   int
	}{{&l.PerSite, 500}, {&l.Dashboards, 200}, {&l.Queries, 500}, {&l.Panels, 50}} {
		if *x.value == 0 {
			*x.value = x.def
		}
	}
	return &Objects{limits: l, deps: d, log: log.With("component", "saved"), now: time.Now, recheck: recheckEvery}, nil
}

// Register adds the operations to an API whose operations are authenticated, but for those with the metadata Public.
func (o *Objects) Register(api huma.API) {
	registerKind(api, o, goals)
	registerKind(api, o, segments)
	registerKind(api, o, cohorts)
	o.registerDashboards(api)
	o.registerQueries(api)
	o.registerEmbeds(api)
}

// Meta is what all saved objects have.
type Meta struct {
	ID      string    `json:"id" example:"g_7XK2M4QLPDAEFB3C"`
	Name    string    `json:"name" example:"Sign-up"`
	Version int64     `json:"version" doc:"Rises with each change"`
	Owner   string    `json:"owner" doc:"Whose it is: who made it, until it changes hands" example:"local:u_ABC"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

func metaOf(s catalog.Saved) Meta {
	return Meta{s.ID, s.Name, s.Version, s.Owner, s.Created, s.Updated}
}

func invalid(field, format string, args ...any) *problem.Problem {
	return problem.Invalid(field, format, args...)
}

// principal is who asks, if the role is enough: viewers read, analysts write.
func principal(ctx context.Context, min tenant.Role) (tenant.Principal, *problem.Problem) {
	who, err := tenant.From(ctx)
	if err != nil {
		return who, problem.New(http.StatusUnauthorized, "unauthenticated", "send a key: Authorization: Bearer <key>")
	}
	return who, who.Require(min)
}

// source finds a source that the principal may reach. One of another tenant is not found, like one that does not exist.
func (o *Objects) source(ctx context.Context, site string, min tenant.Role) (tenant.Principal, catalog.Source, *problem.Problem) {
	who, p := principal(ctx, min)
	if p != nil {
		return who, catalog.Source{}, p
	}
	src, _, ok := o.deps.Catalog.SourceBySite(site)
	mine := who.Tenant == src.Tenant || who.Tenant == "" && who.Role == tenant.RoleOperator
	if !ok || !mine || who.Site != "" && who.Site != src.SiteID {
		return who, catalog.Source{}, problem.New(http.StatusNotFound, "unknown_site", "there is no site %q that this key may reach; check the site_id", clip(site)).WithField("site_id")
	}
	return who, src, nil
}

// hidesPeople says whether the tenant hides from the role who persons are.
func (o *Objects) hidesPeople(who tenant.Principal, t tenant.ID) bool {
	found, _ := o.deps.Catalog.TenantByID(t)
	return slices.ContainsFunc(found.Policy.Masks, func(m catalog.Mask) bool {
		return !m.Property && (m.Column == "client_id" || m.Column == "user_id") && m.Holds(who.Role)
	})
}

// errMoved says that somebody else changed an object meanwhile.
var errMoved = errors.New("saved: changed meanwhile")

// update changes an object. The change is made on what find returns, outside of the catalog's transaction, and made again when somebody else was faster.
func (o *Objects) update(ctx context.Context, find func() (catalog.Saved, error), change func(*catalog.Saved) error) (catalog.Saved, error) {
	for {
		s, err := find()
		if err != nil {
			return s, err
		}
		at := s.Version
		if err := change(&s); err != nil {
			return s, err
		}
		done, err := o.deps.Catalog.UpdateSaved(ctx, s.Tenant, s.Kind, s.ID, func(now *catalog.Saved) error {
			if now.Version != at {
				return errMoved
			}
			now.Name, now.Body, now.Owner = s.Name, s.Body, s.Owner
			return nil
		})
		if !errors.Is(err, errMoved) {
			return done, err
		}
	}
}

// clip shortens what a caller wrote, for a message.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// named checks a name as it is written and returns it as it is kept.
func named(name string) (string, *problem.Problem) {
	name = strings.TrimSpace(name)
	probe := catalog.Saved{Kind: catalog.KindDashboard, Name: name, Body: []byte("1")}
	if err := probe.Validate(); err != nil {
		return "", invalid("name", "name is %q: %v", clip(name), err)
	}
	return name, nil
}

// plural is how several objects of a kind are called.
func plural(kind string) string {
	if kind == catalog.KindQuery {
		return "queries"
	}
	return kind + "s"
}

// problemOf tells a caller of an error of the catalog.
func problemOf(err error, kind string, most int) error {
	var c *catalog.Conflict
	var p *problem.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &c):
		return problem.New(http.StatusConflict, "name_taken", "there is a %s named %q already; choose another name", kind, c.Value).WithField(c.Field)
	case errors.Is(err, catalog.ErrFull):
		return problem.New(http.StatusConflict, "too_many_"+plural(kind), "there are %d %s already, the most that are kept; delete one first", most, plural(kind)).WithLimit("saved."+plural(kind), int64(most))
	case errors.Is(err, catalog.ErrSavedTotal):
		return problem.New(http.StatusConflict, "saved_too_large", "the %s would take more than %d bytes together; make this one smaller, or delete one first", plural(kind), catalog.MaxSavedTotal).
			WithLimit("saved.bytes", catalog.MaxSavedTotal)
	case errors.Is(err, catalog.ErrNotFound):
		return problem.New(http.StatusNotFound, "unknown_"+kind, "there is no such %s here; list them to see the ids", kind).WithField("id")
	}
	return err
}
