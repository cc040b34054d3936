package query

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// JobKind is the kind of jobs that run queries.
const JobKind = "query"

// Jobs starts jobs that run RunJob.
type Jobs interface {
	// Start queues a job. accept answers the request that asked for it.
	Start(ctx context.Context, who tenant.Principal, title string, input JobInput) (accept func(w http.ResponseWriter), p *problem.Problem)
}

// JobInput is what a job is started with. It is kept with the job: a field that has a name once keeps its meaning.
type JobInput struct {
	SQL      string            `json:"sql"`
	Params   map[string]string `json:"params,omitempty"`
	Format   string            `json:"format,omitempty"`
	MinToken string            `json:"min_token,omitempty"`
	AsOf     string            `json:"as_of,omitempty"`
	MaxCost  float64           `json:"max_cost,omitempty"`
	MaxBytes uint64            `json:"max_bytes,omitempty"`
	From     string            `json:"from,omitempty"`
}

// JobRun is a job under way.
type JobRun interface {
	Who() tenant.Principal
	Input(v any) error
	// Result begins the result; what is written is kept if the job ends well.
	Result(contentType string) (io.Writer, error)
	Rows(n uint64)
	// Under notes what MayRead is asked with.
	Under(v any) error
	// Waiting notes how to learn what the job waits for.
	Waiting(ask func() *usage.Wait)
	// Progress tells how many rows were read, of how many in all (0: unknown).
	Progress(done, total uint64)
}

func (q *Question) jobInput() JobInput {
	return JobInput{SQL: q.SQL, Params: q.Params, Format: q.Format, MinToken: q.MinToken, AsOf: q.AsOf, MaxCost: q.MaxCost, MaxBytes: q.MaxBytes, From: q.From}
}

// wantsJob says whether a request asks to be answered later.
func (q *request) wantsJob(r *http.Request) bool {
	if q.Async {
		return true
	}
	return prefers(r.Header, "respond-async", "")
}

// prefers says whether the header Prefer names a preference that has the value (empty: none), with whatever parameters (RFC 7240).
func prefers(h http.Header, name, wanted string) bool {
	for _, list := range h.Values("Prefer") {
		for list != "" {
			var p string
			p, list = cutUnquoted(list, ',')
			p, _ = cutUnquoted(p, ';')
			word, value, _ := strings.Cut(p, "=")
			if value = strings.TrimSpace(value); strings.EqualFold(strings.TrimSpace(word), name) && (value == wanted || value == `"`+wanted+`"`) {
				return true
			}
		}
	}
	return false
}

// cutUnquoted cuts s around the first sep that does not stand in quotes.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// startJob checks a question and starts a job for it: what is refused is refused at once, not when the job's turn comes.
func (h *Handler) startJob(w http.ResponseWriter, r *http.Request, q *Question) *problem.Problem {
	if h.Jobs == nil {
		return problem.New(http.StatusUnprocessableEntity, "unsupported", "async: this process runs no jobs; leave it out").WithField("async")
	}
	q.Door = DoorJob
	if from := origin.From(r.Context()).String(); from != "" { // when it runs there is no request to look at
		q.From = from
	}
	accept, p := h.queueJob(r.Context(), q)
	if p != nil {
		h.audit(r.Context(), q, nil, p)
		return p
	}
	accept(w)
	return nil
}

func (h *Handler) queueJob(ctx context.Context, q *Question) (accept func(w http.ResponseWriter), p *problem.Problem) {
	a, p := h.asking(q)
	if p != nil {
		return nil, p
	}
	if b, ok := a.deps.Gate.(Blocker); ok {
		if p := b.Blocked(usage.Subject{Tenant: a.scope.Tenant}, usage.KindJob); p != nil {
			return nil, p
		}
	}
	switch p := a.prepare(); {
	case p == nil:
	case p.Code == CodeUnknownColumn && len(a.min) > 0 && !a.deps.Visibility.VisibleTo(a.scope.Tenant, a.min): // it may be that of a property that the token's events bring
	default:
		return nil, p
	}
	if a.checked != nil && (q.MaxCost > 0 || q.MaxBytes > 0) {
		expected := a.expected()
		expected.Kind = usage.KindQuery // somebody waits for this plan
		if p := a.bounded(ctx, &expected); p != nil {
			return nil, p
		}
	}
	return h.Jobs.Start(ctx, q.Who, q.SQL, q.jobInput())
}

// progressEvery is how often a job looks how far its statement has come.
const progressEvery = 500 * time.Millisecond

