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
	// KeepBilling leaves its billing figures, without users and queries. BillingOnly removes what was left so, later.
	KeepBilling bool `json:"keep_billing,omitempty"`
	BillingOnly bool `json:"billing_only,omitempty"`
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
	return Place{Name: name, Count: forget, Forget: func(context.Context, Target, func(string)) error { return nil }}
}

// Uncounted makes a place of what is small or in memory: it is removed and not counted.
func Uncounted(name, note string, forget func(ctx context.Context, t Target) error) Place {
	return Place{Name: name, Note: note, Count: nothing,
		Forget: func(ctx context.Context, t Target, _ func(string)) error { return forget(ctx, t) }}
}

func nothing(context.Context, Target) (Amount, error) { return Amount{}, nil }

// Settled is no place, but a wait: what comes after it is emptied when requests that were under way at the beginning have ended, and with them
// what they still write. After a restart it waits anew.
func Settled(d time.Duration) Place {
	end := time.Now().Add(d)
	return Place{Name: "requests under way", Note: "none is longer than the time that was waited", Count: nothing,
		Forget: func(ctx context.Context, _ Target, say func(string)) error {
			say("waiting for their end")
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Until(end)):
				return nil
			}
		}}
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

// Deletion empties places in their order. Several tenants can be removed at once.
type Deletion struct {
	places func(t Target) []Place
	log    *slog.Logger
	now    func() time.Time
	wait   time.Duration // before the first retry
}

// New returns a deletion. places makes the places of one run, each with a name of its own: they may remember what they have seen.
func New(log *slog.Logger, places func(t Target) []Place) *Deletion {
	return &Deletion{places: places, log: log.With("component", "deletion"), now: time.Now, wait: time.Second}
}

const maxWait = time.Minute

// unique reports two places of one name: the second would never be emptied.
func unique(places []Place) error {
	seen := map[string]bool{}
	for _, p := range places {
		if seen[p.Name] {
			return fmt.Errorf("deletion: two places are called %q", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

// Run empties every place that has not been emptied yet. It returns an error only when ctx ends, or when the journal fails.
func (d *Deletion) Run(ctx context.Context, t Target, j Journal) (Report, error) {
	var n notes
	if _, err := j.Saved(&n); err != nil {
		return Report{}, err
	}
	if n.Report.Begun.IsZero() {
		n.Report = Report{Target: t, Begun: d.now().UTC(), Places: []Removed{}}
	}
	places := d.places(t)
	if err := unique(places); err != nil {
		return n.Report, err
	}
	r := &run{Deletion: d, target: t, notes: n, journal: j, total: len(places)}
	for _, p := range places {
		if r.done(p) {
			continue
		}
		if err := r.emptied(ctx, p); err != nil {
			return r.Report, err
		}
	}
	r.Report.Ended = d.now().UTC()
	j.Progress(r.total, r.total, "done")
	d.log.Info("the data of a deleted tenant is removed", "tenant", t.Tenant, "places", len(r.Report.Places), "took", r.Report.Ended.Sub(r.Report.Begun))
	return r.Report, nil
}

// run is one deletion under way.
type run struct {
	*Deletion
	notes
	target  Target
	journal Journal
	total   int // places
}

// done says whether a place was emptied, before a restart.
func (r *run) done(p Place) bool {
	for _, was := range r.Report.Places {
		if was.Place == p.Name {
			return true
		}
	}
	return false
}

// emptied empties a place, trying until it succeeds.
func (r *run) emptied(ctx context.Context, p Place) error {
	for wait := r.wait; ; wait = min(2*wait, maxWait) {
		err := r.empty(ctx, p)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.log.Warn("a place of a deleted tenant could not be emptied, trying again", "tenant", r.target.Tenant, "place", p.Name, "wait", wait, "error", err)
		r.journal.Progress(len(r.Report.Places), r.total, fmt.Sprintf("%s: failed, trying again in %s", p.Name, wait))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// empty empties one place and notes it.
func (r *run) empty(ctx context.Context, p Place) error {
	say := func(text string) { r.journal.Progress(len(r.Report.Places), r.total, p.Name+": "+text) }
	say("counting")
	found, err := p.Count(ctx, r.target)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if r.Found == nil || found.Rows > r.Found.Rows { // what was found before an interruption counts too
		r.Found = &found
		if err := r.journal.Save(&r.notes); err != nil {
			return err
		}
	}
	removed := Removed{Place: p.Name, Amount: *r.Found, Note: p.Note}
	if p.Forget != nil {
		say("removing")
		if err := p.Forget(ctx, r.target, say); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		left, err := p.Count(ctx, r.target)
		if err != nil {
			return fmt.Errorf("count again: %w", err)
		}
		if removed.Left = left.Rows; removed.Left > 0 {
			return fmt.Errorf("%d rows are left", removed.Left)
		}
	}
	removed.At = r.now().UTC()
	if p.Until != nil {
		until := p.Until().UTC()
		removed.Until = &until
		if r.Report.Until == nil || until.After(*r.Report.Until) {
			r.Report.Until = &until
		}
	}
	before := r.notes
	r.Report.Places, r.Found = append(r.Report.Places, removed), nil
	err = r.journal.Save(&r.notes)
	if err != nil {
		r.notes = before // it is tried again, and reported once
	}
	return err
}
