package qos

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/catalog"
	"weir/internal/usage"
)

// CPU and bytes are limited over a window that slides; the answer says when to try again, and then it works.
func TestUsedUp(t *testing.T) {
	for _, tc := range []struct {
		limit  string
		limits catalog.Limits
		used   usage.Record
		retry  time.Duration // at most
		says   string
	}{
		{"limits.cpu_seconds_per_minute", catalog.Limits{CPUSecondsPerMinute: 10}, usage.Record{CPU: 11 * time.Second}, time.Minute, "used 11 seconds"},
		{"limits.cpu_seconds_per_hour", catalog.Limits{CPUSecondsPerHour: 10}, usage.Record{CPU: 11 * time.Second}, time.Hour, "used 11 seconds"},
		{"limits.scan_bytes_per_hour", catalog.Limits{ScanBytesPerHour: 1e9}, usage.Record{BytesScanned: 1_234_567_890}, time.Hour, "used 1234567890 scanned bytes"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.limits["a"] = tc.limits
			g := newGate(t, w, Config{})
			ticket := admit(t, g, ask("a", short))
			time.Sleep(7 * time.Second)
			ticket.Done(tc.used)
			time.Sleep(time.Second)
			_, p := g.Admit(ask("a", short), nil)
			if p == nil || p.Status != 429 || p.Limit != tc.limit || p.LimitValue == 0 || p.RetryAfter <= 0 || p.RetryAfter > tc.retry || !strings.Contains(p.Detail, tc.limit) || !strings.Contains(p.Detail, tc.says) {
				t.Fatalf("%s: %+v", tc.limit, p)
			}
			admit(t, g, ask("b", short)).Done(usage.Record{})
			time.Sleep(p.RetryAfter - 2*time.Second)
			if _, p := g.Admit(ask("a", short), nil); p == nil {
				t.Errorf("%s: admitted before the time that was said", tc.limit)
			}
			time.Sleep(2 * time.Second)
			admit(t, g, ask("a", short)).Done(usage.Record{})
			w.limits["a"] = catalog.Limits{} // taken away: holds at once
			admit(t, g, ask("a", short)).Done(tc.used)
			admit(t, g, ask("a", short)).Done(tc.used)
		})
	}
}

// What runs counts as it is expected, so that many queries at once do not slip through together.
func TestPendingCounts(t *testing.T) {
	w := newWorld()
	w.limits["a"] = catalog.Limits{CPUSecondsPerMinute: 2}
	g := newGate(t, w, Config{Cores: 16})
	one := admit(t, g, ask("a", 2500*time.Millisecond))
	if _, p := g.Admit(ask("a", short), nil); p == nil || p.Limit != "limits.cpu_seconds_per_minute" {
		t.Errorf("the second: %v", p)
	}
	one.Done(usage.Record{CPU: time.Millisecond})
	one.Done(usage.Record{CPU: time.Hour}) // the first counts
	admit(t, g, ask("a", short))
}

// A burst that waits is turned away when what ran before it has used up a limit. A job waits on.
func TestUsedUpWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.limits["a"] = catalog.Limits{CPUSecondsPerMinute: 60}
		g := newGate(t, w, Config{MaxWait: time.Hour})
		var burst []chan outcome
		for range 50 {
			burst = append(burst, later(g, ask("a", long/2), nil))
		}
		synctest.Wait()
		q := ask("a", long/2)
		q.Kind = usage.KindJob
		job := later(g, q, nil)
		synctest.Wait()
		began := time.Now()
		ran, refused := 0, 0
		for progress := true; progress; {
			progress = false
			for i, c := range burst {
				if c == nil || waiting(c) {
					continue
				}
				burst[i], progress = nil, true
				o := <-c
				if o.p != nil {
					refused++
					if o.p.Status != 429 || o.p.Limit != "limits.cpu_seconds_per_minute" || o.p.RetryAfter <= 0 {
						t.Fatalf("%+v", o.p)
					}
					continue
				}
				ran++
				time.Sleep(10 * time.Second)
				o.ticket.Done(usage.Record{CPU: long / 2})
				synctest.Wait()
			}
		}
		if ran != 2 || refused != 48 {
			t.Errorf("%d ran, %d were refused; 60 s allow for two of 30 s", ran, refused)
		}
		o := <-job
		if o.p != nil || time.Since(began) < 30*time.Second || time.Since(began) > 2*time.Minute {
			t.Errorf("the job: %v after %v", o.p, time.Since(began))
		}
		o.ticket.Done(usage.Record{})
		if l := &g.lanes[expensive]; l.running != 0 || len(l.root.children) != 0 || l.waiting.Len() != 0 || g.tenants["a"].busy() != 0 {
			t.Errorf("something is left: %+v, %+v", l, g.tenants["a"])
		}
	})
}

