package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/report/funnel"
)

// listener is an engine that refuses every statement and looks at what it is sent: statements of a tenant name it by a parameter, and no text of a caller stands in them.
type listener struct {
	t *testing.T
	n atomic.Int64 // several may be asked at once
}

var errListener = errors.New("the engine of this test answers nothing")

func (l *listener) hear(s clickhouse.Statement) {
	l.n.Add(1)
	if strings.Contains(s.SQL, "zzq") || strings.Contains(s.SQL, "acme") {
		l.t.Errorf("a text stands in the statement itself: %s", s.SQL)
	}
	if strings.Count(s.SQL, "'")%2 != 0 {
		l.t.Errorf("odd quotes in %s", s.SQL)
	}
}

func (l *listener) Rows(_ context.Context, s clickhouse.Statement, _ func([]any) error) (clickhouse.Summary, error) {
	l.hear(s)
	return clickhouse.Summary{}, errListener
}

func (l *listener) Query(_ context.Context, s clickhouse.Statement) (*clickhouse.Result, error) {
	l.hear(s)
	return nil, errListener
}

// FuzzQuestions puts any body to the questions that are asked in JSON, and any filter and cursor to those that are asked in an address. A question is either refused as the caller's fault, with a field
// where the question was understood, or it reaches the engine, which cannot be reached here (500, 503).
func FuzzQuestions(f *testing.F) {
	posts := []string{"funnel", "funnel/people", "retention", "paths", "report", "sessions", "conversions"}
	gets := []string{"events", "sessions", "retention", "paths", "values", "report", "conversions"}
	for i, body := range []string{
		`{"steps":[{"type":"a"},{"type":"b","filter":["path:zzq"]}],"window":"1h","order":"strict","exclude":[{"type":"x","after":1,"before":2}],"breakdown":"country"}`,
		`{"steps":[{"type":"zzq"},{"type":"b"}],"step":2,"dropped":true,"limit":3,"cursor":"YQ","bots":"only"}`,
		`{"period":"month","periods":3,"mode":"recurring","start":{"type":"zzq","filter":["country:DE|FR"]},"return":{"type":"b"},"filter":["!path:~/zzq"]}`,
		`{"anchor":{"type":"pageview","path":"/zzq"},"direction":"previous","depth":3,"limit":5,"from":"2026-03-01","to":"2026-03-02"}`,
		`{"metric":"visitors,sessions","interval":"day","group_by":"props.zzq","filter":"cohort:x","compare":"previous","segment":"zzq"}`,
		`{"from":"7d","goal":["zzq"],"filter":["props.zzq:~zzq","!country:zzq"],"segment":"","bots":"include"}`,
		`{"from":"7d","filter":["entry_path:/zzq"],"cursor":"00000195806f3c00ffffffffffffffff","limit":500}`,
	} {
		f.Add(uint8(i), body, "path:/zzq", "00000195806f3c00ffffffffffffffff")
	}
	f.Add(uint8(0), `{"steps":`+strings.Repeat(`[`, 100), "!!~a|b\\", "\xff")
	engine := &listener{}
	r, err := New(Config{}, Deps{Engine: engine, Streams: engine, Sources: testSources, Clock: clock{asOf: noon}, Positions: clock{asOf: noon}}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		f.Fatal(err)
	}
	r.now = func() time.Time { return noon }
	r.counted = time.Now()
	h := serve(r, acmeViewer)
	f.Fuzz(func(t *testing.T, which uint8, body, filter, cursor string) {
		engine.t = t
		check := func(method, target, body string) {
			t.Helper()
			before := engine.n.Load()
			status, _, text := call(t, h, method, target, body)
			switch status {
			case 200, 400, 404, 413, 415, 422:
			case 500, 502, 503:
				if engine.n.Load() == before {
					t.Errorf("%s %s: %d without a statement: %s", method, target, status, text)
				}
			default:
				t.Errorf("%s %s %s: %d %s", method, target, body, status, text)
			}
			if status == 422 {
				var p struct {
					Field  string
					Errors []json.RawMessage
				}
				if json.Unmarshal([]byte(text), &p) != nil || p.Field == "" && len(p.Errors) == 0 {
					t.Errorf("%s %s %s: no field is named: %s", method, target, body, text)
				}
			}
		}
		check("POST", "/api/v1/analytics/site/"+posts[int(which)%len(posts)], body)
		q := url.Values{"filter": {filter}}
		if at := gets[int(which)%len(gets)]; at == "events" || at == "sessions" {
			q.Set("cursor", cursor)
		} else if at == "values" {
			q = url.Values{"dim": {filter}, "prefix": {cursor}}
		}
		check("GET", "/api/v1/analytics/site/"+gets[int(which)%len(gets)]+"?"+q.Encode(), "")
	})
}

