package saved

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/audit"
	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
)

const (
	embedsPath = "/api/v1/embeds"
	// EmbedPage is the page that shows a panel; it reads its token from the parameter token.
	EmbedPage = "/embed"
)

// How long an embed lives.
const (
	defaultEmbed = time.Hour
	minEmbed     = time.Minute
	maxEmbed     = 24 * time.Hour
)

type createEmbedInput struct {
	Body struct {
		Dashboard string `json:"dashboard" maxLength:"100" doc:"The dashboard's id"`
		Panel     string `json:"panel" maxLength:"100" doc:"The panel's id"`
		Expires   string `json:"expires,omitempty" maxLength:"20" example:"1h" doc:"How long it opens the panel, 1m to 24h; 1h by default. Make a new one for each page that you serve."`
	}
}

type embedOutput struct {
	Body struct {
		URL     string    `json:"url" doc:"Of the page to put into a frame, below this server's address"`
		Token   string    `json:"token" doc:"Opens GET /api/v1/embeds/panel; shown only now"`
		Expires time.Time `json:"expires"`
	}
}

type panelInput struct {
	Authorization string `header:"Authorization" doc:"Bearer TOKEN"`
	Token         string `query:"token" maxLength:"2000" doc:"The token, where a header cannot be sent"`
}

// panelAnswer is a panel and the answer to its question.
type panelAnswer struct {
	Panel   panelView       `json:"panel"`
	Answer  json.RawMessage `json:"answer" doc:"What the endpoint of the panel's kind answers"`
	Zone    string          `json:"time_zone" doc:"Of the panel's site: its days and hours are those of the answer"`
	Expires time.Time       `json:"expires" doc:"When the token ends"`
}

// panelOutput is for everybody: what the answer cost, and what is left of the tenant's budget, is not in it.
type panelOutput struct {
	Cache   string `header:"X-Weir-Cache"`
	NoStore string `header:"Cache-Control"`
	Body    panelAnswer
}

// TransformSchema describes an answer: it depends on the kind of the panel.
func (panelAnswer) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	if a := s.Properties["answer"]; a != nil {
		*a = huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: a.Description}
	}
	return s
}

func (o *Objects) registerEmbeds(api huma.API) {
	tags := []string{"embeds"}
	huma.Register(api, huma.Operation{OperationID: "create-embed", Method: http.MethodPost, Path: embedsPath, Tags: tags, Summary: "Make a token that shows one panel to whoever has it",
		Description: "Role analyst and up. The token answers the question of that panel, as a viewer of its site would see it, and nothing else. It ends when it expires, when the panel, the dashboard, the site or the tenant goes, " +
			"when the dashboard changes hands, and when the key that made it is deleted or expires, or the user is removed or is no analyst any more (not of an identity provider). It follows changes of the panel's question. A panel of SQL cannot be embedded.",
		DefaultStatus: http.StatusCreated, Errors: []int{400, 401, 403, 404, 422}}, o.createEmbed)
	huma.Register(api, huma.Operation{OperationID: "get-embedded-panel", Method: http.MethodGet, Path: embedsPath + "/panel", Tags: tags, Summary: "The panel of an embed token, and its answer",
		Description: "The token comes as Authorization: Bearer TOKEN, or as the parameter token. It is charged to the tenant like the question itself.", Metadata: o.deps.Public,
		Security: []map[string][]string{{}}, Errors: []int{401, 422, 429, 503}}, o.getPanel)
}

