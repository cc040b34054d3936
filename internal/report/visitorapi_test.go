package report

import (
	"net/url"
	"strings"
	"testing"
)

// TestVisitorsOfAnyID: ids that no path can have are asked for as parameters, whole, and are the same question as in the path.
func TestVisitorsOfAnyID(t *testing.T) {
	e := &fakeEngine{answers: []fakeAnswer{{rows: "[[0, 0, 0, \"\", {}, {}]]"}}}
	r := newReporter(t, e, clock{asOf: noon, positions: map[string]map[uint16]uint64{}}, Config{})
	r.deps.Links = seqs{}
	h := serve(r, acmeViewer)
	const base = "/api/v1/analytics/site/"
	long := strings.Repeat("ü", 3000)
	for _, id := range []string{".", "..", "a/b", long} {
		for _, c := range [][3]string{{"GET", base + "visitors?visitor=" + url.QueryEscape(id), ""}, {"POST", base + "visitors", mustJSON(t, map[string]string{"visitor": id})}} {
			e.got = nil
			status, _, body := call(t, h, c[0], c[1], c[2])
			if status != 404 || !strings.Contains(body, "unknown_visitor") || len(body) > 1000 {
				t.Errorf("%s %.80s: %d %.300s", c[0], c[1], status, body)
			}
			if len(e.got) != 1 || e.got[0].Params["visitor"] != id {
				t.Errorf("%s %.80s: %d statements, about another visitor", c[0], c[1], len(e.got))
			}
		}
	}
	for target, want := range map[string]string{"visitors": "1 to 524288 bytes", "visitors?visitor=%ff": "1 to 524288", "visitors?visitor=" + strings.Repeat("x", 512<<10+1): "524288",
		"people?id=": "1 to 1024"} {
		if status, _, body := call(t, h, "GET", base+target, ""); status != 422 || !strings.Contains(body, want) {
			t.Errorf("%.80s: %d %s", target, status, body)
		}
	}
}
