package saved

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
)

const (
	dashboardsPath = "/api/v1/dashboards"
	dashboardPath  = dashboardsPath + "/{id}"
)

// The kinds of panels.
const (
	panelTile      = "tile"
	panelLine      = "line"
	panelBar       = "bar"
	panelTable     = "table"
	panelFunnel    = "funnel"
	panelRetention = "retention"
	panelSQL       = "sql"
)

var panelKinds = []string{panelTile, panelLine, panelBar, panelTable, panelFunnel, panelRetention, panelSQL}

// The bounds of a panel.
const (
	maxX        = 11   // the grid has 12 columns
	maxWidth    = 12   // columns
	maxHeight   = 100  // rows: several screens
	maxY        = 5000 // fifty of the tallest panels, one below the other
	maxQuestion = 64 << 10
)

var panelIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// panelView is a panel as the API shows it and takes it.
type panelView struct {
	ID       string         `json:"id,omitempty" maxLength:"63" doc:"Unique within the dashboard: 1 to 63 characters of a-z, A-Z, 0-9, '-' and '_'; made when it is empty"`
	Title    string         `json:"title,omitempty" maxLength:"400"`
	Kind     string         `json:"kind" doc:"tile, line, bar and table show a report (bar: by group_by, without interval); funnel; retention; sql" example:"line"`
	Site     string         `json:"site_id,omitempty" maxLength:"253" doc:"A site of the tenant; sql needs none"`
	Question map[string]any `json:"question" doc:"What the endpoint of the kind takes as JSON: POST /report, /funnel or /retention of the site; for sql, {\"sql\": …}"`
	X        int            `json:"x" required:"false" doc:"The column that it begins in, 0 to 11, of a grid of 12"`
	Y        int            `json:"y" required:"false" doc:"The row that it begins in, 0 to 5000"`
	W        int            `json:"w" required:"false" doc:"Its columns, at most 12; 0: as many as suit its kind"`
	H        int            `json:"h" required:"false" doc:"Its rows, at most 100; 0: as many as suit its kind"`
}

type dashboardView struct {
	Meta
	Panels []panelView `json:"panels"`
}

// dashboardHead is a dashboard in a list.
type dashboardHead struct {
	Meta
	Panels int `json:"panels" doc:"How many it has"`
}

type dashboardsOutput struct {
	Body struct {
		Dashboards []dashboardHead `json:"dashboards" doc:"By name"`
	}
}

type DashboardBody struct {
	Name   string      `json:"name" maxLength:"400" doc:"1 to 200 bytes; unique among the tenant's dashboards whatever the case of its letters"`
	Panels []panelView `json:"panels" required:"false" nullable:"false"`
}

type createDashboardInput struct{ Body DashboardBody }

type DashboardID struct {
	ID string `path:"id" maxLength:"100"`
}

type putDashboardInput struct {
	DashboardID
	Body struct {
		DashboardBody
		Version int64 `json:"version" doc:"The version that was changed: another one now is a conflict, and nothing is written"`
		// Views are sent back as they were got.
		ID      string    `json:"id,omitempty" doc:"Ignored"`
		Owner   string    `json:"owner,omitempty" maxLength:"300" doc:"Whose it becomes: you, or a user of the tenant (local:ID); only its owner and an admin may say so. Embeds of its panels end when it changes hands. Left out, it stays."`
		Created time.Time `json:"created,omitzero" doc:"Ignored"`
		Updated time.Time `json:"updated,omitzero" doc:"Ignored"`
	}
}

func (o *Objects) registerDashboards(api huma.API) {
	tags := []string{"dashboards"}
	const sites = "A key that is bound to a site reaches only dashboards whose panels are all of that site."
	huma.Register(api, huma.Operation{OperationID: "list-dashboards", Method: http.MethodGet, Path: dashboardsPath, Tags: tags, Summary: "List the tenant's dashboards",
		Description: "Role viewer and up. " + sites, Errors: []int{401, 403, 422}}, o.listDashboards)
	huma.Register(api, huma.Operation{OperationID: "create-dashboard", Method: http.MethodPost, Path: dashboardsPath, Tags: tags, Summary: "Save a dashboard",
		Description: "Role analyst and up. " + sites, DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 403, 409, 422}}, o.createDashboard)
	huma.Register(api, huma.Operation{OperationID: "get-dashboard", Method: http.MethodGet, Path: dashboardPath, Tags: tags, Summary: "Show a dashboard with its panels",
		Description: "Role viewer and up. " + sites, Errors: []int{401, 403, 404, 422}}, o.getDashboard)
	huma.Register(api, huma.Operation{OperationID: "put-dashboard", Method: http.MethodPut, Path: dashboardPath, Tags: tags, Summary: "Replace a dashboard",
		Description: "Role analyst and up. version must be the one that was read (409 otherwise: read it again). Panels that stay keep their ids. " + sites,
		Errors:      []int{400, 401, 403, 404, 409, 422}}, o.putDashboard)
	huma.Register(api, huma.Operation{OperationID: "delete-dashboard", Method: http.MethodDelete, Path: dashboardPath, Tags: tags, Summary: "Delete a dashboard",
		Description: "Role analyst and up. Its embeds end. " + sites, DefaultStatus: http.StatusNoContent, Errors: []int{401, 403, 404, 422}}, o.deleteDashboard)
}

