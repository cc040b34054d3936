package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"weir/internal/problem"
	"weir/internal/tenant"
)

const (
	sweepEvery = time.Minute     // between looks for expired jobs
	mayEvery   = 2 * time.Second // between looks whether owners may still have their work done
	maxBegun   = 3               // begins that ended with the process, of one job
)

// Run runs jobs until ctx ends. Then it ends what runs and waits for it: jobs of resumable kinds go on after the next start, the others
// have failed. It returns nil.
func (js *Jobs) Run(ctx context.Context) error {
	if err := js.resume(); err != nil {
		return err
	}
	defer js.running.Wait()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	js.sweep()
	may := time.NewTicker(mayEvery)
	defer may.Stop()
	js.revoke()
	for {
		js.dispatch(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-js.wake:
		case <-sweep.C:
			js.sweep()
		case <-may.C:
			js.revoke()
		}
	}
}

// revoke ends the jobs whose owners may not have their work done any more.
func (js *Jobs) revoke() {
	if js.cfg.May == nil {
		return
	}
	js.mu.Lock()
	var live []*entry
	for _, e := range js.entries {
		if !e.job.State.Ended() {
			live = append(live, e)
		}
	}
	js.mu.Unlock()
	for _, e := range live {
		k := js.kinds[e.job.Kind]
		if js.may(e.job.Who, k) {
			continue
		}
		js.mu.Lock()
		switch {
		case e.job.State.Ended():
			js.mu.Unlock()
		case e.cancel != nil:
			e.cancel(errRevoked)
			js.mu.Unlock()
		default:
			js.leaveLocked(e, k)
			e.job.close(Failed, revoked(), js.cfg.Now().UTC(), js.cfg.Keep)
			id := e.job.ID
			js.mu.Unlock()
			js.metrics.ended.WithLabelValues(k.Name, string(Failed)).Inc()
			if err := js.update(e, true, func(*Job) {}); err != nil {
				js.log.Error("the end of a job could not be written; it is looked at again after a restart", "job", id, "error", err)
			}
		}
	}
}

// resume decides what becomes of the jobs that had not ended when the last process did.
func (js *Jobs) resume() error {
	for _, e := range js.left {
		k, known := js.kinds[e.job.Kind]
		var prob *problem.Problem
		switch {
		case !known:
			prob = problem.New(http.StatusInternalServerError, "unknown_kind", "this release has no jobs of the kind %s", e.job.Kind)
		case e.job.State == Running && !k.Resumable:
			prob = interrupted()
		case e.job.State == Running && !k.System && e.job.Begun >= maxBegun:
			prob = problem.New(http.StatusInternalServerError, "crashed", "weir ended %d times while the job ran, and does not begin it again: it may be the reason. Ask for less at once", e.job.Begun)
		}
		js.mu.Lock()
		if e.job.State.Ended() { // cancelled in the meantime
			js.mu.Unlock()
			continue
		}
		if prob == nil {
			e.job.State = Queued
			js.queue = append(js.queue, e)
			if !k.System {
				js.loadLocked(e.job.Tenant()).queued++
			}
			js.mu.Unlock()
			continue
		}
		js.mu.Unlock()
		js.metrics.ended.WithLabelValues(e.job.Kind, string(Failed)).Inc()
		if err := js.close(e, Failed, prob, nil); err != nil {
			return err
		}
	}
	js.left = nil
	return nil
}

func interrupted() *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "interrupted", "weir was stopped or ended while the job ran, and a job of this kind cannot go on in the middle: start it again")
}

// dispatch begins as many jobs as there are workers.
func (js *Jobs) dispatch(ctx context.Context) {
	for ctx.Err() == nil {
		js.mu.Lock()
		e := js.nextLocked()
		if e == nil {
			js.mu.Unlock()
			return
		}
		k := js.kinds[e.job.Kind]
		run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		e.cancel = cancel
		e.job.State, e.job.Started = Running, js.cfg.Now().UTC()
		e.job.Begun++
		js.busy[k.lane()]++
		if !k.System {
			l := js.loadLocked(e.job.Tenant())
			l.queued--
			l.running++
		}
		js.running.Add(1)
		js.mu.Unlock()
		go func() {
			defer js.running.Done()
			stop := context.AfterFunc(ctx, func() { cancel(errStopping) })
			defer stop()
			js.work(run, e, k)
			cancel(nil)
			js.signal()
		}()
	}
}

