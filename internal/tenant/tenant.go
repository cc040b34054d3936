// Package tenant is the identity that a request carries: the tenant, the role, and how it proved them.
package tenant

import (
	"context"
	"errors"
	"regexp"
)

// ID is a tenant's identifier: 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit.
type ID string

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// ErrBadID says that a string is not a tenant id.
var ErrBadID = errors.New("a tenant id has 1 to 63 characters of a-z, 0-9, '-' and '_' and begins with a letter or digit")

// Parse checks s.
func Parse(s string) (ID, error) {
	if !idPattern.MatchString(s) {
		return "", ErrBadID
	}
	return ID(s), nil
}

// Reserved says whether an id names a database of the engine or of weir's own, beside which it would be read as that. Tenants that have such an id from
// before keep it.
func (id ID) Reserved() bool {
	switch id {
	case "system", "default", "information_schema", "weir":
		return true
	}
	return false
}

// Role is what a principal may do.
type Role string

// The roles, least to most. Writer only sends events; Operator runs the installation and belongs to no tenant.
const (
	RoleWriter   Role = "writer"
	RoleViewer   Role = "viewer"
	RoleAnalyst  Role = "analyst"
	RoleAdmin    Role = "admin"
	RoleOperator Role = "operator"
)

// Valid says whether r is a role that a key can have.
func (r Role) Valid() bool {
	switch r {
	case RoleWriter, RoleViewer, RoleAnalyst, RoleAdmin:
		return true
	}
	return false
}

// ValidFor says whether r is a role that a key or a user of the tenant can have; for the empty tenant that is Operator alone.
func (r Role) ValidFor(t ID) bool {
	if t == "" {
		return r == RoleOperator
	}
	return r.Valid()
}

// CanRead says whether the role may read at least what min may (viewer < analyst < admin < operator).
func (r Role) CanRead(min Role) bool { return rank[r] >= rank[min] && rank[r] > 0 }

// CanWrite says whether the role may send events: writer, admin and operator.
func (r Role) CanWrite() bool { return r == RoleWriter || r == RoleAdmin || r == RoleOperator }

var rank = map[Role]int{RoleViewer: 1, RoleAnalyst: 2, RoleAdmin: 3, RoleOperator: 4}

// Principal is who makes a request. For an operator Tenant is empty unless the request names one.
type Principal struct {
	Tenant ID
	Role   Role
	KeyID  string // the key's id, "operator", or "write:<source>" for a source's write key
	Site   string // site_id when the key belongs to one source, else ""
	User   string // who signed in: "local:<id>" or "oidc:<subject>"; empty for a key
}

// Actor names who acts, for records of work and of access: the user who signed in, else the key.
func (p Principal) Actor() string {
	if p.User != "" {
		return p.User
	}
	return "key:" + p.KeyID
}

type ctxKey struct{}

// With returns a context that carries p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, ctxKey{}, p)
}

// ErrMissing says that a context carries no principal. It is never replaced by a default.
var ErrMissing = errors.New("no authenticated principal in this request")

// From returns the principal of the context or ErrMissing.
func From(ctx context.Context) (Principal, error) {
	p, ok := ctx.Value(ctxKey{}).(Principal)
	if !ok {
		return Principal{}, ErrMissing
	}
	return p, nil
}
