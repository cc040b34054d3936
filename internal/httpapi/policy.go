package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/rollup"
	"weir/internal/session"
	"weir/internal/tenant"
)

type maskView struct {
	Column  string   `json:"column" maxLength:"518" example:"user_id" doc:"A column of events, or a property's name; a property named like a column is hidden with it, and alone when it is written with props. before it. props stands for all properties."`
	Roles   []string `json:"roles" minItems:"1" enum:"viewer,analyst" doc:"Those that do not see it; what analysts do not see, viewers do not see either"`
	Action  string   `json:"action" enum:"hide,hash" doc:"hide: the value is empty or NULL; hash: equal values stay equal"`
	Unknown bool     `json:"unknown,omitempty" doc:"No column or property of this name has been seen yet: the mask hides nothing now. What is sent of it is not looked at."`
}

type budgetPolicy struct {
	Amount  float64 `json:"amount" doc:"For a calendar month (UTC), in the price book's currency; 0 is no budget"`
	Action  string  `json:"action" enum:"notify,throttle,block" doc:"What happens when it is spent. Events are taken in any case."`
	Webhook string  `json:"webhook" doc:"Where notices are sent"`
}

type policyView struct {
	Masks []maskView `json:"masks"`
	// MasksVersion stands for the masks: it is another one when they are.
	MasksVersion string       `json:"masks_version" example:"4f1d0a9e6b3c7d21" doc:"Stands for these masks; send it with a change of them"`
	Budget       budgetPolicy `json:"budget"`
}

// viewPolicy is a policy as the API shows it; known are the names that are known, nil: that cannot be told.
func viewPolicy(p catalog.Policy, known *maskNames) policyView {
	out := policyView{Masks: make([]maskView, len(p.Masks)), Budget: budgetPolicy{Amount: p.Budget.Amount, Action: p.Budget.Action, Webhook: p.Budget.Webhook}}
	out.MasksVersion = masksVersion(p.Masks)
	for i, m := range p.Masks {
		out.Masks[i] = maskView{Column: m.Name(), Action: m.Action, Roles: []string{}, Unknown: known != nil && !known.has(m.Column, m.Property)}
		for _, r := range m.Roles {
			out.Masks[i].Roles = append(out.Masks[i].Roles, string(r))
		}
	}
	if out.Budget.Action == "" {
		out.Budget.Action = catalog.BudgetNotify
	}
	return out
}

