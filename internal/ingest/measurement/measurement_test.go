package measurement

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"weir/internal/eventlog"
	"weir/internal/testkit/doorkit"
)

const target = "/mp/collect?measurement_id=G-1&api_secret=" + doorkit.WriteKey

const body = `{"client_id":"123.456","user_id":"u1","timestamp_micros":"1782907140000000","user_agent":"UA","ip_override":"203.0.113.9","non_personalized_ads":false,
"user_properties":{"plan":{"value":"pro"},"seats":{"value":3}},"consent":{"ad_user_data":"GRANTED"},"events":[
{"name":"page_view","params":{"session_id":"77","engagement_time_msec":100,"page_location":"https://example.com/a?utm_source=x","page_title":"A","page_referrer":"https://google.com/","language":"de"}},
{"name":"purchase","params":{"session_id":77,"transaction_id":"t1","value":12.5,"currency":"EUR","items":[{"item_id":"a"}]}},
{"name":"tutorial","params":{"value":3,"user.plan":"mine"},"timestamp_micros":1782907080000000}]}`

func TestCollect(t *testing.T) {
	r := doorkit.New(t, Register)
	w := r.Do("POST", target, body, "User-Agent: server")
	rows := r.Take()
	if w.Code != 204 || w.Body.Len() > 0 || len(rows) != 3 {
		t.Fatalf("%d %s, %d rows, rejected %v", w.Code, w.Body, len(rows), r.Rejects())
	}
	for _, row := range rows {
		delete(row, "event_id")
	}
	same := func(more map[string]any) map[string]any {
		m := map[string]any{"tenant": "acme", "site_id": "site-1", "client_id": "123.456", "user_id": "u1", "ts": "2026-07-01T11:59:00Z", "user_agent": "UA", "ip": "203.0.113.9",
			"props.user.plan": "pro", "nums.user.seats": 3.0}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	doorkit.Exact(t, rows[0], same(map[string]any{"type": "pageview", "session_id": "77", "nums.engagement_time_msec": 100.0, "url": "https://example.com/a?utm_source=x", "host": "example.com", "path": "/a",
		"utm_source": "x", "referrer": "https://google.com/", "referrer_host": "google.com", "props.title": "A", "props.locale": "de"}))
	doorkit.Exact(t, rows[1], same(map[string]any{"type": "purchase", "session_id": "77", "props.transaction_id": "t1", "nums.revenue": 12.5, "props.currency": "EUR", "props.items": `[{"item_id":"a"}]`}))
	doorkit.Exact(t, rows[2], same(map[string]any{"type": "tutorial", "nums.value": 3.0, "ts": "2026-07-01T11:58:00Z", "props.user.plan": "mine"}))
	row := r.One(t, 204, "POST", target, `{"app_instance_id":"app","events":[{"name":"user_engagement","params":null}]}`)
	doorkit.Check(t, row, map[string]any{"type": "engagement", "client_id": "app", "ip": nil, "user_agent": nil, "ts": "2026-07-01T12:00:00Z"})
	row = r.One(t, 204, "POST", target, `{"client_id":1,"events":[{"name":"e","params":{"ip_override":"203.0.113.9"}}]}`)
	doorkit.Check(t, row, map[string]any{"props.ip_override": nil, "ip": nil})
	row = r.One(t, 204, "POST", target, `{"client_id":1,"events":[{"name":"campaign_details","params":{"source":"s","medium":"m","campaign":"c","term":"t"}}]}`)
	doorkit.Check(t, row, map[string]any{"client_id": "1", "utm_source": "s", "utm_medium": "m", "utm_campaign": "c", "utm_term": "t"})
}

// The stream names the source when the key does not belong to one.
func TestKeys(t *testing.T) {
	r := doorkit.New(t, Register)
	const one = `{"client_id":"c","events":[{"name":"e"}]}`
	row := r.One(t, 204, "POST", "/mp/collect?measurement_id=G-ALIAS&api_secret="+doorkit.TenantKey, one)
	doorkit.Check(t, row, map[string]any{"site_id": "site-1"})
	for query, status := range map[string]int{"": 401, "?api_secret=nobody": 401, "?api_secret=" + doorkit.ViewerKey: 403, "?api_secret=" + doorkit.TenantKey: 204} {
		if w := r.Do("POST", "/mp/collect"+query, one); w.Code != status || len(r.Take()) > 0 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	r.Rejects()
	// A stream that is no source of the key: the client hears nothing of it, Data health and /debug do.
	for query, want := range map[string]string{
		"measurement_id=G-NONE&api_secret=" + doorkit.TenantKey: "site_unknown", "firebase_app_id=1:2&api_secret=" + doorkit.TenantKey: "site_unknown",
		"measurement_id=site-3&api_secret=" + doorkit.TenantKey: "site_unknown", // another tenant's
		"measurement_id=site-2&api_secret=" + doorkit.WriteKey:  "site-1 site_forbidden", "measurement_id=theirs&api_secret=" + doorkit.WriteKey: "site-1 site_forbidden",
	} {
		w := r.Do("POST", "/mp/collect?"+query, one)
		if rejects := r.Rejects(); w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "1" || rejects[want] != 1 || len(rejects) != 1 || len(r.Take()) > 0 {
			t.Errorf("%s: %d %v, rejected %v, want %s", query, w.Code, w.Header(), rejects, want)
		}
		field, _, _ := strings.Cut(query, "=")
		if got := messages(t, r.Do("POST", "/debug/mp/collect?"+query, one)); len(got) != 1 || got[0].FieldPath != field || got[0].ValidationCode != "VALUE_INVALID" || len(r.Rejects()) > 0 {
			t.Errorf("/debug %s: %v", query, got)
		}
	}
}

// What is wrong is counted, and the answer says nothing of it; /debug says what.
func TestInvalid(t *testing.T) {
	r := doorkit.New(t, Register)
	for b, want := range map[string]string{
		`{"client_id":"c","events":[{"name":" \n"}]}`: "field_missing VALUE_REQUIRED events[0].name",
		`{"client_id":"c","events":[{"params":{}}]}`:  "field_missing VALUE_REQUIRED events[0].name", `{"events":[{"name":"e"}]}`: "field_missing VALUE_REQUIRED client_id",
		`{"client_id":"c","events":[{"name":"e","params":{"n":1e999}}]}`: "number_out_of_range VALUE_OUT_OF_BOUNDS events[0].n", `{"client_id":"c","events":[7]}`: "invalid_type VALUE_INVALID events[0]",
		`{"client_id":"` + strings.Repeat("c", 1025) + `","events":[{"name":"e"}]}`:                                "id_too_long VALUE_INVALID client_id",
		`{"client_id":"c","timestamp_micros":1000000000000000,"events":[{"name":"e"}]}`:                            "ts_out_of_range VALUE_OUT_OF_BOUNDS timestamp_micros",
		`{"client_id":"c","user_properties":{"a":["` + strings.Repeat("x", 60000) + `"]},"events":[{"name":"e"}]}`: "event_too_large EXCEEDED_MAX_ENTITIES events[0]",
		"{\"client_id\":\"a\xff\",\"events\":[{\"name\":\"e\"}]}":                                                  "invalid_utf8 VALUE_INVALID client_id",
		`{"client_id":"a\u0000","events":[{"name":"e"}]}`:                                                          "nul_byte VALUE_INVALID client_id",
		"{\"app_instance_id\":\"a\xff\",\"events\":[{\"name\":\"e\"}]}":                                            "invalid_utf8 VALUE_INVALID app_instance_id",
		"{\"client_id\":\"c\",\"user_id\":\"a\xff\",\"events\":[{\"name\":\"e\"}]}":                                "invalid_utf8 VALUE_INVALID user_id",
		`{"client_id":"c","user_id":"\u0000","events":[{"name":"e"}]}`:                                             "nul_byte VALUE_INVALID user_id",
		"{\"client_id\":\"c\",\"user_agent\":\"UA\xe9\",\"events\":[{\"name\":\"e\"}]}":                            "invalid_utf8 VALUE_INVALID user_agent",
		`{"client_id":"c","user_agent":"UA\u0000","events":[{"name":"e"}]}`:                                        "nul_byte VALUE_INVALID user_agent",
		"{\"client_id\":\"c\",\"events\":[{\"name\":\"e\",\"params\":{\"x\":\"\xff\"}}]}":                          "invalid_utf8 VALUE_INVALID events[0]",
		`{"client_id":"c"}`: "field_missing VALUE_REQUIRED events", `{`: "malformed_json VALUE_INVALID ", ``: "empty_body VALUE_REQUIRED ", `{"events":{}}`: "invalid_type VALUE_INVALID events",
	} {
		f := strings.SplitN(want, " ", 3)
		w := r.Do("POST", target, b)
		rejects := r.Rejects()
		if w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "1" || w.Body.Len() > 0 || rejects["site-1 "+f[0]]+rejects[f[0]] != 1 || len(r.Take()) > 0 {
			t.Errorf("%s: %d %s, rejected %v", b, w.Code, w.Body, rejects)
		}
		w = r.Do("POST", "/debug"+target, b)
		var v struct {
			ValidationMessages []struct{ FieldPath, Description, ValidationCode string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 || len(v.ValidationMessages) != 1 || v.ValidationMessages[0].FieldPath != f[2] ||
			v.ValidationMessages[0].ValidationCode != f[1] || v.ValidationMessages[0].Description == "" {
			t.Errorf("/debug %s: %d %s, want %s", b, w.Code, w.Body, want)
		}
		if rejects = r.Rejects(); len(rejects) > 0 {
			t.Errorf("/debug %s counts %v", b, rejects)
		}
	}
	w := r.Do("POST", "/debug"+target, body)
	if w.Code != 200 || w.Body.String() != `{"validationMessages":[]}` || len(r.Take()) > 0 || len(r.Rejects()) > 0 {
		t.Errorf("/debug of a good request: %d %s", w.Code, w.Body)
	}
	for query, path := range map[string]string{"": "api_secret", "?api_secret=nobody": "api_secret", "?api_secret=" + doorkit.ViewerKey: "api_secret",
		"?measurement_id=G-NONE&api_secret=" + doorkit.TenantKey: "measurement_id", "?firebase_app_id=1:2&api_secret=" + doorkit.TenantKey: "firebase_app_id"} {
		if w = r.Do("POST", "/debug/mp/collect"+query, body); w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"validationMessages":[{"fieldPath":"`+path+`",`) {
			t.Errorf("/debug%s: %d %s, want the field %s", query, w.Code, w.Body, path)
		}
	}
}

// TestForbiddenPage: a page that the source does not allow is told, and counted; /debug counts nothing.
func TestForbiddenPage(t *testing.T) {
	r := doorkit.New(t, Register)
	const query = "/mp/collect?measurement_id=G&api_secret=" + doorkit.ShopKey
	if w := r.Do("POST", query, body, "Origin: https://evil.example"); w.Code != 403 || r.Rejects()["site-2 origin_forbidden"] != 1 || len(r.Take()) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.Do("POST", "/debug"+query, body, "Origin: https://evil.example"); w.Code != 200 || len(r.Rejects()) > 0 {
		t.Errorf("/debug: %d %s", w.Code, w.Body)
	}
}

// A body that could not be read is counted, as the answer says nothing of it; one that did not arrive in time is to be sent again.
func TestBrokenBody(t *testing.T) {
	r := doorkit.New(t, Register)
	if w := r.Do("POST", target, strings.Repeat(" ", 11<<20)); w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "1" || r.Rejects()["site-1 body_too_large"] != 1 {
		t.Errorf("a large body: %d", w.Code)
	}
	w := httptest.NewRecorder()
	r.Mux.ServeHTTP(w, httptest.NewRequest("POST", target, iotest.ErrReader(os.ErrDeadlineExceeded)))
	if rejects := r.Rejects(); w.Code != 408 || len(rejects) > 0 {
		t.Errorf("a slow body: %d, rejected %v", w.Code, rejects)
	}
}

func TestLimits(t *testing.T) {
	r := doorkit.New(t, Register)
	r.Limit = doorkit.OverLimit()
	if w := r.Do("POST", target, body); w.Code != 204 || r.Rejects()["site-1 over_limit"] != 3 || len(r.Take()) > 0 {
		t.Errorf("over a limit: %d", w.Code)
	}
	r.Limit = doorkit.Busy()
	if w := r.Do("POST", target, body); w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "3" || r.Rejects()["site-1 too_busy"] != 3 {
		t.Errorf("too much in work: %d: nobody sends it again", w.Code)
	}
	r.Limit, r.LogErr = nil, http.ErrAbortHandler
	if w := r.Do("POST", target, body); w.Code != 503 || len(r.Rejects()) > 0 {
		t.Errorf("not durable: %d", w.Code)
	}
	r.LogErr = &eventlog.OverloadError{Limit: 1}
	if w := r.Do("POST", target, body); w.Code != 503 || r.Rejects()["site-1 overloaded"] != 3 {
		t.Errorf("the disk is behind: %d: nobody sends it again", w.Code)
	}
	r.LogErr, r.Behind = nil, http.ErrAbortHandler
	if w := r.Do("POST", target, body); w.Code != 503 || r.Rejects()["site-1 overloaded"] != 3 || len(r.Take()) > 0 {
		t.Errorf("the server is behind: %d: nobody sends it again", w.Code)
	}
	if w := r.Do("POST", "/debug"+target, body); w.Code != 503 || len(r.Rejects()) > 0 {
		t.Errorf("/debug while the server is behind: %d", w.Code)
	}
	r.Behind, r.LogErr = nil, eventlog.ErrTooLarge
	if w := r.Do("POST", target, body); w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "3" || r.Rejects()["site-1 request_too_large"] != 3 {
		t.Errorf("more than the log ever takes: %d", w.Code)
	}
}

func FuzzMeasurement(f *testing.F) {
	f.Add([]byte(body))
	f.Add([]byte(`{"client_id":"\ud83d","user_properties":{"a":1,"b":{"value":{"x":[]}}},"events":[{"name":"purchase","params":{"value":"1","a":{"b":{}}}}]}`))
	r := doorkit.New(f, Register)
	f.Fuzz(func(t *testing.T, b []byte) {
		if w := r.Do("POST", target, string(b)); w.Code != 204 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.Sound(t)
		if w := r.Do("POST", "/debug"+target, string(b)); w.Code != 200 || !json.Valid(w.Body.Bytes()) || len(r.Take()) > 0 {
			t.Errorf("debug: %d %s", w.Code, w.Body)
		}
	})
}
