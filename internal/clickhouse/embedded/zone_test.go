package embedded

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

var update = flag.Bool("update", false, "write the list of time zones")

// TestZones holds the committed list of time zones to those that the engine knows and computes with as Go does.
func TestZones(t *testing.T) {
	c := startEngine(t, testConfig(t)).Client()
	list, _ := one(t, c, clickhouse.Statement{SQL: "SELECT time_zone FROM system.time_zones ORDER BY time_zone", Format: "TSV"})
	const path = "../zones.txt"
	if *update {
		if err := os.WriteFile(path, []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil || string(kept) != list {
		t.Fatalf("%s is not what the engine knows (%v): run this test with -update", path, err)
	}
	for _, name := range []string{"Europe/Berlin", "Asia/Kathmandu", "America/New_York", "UTC", "Etc/GMT+5"} {
		l, err := clickhouse.Zone(name)
		if err != nil {
			t.Error(err)
			continue
		}
		at := time.Date(2026, 7, 2, 22, 15, 0, 0, time.UTC)
		got, _ := one(t, c, clickhouse.Statement{SQL: "SELECT toString(toDateTime('2026-07-02 22:15:00', 'UTC'), '" + name + "')", Format: "TSV"})
		if want := at.In(l).Format(time.DateTime); strings.TrimSpace(got) != want {
			t.Errorf("%s: the engine says %s, Go %s", name, got, want)
		}
	}
	for _, name := range []string{"right/UTC", "posix/Europe/Berlin", "Local", "localtime", "posixrules", "europe/berlin", "../UTC"} {
		if _, err := clickhouse.Zone(name); err == nil {
			t.Errorf("%s is a time zone", name)
		}
	}
}
