package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"weir/internal/tenant"
	"weir/internal/testkit"
)

// TestNeighboursRowsAreNotTold: rows of a neighbour in the key are read along with a tenant's own where both lie in one granule, as in all fresh parts. Nothing tells
// how many they are: neither what was read, in any form, nor what is expected to be.
func TestNeighboursRowsAreNotTold(t *testing.T) {
	c := engine(t)
	h := newHandler(t, quick, c)
	var first string
	for i, n := range []int{311, 4111} {
		own, neighbour := fmt.Sprintf("reads%d", i), fmt.Sprintf("reads%d_beside", i)
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.events (tenant, ts, type, url) SELECT if(number < 7, '%s', '%s'), toDateTime64('2026-03-11 00:00:00', 3, 'UTC'), 'view', 'u' FROM numbers(%d)", own, neighbour, 7+n))
		exact := regexp.MustCompile(fmt.Sprintf(`\b(%d|%d)\b`, n, n+7))
		var told []string
		for _, q := range []string{
			`"sql":"SELECT max(url), count() FROM events"`, `"sql":"SELECT max(url), count() FROM events","dry_run":true`, `"sql":"SELECT type, count() FROM events GROUP BY type WITH TOTALS"`,
			`"sql":"SELECT max(url), count() FROM events","format":"JSONCompact"`,
		} {
			w := post(h, tenant.Principal{Tenant: tenant.ID(own), Role: tenant.RoleAnalyst, KeyID: "k"}, "{"+q+"}")
			if w.Code != 200 {
				t.Fatalf("%s: %d %s", q, w.Code, w.Body)
			}
			if all := fmt.Sprint(w.Body, w.Header(), w.Result().Trailer); exact.MatchString(all) {
				t.Errorf("%s tells of %d rows of the neighbour: %s", q, n, all)
			}
			told = append(told, q+numbersOf(w.Body.Bytes()))
		}
		switch text := strings.Join(told, "\n"); {
		case first == "":
			first = text
		case text != first:
			t.Errorf("beside %d rows of the neighbour it was told\n%s\nand beside fewer\n%s", n, text, first)
		}
	}
	if !strings.Contains(first, "8192") {
		t.Errorf("no rows were told:\n%s", first)
	}
}

// numbersOf are those that say what was read, or will be.
func numbersOf(body []byte) string {
	var a struct {
		Statistics struct {
			Rows  *uint64 `json:"rows_read"`
			Bytes *uint64 `json:"bytes_read"`
		}
		Estimate struct{ Rows, Bytes uint64 }
	}
	if json.Unmarshal(body, &a) != nil {
		return ""
	}
	out := fmt.Sprint(" ", a.Estimate)
	if a.Statistics.Rows != nil {
		out += fmt.Sprint(" ", *a.Statistics.Rows, " ", *a.Statistics.Bytes)
	}
	return out
}