// FuzzCohort reads any text as the question of a cohort.
func FuzzCohort(f *testing.F) {
	f.Add(`{"did":{"type":"purchase","filter":["country:DE"]},"within":"30d","at_least":2}`)
	f.Add(`{"funnel":{"steps":[{"type":"a"},{"type":"b"}]},"step":2}`)
	f.Add(`{"people":["a","b"]}`)
	f.Add(`{"people":null,"did":{}}`)
	r, err := New(Config{}, Deps{Engine: &listener{}, Sources: testSources, Clock: clock{asOf: noon}, Positions: clock{asOf: noon}}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c catalog.Cohort
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		p := r.CheckCohort(t.Context(), testSources["site"], c)
		if p != nil && (p.Status < 400 || p.Status >= 500 || p.Field == "") {
			t.Errorf("%s: %+v", text, p)
		}
	})
}

// FuzzSessionID: an id is read as it was written, and only what is written so is an id.
func FuzzSessionID(f *testing.F) {
	f.Add(sessionID(noon, 77))
	f.Add("")
	f.Add("ffffffffffffffffffffffffffffffff")
	f.Fuzz(func(t *testing.T, id string) {
		at, hash, ok := parseSessionID(id)
		if ok && sessionID(at, hash) != id {
			t.Errorf("%q is read as %v %d, which is written %q", id, at, hash, sessionID(at, hash))
		}
	})
}

// FuzzBlocks reads any bytes as the engine's answer to a funnel: an error, never a panic, and never more rows than there are bytes for.
func FuzzBlocks(f *testing.F) {
	for _, rows := range []int{0, 2} {
		var b proto.Buffer
		one := &proto.ColStr{}
		arrays := []proto.Column{proto.NewArrInt64(), proto.NewArrUInt16(), proto.NewArrUInt64(), proto.NewArrUInt32(), proto.NewArrUInt32(), proto.NewArrUInt32(), proto.NewArrUInt8(), new(proto.ColStr).Array()}
		for range rows {
			one.Append("p")
			arrays[0].(*proto.ColArr[int64]).Append([]int64{1, 2})
			arrays[1].(*proto.ColArr[uint16]).Append([]uint16{1, 2})
			arrays[2].(*proto.ColArr[uint64]).Append([]uint64{1, 2})
			for _, i := range []int{3, 4, 5} {
				arrays[i].(*proto.ColArr[uint32]).Append([]uint32{1, 2})
			}
			arrays[6].(*proto.ColArr[uint8]).Append([]uint8{1, 0})
			arrays[7].(*proto.ColArr[string]).Append([]string{"v"})
		}
		b.PutUVarInt(9)
		b.PutUVarInt(uint64(rows))
		for _, c := range append([]proto.Column{one}, arrays...) {
			b.PutString("c")
			b.PutString(string(c.Type()))
			if rows > 0 {
				c.EncodeColumn(&b)
			}
		}
		f.Add(b.Buf)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, cols := newFunnelRows(&funnelQuestion{excluded: make([]stage, 1), funnel: funnel.Funnel{Order: funnel.Strict}, breakdown: &Dim{Column: "country"}}, false)
		_ = readBlocks(io.LimitReader(bytes.NewReader(body), 1<<20), cols, func(n int) error { // garbage is an error, which is fine
			for i := range n {
				events, err := rows.of(i)
				if err != nil {
					return err
				}
				if len(events) > len(body) {
					t.Fatalf("%d events of %d bytes", len(events), len(body))
				}
			}
			return nil
		})
	})
}
