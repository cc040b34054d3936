package qos

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/internal/catalog"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// clock is a gate's time, moved by the test.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// submit puts a query into the gate's queues without waiting for its turn.
func submit(g *Gate, q usage.Question) *ticket {
	e, expected := g.estimate(&q)
	t := &ticket{gate: g, subject: q.Subject, kind: q.Kind, class: e.Class, cpu: e.CPU, expected: expected, since: g.now()}
	g.mu.Lock()
	defer g.mu.Unlock()
	t.party = g.party(q.Tenant, g.now())
	t.party.limits = g.Limits(q.Tenant)
	g.enter(t)
	g.pump(g.now())
	return t
}

// check compares everything that is counted twice.
func check(t interface{ Fatalf(string, ...any) }, g *Gate, all []*ticket) {
	var running, waits [3]int
	var load [3]time.Duration
	byTenant := map[tenant.ID]int{}
	for _, x := range all {
		n := laneOf(x.class)
		switch {
		case x.over:
		case x.running:
			running[n]++
			load[n] += x.cpu
			byTenant[x.subject.Tenant]++
		default:
			waits[n]++
		}
	}
	for n := range g.lanes {
		l := &g.lanes[n]
		if l.running != running[n] || l.waiting.Len() != waits[n] || l.root.waits != waits[n] || l.root.busy != running[n]+waits[n] || l.load != load[n] {
			t.Fatalf("lane %d: %d/%d run, %d/%d/%d wait, busy %d, load %v/%v", n, l.running, running[n], l.waiting.Len(), l.root.waits, waits[n], l.root.busy, l.load, load[n])
		}
		if l.running > l.places || l.running > 1 && l.load > l.bound {
			t.Fatalf("lane %d: %d run of %d places, load %v of %v", n, l.running, l.places, l.load, l.bound)
		}
		if waits[n] == 0 && running[n] == 0 && len(l.root.children) != 0 {
			t.Fatalf("lane %d: %d children of an empty queue", n, len(l.root.children))
		}
		if first := l.root.first(); first != nil && l.running == 0 && (n == cheap || g.heavy == 0) {
			t.Fatalf("lane %d: nothing runs although %v could", n, first.subject)
		}
	}
	if g.heavy != running[medium]+running[expensive] || g.heavy > g.lanes[medium].places {
		t.Fatalf("%d heavy queries, counted %d", running[medium]+running[expensive], g.heavy)
	}
	for id, p := range g.tenants {
		if p.all() != byTenant[id] {
			t.Fatalf("%s: %d run, counted %d", id, byTenant[id], p.all())
		}
		if lim := p.limits.Queries; lim > 0 && int64(p.all()) > lim {
			t.Fatalf("%s: %d run, the limit is %d", id, p.all(), lim)
		}
	}
}

// Whatever comes and goes in whatever order: bounds hold, counts agree, nothing is lost, and everything ends.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.limits["t0"] = catalog.Limits{Queries: 2, ExpensiveQueries: 1, Weight: 5}
		c := &clock{time.Unix(1e9, 0)}
		g, err := New(Config{Cores: rapid.IntRange(1, 8).Draw(t, "cores")}, Deps{Tenants: w, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		var all []*ticket
		pick := func(ok func(*ticket) bool) *ticket {
			var fit []*ticket
			for _, x := range all {
				if ok(x) {
					fit = append(fit, x)
				}
			}
			if len(fit) == 0 {
				t.Skip("none")
			}
			return rapid.SampledFrom(fit).Draw(t, "ticket")
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				q := ask(tenant.ID(fmt.Sprint("t", rapid.IntRange(0, 4).Draw(t, "tenant"))), rapid.SampledFrom([]time.Duration{short, 800 * time.Millisecond, mid, long}).Draw(t, "cpu"))
				q.User = fmt.Sprint("u", rapid.IntRange(0, 2).Draw(t, "user"))
				q.Role = rapid.SampledFrom([]tenant.Role{tenant.RoleViewer, tenant.RoleAdmin}).Draw(t, "role")
				all = append(all, submit(g, q))
			},
			"done": func(t *rapid.T) {
				x := pick(func(x *ticket) bool { return x.running })
				c.t = c.t.Add(time.Second)
				x.Done(usage.Record{CPU: time.Duration(rapid.IntRange(0, 20).Draw(t, "used")) * time.Second})
			},
			"leave": func(t *rapid.T) {
				x := pick(func(x *ticket) bool { return !x.running && !x.over })
				g.mu.Lock()
				g.abandon(x)
				g.pump(c.t)
				g.mu.Unlock()
			},
			"": func(t *rapid.T) { check(t, g, all) },
		})
		for n := 0; n < len(all); { // everything gets its turn
			n = len(all)
			for _, x := range all {
				if x.running {
					x.Done(usage.Record{CPU: time.Second})
					n = 0
				}
			}
		}
		check(t, g, all)
		for _, x := range all {
			if !x.over {
				t.Fatalf("%v never got its turn", x.subject)
			}
		}
	})
}

