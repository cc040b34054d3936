package query

import (
	"fmt"
	"testing"

	"weir/internal/event"
	"weir/internal/testkit"
)

// TestRelearned: once a property was forgotten and came back with another kind, rows from before hold other things under its name. A column never fails on them: what is not of its kind is NULL,
// and props['name'] has it.
func TestRelearned(t *testing.T) {
	c := engine(t)
	for i, v := range []string{"map('v', 'stray'), map()", "map('v', 'yes'), map()", "map('v', '1'), map()", "map('v', 'TRUE'), map()", "map('v', 'true'), map()", "map('v', 'false'), map()", "map('v', 'null'), map()", "map('v', ''), map()",
		"map('v', '-0x1p3'), map()", "map('v', '[1,2]'), map()", "map(), map('v', 7.)", "map(), map('v', 0.5)", "map(), map('v', 1e300)", "map('v', '12345678901234567891'), map('v', 12345678901234567891.)", "map(), map()"} {
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, event_id, ts, type, props, props_num) SELECT 'relearned', '%02d', '2002-03-04 00:00:00', 'x', %s", i, v))
	}
	t.Cleanup(func() { testkit.Exec(t, c, "ALTER TABLE weir.events DROP PARTITION 20020304") })
	for kind, want := range map[event.PropertyKind]string{
		event.PropBool:   "NULL,NULL,NULL,NULL,true,false,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL",
		event.PropInt:    "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,NULL,NULL,NULL,NULL",
		event.PropFloat:  "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,0.5,1e300,12345678901234567000,NULL",
		event.PropString: "stray,yes,1,TRUE,true,false,NULL,,-0x1p3,[1,2],7,0.5,1e300,12345678901234567891,NULL",
	} {
		sc := Scope{Tenant: "relearned", Properties: []event.Property{{Name: "v", Kind: kind}}}
		got, err := answer(c, sc, "SELECT arrayStringConcat(groupArray(x), ',') FROM (SELECT ifNull(toString(v), 'NULL') AS x FROM events ORDER BY event_id)", "TSV", true)
		if err != nil || got != want+"\n" {
			t.Errorf("%v: %q %v, want %q", kind, got, err, want)
		}
		for _, sql := range []string{"SELECT max(v), count(v), uniqExact(v) FROM events", "SELECT v FROM events WHERE v > 3 OR v IS NULL", "SELECT v, count() FROM events GROUP BY v ORDER BY v", "SELECT count() FROM events WHERE v = (SELECT any(v) FROM events)"} {
			if _, err := answer(c, sc, sql, "TSV", true); err != nil && kind != event.PropString && kind != event.PropBool {
				t.Errorf("%v: %s: %v", kind, sql, err)
			}
		}
		if got, err := answer(c, sc, "SELECT count() FROM events WHERE props['v'] = 'stray'", "TSV", true); err != nil || got != "1\n" {
			t.Errorf("%v: by the map: %q %v", kind, got, err)
		}
	}
}
