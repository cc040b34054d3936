package measurement

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// What Google Analytics takes.
const (
	maxEvents     = 25
	maxName       = 40 // characters of the name of an event or a parameter
	maxParams     = 25
	maxValue      = 100 // characters of a parameter's value
	maxPeople     = 25  // user properties
	maxPersonName = 24
	maxPerson     = 36 // characters of a user property's value
	maxBody       = 130_000
)

// longer are the parameters whose values may be longer.
var longer = map[string]int{"page_location": 1000, "page_referrer": 420, "page_title": 300}

// split is the JSON of each event of a body that could be read.
func split(body []byte) (events [][]byte) {
	each(body, func(key string, _ jx.Type, v []byte) {
		if key != "events" {
			return
		}
		events = events[:0]
		var dec jx.Decoder
		dec.ResetBytes(v)
		_ = dec.Arr(func(dec *jx.Decoder) error { // it is known to be an array
			raw, err := dec.Raw()
			events = append(events, raw)
			return err
		})
	})
	return events
}

// each calls f with the fields of an object. Another value has none.
func each(raw []byte, f func(key string, kind jx.Type, v []byte)) {
	var dec jx.Decoder
	dec.ResetBytes(raw)
	if dec.Next() != jx.Object {
		return
	}
	_ = dec.ObjBytes(func(dec *jx.Decoder, key []byte) error { // what is no JSON was refused before
		kind, name := dec.Next(), string(key)
		v, err := dec.Raw()
		if err == nil {
			f(name, kind, v)
		}
		return err
	})
}

// warn says what is taken here, and Google Analytics would not take or would understand in another way.
func (a *answer) warn(body []byte, events [][]byte) {
	if len(body) > maxBody {
		a.say("", fmt.Sprintf("the body has %d bytes: Google Analytics takes at most %d, weir takes all of it", len(body), maxBody), "EXCEEDED_MAX_ENTITIES")
	}
	each(body, func(key string, _ jx.Type, v []byte) {
		if key == "user_properties" {
			a.warnPeople(v)
		}
	})
	switch n := len(events); {
	case n == 0:
		a.say("events", "events is empty: the request stores nothing", "VALUE_REQUIRED")
	case n > maxEvents:
		a.say("events", fmt.Sprintf("the request has %d events: Google Analytics takes at most %d in one request, weir takes all of them", n, maxEvents), "EXCEEDED_MAX_ENTITIES")
	}
	for i, raw := range events {
		if a.n == maxMessages {
			return
		}
		a.warnEvent(fmt.Sprintf("events[%d].", i), raw)
	}
}

func (a *answer) warnEvent(path string, raw []byte) {
	var name string
	var params []byte
	kind := jx.Null // of params
	each(raw, func(key string, k jx.Type, v []byte) {
		switch {
		case key == "name" && k == jx.String:
			name, _ = jx.DecodeBytes(v).Str()
		case key == "params":
			params, kind = v, k
		}
	})
	if name = strings.TrimSpace(name); name != "" && !usual(name) {
		a.say(path+"name", fmt.Sprintf("the name %q is not one of Google Analytics: a letter, and then letters, digits and underscores, at most %d; weir takes it as it is", short(name), maxName), "NAME_INVALID")
	}
	if kind != jx.Object {
		if kind != jx.Null {
			a.say(path+"params", "params is not an object: it is stored as one property, params. Send an object of parameters", "VALUE_INVALID")
		}
		return
	}
	n := 0
	each(params, func(key string, kind jx.Type, v []byte) {
		if n++; n == maxParams+1 {
			a.say(path+"params", fmt.Sprintf("the event has more than %d parameters: Google Analytics leaves out the others, weir takes all of them", maxParams), "EXCEEDED_MAX_ENTITIES")
		}
		most, long := longer[key]
		if !long {
			most = maxValue
		}
		a.warnLengths(path+short(key), "parameter", key, kind, v, maxName, most)
		switch {
		case kind == jx.Null:
		case key == "value" && purchases(name) && !amount(kind, v):
			a.say(path+"value", "value is not a number: the purchase has no revenue. Send a number such as 49.9", "VALUE_INVALID")
		case key == "currency" && !currency(kind, v):
			a.say(path+"currency", "currency is not the code of a currency: three letters such as EUR", "VALUE_INVALID")
		}
	})
}

// warnPeople looks at the user properties of a request.
func (a *answer) warnPeople(raw []byte) {
	n := 0
	each(raw, func(key string, kind jx.Type, v []byte) {
		if n++; n == maxPeople+1 {
			a.say("user_properties", fmt.Sprintf("the request has more than %d user properties: Google Analytics leaves out the others, weir takes all of them", maxPeople), "EXCEEDED_MAX_ENTITIES")
		}
		each(v, func(name string, k jx.Type, inner []byte) {
			if name == "value" {
				kind, v = k, inner
			}
		})
		a.warnLengths("user_properties."+short(key), "user property", key, kind, v, maxPersonName, maxPerson)
	})
}

// warnLengths looks at the name and the value of a parameter or a user property.
func (a *answer) warnLengths(path, what, name string, kind jx.Type, v []byte, mostName, mostValue int) {
	if n := utf8.RuneCountInString(name); n > mostName {
		a.say(path, fmt.Sprintf("the name of the %s has %d characters: Google Analytics takes at most %d, weir takes it as it is", what, n, mostName), "NAME_INVALID")
	}
	if kind != jx.String {
		return
	}
	if s, err := jx.DecodeBytes(v).Str(); err == nil && utf8.RuneCountInString(s) > mostValue {
		a.say(path, fmt.Sprintf("the value of the %s has %d characters: Google Analytics takes at most %d, weir takes it as it is", what, utf8.RuneCountInString(s), mostValue), "VALUE_OUT_OF_BOUNDS")
	}
}

// usual says whether the name of an event is one that Google Analytics takes.
func usual(name string) bool {
	for i, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(name) <= maxName
}

// amount says whether a value becomes a number: it is one, or the text of one.
func amount(kind jx.Type, v []byte) bool {
	if kind != jx.String {
		return kind == jx.Number
	}
	s, err := jx.DecodeBytes(v).Str()
	return err == nil && s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}

// currency says whether a value is three letters.
func currency(kind jx.Type, v []byte) bool {
	s, err := jx.DecodeBytes(v).Str()
	return kind == jx.String && err == nil && len(s) == 3 && usual(s) && !strings.ContainsAny(s, "_0123456789")
}
