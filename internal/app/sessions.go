package app

import (
	"cmp"
	"context"
	"time"

	"weir/internal/deletion"
	"weir/internal/session"
	"weir/internal/session/stitch"
	"weir/internal/tenant"
)

// openSessions builds what keeps tenants' days stitched.
func (a *app) openSessions(context.Context) error {
	cfg, err := stitchFromEnv()
	if err != nil {
		return err
	}
	a.stitcher, err = stitch.New(cfg, stitch.Deps{
		State: a.state, Engine: a.engine.Client(), Data: sessionData{a}, Tenants: a.livingTenants, Timeout: a.sessionTimeout, Ready: a.processor.Ready(), Full: a.room.Full, Fault: faultFromEnv(),
	}, a.log, a.reg)
	return err
}

// sessionTimeout is the tenant's setting.
func (a *app) sessionTimeout(t tenant.ID) time.Duration {
	found, _ := a.catalog.TenantByID(t)
	return cmp.Or(found.Policy.SessionTimeout, session.DefaultTimeout)
}

func (a *app) livingTenants(ctx context.Context) ([]tenant.ID, error) {
	all, err := a.catalog.Tenants(ctx)
	ids := make([]tenant.ID, len(all))
	for i, t := range all {
		ids[i] = t.ID
	}
	return ids, err
}

// sessionData tells the stitcher what the processor knows.
type sessionData struct{ *app }

func (d sessionData) DayRows(t tenant.ID, from, to int32, fn func(day int32, rows uint64)) {
	d.processor.DayRows(string(t), from, to, fn)
}

func (d sessionData) Committed() (main, late uint64) { return d.processor.Committed() }

// stitchedDays is the place of the records of a tenant's stitched days. It comes before the derived tables, among which is that of the days: nothing is
// written to it any more then.
func (a *app) stitchedDays() deletion.Place {
	return deletion.Place{Name: "records of sessions",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			return deletion.Amount{Rows: uint64(a.stitcher.Count(t.Tenant))}, nil
		},
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			_, err := a.stitcher.Forget(ctx, t.Tenant)
			return err
		}}
}
