package rollup_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/rollup"
	"weir/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func TestMain(m *testing.M) { testkit.Main(m) }

func TestStatements(t *testing.T) {
	month := 202601
	var b strings.Builder
	for _, r := range rollup.All {
		fmt.Fprintf(&b, "%s;\n\n%s;\n\n%s;\n\n%s;\n\n", r.CreateSQL(), r.AdvanceSQL(1, 0, 7, nil), r.AdvanceSQL(2, 7, 9, &month), r.HoldsSQL(2, 9))
	}
	const path = "testdata/statements.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("statements (-want +got; run with -update if the change is wanted):\n%s", diff)
	}
}

// TestAdvance moves every rollup forward in steps, one of them in two halves as after a crash, and compares with the raw events.
func TestAdvance(t *testing.T) {
	c := testkit.Engine(t)
	testkit.Exec(t, c, `INSERT INTO weir.events (tenant, site_id, ts, type, client_id, host, path, country, is_bot, props_num, _writer, _seq)
SELECT if(number % 3 = 0, 'a', 'b'), 's', toDateTime64('2025-11-20 00:00:00', 3, 'UTC') + number * 700, if(number % 2 = 0, 'pageview', 'click'),
  if(number % 5 = 0, '', toString(number % 50)), 'h', concat('/', toString(number % 7)), if(number % 4 = 0, 'DE', 'FR'), number % 11 = 0,
  map('value', toFloat64(number % 10)), 1 + (number % 10 = 9), 1 + intDiv(number, 1000)
FROM numbers(10000)`)
	for q, want := range map[string]string{ // 900 rows of the main writer an insert
		rollup.EndSQL(1, 0, 10, 2000): "2 10", rollup.EndSQL(1, 3, 10, 1800): "5 7", rollup.EndSQL(1, 0, 10, 100): "0 10", rollup.EndSQL(1, 0, 10, 1_000_000): "10 10", rollup.EndSQL(1, 0, 4, 1_000_000): "4 4", rollup.EndSQL(2, 10, 20, 10): "0 0",
	} {
		if got := testkit.Rows(t, c, q); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %s", q, got, want)
		}
	}
	for _, r := range rollup.All {
		for _, w := range []uint16{1, 2} {
			testkit.Exec(t, c, r.AdvanceSQL(w, 0, 4, nil))
			if got := testkit.Rows(t, c, r.HoldsSQL(w, 5)); len(got) != 0 {
				t.Fatalf("%s holds step 5 of writer %d in %v before it was taken", r.Name, w, got)
			}
			months := testkit.Rows(t, c, fmt.Sprintf("SELECT DISTINCT toYYYYMM(ts) FROM weir.events WHERE _writer = %d AND _seq > 4 ORDER BY 1", w))
			if len(months) < 3 {
				t.Fatalf("the step has months %v, the test needs several", months)
			}
			for i, month := range months {
				var m int
				if _, err := fmt.Sscan(month, &m); err != nil {
					t.Fatal(err)
				}
				testkit.Exec(t, c, r.AdvanceSQL(w, 4, 10, &m))
				if diff := cmp.Diff(months[:i+1], testkit.Rows(t, c, r.HoldsSQL(w, 10))); diff != "" {
					t.Errorf("%s, writer %d, after month %s (-want +got): %s", r.Name, w, month, diff)
				}
			}
		}
		for _, merged := range []bool{false, true} {
			if merged {
				testkit.Exec(t, c, "OPTIMIZE TABLE "+r.Table()+" FINAL")
			}
			keys := "tenant, site_id, " + strings.Join(r.Dims, ", ")
			got := testkit.Rows(t, c, fmt.Sprintf("SELECT %s, time, sum(events), arraySort(groupUniqArrayArray(clients)), arraySort(groupUniqArrayArray(sample)), sum(value), max(_seq) FROM %s GROUP BY %[1]s, time ORDER BY ALL", keys, r.Table()))
			want := testkit.Rows(t, c, fmt.Sprintf("SELECT %s, %s AS time, count(), arraySort(groupUniqArrayIf(sipHash64(client_id), client_id != '' AND sipHash64(client_id) %% 8 != 0)), arraySort(groupUniqArrayIf(sipHash64(client_id), client_id != '' AND sipHash64(client_id) %% 8 = 0)), sum(props_num['value']), if(max(_seq) > 4, 10, 4) FROM weir.events GROUP BY %[1]s, time ORDER BY ALL", keys, r.Bucket("ts")))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, merged %v (-events +rollup):\n%.2000s", r.Name, merged, diff)
			}
		}
	}
}
