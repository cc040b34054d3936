// Package deletion removes everything that is kept of a deleted tenant, place by place, and reports what it removed.
//
// Guarantees. Each place is emptied, and looked at again: it counts as done only when nothing of the tenant is left there. What has been done is noted
// after each place, so that a process that ends in the middle goes on with the next one; a place may be emptied twice. A
// failure is tried again, for ever: a deletion that was accepted is never given up. What cannot be removed at once (the event log) is named in the
// report with the time until which it may be there.
package deletion

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"weir/internal/tenant"
)

// Target is the tenant whose data is removed. It is gone from the catalog: nothing of it is accepted any more.
type Target struct {
	Tenant tenant.ID `json:"tenant"`
	Number uint32    `json:"number"` // that stands for it in keys of the state store
}

// Amount is how much of a tenant lies in a place. Rows are whatever the place consists of: rows, keys, files, hours.
type Amount struct {
	Rows  uint64 `json:"rows"`
	Bytes uint64 `json:"bytes"` // 0 where they are not known
}

// Place is one place where data of tenants lies.
type Place struct {
	Name string // stable: it is part of what a job has noted
	// Count returns how much is there.
	Count func(ctx context.Context, t Target) (Amount, error)
	// Forget removes it, and returns when it is gone. It can be repeated. say tells what it is doing. It is nil where nothing can be removed.
	Forget func(ctx context.Context, t Target, say func(string)) error
	// Until, if set, says until when something of the tenant may still be there, and Note why.
	Until func() time.Time
	Note  string
}

// Counted makes a place of a store that says how much it removed but cannot count. It is emptied until it says that nothing was there.
func Counted(name string, forget func(ctx context.Context, t Target) (Amount, error)) Place {
	var last Amount
	return Place{Name: name,
		Count: func(ctx context.Context, t Target) (a Amount, err error) {
			last, err = forget(ctx, t)
			return last, err
		},
		Forget: func(context.Context, Target, func(string)) error { return nil },
	}
}

// Removed is what became of one place.
type Removed struct {
	Place string `json:"place"`
	Amount
	Left  uint64     `json:"left"` // rows, counted afterwards
	At    time.Time  `json:"at"`
	Until *time.Time `json:"until,omitempty"` // something may be there until then
	Note  string     `json:"note,omitempty"`
}

// Report is what a deletion did.
type Report struct {
	Target
	Begun  time.Time  `json:"begun"`
	Ended  time.Time  `json:"ended,omitzero"`
	Places []Removed  `json:"places"`
	Until  *time.Time `json:"until,omitempty"` // nothing at all is left after this
}

// Journal keeps a deletion's notes over restarts, and tells others how far it is.
type Journal interface {
	Saved(v any) (bool, error)
	Save(v any) error
	Progress(done, total int, text string)
}

// notes are what a Journal keeps.
type notes struct {
	Report Report
	Found  *Amount // in the place that is being emptied, as it was counted first
}

// Deletion empties places in their order.
type Deletion struct {
	places []Place
	log    *slog.Logger
	now    func() time.Time
	wait   time.Duration // before the first retry
}

// New returns a deletion of these places.
func New(log *slog.Logger, places ...Place) *Deletion {
	return &Deletion{places: places, log: log.With("component", "deletion"), now: time.Now, wait: time.Second}
}

const maxWait = time.Minute

// Run empties every place that has not been emptied yet. It returns an error only when ctx ends, or when the journal fails.
func (d *Deletion) Run(ctx context.Context, t Target, j Journal) (Report, error) {
	var n notes
	if _, err := j.Saved(&n); err != nil {
		return Report{}, err
	}
	if n.Report.Begun.IsZero() {
		n.Report = Report{Target: t, Begun: d.now().UTC(), Places: []Removed{}}
	}
	for {
		p, ok := d.next(&n)
		if !ok {
			break
		}
		wait := d.wait
		for {
			err := d.empty(ctx, t, p, &n, j)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return n.Report, ctx.Err()
			}
			d.log.Warn("a place of a deleted tenant could not be emptied, trying again", "tenant", t.Tenant, "place", p.Name, "wait", wait, "error", err)
			j.Progress(len(n.Report.Places), len(d.places), fmt.Sprintf("%s: failed, trying again in %s", p.Name, wait))
			select {
			case <-ctx.Done():
				return n.Report, ctx.Err()
			case <-time.After(wait):
			}
			wait = min(2*wait, maxWait)
		}
	}
	n.Report.Ended = d.now().UTC()
	j.Progress(len(d.places), len(d.places), "done")
	d.log.Info("the data of a deleted tenant is removed", "tenant", t.Tenant, "places", len(n.Report.Places), "took", n.Report.Ended.Sub(n.Report.Begun))
	return n.Report, nil
}

// next is the first place that has not been emptied.
func (d *Deletion) next(n *notes) (Place, bool) {
	done := map[string]bool{}
	for _, r := range n.Report.Places {
		done[r.Place] = true
	}
	for _, p := range d.places {
		if !done[p.Name] {
			return p, true
		}
	}
	return Place{}, false
}

// empty empties one place and notes it.
func (d *Deletion) empty(ctx context.Context, t Target, p Place, n *notes, j Journal) error {
	say := func(text string) { j.Progress(len(n.Report.Places), len(d.places), p.Name+": "+text) }
	say("counting")
	found, err := p.Count(ctx, t)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if n.Found == nil || found.Rows > n.Found.Rows { // what was found before an interruption counts too
		n.Found = &found
		if err := j.Save(n); err != nil {
			return err
		}
	}
	r := Removed{Place: p.Name, Amount: *n.Found, Note: p.Note}
	if p.Forget != nil {
		say("removing")
		if err := p.Forget(ctx, t, say); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		left, err := p.Count(ctx, t)
		if err != nil {
			return fmt.Errorf("count again: %w", err)
		}
		if r.Left = left.Rows; r.Left > 0 {
			return fmt.Errorf("%d rows are left", r.Left)
		}
	}
	r.At = d.now().UTC()
	if p.Until != nil {
		until := p.Until().UTC()
		r.Until = &until
		if n.Report.Until == nil || until.After(*n.Report.Until) {
			n.Report.Until = &until
		}
	}
	n.Report.Places = append(n.Report.Places, r)
	n.Found = nil
	return j.Save(n)
}
