package jobs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"weir/internal/problem"
	"weir/internal/tenant"
)

// Runner does a job's work. It returns nil when the job is done, a *problem.Problem that its owner is told, or another error,
// which is logged and told as an internal one. It returns soon after ctx ends.
type Runner func(ctx context.Context, r *Run) error

// Kind is a kind of work.
type Kind struct {
	Name string // stable: it is part of the records
	Run  Runner
	// Resumable says that the runner can begin again after the process ended in the middle of it: it finds what it has noted with Save.
	Resumable bool
	// System is the installation's own work: it has workers of its own and doesn't count for the tenant. It cannot be cancelled.
	System bool
	// MayRead says why somebody who may see a job of this kind may not have its result now; what the runner noted is in its Under. nil: all may.
	MayRead func(who tenant.Principal, j Job) *problem.Problem
}

// saveEvery is how often progress is written to disk, at most.
const saveEvery = 2 * time.Second

// Run is a job under way, as its runner sees it. One goroutine uses it at a time.
type Run struct {
	jobs   *Jobs
	e      *entry
	kind   Kind
	wrote  time.Time // when progress was last written
	result *resultWriter
	rows   uint64
}

// Job returns the job as it stands.
func (r *Run) Job() Job { return r.jobs.copyOf(r.e) }

// Who is on whose behalf it runs.
func (r *Run) Who() tenant.Principal { return r.Job().Who }

// Input decodes what the job was started with into v.
func (r *Run) Input(v any) error {
	if err := json.Unmarshal(r.Job().Input, v); err != nil {
		return fmt.Errorf("read the input of the job: %w", err)
	}
	return nil
}

// Saved decodes what the runner last noted into v, and returns false when it has noted nothing.
func (r *Run) Saved(v any) (bool, error) {
	saved := r.Job().Saved
	if len(saved) == 0 {
		return false, nil
	}
	if err := json.Unmarshal(saved, v); err != nil {
		return false, fmt.Errorf("read what the job has noted: %w", err)
	}
	return true, nil
}

// Save notes v durably, for after a restart.
func (r *Run) Save(v any) error {
	saved, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("note the state of the job: %w", err)
	}
	return r.jobs.update(r.e, true, func(j *Job) { j.Saved = saved })
}

// Under notes v for the kind's MayRead. It is on the disk when the job is done.
func (r *Run) Under(v any) error {
	under, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("note who may read the result of the job: %w", err)
	}
	return r.jobs.update(r.e, false, func(j *Job) { j.Under = under })
}

// Waiting notes how to learn what the job waits for while it is shown: ask may be called at any time, must not block, and says nil when it does not wait.
func (r *Run) Waiting(ask func() *Wait) {
	r.jobs.mu.Lock()
	r.e.waits = ask
	r.jobs.mu.Unlock()
}

// Progress tells how far the work has come. It is cheap; the disk sees it every two seconds.
func (r *Run) Progress(p Progress) {
	now := r.jobs.cfg.Now()
	write := now.Sub(r.wrote) >= saveEvery
	if write {
		r.wrote = now
	}
	r.jobs.mu.Lock()
	r.e.job.Progress = p
	r.jobs.mu.Unlock()
	if write { // a lost one does no harm
		if err := r.jobs.update(r.e, false, func(*Job) {}); err != nil {
			r.jobs.log.Warn("the progress of a job could not be written", "job", r.e.job.ID, "error", err)
		}
	}
}

// Result begins the job's result and returns where to write it. What is written is kept only if the job ends well. A write returns a
// *problem.Problem when a limit is met; the runner passes it on.
func (r *Run) Result(contentType string) (io.Writer, error) {
	if r.result != nil {
		return nil, errors.New("the result of the job has begun already")
	}
	f, err := r.jobs.store.create(r.e.job.ID)
	if err != nil {
		return nil, err
	}
	r.result = &resultWriter{run: r, file: f, buf: bufio.NewWriterSize(f, 256<<10), contentType: contentType}
	return r.result, nil
}

// Rows tells how many rows the result has.
func (r *Run) Rows(n uint64) { r.rows = n }

// resultWriter writes a result within the limits.
type resultWriter struct {
	run         *Run
	file        vfs.File
	buf         *bufio.Writer
	contentType string
	size        int64
}

// Write implements io.Writer.
func (w *resultWriter) Write(p []byte) (int, error) {
	n := int64(len(p))
	if limit := w.run.jobs.cfg.MaxResult; w.size+n > limit {
		return 0, problem.New(413, "result_too_large", "the result is larger than %d bytes, the limit jobs.max_result: ask for fewer rows or columns, or let the operator raise it", limit).
			WithLimit("jobs.max_result", limit)
	}
	if prob := w.run.jobs.reserve(w.run.e.job.Tenant(), n, w.run.kind); prob != nil {
		return 0, prob
	}
	w.size += n
	if _, err := w.buf.Write(p); err != nil {
		return 0, fmt.Errorf("write the result: %w", err)
	}
	return len(p), nil
}

// end seals the result of a job that ended well.
func (w *resultWriter) end() (*Result, error) {
	if err := w.buf.Flush(); err != nil {
		return nil, fmt.Errorf("write the result: %w", errors.Join(err, w.close()))
	}
	err := w.run.jobs.store.seal(w.file)
	w.file = nil
	if err != nil {
		return nil, err
	}
	return &Result{ContentType: w.contentType, Bytes: w.size, Rows: w.run.rows}, nil
}

// close gives up the file.
func (w *resultWriter) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// discard removes what was written.
func (r *Run) discard() error {
	if r.result == nil {
		return nil
	}
	id := r.e.job.ID
	err := errors.Join(r.result.close(), r.jobs.store.removeResult(id))
	r.jobs.release(r.e.job.Tenant(), r.result.size)
	r.result = nil
	return err
}