// masksVersion is a hash of the masks: equal ones have one version, whoever set them.
func masksVersion(masks []catalog.Mask) string {
	h := sha256.New()
	for _, m := range masks {
		fmt.Fprintf(h, "%q %q %q\n", m.Name(), m.Action, m.Roles)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// BudgetPatch changes only what it names.
type BudgetPatch struct {
	Amount  *float64 `json:"amount,omitempty" minimum:"0" doc:"Operator only"`
	Action  *string  `json:"action,omitempty" enum:"notify,throttle,block" doc:"Operator only"`
	Webhook *string  `json:"webhook,omitempty" maxLength:"2000" doc:"An http or https URL; empty: none"`
}

// PolicyPatch changes only what it names.
type PolicyPatch struct {
	Masks        *[]maskView  `json:"masks,omitempty" maxItems:"500" doc:"All masks: those that are not named go"`
	MasksVersion string       `json:"masks_version,omitempty" maxLength:"64" doc:"masks_version of the masks that these were made of: if others hold meanwhile, nothing is written (409). Without it the last change wins"`
	Budget       *BudgetPatch `json:"budget,omitempty"`
}

// NamesChanges implements Change.
func (*PolicyPatch) NamesChanges() {}

type policyInput struct {
	TenantPath
	Body PolicyPatch
}

type policyOutput struct{ Body policyView }

func (a *API) registerPolicy() {
	tags := []string{"Policy (tenant admin)"}
	const path = "/api/v1/tenants/{tenant}/policy"
	huma.Register(a.huma, huma.Operation{OperationID: "get-policy", Method: http.MethodGet, Path: path,
		Tags: tags, Summary: "Masks and budget of a tenant", Errors: []int{401, 403, 404}}, a.showPolicy)
	huma.Register(a.huma, huma.Operation{OperationID: "update-policy", Method: http.MethodPatch, Path: path,
		Tags: tags, Summary: "Change masks or budget", Description: "Fields that are not named stay. It holds from the next query on. Amount and action of the budget are the operator's to set.",
		Errors: []int{400, 401, 403, 404, 409}}, a.updatePolicy)
}

func (a *API) showPolicy(ctx context.Context, in *TenantPath) (*policyOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	t, err := a.cfg.Catalog.Tenant(ctx, id)
	if err != nil {
		return nil, catalogError(err)
	}
	return a.policyOutput(ctx, t), nil
}

// policyOutput is a policy as it is answered, with what of it hides nothing.
func (a *API) policyOutput(ctx context.Context, t catalog.Tenant) *policyOutput {
	var known *maskNames
	if len(t.Policy.Masks) > 0 {
		known, _ = a.maskable(ctx, t.ID) // the policy can be read where the properties cannot
	}
	return &policyOutput{viewPolicy(t.Policy, known)}
}

func (a *API) updatePolicy(ctx context.Context, in *policyInput) (*policyOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	var masks []catalog.Mask
	if in.Body.Masks != nil {
		if masks, err = a.masks(ctx, id, *in.Body.Masks); err != nil {
			return nil, err
		}
	}
	if b := in.Body.Budget; b != nil {
		if err := a.checkBudget(ctx, b); err != nil {
			return nil, err
		}
	}
	t, err := a.cfg.Catalog.UpdateTenant(ctx, id, func(t *catalog.Tenant) error {
		if in.Body.Masks != nil {
			if v := in.Body.MasksVersion; v != "" && v != masksVersion(t.Policy.Masks) {
				return problem.New(http.StatusConflict, "version_conflict", "the masks are not those of version %q any more: read them again and repeat your change", v).WithField("masks_version")
			}
			t.Policy.Masks = masks
		}
		if b := in.Body.Budget; b != nil {
			if b.Amount != nil {
				t.Policy.Budget.Amount = *b.Amount
			}
			if b.Action != nil {
				t.Policy.Budget.Action = *b.Action
			}
			if b.Webhook != nil {
				t.Policy.Budget.Webhook = *b.Webhook
			}
		}
		return nil
	})
	if err != nil {
		return nil, catalogError(err)
	}
	return a.policyOutput(ctx, t), nil
}

func (a *API) checkBudget(ctx context.Context, b *BudgetPatch) error {
	if b.Amount != nil || b.Action != nil { // who pays may not lift the bound that the operator sets
		if _, err := principal(ctx, tenant.RoleOperator); err != nil {
			return err
		}
	}
	if b.Webhook != nil && *b.Webhook != "" {
		u, err := url.Parse(*b.Webhook)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return invalid("budget.webhook", "it is not an http or https URL without user name, like https://hooks.example.com/weir")
		}
		if check := a.cfg.Webhook; check != nil {
			if err := check(*b.Webhook); err != nil {
				return invalid("budget.webhook", "%s", err)
			}
		}
	}
	return nil
}

// unmaskable are columns without which nothing can be asked.
var unmaskable = []string{"ts", "received_at"}

// masks checks masks.
func (a *API) masks(ctx context.Context, id tenant.ID, list []maskView) ([]catalog.Mask, error) {
	known, err := a.maskable(ctx, id)
	if err != nil {
		return nil, err
	}
	now, _ := a.cfg.Catalog.TenantByID(id)
	out := make([]catalog.Mask, 0, len(list))
	for _, m := range list {
		mask, err := readMask(m, known, now.Policy.Masks)
		if err != nil {
			return nil, err
		}
		for _, other := range out {
			for _, r := range mask.Roles {
				if other.Name() == mask.Name() && slices.Contains(other.Roles, r) {
					return nil, invalid("masks.column", "%s is masked twice for the role %s", mask.Name(), r)
				}
			}
		}
		out = append(out, mask)
	}
	return out, nil
}

// maxMaskName is how long a name that is masked may be: as long as a property's.
const maxMaskName = 512

// readMask reads one mask. What is shown of those that hold can be sent back.
func readMask(m maskView, known *maskNames, hold []catalog.Mask) (catalog.Mask, error) {
	name, alone := catalog.ReadMaskName(m.Column)
	mask := catalog.Mask{Column: name, Property: alone, Action: m.Action}
	for _, r := range m.Roles {
		if !slices.Contains(mask.Roles, tenant.Role(r)) {
			mask.Roles = append(mask.Roles, tenant.Role(r))
		}
	}
	if name == "" || len(name) > maxMaskName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return mask, invalid("masks.column", "%q is no name of a column or a property (1 to %d bytes)", m.Column, maxMaskName)
	}
	if !alone && slices.Contains(unmaskable, name) {
		return mask, invalid("masks.column", "%s cannot be masked: without it nothing can be asked; props.%s is the property of this name", name, name)
	}
	isProperty := strings.HasPrefix(m.Column, "props.")
	shown := slices.ContainsFunc(hold, func(h catalog.Mask) bool { return h.Name() == mask.Name() })
	if isProperty || shown || known.has(name, false) {
		return mask, nil
	}
	if c, ok := session.Find(name); ok && c.From != name {
		return mask, invalid("masks.column", "%s is the %s of one of a visit's events: mask %s, which hides both. Write props.%s if a property will have this name", name, c.From, c.From, name)
	}
	if relation, column, ok := strings.Cut(name, "."); ok && slices.Contains(maskRelations(), relation) {
		if c, ok := session.Find(column); ok {
			column = c.From
		}
		return mask, invalid("masks.column", "there is no column or property %q: leave %q out, as in %s; what is masked in events is masked in all relations. Write props.%s if a property will have this name", name, relation+".", column, name)
	}
	if strings.ContainsAny(name, "[](){}'\"`") {
		return mask, invalid("masks.column", "%q is no name of a column or a property that is known; a property is named by its name alone, for example plan, or props.plan", name)
	}
	names := slices.Concat(known.columns, known.properties)
	for _, h := range hold {
		names = append(names, h.Column)
	}
	if like := nearestName(name, names); like != "" {
		return mask, invalid("masks.column", "there is no column or property %q, did you mean %q? Write props.%s if a property will have this name", name, like, name)
	}
	return mask, nil
}

