package clickhouse

import (
	"encoding/json"
	"strconv"
	"time"
)

// Headers of the protocol that both sides need.
const (
	HeaderUser          = "X-ClickHouse-User"
	HeaderKey           = "X-ClickHouse-Key"
	HeaderDatabase      = "X-ClickHouse-Database"
	HeaderFormat        = "X-ClickHouse-Format"
	HeaderQueryID       = "X-ClickHouse-Query-Id"
	HeaderSummary       = "X-ClickHouse-Summary"
	HeaderProgress      = "X-ClickHouse-Progress"
	HeaderExceptionCode = "X-ClickHouse-Exception-Code"
	HeaderExceptionTag  = "X-ClickHouse-Exception-Tag"
)

// wireSummary is X-ClickHouse-Summary: all values are strings of digits. cpu_ns and memory_usage_peak are weir's own.
type wireSummary struct {
	ReadRows     string `json:"read_rows"`
	ReadBytes    string `json:"read_bytes"`
	WrittenRows  string `json:"written_rows"`
	WrittenBytes string `json:"written_bytes"`
	ResultRows   string `json:"result_rows"`
	ResultBytes  string `json:"result_bytes"`
	ElapsedNS    string `json:"elapsed_ns"`
	CPUNS        string `json:"cpu_ns"`
	Memory       string `json:"memory_usage_peak"`
}

// EncodeSummary returns the value of X-ClickHouse-Summary.
func EncodeSummary(s Summary) string {
	u := func(v uint64) string { return strconv.FormatUint(v, 10) }
	b, _ := json.Marshal(wireSummary{ // strings only: cannot fail
		ReadRows: u(s.ReadRows), ReadBytes: u(s.ReadBytes), WrittenRows: u(s.WrittenRows), WrittenBytes: u(s.WrittenBytes),
		ResultRows: u(s.ResultRows), ResultBytes: u(s.ResultBytes), ElapsedNS: u(uint64(max(0, s.Elapsed))),
		CPUNS: u(uint64(max(0, s.CPU))), Memory: u(s.PeakMemory),
	})
	return string(b)
}

// ParseSummary reads X-ClickHouse-Summary. What is missing or not a number is zero: a summary never fails a statement.
func ParseSummary(v string) Summary {
	fields := map[string]any{}
	if v == "" || json.Unmarshal([]byte(v), &fields) != nil {
		return Summary{}
	}
	u := func(names ...string) uint64 {
		for _, name := range names {
			switch x := fields[name].(type) {
			case string:
				if n, err := strconv.ParseUint(x, 10, 64); err == nil {
					return n
				}
			case float64:
				if x >= 0 && x < 1<<53 {
					return uint64(x)
				}
			}
		}
		return 0
	}
	return Summary{
		ReadRows: u("read_rows"), ReadBytes: u("read_bytes"), WrittenRows: u("written_rows"), WrittenBytes: u("written_bytes"),
		ResultRows: u("result_rows"), ResultBytes: u("result_bytes"), Elapsed: duration(u("elapsed_ns")),
		CPU: duration(u("cpu_ns")), PeakMemory: u("memory_usage_peak", "memory_usage"),
	}
}

func duration(ns uint64) time.Duration {
	if ns > 1<<62 {
		return 0
	}
	return time.Duration(ns)
}
