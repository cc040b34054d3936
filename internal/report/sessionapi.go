package report

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/problem"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// registerSessions adds the endpoints of sessions.
func registerSessions(api huma.API, r *Reporter) {
	const tag = "analytics"
	huma.Register(api, huma.Operation{
		OperationID: "sessions", Method: http.MethodGet, Path: basePath + "/sessions", Tags: []string{tag}, Summary: "Sessions of a site, the latest first",
		Description: sessionsDoc, Responses: answerOf[SessionList](api, "SessionList"),
		Parameters: []*huma.Param{bounded("limit", 1, maxSessions, defaultSessions, "At most so many.")},
	}, r.getSessions)
	huma.Register(api, huma.Operation{
		OperationID: "sessions-post", Method: http.MethodPost, Path: basePath + "/sessions", Tags: []string{tag}, Summary: "Sessions of a site, asked in JSON",
		Description: sessionsDoc, Responses: answerOf[SessionList](api, "SessionList"),
	}, r.postSessions)
	huma.Register(api, huma.Operation{
		OperationID: "session", Method: http.MethodGet, Path: basePath + "/sessions/{id}", Tags: []string{tag}, Summary: "One session with its events",
		Description: "timeline holds the first 1000 events of the session, in their order.", Responses: answerOf[SessionDetail](api, "SessionDetail"), Errors: []int{403, 404, 422},
	}, r.getSession)
	huma.Register(api, huma.Operation{
		OperationID: "visitor", Method: http.MethodGet, Path: basePath + "/visitors/{visitor}", Tags: []string{tag}, Summary: "What is known of a visitor of a site",
		Description: "sessions are the last 100; traits are the properties of the last identify event.", Responses: answerOf[Visitor](api, "Visitor"), Errors: []int{403, 404, 422},
	}, r.getVisitor)
	registerVisitors(api, r)
}

const sessionsDoc = `Sessions that began in the range, the latest first: live ones too, as they are by now. They are exact up to as_of: events that come late or out of order join, extend and bridge sessions.
from, to and filter are those of the report: country:DE keeps the sessions whose first event is from there; path, type and properties keep sessions that have an event that matches.
limit is 50 by default and 500 at most; next, if there, is the cursor of the next page.`

// SessionList is a page of sessions.
type SessionList struct {
	Sessions      []SessionDoc `json:"sessions"`
	Next          string       `json:"next,omitempty" doc:"The cursor of the next page; absent: there is none."`
	AsOf          string       `json:"as_of"`
	CompleteUntil string       `json:"complete_until"`
}

// SessionDoc describes Session.
type SessionDoc struct {
	SessionFields
	EntryHost    string `json:"entry_host"`
	EntryPath    string `json:"entry_path" doc:"Of the first page view. Columns that are masked for the role are null."`
	ExitHost     string `json:"exit_host"`
	ExitPath     string `json:"exit_path" doc:"Of the last page view."`
	Channel      string `json:"channel,omitempty"`
	ReferrerHost string `json:"referrer_host"`
	UTMSource    string `json:"utm_source"`
	UTMMedium    string `json:"utm_medium"`
	UTMCampaign  string `json:"utm_campaign"`
	UTMTerm      string `json:"utm_term,omitempty"`
	UTMContent   string `json:"utm_content,omitempty"`
	Country      string `json:"country"`
	Region       string `json:"region"`
	City         string `json:"city"`
	Device       string `json:"device"`
	OS           string `json:"os"`
	Browser      string `json:"browser"`
	IsBot        bool   `json:"is_bot"`
}

// SessionDetail is one session.
type SessionDetail struct {
	SessionDoc
	Timeline      []TimelineEvent `json:"timeline"`
	AsOf          string          `json:"as_of"`
	CompleteUntil string          `json:"complete_until"`
}

