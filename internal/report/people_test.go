package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/testkit"
)

// personEvent is an event as the oracles of persons see it. Field names are those of the table.
type personEvent struct {
	Tenant    string            `json:"tenant"`
	Site      string            `json:"site_id"`
	TS        string            `json:"ts"`
	Type      string            `json:"type"`
	ID        string            `json:"event_id"`
	Client    string            `json:"client_id"`
	User      string            `json:"user_id"`
	Path      string            `json:"path"`
	Country   string            `json:"country"`
	Bot       bool              `json:"is_bot"`
	Props     map[string]string `json:"props"`
	Writer    uint16            `json:"_writer"`
	Seq       uint64            `json:"_seq"`
	Partition uint16            `json:"_partition"`
	Offset    uint64            `json:"_offset"`
	Row       uint32            `json:"_row"`

	at time.Time
}

// compare orders events by time, then as they came in.
func (e personEvent) compare(o personEvent) int {
	return cmp.Or(e.at.Compare(o.at), cmp.Compare(e.Partition, o.Partition), cmp.Compare(e.Offset, o.Offset), cmp.Compare(e.Row, o.Row))
}

func storePersons(t testing.TB, c *clickhouse.Client, events []personEvent) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, e := range events {
		e.TS = e.at.UTC().Format("2006-01-02 15:04:05.000")
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Insert(context.Background(), clickhouse.Statement{SQL: "INSERT INTO weir.events (tenant, site_id, ts, type, event_id, client_id, user_id, path, country, is_bot, props, " +
		"_writer, _seq, _partition, _offset, _row) FORMAT JSONEachRow"}, &b); err != nil {
		t.Fatal(err)
	}
}

// pair is a merge: a client of a user, or an alias of two users.
type pair struct {
	alias          bool
	source, target string
}

func (e personEvent) links() []pair {
	before := e.Props["previous_id"]
	var out []pair
	switch {
	case e.User == "" || e.Type != "identify" && e.Type != "alias":
		return nil
	case before != "" && before != e.User:
		out = append(out, pair{true, before, e.User})
	default:
		before = ""
	}
	if e.Type == "identify" && e.Client != "" && e.Client != before {
		out = append(out, pair{false, e.Client, e.User})
	}
	return out
}

// personsOf is the oracle: whose an event is, by the definition, one event at a time. events are those of one site.
func personsOf(events []personEvent, undone map[pair]bool) func(personEvent) string {
	sorted := slices.SortedFunc(slices.Values(events), personEvent.compare)
	userOf, next := map[string]string{}, map[string]string{}
	for _, e := range sorted {
		for _, p := range e.links() {
			if undone[p] {
				continue
			}
			if _, has := userOf[p.source]; !has {
				userOf[p.source] = p.target
			}
			if _, has := next[p.source]; p.alias && !has {
				next[p.source] = p.target
			}
		}
	}
	end := func(user string) string {
		path := []string{user}
		for {
			n, ok := next[user]
			if !ok {
				return user
			}
			if i := slices.Index(path, n); i >= 0 {
				return slices.Min(path[i:])
			}
			path = append(path, n)
			user = n
		}
	}
	return func(e personEvent) string {
		if e.User != "" {
			return end(e.User)
		}
		if u, ok := userOf[e.Client]; ok {
			return end(u)
		}
		return e.Client
	}
}

// linkedEvents makes events of few ids with many links, ties in time among them.
func linkedEvents(rnd *rand.Rand, tenant, site string, n, ids int, aliases bool) []personEvent {
	id := func(prefix string, of int) string {
		if rnd.IntN(6) == 0 {
			return ""
		}
		return fmt.Sprint(prefix, rnd.IntN(of))
	}
	clients, users := 2+rnd.IntN(ids), 2+rnd.IntN(ids/2)
	events := make([]personEvent, n)
	for i := range events {
		e := personEvent{Tenant: tenant, Site: site, Type: "pageview", ID: fmt.Sprint(i), Client: id("c", clients), Writer: uint16(1 + rnd.IntN(2)), Seq: uint64(1 + i/7),
			Partition: uint16(rnd.IntN(2)), Offset: uint64(rnd.IntN(5)), Row: uint32(i), at: noon.Add(time.Duration(rnd.IntN(40)) * time.Millisecond), Props: map[string]string{}}
		switch rnd.IntN(6) {
		case 0:
			e.Type, e.User = "identify", id("u", users)
			if aliases && rnd.IntN(3) == 0 { // with an id that others know as a user's: mostly the client's own
				e.Props["previous_id"] = []string{e.Client, e.Client, id("c", clients), id("u", users)}[rnd.IntN(4)]
			}
		case 1:
			e.User = id("u", users)
			if aliases {
				e.Type, e.Props["previous_id"] = "alias", id([]string{"u", "u", "u", "c"}[rnd.IntN(4)], users)
			}
		case 2:
			e.User = id("u", users)
		}
		events[i] = e
	}
	return events
}

// seqs is a Linker that knows, or does not know, what was inserted.
type seqs map[uint16]uint64

func (s seqs) LinkSeqs(string) map[uint16]uint64 { return s }

// answeredPersons asks for the person of every event of a site.
func answeredPersons(t testing.TB, r *Reporter, c *clickhouse.Client, tenant, site string) (of map[string]string, join string) {
	t.Helper()
	b := &builder{params: map[string]string{}}
	p, err := r.people(context.Background(), &tally{}, b, tenant, site)
	if err != nil {
		t.Fatal(err)
	}
	of = map[string]string{}
	sql := "SELECT event_id, " + p.person + " FROM " + rollup.Events + p.join + "\nWHERE tenant = " + b.text("tenant", tenant) + " AND site_id = " + b.text("site", site)
	if _, err := c.Rows(context.Background(), clickhouse.Statement{SQL: sql, Params: b.params, Settings: r.settings}, func(row []any) error {
		of[row[0].(string)] = row[1].(string)
		return nil
	}); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return of, p.join
}

