package query

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestSeries: rows of constants, alone and joined to events, have what the engine's own functions make.
func TestSeries(t *testing.T) {
	c := engine(t)
	for sql, want := range map[string]string{
		"SELECT number FROM numbers(3)":                                                         "0\n1\n2\n",
		"SELECT * FROM numbers(5, 2)":                                                           "5\n6\n",
		"SELECT * FROM numbers(5, 6, 4)":                                                        "5\n9\n",
		"SELECT generate_series FROM generate_series(1, 10, 4)":                                 "1\n5\n9\n",
		"SELECT s.generate_series FROM generateSeries(3, 4) AS s":                               "3\n4\n",
		"SELECT count() FROM generate_series(4, 3)":                                             "0\n",
		"SELECT count() FROM numbers(10000000)":                                                 "10000000\n",
		"SELECT count() FROM numbers(0, 99999999, 10)":                                          "10000000\n",
		"SELECT count() FROM generate_series(1, 10000000)":                                      "10000000\n",
		"SELECT count(), count(number) FROM numbers(0)":                                         "0\t0\n",
		"WITH 5 AS number SELECT max(n.number) FROM numbers(3) AS n":                            "2\n",
		"SELECT count() FROM numbers(4) AS n LEFT JOIN events AS e ON 1 = 2 WHERE n.number > 0": "3\n",
		"SELECT n.number, count(e.path) FROM numbers(2) AS n LEFT JOIN events AS e ON n.number = (e.type = 'no such') GROUP BY 1 ORDER BY 1":      "0\t1000\n1\t1\n",
		"SELECT day, n FROM (SELECT toDate('2026-03-01') + 2 * number AS day, 1 AS n FROM numbers(2)) ORDER BY day WITH FILL STEP INTERVAL 1 DAY": "2026-03-01\t1\n2026-03-02\t0\n2026-03-03\t1\n",
	} {
		for _, barrier2 := range []bool{true, false} {
			if got, err := answer(c, wide, sql, "TSV", barrier2); err != nil || got != want {
				t.Errorf("barrier 2 %v: %s: %q %v, want %q", barrier2, sql, got, err, want)
			}
		}
	}
	if checked, err := NewGuard().Check("SELECT * FROM numbers(3)", wide); err != nil || checked.ReadsEvents || checked.Columns != nil {
		t.Errorf("%+v, %v", checked, err)
	}
	for sql, says := range map[string]string{
		"SELECT * FROM numbers(10000001)":            "makes 10000001 rows, and at most 10000000 are allowed",
		"SELECT * FROM generate_series(0, 10000000)": "makes 10000001 rows",
		"SELECT * FROM numbers({n:UInt64})":          "numbers in digits: numbers(count)",
		"SELECT * FROM values('a UInt8', 1)":         "arrayJoin([",
		"SELECT * FROM numbers_mt(3)":                "write numbers(n)",
		"SELECT * FROM remote('x')":                  "numbers(n) or generate_series(first, last)",
		"SELECT * FROM events FINAL":                 "leave it out",
		"SELECT * FROM events SAMPLE 0.1":            "cityHash64(client_id) % 10 = 0",
		"SELECT uptime()":                            "it tells of the server",
		"SELECT getSetting('max_threads')":           "system.settings",
		"SELECT path FROM events, events PREWHERE 1": "names one relation only",
		"SELECT path AS prewhere FROM events":        "PREWHERE is not allowed here",
	} {
		var r *Refusal
		if _, err := NewGuard().Check(sql, wide); !errors.As(err, &r) || !strings.Contains(r.Error(), says) {
			t.Errorf("%s: %v, want %q", sql, err, says)
		}
	}
}

// TestPrewhere: PREWHERE has the rows that WHERE has, whatever binds weaker than AND in either.
func TestPrewhere(t *testing.T) {
	c := engine(t)
	for sql, same := range map[string]string{
		"SELECT count() FROM events PREWHERE type = 'own1'":                                                                                         "SELECT count() FROM events WHERE type = 'own1'",
		"SELECT count() FROM events PREWHERE type = 'own1' OR type = 'own2' WHERE path = '/own1' OR 1":                                              "SELECT count() FROM events WHERE type = 'own1' OR type = 'own2'",
		"SELECT count() FROM events PREWHERE 1 WHERE type = 'own1' GROUP BY path ORDER BY path LIMIT 2":                                             "SELECT count() FROM events WHERE type = 'own1' GROUP BY path ORDER BY path LIMIT 2",
		"SELECT count() FROM events PREWHERE 0 OR type = 'own1' WHERE 1 ? 1 : 0 UNION ALL SELECT 7":                                                 "SELECT count() FROM events WHERE type = 'own1' UNION ALL SELECT 7",
		"SELECT count() FROM (SELECT type FROM events PREWHERE (type = 'own1' OR 1) WHERE type = 'own1' OR type = 'own2') WHERE type = 'own2' OR 0": "SELECT count() FROM events WHERE type = 'own2'",
		"SELECT count() FROM events PREWHERE path IN (SELECT path FROM events PREWHERE type = 'own1' OR 0 WHERE 1 OR 0) WHERE 1 OR 0":               "SELECT count() FROM events WHERE path IN (SELECT path FROM events WHERE type = 'own1')",
		"SELECT count() FROM events AS e PREWHERE e.type = 'own1' OR 0 WHERE 1 OR 0 HAVING count() >= 0":                                            "SELECT count() FROM events WHERE type = 'own1'",
	} {
		want, err := answer(c, wide, same, "TSV", true)
		if err != nil {
			t.Fatal(err)
		}
		for _, barrier2 := range []bool{true, false} {
			lines := func(s string) string { l := strings.Split(s, "\n"); slices.Sort(l); return strings.Join(l, "\n") }
			if got, err := answer(c, wide, sql, "TSV", barrier2); err != nil || lines(got) != lines(want) {
				t.Errorf("barrier 2 %v: %s: %q %v, want %q", barrier2, sql, got, err, want)
			}
		}
	}
	checked, err := NewGuard().Check("SELECT path FROM events PREWHERE ts >= '2026-03-01' WHERE ts < '2026-03-02'", wide)
	if err != nil || checked.From.Format("01-02") != "03-01" || checked.To.Format("01-02") != "03-02" {
		t.Errorf("%+v, %v", checked, err)
	}
}
