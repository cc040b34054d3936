package measurement

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"weir/internal/testkit/doorkit"
)

type said struct{ FieldPath, Description, ValidationCode string }

// messages are what /debug says.
func messages(t *testing.T, w *httptest.ResponseRecorder) []said {
	t.Helper()
	var v struct{ ValidationMessages []said }
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
		t.Fatalf("/debug: %d %s", w.Code, w.Body)
	}
	for _, m := range v.ValidationMessages {
		if m.Description == "" {
			t.Errorf("a message without words: %v", m)
		}
	}
	return v.ValidationMessages
}

// /debug warns of what Google Analytics would not take and weir does.
func TestWarnings(t *testing.T) {
	r := doorkit.New(t, Register)
	for events, want := range map[string][]string{
		``: {"events VALUE_REQUIRED"},
		strings.TrimSuffix(strings.Repeat(`{"name":"e"},`, 25), ","):                                            nil,
		strings.TrimSuffix(strings.Repeat(`{"name":"e"},`, 26), ","):                                            {"events EXCEEDED_MAX_ENTITIES"},
		`{"name":"` + strings.Repeat("e", 40) + `"}`:                                                            nil,
		`{"name":"` + strings.Repeat("e", 41) + `"}`:                                                            {"events[0].name NAME_INVALID"},
		`{"name":"a_1"},{"name":"1a"},{"name":"_a"},{"name":"a b"},{"name":"a-b"},{"name":"\u00e4"}`:            {"events[1].name NAME_INVALID", "events[2].name NAME_INVALID", "events[3].name NAME_INVALID", "events[4].name NAME_INVALID", "events[5].name NAME_INVALID"},
		`{"name":"e","params":[1]},{"name":"e","params":"x"},{"name":"e","params":null}`:                        {"events[0].params VALUE_INVALID", "events[1].params VALUE_INVALID"},
		`{"name":"purchase","params":{"value":"abc","currency":"EURO"}}`:                                        {"events[0].value VALUE_INVALID", "events[0].currency VALUE_INVALID"},
		`{"name":"purchase","params":{"value":"49,90"}},{"name":"in_app_purchase","params":{"value":{}}}`:       {"events[0].value VALUE_INVALID", "events[1].value VALUE_INVALID"},
		`{"name":"purchase","params":{"value":"49.90","currency":"eur"}},{"name":"e","params":{"value":"abc"}}`: nil,
		`{"name":"e","params":{"` + strings.Repeat("p", 40) + `":"` + strings.Repeat("\u00e4", 100) + `","page_location":"` + strings.Repeat("u", 1000) + `","page_title":"` + strings.Repeat("t", 300) + `","page_referrer":"` + strings.Repeat("r", 420) + `","n":1}}`: nil,
		`{"name":"e","params":{"` + strings.Repeat("p", 41) + `":1,"v":"` + strings.Repeat("v", 101) + `"}}`: {"events[0].pppppppppppppppppppppppppppppppppppppppp\u2026 NAME_INVALID", "events[0].v VALUE_OUT_OF_BOUNDS"},
		`{"name":"e","params":{"page_location":"` + strings.Repeat("u", 1001) + `","page_title":"` + strings.Repeat("t", 301) + `","page_referrer":"` + strings.Repeat("r", 421) + `"}}`: {
			"events[0].page_location VALUE_OUT_OF_BOUNDS", "events[0].page_title VALUE_OUT_OF_BOUNDS", "events[0].page_referrer VALUE_OUT_OF_BOUNDS"},
		`{"name":"e","params":{` + numbered("p", 25) + `}}`: nil,
		`{"name":"e","params":{` + numbered("p", 27) + `}}`: {"events[0].params EXCEEDED_MAX_ENTITIES"},
		`{"name":"e","params":{"currency":5}},{"name":"e","params":{"currency":"E1R"}},{"name":"e","params":{"currency":null,"value":null}}`: {"events[0].currency VALUE_INVALID", "events[1].currency VALUE_INVALID"},
	} {
		body := `{"client_id":"c","events":[` + events + `]}`
		var got []string
		for _, m := range messages(t, r.Do("POST", "/debug"+target, body)) {
			got = append(got, m.FieldPath+" "+m.ValidationCode)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.100s: %q, want %q", events, got, want)
		}
		if len(r.Take()) > 0 || len(r.Rejects()) > 0 {
			t.Errorf("/debug %.100s stores or counts", events)
		}
		w := r.Do("POST", target, body)
		if n := strings.Count(events, `"name"`); w.Code != 204 || len(r.Take()) != n || len(r.Rejects()) > 0 {
			t.Errorf("%.100s: %d, not all of %d taken", events, w.Code, n)
		}
	}
}

// numbered are n members of an object.
func numbered(prefix string, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`"%s%d":%d`, prefix, i, i))
	}
	return strings.Join(out, ",")
}

// So do user properties, and the length of the whole.
func TestWarningsOfARequest(t *testing.T) {
	r := doorkit.New(t, Register)
	for body, want := range map[string][]string{
		`"user_properties":{` + numbered("u", 25) + `}`:                                                                     nil,
		`"user_properties":{` + numbered("u", 27) + `}`:                                                                     {"user_properties EXCEEDED_MAX_ENTITIES"},
		`"user_properties":{"` + strings.Repeat("u", 24) + `":{"value":"` + strings.Repeat("v", 36) + `"}}`:                 nil,
		`"user_properties":{"` + strings.Repeat("u", 25) + `":{"value":1},"b":{"value":"` + strings.Repeat("v", 37) + `"}}`: {"user_properties.uuuuuuuuuuuuuuuuuuuuuuuuu NAME_INVALID", "user_properties.b VALUE_OUT_OF_BOUNDS"},
		`"user_properties":{"b":"` + strings.Repeat("v", 37) + `"}`:                                                         {"user_properties.b VALUE_OUT_OF_BOUNDS"},
		`"user_properties":null,"x":"` + strings.Repeat("x", 130_000) + `"`:                                                 {" EXCEEDED_MAX_ENTITIES"},
	} {
		body = `{"client_id":"c",` + body + `,"events":[{"name":"e"}]}`
		var got []string
		for _, m := range messages(t, r.Do("POST", "/debug"+target, body)) {
			got = append(got, m.FieldPath+" "+m.ValidationCode)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.100s: %q, want %q", body, got, want)
		}
		if w := r.Do("POST", target, body); w.Code != 204 || len(r.Take()) != 1 || len(r.Rejects()) > 0 {
			t.Errorf("%.100s: %d, not taken", body, w.Code)
		}
	}
}

// What /debug says has an end.
func TestManyWarnings(t *testing.T) {
	r := doorkit.New(t, Register)
	var events []string
	for i := range 500 {
		events = append(events, fmt.Sprintf(`{"name":"e %d"}`, i))
	}
	if got := messages(t, r.Do("POST", "/debug"+target, `{"client_id":"c","events":[`+strings.Join(events, ",")+`]}`)); len(got) != maxMessages {
		t.Errorf("%d messages, want %d", len(got), maxMessages)
	}
}