func (k Kind) lane() int {
	if k.System {
		return laneSystem
	}
	return laneTenant
}

// nextLocked is the queued job that runs next: of the tenant with the fewest running ones, the oldest.
func (js *Jobs) nextLocked() *entry {
	free := [2]bool{js.busy[laneTenant] < js.cfg.Workers, js.busy[laneSystem] < systemWorkers}
	var best *entry
	var bestRunning int
	js.queue = slices.DeleteFunc(js.queue, func(e *entry) bool { return e.job.State != Queued })
	for _, e := range js.queue {
		k, ok := js.kinds[e.job.Kind]
		if !ok || !free[k.lane()] {
			continue
		}
		running := 0
		if !k.System {
			if running = js.loadLocked(e.job.Tenant()).running; running >= js.cfg.TenantRunning {
				continue
			}
		}
		if best == nil || running < bestRunning || running == bestRunning && e.job.Created.Before(best.job.Created) {
			best, bestRunning = e, running
		}
	}
	return best
}

// work runs one job to its end.
func (js *Jobs) work(ctx context.Context, e *entry, k Kind) {
	r := &Run{jobs: js, e: e, kind: k}
	err := js.update(e, true, func(*Job) {})
	if err == nil {
		err = safely(ctx, r, k.Run)
	}
	if err == nil {
		err = context.Cause(ctx) // a runner that says nil after it was ended has not done all
	}
	var result *Result
	if err == nil && r.result != nil {
		result, err = r.result.end()
	}
	if err != nil {
		if derr := r.discard(); derr != nil {
			js.log.Warn("the result of a job that did not end well could not be removed; it goes at the next start", "job", e.job.ID, "error", derr)
		}
	}
	js.finish(ctx, e, k, result, err)
}

// safely runs a runner and makes a panic of it an error.
func safely(ctx context.Context, r *Run, run Runner) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the runner panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return run(ctx, r)
}

// finish writes how a job ended, and then shows it. It is out of the runner's hands by then.
func (js *Jobs) finish(ctx context.Context, e *entry, k Kind, result *Result, err error) {
	state, prob := js.outcome(ctx, e, k, err)
	if state == Queued { // a stop that was asked for is not the job's doing
		err = js.update(e, true, func(j *Job) { j.State, j.Begun = Queued, j.Begun-1 })
	} else {
		err = js.close(e, state, prob, result)
	}
	js.mu.Lock()
	js.busy[k.lane()]--
	id := e.job.Tenant()
	if !k.System {
		l := js.loadLocked(id)
		if l.running--; *l == (load{}) {
			delete(js.live, id)
		}
	}
	if state == Queued { // it goes on after the next start
		js.mu.Unlock()
		if err != nil {
			js.log.Error("that a job was stopped could not be written; it goes on all the same", "job", e.job.ID, "error", err)
		}
		return
	}
	e.cancel, e.waits = nil, nil
	gone, jid := e.gone, e.job.ID
	js.mu.Unlock()
	js.metrics.ended.WithLabelValues(k.Name, string(state)).Inc()
	if gone {
		err = errors.Join(err, js.remove(jid))
	}
	if err != nil {
		js.log.Error("the end of a job could not be written; after a restart it has failed", "job", jid, "state", state, "error", err)
	}
	js.trim(id)
}

// close makes a job ended, first on disk, so that nobody sees a state that a crash takes back.
func (js *Jobs) close(e *entry, s State, prob *problem.Problem, result *Result) error {
	e.write.Lock()
	defer e.write.Unlock()
	js.mu.Lock()
	j := e.job
	js.mu.Unlock()
	j.close(s, prob, js.cfg.Now().UTC(), js.cfg.Keep)
	j.Result = result
	err := js.store.put(&j, true)
	js.mu.Lock()
	e.job = j
	js.mu.Unlock()
	return err
}

