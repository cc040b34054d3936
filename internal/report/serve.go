package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// panel is one question on its way: who asks, about what, and how it is answered.
type panel struct {
	endpoint string
	who      tenant.Principal
	src      catalog.Source
	key      [32]byte
	// expected is what is known of the question before it runs. It is not asked for a kept answer.
	expected func() usage.Question
	// run answers from the engine.
	run func(ctx context.Context, t *tally) (*kept, error)
	// cohorts are those that more than one of its statements asks about: they are found first.
	cohorts []*cohort
	// recent says that it asks about the last minutes, where no row is that waits because it is late.
	recent bool
	// fresh says that the answer is kept by whoever asks.
	fresh bool
	// says describes the question in a log.
	says string
	// asks describes it in a bill: without values. Empty: as the endpoint is called.
	asks string
}

// kept is an answer without the time that it is of. Nobody writes to it.
type kept struct {
	head, tail []byte // JSON before and behind the times
	headMarks  []mark // where a row that may still move is marked, in their order
	tailMarks  []mark
	asOf, till time.Time
	timeless   bool   // it has no complete_until
	unknown    []byte // a field that names what no event has had
	shape      string
}

// served is an answer as it goes out.
type served struct {
	Type     string `header:"Content-Type"`
	Cost     string `header:"X-Weir-Cost" doc:"What the answer cost, as JSON: amount, currency, cpu_seconds, memory_bytes, rows_read, bytes_read, budget_remaining"`
	Cache    string `header:"X-Weir-Cache" doc:"hit: the answer was kept, and the data has not changed since; miss"`
	Snapshot string `header:"X-Weir-Snapshot" doc:"Token of what was visible: as_of of a query"`
	NoStore  string `header:"Cache-Control"`
	Body     []byte
}

// maxAtOnce is how many statements of one question run at the same time; of its other statements each waits for one to end.
const maxAtOnce = 2

// tally adds up what the statements of one question used.
type tally struct {
	once   sync.Once
	places chan struct{}

	looking sync.Mutex                  // held while a day is looked at
	looked  map[uint64]*session.Growing // by the version of the day; all parts of an answer read it alike

	mu     sync.Mutex
	cpu    time.Duration
	memory float64 // byte-seconds
	peak   uint64
	rows   uint64
	bytes  uint64
}

func (t *tally) add(s clickhouse.Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cpu += s.CPU
	t.memory += float64(s.PeakMemory) * s.Elapsed.Seconds()
	t.peak = max(t.peak, s.PeakMemory)
	t.rows += s.ReadRows
	t.bytes += s.ReadBytes
}

// told is what the tenant is told, and charged, of what the statements read.
func (t *tally) told() clickhouse.Summary {
	return clickhouse.Summary{ReadRows: t.rows, ReadBytes: t.bytes}.Told()
}