// TestPersonsEqualOracle asks for the person of each of many random events, with the links' projection at random positions, and compares with the definition.
func TestPersonsEqualOracle(t *testing.T) {
	c := testkit.Engine(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 9 {
		tenant := fmt.Sprint("people", round)
		aliases := round%3 > 0
		n := 10 + rnd.IntN(150)
		events := linkedEvents(rnd, tenant, "site", n, n/3, aliases)
		storePersons(t, c, append(append(slices.Clone(events), linkedEvents(rnd, tenant, "elsewhere", 20, 6, true)...), linkedEvents(rnd, tenant+"x", "site", 20, 6, true)...))
		clk := clock{asOf: noon, positions: map[string]map[uint16]uint64{"links": {}}}
		last := seqs{}
		for _, w := range []uint16{writerMain, writerLate} {
			at := rnd.Uint64N(25)
			testkit.Exec(t, c, strings.Replace(rollup.Links.AdvanceSQL(w, 0, at, nil), "WHERE", "WHERE startsWith(tenant, '"+tenant+"') AND", 1))
			clk.positions["links"][w] = at - rnd.Uint64N(at/2+1) // it may be ahead of what is known
			last[w] = uint64(1 + len(events)/7)
		}
		r := newReporter(t, c, clk, Config{})
		if round%2 == 0 {
			r.deps.Links = last
		}
		got, _ := answeredPersons(t, r, c, tenant, "site")
		if len(got) != len(events) {
			t.Fatalf("round %d: %d events are answered, %d stored", round, len(got), len(events))
		}
		want := personsOf(events, nil)
		for _, e := range events {
			if w := want(e); got[e.ID] != w {
				t.Fatalf("round %d: %+v is of %q, by the definition of %q", round, e, got[e.ID], w)
			}
		}
	}
}

// TestPeopleWithoutLinks: a site where nothing is linked has no join, and is asked about it once, until an insert may have brought links.
func TestPeopleWithoutLinks(t *testing.T) {
	f := &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}}}
	last := seqs{1: 7, 2: 0}
	r := newReporter(t, f, clock{asOf: noon, positions: map[string]map[uint16]uint64{"links": {1: 9}}}, Config{})
	r.deps.Links = last
	ask := func() people {
		t.Helper()
		p, err := r.people(context.Background(), &tally{}, &builder{params: map[string]string{}}, "acme", "site")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for range 3 {
		if p := ask(); p.join != "" || p.person != visitorID {
			t.Errorf("without links: %+v", p)
		}
	}
	if len(f.got) != 1 || strings.Contains(f.got[0].SQL, rollup.Events) {
		t.Errorf("%d statements, the first:\n%s\nwant one, that does not read the events: the table has everything", len(f.got), f.got[0].SQL)
	}
	r.deps.Links = seqs{1: 12, 2: 0}
	f.answers[0].rows = `[[3,0]]`
	if p := ask(); p.join == "" || strings.Contains(p.join, "of_user") {
		t.Errorf("with clients of users only: %+v", p)
	}
	if n := len(f.got); n != 2 || !strings.Contains(f.got[1].SQL, "_writer = 1 AND _seq > {people_seq1:UInt64}") || strings.Contains(f.got[1].SQL, "_writer = 2") {
		t.Errorf("%d statements; the last must read what lies behind the position of writer 1, and of no other:\n%s", n, f.got[n-1].SQL)
	}
}

// TestLinksOfAnInsertUnderWay: that a site has no links is not remembered of a moment at which an insert that brings some was announced, and could not be seen yet;
// what was made of it has another key.
func TestLinksOfAnInsertUnderWay(t *testing.T) {
	f := &fakeEngine{answers: []fakeAnswer{{rows: `[[0,0]]`}, {rows: `[[0,0]]`}, {rows: `[[1,0]]`}}}
	v := &data{version: 1, unsettled: true}
	r := reporterOf(t, Deps{Engine: f, Data: v, Links: seqs{1: 7}}, Config{})
	ask := func() people {
		t.Helper()
		p, err := r.people(t.Context(), &tally{}, &builder{params: map[string]string{}}, "acme", "site")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	keyOfCohort := func() string {
		t.Helper()
		c := &cohort{}
		if p := r.linkCohort(t.Context(), testSources["site"], c); p != nil {
			t.Fatal(p)
		}
		return c.linkKey
	}
	if p := ask(); p.join != "" {
		t.Errorf("before the insert can be seen: %+v", p)
	}
	before := keyOfCohort()
	v.version, v.unsettled = 2, false
	if p := ask(); p.join == "" {
		t.Error("the links of an insert that can be seen are not followed")
	}
	if keyOfCohort() == before {
		t.Error("a cohort with links and one without have the same key")
	}
	if n := len(f.got); n != 3 {
		t.Errorf("%d statements, want 3: what is settled is remembered", n)
	}
}

func TestEndOf(t *testing.T) {
	next := map[string]string{"a": "b", "b": "c", "c": "z", "p": "q", "q": "r", "r": "q", "self": "self"}
	for _, order := range [][]string{{"a", "b", "c", "p", "q", "r", "self"}, {"r", "self", "c", "q", "b", "p", "a"}} {
		ends := map[string]string{}
		for _, id := range order {
			if got, want := endOf(id, next, ends), map[string]string{"a": "z", "b": "z", "c": "z", "p": "q", "q": "q", "r": "q", "self": "self"}[id]; got != want {
				t.Errorf("%s ends at %s, want %s", id, got, want)
			}
		}
	}
}
