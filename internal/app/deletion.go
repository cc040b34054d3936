package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"weir/internal/deletion"
	"weir/internal/jobs"
	"weir/internal/stream"
	"weir/internal/tenant"
)

// kindDelete is the job that removes the data of a deleted tenant.
const kindDelete = "delete-tenant"

// registerDeletion adds the kind of work that removes tenants, and starts it for those whose job was never started because the process ended in between.
func (a *app) registerDeletion(ctx context.Context) error {
	d := deletion.New(a.log, a.places()...)
	a.jobs.Register(jobs.Kind{Name: kindDelete, Resumable: true, System: true, Run: func(ctx context.Context, r *jobs.Run) error {
		var t deletion.Target
		if err := r.Input(&t); err != nil {
			return err
		}
		report, err := d.Run(ctx, t, journal{r})
		if err != nil {
			return err
		}
		if err := a.catalog.MarkErased(ctx, t.Tenant); err != nil {
			return err
		}
		return writeReport(r, report)
	}})
	deleted, err := a.catalog.Deleted(ctx)
	if err != nil {
		return err
	}
	under := map[tenant.ID]bool{}
	for _, j := range a.jobs.Live(kindDelete) {
		var t deletion.Target
		if err := json.Unmarshal(j.Input, &t); err != nil {
			return fmt.Errorf("read job %s: %w", j.ID, err)
		}
		under[t.Tenant] = true
	}
	for _, t := range deleted {
		if under[t.ID] {
			continue
		}
		if _, prob := a.startDeletion(tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}, deletion.Target{Tenant: t.ID, Number: t.Number}); prob != nil {
			return prob
		}
	}
	return nil
}

func (a *app) startDeletion(who tenant.Principal, t deletion.Target) (jobs.Job, error) {
	who.Tenant = "" // it is the installation's own work, and outlives the tenant
	j, prob := a.jobs.Start(who, kindDelete, "remove the data of tenant "+string(t.Tenant), t)
	if prob != nil {
		return j, prob
	}
	return j, nil
}

func writeReport(r *jobs.Run, report deletion.Report) error {
	w, err := r.Result("application/json")
	if err != nil {
		return err
	}
	r.Rows(uint64(len(report.Places)))
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// journal is a job as a deletion sees it.
type journal struct{ *jobs.Run }

func (j journal) Progress(done, total int, text string) {
	j.Run.Progress(jobs.Progress{Done: uint64(done), Total: uint64(total), Unit: "places", Text: text})
}

// deletions serves DELETE of a tenant.
type deletions struct{ app *app }

func (d deletions) DeleteTenant(ctx context.Context, who tenant.Principal, id tenant.ID) (string, any, error) {
	t, err := d.app.catalog.Tenant(ctx, id)
	if err != nil {
		return "", nil, err
	}
	if err := d.app.catalog.DeleteTenant(ctx, id); err != nil {
		return "", nil, err
	}
	j, err := d.app.startDeletion(who, deletion.Target{Tenant: t.ID, Number: t.Number})
	if err != nil {
		return "", nil, err
	}
	return jobs.Path(j.ID), j.View(), nil
}

// places lists every place where data of a tenant lies, in the order in which they are emptied: what is derived comes after what it is derived from.
func (a *app) places() []deletion.Place {
	tables := deletion.Tables{Engine: a.engine.Client(),
		Inserts: func(ctx context.Context, do func(context.Context) error) error {
			return a.processor.Quiet(ctx, stream.QuietInserts|stream.QuietRollups, do)
		},
		Rollups: func(ctx context.Context, do func(context.Context) error) error {
			return a.processor.Quiet(ctx, stream.QuietRollups, do)
		}}
	return append([]deletion.Place{
		deletion.Counted("texts of the audit log", a.forgetAudit),
		deletion.Counted("jobs and their results", a.forgetJobs),
		a.lateRows(),
		tables.Events(),
		tables.Derived(),
		a.eventIDs(),
		a.profile(),
		a.keptAnswers(),
		a.bill(),
		a.accounting(),
		a.ledger(),
		a.catalogRows(),
		tables.Inactive(),
		a.stateFiles(),
	}, a.keptPlaces()...)
}

func (a *app) forgetJobs(ctx context.Context, t deletion.Target) (deletion.Amount, error) {
	f, err := a.jobs.ForgetTenant(ctx, t.Tenant, "")
	return deletion.Amount{Rows: f.Jobs, Bytes: f.Bytes}, err
}

// forgetAudit removes the texts of the tenant's entries; the chain of commitments stays.
func (a *app) forgetAudit(ctx context.Context, t deletion.Target) (deletion.Amount, error) {
	n, err := a.audit.ForgetTenant(ctx, t.Tenant)
	return deletion.Amount{Rows: uint64(n)}, err
}

func (a *app) lateRows() deletion.Place {
	return deletion.Place{Name: "late events",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			return deletion.Amount(a.processor.LateOf(string(t.Tenant))), nil
		},
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			return a.processor.EraseLate(ctx, string(t.Tenant))
		}}
}

