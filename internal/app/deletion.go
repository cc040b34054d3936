package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"weir/internal/catalog"
	"weir/internal/deletion"
	"weir/internal/jobs"
	"weir/internal/stream"
	"weir/internal/tenant"
)

// kindDelete is the job that removes the data of a deleted tenant.
const kindDelete = "delete-tenant"

// registerDeletion adds the kind of work that removes tenants, and starts it for those whose job was never started because the process ended in between.
func (a *app) registerDeletion(ctx context.Context) error {
	d := deletion.New(a.log, a.places)
	a.jobs.Register(jobs.Kind{Name: kindDelete, Resumable: true, System: true, Run: func(ctx context.Context, r *jobs.Run) error {
		var t deletion.Target
		if err := r.Input(&t); err != nil {
			return err
		}
		report, err := d.Run(ctx, t, journal{r})
		if err != nil {
			return err
		}
		if !t.BillingOnly {
			if err := a.catalog.MarkErased(ctx, t.Tenant); err != nil {
				return err
			}
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
		keep, err := a.keepsBilling(ctx, t.ID)
		if err != nil {
			return err
		}
		if _, prob := a.startDeletion(tenant.Principal{Role: tenant.RoleOperator, KeyID: "operator"}, deletion.Target{Tenant: t.ID, Number: t.Number, KeepBilling: keep}); prob != nil {
			return prob
		}
	}
	return nil
}

// leaving are the tenants that are deleted and whose data is being removed.
func (a *app) leaving() []tenant.ID {
	var ids []tenant.ID
	for _, j := range a.jobs.Live(kindDelete) {
		var t deletion.Target
		if json.Unmarshal(j.Input, &t) == nil && !t.BillingOnly {
			ids = append(ids, t.Tenant)
		}
	}
	slices.Sort(ids)
	return ids
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

// DeleteTenant implements httpapi.Deletions. Of a tenant that is deleted already it removes the billing figures that were kept.
func (d deletions) DeleteTenant(ctx context.Context, who tenant.Principal, id tenant.ID, keep *bool) (string, any, error) {
	target, err := d.hide(ctx, id, keep)
	if err != nil {
		return "", nil, err
	}
	j, err := d.app.startDeletion(who, target)
	if err != nil {
		return "", nil, err
	}
	return jobs.Path(j.ID), j.View(), nil
}

// hide hides a tenant from everybody, and says what is to be removed.
func (d deletions) hide(ctx context.Context, id tenant.ID, keep *bool) (deletion.Target, error) {
	t, err := d.app.catalog.Tenant(ctx, id)
	if errors.Is(err, catalog.ErrNotFound) && d.app.meter.Kept(id) && keep != nil && !*keep {
		return deletion.Target{Tenant: id, BillingOnly: true}, nil
	}
	if err != nil {
		return deletion.Target{}, err
	}
	target := deletion.Target{Tenant: t.ID, Number: t.Number, KeepBilling: d.app.cfg.Metering.KeepBilling}
	if keep != nil {
		target.KeepBilling = *keep
	}
	// Noted before: should the process end before the job is durable, the next start makes it anew from the catalog.
	if err := d.app.catalog.SetSetting(ctx, keepSetting(id), strconv.FormatBool(target.KeepBilling)); err != nil {
		return deletion.Target{}, err
	}
	return target, d.app.catalog.DeleteTenant(ctx, id)
}

// keepSetting names the note whether a tenant's billing figures outlive it.
func keepSetting(id tenant.ID) string { return "keep_billing/" + string(id) }

// keepsBilling says what was asked for when a tenant was deleted.
func (a *app) keepsBilling(ctx context.Context, id tenant.ID) (bool, error) {
	text, err := a.catalog.Setting(ctx, keepSetting(id))
	if errors.Is(err, catalog.ErrNotFound) { // it was deleted by an older version, which kept nothing
		return false, nil
	}
	return text == "true", err
}

// requestsEnd is how long a request may be under way after its tenant is hidden, beyond the time limit of queries.
const requestsEnd = 10 * time.Second

// places lists every place where data of a tenant lies, in the order in which they are emptied: what is derived comes after what it is derived from, and
// what requests leave when they end, after the last has ended.
func (a *app) places(t deletion.Target) []deletion.Place {
	if t.BillingOnly {
		return []deletion.Place{a.ledger(t)}
	}
	tables := deletion.Tables{Engine: a.engine.Client(),
		Inserts: func(ctx context.Context, do func(context.Context) error) error {
			return a.processor.Quiet(ctx, stream.QuietInserts|stream.QuietRollups, do)
		},
		Rollups: func(ctx context.Context, do func(context.Context) error) error {
			return a.processor.Quiet(ctx, stream.QuietRollups, do)
		}}
	return append([]deletion.Place{
		deletion.Counted("jobs and their results", a.forgetJobs),
		a.lateRows(),
		tables.Events(),
		a.lookupTables(tables),
		a.stitchedDays(),
		tables.Derived(),
		a.eventIDs(),
		a.profile(),
		a.accounting(),
		a.catalogRows(),
		tables.Inactive(),
		deletion.Settled(a.cfg.Query.Timeout + requestsEnd),
		deletion.Counted("texts of the audit log", a.forgetAudit),
		deletion.Counted("learned costs of queries", a.forgetCosts),
		deletion.Uncounted("what is in memory", "kept answers, texts of queries, limits; not counted", a.forgetMemory),
		a.ledger(t),
		a.quarantined(),
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

// forgetCosts removes what the tenant's queries cost before, and used of its limits.
func (a *app) forgetCosts(_ context.Context, t deletion.Target) (deletion.Amount, error) {
	n, err := a.gate.Forget(t.Tenant)
	return deletion.Amount{Rows: uint64(n)}, err
}

func (a *app) forgetMemory(_ context.Context, t deletion.Target) error {
	a.cache.Drop(t.Tenant)
	a.queries.ForgetTenant(t.Tenant)
	a.reports.ForgetTexts(t.Tenant)
	a.limits.ingest.Forget(t.Tenant)
	return nil
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
	return deletion.Uncounted("files of the state store", "rewritten, so that they hold no deleted keys", func(ctx context.Context, _ deletion.Target) error {
		if err := a.stateLogs.Replace(ctx, a.state, a.dir("state")); err != nil { // this flushes, too
			return fmt.Errorf("replace the logs of the state store: %w", err)
		}
		return a.state.Compact(ctx, []byte{0}, []byte{0xff}, false)
	})
}

// quarantined is the place of records that cannot be decoded and still name the tenant, and nobody who lives.
func (a *app) quarantined() deletion.Place {
	return deletion.Place{Name: "quarantine", Note: "records that cannot be decoded, and hold rows of deleted tenants alone",
		Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
			q, err := a.processor.QuarantineOf(string(t.Tenant))
			return deletion.Amount(q.Own), err
		},
		Forget: func(_ context.Context, t deletion.Target, _ func(string)) error {
			return a.processor.EraseQuarantine(string(t.Tenant))
		}}
}

// keptPlaces are those of which nothing can be removed now.
func (a *app) keptPlaces() []deletion.Place {
	none := func(context.Context, deletion.Target) (deletion.Amount, error) { return deletion.Amount{}, nil }
	return []deletion.Place{
		{Name: "event log", Count: none, Until: func() time.Time { return a.processor.LogKept(time.Now()) },
			Note: "events that were taken before the deletion stay in the log until log.retention is over; nobody reads them any more, they cannot be counted without reading everybody's"},
		{Name: "quarantine, undecided", Note: "records that cannot be decoded, and hold rows of living tenants too, or do not say whose: they may hold rows of this one. The operator looks after them (/api/v1/quarantine)",
			Count: func(_ context.Context, t deletion.Target) (deletion.Amount, error) {
				q, err := a.processor.QuarantineOf(string(t.Tenant))
				return deletion.Amount(q.Undecided), err
			}},
	}
}
