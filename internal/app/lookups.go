package app

import (
	"context"
	"net/http"

	"weir/internal/deletion"
	"weir/internal/lookup"
	"weir/internal/lookup/tables"
	"weir/internal/query"
)

// openLookups builds what keeps lookup tables, and adds them to the API.
func (a *app) openLookups() error {
	c := a.cfg.Lookups
	var err error
	if a.lookups, err = tables.New(tables.Limits{MaxTables: c.MaxTables, MaxColumns: c.MaxColumns, MaxRows: c.MaxRows, MaxBytes: int64(c.MaxBytes), MaxCell: int64(c.MaxCell), Uploads: c.Uploads},
		tables.Deps{Catalog: a.catalog, Engine: a.engine.Client(), Data: a.processor, Reserved: query.ReservedRelation, Audit: a.audit, Sink: a.sink, Gate: a.gate, Ready: a.migrated}, a.log, a.reg); err != nil {
		return err
	}
	a.lookups.Register(a.api.Huma(), a.api.Mux(), func(h http.Handler) http.Handler { return authenticated(a.auth, h) }, a.api.Describe)
	return nil
}

// lookupTables is the place of a tenant's lookup tables. It is gone from the catalog, so no upload begins; one that has begun ends first.
func (a *app) lookupTables(t deletion.Tables) deletion.Place {
	place := t.Of("lookup tables", lookup.EngineTable, func(ctx context.Context, do func(context.Context) error) error { return do(ctx) })
	forget := place.Forget
	place.Forget = func(ctx context.Context, t deletion.Target, say func(string)) error {
		if err := a.lookups.WaitIdle(ctx, t.Tenant); err != nil {
			return err
		}
		return forget(ctx, t, say)
	}
	return place
}
