package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weir/internal/clickhouse"
	"weir/internal/rollup"
	"weir/internal/tenant"
)

// Linker knows which inserts may hold events that link ids. *stream.Processor does.
type Linker interface {
	// LinkSeqs returns, by writer, the last insert that may hold links of the tenant. It rises before such rows can be seen.
	LinkSeqs(tenant string) map[uint16]uint64
}

// people says how a statement finds the person of an event: DESIGN.md of this package, "People".
//
//	SELECT uniqExactIf(<person>, <person> != '') FROM weir.events <join> WHERE …
//
// The joined relation needs the columns client_id and user_id of the left one, by these names; its own are of_user, of_id and of_person.
// Where many events are of few persons it is faster to group by client_id and user_id first, and to join the groups.
type people struct {
	// join stands behind FROM, with a blank before it; empty for a site where nothing is linked, which is the usual case.
	join string
	// person is the expression of the person's id, a String; empty for an event that has neither a user id nor a client id.
	person string
}

// visitorID is whose an event is when nothing is linked: a user's, else a client's.
const visitorID = "if(user_id != '', user_id, client_id)"

// people asks whether any ids of the site of a tenant, the owner, are linked, unless it knows, and returns how persons are found. Parameters that the join needs are put into b, under names
// that begin with "people". Merges that were undone are left out.
func (r *Reporter) people(ctx context.Context, t *tally, b *builder, owner, site string) (people, error) {
	l := r.linked(owner, site)
	kinds, err := r.linkKinds(ctx, t, l)
	switch {
	case err != nil:
		return people{}, err
	case kinds.aliases:
		return people{
			join:   "\nLEFT ANY JOIN (\n" + b.persons(l, kinds.chains) + "\n) AS people ON people.of_user = (user_id != '') AND people.of_id = " + visitorID,
			person: "if(of_person != '', of_person, " + visitorID + ")",
		}, nil
	case kinds.clients:
		return people{
			join:   "\nLEFT ANY JOIN (\n" + b.clientsOfUsers(l) + "\n) AS people ON people.of_id = if(user_id != '', '', client_id)",
			person: "multiIf(user_id != '', user_id, of_person != '', of_person, client_id)",
		}, nil
	}
	return people{person: visitorID}, nil
}

// linked is where the links of a site are: in the table up to the positions, in the events behind them up to last.
type linked struct {
	tenant, site string
	last         map[uint16]uint64 // nil: not known
	tails        map[uint16]uint64 // by writer: events behind this _seq may hold links
	undone       []string          // ids of merges
}

func (r *Reporter) linked(owner, site string) linked {
	l := linked{tenant: owner, site: site, tails: map[uint16]uint64{}, undone: r.undone(tenant.ID(owner), site)}
	if r.deps.Links != nil {
		l.last = r.deps.Links.LinkSeqs(owner) // before the positions: what is behind them is read
	}
	positions := r.deps.Positions.Positions(rollup.Links.Name)
	for _, w := range []uint16{writerMain, writerLate} {
		if l.last == nil || l.last[w] > positions[w] {
			l.tails[w] = positions[w]
		}
	}
	return l
}

// linkKinds says what kinds of links a site has: an identify never ends to be one, so what is there stays.
type linkKinds struct {
	clients, aliases bool
	chains           chains
	last             map[uint16]uint64 // up to these inserts of the tenant
	undone           []string          // without these merges
}

// knownLinks remembers the linkKinds of sites.
type knownLinks struct {
	mu    sync.Mutex
	sites map[string]linkKinds
}

// maxKnownLinks bounds the sites that are remembered; beyond, all are forgotten.
const maxKnownLinks = 100_000

// linkKinds asks the engine, unless no insert since the last time can have changed the answer. What it says while an insert becomes visible is not remembered: l.last
// may name rows that it did not see.
func (r *Reporter) linkKinds(ctx context.Context, t *tally, l linked) (linkKinds, error) {
	key := l.tenant + "\x00" + l.site
	r.links.mu.Lock()
	known, ok := r.links.sites[key]
	r.links.mu.Unlock()
	if ok && l.last != nil && maps.Equal(known.last, l.last) && slices.Equal(known.undone, l.undone) {
		return known, nil
	}
	unchanged := r.still(tenant.ID(l.tenant))
	b := &builder{params: map[string]string{}}
	found := linkKinds{last: l.last, undone: l.undone}
	sql := "SELECT countIf(NOT alias), countIf(alias) FROM (\n" + b.links(l) + "\n)"
	err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "links/" + l.tenant}, func(row []any) error {
		if len(row) != 2 {
			return fmt.Errorf("links: the engine's row has %d columns, want 2", len(row))
		}
		clients, err := unsigned(row[0])
		if err != nil {
			return err
		}
		aliases, err := unsigned(row[1])
		found.clients, found.aliases = clients > 0, aliases > 0
		return err
	})
	if err == nil && found.aliases {
		found.chains, err = r.chainsOf(ctx, t, l)
	}
	if err != nil || !unchanged() {
		return found, err
	}
	r.links.mu.Lock()
	defer r.links.mu.Unlock()
	if r.links.sites == nil || len(r.links.sites) >= maxKnownLinks {
		r.links.sites = map[string]linkKinds{}
	}
	r.links.sites[key] = found
	return found, nil
}

