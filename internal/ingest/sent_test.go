package ingest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestSentAt shows that the public doors correct the visitor's clock by the time at which they say that they sent.
func TestSentAt(t *testing.T) {
	ms := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	const day = 24 * time.Hour
	// at: when it happened, sent: when it was sent, both by the visitor's clock; want: what is stored.
	for name, tt := range map[string]struct {
		at   int64
		sent string // as JSON; "": none
		want time.Duration
	}{
		"a clock of three days ahead":       {ms(72 * time.Hour), fmt.Sprint(ms(72*time.Hour + time.Second)), -time.Second},
		"three hours behind":                {ms(-3 * time.Hour), fmt.Sprint(ms(-3 * time.Hour)), 0},
		"500 days behind":                   {ms(-500 * day), fmt.Sprint(ms(-500*day + time.Minute)), -time.Minute},
		"waited four days":                  {ms(-4*day + 3*time.Hour), fmt.Sprint(ms(3 * time.Hour)), -4 * day},
		"right, waited four days":           {ms(-4 * day), fmt.Sprint(ms(0)), -4 * day},
		"a way of one second is no skew":    {ms(-5 * time.Second), fmt.Sprint(ms(-time.Second)), -5 * time.Second},
		"seconds":                           {ms(-3 * time.Hour), fmt.Sprint(ms(-3*time.Hour) / 1000), 0},
		"text":                              {ms(-3 * time.Hour), `"2026-07-01T09:00:00Z"`, 0},
		"a number as text":                  {ms(-3 * time.Hour), fmt.Sprintf(`"%d"`, ms(-3*time.Hour)), 0},
		"none":                              {ms(-3 * time.Hour), "", -3 * time.Hour},
		"null":                              {ms(-3 * time.Hour), "null", -3 * time.Hour},
		"no time":                           {ms(-3 * time.Hour), `"soon"`, -3 * time.Hour},
		"empty text":                        {ms(-3 * time.Hour), `""`, -3 * time.Hour},
		"negative":                          {ms(-3 * time.Hour), "-1782900000000", -3 * time.Hour},
		"too large":                         {ms(-3 * time.Hour), "99999999999999999999", -3 * time.Hour},
		"no number that is":                 {ms(-3 * time.Hour), "1e999", -3 * time.Hour},
		"an object":                         {ms(-3 * time.Hour), `{"$gt":[1]}`, -3 * time.Hour},
		"true":                              {ms(-3 * time.Hour), "true", -3 * time.Hour},
		"the last that can be, as the time": {maxStoredMS, fmt.Sprint(maxStoredMS), 0},
		"the first that can be, as both":    {0, "0", 0},
	} {
		want := now.Add(tt.want).Format(time.RFC3339)
		check := func(t *testing.T, r *rig, code, wantCode int) {
			t.Helper()
			rows := r.log.all()
			if code != wantCode || len(rows) != 3 {
				t.Fatalf("answer %d, %d rows", code, len(rows))
			}
			for _, row := range rows[:2] {
				if row["ts"] != want {
					t.Errorf("ts is %v, want %s", row["ts"], want)
				}
			}
			if at := now.Format(time.RFC3339); rows[2]["ts"] != at {
				t.Errorf("an event without a time has %v, want %s", rows[2]["ts"], at)
			}
		}
		events := fmt.Sprintf(`[{"type":"a","ts":%d},{"type":"b","ts":%d},{"type":"c"}]`, tt.at, tt.at)
		for _, order := range []string{"before", "after"} {
			t.Run(name+"/"+order, func(t *testing.T) {
				sent := ""
				if tt.sent != "" {
					sent = `"sent_at":` + tt.sent + ","
				}
				body := `{"site_id":"site-1",` + sent + `"events":` + events + `}`
				if order == "after" {
					body = `{"events":` + events + "," + sent + `"site_id":"site-1"}`
				}
				r := newRig(t)
				check(t, r, r.do("POST", "/collect", body).Code, 204)
			})
		}
		t.Run(name+"/pixel", func(t *testing.T) {
			text := tt.sent
			_ = json.Unmarshal([]byte(tt.sent), &text) // a text without its quotes
			r := newRig(t)
			check(t, r, r.do("GET", "/pixel.gif?site_id=site-1&sent_at="+url.QueryEscape(text)+"&events="+url.QueryEscape(events), "").Code, 200)
		})
	}
}