// tenantOf is whose dashboards a request concerns.
func (o *Objects) tenantOf(ctx context.Context, min tenant.Role) (tenant.Principal, tenant.ID, *problem.Problem) {
	who, p := principal(ctx, min)
	if p != nil {
		return who, "", p
	}
	t, p := who.RequireTenant()
	return who, t, p
}

// dashboardOf reads a body as it is kept.
func dashboardOf(s catalog.Saved) (catalog.Dashboard, error) {
	var d catalog.Dashboard
	if err := json.Unmarshal(s.Body, &d); err != nil {
		return d, fmt.Errorf("saved: the body of dashboard %s cannot be read: %w", s.ID, err)
	}
	return d, nil
}

// mayReach says whether the principal may see a dashboard: bound to a site, only that site's.
func mayReach(who tenant.Principal, d catalog.Dashboard) bool {
	return who.Site == "" || !slices.ContainsFunc(d.Panels, func(p catalog.Panel) bool { return p.Site != who.Site })
}

// dashboard finds a dashboard that the principal may reach.
func (o *Objects) dashboard(ctx context.Context, who tenant.Principal, t tenant.ID, id string) (catalog.Saved, catalog.Dashboard, error) {
	s, err := o.deps.Catalog.Saved(ctx, t, catalog.KindDashboard, id)
	if err != nil {
		return s, catalog.Dashboard{}, problemOf(err, catalog.KindDashboard, 0)
	}
	d, err := dashboardOf(s)
	if err == nil && !mayReach(who, d) {
		err = problemOf(catalog.ErrNotFound, catalog.KindDashboard, 0)
	}
	return s, d, err
}

func viewDashboard(s catalog.Saved, d catalog.Dashboard) (dashboardView, error) {
	v := dashboardView{Meta: metaOf(s), Panels: make([]panelView, len(d.Panels))}
	for i, p := range d.Panels {
		var err error
		if v.Panels[i], err = viewPanel(p); err != nil {
			return v, fmt.Errorf("saved: panel %s of dashboard %s: %w", p.ID, s.ID, err)
		}
	}
	return v, nil
}

func viewPanel(p catalog.Panel) (panelView, error) {
	v := panelView{ID: p.ID, Title: p.Title, Kind: p.Kind, Site: p.Site, X: p.X, Y: p.Y, W: p.W, H: p.H}
	d := json.NewDecoder(bytes.NewReader(p.Question))
	d.UseNumber()
	err := d.Decode(&v.Question)
	return v, err
}

func (o *Objects) listDashboards(ctx context.Context, _ *struct{}) (*dashboardsOutput, error) {
	who, t, p := o.tenantOf(ctx, tenant.RoleViewer)
	if p != nil {
		return nil, p
	}
	all, err := o.deps.Catalog.SavedOf(ctx, t, catalog.KindDashboard, "")
	if err != nil {
		return nil, problemOf(err, catalog.KindDashboard, 0)
	}
	out := &dashboardsOutput{}
	out.Body.Dashboards = []dashboardHead{}
	for _, s := range all {
		d, err := dashboardOf(s)
		if err != nil {
			return nil, err
		}
		if mayReach(who, d) {
			out.Body.Dashboards = append(out.Body.Dashboards, dashboardHead{metaOf(s), len(d.Panels)})
		}
	}
	return out, nil
}

