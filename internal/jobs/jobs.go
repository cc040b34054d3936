package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Jobs keeps and runs jobs. Its methods may be called at once.
type Jobs struct {
	cfg     Config
	log     *slog.Logger
	store   *store
	metrics *metrics
	kinds   map[string]Kind
	wake    chan struct{}
	running sync.WaitGroup
	left    []*entry // what the last process had not ended; owned by Run

	mu      sync.Mutex
	entries map[string]*entry
	queue   []*entry // those that wait, and some that do no more
	disk    int64    // bytes of results, those under way included
	diskOf  map[tenant.ID]int64
	live    map[tenant.ID]*load // of tenants with jobs that have not ended
	busy    [2]int              // running jobs, by lane
}

// load is how much of a tenant waits and runs.
type load struct{ queued, running int }

// The lanes: the installation's own work never waits behind tenants' jobs.
const (
	laneTenant = 0
	laneSystem = 1
)

const systemWorkers = 2

// entry is a job in memory.
type entry struct {
	job Job
	// Of a running job:
	cancel    context.CancelCauseFunc
	cancelled bool // it is to come to its end, and shows as cancelled already
	gone      bool // it shall be removed when it ends

	readers int   // of its result
	owed    int64 // bytes of its result, removed while somebody read it: they are on the disk until the last reader has gone

	waits func() *Wait // what the job waits for; nil: it never told

	write sync.Mutex // one writer of the record at a time; before Jobs.mu
}

// shownLocked is the job as others see it.
func (e *entry) shownLocked() Job {
	j := e.job
	if e.cancelled && !j.State.Ended() {
		j.State = Cancelled
	}
	if j.State == Running && e.waits != nil {
		j.Waits = e.waits()
	}
	return j
}

var (
	errCancelled = errors.New("the job was cancelled")
	errRevoked   = errors.New("the job's owner may not have work done any more")
	errStopping  = errors.New("the process stops")
)

// Open reads what jobs there are. Nothing runs before Run. Register every kind before Run.
func Open(cfg Config) (*Jobs, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	js := &Jobs{
		cfg: cfg, log: cfg.Logger.With("component", "jobs"), store: &store{cfg.DB, cfg.Prefix, cfg.FS, cfg.Dir},
		kinds: map[string]Kind{}, wake: make(chan struct{}, 1), entries: map[string]*entry{}, diskOf: map[tenant.ID]int64{}, live: map[tenant.ID]*load{},
	}
	list, err := js.store.load()
	if err != nil {
		return nil, fmt.Errorf("open jobs: %w", err)
	}
	for _, j := range list {
		e := &entry{job: *j}
		js.entries[j.ID] = e
		if !j.State.Ended() {
			js.left = append(js.left, e)
		}
		if j.Result != nil {
			js.disk += j.Result.Bytes
			js.diskOf[j.Tenant()] += j.Result.Bytes
		}
	}
	if js.metrics, err = newMetrics(cfg.Registerer, js); err != nil {
		return nil, fmt.Errorf("open jobs: %w", err)
	}
	return js, nil
}

// Register adds a kind of work.
func (js *Jobs) Register(k Kind) {
	if k.Name == "" || k.Run == nil || js.kinds[k.Name].Run != nil {
		panic("jobs: kind " + k.Name + " is registered twice or has no runner")
	}
	js.kinds[k.Name] = k
}

