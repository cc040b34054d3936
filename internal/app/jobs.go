package app

import (
	"context"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/jobs"
	"weir/internal/tenant"
)

// roomForEvents is the share of what the log may fill that results of jobs leave free: results end before events do.
const roomForEvents = 0.05

// openJobs opens the jobs: their records lie in the state store, their results in a directory of their own. Kinds are registered before
// anything runs.
func (a *app) openJobs(ctx context.Context) error {
	c := a.cfg.Jobs
	results := &room{dir: a.cfg.DataDir, share: (1 - roomForEvents) * a.cfg.Log.MaxDisk.Fraction(), log: a.log}
	var err error
	a.jobs, err = jobs.Open(jobs.Config{
		DB: a.state, Dir: a.dir("jobs"), Keep: c.Keep, MaxResult: int64(c.MaxResult), MaxDisk: int64(c.MaxDisk), MaxDiskTenant: int64(c.MaxDiskTenant),
		Workers: c.Workers, TenantRunning: c.TenantRunning, TenantQueued: c.TenantQueued,
		May: owners{a.catalog}.may, Full: results.Full, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	return a.registerDeletion(ctx)
}

// holders is what is needed of the catalog to know whether somebody may still have work done; all of it is answered from memory.
type holders interface {
	TenantByID(id tenant.ID) (catalog.Tenant, bool)
	Keys(ctx context.Context, t tenant.ID) ([]catalog.Key, error)
	UserByID(t tenant.ID, id string) (catalog.User, bool)
}

// owners knows whether those who started work may still have it done.
type owners struct{ catalog holders }

// may says whether the tenant lives, and the key or user is there with at least the role that the work was started with. Users of identity providers are
// not known here: theirs goes on while the tenant lives.
func (o owners) may(who tenant.Principal) bool {
	if who.Tenant != "" {
		if _, ok := o.catalog.TenantByID(who.Tenant); !ok {
			return false
		}
	}
	home := who.Tenant
	if who.Role == tenant.RoleOperator { // who may act for a tenant; keys and users of operators belong to none
		home = ""
	}
	if id, ok := strings.CutPrefix(who.User, catalog.LocalUser("")); ok {
		u, ok := o.catalog.UserByID(home, id)
		return ok && u.Role.CanRead(who.Role)
	}
	if who.User != "" || who.KeyID == "operator" || who.KeyID == "" {
		return true
	}
	keys, err := o.catalog.Keys(context.Background(), home)
	if err != nil {
		return false
	}
	for _, k := range keys {
		if k.ID == who.KeyID {
			return k.Role.CanRead(who.Role) && (k.Expires.IsZero() || time.Now().Before(k.Expires))
		}
	}
	return false
}
