package ingest

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/event"
)

const cloudOne = `{"id":"e1","time":"2026-07-01T10:00:00Z","type":"order.paid","source":"/shop","specversion":"1.0","subject":"cust-7","datacontenttype":"application/json",
	"region":"eu","data":{"amount":12.5,"currency":"EUR","url":"https://x.org/a","type":"inner","source":"web","props":{"p":1}}}`

func TestCloudEvents(t *testing.T) {
	want := map[string]any{"tenant": "acme", "site_id": "site-1", "ts": "2026-07-01T10:00:00Z", "type": "order.paid", "event_id": "/shop#e1", "client_id": "cust-7",
		"url": "https://x.org/a", "host": "x.org", "path": "/a", "nums.amount": 12.5, "props.currency": "EUR", "props.type": "inner", "props.source": "web",
		"nums.p": 1.0, "props.id": "e1", "props.subject": "cust-7", "props.region": "eu", "props.datacontenttype": "application/json"}
	binary := []string{"Ce-Specversion: 1.0", "Ce-Id: e1", "ce-source: /shop", "Ce-Type: order.paid", "Ce-Time: 2026-07-01T10:00:00Z", "Ce-Subject: cust-7",
		"Ce-Region: %65u", "Ce-Datacontenttype: application/json", "Content-Type: application/json"}
	data := cloudOne[strings.Index(cloudOne, `"data":`)+len(`"data":`) : len(cloudOne)-1]
	second := strings.Replace(cloudOne, `"e1"`, `"e2"`, 1)
	plain := `{"type":"plain","source":5,"id":"x"}`
	oneLine := func(s string) string { return strings.ReplaceAll(s, "\n", "") }
	for name, tt := range map[string]struct {
		body    string
		headers []string
		ids     []string
	}{
		"structured":             {cloudOne, []string{"Content-Type: application/cloudevents+json; charset=utf-8"}, []string{"/shop#e1"}},
		"structured, other type": {cloudOne, []string{"Content-Type: text/plain"}, []string{"/shop#e1"}},
		"batch":                  {"[" + cloudOne + "," + second + "]", []string{"Content-Type: application/cloudevents-batch+json"}, []string{"/shop#e1", "/shop#e2"}},
		"lines":                  {oneLine(cloudOne) + "\n" + oneLine(second), nil, []string{"/shop#e1", "/shop#e2"}},
		"mixed with plain ones":  {oneLine(cloudOne) + "\n" + plain + "\n" + oneLine(second), nil, []string{"/shop#e1", "", "/shop#e2"}},
		"binary":                 {data, binary, []string{"/shop#e1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/ingest", tt.body, append(tt.headers, acmeKey)...)
			rows := r.log.all()
			if w.Code != 200 || len(rows) != len(tt.ids) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if d := cmp.Diff(want, rows[0]); d != "" {
				t.Error(d)
			}
			for i, id := range tt.ids {
				if id != "" && rows[i]["event_id"] != id || id == "" && (rows[i]["type"] != "plain" || rows[i]["nums.source"] != 5.0 || rows[i]["props.id"] != "x") {
					t.Errorf("row %d: %v", i, rows[i])
				}
				if sender := r.log.flags[i]&event.FlagSenderID != 0; sender != (id != "") {
					t.Errorf("row %d: sender's id: %v", i, sender)
				}
			}
		})
	}
}

func TestCloudData(t *testing.T) {
	head := `{"specversion":"1.0","id":"1","source":"s","type":"t"`
	for tail, want := range map[string]map[string]any{
		``:                      {},
		`,"data":"text"`:        {"props.data": "text"},
		`,"data":5`:             {"nums.data": 5.0},
		`,"data":[1, 2]`:        {"props.data": "[1,2]"},
		`,"data":null`:          {},
		`,"data_base64":"aGk="`: {"props.data_base64": "aGk="},
		`,"data":{"client_id":"c"},"subject":"s"`: {"client_id": "c", "props.subject": "s"},
		`,"time":null,"data":{"event_id":"x"}`:    {"props.event_id": "x"},
	} {
		r := newRig(t)
		w := r.do("POST", "/ingest", head+tail+"}", acmeKey)
		rows := r.log.all()
		if w.Code != 200 || len(rows) != 1 {
			t.Fatalf("%s: %d %s", tail, w.Code, w.Body)
		}
		for k, v := range map[string]any{"tenant": "acme", "site_id": "site-1", "type": "t", "event_id": "s#1", "props.id": "1", "props.source": "s", "ts": "2026-07-01T12:00:00Z"} {
			want[k] = v
		}
		if d := cmp.Diff(want, rows[0]); d != "" {
			t.Errorf("%s: %s", tail, d)
		}
	}
}

