package app

import (
	"cmp"
	"time"

	"weir/internal/session"
	"weir/internal/tenant"
)

// sessionDays tells of tenants' sessions.
type sessionDays struct{ app *app }

// Timeout is the tenant's setting.
func (d sessionDays) Timeout(t tenant.ID) time.Duration {
	found, _ := d.app.catalog.TenantByID(t)
	return cmp.Or(found.Policy.SessionTimeout, session.DefaultTimeout)
}

func (d sessionDays) Stitched(tenant.ID, int32, int32, time.Duration) []session.Stitched { return nil }