func (o *Objects) getDashboard(ctx context.Context, in *DashboardID) (*output[dashboardView], error) {
	who, t, p := o.tenantOf(ctx, tenant.RoleViewer)
	if p != nil {
		return nil, p
	}
	s, d, err := o.dashboard(ctx, who, t, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := viewDashboard(s, d)
	return &output[dashboardView]{v}, err
}

func (o *Objects) createDashboard(ctx context.Context, in *createDashboardInput) (*created[dashboardView], error) {
	who, t, p := o.tenantOf(ctx, tenant.RoleAnalyst)
	if p != nil {
		return nil, p
	}
	s := catalog.Saved{Tenant: t, Kind: catalog.KindDashboard, Owner: who.Actor()}
	d, err := o.fill(ctx, who, &s, in.Body, catalog.Dashboard{}, 1)
	if err != nil {
		return nil, err
	}
	if s, err = o.deps.Catalog.CreateSaved(ctx, s, o.limits.Dashboards); err != nil {
		return nil, problemOf(err, catalog.KindDashboard, o.limits.Dashboards)
	}
	v, err := viewDashboard(s, d)
	return &created[dashboardView]{dashboardsPath + "/" + s.ID, v}, err
}

func (o *Objects) putDashboard(ctx context.Context, in *putDashboardInput) (*output[dashboardView], error) {
	who, t, p := o.tenantOf(ctx, tenant.RoleAnalyst)
	if p != nil {
		return nil, p
	}
	var d catalog.Dashboard
	s, err := o.update(ctx, func() (catalog.Saved, error) {
		s, old, err := o.dashboard(ctx, who, t, in.ID)
		d = old
		return s, err
	}, func(s *catalog.Saved) error {
		if s.Version != in.Body.Version {
			return problem.New(http.StatusConflict, "version_conflict", "the dashboard has version %d, and what you send was made of version %d: read it again and repeat your change",
				s.Version, in.Body.Version).WithField("version")
		}
		if p := o.handOver(who, s, in.Body.Owner); p != nil {
			return p
		}
		var err error
		d, err = o.fill(ctx, who, s, in.Body.DashboardBody, d, s.Version+1)
		return err
	})
	if err != nil {
		return nil, problemOf(err, catalog.KindDashboard, o.limits.Dashboards)
	}
	v, err := viewDashboard(s, d)
	return &output[dashboardView]{v}, err
}

// handOver gives a dashboard to another owner.
func (o *Objects) handOver(who tenant.Principal, s *catalog.Saved, owner string) *problem.Problem {
	if owner == "" || owner == s.Owner {
		return nil
	}
	if who.Actor() != s.Owner && !who.Role.CanRead(tenant.RoleAdmin) {
		return problem.New(http.StatusForbidden, "not_owner", "the dashboard belongs to %s; only its owner and an admin may hand it over", s.Owner).WithField("owner")
	}
	if id, local := strings.CutPrefix(owner, catalog.LocalUser("")); local {
		if _, ok := o.deps.Catalog.UserByID(s.Tenant, id); !ok && owner != who.Actor() {
			return invalid("owner", "there is no user %q in the tenant", clip(owner))
		}
	} else if owner != who.Actor() {
		return invalid("owner", "owner is %q; it must be you (%s) or a user of the tenant (local:ID)", clip(owner), who.Actor())
	}
	s.Owner = owner
	return nil
}

func (o *Objects) deleteDashboard(ctx context.Context, in *DashboardID) (*struct{}, error) {
	who, t, p := o.tenantOf(ctx, tenant.RoleAnalyst)
	if p != nil {
		return nil, p
	}
	if _, _, err := o.dashboard(ctx, who, t, in.ID); err != nil {
		return nil, err
	}
	if _, err := o.deps.Catalog.DeleteSaved(ctx, t, catalog.KindDashboard, in.ID); err != nil {
		return nil, problemOf(err, catalog.KindDashboard, 0)
	}
	return nil, nil
}

// fill checks what a caller sends and makes it the body of s, at its next version.
func (o *Objects) fill(ctx context.Context, who tenant.Principal, s *catalog.Saved, in DashboardBody, old catalog.Dashboard, version int64) (catalog.Dashboard, error) {
	name, p := named(in.Name)
	if p != nil {
		return old, p
	}
	if len(in.Panels) > o.limits.Panels {
		return old, invalid("panels", "there are %d panels, at most %d are allowed; make another dashboard", len(in.Panels), o.limits.Panels).WithLimit("saved.panels", int64(o.limits.Panels))
	}
	d := catalog.Dashboard{Panels: make([]catalog.Panel, 0, len(in.Panels))}
	for i, v := range in.Panels {
		panel, p := o.panel(ctx, who, s.Tenant, v, old, version)
		if p == nil && slices.ContainsFunc(d.Panels, func(x catalog.Panel) bool { return x.ID == panel.ID }) {
			p = invalid("id", "two panels have the id %q", panel.ID)
		}
		if p != nil {
			p.Detail = fmt.Sprintf("panel %d: %s", i+1, p.Detail)
			p.Field = fmt.Sprintf("panels[%d].%s", i, p.Field)
			return old, p
		}
		d.Panels = append(d.Panels, panel)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return old, fmt.Errorf("saved: %w", err)
	}
	if len(body) > catalog.MaxSavedBody {
		return old, invalid("panels", "the dashboard has %d bytes as it is kept, at most %d are allowed", len(body), catalog.MaxSavedBody).WithLimit("saved.body", catalog.MaxSavedBody)
	}
	s.Name, s.Body = name, body
	return d, nil
}

// panel checks a panel. One that was there and is not changed is not asked about: its site may have gone, and it must be possible to save its neighbours.
func (o *Objects) panel(ctx context.Context, who tenant.Principal, t tenant.ID, v panelView, old catalog.Dashboard, version int64) (catalog.Panel, *problem.Problem) {
	p := catalog.Panel{ID: v.ID, Title: v.Title, Kind: v.Kind, Site: v.Site, X: v.X, Y: v.Y, W: v.W, H: v.H, Since: version}
	if p.ID == "" {
		p.ID = "p_" + rand.Text()[:12]
	}
	if v.Question == nil {
		v.Question = map[string]any{}
	}
	var err error
	if p.Question, err = json.Marshal(v.Question); err != nil {
		return p, invalid("question", "question cannot be kept as JSON")
	}
	switch {
	case !panelIDPattern.MatchString(p.ID):
		return p, invalid("id", "id is %q; it must be 1 to 63 characters of a-z, A-Z, 0-9, '-' and '_', beginning with a letter or digit", clip(p.ID))
	case len(p.Title) > catalog.MaxSavedName || !utf8.ValidString(p.Title):
		return p, invalid("title", "title has %d bytes, at most %d of valid text are allowed", len(p.Title), catalog.MaxSavedName)
	case !slices.Contains(panelKinds, p.Kind):
		return p, invalid("kind", "there is no kind of panel %q%s; the kinds are %s", clip(p.Kind), didYouMean(p.Kind, panelKinds), strings.Join(panelKinds, ", "))
	case len(p.Question) > maxQuestion:
		return p, invalid("question", "question has %d bytes, at most %d are allowed", len(p.Question), maxQuestion).WithLimit("saved.question", maxQuestion)
	}
	if q := placeOf(p, old); q != nil {
		return p, q
	}
	if src, _, ok := o.deps.Catalog.SourceBySite(p.Site); ok && src.Tenant == t {
		p.Site = src.SiteID
	}
	if i := slices.IndexFunc(old.Panels, func(x catalog.Panel) bool { return x.ID == p.ID }); i >= 0 {
		was := old.Panels[i]
		if was.Site == p.Site && was.Kind == p.Kind {
			p.Since = was.Since // the same panel, perhaps with another question
			if bytes.Equal(was.Question, p.Question) {
				return p, nil
			}
		}
	}
	return p, o.checkQuestion(ctx, who, t, &p)
}

// placeOf bounds a panel's place and size. What was kept before there were bounds may stay.
func placeOf(p catalog.Panel, old catalog.Dashboard) *problem.Problem {
	var was catalog.Panel
	if i := slices.IndexFunc(old.Panels, func(x catalog.Panel) bool { return x.ID == p.ID }); i >= 0 {
		was = old.Panels[i]
	}
	for _, c := range []struct {
		name, what   string
		n, was, most int
	}{{"x", "the column that it begins in, of 12", p.X, was.X, maxX}, {"y", "the row that it begins in", p.Y, was.Y, maxY},
		{"w", "its columns, of 12; 0: as many as suit its kind", p.W, was.W, maxWidth}, {"h", "its rows; 0: as many as suit its kind", p.H, was.H, maxHeight}} {
		if (c.n < 0 || c.n > c.most) && c.n != c.was {
			return invalid(c.name, "%s is %d, it must be between 0 and %d: %s", c.name, c.n, c.most, c.what).WithLimit("saved.panel_"+c.name, int64(c.most))
		}
	}
	return nil
}

// checkQuestion checks a panel's site and question.
func (o *Objects) checkQuestion(ctx context.Context, who tenant.Principal, t tenant.ID, p *catalog.Panel) *problem.Problem {
	if p.Kind == panelSQL {
		if p.Site != "" || who.Site != "" {
			return invalid("site_id", "a panel of SQL reads the whole tenant and has no site")
		}
		var q map[string]any
		if json.Unmarshal(p.Question, &q) != nil || len(q) != 1 {
			return invalid("question", `the question of a panel of SQL is {"sql": "SELECT …"}`)
		}
		if text, ok := q["sql"].(string); !ok || strings.TrimSpace(text) == "" {
			return invalid("question", `the question of a panel of SQL is {"sql": "SELECT …"}`)
		}
		return nil
	}
	src, _, ok := o.deps.Catalog.SourceBySite(p.Site)
	if !ok || src.Tenant != t || who.Site != "" && who.Site != src.SiteID {
		return invalid("site_id", "there is no site %q here; name one of the tenant's", clip(p.Site))
	}
	q := o.deps.Questions.CheckPanel(ctx, src, p.Kind, p.Question)
	if q != nil {
		field := "question"
		if q.Field != "" {
			field += "." + q.Field
		}
		q.Field = field
	}
	return q
}

// didYouMean suggests the name most like s.
func didYouMean(s string, names []string) string {
	best, dist := "", len(s)/2+1
	for _, n := range names {
		if d := problem.Edits(strings.ToLower(clip(s)), n); d < dist {
			best, dist = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}