// Start queues a job of a registered kind on behalf of who, and returns it when it is durable. input is what the runner gets, as JSON.
func (js *Jobs) Start(who tenant.Principal, kind, title string, input any) (Job, *problem.Problem) {
	k, ok := js.kinds[kind]
	if !ok {
		return Job{}, js.internal("start a job", fmt.Errorf("kind %q is not registered", kind))
	}
	in, err := json.Marshal(input)
	if err != nil {
		return Job{}, js.internal("start a job", err)
	}
	if len(in) > maxInput {
		return Job{}, problem.New(http.StatusRequestEntityTooLarge, "job_too_large", "what the job is to work on has %d bytes, and no more than %d can be kept: send a shorter statement, or fewer and shorter parameters", len(in), maxInput).
			WithLimit("job_input", maxInput)
	}
	if !js.may(who, k) {
		return Job{}, revoked()
	}
	title = strings.ToValidUTF8(title[:min(len(title), 500)], "")
	e := &entry{job: Job{ID: newID(), Who: who, Kind: kind, Title: title, State: Queued, Created: js.cfg.Now().UTC(), Input: in}}
	if prob := js.enter(e, k); prob != nil {
		js.metrics.refused.WithLabelValues(prob.Limit).Inc()
		return Job{}, prob
	}
	if err := js.store.put(&e.job, true); err != nil {
		js.mu.Lock()
		js.leaveLocked(e, k)
		js.mu.Unlock()
		return Job{}, js.internal("start a job", err)
	}
	js.metrics.started.WithLabelValues(kind).Inc()
	j := e.job
	js.mu.Lock()
	js.entries[j.ID] = e
	js.queue = append(js.queue, e)
	js.mu.Unlock()
	if !js.may(who, k) { // meanwhile: whoever removes a tenant may have looked before it was there
		if err := js.withdraw(e, k); err != nil {
			return Job{}, js.internal("start a job", err)
		}
		return Job{}, revoked()
	}
	js.signal()
	return j, nil
}

// withdraw removes a job that has just been queued, whether or not it was begun meanwhile.
func (js *Jobs) withdraw(e *entry, k Kind) error {
	js.mu.Lock()
	if e.cancel != nil {
		e.gone = true
		e.cancel(errRevoked)
		js.mu.Unlock()
		return nil
	}
	if !e.job.State.Ended() {
		js.leaveLocked(e, k)
		e.job.close(Failed, revoked(), js.cfg.Now().UTC(), js.cfg.Keep)
	}
	js.mu.Unlock()
	return js.remove(e.job.ID)
}

func (js *Jobs) may(who tenant.Principal, k Kind) bool {
	return k.System || js.cfg.May == nil || js.cfg.May(who)
}

func revoked() *problem.Problem {
	return problem.New(http.StatusForbidden, "access_revoked", "whoever started the job may not have it done any more: the key was deleted or has expired, the user was removed or has a lesser role, or the tenant is deleted")
}

// enter counts a job that is about to be started, or refuses it.
func (js *Jobs) enter(e *entry, k Kind) *problem.Problem {
	if k.System {
		return nil
	}
	id := e.job.Tenant()
	js.mu.Lock()
	defer js.mu.Unlock()
	l := js.loadLocked(id)
	if n := l.queued + l.running; n >= js.cfg.TenantQueued {
		return problem.New(http.StatusTooManyRequests, "too_many_jobs", "%d jobs of the tenant wait or run, the limit jobs.tenant_queued: wait until some have ended, or cancel some with DELETE /jobs/{id}", n).
			WithLimit("jobs.tenant_queued", int64(js.cfg.TenantQueued)).WithRetry(10 * time.Second)
	}
	if prob := js.fullLocked(id, 1); prob != nil {
		return prob
	}
	if prob := js.noRoom(); prob != nil {
		return prob
	}
	l.queued++
	return nil
}

func (js *Jobs) loadLocked(id tenant.ID) *load {
	l := js.live[id]
	if l == nil {
		l = &load{}
		js.live[id] = l
	}
	return l
}

// leaveLocked takes a queued job back out of the count.
func (js *Jobs) leaveLocked(e *entry, k Kind) {
	if k.System {
		return
	}
	id := e.job.Tenant()
	l := js.loadLocked(id)
	if l.queued--; *l == (load{}) {
		delete(js.live, id)
	}
}

// fullLocked returns a problem when n more bytes of the tenant's results don't fit.
func (js *Jobs) fullLocked(id tenant.ID, n int64) *problem.Problem {
	limit, value := "", int64(0)
	switch {
	case js.diskOf[id]+n > js.cfg.MaxDiskTenant:
		limit, value = "jobs.max_disk_tenant", js.cfg.MaxDiskTenant
	case js.disk+n > js.cfg.MaxDisk:
		limit, value = "jobs.max_disk", js.cfg.MaxDisk
	default:
		return nil
	}
	return problem.New(http.StatusTooManyRequests, "job_results_full", "kept results fill %d bytes, the limit %s: remove some with DELETE /jobs/{id}, or wait until they expire", value, limit).
		WithLimit(limit, value).WithRetry(time.Minute)
}