// TimelineEvent is an event of a session.
type TimelineEvent struct {
	TS       string         `json:"ts"`
	Type     string         `json:"type"`
	EventID  string         `json:"event_id"`
	UserID   string         `json:"user_id"`
	URL      string         `json:"url"`
	Host     string         `json:"host"`
	Path     string         `json:"path"`
	Referrer string         `json:"referrer"`
	Props    map[string]any `json:"props" doc:"Without those that are masked for the role. A whole number beyond 2^53 is a text of all its digits."`
}

// Visitor is what is known of a visitor.
type Visitor struct {
	Visitor       string         `json:"visitor"`
	Person        string         `json:"person" doc:"The person whom identify and alias events join the visitor to; the visitor itself where none does."`
	ClientIDs     []string       `json:"client_ids"`
	FirstSeen     string         `json:"first_seen"`
	LastSeen      string         `json:"last_seen"`
	Sessions      []SessionDoc   `json:"sessions"`
	Traits        map[string]any `json:"traits" doc:"A whole number beyond 2^53 is a text of all its digits."`
	AsOf          string         `json:"as_of"`
	CompleteUntil string         `json:"complete_until"`
}

type sessionsQuery struct {
	SiteID  string   `path:"site_id" doc:"The source's site_id or an alias of it."`
	From    string   `query:"from" doc:"Start: a time, a date, or a length back from to; 7d by default."`
	To      string   `query:"to" doc:"End, not included; now by default."`
	Filter  []string `query:"filter,explode" doc:"As of /report; may be repeated."`
	Segment string   `query:"segment" doc:"The id of a saved segment, whose filters are added."`
	Bots    string   `query:"bots" doc:"exclude (the default), include, or only: sessions whose first event is a bot's."`
	Cursor  string   `query:"cursor" doc:"next of the page before."`
	Limit   string   `query:"limit"`
}

type sessionsBody struct {
	SiteID string `path:"site_id"`
	Body   struct {
		From    string `json:"from,omitempty"`
		To      string `json:"to,omitempty"`
		Filter  texts  `json:"filter,omitempty"`
		Segment string `json:"segment,omitempty"`
		Bots    string `json:"bots,omitempty"`
		Cursor  string `json:"cursor,omitempty"`
		Limit   *int   `json:"limit,omitempty" nullable:"false"`
	}
}

func (r *Reporter) getSessions(ctx context.Context, in *sessionsQuery) (*served, error) {
	limit, p := number("limit", in.Limit, 1, maxSessions, "report.sessions")
	if p != nil {
		return nil, p
	}
	return r.listSessions(ctx, in.SiteID, ask{From: in.From, To: in.To, Filter: in.Filter, Segment: in.Segment, Bots: in.Bots, Limit: limit}, in.Cursor)
}

func (r *Reporter) postSessions(ctx context.Context, in *sessionsBody) (*served, error) {
	b := in.Body
	limit, p := atLeastOne("limit", b.Limit, maxSessions, "report.sessions")
	if p != nil {
		return nil, p
	}
	return r.listSessions(ctx, in.SiteID, ask{From: b.From, To: b.To, Filter: b.Filter, Segment: b.Segment, Bots: b.Bots, Limit: limit}, b.Cursor)
}

// listing prepares a list of a site's sessions.
func (r *Reporter) listing(ctx context.Context, site string, a ask) (tenant.Principal, catalog.Source, listing, *problem.Problem) {
	who, src, p := r.source(ctx, site)
	if p != nil {
		return who, src, listing{}, p
	}
	a.Metric = []string{Sessions}
	q, p := a.question(src, r.now(), r.zone)
	if p != nil {
		return who, src, listing{}, p
	}
	if q.Filters, p = r.filters(ctx, src, a.Filter, a.Segment); p != nil {
		return who, src, listing{}, p
	}
	if q.Bots, p = botsOf(a.Bots, nil, q.Filters); p != nil {
		return who, src, listing{}, p
	}
	if p := r.masked(who, q); p != nil {
		return who, src, listing{}, p
	}
	hidden, p := r.hidden(who)
	if p != nil {
		return who, src, listing{}, p
	}
	q.Timeout = r.timeout(src.Tenant)
	return who, src, listing{q: q, timeout: q.Timeout, hidden: hidden, sealed: r.deps.Clock.CompleteUntil(src.Tenant)}, nil
}

