package weir

import (
	"context"
	"errors"
	"math"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := ""
			for range 20_000 {
				id := NewID()
				if !form.MatchString(id) {
					t.Fatalf("%s is no UUIDv7", id)
				}
				if id <= last {
					t.Fatalf("%s comes after %s", id, last)
				}
				last = id
				mu.Lock()
				if seen[id] {
					t.Fatalf("%s was made twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestEncode(t *testing.T) {
	now := time.UnixMilli(1700000000123)
	line, err := Event{ID: "i", Type: "purchase", ClientID: "c", URL: "https://x.test/?a=1&b=<2>", Props: map[string]any{"revenue": 9.5, "tags": []string{"a"}, "at": map[string]any{"b": nil}}}.encode(now)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event_id":"i","type":"purchase","ts":1700000000123,"client_id":"c","url":"https://x.test/?a=1&b=<2>","props":{"at":{"b":null},"revenue":9.5,"tags":["a"]}}`
	if string(line) != want {
		t.Errorf("%s\nwant %s", line, want)
	}
	all := Event{ID: "i", Type: "t", Time: now, ClientID: "c", UserID: "u", SessionID: "s", Site: "site", URL: "u", Referrer: "r", UserAgent: "a", IP: "ip", Props: map[string]any{"x": "y\n"}}
	if line, err = all.encode(time.Time{}); err != nil || strings.Contains(string(line), "\n") {
		t.Fatalf("%s %v", line, err)
	}
	if got := decode(line); !reflect.DeepEqual(got, all) {
		t.Errorf("%+v\nwant %+v", got, all)
	}
	for name, e := range map[string]Event{"no type": {}, "NaN": {Type: "e", Props: map[string]any{"x": math.NaN()}}, "a channel": {Type: "e", Props: map[string]any{"x": make(chan int)}}} {
		if _, err := e.encode(now); err == nil {
			t.Errorf("%s is encoded", name)
		}
	}
}

// TestUnstorable: what tells visitors, users and events apart is refused where encoding would make two of them one.
func TestUnstorable(t *testing.T) {
	for name, e := range map[string]Event{"client": {ClientID: "a\xff"}, "user": {UserID: "a\xff"}, "session": {SessionID: "\xe9"}, "id": {ID: "\xff"}, "type": {Type: "a\xff"}, "site": {Site: "\xff"},
		"url": {URL: "/\xe9"}, "NUL": {ClientID: "a\x00"}, "NUL in the user": {UserID: "\x00"}, "previous": {Type: "alias", Props: map[string]any{"previous_id": "a\xff"}}} {
		if e.Type == "" {
			e.Type = "e"
		}
		if line, err := e.encode(time.Now()); err == nil {
			t.Errorf("%s: %s", name, line)
		}
	}
	// What a visitor's program says of itself loses nothing else.
	line, err := Event{Type: "e", ClientID: "a\uFFFD", UserAgent: "b\xff", Referrer: "c\xff", Props: map[string]any{"x": "d\xff"}}.encode(time.Now())
	if err != nil || decode(line).ClientID != "a\uFFFD" || decode(line).UserAgent != "b\uFFFD" {
		t.Errorf("%s %v", line, err)
	}
}

func TestKinds(t *testing.T) {
	m := &memory{maxEvents: 100, maxBytes: 1 << 20}
	c := &Client{queue: m, opts: Options{MaxEventBytes: 1000, BatchEvents: 500, BatchBytes: 1 << 20}, arrived: make(chan struct{}, 1), full: make(chan struct{}, 1)}
	ctx := t.Context()
	for _, err := range []error{c.Page(ctx, Event{ID: "1", URL: "/x"}), c.Identify(ctx, "c", "u", map[string]any{"plan": "pro"}), c.Alias(ctx, "u2", "u")} {
		if err != nil {
			t.Error(err)
		}
	}
	var got []Event
	for _, it := range m.items {
		e := decode(it.line)
		e.ID, e.Time = "", time.Time{}
		got = append(got, e)
	}
	want := []Event{{Type: "pageview", URL: "/x"}, {Type: "identify", ClientID: "c", UserID: "u", Props: map[string]any{"plan": "pro"}}, {Type: "alias", UserID: "u2", Props: map[string]any{"previous_id": "u"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for name, err := range map[string]error{"a page of another type": c.Page(ctx, Event{Type: "e"}), "nobody": c.Identify(ctx, "c", "", nil), "no previous id": c.Alias(ctx, "u", ""),
		"large": c.Track(ctx, Event{Type: strings.Repeat("e", 1000)}), "a context that has ended": c.Track(ended, Event{Type: "e"})} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if len(m.items) != 3 {
		t.Errorf("%d events are queued", len(m.items))
	}
}

func TestOptions(t *testing.T) {
	good := Options{Endpoint: "http://127.0.0.1:8080", WriteKey: "k"}
	for name, change := range map[string]func(*Options){
		"no address": func(o *Options) { o.Endpoint = "" }, "no scheme": func(o *Options) { o.Endpoint = "weir.example" }, "a query": func(o *Options) { o.Endpoint += "?a=b" },
		"WriteKey": func(o *Options) { o.WriteKey = "" }, "WriteKey, a line": func(o *Options) { o.WriteKey = "a\nb" },
		"BatchEvents": func(o *Options) { o.BatchEvents = 10_001 }, "BatchBytes": func(o *Options) { o.BatchBytes = -1 }, "MaxAge": func(o *Options) { o.MaxAge = -1 },
		"SpoolBytes": func(o *Options) { o.SpoolBytes = 1 }, "MaxBackoff": func(o *Options) { o.MinBackoff, o.MaxBackoff = time.Minute, time.Second }, "Sync": func(o *Options) { o.Sync = 7 },
	} {
		o := good
		change(&o)
		c, err := New(o)
		if err == nil {
			t.Errorf("%s is accepted", name)
			_ = c.Close(t.Context())
		} else if field, _, _ := strings.Cut(name, ","); field[0] < 'a' && !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := New(Options{BatchEvents: -1})
	if err == nil || !strings.Contains(err.Error(), "Endpoint") || !strings.Contains(err.Error(), "WriteKey") || !strings.Contains(err.Error(), "BatchEvents") {
		t.Errorf("not all that is wrong is told: %v", err)
	}
	if _, err := New(Options{Endpoint: "http://h", WriteKey: "k", Spool: "/dev/null/spool"}); err == nil || errors.Is(err, ErrSpoolInUse) {
		t.Errorf("a spool that cannot be made: %v", err)
	}
}