// still returns a function that says whether the tenant's data is settled, and has not changed since the call.
func (r *Reporter) still(t tenant.ID) func() bool {
	if r.deps.Data == nil {
		return func() bool { return true }
	}
	version, settled := r.deps.Data.DataVersion(t)
	return func() bool {
		after, still := r.deps.Data.DataVersion(t)
		return settled && still && after == version
	}
}

// links are the site's links that are not undone: alias, source, target, first.
func (b *builder) links(l linked) string {
	scope := "tenant = " + b.text("people_tenant", l.tenant) + " AND site_id = " + b.text("people_site", l.site)
	parts := []string{"SELECT toUInt8(alias) AS alias, source, target, first FROM " + rollup.Links.Table() + " WHERE " + scope}
	for _, w := range []uint16{writerMain, writerLate} {
		if at, ok := l.tails[w]; ok {
			name := "people_seq" + strconv.Itoa(int(w))
			b.params[name] = strconv.FormatUint(at, 10)
			parts = append(parts, rollup.LinksSQL(scope+" AND _writer = "+strconv.Itoa(int(w))+" AND _seq > {"+name+":UInt64}"))
		}
	}
	having := ""
	if len(l.undone) > 0 {
		having = "\nHAVING " + mergeID + " NOT IN " + b.texts("people_undone", l.undone)
	}
	return "SELECT alias, source, target, min(first) AS first FROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)\nGROUP BY alias, source, target" + having
}

// mergeID names a link: the same pair of ids is always the same merge, however often its event is sent.
const mergeID = "lower(hex(sipHash128(alias, source, target)))"

// firstTarget is the target of a source's first link.
const firstTarget = "argMin(links.target, (first, links.target))"

// clientsOfUsers are the persons of clients where no users are aliased: of_id, of_person.
func (b *builder) clientsOfUsers(l linked) string {
	return "SELECT source AS of_id, " + firstTarget + " AS of_person FROM (\n" + b.links(l) + "\n) AS links GROUP BY source"
}

// persons are the persons of all linked ids: of_user, of_id, of_person. An id is a user's if it has an alias, and always a client's. It is of its first target, or where that has an alias
// itself, of the end of the chain.
func (b *builder) persons(l linked, chains chains) string {
	end := func(target string) string {
		if len(chains.ids) == 0 {
			return target
		}
		return "transform(" + target + ", " + b.texts("people_ids", chains.ids) + ", " + b.texts("people_ends", chains.ends) + ", " + target + ")"
	}
	return "SELECT owner.1 AS of_user, source AS of_id, owner.2 AS of_person FROM (\nSELECT source, arrayJoin(arrayConcat([(toUInt8(0), " + end("target") + ")], if(next = '', [], [(toUInt8(1), " + end("next") +
		")]))) AS owner FROM (\nSELECT source, " + firstTarget + " AS target, argMinIf(links.target, (first, links.target), alias) AS next FROM (\n" + b.links(l) + "\n) AS links GROUP BY source\n)\n)"
}

// chains are the ids in the middle of chains, which are the target of a link and have an alias, with the ends of their chains.
type chains struct{ ids, ends []string }

// The bounds of chains: what is beyond is followed for one hop only.
const (
	maxChained      = 10_000
	maxChainedBytes = 512 << 10
)

// chainsOf reads the middles of the site's chains.
func (r *Reporter) chainsOf(ctx context.Context, t *tally, l linked) (chains, error) {
	b := &builder{params: map[string]string{}}
	links := b.links(l)
	sql := "SELECT source, " + firstTarget + " FROM (\n" + links + "\n) AS links WHERE alias AND source IN (SELECT target FROM (\n" + links + "\n)) GROUP BY source ORDER BY source LIMIT " + strconv.Itoa(maxChained)
	next := map[string]string{}
	var ids []string
	bytes := 0
	err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "links/" + l.tenant}, func(row []any) error {
		if len(row) != 2 {
			return fmt.Errorf("aliases: the engine's row has %d columns, want 2", len(row))
		}
		id, ok1 := row[0].(string)
		to, ok2 := row[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("aliases: the engine's row %v is no text", row)
		}
		if bytes += len(id) + len(to); bytes <= maxChainedBytes {
			next[id] = to
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return chains{}, err
	}
	c := chains{ids: ids, ends: make([]string, len(ids))}
	ends := map[string]string{}
	for i, id := range ids {
		c.ends[i] = endOf(id, next, ends)
	}
	return c, nil
}

// endOf follows a chain to its end. The end of a circle, and of what leads into it, is its least id. ends remembers what was found.
func endOf(id string, next, ends map[string]string) string {
	var path []string
	place := map[string]int{}
	end, known := "", false
	for at := id; !known; {
		if end, known = ends[at]; known {
			break
		}
		if from, circle := place[at]; circle {
			end = slices.Min(path[from:])
			break
		}
		to, ok := next[at]
		if !ok {
			end = at
			break
		}
		place[at] = len(path)
		path = append(path, at)
		at = to
	}
	for _, p := range path {
		ends[p] = end
	}
	return end
}