// noRoom returns a problem when the disk is too full for results, whatever the limits say.
func (js *Jobs) noRoom() *problem.Problem {
	if js.cfg.Full == nil || !js.cfg.Full() {
		return nil
	}
	return problem.New(http.StatusServiceUnavailable, "disk_full", "the disk is too full for results of jobs (they end before log.max_disk is met, so that events are still taken): the operator must free space; kept results can be removed with DELETE /jobs/{id}").
		WithRetry(time.Minute)
}

func (js *Jobs) reserve(id tenant.ID, n int64, k Kind) *problem.Problem {
	if !k.System {
		if prob := js.noRoom(); prob != nil {
			return prob
		}
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	if prob := js.fullLocked(id, n); prob != nil {
		return prob
	}
	js.disk += n
	js.diskOf[id] += n
	return nil
}

func (js *Jobs) release(id tenant.ID, n int64) {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.releaseLocked(id, n)
}

func (js *Jobs) releaseLocked(id tenant.ID, n int64) {
	js.disk -= n
	if js.diskOf[id] -= n; js.diskOf[id] == 0 {
		delete(js.diskOf, id)
	}
}

// Get returns a job that p may see, or ErrNotFound.
func (js *Jobs) Get(p tenant.Principal, id string) (Job, error) {
	js.mu.Lock()
	defer js.mu.Unlock()
	e := js.entries[id]
	if e == nil || e.gone || !e.job.visibleTo(p) {
		return Job{}, ErrNotFound
	}
	return e.shownLocked(), nil
}

// List returns the jobs that p may see, newest first, at most limit.
func (js *Jobs) List(p tenant.Principal, limit int) []Job {
	js.mu.Lock()
	var list []Job
	for _, e := range js.entries {
		if !e.gone && e.job.visibleTo(p) {
			list = append(list, e.shownLocked())
		}
	}
	js.mu.Unlock()
	slices.SortFunc(list, func(a, b Job) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return list[:min(limit, len(list))]
}

// Open opens the result of a job that is done. The error is ErrNotFound or a *problem.Problem when there is none.
func (js *Jobs) Open(p tenant.Principal, id string) (Job, io.ReadSeekCloser, error) {
	j, err := js.Get(p, id)
	if err != nil {
		return j, nil, err
	}
	switch {
	case j.State == Done && j.Result == nil:
		return j, nil, problem.New(http.StatusNotFound, "no_result", "the job has no result but that it is done")
	case j.State == Failed && j.Error != nil:
		return j, nil, problem.New(http.StatusConflict, "job_failed", "the job failed and has no result: %s", j.Error.Detail)
	case j.State != Done:
		prob := problem.New(http.StatusConflict, "job_not_done", "the job is %s and has no result (yet): ask GET /jobs/%s until it is done", j.State, j.ID)
		if w := j.Waits; w != nil {
			prob.Detail += fmt.Sprintf("; it waits for %s (%d)", w.Limit, w.Value)
			if w.Until != nil {
				prob.Detail += ", where room is expected at " + w.Until.Format(time.RFC3339)
				return j, nil, prob.WithRetry(max(w.Until.Sub(js.cfg.Now()), time.Second))
			}
		}
		if !j.State.Ended() {
			prob = prob.WithRetry(time.Second)
		}
		return j, nil, prob
	}
	if may := js.kinds[j.Kind].MayRead; may != nil {
		if prob := may(p, j); prob != nil {
			return j, nil, prob
		}
	}
	js.mu.Lock()
	e := js.entries[id]
	if e == nil || e.gone {
		js.mu.Unlock()
		return j, nil, ErrNotFound
	}
	e.readers++
	js.mu.Unlock()
	c, err := js.store.open(j)
	if err != nil {
		js.leftReader(e)
		return j, nil, err
	}
	return j, reading{c, sync.OnceValue(func() error {
		defer js.leftReader(e)
		return c.Close()
	})}, nil
}

// reading is an open result.
type reading struct {
	io.ReadSeeker
	close func() error
}

// Close implements io.Closer. A second call does nothing.
func (r reading) Close() error { return r.close() }

// leftReader gives back the space of a result that was removed while it was read, when nobody reads it any more.
func (js *Jobs) leftReader(e *entry) {
	js.mu.Lock()
	defer js.mu.Unlock()
	if e.readers--; e.readers == 0 && e.owed > 0 {
		js.releaseLocked(e.job.Tenant(), e.owed)
		e.owed = 0
	}
}

// Cancel ends a job that waits or runs, or removes one that has ended, with its result. It returns the job as it then stands, and
// whether it was removed. When it returns, a cancelled job does nothing more than come to its end.
func (js *Jobs) Cancel(p tenant.Principal, id string) (j Job, removed bool, err error) {
	if j, err = js.Get(p, id); err != nil {
		return j, false, err
	}
	if j.State.Ended() {
		return j, true, js.remove(id)
	}
	if js.kinds[j.Kind].System {
		return j, false, problem.New(http.StatusConflict, "not_cancellable", "a job of the kind %s cannot be cancelled: what it has begun must be finished", j.Kind)
	}
	return js.end(id)
}

// end cancels a job.
func (js *Jobs) end(id string) (Job, bool, error) {
	js.mu.Lock()
	e := js.entries[id]
	if e == nil || e.job.State.Ended() {
		js.mu.Unlock()
		return Job{}, false, ErrNotFound // it has ended and was removed in between
	}
	if e.cancel != nil {
		e.cancelled = true
		e.cancel(errCancelled)
		j := e.shownLocked()
		js.mu.Unlock()
		return j, false, nil
	}
	js.leaveLocked(e, js.kinds[e.job.Kind])
	e.job.close(Cancelled, nil, js.cfg.Now().UTC(), js.cfg.Keep)
	j := e.job
	js.mu.Unlock()
	js.metrics.ended.WithLabelValues(j.Kind, string(Cancelled)).Inc()
	err := js.update(e, true, func(*Job) {})
	js.trim(j.Tenant())
	return j, false, err
}

// close makes the job ended.
func (j *Job) close(s State, prob *problem.Problem, now time.Time, keep time.Duration) {
	j.State, j.Error, j.Ended, j.Expires = s, prob, now, now.Add(keep)
	j.Input, j.Saved = nil, nil
}

// remove removes an ended job.
func (js *Jobs) remove(id string) error {
	js.mu.Lock()
	e := js.entries[id]
	if e == nil || e.cancel != nil { // a cancelled one that has not come to its end goes when it has
		if e != nil {
			e.gone = true
		}
		js.mu.Unlock()
		return nil
	}
	delete(js.entries, id)
	if r := e.job.Result; r != nil && e.readers > 0 {
		e.owed = r.Bytes
	} else if r != nil {
		js.releaseLocked(e.job.Tenant(), r.Bytes)
	}
	js.mu.Unlock()
	e.write.Lock()
	defer e.write.Unlock()
	return js.store.remove(id)
}

func (js *Jobs) copyOf(e *entry) Job {
	js.mu.Lock()
	defer js.mu.Unlock()
	return e.shownLocked()
}

// update changes a job and writes its record.
func (js *Jobs) update(e *entry, sync bool, change func(*Job)) error {
	e.write.Lock()
	defer e.write.Unlock()
	js.mu.Lock()
	change(&e.job)
	j := e.job
	_, there := js.entries[j.ID]
	js.mu.Unlock()
	if !there {
		return nil
	}
	return js.store.put(&j, sync)
}

func (js *Jobs) signal() {
	select {
	case js.wake <- struct{}{}:
	default:
	}
}

func (js *Jobs) internal(what string, err error) *problem.Problem {
	js.log.Error("cannot "+what, "error", err)
	return problem.New(http.StatusInternalServerError, "internal", "cannot %s: something went wrong inside weir, it is in the server's log", what)
}

// Live returns the jobs of a kind that have not ended, with what their runners work on.
func (js *Jobs) Live(kind string) []Job {
	js.mu.Lock()
	defer js.mu.Unlock()
	var out []Job
	for _, e := range js.entries {
		if e.job.Kind == kind && !e.job.State.Ended() {
			out = append(out, e.job)
		}
	}
	return out
}

// Stored returns how many bytes of results each tenant keeps.
func (js *Jobs) Stored() map[tenant.ID]int64 {
	js.mu.Lock()
	defer js.mu.Unlock()
	out := make(map[tenant.ID]int64, len(js.diskOf))
	for id, n := range js.diskOf {
		out[id] = n
	}
	return out
}
