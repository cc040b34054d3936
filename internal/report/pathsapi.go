package report

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/usage"
)

const pathsDoc = `Where persons go from an anchor, or come from: the page views next to each person's first anchor event in the range, up to depth of them. A way ends (exit; backwards entry) where the person has no further page view
within 30 minutes of the one before. Repeated views of one page are one. Each person counts once, so the links into a node add up to it. Of each step the limit most frequent paths are shown, the rest is other.
Step 0 is the anchor: by path, if it is a page view; else by its type. Page views and anchors must pass the filters.`

func registerPaths(api huma.API, r *Reporter) {
	huma.Register(api, huma.Operation{
		OperationID: "paths", Method: http.MethodGet, Path: basePath + "/paths", Tags: []string{"analytics"}, Summary: "Next and previous pages", Description: pathsDoc, Responses: answerOf[Paths](api, "Paths"),
		Parameters: []*huma.Param{
			bounded("depth", 1, maxDepth, defaultDepth, "Steps beside the anchor."),
			bounded("limit", 1, maxLinks, defaultLinks, "Paths of a step."),
		},
	}, r.getPaths)
	huma.Register(api, huma.Operation{
		OperationID: "paths-post", Method: http.MethodPost, Path: basePath + "/paths", Tags: []string{"analytics"}, Summary: "Next and previous pages, asked in JSON", Description: pathsDoc, Responses: answerOf[Paths](api, "Paths"),
	}, r.postPaths)
}

// PathsQuery is a question about paths.
type PathsQuery struct {
	From      string     `json:"from,omitempty" doc:"Start: a time, a date (also as today-6d), or a length back from to; 7d by default."`
	To        string     `json:"to,omitempty" doc:"End, not included: a time, a date (its end), or a length back from now; now by default."`
	Filter    texts      `json:"filter,omitempty"`
	Segment   string     `json:"segment,omitempty" doc:"A saved segment's id: its filters are added."`
	Bots      string     `json:"bots,omitempty" doc:"exclude (the default), include or only."`
	Anchor    PathAnchor `json:"anchor,omitempty"`
	Direction string     `json:"direction,omitempty" doc:"next (the default) or previous."`
	Depth     *int       `json:"depth,omitempty" nullable:"false" doc:"Steps beside the anchor, 1 to 10; 3 by default."`
	Limit     *int       `json:"limit,omitempty" nullable:"false" doc:"Paths of a step, 1 to 50; 5 by default."`
}

// PathAnchor is where ways begin.
type PathAnchor struct {
	Type string `json:"type,omitempty" doc:"pageview by default."`
	Path string `json:"path,omitempty" doc:"Only events of this path."`
}

type pathsBody struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Body   PathsQuery
}

type pathsInput struct {
	SiteID    string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	From      string   `query:"from"`
	To        string   `query:"to"`
	Filter    []string `query:"filter,explode" doc:"As of /report; may be repeated."`
	Segment   string   `query:"segment"`
	Bots      string   `query:"bots"`
	Anchor    string   `query:"anchor" doc:"Type of the anchor; pageview by default."`
	Path      string   `query:"path" doc:"Path of the anchor."`
	Direction string   `query:"direction"`
	Depth     string   `query:"depth"`
	Limit     string   `query:"limit"`
}

// Paths is the answer about paths.
type Paths struct {
	Nodes         []PathNode `json:"nodes"`
	Links         []PathLink `json:"links"`
	AsOf          string     `json:"as_of" doc:"Everything that was acknowledged up to here is counted."`
	CompleteUntil string     `json:"complete_until" doc:"Later events may still arrive for times after this."`
}

// PathNode is a page at a step.
type PathNode struct {
	ID     string `json:"id"`
	Step   int    `json:"step" doc:"0 is the anchor."`
	Path   string `json:"path" doc:"A path; other for the rest; exit or entry where ways end. Ids of the latter three have = behind the step."`
	People uint64 `json:"people"`
}

// PathLink leads from a node to one of the following step.
type PathLink struct {
	Source string `json:"source"`
	Target string `json:"target"`
	People uint64 `json:"people"`

	step int
}

func (r *Reporter) getPaths(ctx context.Context, in *pathsInput) (*served, error) {
	a := PathsQuery{From: in.From, To: in.To, Filter: in.Filter, Segment: in.Segment, Bots: in.Bots, Anchor: PathAnchor{in.Anchor, in.Path}, Direction: in.Direction}
	for _, n := range []struct {
		name, text string
		to         **int
		most       int
		limit      string
	}{{"depth", in.Depth, &a.Depth, maxDepth, "report.paths_depth"}, {"limit", in.Limit, &a.Limit, maxLinks, "report.paths_limit"}} {
		v, p := number(n.name, n.text, 1, n.most, n.limit)
		if p != nil {
			return nil, p
		}
		if n.text != "" {
			*n.to = &v
		}
	}
	return r.paths(ctx, in.SiteID, a)
}

func (r *Reporter) postPaths(ctx context.Context, in *pathsBody) (*served, error) {
	return r.paths(ctx, in.SiteID, in.Body)
}

func (r *Reporter) paths(ctx context.Context, site string, a PathsQuery) (*served, error) {
	who, src, p := r.source(ctx, site)
	if p != nil {
		return nil, fail(p)
	}
	x, p := r.pathsOf(ctx, src, a)
	if p == nil {
		anchor := stage{typ: x.typ, filters: []Filter{{Dim: Dim{Column: "path"}}}}
		p = r.personMasked(who, x.q, map[string][]stage{"anchor": {anchor}}, nil, false)
	}
	if p != nil {
		return nil, fail(p)
	}
	b := &builder{q: x.q, params: map[string]string{}}
	shape := shapeOf("paths\n" + b.pathsSQL(x, people{person: visitorID}))
	q := Question{Metrics: []string{Pageviews, Visitors}, Filters: x.q.Filters, GroupBy: []Dim{{Column: "path"}}}
	out, p := r.serve(ctx, &panel{
		endpoint: "paths", who: who, src: src, says: "paths of " + src.SiteID,
		key: keyOf(append(x.q.parts(), "paths", x.typ, x.path, fmt.Sprint(x.previous, x.depth, x.limit))...),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, shape), Kind: usage.KindReport, Columns: append(q.rawColumns(), "user_id", "_partition", "_offset", "_row"), From: x.q.From, To: x.q.To}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) { return r.answerPaths(ctx, t, x) },
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}