// outcome says in which state a job ends, and why. Queued: it doesn't end, but goes on after the next start.
func (js *Jobs) outcome(ctx context.Context, e *entry, k Kind, err error) (State, *problem.Problem) {
	cause := context.Cause(ctx)
	var prob *problem.Problem
	switch {
	case err == nil:
		return Done, nil
	case errors.Is(cause, errCancelled):
		return Cancelled, nil
	case errors.Is(cause, errRevoked):
		return Failed, revoked()
	case errors.Is(cause, errStopping) && k.Resumable:
		return Queued, nil
	case errors.Is(cause, errStopping):
		return Failed, interrupted()
	case errors.As(err, &prob):
		return Failed, prob
	}
	js.log.Error("a job failed", "job", e.job.ID, "kind", k.Name, "error", err)
	return Failed, problem.New(http.StatusInternalServerError, "internal", "something went wrong inside weir; it is in the server's log under the job's id %s", e.job.ID)
}

// sweep removes what has expired.
func (js *Jobs) sweep() {
	now := js.cfg.Now()
	js.removeAll(func(j *Job) bool { return j.State.Ended() && !now.Before(j.Expires) })
}

// trim keeps the ended jobs of a tenant below their bound: the oldest go.
func (js *Jobs) trim(id tenant.ID) {
	js.mu.Lock()
	var ended []*Job
	for _, e := range js.entries {
		if e.job.Tenant() == id && e.job.State.Ended() {
			ended = append(ended, &e.job)
		}
	}
	over := len(ended) - js.cfg.TenantKept
	old := map[string]bool{}
	if over > 0 {
		slices.SortFunc(ended, func(a, b *Job) int { return a.Ended.Compare(b.Ended) })
		for _, j := range ended[:over] {
			old[j.ID] = true
		}
	}
	js.mu.Unlock()
	if len(old) > 0 {
		js.removeAll(func(j *Job) bool { return old[j.ID] })
	}
}

func (js *Jobs) removeAll(which func(*Job) bool) {
	js.mu.Lock()
	var ids []string
	for id, e := range js.entries {
		if which(&e.job) {
			ids = append(ids, id)
		}
	}
	js.mu.Unlock()
	for _, id := range ids {
		if err := js.remove(id); err != nil {
			js.log.Warn("an old job could not be removed; it goes at the next start", "job", id, "error", err)
		}
	}
}

// Forgotten says what ForgetTenant removed.
type Forgotten struct {
	Jobs  uint64
	Bytes uint64 // of results
}

// ForgetTenant cancels the tenant's jobs, waits until nothing of them runs, and removes them with their results. except is a job
// that stays: the one that asks.
func (js *Jobs) ForgetTenant(ctx context.Context, id tenant.ID, except string) (Forgotten, error) {
	var f Forgotten
	seen := map[string]bool{}
	for {
		js.mu.Lock()
		var ids []string
		waiting := false
		for jid, e := range js.entries {
			switch {
			case jid == except || e.job.Tenant() != id:
			case e.job.State.Ended():
				ids = append(ids, jid)
				if e.job.Result != nil && !seen[jid] {
					f.Bytes += uint64(e.job.Result.Bytes)
				}
				seen[jid] = true // one that is just coming to its end is found again
			default:
				waiting = true
				if e.cancel != nil {
					e.cancelled = true
					e.cancel(errCancelled)
				} else {
					js.leaveLocked(e, js.kinds[e.job.Kind])
					e.job.close(Cancelled, nil, js.cfg.Now().UTC(), js.cfg.Keep)
				}
			}
		}
		js.mu.Unlock()
		for _, jid := range ids {
			if err := js.remove(jid); err != nil {
				return f, err
			}
		}
		f.Jobs = uint64(len(seen))
		if !waiting && len(ids) == 0 {
			return f, nil
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
