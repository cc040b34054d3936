package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// KeyView is a key as the API shows it, without its secret.
type KeyView struct {
	ID      string    `json:"id"`
	Role    string    `json:"role" enum:"viewer,analyst,admin,writer"`
	Name    string    `json:"name"`
	SiteID  string    `json:"site_id,omitempty" doc:"Set when the key sends events of one source only"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero" doc:"Absent when the key does not expire"`
	Expired bool      `json:"expired"`
}

func (a *API) viewKey(k catalog.Key) KeyView {
	return KeyView{ID: k.ID, Role: string(k.Role), Name: k.Name, SiteID: k.Site, Created: k.Created, Expires: k.Expires,
		Expired: !k.Expires.IsZero() && !a.cfg.Now().Before(k.Expires)}
}

type createKeyInput struct {
	TenantPath
	Body struct {
		Role    string     `json:"role" enum:"viewer,analyst,admin,writer" doc:"viewer reads reports, analyst queries too, admin manages the tenant too; writer only sends events"`
		Name    string     `json:"name,omitempty" maxLength:"200" doc:"What it is for"`
		Expires *time.Time `json:"expires,omitempty" doc:"When it stops working, RFC 3339; never if absent"`
		Source  string     `json:"source,omitempty" maxLength:"63" doc:"With role writer: a further write key of this source, so that the old one can be replaced with overlap"`
	}
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
	const list = "/api/v1/tenants/{tenant}/keys"
	huma.Register(a.huma, huma.Operation{OperationID: "create-key", Method: http.MethodPost, Path: list, DefaultStatus: http.StatusCreated,
		Tags: tags, Summary: "Create a key", Description: "To rotate a key, create a new one, change over to it, then delete the old one: both work until then.", Errors: []int{400, 401, 403, 404}}, a.createKey)
	huma.Register(a.huma, huma.Operation{OperationID: "list-keys", Method: http.MethodGet, Path: list,
		Tags: tags, Summary: "List the keys, without secrets", Errors: []int{401, 403, 404}}, a.listKeys)
	huma.Register(a.huma, huma.Operation{OperationID: "delete-key", Method: http.MethodDelete, Path: list + "/{key}", DefaultStatus: http.StatusNoContent,
		Tags: tags, Summary: "Delete a key", Description: "It stops working at once.", Errors: []int{401, 403, 404}}, a.deleteKey)
}

func (a *API) createKey(ctx context.Context, in *createKeyInput) (*createdKeyOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	k := catalog.Key{Tenant: id, Role: tenant.Role(in.Body.Role), Name: in.Body.Name}
	if in.Body.Expires != nil {
		if !in.Body.Expires.After(a.cfg.Now()) {
			return nil, invalid("expires", "%s is past: name a time in the future", in.Body.Expires.Format(time.RFC3339))
		}
		k.Expires = in.Body.Expires.UTC()
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
	secret, hash, err := a.cfg.Auth.NewKey(k.Role)
	if err != nil {
		return nil, err
	}
	k.Hash = hash
	k, err = a.cfg.Catalog.CreateKey(ctx, k)
	if err != nil {
		return nil, catalogError(err)
	}
	return &createdKeyOutput{Location: "/api/v1/tenants/" + string(id) + "/keys/" + k.ID, Body: createdKey{a.viewKey(k), secret}}, nil
}

func (a *API) listKeys(ctx context.Context, in *TenantPath) (*keysOutput, error) {
	id, err := adminOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	all, err := a.cfg.Catalog.Keys(ctx, id)
	if err != nil {
		return nil, catalogError(err)
	}
	out := &keysOutput{}
	out.Body.Keys = make([]KeyView, len(all))
	for i, k := range all {
		out.Body.Keys[i] = a.viewKey(k)
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
