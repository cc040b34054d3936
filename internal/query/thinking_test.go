package query

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/internal/problem"
	"weir/internal/usage"
)

// spending is a gate that notes what is spent before anything is admitted.
type spending struct {
	*desk
	over  *problem.Problem
	spent []time.Duration
	who   []usage.Subject
}

func (c *spending) Over(usage.Subject) *problem.Problem { return c.over }

func (c *spending) Spend(s usage.Subject, cpu time.Duration) {
	c.spent, c.who = append(c.spent, cpu), append(c.who, s)
}

// TestRefusedStatementsCount: reading a statement that is refused counts for the tenant's limits, and who has used them up is not read.
func TestRefusedStatementsCount(t *testing.T) {
	g := &spending{desk: &desk{}}
	e := &fakeEngine{body: engineJSON}
	h := newService(t, Config{}, Deps{Engine: e, Gate: g})
	refused := "SELECT nosuchfunction(1)" + strings.Repeat(" + toString(1)", 300)
	if p := problemIn(t, run(h, refused)); p.Status != 400 || len(g.spent) != 1 || g.spent[0] <= 0 || g.who[0].Tenant != analyst.Tenant {
		t.Errorf("%+v, spent %v of %+v", p, g.spent, g.who)
	}
	if w := run(h, "SELECT 1"); w.Code != 200 || len(g.spent) != 1 { // what is admitted is counted with its ticket
		t.Errorf("%d, spent %v", w.Code, g.spent)
	}
	h.Jobs = &jobs{}
	if p := problemIn(t, post(h, analyst, `{"async":true,"sql":"SELECT nosuchfunction(1)"}`)); p.Status != 400 || len(g.spent) != 2 {
		t.Errorf("as a job: %+v, spent %v", p, g.spent)
	}
	g.spent = g.spent[:1]
	g.over = problem.New(http.StatusTooManyRequests, "over_limit", "used up").WithLimit("limits.cpu_seconds_per_minute", 1)
	for _, sql := range []string{refused, "SELECT 2"} {
		if p := problemIn(t, run(h, sql)); p.Status != 429 || p.Limit != "limits.cpu_seconds_per_minute" || len(g.spent) != 1 {
			t.Errorf("%.20s: %+v, spent %v", sql, p, g.spent)
		}
	}
}

// TestChecksTakeTurns: of each tenant one statement at a time is read, and nobody waits for another tenant's.
func TestChecksTakeTurns(t *testing.T) {
	var c checks
	leave := c.enter("a")
	c.enter("b")()
	second := make(chan func())
	go func() { second <- c.enter("a") }()
	select {
	case <-second:
		t.Error("two of one tenant at once")
	case <-time.After(20 * time.Millisecond):
	}
	leave()
	(<-second)()
	if len(c.held) != 0 {
		t.Errorf("%d tenants are kept", len(c.held))
	}
}

// TestLongNamesHaveNoSuggestion: a name that nobody misspells is not compared with thousands.
func TestLongNamesHaveNoSuggestion(t *testing.T) {
	long := strings.Repeat("x", problem.MaxMisspelt)
	for name, want := range map[string]string{long: long + "y", long + "z": ""} {
		if got := nearest(name, func(yield func(string) bool) { yield(long + "y") }); got != want {
			t.Errorf("%d bytes: %q", len(name), got)
		}
		if got := problem.DidYouMean(name, []string{long + "y"}); (got != "") != (want != "") {
			t.Errorf("%d bytes: %q", len(name), got)
		}
	}
}
