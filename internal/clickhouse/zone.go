package clickhouse

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that time zones do not depend on the machine
)

//go:embed zones.txt
var zoneNames string

// Zone loads a time zone that the engine knows too; empty is UTC. Others, which a machine may have (right/UTC counts leap seconds), are refused: statements
// that name one fail.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if _, ok := slices.BinarySearch(strings.Split(strings.TrimSpace(zoneNames), "\n"), name); !ok {
		return nil, fmt.Errorf("the engine knows no time zone %q", name)
	}
	return time.LoadLocation(name)
}
