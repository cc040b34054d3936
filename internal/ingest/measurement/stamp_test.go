package measurement

import (
	"strings"
	"testing"

	"weir/internal/testkit/doorkit"
)

// A time that cannot be read, or that no event can have, is no time at which an event arrived: the events that it is the time of are rejected, and /debug says so.
func TestWrongStamps(t *testing.T) {
	r := doorkit.New(t, Register)
	for stamp, want := range map[string]string{
		`"abc"`: "invalid_value VALUE_INVALID", `"2026-07-01T12:00:00Z"`: "invalid_value VALUE_INVALID", `"NaN"`: "invalid_value VALUE_INVALID", `" "`: "invalid_value VALUE_INVALID",
		`{}`: "invalid_type VALUE_INVALID", `[1]`: "invalid_type VALUE_INVALID", `true`: "invalid_type VALUE_INVALID",
		`0`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `1`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `"5"`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `-1`: "ts_out_of_range VALUE_OUT_OF_BOUNDS",
		`-0.5`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `1782907140`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `1782907140000`: "ts_out_of_range VALUE_OUT_OF_BOUNDS",
		`9223372036854775807`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `"99999999999999999999"`: "ts_out_of_range VALUE_OUT_OF_BOUNDS", `1e999`: "ts_out_of_range VALUE_OUT_OF_BOUNDS",
		`-1e999`: "ts_out_of_range VALUE_OUT_OF_BOUNDS",
	} {
		code, validation, _ := strings.Cut(want, " ")
		for body, path := range map[string]string{
			`{"client_id":"c","timestamp_micros":` + stamp + `,"events":[{"name":"a"},{"name":"b","timestamp_micros":null},{"name":"good","timestamp_micros":1782907140000000}]}`:                                          "timestamp_micros",
			`{"client_id":"c","timestamp_micros":1782907140000000,"events":[{"name":"good"},{"name":"a","timestamp_micros":` + stamp + `},{"name":"good"},{"name":"b","timestamp_micros":` + stamp + `},{"name":"good"}]}`: "events[1].timestamp_micros",
		} {
			w := r.Do("POST", target, body)
			rows, rejects := r.Take(), r.Rejects()
			if w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "2" || rejects["site-1 "+code] != 2 || len(rejects) != 1 || len(rows) == 0 {
				t.Errorf("%s: %d, rejected %v, %d rows", body, w.Code, rejects, len(rows))
			}
			for _, row := range rows {
				if row["type"] != "good" || row["ts"] != "2026-07-01T11:59:00Z" {
					t.Errorf("%s: took %v", body, row)
				}
			}
			said := messages(t, r.Do("POST", "/debug"+target, body))
			wanted := 1 // of the request's field once
			if path != "timestamp_micros" {
				wanted = 2
			}
			if len(said) != wanted || said[0].FieldPath != path || said[0].ValidationCode != validation || !strings.Contains(said[0].Description, "timestamp_micros") ||
				!strings.Contains(said[0].Description, "microseconds") && !strings.Contains(said[0].Description, "before 1970") || strings.Contains(said[0].Description, "seconds or milliseconds") {
				t.Errorf("/debug %s: %v, want %d of %s", body, said, wanted, path)
			}
		}
	}
}

// Numbers are written in many ways, and what says nothing is no time: the arrival's.
func TestStamps(t *testing.T) {
	r := doorkit.New(t, Register)
	for stamp, ts := range map[string]string{`1782907140000000`: "2026-07-01T11:59:00Z", `"1782907140000999"`: "2026-07-01T11:59:00Z", `1782907140000000.0`: "2026-07-01T11:59:00Z",
		`1.78290714e15`: "2026-07-01T11:59:00Z", `"1.78290714E+15"`: "2026-07-01T11:59:00Z", `null`: "2026-07-01T12:00:00Z", `""`: "2026-07-01T12:00:00Z"} {
		for _, body := range []string{`{"client_id":"c","timestamp_micros":` + stamp + `,"events":[{"name":"e"}]}`, `{"client_id":"c","events":[{"name":"e","timestamp_micros":` + stamp + `}]}`} {
			doorkit.Check(t, r.One(t, 204, "POST", target, body), map[string]any{"ts": ts})
		}
	}
}
