package importer

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"weir/internal/client"
)

// TestRejectedIsRemembered shows that an import knows of the lines that earlier ones of the file rejected, however it was cut into batches.
func TestRejectedIsRemembered(t *testing.T) {
	s := newServer()
	s.item = func(ev map[string]any) *client.Rejection {
		if strings.HasSuffix(ev["url"].(string), "7") {
			return &client.Rejection{Code: "bad_ts", Field: "ts", Message: "too late"}
		}
		return nil
	}
	s.refuse = func(w http.ResponseWriter, n int, _ []byte) bool {
		if n == 12 {
			w.WriteHeader(http.StatusUnauthorized) // the import breaks off
			return true
		}
		return false
	}
	text := logText(1, 99) + "nonsense\n" + strings.Repeat("x", 3000) + "\n" + logText(100, 200)
	change := func(o *Options) { o.LineBytes = 1000 }
	broken, err := run(t, s, change, content(text))
	if err == nil || broken.Rejected == 0 {
		t.Fatalf("%+v, %v", broken, err)
	}
	rest := mustRun(t, s, change, content(text))
	if rest.RejectedBefore == 0 || rest.RejectedBefore > broken.Rejected || rest.Rejected == 0 {
		t.Errorf("after the break: %+v", rest)
	}
	for range 2 {
		again := mustRun(t, s, change, content(text))
		if again.Rejected != 0 || again.RejectedBefore != 22 || again.Done != 202 {
			t.Errorf("again: %+v", again)
		}
		err := again.Strict()
		if err == nil || !strings.Contains(err.Error(), "22 lines were rejected by an earlier import") || !strings.Contains(err.Error(), "file of their own") {
			t.Errorf("a strict import says %v", err)
		}
		var out strings.Builder
		if _ = again.Write(&out); !strings.Contains(out.String(), "0 rejected, 202 already done (22 of them rejected then)") {
			t.Error(out.String())
		}
	}
	// It has grown: what is new is counted to what is known.
	s.refuse = nil
	if grown := mustRun(t, s, change, content(text+logText(201, 210))); grown.Rejected != 1 || grown.RejectedBefore != 22 || grown.Accepted != 9 {
		t.Errorf("grown: %+v", grown)
	}
	if again := mustRun(t, s, change, content(text+logText(201, 210))); again.RejectedBefore != 23 {
		t.Errorf("grown, again: %+v", again)
	}
	clean := mustRun(t, newServer(), nil, content(logText(1, 3)))
	if err := clean.Strict(); err != nil {
		t.Errorf("nothing was rejected: %v", err)
	}
	for _, c := range []struct {
		s    Summary
		says string
	}{
		{Summary{Rejected: 1}, "1 line was rejected: put"},
		{Summary{Rejected: 2, RejectedBefore: 1}, "2 lines were rejected, and 1 line was rejected by an earlier import"},
	} {
		if err := c.s.Strict(); err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
}

// TestCorrectedFile shows what docs/IMPORT.md says of a file whose bad line is corrected in place: behind its first 4 KB the line is never sent,
// within them all lines are, those without ids of their own under new ones. The corrected line in a file of its own is what works.
func TestCorrectedFile(t *testing.T) {
	lines := func(bad int, broken bool) string {
		var b strings.Builder
		for i := 1; i <= 100; i++ {
			switch {
			case i == bad && broken:
				b.WriteString(`{"event_id":` + "\n")
			case i%2 == 0:
				fmt.Fprintf(&b, `{"event_id":"own-%d","type":"a","n":%d,"text":%q}`+"\n", i, i, strings.Repeat("x", 60))
			default:
				fmt.Fprintf(&b, `{"type":"a","n":%d,"text":%q}`+"\n", i, strings.Repeat("x", 60))
			}
		}
		return b.String()
	}
	ndjson := func(o *Options) { o.Format = NDJSON }
	for name, c := range map[string]struct {
		bad            int
		accepted, done int64 // of the corrected file
		ids            int   // that are known then
	}{
		"behind the first 4 KB": {90, 0, 100, 99},
		"within them":           {4, 100, 0, 99 + 1 + 50}, // 50 lines have no id of their own
	} {
		s := newServer()
		if first := mustRun(t, s, ndjson, content(lines(c.bad, true))); first.Rejected != 1 || first.Accepted != 99 {
			t.Fatalf("%s: %+v", name, first)
		}
		if got := mustRun(t, s, ndjson, content(lines(c.bad, false))); got.Accepted != c.accepted || got.Done != c.done || len(s.events) != c.ids {
			t.Errorf("%s: %+v, %d ids", name, got, len(s.events))
		}
	}
	s := newServer()
	mustRun(t, s, ndjson, content(lines(90, true)))
	for range 2 {
		mustRun(t, s, ndjson, content(`{"event_id":"own-90","type":"a","n":90}`+"\n"))
	}
	if len(s.events) != 100 || len(s.events["own-90"]) != 1 {
		t.Errorf("the line in a file of its own: %d ids", len(s.events))
	}
}

// TestCutFile shows that a cut off file is told once, and in words.
func TestCutFile(t *testing.T) {
	var packed bytes.Buffer
	g := gzip.NewWriter(&packed)
	fmt.Fprint(g, logText(1, 3000))
	g.Close()
	for name, cut := range map[string]int{"in the middle": packed.Len() / 2, "in the last bytes": packed.Len() - 3} {
		s := newServer()
		sum, err := run(t, s, nil, content(packed.String()[:cut]))
		if err == nil || strings.Count(err.Error(), "unexpected EOF") != 1 || !strings.Contains(err.Error(), "the file is cut off") || sum.Accepted == 0 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
		mustRun(t, s, nil, content(packed.String()))
		s.checkOnce(t, 3000, 1)
	}
}
