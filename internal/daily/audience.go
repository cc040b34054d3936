package daily

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/rollup"
)

// AudienceEngineTable is the table of a day's visitors by what events have, without their pages, AudienceTable its full name: of those who are at many pages it has far fewer rows than hits, of which it is
// made under the same version.
const (
	AudienceEngineTable = "day_audience"
	AudienceTable       = rollup.Database + "." + AudienceEngineTable
)

// audienceSQL is the statement that makes the table: a row for each visitor and values of HitsColumns. Visitors of the sample stand by themselves, as in hits.
func audienceSQL() string {
	return eventTableSQL(AudienceTable, visitorColumns(), "type, sampled, visitor")
}

// AudienceSQL writes the audience of a tenant's day, of its hits of the version.
func AudienceSQL(tenant string, start time.Time, version uint64) string {
	columns := strings.Join(HitsColumns, ", ")
	return fmt.Sprintf("INSERT INTO %s (tenant, site_id, %s, time, is_bot, visitor, sampled, events, pageviews, amount, revenue, _version)\n"+
		"SELECT tenant, site_id, %[2]s, time, is_bot, visitor, sampled, sum(events) AS _events, sum(pageviews) AS _pageviews, sum(amount) AS _amount, sum(revenue) AS _revenue, _version\nFROM %s\nWHERE %s\nGROUP BY tenant, site_id, %[2]s, time, is_bot, visitor, sampled, _version",
		AudienceTable, columns, HitsTable, ofDay(tenant, start, version))
}