// TestSentAtAgain shows that an event that is sent again later, and so corrected by a little more or less, is a copy and no conflict.
func TestSentAtAgain(t *testing.T) {
	at := now
	r := newRig(t, func(_ *Config, d *Deps) { d.Now = func() time.Time { return at } })
	event := fmt.Sprintf(`[{"type":"a","event_id":"e-1","ts":%d}]`, now.Add(72*time.Hour).UnixMilli())
	for range 2 {
		sent := at.Add(72*time.Hour + 150*time.Millisecond).UnixMilli()
		r.do("POST", "/collect", fmt.Sprintf(`{"site_id":"site-1","sent_at":%d,"events":%s}`, sent, event))
		r.do("GET", fmt.Sprintf("/pixel.gif?site_id=site-1&sent_at=%d&events=%s", sent+800, url.QueryEscape(event)), "")
		at = at.Add(10 * time.Second)
	}
	if len(r.log.hashes) != 4 {
		t.Fatalf("%d rows", len(r.log.hashes))
	}
	for _, h := range r.log.hashes {
		if h != r.log.hashes[0] {
			t.Errorf("the contents differ: %v", r.log.hashes)
		}
	}
	if client := r.log.all()[0]["client_ts"]; client != now.Add(72*time.Hour).Format(time.RFC3339) {
		t.Errorf("client_ts is %v", client)
	}
}

// TestSentAtStays shows that one request's clock is not the next one's, and that a time after the correction is bounded like any other.
func TestSentAtStays(t *testing.T) {
	r := newRig(t)
	at := now.Add(-3 * time.Hour).UnixMilli()
	for range 3 {
		r.do("POST", "/collect", fmt.Sprintf(`{"site_id":"site-1","sent_at":%d,"events":[{"type":"off","ts":%d}]}`, at, at))
		r.do("POST", "/collect", fmt.Sprintf(`{"site_id":"site-1","events":[{"type":"none","ts":%d}]}`, at))
		r.do("POST", "/ingest", fmt.Sprintf(`{"type":"none","ts":%d,"sent_at":%d}`, at, at), acmeKey)
	}
	rows := r.log.all()
	if len(rows) != 9 {
		t.Fatalf("%d rows, want 9", len(rows))
	}
	for _, row := range rows {
		want := now
		if row["type"] == "none" {
			want = now.Add(-3 * time.Hour)
		}
		if row["ts"] != want.Format(time.RFC3339) {
			t.Errorf("%v: ts is %v", row["type"], row["ts"])
		}
	}
	for what, sent := range map[string]int64{"in the future": now.Add(-48 * time.Hour).UnixMilli(), "days ago": now.Add(500 * 24 * time.Hour).UnixMilli()} {
		w := r.do("POST", "/collect", fmt.Sprintf(`{"site_id":"site-1","sent_at":%d,"events":[{"type":"a","ts":%d}]}`, sent, now.UnixMilli()))
		if w.Code != 400 || !strings.Contains(w.Body.String(), codeTime) || !strings.Contains(w.Body.String(), what) {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	wantProblem(t, r.do("POST", "/collect", `{"site_id":"site-1","sent_at":1,"sent_at":2,"events":[]}`), 400, "duplicate_key", "sent_at", "there twice")
	wantProblem(t, r.do("POST", "/collect", `{"site_id":"site-1","sent_at":NaN,"events":[]}`), 400, "malformed_json", "", "")
}
