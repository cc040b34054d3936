package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// LimitFields are the limits of a tenant that can be set.
type LimitFields struct {
	DedupeKeys          *int64 `help:"Event ids remembered for deduplication; 0 is no limit." json:"-" name:"dedupe-keys"`
	EventBytes          *int64 `help:"Largest event in bytes; 0 is the installation's limit." json:"-" name:"event-bytes"`
	EventsPerSecond     *int64 `help:"Events a second, of all doors; 0 is the installation's default." json:"-" name:"events-per-second"`
	BytesPerSecond      *int64 `help:"Bytes of request bodies a second, decompressed; 0 is the default." json:"-" name:"bytes-per-second"`
	BurstSeconds        *int64 `help:"How many seconds' worth of events and bytes may come at once; 0 is the default, 5." json:"-" name:"burst-seconds"`
	Queries             *int64 `help:"Queries that run at once; further ones wait. 0 is the default." json:"-" name:"queries"`
	ExpensiveQueries    *int64 `help:"Of these, queries that are expected to need more than 10 s of CPU; 0 is the default." json:"-" name:"expensive-queries"`
	CPUSecondsPerMinute *int64 `help:"Seconds of CPU of all queries in a minute; 0 is the default." json:"-" name:"cpu-seconds-per-minute"`
	CPUSecondsPerHour   *int64 `help:"Seconds of CPU of all queries in an hour; 0 is the default." json:"-" name:"cpu-seconds-per-hour"`
	ScanBytesPerHour    *int64 `help:"Bytes that all queries read in an hour, uncompressed; 0 is the default." json:"-" name:"scan-bytes-per-hour"`
	ResultBytes         *int64 `help:"Bytes of one answer; 0 is the default." json:"-" name:"result-bytes"`
	Weight              *int64 `help:"Share of the machine among tenants whose queries wait; 0 is 1." json:"-" name:"weight"`
}

// given are the limits that were given, by their names in the API.
func (f LimitFields) given() map[string]int64 {
	out := map[string]int64{}
	for name, v := range map[string]*int64{
		"dedupe_keys":            f.DedupeKeys,
		"event_bytes":            f.EventBytes,
		"events_per_second":      f.EventsPerSecond,
		"bytes_per_second":       f.BytesPerSecond,
		"burst_seconds":          f.BurstSeconds,
		"queries":                f.Queries,
		"expensive_queries":      f.ExpensiveQueries,
		"cpu_seconds_per_minute": f.CPUSecondsPerMinute,
		"cpu_seconds_per_hour":   f.CPUSecondsPerHour,
		"scan_bytes_per_hour":    f.ScanBytesPerHour,
		"result_bytes":           f.ResultBytes,
		"weight":                 f.Weight,
	} {
		if v != nil {
			out[name] = *v
		}
	}
	return out
}

// limits are a tenant's limits by name.
type limits map[string]int64

// limitNames are the names in the order in which they are shown.
var limitNames = []string{
	"dedupe_keys",
	"event_bytes",
	"events_per_second",
	"bytes_per_second",
	"burst_seconds",
	"queries",
	"expensive_queries",
	"cpu_seconds_per_minute",
	"cpu_seconds_per_hour",
	"scan_bytes_per_hour",
	"result_bytes",
	"weight",
}

// String shows the limits that there are.
func (l limits) String() string {
	var set []string
	for _, name := range limitNames {
		if l[name] != 0 {
			set = append(set, name+"="+strconv.FormatInt(l[name], 10))
		}
	}
	if set == nil {
		return "default"
	}
	return strings.Join(set, " ")
}

// LimitsCmd is `weir limits`.
type LimitsCmd struct {
	Server
	ForTenant
	Output
}

// limitState is the answer of /api/v1/limits.
type limitState struct {
	Tenant string `json:"tenant"`
	Limits limits `json:"limits"`
	Now    struct {
		CPUMinute float64 `json:"cpu_seconds_last_minute"`
		CPUHour   float64 `json:"cpu_seconds_last_hour"`
		ScanHour  uint64  `json:"scan_bytes_last_hour"`
		Queries   []struct {
			Class   string `json:"class"`
			Running int    `json:"running"`
			Waiting int    `json:"waiting"`
			Places  int    `json:"places"`
		} `json:"queries"`
		OldestWait    float64 `json:"oldest_wait_seconds"`
		WaitsFor      string  `json:"waits_for,omitempty"`
		WaitsForValue int64   `json:"waits_for_value,omitempty"`
		MaxWait       float64 `json:"max_wait_seconds"`
		MaxQueued     int     `json:"max_queued"`
		Budget        string  `json:"budget_action,omitempty"`
		Events        int64   `json:"events_available"`
		Bytes         int64   `json:"bytes_available"`
		InFlight      int64   `json:"bytes_in_flight"`
		MaxInFlight   int64   `json:"max_bytes_in_flight"`
	} `json:"now"`
}

// table shows each limit beside what is used of it.
func (s limitState) table() grid {
	g := grid{head: []string{"limit", "value", "now"}, right: map[int]bool{1: true}}
	n := &s.Now
	var running, waiting, heavy int
	for _, q := range n.Queries {
		running, waiting = running+q.Running, waiting+q.Waiting
		if q.Class == "expensive" {
			heavy = q.Running
		}
	}
	left := func(v int64) string {
		if v < 0 {
			return "-"
		}
		return fmt.Sprintf("%d left", v)
	}
	now := map[string]string{
		"events_per_second": left(n.Events), "bytes_per_second": left(n.Bytes), "queries": fmt.Sprintf("%d run, %d wait", running, waiting),
		"expensive_queries": fmt.Sprintf("%d run", heavy), "cpu_seconds_per_minute": fmt.Sprintf("%.2f used", n.CPUMinute),
		"cpu_seconds_per_hour": fmt.Sprintf("%.2f used", n.CPUHour), "scan_bytes_per_hour": fmt.Sprintf("%d used", n.ScanHour),
	}
	for _, name := range limitNames {
		value := "none"
		if v := s.Limits[name]; v != 0 {
			value = strconv.FormatInt(v, 10)
		}
		g.add(name, value, orDash(now[name]))
	}
	if n.WaitsFor != "" {
		g.add("the oldest query waits", time.Duration(n.OldestWait*float64(time.Second)).Round(time.Millisecond).String(), "for "+n.WaitsFor)
	}
	if n.Budget != "" {
		g.add("the budget is spent", "", n.Budget)
	}
	return g
}

// Run shows how a tenant stands to its limits.
func (c *LimitsCmd) Run(ctx context.Context, p *Process) error {
	cl, err := c.client(c.Tenant)
	if err != nil {
		return err
	}
	var s limitState
	if err := cl.Do(ctx, http.MethodGet, "/api/v1/limits", nil, &s); err != nil {
		return err
	}
	return c.print(p.Out, s, s.table)
}
