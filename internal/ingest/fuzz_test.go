package ingest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkRows looks for what must never be stored.
func checkRows(t *testing.T, r *rig) {
	t.Helper()
	for _, row := range r.log.all() {
		if row["twice"] != nil || row["type"] == nil || row["event_id"] == nil || row["tenant"] != "acme" {
			t.Errorf("stored %v", row)
		}
		for k, v := range row {
			if s, ok := v.(string); ok && (!utf8.ValidString(s) || strings.ContainsRune(s, 0)) || !utf8.ValidString(k) || strings.ContainsRune(k, 0) {
				t.Errorf("stored %q: %q", k, v)
			}
		}
	}
	if used := r.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
}

// FuzzEvent compares what is accepted with encoding/json: one must not take what the other refuses.
func FuzzEvent(f *testing.F) {
	for _, b := range badEvents {
		if len(b.event) < 2000 {
			f.Add([]byte(b.event))
		}
	}
	f.Add([]byte(`{"type":"a","props":{"s":"\u00e4\ud83d","n":1.5e3,"l":[1,{"a":null}],"o":{"p":{}}},"x":{"y":[]},"ts":"2026-07-01T12:00:00Z"}`))
	f.Add([]byte(cloudOne))
	cfg := Config{}.withDefaults()
	d := newDecoder(&cfg)
	f.Fuzz(func(t *testing.T, ev []byte) {
		d.checkUTF8, d.checkNUL, d.cloudHint = true, true, false
		trimmed := bytes.TrimSpace(ev)
		if len(trimmed) == 0 {
			return
		}
		rej := d.decode(trimmed)
		if valid := json.Valid(trimmed); !valid && rej == nil {
			t.Fatalf("accepted: %q", ev)
		} else if valid && rej != nil && (rej.code == codeMalformed || rej.code == codeTrailing) && !strings.Contains(string(ev), strings.Repeat("[", 5000)) {
			t.Fatalf("%q is refused as %v", ev, rej)
		}
		if rej != nil {
			return
		}
		hash, props, nums := d.row.PayloadHash, len(d.row.Props), len(d.row.Nums)
		names := map[string]bool{}
		for _, p := range d.row.Props {
			if names[string(p.Key)] || !utf8.Valid(p.Key) || !utf8.Valid(p.Value) || bytes.IndexByte(p.Value, 0) >= 0 {
				t.Fatalf("%q: property %q = %q", ev, p.Key, p.Value)
			}
			names[string(p.Key)] = true
		}
		if rej := d.decode(trimmed); rej != nil || d.row.PayloadHash != hash || len(d.row.Props) != props || len(d.row.Nums) != nums {
			t.Fatalf("%q is decoded otherwise the second time: %v", ev, rej)
		}
	})
}

func FuzzIngest(f *testing.F) {
	f.Add([]byte("{\"type\":\"a\"}\n{\"type\":\n\n{}"), false)
	f.Add([]byte(`[{"type":"a","props":{"x":[1]}},{}]`), false)
	f.Add([]byte(cloudOne), false)
	f.Add([]byte(`{"amount":1}`), true)
	f.Add(zip(`{"type":"a"}`), false)
	f.Add(zst(`{"type":"a"}`), false)
	f.Fuzz(func(t *testing.T, body []byte, binary bool) {
		r := newRig(t)
		headers := []string{acmeKey}
		if binary {
			headers = append(headers, "Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Source: s", "Ce-Type: t")
		}
		w := r.do("POST", "/ingest", string(body), headers...)
		rows := len(r.log.all())
		switch {
		case w.Code == 200:
			if a := parseAnswer(t, w.Body.String()); a.Accepted != rows || (a.Token == "AQ") != (rows == 0) {
				t.Errorf("%d rows, answer %s", rows, w.Body)
			}
		case w.Code != 400 && w.Code != 413 || rows > 0:
			t.Errorf("%d %s, %d rows", w.Code, w.Body, rows)
		}
		checkRows(t, r)
	})
}

func FuzzCollect(f *testing.F) {
	f.Add([]byte(page))
	f.Add([]byte(`{"events":[{"type":"a"},{"x":1}],"site_id":"site-1","client_id":5}`))
	f.Add([]byte(`{"site_id":"site-1","sent_at":1782900001500,"events":[{"type":"a","ts":1782900000000}]}`))
	f.Add([]byte(`{"site_id":"site-1","sent_at":"9999-12-31T23:59:59+14:00","events":[{"type":"a","ts":9214646399999},{"type":"b","ts":0}]}`))
	f.Add([]byte(`{"site_id":"site-1","sent_at":{"\u0000":-1e308},"events":[{"type":"a"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := newRig(t)
		w := r.do("POST", "/collect", string(body), "User-Agent: \xff")
		if rows := len(r.log.all()); w.Code == 204 && w.Body.Len() > 0 || w.Code != 204 && rows > 0 || w.Code >= 500 {
			t.Errorf("%d %s, %d rows", w.Code, w.Body, rows)
		}
		checkRows(t, r)
	})
}

func FuzzPixel(f *testing.F) {
	f.Add(`{"type":"a"}`, "c", "1782900001500")
	f.Add(`W3sidHlwZSI6ImEifV0`, "", "")
	f.Add(`{"type":"a","ts":0}`, "", "9214646399999")
	f.Add(`{"type":"a","ts":9214646399999}`, "", "-1")
	f.Fuzz(func(t *testing.T, events, client, sent string) {
		r := newRig(t)
		w := r.do("GET", "/pixel.gif?site_id=site-1&events="+url.QueryEscape(events)+"&client_id="+url.QueryEscape(client)+"&sent_at="+url.QueryEscape(sent), "")
		if rows := len(r.log.all()); w.Code == 200 && w.Header().Get("Content-Type") != "image/gif" || w.Code != 200 && rows > 0 || w.Code >= 500 {
			t.Errorf("%d %s, %d rows", w.Code, w.Body, rows)
		}
		checkRows(t, r)
	})
}