func (r *Reporter) listSessions(ctx context.Context, site string, a ask, after string) (*served, error) {
	if a.Limit == 0 {
		a.Limit = defaultSessions
	}
	who, src, l, p := r.listing(ctx, site, a)
	if p != nil {
		return nil, fail(p)
	}
	if after != "" {
		at, hash, ok := parseSessionID(after)
		if !ok {
			return nil, invalid("cursor", "cursor is %q, which no answer has given away; leave it out to begin with the first page", after)
		}
		l.before = &cursor{at, hash}
	}
	return r.serveSessions(ctx, who, src, l, "sessions", []string{after, strconv.Itoa(a.Limit)}, func(ctx context.Context, t *tally) ([]byte, error) {
		list, more, err := r.sessions(ctx, t, l)
		if err != nil {
			return nil, err
		}
		head, err := marshal(list)
		if err != nil {
			return nil, err
		}
		head = append([]byte(`{"sessions":`), head...)
		if more {
			head = fmt.Appendf(head, `,"next":%q`, list[len(list)-1].ID)
		}
		return head, nil
	})
}

// namesInBill is what the bill calls the questions about sessions.
var namesInBill = map[string]string{"sessions": "list of sessions", "session": "events of a session", "visitor": "sessions of a visitor"}

// serveSessions answers by run, which writes the answer up to its times.
func (r *Reporter) serveSessions(ctx context.Context, who tenant.Principal, src catalog.Source, l listing, endpoint string, key []string, run func(context.Context, *tally) ([]byte, error)) (*served, error) {
	// sealed changes with time: an answer is kept for a minute of it.
	parts := append(append(l.q.parts(), endpoint, l.sealed.Truncate(time.Minute).UTC().Format(time.RFC3339), strings.Join(l.hidden, "\x00")), key...)
	told := l.q
	told.Metrics = nil // they say how it is asked, and not what
	out, p := r.serve(ctx, &panel{
		endpoint: endpoint, who: who, src: src, says: endpoint + " of " + src.SiteID, asks: told.asks(namesInBill[endpoint]), key: keyOf(parts...),
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, src, shapeOf(endpoint+l.q.shape())), Kind: usage.KindReport, Columns: l.columns(), From: l.q.From, To: l.q.To}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) {
			head, err := run(ctx, t)
			return &kept{head: head}, err
		},
		cohorts: l.q.cohorts(),
	})
	if p != nil {
		return nil, fail(p)
	}
	return out, nil
}