// take waits for a place to run a statement; give it back when it has ended.
func (t *tally) take(ctx context.Context) (give func(), err error) {
	t.once.Do(func() { t.places = make(chan struct{}, maxAtOnce) })
	select {
	case t.places <- struct{}{}:
		return func() { <-t.places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve answers a question: from the cache, or from the engine when its turn has come.
func (r *Reporter) serve(ctx context.Context, p *panel) (*served, *problem.Problem) {
	begin := time.Now()
	defer usage.Label(ctx, usage.Report, p.src.Tenant)()
	defer func() { r.metrics.seconds.WithLabelValues(p.endpoint).Observe(time.Since(begin).Seconds()) }()
	question := keyFor(p.who, p.key)
	p.key = r.keyWithMerges(question, p.src)
	if prob := r.settle(ctx, p.src.Tenant); prob != nil {
		return nil, prob
	}
	if p.fresh || r.deps.Cache == nil || r.deps.Data == nil {
		out, _, prob := r.ask1(ctx, p)
		return out, prob
	}
	if out := r.hit(p); out != nil {
		return out, nil
	}
	var own *served
	var prob *problem.Problem
	v, err := r.deps.Cache.Share(ctx, p.src.Tenant, p.key, func() (any, bool) {
		if own = r.hit(p); own != nil { // somebody else's run has ended meanwhile
			return nil, false
		}
		var k *kept
		version, settled := r.deps.Data.DataVersion(p.src.Tenant)
		if own, k, prob = r.ask1(ctx, p); prob != nil {
			return nil, false
		}
		after, still := r.deps.Data.DataVersion(p.src.Tenant)
		if settled && still && after == version && p.key == r.keyWithMerges(question, p.src) { // else a merge was undone or restored meanwhile
			r.deps.Cache.Store(p.src.Tenant, p.key, version, k, len(k.head)+len(k.tail))
		}
		return k, true
	})
	switch {
	case err != nil:
		return nil, gone()
	case own != nil || prob != nil:
		return own, prob
	}
	k := v.(*kept)
	cpu := usage.StartCPU() // the waiting for somebody else's run is no work
	return r.again(p, k, k.asOf, k.till, r.snapshot(p.src.Tenant), cpu), nil
}

// asOf is the time up to which all that was acknowledged, and that the question could look at, can be seen.
func (r *Reporter) asOf(p *panel) time.Time {
	if p.recent {
		return r.deps.Clock.Reached()
	}
	return r.deps.Clock.AsOf(p.src.Tenant)
}

// hit looks an answer up. Its times are those of now: they are read before the version, at which the answer was found.
func (r *Reporter) hit(p *panel) *served {
	cpu := usage.StartCPU()
	asOf, till, snapshot := r.asOf(p), r.deps.Clock.CompleteUntil(p.src.Tenant), r.snapshot(p.src.Tenant)
	version, settled := r.deps.Data.DataVersion(p.src.Tenant)
	if !settled {
		cpu.Stop()
		return nil
	}
	v, ok := r.deps.Cache.Load(p.src.Tenant, p.key, version)
	if !ok {
		cpu.Stop()
		return nil
	}
	return r.again(p, v.(*kept), asOf, till, snapshot, cpu)
}

// again gives a kept answer, and charges what that takes: the CPU since cpu was started, which it stops.
func (r *Reporter) again(p *panel, k *kept, asOf, till time.Time, snapshot string, cpu usage.CPUTime) *served {
	body := k.render(asOf, till)
	subject := subject(p.who, p.src, k.shape)
	rec := usage.Record{Subject: subject, Kind: usage.KindCache, At: time.Now(), CPU: cpu.Stop(), BytesOut: uint64(len(body)), Count: 1}
	r.tell(rec)
	r.metrics.answers.WithLabelValues("cache").Inc()
	return out(body, usage.CostOf(r.deps.Pricer, rec, 0), snapshot, "hit")
}

func out(body []byte, cost usage.Cost, snapshot, cache string) *served {
	c, err := json.Marshal(cost)
	if err != nil { // an amount that is no number
		c = []byte("{}")
	}
	return &served{Type: "application/json", Cost: string(c), Cache: cache, Snapshot: snapshot, NoStore: "no-store", Body: body}
}

// render writes the answer with its times.
func (k *kept) render(asOf, till time.Time) []byte {
	head, tail := settle(k.head, k.headMarks, till), settle(k.tail, k.tailMarks, till)
	b := make([]byte, 0, len(head)+len(tail)+96)
	b = append(append(b, head...), `,"as_of":"`...)
	b = append(append(b, formatTime(asOf)...), '"')
	if !k.timeless {
		b = append(append(b, `,"complete_until":"`...), formatTime(till)...)
		b = append(b, '"')
	}
	return append(append(append(b, tail...), k.unknown...), "}\n"...)
}

// ask1 admits and runs a question.
func (r *Reporter) ask1(ctx context.Context, p *panel) (*served, *kept, *problem.Problem) {
	t := &tally{}
	expected := p.expected()
	r.texts.Note(p.src.Tenant, expected.Shape, p.text())
	var ticket usage.Ticket
	if r.deps.Gate != nil {
		var prob *problem.Problem
		if ticket, prob = r.deps.Gate.Admit(expected, ctx.Done()); prob != nil {
			return nil, nil, prob
		}
		defer func() {
			if ticket != nil { // a panic: the place must not be lost
				ticket.Done(usage.Record{Subject: expected.Subject, Kind: usage.KindReport, At: time.Now(), Partial: true})
			}
		}()
	}
	// Read before the rows: what they show is at least as fresh.
	asOf, till, snapshot := r.asOf(p), r.deps.Clock.CompleteUntil(p.src.Tenant), r.snapshot(p.src.Tenant)
	if tuned, ok := ticket.(usage.Tuned); ok {
		ctx = withTuning(ctx, tuned.Settings())
	}
	var k *kept
	err := r.findMembers(ctx, t, p.cohorts)
	if err == nil {
		k, err = p.run(ctx, t)
	}
	rec := usage.Record{Subject: expected.Subject, Kind: usage.KindReport, At: time.Now(), CPU: t.cpu, MemorySeconds: t.memory, BytesScanned: t.told().ReadBytes, RowsRead: t.told().ReadRows,
		Count: 1, Partial: err != nil}
	var body []byte
	if err == nil {
		k.asOf, k.till, k.shape, k.unknown = asOf, till, expected.Shape, unseenOf(ctx).field()
		body = k.render(asOf, till)
		rec.BytesOut = uint64(len(body))
	}
	if ticket != nil {
		ticket.Done(rec)
		ticket = nil
	}
	r.tell(rec)
	if err != nil {
		return nil, nil, r.problemOf(ctx, p.says, err)
	}
	return out(body, usage.CostOf(r.deps.Pricer, rec, t.peak), snapshot, "miss"), k, nil
}

func (r *Reporter) tell(rec usage.Record) {
	if r.deps.Sink != nil {
		r.deps.Sink.Record(rec)
	}
}

func (r *Reporter) snapshot(t tenant.ID) string {
	if r.deps.Data == nil {
		return ""
	}
	return r.deps.Data.Snapshot(t).String()
}

// settle waits, for a strong source, until everything that was acknowledged can be seen.
func (r *Reporter) settle(ctx context.Context, t tenant.ID) *problem.Problem {
	if r.deps.Data == nil || r.deps.Strong == nil || !r.deps.Strong(t) {
		return nil
	}
	to := r.deps.Data.Acknowledged(t)
	wait, cancel := context.WithTimeout(ctx, r.cfg.TokenWait)
	defer cancel()
	switch err := r.deps.Data.WaitVisibleTo(wait, t, to); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return gone()
	}
	return problem.New(http.StatusServiceUnavailable, "not_visible_yet",
		"a source of the tenant is strong, and after %v what was acknowledged before the report is not visible yet; what can be seen is complete up to %s. Try again",
		r.cfg.TokenWait, formatTime(r.deps.Clock.AsOf(t))).WithField("strong").WithRetry(time.Second)
}

func gone() *problem.Problem { return problem.New(499, "client_gone", "the client closed the request") }

// statement runs one statement and notes what it used, whatever becomes of it.
func (r *Reporter) statement(ctx context.Context, t *tally, st clickhouse.Statement, fn func([]any) error) error {
	st.Settings = r.settings
	if tuning := tuningOf(ctx); len(tuning) > 0 {
		st.Settings = merged(r.settings, tuning)
	}
	give, err := t.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	if r.deps.Watcher != nil {
		st.QueryID = queryID()
	}
	sum, err := r.deps.Engine.Rows(ctx, st, fn)
	var e *clickhouse.Error
	switch {
	case errors.As(err, &e):
		sum = e.Summary
	case ctx.Err() != nil && r.deps.Watcher != nil:
		sum = clickhouse.Settled(r.deps.Watcher, st.QueryID, sum)
	}
	t.add(sum)
	return err
}

// keyOf is the hash of a question: of everything that its answer depends on, beside the tenant's data.
func keyOf(parts ...string) [32]byte {
	h := sha256.New()
	var n [8]byte
	for _, s := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		io.WriteString(h, s)
	}
	var key [32]byte
	h.Sum(key[:0])
	return key
}

// shapeOf names a kind of statement: its text has no values of a caller in it.
func shapeOf(sql string) string {
	h := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(h[:8])
}

// parts are what the answer depends on.
func (q Question) parts() []string {
	parts := []string{strconv.Itoa(q.Offset), q.Tenant, q.Site, q.From.UTC().Format(time.RFC3339Nano), q.To.UTC().Format(time.RFC3339Nano), q.Interval, q.Location.String(), fmt.Sprint(q.FirstDay, q.Limit,
		len(q.Metrics), len(q.GroupBy)), q.Timeout.String(), fmt.Sprint(q.counts)}
	parts = append(append(parts, q.Metrics...), botsCondition(q.Bots))
	for _, d := range q.GroupBy {
		parts = append(parts, d.Name())
	}
	return append(append(parts, q.Goal.parts()...), filterParts(q.Filters)...)
}

// filterParts are what an answer depends on in filters.
func filterParts(filters []Filter) []string {
	var parts []string
	for _, f := range filters {
		parts = append(parts, f.Dim.Name(), fmt.Sprint(f.Not, f.Contains, f.Prefix, len(f.Values)))
		parts = append(parts, f.Values...)
		if f.Cohort != nil {
			parts = append(parts, f.Cohort.parts()...)
		}
	}
	return parts
}

// covers says whether a mask of this name hides the dim: the column or the property itself, the object that the property belongs to, or all properties.
func covers(mask string, d Dim) bool {
	if d.Prop == "" {
		c, _ := session.Find(d.Column)
		return mask == d.Column || mask == c.From
	}
	mask, alone := catalog.ReadMaskName(mask)
	if bare, said := strings.CutPrefix(mask, propPrefix); said && covers(bare, d) { // as some were stored
		return true
	}
	return !alone && (mask == "props" || mask == "props_num") || mask == d.Prop || strings.HasPrefix(d.Prop, mask+".")
}

// masked refuses a question that looks at a column which is hidden from the caller's role: what an answer is broken down by, or filtered by, can be read from it.
func (r *Reporter) masked(who tenant.Principal, q Question) *problem.Problem {
	if r.deps.Masks == nil {
		return nil
	}
	masks := catalog.AllMasks(r.deps.Masks(who.Tenant))
	if len(masks) == 0 {
		return nil
	}
	check := func(field string, d Dim, actions ...string) *problem.Problem {
		for _, m := range masks {
			if m.Holds(who.Role) && covers(m.Name(), d) && (len(actions) == 0 || slices.Contains(actions, m.Action)) {
				return problem.New(http.StatusForbidden, "column_masked", "%s is masked for the role %s; leave it out, or ask an admin of the tenant", d.Name(), who.Role).WithField(field)
			}
		}
		return nil
	}
	for _, m := range q.Metrics {
		var p *problem.Problem
		switch m {
		case Value, Revenue:
			p = check("metric", Dim{Prop: m})
		case Users, ConversionRate:
			if p = check("metric", Dim{Column: "client_id"}, catalog.MaskHide); p == nil {
				p = check("metric", Dim{Column: "user_id"}, catalog.MaskHide)
			}
		case Visitors, Sessions, BounceRate, SessionDuration, ViewsPerSession, Entries, Exits: // hashes can be counted like what they stand for
			p = check("metric", Dim{Column: "client_id"}, catalog.MaskHide)
		}
		if p != nil {
			return p
		}
	}
	if q.Bots == BotsInclude || q.Bots == BotsOnly { // what is_bot says could be read from the difference
		if p := check("bots", Dim{Column: "is_bot"}); p != nil {
			return p
		}
	}
	for _, d := range q.GroupBy {
		if p := check("group_by", d); p != nil {
			return p
		}
	}
	for _, f := range q.Filters {
		for _, d := range f.dims() {
			if p := check("filter", d); p != nil {
				return p
			}
		}
	}
	for _, d := range q.Goal.dims() {
		if p := check("goal", d); p != nil {
			return p
		}
	}
	return nil
}

// rawColumns are the columns of events that the question reads.
func (q Question) rawColumns() []string {
	names := []string{"tenant", "site_id", "ts"}
	add := func(d Dim) {
		if d.Prop != "" {
			names = append(names, "props", "props_num")
		} else {
			if c, ok := session.Find(d.Column); ok {
				d.Column = c.From
			}
			names = append(names, d.Column)
		}
	}
	for _, d := range q.GroupBy {
		add(d)
	}
	for _, f := range q.Filters {
		if f.Cohort != nil {
			names = append(names, "client_id", "user_id")
		}
		for _, d := range f.dims() {
			add(d)
		}
	}
	for _, d := range q.Goal.dims() {
		add(d)
	}
	for _, m := range q.Metrics {
		switch m {
		case Pageviews:
			names = append(names, "type")
		case Visitors:
			names = append(names, "client_id", "user_id")
		case Value, Revenue:
			names = append(names, "props_num")
		case Users, ConversionRate:
			names = append(names, "client_id", "user_id")
		case Sessions, BounceRate, SessionDuration, ViewsPerSession, Entries, Exits:
			names = append(names, "client_id", "user_id", "type")
		}
	}
	if botsCondition(q.Bots) != "" {
		names = append(names, "is_bot")
	}
	if q.byVisit() || q.byVisitDim() {
		names = append(names, "client_id", "user_id")
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// marshal writes a part of an answer, without the line end.
func marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return bytes.TrimSpace(b), nil
}
