package ingest

import (
	"strings"
	"testing"
)

// What clients of a metering service send, in the three modes of CloudEvents.
func TestMetered(t *testing.T) {
	second := strings.Replace(cloudOne, `"e1"`, `"e2"`, 1)
	binary := []string{acmeKey, "Ce-Specversion: 1.0", "Ce-Id: b1", "Ce-Source: /shop", "Ce-Type: order.paid", "Ce-Subject: cust-7", "Content-Type: application/json"}
	for name, c := range map[string]struct {
		body    string
		headers []string
		ids     []string
	}{
		"one":    {cloudOne, []string{acmeKey, "Content-Type: application/cloudevents+json"}, []string{"/shop#e1"}},
		"batch":  {"[" + cloudOne + "," + second + "]", []string{acmeKey, "Content-Type: application/cloudevents-batch+json"}, []string{"/shop#e1", "/shop#e2"}},
		"binary": {`{"amount":3}`, binary, []string{"/shop#b1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/api/v1/events", c.body, c.headers...)
			rows := r.log.all()
			if w.Code != 204 || w.Body.Len() > 0 || len(rows) != len(c.ids) || w.Header().Get("X-Weir-Token") == "" {
				t.Fatalf("%d %s, %v", w.Code, w.Body, rows)
			}
			for i, id := range c.ids {
				if rows[i]["event_id"] != id || rows[i]["type"] != "order.paid" || rows[i]["client_id"] != "cust-7" {
					t.Errorf("row %v", rows[i])
				}
			}
		})
	}
	r := newRig(t)
	const plain = `{"type":"a","props":{}}`
	for name, c := range map[string]struct {
		body   string
		key    string
		status int
		code   string
	}{
		"plain":    {plain, acmeKey, 400, "field_missing"},
		"nothing":  {" ", acmeKey, 400, "empty_body"},
		"no JSON":  {"{", acmeKey, 400, "malformed_json"},
		"lines":    {cloudOne + "\n" + second, acmeKey, 400, "trailing_data"},
		"no key":   {cloudOne, "X: y", 401, "unknown_key"},
		"no id":    {strings.Replace(cloudOne, `"id":"e1",`, "", 1), acmeKey, 400, "field_missing"},
		"a viewer": {cloudOne, "Authorization: Bearer viewer:acme:", 403, "forbidden"},
	} {
		w := r.do("POST", "/api/v1/events", c.body, c.key)
		if w.Code != c.status || !strings.Contains(w.Body.String(), `"`+c.code+`"`) || len(r.log.all()) > 0 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	w := r.do("POST", "/api/v1/events", "["+plain+","+cloudOne+"]", acmeKey)
	if w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "1" || len(r.log.all()) != 1 {
		t.Errorf("one of two: %d %s", w.Code, w.Body)
	}
	// The job that took only CloudEvents takes others again.
	if w = r.do("POST", "/ingest", plain, acmeKey); w.Code != 200 || len(r.log.all()) != 2 {
		t.Errorf("/ingest afterwards: %d %s", w.Code, w.Body)
	}
}
