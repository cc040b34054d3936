package daily

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/rollup"
)

// AudienceEngineTable is the table of a day's visitors by what events have, without their pages, AudienceTable its full name: of those who are at many pages it has far fewer rows than hits, of which it is
// made under the same version.
const (
	AudienceEngineTable = "day_audience_2"
	AudienceTable       = rollup.Database + "." + AudienceEngineTable
)

// VisitorColumns are those of HitsColumns that seldom change from one event of a visitor to the next.
var VisitorColumns = slices.DeleteFunc(slices.Clone(HitsColumns), func(name string) bool { return name == "type" || name == "host" })

// audienceSQL is the statement that makes the table: a row for each visitor and values of HitsColumns and, whole, one for each visitor and values of VisitorColumns, whose others are empty. Visitors of
// the sample stand by themselves, as in hits.
func audienceSQL() string {
	return eventTableSQL(AudienceTable, append([]string{"whole Bool"}, visitorColumns()...), "whole, type, sampled, visitor")
}

// AudienceSQL writes the audience of a tenant's day, of its hits of the version.
func AudienceSQL(tenant string, start time.Time, version uint64) string {
	columns := strings.Join(HitsColumns, ", ")
	part := func(whole bool) string {
		of := slices.Clone(HitsColumns)
		for i, name := range of {
			if whole && !slices.Contains(VisitorColumns, name) {
				of[i] = "'' AS " + name
			}
		}
		kept := HitsColumns
		if whole {
			kept = VisitorColumns
		}
		return fmt.Sprintf("SELECT tenant, site_id, %t AS whole, %s, time, is_bot, visitor, sampled, sum(events) AS _events, sum(pageviews) AS _pageviews, sum(amount) AS _amount, sum(revenue) AS _revenue, _version\n"+
			"FROM %s\nWHERE %s\nGROUP BY tenant, site_id, %s, time, is_bot, visitor, sampled, _version", whole, strings.Join(of, ", "), HitsTable, ofDay(tenant, start, version), strings.Join(kept, ", "))
	}
	return "INSERT INTO " + AudienceTable + " (tenant, site_id, whole, " + columns + ", time, is_bot, visitor, sampled, events, pageviews, amount, revenue, _version)\n" + part(false) + "\nUNION ALL\n" + part(true)
}