// RunJob runs the question of a job and writes its answer. An error that is a *problem.Problem is for the job's owner.
func (s *Service) RunJob(ctx context.Context, run JobRun) error {
	var in JobInput
	if err := run.Input(&in); err != nil {
		return err
	}
	who := run.Who()
	defer usage.Label(ctx, usage.Query, who.Tenant)()
	q := &Question{Who: who, Door: DoorJob, From: in.From, SQL: in.SQL, Params: in.Params, Format: in.Format, MinToken: in.MinToken, AsOf: in.AsOf, MaxCost: in.MaxCost, MaxBytes: in.MaxBytes, Waiting: run.Waiting}
	watch := &jobWatch{service: s, run: run}
	q.Running = func(id string, e usage.Estimate) { watch.begin(ctx, id, e.Rows) }
	a, p := s.Ask(ctx, q)
	if p != nil {
		watch.end(nil)
		return p
	}
	defer watch.end(a)
	defer a.Body.Close()
	if err := run.Under(madeUnder(a.masks)); err != nil {
		return err
	}
	f, _ := formatByName(a.Format)
	out, err := run.Result(f.contentType)
	if err != nil {
		return err
	}
	if f.enveloped() {
		err = copyEnveloped(out, a.Body, func() ([]byte, error) { return envelope(a) })
	} else {
		_, err = io.Copy(out, a.Body)
	}
	if err != nil {
		return s.jobProblem(ctx, q, err)
	}
	run.Rows(a.Summary().ResultRows)
	return nil
}

// under is what is noted about a result: which masks lay over it. A field that has a name once keeps its meaning.
type under struct {
	Masks map[string]string `json:"masks"` // actions, by name
}

func madeUnder(masks []catalog.Mask) under {
	u := under{Masks: map[string]string{}}
	for _, m := range masks {
		if u.Masks[m.Name()] != catalog.MaskHide {
			u.Masks[m.Name()] = m.Action
		}
	}
	return u
}

// MayRead says why somebody may not have the result of a job of made's: it is for those who would see no less of it if they asked now. noted is what
// RunJob noted of it; nil: nothing, it is from before that was done.
func (s *Service) MayRead(who, made tenant.Principal, noted []byte) *problem.Problem {
	need := made.Role
	if made.Tenant != "" && need == tenant.RoleOperator { // who asked for the tenant, as its admins may
		need = tenant.RoleAdmin
	}
	if !who.Role.CanRead(need) {
		return problem.New(http.StatusForbidden, "role_lowered", "the result was made with the role %s, and yours is %s now: run the query again, if that role may", need, who.Role)
	}
	if s.deps.Tenants == nil || made.Tenant == "" {
		return nil
	}
	var u under
	if len(noted) > 0 {
		if err := json.Unmarshal(noted, &u); err != nil {
			s.log.Error("what was noted of a job's result cannot be read: it is taken for made without masks", "error", err)
		}
	}
	t, _ := s.deps.Tenants.TenantByID(made.Tenant)
	for _, m := range masksOf(t.Policy.Masks, who.Role) {
		had := u.Masks[m.Name()]
		if whole := u.Masks[m.Column]; m.Property && had != catalog.MaskHide && whole != "" { // the column was masked, and the property with it
			had = whole
		}
		if had != catalog.MaskHide && had != m.Action {
			return problem.New(http.StatusForbidden, "masks_changed", "%s is masked for the role %s, and was not in this way when the result was made: run the query again", m.Name(), who.Role).WithField(m.Name())
		}
	}
	return nil
}

// jobProblem says what ended an answer: the engine, or the writer of the result, whose problem passes as it is.
func (s *Service) jobProblem(ctx context.Context, q *Question, err error) error {
	if p, ok := err.(*problem.Problem); ok {
		return p
	}
	if cause := context.Cause(ctx); ctx.Err() != nil {
		return fmt.Errorf("the job's query was ended: %w", cause)
	}
	return (&asking{Service: s, q: q}).problem(ctx, err)
}

// jobWatch tells a job how far its statement has come, from one goroutine of its own.
type jobWatch struct {
	service *Service
	run     JobRun
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func (w *jobWatch) begin(ctx context.Context, id string, expected uint64) {
	w.run.Progress(0, expected)
	if w.service.deps.Watcher == nil {
		return
	}
	ctx, w.cancel = context.WithCancel(ctx)
	w.wg.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p, err := w.service.deps.Watcher.Process(ctx, id)
			if err != nil || p.Ended {
				continue // it has not begun, or its answer is on the way
			}
			total := p.TotalRows
			if total == 0 {
				total = expected
			}
			w.run.Progress(p.ReadRows, max(total, p.ReadRows))
		}
	})
}

// end waits for the goroutine, and tells the last.
func (w *jobWatch) end(a *Answer) {
	if w.cancel != nil {
		w.cancel()
	}
	w.wg.Wait()
	if a != nil {
		if n := a.Summary().ReadRows; n > 0 {
			w.run.Progress(n, n)
		}
	}
}