// Tenants that always have something waiting get CPU by their weights, whatever each query was expected to cost and did cost,
// and within a tenant roles, and within a role users, get equal parts.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		c := &clock{time.Unix(1e9, 0)}
		g, err := New(Config{Cores: rapid.IntRange(1, 4).Draw(t, "cores"), MaxQueued: 1000}, Deps{Tenants: w, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		type flow struct {
			q    usage.Question
			real time.Duration
		}
		weights := []int64{1, 2, 4}
		used, users := make([]float64, len(weights)), map[string]float64{}
		expected := rapid.SampledFrom([]time.Duration{mid, long}).Draw(t, "expected") // of the cheap places a tenant gets three quarters at most
		flows := map[*ticket]flow{}
		add := func(f flow) { flows[submit(g, f.q)] = f }
		for i, weight := range weights {
			id := tenant.ID(fmt.Sprint("t", i))
			w.limits[id] = catalog.Limits{Weight: weight}
			real := time.Duration(rapid.IntRange(1, 50).Draw(t, "real")) * 100 * time.Millisecond
			n := 60
			if i == 2 { // the last has two roles, one of them with two users
				n = 60
				for j, user := range []string{"x", "y"} {
					q := ask(id, expected)
					q.Role, q.User = tenant.RoleViewer, user
					for range 60 {
						add(flow{q, real * time.Duration(j+1)})
					}
				}
			}
			for range n {
				add(flow{ask(id, expected), real})
			}
		}
		total := 0.0
		for total < 1500 {
			var next *ticket
			for x := range flows { // the one that has run longest ends
				if x.running && (next == nil || x.began.Before(next.began) || x.began.Equal(next.began) && x.subject.Tenant < next.subject.Tenant) {
					next = x
				}
			}
			f := flows[next]
			delete(flows, next)
			c.t = c.t.Add(f.real)
			add(f) // before it ends: something always waits
			next.Done(usage.Record{CPU: f.real})
			total += f.real.Seconds()
			for i := range weights {
				if string(f.q.Tenant) == fmt.Sprint("t", i) {
					used[i] += f.real.Seconds()
				}
			}
			if f.q.Tenant == "t2" {
				users[string(f.q.Role)+f.q.User] += f.real.Seconds()
			}
		}
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 150 {
				t.Fatalf("%s got %.0f s of CPU, its share is %.0f s (all: %.0f, users: %v)", what, got, want, used, users)
			}
		}
		for i, weight := range weights {
			near(fmt.Sprint("t", i), used[i], total*float64(weight)/7)
		}
		near("the analysts of t2", users["analystkey:1"], used[2]/2)
		near("user x", users["viewerx"], used[2]/4)
		near("user y", users["viewery"], used[2]/4)
	})
}

// A tenant that was idle gets its turn at once, and is owed nothing for the time before.
func TestIdleIsOwedNothing(t *testing.T) {
	w := newWorld()
	c := &clock{time.Unix(1e9, 0)}
	g, err := New(Config{Cores: 1}, Deps{Tenants: w, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	var a, b []*ticket
	for range 100 {
		a = append(a, submit(g, ask("a", mid)))
	}
	end := func(list []*ticket) bool {
		for _, x := range list {
			if x.running {
				x.Done(usage.Record{CPU: mid})
				return true
			}
		}
		return false
	}
	for range 40 {
		end(a)
	}
	for range 20 {
		b = append(b, submit(g, ask("b", mid)))
	}
	order := ""
	for range 20 {
		if end(a) {
			order += "a"
		} else if end(b) {
			order += "b"
		}
	}
	if order[1:7] != "bababa" && order[1:7] != "ababab" {
		t.Errorf("the order after 40 turns of a is %s", order)
	}
}

// Whoever exceeds what was expected of its queries pays for it with its next turns, also when it has nothing waiting in between.
func TestUnderestimatesArePaid(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, err := New(Config{Cores: 1}, Deps{Tenants: newWorld(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	liar := submit(g, ask("liar", mid))
	var honest []*ticket
	for range 20 {
		honest = append(honest, submit(g, ask("honest", mid)))
	}
	liar.Done(usage.Record{CPU: 10 * mid})
	liar = submit(g, ask("liar", mid))
	turns := 0
	for _, x := range honest {
		if liar.running {
			break
		}
		x.Done(usage.Record{CPU: mid})
		turns++
	}
	if turns < 9 || turns > 11 {
		t.Errorf("the liar's next turn came after %d of the honest one's, want 10", turns)
	}
}

// A tenant with one query that runs and none that waits is owed nothing for what others got meanwhile.
func TestRunningIsOwedNothing(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	g, err := New(Config{Cores: 3}, Deps{Tenants: newWorld(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	submit(g, ask("a", mid)) // runs all the time
	var b, a []*ticket
	for range 60 {
		b = append(b, submit(g, ask("b", mid)))
	}
	end := func(list []*ticket) bool {
		for _, x := range list {
			if x.running {
				x.Done(usage.Record{CPU: mid})
				return true
			}
		}
		return false
	}
	for range 30 {
		end(b)
	}
	for range 20 {
		a = append(a, submit(g, ask("a", mid)))
	}
	turns := 0
	for range 20 {
		if end(a) {
			turns++
		} else {
			end(b)
		}
	}
	if turns < 8 || turns > 12 {
		t.Errorf("a got %d of 20 turns, want 10", turns)
	}
}