// maskRelations are the relations whose names people write before a column's.
func maskRelations() []string {
	names := []string{"events", "sessions"}
	for _, r := range rollup.All {
		names = append(names, r.Name)
	}
	return names
}

// maskNames are the names that a mask hides something of now.
type maskNames struct {
	columns    []string
	properties []string
}

// has says whether there is a column or a property of a name (alone: a property), or one below it: what hides an object hides what lies in it.
func (n *maskNames) has(name string, alone bool) bool {
	return !alone && slices.Contains(n.columns, name) ||
		slices.ContainsFunc(n.properties, func(p string) bool { return p == name || strings.HasPrefix(p, name+".") })
}

// maskable are the columns and the properties that are known.
func (a *API) maskable(ctx context.Context, id tenant.ID) (*maskNames, error) {
	names := &maskNames{}
	for _, c := range event.Columns {
		if c.Visible && c.Stored {
			names.columns = append(names.columns, c.Name)
		}
	}
	if a.cfg.Schema == nil {
		return names, nil
	}
	s, err := a.cfg.Schema.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Properties {
		names.properties = append(names.properties, p.Name)
	}
	return names, nil
}

// nearestName is the name that s is probably a misspelling of; empty if there is none.
func nearestName(s string, names []string) string {
	best, least := "", 3
	if len(s) < 5 {
		least = 2
	}
	for _, n := range names {
		if d := problem.Edits(strings.ToLower(s), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}
