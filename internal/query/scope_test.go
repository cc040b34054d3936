package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"weir/internal/clickhouse"
)

// wide is the scope of a tenant that uses everything but masks and tokens.
var wide = Scope{Tenant: "acme", Metadata: true, AnyFormat: true, Lookups: acmeLookups}

// answer checks a statement in a scope and runs it as the scope's user, or as weir itself to have the guard alone.
func answer(c *clickhouse.Client, sc Scope, sql, format string, barrier2 bool) (string, error) {
	checked, err := NewGuard().Check(sql, sc)
	if err != nil {
		return "", err
	}
	if checked.Format != "" {
		format = checked.Format
	}
	return send(c, sc, checked.SQL, format, barrier2)
}

// unhurried are the settings of a statement without a limit on its time: the machine may be busy.
var unhurried = func() map[string]string {
	s := Config{}.withDefaults().settings()
	s["max_execution_time"] = "0"
	return s
}()

// withPositions adds how far the rollups have come: further than any test goes, unless params say it.
func withPositions(params map[string]string) map[string]string {
	all := everyPosition(positions{1: 1 << 60, 2: 1 << 60})
	maps.Copy(all, sessionDefaults)
	maps.Copy(all, params)
	return all
}

// send runs a text as it stands.
func send(c *clickhouse.Client, sc Scope, sql, format string, barrier2 bool) (string, error) {
	st := clickhouse.Statement{SQL: sql, Format: format, Params: withPositions(sc.Params), Settings: unhurried}
	switch {
	case barrier2 && sc.All:
		st.Operator = true
	case barrier2:
		st.Tenant = string(sc.Tenant)
	}
	res, err := c.Query(context.Background(), st)
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(res.Body)
	return string(out), errors.Join(err, res.Body.Close())
}

// TestMetadata keeps what tools read, and makes sure that it runs with either barrier and shows nothing of another tenant's.
func TestMetadata(t *testing.T) {
	c := engine(t)
	var out strings.Builder
	all := statements(t, "metadata.sql")
	for _, q := range all {
		var first string
		for _, barrier2 := range []bool{true, false} {
			got, err := answer(c, wide, q, "TSVWithNamesAndTypes", barrier2)
			if err != nil {
				t.Errorf("barrier 2 %v: %s\n  %v", barrier2, q, err)
			}
			if strings.Contains(got, "ranules") || strings.Contains(got, "Parts") {
				t.Errorf("barrier 2 %v: %s\n  counts parts or granules, which hold what others have: %.300s", barrier2, q, got)
			}
			if leaks(got) || strings.Contains(got, "t_acme") {
				t.Errorf("barrier 2 %v: %s\n  shows what is not the tenant's: %.300s", barrier2, q, got)
			}
			if barrier2 {
				first = got
			}
		}
		if strings.HasPrefix(strings.ToUpper(q), "EXPLAIN") && !strings.Contains(q, "ESTIMATE") {
			first = "…\n" // the engine's own, which a new version words otherwise
		}
		if len(first) > 1500 {
			first = first[:1500] + "…\n"
		}
		fmt.Fprintf(&out, "## %s\n%s", q, first)
	}
	golden(t, "metadata.golden", out.String())
}