// columns are the columns of events that a list reads.
func (l listing) columns() []string {
	names := l.q.rawColumns()
	for _, c := range session.Columns {
		names = append(names, c.From)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

type sessionInput struct {
	SiteID string `path:"site_id" doc:"The source's site_id or an alias of it."`
	ID     string `path:"id" doc:"Of a session in a list."`
}

// sessionIDForm is the form of an id, in either case.
var sessionIDForm = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

func (r *Reporter) getSession(ctx context.Context, in *sessionInput) (*served, error) {
	const day = 24 * time.Hour
	if !sessionIDForm.MatchString(in.ID) {
		return nil, invalid("id", "%q is no id of a session: these are 32 hex digits, as the list of sessions gives them", in.ID)
	}
	in.ID = strings.ToLower(in.ID)
	at, hash, ok := parseSessionID(in.ID)
	if !ok || at.Add(-day).Year() < 1971 || at.Add(day).Year() > 2105 { // what lies around it cannot be asked for
		return nil, problem.New(http.StatusNotFound, "unknown_session", "there is no session %s: its time is none that events have", in.ID).WithField("id")
	}
	who, src, l, p := r.listing(ctx, in.SiteID, ask{From: at.Add(-day).Format(time.RFC3339), To: at.Add(day).Format(time.RFC3339)})
	if p != nil {
		return nil, fail(p)
	}
	none := problem.New(http.StatusNotFound, "unknown_session", "site %s has no session %s", src.SiteID, in.ID).WithField("id")
	return r.serveSessions(ctx, who, src, l, "session", []string{in.ID}, func(ctx context.Context, t *tally) ([]byte, error) {
		visitor, err := r.findVisitor(ctx, t, l.q.Tenant, l.q.Site, at, hash)
		if err != nil {
			return nil, err
		}
		if visitor == "" {
			return nil, none
		}
		l := l
		l.visitor = visitor
		s, found, err := r.sessionAt(ctx, t, l, at)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, none
		}
		events, err := r.timeline(ctx, t, l, s)
		if err != nil {
			return nil, err
		}
		head, err := marshal(s)
		if err != nil {
			return nil, err
		}
		list, err := marshal(events)
		return append(append(head[:len(head)-1], `,"timeline":`...), list...), err
	})
}

// timeline returns the first events of a session.
func (r *Reporter) timeline(ctx context.Context, t *tally, l listing, s Session) ([]Row, error) {
	b := &builder{q: l.q, params: map[string]string{}}
	v := b.text("visitor", l.visitor)
	names := []string{"ts", "type", "event_id", "user_id", "url", "host", "path", "referrer"}
	sql := "SELECT toString(toUnixTimestamp64Milli(ts)), " + strings.Join(names[1:], ", ") + ", props, props_num\nFROM weir.events\nWHERE tenant = " + b.text("tenant", l.q.Tenant) + " AND site_id = " + b.text("site", l.q.Site) +
		" AND (client_id = " + v + " OR client_id = '' AND user_id = " + v + ") AND " + b.between("ts", "from", s.start, "to", s.end.Add(time.Millisecond)) +
		"\nORDER BY events.ts, _partition, _offset, _row\nLIMIT " + strconv.Itoa(maxTimeline)
	rows := []Row{}
	err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "report/" + l.q.Tenant}, func(raw []any) error {
		if len(raw) != len(names)+2 {
			return fmt.Errorf("report: the engine's row has %d columns, want %d", len(raw), len(names)+2)
		}
		ms, err := signed(raw[0])
		if err != nil {
			return err
		}
		row := Row{names: append(slices.Clone(names), "props"), values: append(slices.Clone(raw[:len(names)]), l.properties(raw[len(names)], raw[len(names)+1]))}
		row.values[0] = formatTime(time.UnixMilli(ms))
		for i, n := range names {
			if slices.Contains(l.hidden, n) {
				row.values[i] = nil
			}
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// exactDoc says how numbers of properties are shown.
const exactDoc = "Properties by name. A whole number beyond 2^53 is a text of all its digits: as a number of JSON most readers would round it."

// properties puts the maps of an event together, without what is masked.
func (l listing) properties(texts, nums any) map[string]any {
	out := map[string]any{}
	for i, m := range []any{texts, nums} {
		values, _ := m.(map[string]any)
		for name, v := range values {
			if slices.ContainsFunc(l.hidden, func(mask string) bool { return covers(mask, Dim{Prop: name}) }) {
				continue
			}
			if i == 1 {
				if digits, ok := out[name].(string); ok && event.LongInteger([]byte(digits)) {
					continue // the number's exact text
				}
				if f, ok := v.(string); ok {
					v = json.Number(f)
				}
			}
			out[name] = v
		}
	}
	return out
}

type visitorInput struct {
	SiteID  string `path:"site_id" doc:"The source's site_id or an alias of it."`
	Visitor string `path:"visitor" doc:"A client id, or the user id of events without one."`
}

const (
	visitorSessions = 100
	maxVisitor      = 512 << 10 // bytes: no event is larger
)

func (r *Reporter) getVisitor(ctx context.Context, in *visitorInput) (*served, error) {
	if in.Visitor == "" || len(in.Visitor) > maxVisitor || !utf8.ValidString(in.Visitor) || strings.ContainsRune(in.Visitor, 0) {
		return nil, invalid("visitor", "visitor must be a text of 1 to %d bytes", maxVisitor).WithLimit("report.visitor", maxVisitor)
	}
	who, src, l, p := r.listing(ctx, in.SiteID, ask{From: "1971-01-02", To: r.now().Truncate(time.Hour).Add(26 * time.Hour).UTC().Format(time.RFC3339), Limit: visitorSessions})
	if p != nil {
		return nil, fail(p)
	}
	l.visitor = in.Visitor
	none := problem.New(http.StatusNotFound, "unknown_visitor", "site %s has no events of a visitor %q", src.SiteID, clip(in.Visitor)).WithField("visitor")
	return r.serveSessions(ctx, who, src, l, "visitor", []string{in.Visitor}, func(ctx context.Context, t *tally) ([]byte, error) {
		facts, err := r.factsOf(ctx, t, l)
		if err != nil {
			return nil, err
		}
		if facts == nil {
			return nil, none
		}
		person, err := r.personOfVisitor(ctx, t, l, len(facts.clients) == 0)
		if err != nil {
			return nil, err
		}
		list, _, err := r.sessions(ctx, t, l)
		if err != nil {
			return nil, err
		}
		body, err := marshal(map[string]any{"visitor": in.Visitor, "person": person, "client_ids": facts.clients, "first_seen": formatTime(facts.first), "last_seen": formatTime(facts.last),
			"sessions": list, "traits": facts.traits})
		if err != nil {
			return nil, err
		}
		return body[:len(body)-1], nil
	})
}

// facts are what all events of a visitor say together.
type facts struct {
	clients     []string
	first, last time.Time
	traits      map[string]any
}

// factsOf returns nil when there is no event of the visitor.
func (r *Reporter) factsOf(ctx context.Context, t *tally, l listing) (*facts, error) {
	b := &builder{q: l.q, params: map[string]string{}}
	v := b.text("visitor", l.visitor)
	order := "(ts, _partition, _offset, _row)"
	sql := "SELECT count(), min(toUnixTimestamp64Milli(ts)), max(toUnixTimestamp64Milli(ts)), max(client_id), argMaxIf(props, " + order +
		", type = 'identify'), argMaxIf(props_num, " + order + ", type = 'identify')\nFROM weir.events\nWHERE tenant = " + b.text("tenant", l.q.Tenant) + " AND site_id = " + b.text("site", l.q.Site) +
		" AND (client_id = " + v + " OR client_id = '' AND user_id = " + v + ")"
	var out *facts
	err := r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "report/" + l.q.Tenant}, func(row []any) error {
		if len(row) != 6 {
			return fmt.Errorf("report: the engine's row has %d columns, want 6", len(row))
		}
		if n, err := unsigned(row[0]); err != nil || n == 0 {
			return err
		}
		first, err := signed(row[1])
		if err != nil {
			return err
		}
		last, err := signed(row[2])
		if err != nil {
			return err
		}
		out = &facts{first: time.UnixMilli(first), last: time.UnixMilli(last), clients: []string{}, traits: l.properties(row[4], row[5])}
		if client, _ := row[3].(string); client != "" {
			out.clients = append(out.clients, client)
		}
		return nil
	})
	return out, err
}

// personOfVisitor returns whose a visitor's events are. The visitor is a client, or a user of events without one.
func (r *Reporter) personOfVisitor(ctx context.Context, t *tally, l listing, user bool) (person string, err error) {
	b := &builder{q: l.q, params: map[string]string{}}
	of, err := r.people(ctx, t, b, l.q.Tenant, l.q.Site)
	if err != nil || of.join == "" {
		return l.visitor, err
	}
	ids := []string{"client_id", "user_id"}
	if user {
		slices.Reverse(ids)
	}
	sql := fmt.Sprintf("SELECT %s FROM (SELECT materialize(%s) AS %s, materialize('') AS %s) AS visitors%s", of.person, b.text("visitor", l.visitor), ids[0], ids[1], of.join)
	err = r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "report/" + l.q.Tenant}, func(row []any) error {
		person, _ = row[0].(string)
		return nil
	})
	return person, err
}
