package ingest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decoded is what a decoder leaves of an event.
func decoded(d *decoder, rej *reject) string {
	if rej != nil {
		return fmt.Sprintf("%s %q: %s", rej.code, rej.field, rej.message)
	}
	return fmt.Sprintf("%q %q %q %q %d %v %+q", d.id, d.site, d.ip, d.row.Type, d.tsMS, d.hasTS, []any{d.row.ClientID, d.row.UserID, d.row.SessionID, d.row.URL, d.row.Referrer, d.row.UserAgent, d.row.Props, fmt.Sprint(d.row.Nums), fmt.Sprint(d.row.PayloadHash)})
}

// checkPlain compares what an event is decoded to with what a complete decoder makes of it, and says whether it was plain. It is decoded by a decoder that is reused, as all are.
func checkPlain(t *testing.T, d *decoder, ev []byte) (plain bool) {
	t.Helper()
	cfg := Config{}.withDefaults()
	other := newDecoder(&cfg)
	d.checkTexts(ev)
	other.checkTexts(ev)
	d.cloudHint = false
	if d.checkUTF8 || len(ev) == 0 || len(ev) > d.eventMax {
		return false
	}
	if diff := cmp.Diff(decoded(other, other.thorough(ev)), decoded(d, d.decode(ev))); diff != "" {
		t.Fatalf("%q (-complete decoder +this one):\n%s", ev, diff)
	}
	d.reset()
	return d.plain(ev)
}

// The parts of made-up events: some that no event may have.
var (
	plainNames = []string{"type", "type", "type", "event_id", "ts", "ts", "url", "referrer", "client_id", "user_id", "session_id", "site_id", "user_agent", "ip", "name", "event_type", "props", "props", "props", "specversion",
		"plan", "price", "a.b", "", "revenue", "ünï", `\u0070rops`, `a\"b`, "a\tb"}
	plainValues = []string{`"pageview"`, `"a"`, `""`, `"custom"`, `"https:\/\/a.example\/x?y=1"`, `"tab\there"`, `"\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, `"raw	tab"`, `"ünï ☃"`, `"a longer text than sixteen bytes, with \" in it"`,
		`"2026-07-01T12:00:00Z"`, `"1782900000"`, "0", "-0", "01", "-", "1.", "1.5", "-12.25", ".5", "1e3", "1E+2", "1e", "1e-", "1782900000123", "1e400", "9007199254740993", "123456789012345678901234567890", "+1", "0x1", "1_0",
		"true", "false", "null", "tru", "nul", "True", `{"a":1,"b":{"c":"d"}}`, `{}`, `[1,"a",{"b":null}]`, `[]`, `[1,]`, `{"a"}`, "NaN", "", `'a'`}
	plainSpaces = []string{"", "", "", "", " ", "\n\t", "\r", "\v", "\u00a0"}
)

// madeUpEvent is the JSON of a random event, or nearly that of one.
func madeUpEvent(rng *rand.Rand) []byte {
	pick := func(of []string) string { return of[rng.IntN(len(of))] }
	space := func() string {
		if rng.IntN(16) > 0 {
			return ""
		}
		return pick(plainSpaces)
	}
	value := func() string { // mostly one that there may be
		if rng.IntN(5) > 0 {
			return []string{`"` + strings.Repeat("x", rng.IntN(40)) + `"`, fmt.Sprint(rng.IntN(1000)), "true", "null", "12.5"}[rng.IntN(5)]
		}
		return pick(plainValues)
	}
	var object func(depth int) string
	object = func(depth int) string {
		var fields []string
		for range rng.IntN(6) {
			name, v := pick(plainNames), value()
			if name == "props" && depth == 0 && rng.IntN(3) > 0 {
				v = object(1)
			}
			fields = append(fields, space()+`"`+name+`"`+space()+":"+space()+v+space())
		}
		if depth == 0 && rng.IntN(8) > 0 {
			fields = append([]string{`"type":"pageview"`}, fields...)
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	ev := []byte(space() + object(0) + space())
	if rng.IntN(5) == 0 {
		at := rng.IntN(len(ev))
		switch rng.IntN(3) {
		case 0:
			ev = append(ev[:at:at], ev[at+1:]...)
		case 1:
			ev[at] = "\"{}[]:,\\0-.eE\n\x00\x7f"[rng.IntN(16)]
		case 2:
			ev = append(ev[:at:at], append([]byte{`"{}[]:, x`[rng.IntN(9)]}, ev[at:]...)...)
		}
	}
	return ev
}

