package query

import (
	"errors"
	"io"
	"slices"
	"testing"

	"weir/internal/catalog"
	"weir/internal/problem"
)

// TestResultLimitInEveryFormat: no answer has more bytes than the tenant's limit, whatever its format and its door, and what ends it names the limit.
func TestResultLimitInEveryFormat(t *testing.T) {
	const limit = 100_000
	d := Deps{Engine: engine(t), Tenants: tenantsOf{t: catalog.Tenant{Limits: catalog.Limits{ResultBytes: limit}}}}
	s := newService(t, Config{}, d)
	for _, door := range []string{DoorAPI, DoorClickHouse, DoorJob} {
		of := formats
		if door == DoorClickHouse {
			of = slices.Concat(formats, anyFormats)
		}
		for _, f := range of {
			if f.name == "Null" { // has none
				continue
			}
			sql := "SELECT cityHash64(arrayJoin(range(20000))) AS a, toString(a) AS b"
			if f.name == "LineAsString" {
				sql = "SELECT toString(cityHash64(arrayJoin(range(20000)))) AS a"
			}
			q := &Question{Who: analyst, Door: door, SQL: sql, Format: f.name, AnyFormat: door == DoorClickHouse, Settings: map[string]string{"output_format_pretty_max_rows": "20000"}}
			a, p := s.Ask(t.Context(), q)
			n := int64(0)
			if p == nil {
				var err error
				if n, err = io.Copy(io.Discard, a.Body); err != nil {
					p = s.Problem(t.Context(), &Question{}, err)
				}
				if err = a.Body.Close(); err != nil && !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			}
			if p == nil {
				p = &problem.Problem{}
			}
			if n > limit || p.Status != 422 || p.Code != "result_too_large" || p.Limit != "limits.result_bytes" || p.LimitValue != float64(limit) {
				t.Errorf("%s at the door %s: %d bytes, %+v", f.name, door, n, p)
			}
		}
	}
}
