package ingest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type ingestAnswer struct {
	Accepted int
	Rejected []struct {
		Index                int
		Code, Field, Message string
	}
	Token string
}

func parseAnswer(t *testing.T, body string) ingestAnswer {
	t.Helper()
	var a ingestAnswer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return a
}

// TestBadEvents sends each bad event between two good ones, in each shape that can hold it, and looks for the answer, and for the good events.
func TestBadEvents(t *testing.T) {
	const first, last = `{"type":"first"}`, `{"type":"last"}`
	kept := func(t *testing.T, r *rig) {
		t.Helper()
		var types []string
		for _, row := range r.log.all() {
			types = append(types, row["type"].(string))
		}
		if d := cmp.Diff([]string{"first", "last"}, types); d != "" {
			t.Errorf("stored events: %s", d)
		}
	}
	for _, tt := range badEvents {
		check := func(t *testing.T, r *rig, status int, body string) {
			t.Helper()
			if status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			a := parseAnswer(t, body)
			if a.Accepted != 2 || len(a.Rejected) != 1 || a.Token == "" {
				t.Fatalf("answer %s", body)
			}
			if rej := a.Rejected[0]; rej.Index != 1 || rej.Code != tt.code || rej.Field != tt.field || !strings.Contains(rej.Message, tt.message) {
				t.Errorf("rejected as %+v, want code %q, field %q, message with %q", rej, tt.code, tt.field, tt.message)
			}
			kept(t, r)
			want := map[string]int{"acme/site-1 accepted": 2}
			if strings.HasPrefix(tt.code, "site_") {
				want["acme/ "+tt.code] = 1
			} else {
				want["acme/site-1 "+tt.code] = 1
			}
			if d := cmp.Diff(want, r.account.count); d != "" {
				t.Errorf("counts: %s", d)
			}
		}
		t.Run("lines/"+tt.name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/ingest", first+"\n"+tt.event+"\r\n\n"+last, acmeKey)
			check(t, r, w.Code, w.Body.String())
		})
		if tt.code == codeMalformed || tt.code == codeTrailing {
			t.Run("array/"+tt.name, func(t *testing.T) {
				r := newRig(t)
				w := r.do("POST", "/ingest", "["+first+","+tt.event+","+last+"]", acmeKey)
				if w.Code != 400 || !strings.Contains(w.Body.String(), codeMalformed) || len(r.log.all()) != 0 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
			continue
		}
		if tt.name == "very deep" {
			continue // not JSON to the decoder of the array
		}
		t.Run("array/"+tt.name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/ingest", "["+first+" , "+tt.event+"\n, "+last+"]\n", acmeKey)
			check(t, r, w.Code, w.Body.String())
		})
		t.Run("collect/"+tt.name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/collect", `{"site_id":"site-1","events":[`+first+`,`+tt.event+`,`+last+`]}`)
			if w.Code != 204 || w.Header().Get("X-Weir-Rejected") != "1" || w.Body.Len() > 0 {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			kept(t, r)
		})
		t.Run("collect alone/"+tt.name, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/collect", `{"site_id":"site-1","events":[`+tt.event+`]}`)
			wantProblem(t, w, 400, tt.code, tt.field, tt.message)
		})
	}
}

type problemAnswer struct {
	Status                     int
	Code, Field, Detail, Limit string
}

func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code, field, message string) {
	t.Helper()
	res := w.Result()
	var p problemAnswer
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatalf("%d: %v", res.StatusCode, err)
	}
	if ct := res.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type %s", ct)
	}
	if res.StatusCode != status || p.Status != status || p.Code != code || p.Field != field || !strings.Contains(p.Detail, message) {
		t.Errorf("answer %d %+v, want %d, code %q, field %q, text with %q", res.StatusCode, p, status, code, field, message)
	}
	if (status == 429 || status == 503) != (res.Header.Get("Retry-After") != "") {
		t.Errorf("%d with Retry-After %q", status, res.Header.Get("Retry-After"))
	}
}