// TestJobTellsWhatItWaitsFor: a job that was turned away says so wherever waits are shown, until it runs, and so does one that waits for its turn.
func TestJobTellsWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.limits["a"] = catalog.Limits{CPUSecondsPerMinute: 1}
		g := newGate(t, w, Config{})
		admit(t, g, ask("a", short)).Done(usage.Record{CPU: 5 * time.Second})
		began := time.Now()
		var waits func() *usage.Wait
		q := ask("a", short)
		q.Kind, q.Waiting = usage.KindJob, func(ask func() *usage.Wait) { waits = ask }
		job := later(g, q, nil)
		synctest.Wait()
		const limit = "limits.cpu_seconds_per_minute"
		for range 2 { // before it has asked again, and after
			got := waits()
			if got == nil || got.Limit != limit || got.Value != 1 || !strings.Contains(got.Why, "in the last minute") || got.Until.Sub(began) < 50*time.Second || got.Until.Sub(began) > 70*time.Second {
				t.Fatalf("after %v: %+v", time.Since(began), got)
			}
			s := g.State("a")
			if s.WaitsFor != limit || s.WaitsForValue != 1 || s.OldestWait != time.Since(began) || s.Classes[cheap].Waiting != 1 {
				t.Errorf("after %v: %+v", time.Since(began), s)
			}
			if o := g.State("b"); o.WaitsFor != "" || o.Classes[cheap].Waiting != 0 {
				t.Errorf("another tenant: %+v", o)
			}
			time.Sleep(12 * time.Second)
			synctest.Wait()
		}
		o := <-job
		if o.p != nil || waits() != nil {
			t.Fatalf("%v, waits for %+v", o.p, waits())
		}
		if s := g.State("a"); s.WaitsFor != "" || s.Classes[cheap].Waiting != 0 {
			t.Errorf("it runs: %+v", s)
		}
		w.limits["a"] = catalog.Limits{Queries: 1}
		q.Waiting = func(ask func() *usage.Wait) { waits = ask }
		second := later(g, q, nil)
		synctest.Wait()
		if got := waits(); got == nil || got.Limit != "limits.queries" || got.Value != 1 || !got.Until.IsZero() {
			t.Errorf("behind the first: %+v", got)
		}
		o.ticket.Done(usage.Record{})
		(<-second).ticket.Done(usage.Record{})
		// One that is cancelled waits no more.
		w.limits["a"] = catalog.Limits{CPUSecondsPerMinute: 1}
		admit(t, g, ask("b", short)).Done(usage.Record{})
		g.Spend(q.Subject, time.Minute)
		done := make(chan struct{})
		third := later(g, q, done)
		synctest.Wait()
		if waits() == nil {
			t.Error("the third does not wait")
		}
		close(done)
		if o := <-third; o.p == nil || o.p.Status != 499 || waits() != nil || len(g.away) != 0 {
			t.Errorf("%v, waits for %+v", o.p, waits())
		}
	})
}

// A query that is turned away in the moment it comes, because the one before it starts and uses up the limit, is told so.
func TestTurnedAwayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.limits["a"] = catalog.Limits{Queries: 1, CPUSecondsPerMinute: 1}
		g := newGate(t, w, Config{Cores: 8})
		first := admit(t, g, ask("a", short))
		waits := later(g, ask("a", 2*time.Second), nil)
		synctest.Wait()
		w.limits["a"] = catalog.Limits{Queries: 3, CPUSecondsPerMinute: 1}
		began := time.Now()
		if _, p := g.Admit(ask("a", 2*time.Second), nil); p == nil || p.Limit != "limits.cpu_seconds_per_minute" || time.Since(began) != 0 {
			t.Errorf("%v after %v", p, time.Since(began))
		}
		if o := <-waits; o.p != nil {
			t.Errorf("the one that waited: %v", o.p)
		} else {
			o.ticket.Done(usage.Record{})
		}
		first.Done(usage.Record{})
	})
}

// What is spent without a ticket counts for the limits, and who is over one is told so before anything is known of the query.
func TestSpentWithoutTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.limits["a"] = catalog.Limits{CPUSecondsPerMinute: 2}
		g := newGate(t, w, Config{})
		who := usage.Subject{Tenant: "a"}
		for range 3 {
			if p := g.Over(who); p != nil {
				t.Fatalf("below the limit: %v", p)
			}
			g.Spend(who, 700*time.Millisecond)
		}
		p := g.Over(who)
		if p == nil || p.Status != 429 || p.Limit != "limits.cpu_seconds_per_minute" || p.RetryAfter <= 0 {
			t.Fatalf("above the limit: %+v", p)
		}
		if _, p := g.Admit(ask("a", short), nil); p == nil || p.Limit != "limits.cpu_seconds_per_minute" {
			t.Errorf("a query is admitted: %v", p)
		}
		for _, other := range []usage.Subject{{Tenant: "b"}, {}} {
			g.Spend(other, time.Hour)
			if p := g.Over(other); p != nil {
				t.Errorf("%q has no limit: %v", other.Tenant, p)
			}
		}
		time.Sleep(p.RetryAfter)
		if p := g.Over(who); p != nil {
			t.Errorf("after the time that was said: %v", p)
		}
	})
}