func (o *Objects) createEmbed(ctx context.Context, in *createEmbedInput) (*embedOutput, error) {
	who, t, p := o.tenantOf(ctx, tenant.RoleAnalyst)
	if p != nil {
		return nil, p
	}
	life := defaultEmbed
	if in.Body.Expires != "" {
		var err error
		if life, err = config.ParseDuration(in.Body.Expires); err != nil || life < minEmbed || life > maxEmbed {
			return nil, invalid("expires", "expires is %q; write a length between 1m and 24h, such as 1h or 1h30m", clip(in.Body.Expires)).WithLimit("saved.embed_minutes", int64(maxEmbed.Minutes()))
		}
	}
	s, d, err := o.dashboard(ctx, who, t, in.Body.Dashboard)
	if err != nil {
		if p := (*problem.Problem)(nil); errors.As(err, &p) && p.Field == "id" { // as it is called in the path of a dashboard
			return nil, p.WithField("dashboard")
		}
		return nil, err
	}
	i := slices.IndexFunc(d.Panels, func(x catalog.Panel) bool { return x.ID == in.Body.Panel })
	switch {
	case i < 0:
		return nil, problem.New(http.StatusNotFound, "unknown_panel", "the dashboard has no panel %q", clip(in.Body.Panel)).WithField("panel")
	case d.Panels[i].Kind == panelSQL:
		return nil, invalid("panel", "a panel of SQL cannot be embedded: its statement may read everything of the tenant; make a panel of a report")
	}
	c := claims{Tenant: t, Dashboard: s.ID, Panel: d.Panels[i].ID, Since: d.Panels[i].Since, Owner: o.ownerDigest(s.Owner), Expires: o.now().Add(life).Unix(), Maker: makerOf(who)}
	token, err := o.sign(c)
	if err != nil {
		return nil, err
	}
	out := &embedOutput{}
	out.Body.Token, out.Body.Expires, out.Body.URL = token, c.expires(), EmbedPage+"?token="+url.QueryEscape(token)
	return out, nil
}

// badToken is the same for everything that is no token of ours: it says nothing about why.
func badToken() *problem.Problem {
	return problem.New(http.StatusUnauthorized, "bad_embed_token", "the token does not open a panel; get a new one from whoever shows this page").WithField("token")
}

// presented is the token that a request brings.
func presented(in *panelInput) (string, *problem.Problem) {
	scheme, rest, _ := strings.Cut(in.Authorization, " ")
	switch {
	case in.Authorization == "" && in.Token == "":
		return "", problem.New(http.StatusUnauthorized, "missing_embed_token", "send the token of an embed: Authorization: Bearer TOKEN").WithField("token")
	case in.Authorization == "":
		return in.Token, nil
	case in.Token != "" || !strings.EqualFold(scheme, "Bearer"):
		return "", badToken()
	}
	return strings.TrimSpace(rest), nil
}

// opened finds the panel that a token opens now.
func (o *Objects) opened(ctx context.Context, in *panelInput) (claims, catalog.Panel, catalog.Source, *problem.Problem) {
	token, p := presented(in)
	if p != nil {
		return claims{}, catalog.Panel{}, catalog.Source{}, p
	}
	c, err := o.verify(token)
	if err != nil {
		return claims{}, catalog.Panel{}, catalog.Source{}, badToken()
	}
	if !o.now().Before(c.expires()) {
		return c, catalog.Panel{}, catalog.Source{}, problem.New(http.StatusUnauthorized, "embed_expired", "the token ended at %s; get a new one from whoever shows this page", c.expires().Format(time.RFC3339)).WithField("token")
	}
	gone := problem.New(http.StatusUnauthorized, "embed_revoked", "the panel is not shown here any more: it, its dashboard or its site has gone, the dashboard has changed hands, or the key or user that made the token has gone").WithField("token")
	if t, ok := o.deps.Catalog.TenantByID(c.Tenant); ok && !t.Suspended.IsZero() {
		return c, catalog.Panel{}, catalog.Source{}, tenant.Suspended(c.Tenant, "")
	}
	if o.deps.May != nil && c.Maker != nil && !o.deps.May(c.Maker.principal(c.Tenant)) {
		return c, catalog.Panel{}, catalog.Source{}, gone
	}
	s, err := o.deps.Catalog.Saved(ctx, c.Tenant, catalog.KindDashboard, c.Dashboard)
	if err != nil {
		if errors.Is(err, catalog.ErrNotFound) {
			return c, catalog.Panel{}, catalog.Source{}, gone
		}
		o.log.Error("an embed's dashboard cannot be read", "dashboard", c.Dashboard, "error", err)
		return c, catalog.Panel{}, catalog.Source{}, problem.New(http.StatusServiceUnavailable, "unavailable", "the dashboard cannot be read now; try again").WithRetry(time.Second)
	}
	d, err := dashboardOf(s)
	if err != nil || subtle.ConstantTimeCompare(o.ownerDigest(s.Owner), c.Owner) != 1 {
		return c, catalog.Panel{}, catalog.Source{}, gone
	}
	i := slices.IndexFunc(d.Panels, func(x catalog.Panel) bool { return x.ID == c.Panel && x.Since == c.Since && x.Kind != panelSQL })
	if i < 0 {
		return c, catalog.Panel{}, catalog.Source{}, gone
	}
	src, _, ok := o.deps.Catalog.SourceBySite(d.Panels[i].Site)
	if !ok || src.Tenant != c.Tenant {
		return c, catalog.Panel{}, catalog.Source{}, gone
	}
	return c, d.Panels[i], src, nil
}

