package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"signup","ts":"yesterday","props":{"email":"ann@example.com","age":41,"vip":true,"tags":["a","bb"]}}`: `{"type":"signup","ts":"yesterday","props":{"email":"(15 characters)","age":0,"vip":true,"tags":["(1 characters)","(2 characters)"]}}`,
		`{"ts": 1767225600, "n": 1767225600, "x": NaN}`:                                                                `{"ts":1767225600,"n":0,"x":NaN}`,
		`{"ann@example.com":1,"4915112345678":2,"plan":3,"":4}`:                                                        `{"(name)":0,"(name)":0,"plan":0,"(name)":0}`,
		`{"type":"ann@example.com","ts":"192.0.2.7"}`:                                                                  `{"type":"(text)","ts":"(text)"}`,
		`{'type':'Ann Smith', type: Ann}`:                                                                              `{?:??,?:?}`,
		`{"type":"view","client_id":"4f2b","props":{"name":"Ann Smi`:                                                   `{"type":"view","client_id":"(4 characters)","props":{"name":"…`,
		"name=Ann&mail=ann@example.com":                                                                                "(29 bytes that are no JSON)",
		"  ":                                                                                                           "",
		`{"type":"x","props":{"e":"John Smith","domain":"Customer","ts":42}}`:                                          `{"type":"x","props":{"e":"(10 characters)","domain":"(8 characters)","ts":0}}`,
		`[{"type":"x","props":{"e":"John"}}]`:                                                                          `[{"type":"x","props":{"e":"(4 characters)"}}]`,
		`[{"a":"\"quoted\": Ann"}]`:                                                                                    `[{"a":"(15 characters)"}]`,
	} {
		if got := redact([]byte(in)); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	long := redact([]byte(`{"type":"x","props":{` + strings.Repeat(`"a_property_of_some_length":"value",`, 5000) + `"z":1}}`))
	if len(long) > 1024 || !strings.HasSuffix(long, "…") {
		t.Errorf("a long event takes %d bytes: %s", len(long), long)
	}
}

func TestScrub(t *testing.T) {
	for in, want := range map[string]string{
		`the name "ann.smith+x@mail.example.co.uk" is there twice`:                            `the name "(e-mail)" is there twice`,
		`url is of "shop.example.com", add the host`:                                          `url is of "shop.example.com", add the host`,
		`ts is 2001-02-03T04:05:06Z, more than 400 days ago`:                                  `ts is 2001-02-03T04:05:06Z, more than 400 days ago`,
		`ts is "203.0.113.9": use seconds`:                                                    `ts is "(address)": use seconds`,
		`ts is "2001:db8:0:1:1:1:1:1": use`:                                                   `ts is "(address)": use`,
		`call +49 (151) 1234-5678 now`:                                                        `call (number) now`,
		`id 5e9d1b44-08cc-4c1c-9f53-1e5ab3c1d2e3 and tok_9aF3kd93mfk2Lpq8Zz`:                  `id (id) and (id)`,
		`open https://example.com/reset?token=abc#frag`:                                       `open https://example.com/reset?…`,
		`the event has 70000 bytes, the limit is 51200 (ingest.max_event): send less in one…`: `the event has 70000 bytes, the limit is 51200 (ingest.max_event): send less in one…`,
	} {
		if got := scrub(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// FuzzRedact holds an outline to its bounds, and to showing nothing of values: the secret is put where values and names of all kinds are.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{`{"type":"x"}`, `{"a":{"b":[1,"x",null]}}`, `{"a":"\`, `[[[[`, `{"a" "b"}`, "{\"\xff\":1}", `{"a":1}}{"b":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got := redact(in)
		if len(got) > 1024 {
			t.Fatalf("%d bytes", len(got))
		}
		if utf8.Valid(in) && !utf8.ValidString(got) {
			t.Fatalf("not UTF-8: %q of %q", got, in)
		}
		const secret = "zq9@example.com"
		inside := strings.ReplaceAll(strings.ToValidUTF8(string(in), ""), "x", secret)
		if strings.Contains(redact([]byte(inside)), secret) {
			t.Fatalf("%q shows the secret: %q", inside, redact([]byte(inside)))
		}
	})
}

// TestRejectionsAreExplained rejects an event at each door of weir's own, and looks at what the accounting hears of it.
func TestRejectionsAreExplained(t *testing.T) {
	bad := `{"type":"signup","ts":"yesterday","client_id":"c-1","props":{"mail":"ann@example.com"}}`
	for _, door := range []string{"collect", "pixel", "ingest", "lines", "whole"} {
		r := newRig(t)
		var req *http.Request
		switch door {
		case "collect":
			req = httptest.NewRequest(http.MethodPost, "/collect", strings.NewReader(fmt.Sprintf(`{"site_id":"site-1","events":[%s,%s]}`, bad, bad)))
		case "pixel":
			req = httptest.NewRequest(http.MethodGet, "/pixel.gif?site_id=site-1&events="+strings.NewReplacer(`"`, "%22", `@`, "%40").Replace(bad), nil)
		case "ingest":
			req = httptest.NewRequest(http.MethodPost, "/ingest", strings.NewReader(bad))
		case "lines":
			req = httptest.NewRequest(http.MethodPost, "/ingest", strings.NewReader(`{"type":"good","client_id":"c-1"}`+"\n"+bad))
		case "whole":
			req = httptest.NewRequest(http.MethodPost, "/ingest", strings.NewReader(`[`+bad))
		}
		req.Header.Set("Authorization", "Bearer writer:acme:site-1")
		w := httptest.NewRecorder()
		r.mux.ServeHTTP(w, req)
		if len(r.account.rejections) != 1 {
			t.Fatalf("%s: %d, %s: %+v", door, w.Code, w.Body, r.account.rejections)
		}
		got := r.account.rejections[0]
		if door == "whole" {
			if got.Code != codeMalformed || got.Count != 1 || got.Message == "" || !strings.HasPrefix(got.Example, `{"type":"signup"`) {
				t.Errorf("%s: %+v", door, got)
			}
		} else if got.Code != codeValue || got.Field != "ts" || got.Door != strings.Replace(door, "lines", "ingest", 1) || !strings.Contains(got.Message, "yesterday") || !strings.HasPrefix(got.Example, `{"type":"signup","ts":"yesterday"`) {
			t.Errorf("%s: %+v", door, got)
		}
		if strings.Contains(got.Example+got.Message, "ann") || strings.Contains(got.Example, "c-1") {
			t.Errorf("%s tells of a person: %+v", door, got)
		}
		if door == "collect" && got.Count != 2 {
			t.Errorf("%d of 2 events", got.Count)
		}
	}
}

// BenchmarkRejected tells what examples cost a request whose event is rejected: none is wanted but once a second of each site and code.
func BenchmarkRejected(b *testing.B) {
	for _, plain := range []bool{true, false} {
		b.Run(map[bool]string{true: "counted", false: "example"}[plain], func(b *testing.B) {
			r := newRig(b)
			r.account.plain = plain
			body := `{"type":"signup","ts":"yesterday","client_id":"c-1","props":{"mail":"ann@example.com","a":1,"b":"text"}}`
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, "/ingest", strings.NewReader(body))
				req.Header.Set("Authorization", "Bearer writer:acme:site-1")
				r.mux.ServeHTTP(httptest.NewRecorder(), req)
				r.account.rejections = r.account.rejections[:0]
			}
		})
	}
}
