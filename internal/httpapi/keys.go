package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/config"
	"weir/internal/tenant"
)

// KeyView is a key as the API shows it, without its secret.
type KeyView struct {
	ID      string    `json:"id"`
	Role    string    `json:"role" enum:"viewer,analyst,admin,writer,operator"`
	Name    string    `json:"name"`
	SiteID  string    `json:"site_id,omitempty" doc:"Set when the key sends events of one source only"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero" doc:"Absent when the key does not expire"`
	Expired bool      `json:"expired"`
	Used    time.Time `json:"used,omitzero" doc:"When it was last used, to a minute or two; absent if it never was"`
}

func (a *API) viewKey(k catalog.Key, used time.Time) KeyView {
	return KeyView{ID: k.ID, Role: string(k.Role), Name: k.Name, SiteID: k.Site, Created: k.Created, Expires: k.Expires,
		Expired: !k.Expires.IsZero() && !a.cfg.Now().Before(k.Expires), Used: used}
}

type createKeyInput struct {
	TenantPath
	Body struct {
		Role    string  `json:"role" enum:"viewer,analyst,admin,writer" doc:"viewer reads reports, analyst queries too, admin manages the tenant too; writer only sends events"`
		Name    string  `json:"name,omitempty" maxLength:"200" doc:"What it is for"`
		Expires *string `json:"expires,omitempty" example:"90d" doc:"When it stops working: a time (RFC 3339), or a length from now such as 90d; never if absent"`
		Source  string  `json:"source,omitempty" maxLength:"63" doc:"With role writer: a further write key of this source"`
	}
}

type createOperatorKeyInput struct {
	Body struct {
		Name    string  `json:"name" minLength:"1" maxLength:"200" doc:"Whose it is, or what it is for"`
		Expires *string `json:"expires,omitempty" example:"90d" doc:"When it stops working: a time (RFC 3339), or a length from now such as 90d; never if absent"`
	}
}

type rotation struct {
	Overlap string  `json:"overlap,omitempty" example:"24h" doc:"How long the old key still works: 24h by default, at most 90d; 0 ends it at once"`
	Name    string  `json:"name,omitempty" maxLength:"200" doc:"Of the new key; the old one's if absent"`
	Expires *string `json:"expires,omitempty" example:"90d" doc:"When the new key stops working: a time (RFC 3339), or a length from now such as 90d; never if absent. Where the old key has an end, this or never must be given"`
	Never   bool    `json:"never,omitempty" doc:"The new key does not expire although the old one does"`
}

type rotateKeyInput struct {
	KeyPath
	Body *rotation
}

type OperatorKeyPath struct {
	Key string `path:"key" maxLength:"100" doc:"The key's id, not its secret"`
}

type rotateOperatorKeyInput struct {
	OperatorKeyPath
	Body *rotation
}

type createdKey struct {
	KeyView
	Key string `json:"key" doc:"The secret; shown only now"`
}

type createdKeyOutput struct {
	Location string `header:"Location"`
	Body     createdKey
}

type keysOutput struct {
	Body struct {
		Keys []KeyView `json:"keys"`
	}
}

type KeyPath struct {
	TenantPath
	Key string `path:"key" maxLength:"100" doc:"The key's id, not its secret"`
}

