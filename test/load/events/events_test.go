package events

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

func TestBodies(t *testing.T) {
	var c Counter
	r := New(Config{SiteID: "s1", Batch: 50, Clients: 1000}, 0xabcd, &c)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	seen := map[string]bool{}
	clients := map[string]bool{}
	bytesTotal := 0
	for range 20 {
		text := r.Next(now)
		bytesTotal += len(text)
		for line := range bytes.Lines(text) {
			var ev struct {
				ID     string `json:"event_id"`
				TS     int64  `json:"ts"`
				Client string `json:"client_id"`
			}
			if err := json.Unmarshal(line, &ev); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if seen[ev.ID] {
				t.Fatalf("the id %s came twice", ev.ID)
			}
			seen[ev.ID], clients[ev.Client] = true, true
			if ev.TS != now.UnixMilli() {
				t.Fatalf("ts is %v", ev.TS)
			}
		}
	}
	if len(seen) != 1000 || c.Count() != 1000 || len(clients) < 400 {
		t.Errorf("%d ids, %d clients", len(seen), len(clients))
	}
	if avg := bytesTotal / 1000; avg < 280 || avg > 320 {
		t.Errorf("an event has %d bytes, want about 300", avg)
	}
}

func BenchmarkNext(b *testing.B) {
	var c Counter
	r := New(Config{SiteID: "s1", Batch: 200}, 1, &c)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r.Next(now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*200), "ns/event")
}

func TestVisits(t *testing.T) {
	var c Counter
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	r := New(Config{SiteID: "s1", Batch: 80, Clients: 1_000_000, Visit: 4, Gap: 20 * time.Second, Own: true,
		Clock: func(n uint64) time.Time { return start.Add(time.Duration(n) * time.Hour) }}, 1, &c)
	r.Next(time.Now())
	n := 0
	var client, address, agent string
	agents := map[string]bool{}
	for line := range bytes.Lines(r.Next(time.Now())) {
		var ev struct {
			TS     int64      `json:"ts"`
			Client string     `json:"client_id"`
			IP     netip.Addr `json:"ip"`
			Agent  string     `json:"user_agent"`
		}
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatal(err)
		}
		if want := start.Add(80*time.Hour + time.Duration(n%4)*20*time.Second).UnixMilli(); ev.TS != want {
			t.Errorf("event %d is at %d, want %d", n, ev.TS, want)
		}
		if same := ev.Client == client; same != (n%4 != 0) {
			t.Errorf("event %d: the same client as before: %v", n, same)
		}
		if same := ev.IP.String() == address; same != (n%4 != 0) {
			t.Errorf("event %d: the same address as before: %v", n, same)
		}
		if n%4 != 0 && ev.Agent != agent {
			t.Errorf("event %d is of %q, the one before, of the same client, of %q", n, ev.Agent, agent)
		}
		agents[ev.Agent] = true
		client, address, agent = ev.Client, ev.IP.String(), ev.Agent
		n++
	}
	if n != 80 {
		t.Fatalf("%d events", n)
	}
	if len(agents) != 5 {
		t.Errorf("20 clients have the browsers %v", agents)
	}
}
