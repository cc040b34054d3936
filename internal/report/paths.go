package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
)

// pathsQuestion asks where persons go from an anchor, or come from.
type pathsQuestion struct {
	q        Question
	typ      string // of the anchor
	path     string // empty: any
	previous bool
	depth    int // page views beside the anchor
	limit    int // paths of a step
}

// The bounds of paths.
const (
	typePageview  = "pageview"
	pathGap       = 30 * time.Minute
	defaultDepth  = 3
	maxDepth      = 10
	defaultLinks  = 5
	maxLinks      = 50
	maxPathLength = 8192 // bytes
)

var directionNames = []string{"next", "previous"}

func (r *Reporter) pathsOf(ctx context.Context, src catalog.Source, a PathsQuery) (*pathsQuestion, *problem.Problem) {
	direction := cmp.Or(a.Direction, "next")
	depth, prob := atLeastOne("depth", a.Depth, maxDepth, "report.paths_depth")
	if prob != nil {
		return nil, prob
	}
	links, prob := atLeastOne("limit", a.Limit, maxLinks, "report.paths_limit")
	if prob != nil {
		return nil, prob
	}
	p := &pathsQuestion{typ: cmp.Or(a.Anchor.Type, typePageview), path: a.Anchor.Path, previous: direction == "previous", depth: cmp.Or(depth, defaultDepth), limit: cmp.Or(links, defaultLinks)}
	if !slices.Contains(directionNames, direction) {
		return nil, invalid("direction", "there is no direction %q%s; it is next or previous", clip(direction), didYouMean(clip(direction), directionNames))
	}
	if prob := checkType("anchor.type", p.typ, true); prob != nil {
		return nil, prob
	}
	if strings.ContainsRune(p.path, 0) || len(p.path) > maxPathLength || strings.ToValidUTF8(p.path, "") != p.path {
		return nil, invalid("anchor.path", "the path of an anchor has at most %d bytes of valid text", maxPathLength)
	}
	p.q, prob = r.personQuestion(ctx, src, ask{From: a.From, To: a.To, Filter: a.Filter, Segment: a.Segment}, a.Bots, nil)
	return p, prob
}

// pathsSQL writes the statement that counts the persons of each way: an Array(String), first the anchor, then the paths beside it, from the nearest on. The
// anchor is the person's first. A way ends where more than pathGap lies between two page views; repeated views of one page are one.
func (b *builder) pathsSQL(x *pathsQuestion, p people) string {
	q := x.q
	anchor := "type = " + b.text("type", x.typ)
	if x.path != "" {
		anchor += " AND path = " + b.text("path", x.path)
	}
	label := "path"
	if x.typ != typePageview {
		label = "if(type = '" + typePageview + "', path, type)"
	}
	event := "(toUnixTimestamp64Milli(ts), _partition, _offset, _row, " + label + ", " + anchor + ", type = '" + typePageview + "')"
	where := "WHERE tenant = " + b.text("tenant", q.Tenant) + " AND site_id = " + b.text("site", q.Site) + " AND " + b.between("ts", "from", q.From, "to", q.To) +
		b.conditions("f", q.Filters) + botsCondition(q.Bots) + " AND (type = '" + typePageview + "' OR (" + anchor + "))"
	from := "SELECT " + p.person + " AS person, groupArray(" + event + ") AS events FROM " + b.events() + "\n" + where + "\nGROUP BY person"
	if p.join != "" {
		from = "SELECT " + p.person + " AS person, groupArrayArray(events) AS events FROM (\nSELECT client_id, user_id, groupArray(" + event + ") AS events FROM " + b.events() + "\n" + where +
			"\nGROUP BY client_id, user_id\n) AS visitors" + p.join + "\nGROUP BY person"
	}
	side := "arraySlice(s, i + 1)"
	if x.previous {
		side = "arrayReverse(arraySlice(s, 1, i - 1))"
	}
	b.params["depth"], b.params["gap"] = strconv.Itoa(x.depth+1), strconv.FormatInt(pathGap.Milliseconds(), 10)
	return "SELECT way, count() FROM (\nSELECT arraySlice(arrayCompact(arrayConcat([a.5], arrayMap(x -> x.5, if(k = 0, pages, arraySlice(pages, 1, k - 1))))), 1, {depth:UInt8}) AS way FROM (\n" +
		"SELECT a, pages, arrayMap(x -> x.1, pages) AS times, arrayFirstIndex((t, before) -> abs(t - before) > {gap:Int64}, times, arrayPopBack(arrayConcat([a.1], times))) AS k FROM (\n" +
		"SELECT s[i] AS a, arrayFilter(x -> x.7, " + side + ") AS pages FROM (\n" +
		"SELECT arraySort(events) AS s, arrayFirstIndex(x -> x.6, s) AS i FROM (\n" + from + "\n) WHERE person != '' AND arrayExists(x -> x.6, events)\n)\n)\n)\n)\nGROUP BY way"
}

