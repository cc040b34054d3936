package tenant

import (
	"net/http"

	"weir/internal/problem"
)

// Header names the tenant for which the operator acts.
const Header = "X-Weir-Tenant"

// Require returns a problem of status 403 unless the principal may read at least what min may.
func (p Principal) Require(min Role) *problem.Problem {
	if p.Role.CanRead(min) {
		return nil
	}
	return p.forbidden(min)
}

// RequireWrite returns a problem of status 403 unless the principal may send events.
func (p Principal) RequireWrite() *problem.Problem {
	if p.Role.CanWrite() {
		return nil
	}
	return p.forbidden(RoleWriter)
}

func (p Principal) forbidden(need Role) *problem.Problem {
	if need == RoleOperator {
		return problem.New(http.StatusForbidden, "forbidden", "this needs the operator's token; the key has the role %s", p.Role)
	}
	return problem.New(http.StatusForbidden, "forbidden",
		"this needs the role %s; the key has the role %s: use another key or create one with `weir key create`", need, p.Role)
}

// RequireTenant returns the tenant that the request concerns, or a problem of status 422 when the operator named none.
func (p Principal) RequireTenant() (ID, *problem.Problem) {
	if p.Tenant == "" {
		return "", problem.New(http.StatusUnprocessableEntity, "tenant_required",
			"the operator must name the tenant: add the header %s", Header).WithField(Header)
	}
	return p.Tenant, nil
}