func (a *app) eventIDs() deletion.Place {
	const keyBytes = 24
	return deletion.Place{Name: "event ids",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			n, err := a.dedupe.KeysOf(t.Number)
			return deletion.Amount{Rows: uint64(n), Bytes: keyBytes * uint64(n)}, err
		},
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			return a.dedupe.ForgetTenant(ctx, t.Number)
		}}
}

func (a *app) profile() deletion.Place {
	return deletion.Place{Name: "properties and statistics",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			s := a.processor.Schema(string(t.Tenant))
			n := len(s.Properties)
			for _, q := range s.Properties {
				if q.Common {
					n--
				}
			}
			return deletion.Amount{Rows: uint64(n + len(a.processor.Statistics(string(t.Tenant)).Days))}, nil
		},
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			return a.processor.ForgetTenant(ctx, string(t.Tenant))
		}}
}

func (a *app) keptAnswers() deletion.Place {
	return deletion.Place{Name: "kept answers", Note: "in memory; not counted",
		Count: func(context.Context, deletion.Target) (deletion.Amount, error) { return deletion.Amount{}, nil },
		Forget: func(_ context.Context, t deletion.Target, _ func(string)) error {
			a.cache.Drop(t.Tenant)
			a.queries.ForgetTenant(t.Tenant)
			return nil
		}}
}

// bill is the place of what the tenant used, and so of what it cost.
func (a *app) bill() deletion.Place {
	return deletion.Place{Name: "usage and costs", Note: "not counted",
		Count: func(context.Context, deletion.Target) (deletion.Amount, error) { return deletion.Amount{}, nil },
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			return a.meter.Forget(ctx, t.Tenant)
		}}
}

func (a *app) accounting() deletion.Place {
	return deletion.Place{Name: "hours of accounting",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			e, err := a.processor.AccountOf(string(t.Tenant))
			return deletion.Amount(e), err
		},
		Forget: func(_ context.Context, t deletion.Target, _ func(string)) error {
			return a.processor.EraseAccount(string(t.Tenant))
		}}
}

func (a *app) catalogRows() deletion.Place {
	return deletion.Place{Name: "catalog",
		Note: "sources and keys went when the tenant was deleted; its id and number stay, so that they are never given again",
		Count: func(ctx context.Context, t deletion.Target) (deletion.Amount, error) {
			n, err := a.catalog.RowsOf(ctx, t.Tenant)
			return deletion.Amount{Rows: n}, err
		},
		Forget: func(ctx context.Context, t deletion.Target, _ func(string)) error {
			return a.catalog.Erase(ctx, t.Tenant)
		}}
}

// stateFiles is the place of keys that were deleted from the state store and still lie in its files.
func (a *app) stateFiles() deletion.Place {
	return deletion.Place{Name: "files of the state store", Note: "rewritten, so that they hold no deleted keys",
		Count: func(context.Context, deletion.Target) (deletion.Amount, error) { return deletion.Amount{}, nil },
		Forget: func(ctx context.Context, _ deletion.Target, _ func(string)) error {
			if err := a.state.Flush(); err != nil {
				return fmt.Errorf("flush the state store: %w", err)
			}
			return a.state.Compact(ctx, []byte{0}, []byte{0xff}, false)
		}}
}

// keptPlaces are those of which nothing can be removed now.
func (a *app) keptPlaces() []deletion.Place {
	none := func(context.Context, deletion.Target) (deletion.Amount, error) { return deletion.Amount{}, nil }
	return []deletion.Place{
		{Name: "event log", Count: none, Until: func() time.Time { return a.processor.LogKept(time.Now()) },
			Note: "events that were taken before the deletion stay in the log until log.retention is over; nobody reads them any more, they cannot be counted without reading everybody's"},
		{Name: "quarantine", Note: "records of all tenants that could not be decoded; whose they are cannot be told, and the operator removes them (rows: all of them)",
			Count: func(context.Context, deletion.Target) (deletion.Amount, error) {
				list, err := a.processor.Quarantine()
				sum := deletion.Amount{Rows: uint64(len(list))}
				for _, q := range list {
					sum.Bytes += uint64(q.Bytes)
				}
				return sum, err
			}},
	}
}
