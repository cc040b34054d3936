package ingest

import (
	"strings"
	"testing"
)

// TestBefore1970: a time that no event can have is refused by name, with the limit, in any form, and also where old events are taken; the first millisecond of 1970 is taken there.
func TestBefore1970(t *testing.T) {
	const mode = "X-Weir-Mode: import"
	for _, c := range []struct{ ts, code, says string }{
		{`"1969-12-31T23:59:59.999Z"`, "ts_out_of_range", "before 1970"},
		{`"1969-12-31T23:59:59.999-00:00"`, "ts_out_of_range", "before 1970"},
		{`"1970-01-01T00:59:59+01:00"`, "ts_out_of_range", "1970-01-01T00:00:00Z"},
		{`"0001-01-01T00:00:00Z"`, "ts_out_of_range", "before 1970"},
		{`-1`, "ts_out_of_range", "before 1970"},
		{`"-1"`, "ts_out_of_range", "before 1970"},
		{`-1e999`, "ts_out_of_range", "before 1970"},
		{`1e999`, "ts_out_of_range", "after 2261"},
		{`-0.0004`, "ts_out_of_range", "before 1970"},
		{`-0.001`, "ts_out_of_range", "before 1970"},
		{`-62135596800000`, "ts_out_of_range", "before 1970"},
		{`"2262-01-01T00:00:00Z"`, "ts_out_of_range", "after 2261"},
		{`9.3e18`, "ts_out_of_range", "after 2261"},
		{`"1969"`, "", ""}, // seconds since 1970
		{`"1969-13-01T00:00:00Z"`, "invalid_value", "RFC 3339"},
		{`"before"`, "invalid_value", "RFC 3339"},
		{`0`, "", ""},
		{`"1970-01-01T00:00:00Z"`, "", ""},
	} {
		r := newRig(t)
		w := r.do("POST", "/ingest", `{"type":"a","ts":`+c.ts+`}`, acmeKey, mode)
		body := w.Body.String()
		switch {
		case c.code == "" && (w.Code != 200 || len(r.log.all()) != 1):
			t.Errorf("%s: %d %s", c.ts, w.Code, body)
		case c.code != "" && (w.Code != 200 || !strings.Contains(body, `"code":"`+c.code+`","field":"ts"`) || !strings.Contains(body, c.says) || len(r.log.all()) != 0):
			t.Errorf("%s: %d %s, want %s", c.ts, w.Code, body, c.code)
		}
	}
	for _, ts := range []string{"1960-01-01T00:00:00Z", "-1", "-62135596800000"} {
		r := newRig(t)
		w := r.do("POST", "/api/v1/events", "", acmeKey, "Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Source: s", "Ce-Type: a", "Ce-Time: "+ts)
		if w.Code != 400 || !strings.Contains(w.Body.String(), "ts_out_of_range") || !strings.Contains(w.Body.String(), `"field":"time"`) || !strings.Contains(w.Body.String(), "before 1970") {
			t.Errorf("a CloudEvent of %s: %d %s", ts, w.Code, w.Body)
		}
	}
}
