package tables

import (
	"errors"
	"net/http"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// malformed is an upload that cannot be read.
func malformed(format string, args ...any) error {
	return problem.New(http.StatusBadRequest, "malformed_upload", format, args...)
}

// malformedField is a parameter that does not fit.
func malformedField(field, format string, args ...any) *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "invalid_field", format, args...).WithField(field)
}

// over is an upload that is larger than a limit allows.
func over(limit string, value int64, format string, args ...any) error {
	const raise = ", or ask the operator to raise lookups."
	return problem.New(http.StatusUnprocessableEntity, "lookup_too_large", format+raise+limit, args...).WithLimit("lookups."+limit, value)
}

func empty() error {
	return malformed("the upload is empty: send CSV whose first line names the columns, or JSON objects; DELETE removes a table")
}

func tooLarge(limit int64) *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, "body_too_large",
		"the body has more than %d bytes (four times lookups.max_bytes); leave out columns or rows, or ask the operator to raise lookups.max_bytes", limit).WithLimit("lookups.max_bytes", limit/bodyFactor)
}

func unknownTable(name string) *problem.Problem {
	return problem.New(http.StatusNotFound, "unknown_lookup", "there is no lookup table %q; GET the collection for those that there are", clip(name)).WithField("name")
}

func unknownTenant(id tenant.ID) *problem.Problem {
	return problem.New(http.StatusNotFound, "not_found", "tenant %q not found", id).WithField("tenant")
}

// unavailable is what stands when the engine does not take the rows: nothing has changed.
func unavailable() *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "engine_unavailable", "the query engine is not available, nothing was changed; try again").WithRetry(time.Second)
}

// problemOf says what an error of the catalog or the engine means for the caller. Others stay as they are.
func problemOf(err error, id tenant.ID, limits Limits) error {
	var p *problem.Problem
	switch {
	case err == nil, errors.As(err, &p):
	case errors.Is(err, catalog.ErrFull):
		return problem.New(http.StatusUnprocessableEntity, "too_many_lookups",
			"the tenant has %d lookup tables already; delete one, or ask the operator to raise lookups.max_tables", limits.MaxTables).WithLimit("lookups.max_tables", int64(limits.MaxTables))
	case errors.Is(err, catalog.ErrNotFound):
		return unknownTenant(id)
	case errors.Is(err, clickhouse.ErrUnavailable):
		return unavailable()
	}
	return err
}