// TestPlain: plain events are decoded as by a complete decoder, and so are all others.
func TestPlain(t *testing.T) {
	cfg := Config{}.withDefaults()
	d := newDecoder(&cfg)
	rng := rand.New(rand.NewPCG(1, 2))
	plain, taken := 0, 0
	const events = 40_000
	for range events {
		ev := madeUpEvent(rng)
		if checkPlain(t, d, ev) {
			plain++
		}
		d.checkTexts(ev)
		if len(ev) > 0 && d.decode(ev) == nil {
			taken++
		}
	}
	t.Logf("of %d events %d were plain, %d were taken", events, plain, taken)
	if plain < events/4 || taken < events/4 {
		t.Errorf("of %d events %d were plain, %d were taken: that compares little", events, plain, taken)
	}
	for _, b := range badEvents {
		checkPlain(t, d, []byte(b.event))
	}
	for _, line := range strings.Split(strings.TrimSpace(string(benchBody(100))), "\n") {
		if !checkPlain(t, d, []byte(line)) {
			t.Errorf("%s is not plain", line)
		}
	}
	for ev, want := range map[string]bool{
		`{"type":"a","url":"https:\/\/a.example\/x","props":{"list":[1,2],"deep":{"a":"\n"}}}`: true, // what is not plain in it is decoded by a complete decoder
		`{"type":"a","props":null,"x":null}`:                                                   true,
		`{"type":"a","specversion":1}`:                                                         false,
		`{"type":"a","type":"b"}`:                                                              false,
		`{"\u0074ype":"a"}`:                                                                    false,
		`{"type":"a"}x`:                                                                        false,
		`["a"]`:                                                                                false,
		"{\"type\":\"a\"}\x00":                                                                 false,
		`{"type":"a","plan":"x","props":{"plan":"y"},"price":1}`:                               true,
		`{"type":"a","props":{"plan":"y","plan":"z"}}`:                                         false,
		`{"type":"a","props":{},"x":` + nest(cfg.MaxDepth-1) + `}`:                             true,
		`{"type":"a","props":{},"x":` + nest(cfg.MaxDepth) + `}`:                               false,
		`{"type":"a","props":{"x":` + nest(cfg.MaxDepth-2) + `},"y":{}}`:                       true,
		`{"type":"a","props":{"x":` + nest(cfg.MaxDepth-1) + `}}`:                              false,
	} {
		if got := checkPlain(t, d, []byte(ev)); got != want {
			t.Errorf("%s is plain: %v", ev, got)
		}
	}
}

// nest is an object that is so deep.
func nest(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }

// TestSpecial compares the search by words with one by bytes, at every offset.
func TestSpecial(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := make([]byte, rng.IntN(40))
		for i := range b {
			b[i] = []byte{'a', '"', '\\', 0, 0x1f, ' ', '!', '#', '[', ']', 0x7f, 0x80, 0x9f, 0xa2, 0xdc, 0xff, byte(rng.IntN(256)), 'x', 'y', 'z'}[rng.IntN(20)]
			if rng.IntN(3) > 0 {
				b[i] = 'a'
			}
		}
		for from := range len(b) + 1 {
			want := from
			for want < len(b) && b[want] != '"' && b[want] != '\\' && b[want] >= ' ' {
				want++
			}
			if got := special(b, from); got != want {
				t.Fatalf("special(%q, %d) = %d, want %d", b, from, got, want)
			}
		}
	}
}

func FuzzPlain(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		f.Add(madeUpEvent(rng))
	}
	for _, b := range badEvents {
		f.Add([]byte(b.event))
	}
	cfg := Config{}.withDefaults()
	d := newDecoder(&cfg)
	f.Fuzz(func(t *testing.T, ev []byte) { checkPlain(t, d, ev) })
}
