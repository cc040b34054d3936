package app

import (
	"context"

	"weir/internal/jobs"
)

// openJobs opens the jobs: their records lie in the state store, their results in a directory of their own. Kinds are registered before
// anything runs.
func (a *app) openJobs(ctx context.Context) error {
	c := a.cfg.Jobs
	var err error
	a.jobs, err = jobs.Open(jobs.Config{
		DB: a.state, Dir: a.dir("jobs"), Keep: c.Keep, MaxResult: int64(c.MaxResult), MaxDisk: int64(c.MaxDisk), MaxDiskTenant: int64(c.MaxDiskTenant),
		Workers: c.Workers, TenantRunning: c.TenantRunning, TenantQueued: c.TenantQueued, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	return a.registerDeletion(ctx)
}
