package query

import (
	"errors"
	"strings"
	"testing"

	"weir/internal/event"
)

// TestDottedPropertiesAreNoColumnsOfRelations: senders choose the names of properties, and change no answer to a statement that names columns by their relation.
func TestDottedPropertiesAreNoColumnsOfRelations(t *testing.T) {
	c := engine(t)
	var names []event.Property
	for _, name := range []string{"e.n", "e.type", "a.event_id", "b.event_id", "events.type", "events.plan", "typed.events.type", "source.type", "x.plan", "e.cart.total", "ok.type"} {
		names = append(names, event.Property{Name: name, Kind: event.PropString})
	}
	hijacked := typedScope.with(func(s *Scope) { s.Properties = append(names, s.Properties...) })
	for _, sql := range []string{
		"SELECT e.type, count() FROM events AS e GROUP BY e.type",
		"SELECT e.n, e.cart.total FROM events e ORDER BY e.event_id",
		"SELECT `typed`.`events`.`type` AS `type`, COUNT(*) AS `count` FROM `typed`.`events` GROUP BY `typed`.`events`.`type`",
		`SELECT "events"."type" AS "type" FROM "typed"."events" ORDER BY 1`,
		"SELECT events.plan FROM events ORDER BY events.event_id",
		"SELECT count() FROM events a JOIN events b ON a.event_id = b.event_id",
		"SELECT count() FROM events AS a INNER JOIN (SELECT event_id FROM events) AS b ON a.event_id = b.event_id",
		"SELECT `source`.`type` AS t FROM (SELECT * FROM events) AS `source` ORDER BY t",
		"WITH source AS (SELECT * FROM events) SELECT source.type FROM source ORDER BY 1",
		"SELECT x.plan FROM (SELECT * FROM events) x ORDER BY 1",
		"SELECT e.type FROM events e WHERE e.type = 'pageview' OR e.n > 0 ORDER BY 1",
		"EXPLAIN SYNTAX SELECT e.type FROM events AS e",
	} {
		for _, barrier2 := range []bool{true, false} {
			want, err := answer(c, typedScope, sql, "TSV", barrier2)
			if err != nil || want == "" {
				t.Fatalf("%s: %q %v", sql, want, err)
			}
			if got, err := answer(c, hijacked, sql, "TSV", barrier2); err != nil || got != want {
				t.Errorf("%s: %q %v, without the properties %q", sql, got, err, want)
			}
		}
	}
	// Where no relation is called so they are columns as before.
	for _, sql := range []string{"SELECT ok.type, e.type FROM events", "SELECT `e.type` FROM events AS e", "SELECT e.`e.type` FROM events AS e", "SELECT * FROM events AS e"} {
		if _, err := answer(c, hijacked, sql, "TSV", true); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got, err := answer(c, hijacked, "SELECT * FROM events AS e LIMIT 0", "TSVWithNames", true); err != nil || !strings.Contains(got, "\te.type\t") {
		t.Errorf("%q %v", got, err)
	}
	var r *Refusal
	if _, err := NewGuard().Check("SELECT e.type, `e.type` FROM events AS e", hijacked); !errors.As(err, &r) || !strings.Contains(r.Error(), "props['e.type']") {
		t.Errorf("a name that means two things: %v", err)
	}
}