func TestBadCloudEvents(t *testing.T) {
	ok := []string{"Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Source: s", "Ce-Type: t"}
	for _, tt := range []struct {
		name, body           string
		headers              []string
		code, field, message string
	}{
		{"no id", `{"specversion":"1.0","source":"s","type":"t"}`, nil, "field_missing", "id", "needs the attribute id"},
		{"no source", `{"specversion":"1.0","id":"1","type":"t"}`, nil, "field_missing", "source", ""},
		{"no type", `{"specversion":"1.0","id":"1","source":"s","data":{"type":"x"}}`, nil, "field_missing", "type", ""},
		{"old version", `{"specversion":"0.3","id":"1","source":"s","type":"t"}`, nil, "invalid_value", "specversion", "0.3"},
		{"blank type", `{"specversion":"1.0","id":"1","source":"s","type":" ","data":{"name":"x"}}`, nil, "field_missing", "type", "the attribute type"},
		{"source as number", `{"specversion":"1.0","id":"1","source":1,"type":"t"}`, nil, "invalid_type", "source", ""},
		{"data twice", `{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data":2}`, nil, "duplicate_key", "data", ""},
		{"attribute twice", `{"specversion":"1.0","id":"1","source":"s","type":"t","x":1,"x":2}`, nil, "duplicate_key", "x", ""},
		{"time", `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"today"}`, nil, "invalid_value", "time", "RFC 3339"},
		{"time of 1970", `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"1970-01-01T00:00:00Z"}`, nil, "ts_out_of_range", "ts", ""},
		{"binary: no id", `{}`, []string{"Ce-Specversion: 1.0", "Ce-Source: s", "Ce-Type: t"}, "field_missing", "id", ""},
		{"binary: time", `{}`, append(ok, "Ce-Time: x"), "invalid_value", "time", ""},
		{"binary: NUL", `{}`, append(ok, "Ce-Subject: a%00"), "nul_byte", "subject", ""},
		{"binary: UTF-8", `{}`, append(ok, "Ce-Subject: a%ff"), "invalid_utf8", "subject", ""},
		{"binary: malformed", `{"a":`, ok, "malformed_json", "", "too early"},
		{"binary: bytes", "\xff\xfe", ok, "invalid_utf8", "data", ""},
		{"binary: large", `"` + strings.Repeat("x", 60<<10) + `"`, ok, "event_too_large", "", ""},
	} {
		r := newRig(t)
		w := r.do("POST", "/ingest", tt.body, append(tt.headers, acmeKey)...)
		a := parseAnswer(t, w.Body.String())
		if w.Code != 200 || a.Accepted != 0 || len(a.Rejected) != 1 || a.Rejected[0].Code != tt.code || a.Rejected[0].Field != tt.field || !strings.Contains(a.Rejected[0].Message, tt.message) {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
	r := newRig(t)
	r.do("POST", "/ingest", "just text", append(ok, acmeKey)...)
	r.do("POST", "/ingest", "", append(ok, acmeKey)...)
	if rows := r.log.all(); len(rows) != 2 || rows[0]["props.data"] != "just text" || rows[1]["props.data"] != nil {
		t.Errorf("rows %v", rows)
	}
}

// TestPayloadHash shows what counts as the same payload.
func TestPayloadHash(t *testing.T) {
	hash := func(ev string) uint32 {
		r := newRig(t)
		w := r.do("POST", "/ingest", ev, acmeKey, "User-Agent: "+base64.StdEncoding.EncodeToString([]byte(ev))[:8])
		if len(r.log.hashes) != 1 {
			t.Fatalf("%s: %s", ev, w.Body)
		}
		return r.log.hashes[0]
	}
	base := `{"type":"a","event_id":"e","ts":1782900000,"client_id":"c","url":"/x","props":{"s":"1","n":1,"o":{"p":true}},"extra":[1]}`
	want := hash(base)
	for name, ev := range map[string]string{
		"again":         base,
		"another order": `{"extra":[ 1 ],"props":{"o":{"p":true},"n":1.0,"s":"\u0031"},"url":"/x","client_id":"c","ts":1782900000000,"event_id":"e","type":"a"}`,
		"another id":    strings.Replace(base, `"e"`, `"f"`, 1),
		"another ip":    strings.Replace(base, `"url"`, `"ip":"1.2.3.4","url"`, 1),
		"null fields":   strings.Replace(base, `"url"`, `"user_id":null,"url"`, 1),
	} {
		if got := hash(ev); got != want {
			t.Errorf("%s: the hash changed", name)
		}
	}
	seen := map[uint32]string{want: "base"}
	for name, repl := range map[string][2]string{
		"type": {`"a"`, `"b"`}, "ts": {"1782900000", "1782900001"}, "client": {`"c"`, `"d"`}, "client as user": {"client_id", "user_id"}, "url": {"/x", "/y"},
		"string": {`"s":"1"`, `"s":"2"`}, "number": {`"n":1`, `"n":2`}, "number as text": {`"n":1`, `"n":"1"`}, "bool": {"true", "false"}, "name": {`"p"`, `"q"`},
		"array": {"[1]", "[2]"}, "values exchanged": {`"s":"1","n":1`, `"n":"1","s":1`}, "no ts": {`"ts":1782900000,`, ""}, "agent": {`"url"`, `"user_agent":"x","url"`},
		"big": {`"n":1`, `"n":9007199254740993`}, "big + 1": {`"n":1`, `"n":9007199254740992`},
	} {
		h := hash(strings.Replace(base, repl[0], repl[1], 1))
		if other, there := seen[h]; there {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
	}
	if want != 0x2af7d6c1 {
		t.Errorf("hash of the base event: %#x; it is stored, so it must never change", want)
	}
}

// TestCloudIDs: no two pairs of source and id make one event id; without a '#' in them it is what it always was.
func TestCloudIDs(t *testing.T) {
	for _, c := range [][3]string{{"/orders", "eu-1", "/orders#eu-1"}, {"a%23", "1%", "a%23#1%"}, {"/orders", "eu#1", "/orders##eu%231"}, {"/orders#eu", "1", "/orders%23eu##1"}, {"", "#", "##%23"}} {
		if got := string(appendCloudID([]byte("kept"), []byte(c[0]), []byte(c[1]))); got != "kept"+c[2] {
			t.Errorf("%q and %q: %q", c[0], c[1], got)
		}
	}
	parts := []string{""}
	for range 3 {
		for _, p := range parts {
			for _, c := range []string{"#", "%", "2", "3", "5"} {
				parts = append(parts, p+c)
			}
		}
		slices.Sort(parts)
		parts = slices.Compact(parts)
	}
	seen := map[string][2]string{}
	for _, source := range parts {
		for _, id := range parts {
			joined := string(appendCloudID(nil, []byte(source), []byte(id)))
			if other, there := seen[joined]; there {
				t.Fatalf("%q, %q and %q have one id %q", source, id, other, joined)
			}
			seen[joined] = [2]string{source, id}
		}
	}
	r := newRig(t)
	r.do("POST", "/ingest", `{"specversion":"1.0","type":"t","source":"/orders","id":"eu#1"}`+"\n"+`{"specversion":"1.0","type":"t","source":"/orders#eu","id":"1"}`, acmeKey)
	if rows := r.log.all(); len(rows) != 2 || rows[0]["event_id"] == rows[1]["event_id"] || rows[0]["props.id"] != "eu#1" || rows[1]["props.source"] != "/orders#eu" {
		t.Errorf("%v", rows)
	}
}

// The attribute ip is an address in binary mode, too, and not kept.
func TestBinaryAddress(t *testing.T) {
	r := newRig(t)
	w := r.do("POST", "/ingest", `{}`, acmeKey, "Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Source: s", "Ce-Type: t", "Ce-Ip: 203.0.113.9")
	if rows := r.log.all(); len(rows) != 1 || rows[0]["country"] != "203.0.113.9" || rows[0]["props.ip"] != nil {
		t.Errorf("%s: %v", w.Body, rows)
	}
}