// viewer is whom a panel is answered for; of a token that was not made here, nobody.
func (c claims) viewer(src catalog.Source) tenant.Principal {
	if c.Tenant == "" {
		return tenant.Principal{}
	}
	return tenant.Principal{Tenant: c.Tenant, Role: tenant.RoleViewer, KeyID: "embed:" + c.Dashboard + "/" + c.Panel, Site: src.SiteID}
}

// withStanding lets whoever answers ask again whether the token still opens its panel.
func (o *Objects) withStanding(ctx context.Context, in *panelInput) context.Context {
	return tenant.WithStanding(ctx, tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) {
		c, _, src, p := o.opened(ctx, in)
		return c.viewer(src), p
	}})
}

func (o *Objects) getPanel(ctx context.Context, in *panelInput) (*panelOutput, error) {
	c, panel, src, p := o.opened(ctx, in)
	who := c.viewer(src)
	if p != nil {
		o.note(ctx, who, c, nil, p)
		return nil, p
	}
	watched, stop := tenant.Watch(o.withStanding(tenant.With(ctx, who), in), who, o.recheck)
	defer stop()
	answer, head, p := o.deps.Questions.AnswerPanel(watched, src, panel.Kind, panel.Question)
	var ended *problem.Problem
	if errors.As(context.Cause(watched), &ended) {
		p = ended
	}
	o.note(ctx, who, c, head, p)
	if p != nil {
		return nil, p
	}
	v, err := viewPanel(panel)
	if err != nil {
		return nil, err
	}
	return &panelOutput{Cache: head.Get("X-Weir-Cache"), NoStore: "no-store", Body: panelAnswer{Panel: v, Answer: answer, Zone: src.TimeZone, Expires: c.expires()}}, nil
}

// note records that a panel was asked for, gathered by the minute like reports. Whoever shows a token is nobody's user: of them no address is kept, only
// of those whose token opens nothing.
func (o *Objects) note(ctx context.Context, who tenant.Principal, c claims, head http.Header, p *problem.Problem) {
	if o.deps.Audit == nil {
		return
	}
	e := audit.Entry{Action: audit.Embed, Target: embedsPath + "/panel", Door: "embed", Outcome: audit.OK}
	if c.Tenant != "" {
		e.Tenant, e.Actor, e.Role, e.Target = c.Tenant, who.Actor(), who.Role, dashboardsPath+"/"+c.Dashboard+"#"+c.Panel
	} else {
		e.From = origin.From(ctx).String()
	}
	if p != nil {
		e.Outcome = p.Code
	}
	var cost audit.Cost // the header's JSON has the same names, and more
	if json.Unmarshal([]byte(head.Get("X-Weir-Cost")), &cost) == nil {
		e.Cost = &cost
	}
	o.deps.Audit.Gather(e)
}