// ways are the ways of persons, with the paths as numbers.
type ways struct {
	names  []string
	number map[string]int32
	steps  []int32 // of all ways, one after the other
	ends   []int
	people []uint64
}

func (w *ways) add(way []string, people uint64) {
	for _, name := range way {
		n, ok := w.number[name]
		if !ok {
			n = int32(len(w.names))
			w.names = append(w.names, strings.Clone(name))
			w.number[w.names[n]] = n
		}
		w.steps = append(w.steps, n)
	}
	w.ends, w.people = append(w.ends, len(w.steps)), append(w.people, people)
}

// each calls fn for every way.
func (w *ways) each(fn func(way []int32, people uint64)) {
	from := 0
	for i, to := range w.ends {
		fn(w.steps[from:to], w.people[i])
		from = to
	}
}

// Numbers of nodes that are no path.
const (
	wayEnds  int32 = -1
	wayOther int32 = -2
)

// shown are the most frequent names of each step, the anchor's included.
func (w *ways) shown(depth, limit int) []map[int32]bool {
	counts := make([]map[int32]uint64, depth+1)
	for i := range counts {
		counts[i] = map[int32]uint64{}
	}
	w.each(func(way []int32, people uint64) {
		for i, n := range way {
			counts[i][n] += people
		}
	})
	out := make([]map[int32]bool, depth+1)
	for i, c := range counts {
		list := make([]int32, 0, len(c))
		for n := range c {
			list = append(list, n)
		}
		slices.SortFunc(list, func(a, b int32) int { return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(w.names[a], w.names[b])) })
		out[i] = map[int32]bool{}
		for _, n := range list[:min(limit, len(list))] {
			out[i][n] = true
		}
	}
	return out
}

// graph draws the ways: nodes by step, then the most people first; links likewise.
func (w *ways) graph(x *pathsQuestion) ([]PathNode, []PathLink) {
	type node struct {
		step int
		name int32
	}
	type link struct{ from, to node }
	nodes, links := map[node]uint64{}, map[link]uint64{}
	shown := w.shown(x.depth, x.limit)
	w.each(func(way []int32, people uint64) {
		var last node
		for i := range min(len(way)+1, x.depth+1) {
			at := node{i, wayEnds}
			if i < len(way) {
				if at.name = way[i]; !shown[i][at.name] {
					at.name = wayOther
				}
			}
			nodes[at] += people
			if i > 0 {
				links[link{last, at}] += people
			}
			last = at
		}
	})
	name := func(n node) string {
		switch n.name {
		case wayOther:
			return "other"
		case wayEnds:
			return map[bool]string{false: "exit", true: "entry"}[x.previous]
		}
		return w.names[n.name]
	}
	id := func(n node) string { // a path may be called exit, too
		if n.name < 0 {
			return strconv.Itoa(n.step) + "=" + name(n)
		}
		return strconv.Itoa(n.step) + ":" + name(n)
	}
	outNodes, outLinks := []PathNode{}, []PathLink{}
	for n, people := range nodes {
		outNodes = append(outNodes, PathNode{ID: id(n), Step: n.step, Path: name(n), People: people})
	}
	slices.SortFunc(outNodes, func(a, b PathNode) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(b.People, a.People), cmp.Compare(a.ID, b.ID))
	})
	for l, people := range links {
		outLinks = append(outLinks, PathLink{Source: id(l.from), Target: id(l.to), People: people, step: l.to.step})
	}
	slices.SortFunc(outLinks, func(a, b PathLink) int {
		return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(b.People, a.People), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Target, b.Target))
	})
	return outNodes, outLinks
}

func (r *Reporter) answerPaths(ctx context.Context, t *tally, x *pathsQuestion) (*kept, error) {
	q, err := r.attributed(ctx, t, x.q, x.q.From, x.q.To, nil, nil)
	if err != nil {
		return nil, err
	}
	b := &builder{q: q, params: map[string]string{}}
	p, err := r.people(ctx, t, b, x.q.Tenant, x.q.Site)
	if err != nil {
		return nil, err
	}
	w := &ways{number: map[string]int32{}}
	way, people := new(proto.ColStr).Array(), new(proto.ColUInt64)
	st := clickhouse.Statement{SQL: b.pathsSQL(x, p), Params: b.params, Comment: "paths/" + x.q.Tenant}
	if err := r.blocks(ctx, t, st, []proto.ColResult{way, people}, func(rows int) error {
		for i := range rows {
			w.add(way.Row(i), (*people)[i])
		}
		return nil
	}); err != nil {
		return nil, err
	}
	nodes, links := w.graph(x)
	n, err := marshal(nodes)
	if err != nil {
		return nil, err
	}
	l, err := marshal(links)
	return &kept{head: fmt.Appendf(nil, `{"nodes":%s,"links":%s`, n, l)}, err
}