func (a *API) registerKeys() {
	tags := []string{"Keys (tenant admin)"}
	const list, operators = "/api/v1/tenants/{tenant}/keys", "/api/v1/operators/keys"
	const rotate = "Creates a successor with the same role; the old key works on for the overlap, 24 hours by default, so that what uses it can change over. A key is rotated once, as long as its successor exists."
	huma.Register(a.huma, huma.Operation{OperationID: "create-key", Method: http.MethodPost, Path: list, DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create a key", Errors: []int{400, 401, 403, 404}}, a.createKey)
	huma.Register(a.huma, huma.Operation{OperationID: "list-keys", Method: http.MethodGet, Path: list,
		Tags: tags, Summary: "List the keys, without secrets", Errors: []int{401, 403, 404}}, a.listKeys)
	huma.Register(a.huma, huma.Operation{OperationID: "rotate-key", Method: http.MethodPost, Path: list + "/{key}/rotate", DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Replace a key, with overlap", Description: rotate, Errors: []int{400, 401, 403, 404, 409}}, a.rotateKey)
	huma.Register(a.huma, huma.Operation{OperationID: "delete-key", Method: http.MethodDelete, Path: list + "/{key}", DefaultStatus: http.StatusNoContent,
		Tags: tags, Summary: "Delete a key", Description: "It stops working at once.", Errors: []int{401, 403, 404}}, a.deleteKey)
	tags = []string{"Operators (operator)"}
	huma.Register(a.huma, huma.Operation{OperationID: "create-operator-key", Method: http.MethodPost, Path: operators, DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create a key of an operator", Description: "It may do all that the operator's token may, but it has a name, can expire and can be deleted.", Errors: []int{400, 401, 403}}, a.createOperatorKey)
	huma.Register(a.huma, huma.Operation{OperationID: "list-operator-keys", Method: http.MethodGet, Path: operators,
		Tags: tags, Summary: "List the operators' keys, without secrets", Errors: []int{401, 403}}, a.listOperatorKeys)
	huma.Register(a.huma, huma.Operation{OperationID: "rotate-operator-key", Method: http.MethodPost, Path: operators + "/{key}/rotate", DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Replace an operator's key, with overlap", Description: rotate, Errors: []int{400, 401, 403, 404, 409}}, a.rotateOperatorKey)
	huma.Register(a.huma, huma.Operation{OperationID: "delete-operator-key", Method: http.MethodDelete, Path: operators + "/{key}", DefaultStatus: http.StatusNoContent,
		Tags: tags, Summary: "Delete an operator's key", Description: "It stops working at once.", Errors: []int{401, 403, 404}}, a.deleteOperatorKey)
}

func (a *API) createKey(ctx context.Context, in *createKeyInput) (*createdKeyOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	if err := shown("name", in.Body.Name); err != nil {
		return nil, err
	}
	k := catalog.Key{Tenant: id, Role: tenant.Role(in.Body.Role), Name: in.Body.Name}
	if k.Expires, err = a.expiry(in.Body.Expires); err != nil {
		return nil, err
	}
	if in.Body.Source != "" {
		if k.Role != tenant.RoleWriter {
			return nil, invalid("source", "only a key with the role writer can belong to a source, this one shall be %s", k.Role)
		}
		s, err := a.cfg.Catalog.Source(ctx, id, in.Body.Source)
		if err != nil {
			return nil, catalogError(err)
		}
		k.Site = s.SiteID
	}
	return a.newKey(ctx, k)
}

func (a *API) createOperatorKey(ctx context.Context, in *createOperatorKeyInput) (*createdKeyOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	if err := shown("name", in.Body.Name); err != nil {
		return nil, err
	}
	expires, err := a.expiry(in.Body.Expires)
	if err != nil {
		return nil, err
	}
	return a.newKey(ctx, catalog.Key{Role: tenant.RoleOperator, Name: in.Body.Name, Expires: expires})
}

// expiry reads when a key shall stop working: never, if nothing is said.
func (a *API) expiry(s *string) (time.Time, error) {
	if s == nil {
		return time.Time{}, nil
	}
	now := a.cfg.Now()
	t, err := config.TimeAhead(*s, now)
	if err != nil {
		return t, invalid("expires", "%v", err)
	}
	if !t.After(now) {
		return time.Time{}, invalid("expires", "%s is past: name a time in the future", t.Format(time.RFC3339))
	}
	if t.After(now.AddDate(maxKeyYears, 0, 0)) {
		return time.Time{}, invalid("expires", "it is more than %d years ahead: leave it out where the key shall not expire", maxKeyYears)
	}
	return t.UTC(), nil
}

// maxKeyYears is how far ahead the end of a key can be.
const maxKeyYears = 100

func (a *API) newKey(ctx context.Context, k catalog.Key) (*createdKeyOutput, error) {
	secret, hash, err := a.cfg.Auth.NewKey(k.Role)
	if err != nil {
		return nil, err
	}
	k.Hash = hash
	k, err = a.cfg.Catalog.CreateKey(ctx, k)
	if err != nil {
		return nil, catalogError(err)
	}
	return a.createdKey(k, secret), nil
}

func (a *API) createdKey(k catalog.Key, secret string) *createdKeyOutput {
	location := "/api/v1/operators/keys/" + k.ID
	if k.Tenant != "" {
		location = "/api/v1/tenants/" + string(k.Tenant) + "/keys/" + k.ID
	}
	return &createdKeyOutput{Location: location, Body: createdKey{a.viewKey(k, time.Time{}), secret}}
}

const (
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 90 * 24 * time.Hour
)

func (a *API) rotateKey(ctx context.Context, in *rotateKeyInput) (*createdKeyOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return a.rotate(ctx, id, in.Key, in.Body)
}

func (a *API) rotateOperatorKey(ctx context.Context, in *rotateOperatorKeyInput) (*createdKeyOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	return a.rotate(ctx, "", in.Key, in.Body)
}

func (a *API) rotate(ctx context.Context, t tenant.ID, id string, body *rotation) (*createdKeyOutput, error) {
	var in rotation
	if body != nil {
		in = *body
	}
	if err := shown("name", in.Name); err != nil {
		return nil, err
	}
	overlap := defaultOverlap
	if in.Overlap != "" {
		var err error
		if overlap, err = config.ParseDuration(in.Overlap); err != nil {
			return nil, invalid("overlap", "%v", err)
		}
	}
	if overlap > maxOverlap {
		return nil, invalid("overlap", "%s is longer than 90d: delete the old key when it is not used any more", in.Overlap)
	}
	expires, err := a.expiry(in.Expires)
	if err != nil {
		return nil, err
	}
	if in.Never && in.Expires != nil {
		return nil, invalid("never", "expires is given too: say one of them")
	}
	all, err := a.cfg.Catalog.Keys(ctx, t)
	if err != nil {
		return nil, catalogError(err)
	}
	role := tenant.RoleWriter // of a key that does not exist: RotateKey says so
	for _, k := range all {
		if k.ID != id {
			continue
		}
		role = k.Role
		rotated := slices.ContainsFunc(all, func(o catalog.Key) bool { return o.ID == k.Successor }) // RotateKey says so
		if !rotated && !k.Expires.IsZero() && expires.IsZero() && !in.Never {                        // an end must not get lost unnoticed
			return nil, invalid("expires", "the key expires at %s: say when the new one does, or that it does not (never)", k.Expires.Format(time.RFC3339))
		}
	}
	secret, hash, err := a.cfg.Auth.NewKey(role)
	if err != nil {
		return nil, err
	}
	k, err := a.cfg.Catalog.RotateKey(ctx, t, id, catalog.Key{Name: in.Name, Expires: expires, Hash: hash}, a.cfg.Now().Add(overlap).UTC())
	if err != nil {
		return nil, catalogError(err)
	}
	return a.createdKey(k, secret), nil
}

func (a *API) listKeys(ctx context.Context, in *TenantPath) (*keysOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return a.keys(ctx, id)
}

func (a *API) listOperatorKeys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	return a.keys(ctx, "")
}

func (a *API) keys(ctx context.Context, id tenant.ID) (*keysOutput, error) {
	all, err := a.cfg.Catalog.Keys(ctx, id)
	if err != nil {
		return nil, catalogError(err)
	}
	used, err := a.cfg.Catalog.KeyUses(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &keysOutput{}
	out.Body.Keys = make([]KeyView, len(all))
	for i, k := range all {
		out.Body.Keys[i] = a.viewKey(k, used[k.ID])
	}
	return out, nil
}

func (a *API) deleteKey(ctx context.Context, in *KeyPath) (*struct{}, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return nil, catalogError(a.cfg.Catalog.DeleteKey(ctx, id, in.Key))
}

func (a *API) deleteOperatorKey(ctx context.Context, in *OperatorKeyPath) (*struct{}, error) {
	if _, err := principal(ctx, tenant.RoleOperator); err != nil {
		return nil, err
	}
	return nil, catalogError(a.cfg.Catalog.DeleteKey(ctx, "", in.Key))
}
