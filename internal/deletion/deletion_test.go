package deletion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/clickhouse"
)

// book is a Journal in memory, as JSON, so that what is noted survives as it would on disk.
type book struct {
	saved []byte
	texts []string
	fail  int // the Save that fails, counted from 1
	saves int
}

var errCrash = errors.New("crash")

func (b *book) Saved(v any) (bool, error) {
	if b.saved == nil {
		return false, nil
	}
	return true, json.Unmarshal(b.saved, v)
}

func (b *book) Save(v any) (err error) {
	if b.saves++; b.saves == b.fail {
		return errCrash
	}
	b.saved, err = json.Marshal(v)
	return err
}

func (b *book) Progress(done, total int, text string) {
	b.texts = append(b.texts, fmt.Sprintf("%d/%d %s", done, total, text))
}

// shelf is a place that fails when it is told to.
type shelf struct {
	rows     uint64
	failures int
	stubborn bool // says that it removed everything, and has not
}

func (s *shelf) place(name string) Place {
	return Place{Name: name,
		Count: func(context.Context, Target) (Amount, error) { return Amount{s.rows, 10 * s.rows}, nil },
		Forget: func(ctx context.Context, _ Target, say func(string)) error {
			say("half")
			s.rows /= 2
			if s.failures--; s.failures >= 0 {
				return errors.New("disk")
			}
			if !s.stubborn {
				s.rows = 0
			}
			return ctx.Err()
		}}
}

var target = Target{Tenant: "acme", Number: 7}

func newDeletion(places ...Place) *Deletion {
	d := New(slog.New(slog.DiscardHandler), func(Target) []Place { return places })
	d.wait = time.Microsecond
	return d
}

func TestEveryPlaceIsEmptied(t *testing.T) {
	a, b := &shelf{rows: 8}, &shelf{rows: 5, failures: 2}
	until := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	counted := 3
	j := &book{}
	report, err := newDeletion(a.place("a"), b.place("b"),
		Counted("c", func(context.Context, Target) (Amount, error) {
			n := counted
			counted = 0
			return Amount{Rows: uint64(n)}, nil
		}),
		Place{Name: "log", Until: func() time.Time { return until }, Note: "later", Count: func(context.Context, Target) (Amount, error) { return Amount{Rows: 2}, nil }},
	).Run(t.Context(), target, j)
	if err != nil || report.Target != target || report.Ended.IsZero() || report.Until == nil || !report.Until.Equal(until) || len(report.Places) != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
	for i, want := range []Removed{{Place: "a", Amount: Amount{8, 80}}, {Place: "b", Amount: Amount{5, 50}}, {Place: "c", Amount: Amount{Rows: 3}}, {Place: "log", Amount: Amount{Rows: 2}, Note: "later"}} {
		got := report.Places[i]
		if got.Place != want.Place || got.Amount != want.Amount || got.Left != 0 || got.Note != want.Note || got.At.IsZero() {
			t.Errorf("place %d: %+v, want %+v", i, got, want)
		}
	}
	if a.rows+b.rows != 0 || !strings.Contains(strings.Join(j.texts, "\n"), "b: failed, trying again") {
		t.Errorf("left %d and %d; told %q", a.rows, b.rows, j.texts)
	}
}

// A place that still has rows is not done, whatever it says.
func TestWhatIsLeftCounts(t *testing.T) {
	s := &shelf{rows: 1 << 8, stubborn: true}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	j := &book{}
	d := newDeletion(s.place("a"))
	if _, err := d.Run(ctx, target, j); err != nil { // halved until nothing is left
		t.Fatal(err)
	}
	if n := strings.Count(strings.Join(j.texts, "\n"), "trying again"); n != 8 {
		t.Errorf("tried %d times", n)
	}
}

// However often the process ends, and wherever, the report says what was found first, and all is gone in the end.
func TestGoesOn(t *testing.T) {
	for fail := 1; ; fail++ {
		a, b := &shelf{rows: 8}, &shelf{rows: 4}
		j := &book{fail: fail}
		d := newDeletion(a.place("a"), b.place("b"))
		_, err := func() (Report, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond) // a journal that fails is tried again, until the process ends
			defer cancel()
			j := &crashing{j}
			return d.Run(ctx, target, j)
		}()
		crashed := err != nil
		report, err := d.Run(t.Context(), target, j)
		if err != nil || a.rows+b.rows != 0 || len(report.Places) != 2 {
			t.Fatalf("crash at save %d: %+v, %v, left %d and %d", fail, report, err, a.rows, b.rows)
		}
		if fail > 1 && report.Places[0].Rows != 8 { // before the first save nothing is noted, and nothing removed
			t.Errorf("crash at save %d: found %d", fail, report.Places[0].Rows)
		}
		if !crashed {
			if fail < 4 {
				t.Errorf("only %d saves", fail)
			}
			return
		}
	}
}

// crashing ends for good at the first failure.
type crashing struct{ *book }

func (c *crashing) Save(v any) error {
	if c.fail > 0 && c.saves >= c.fail {
		return errCrash
	}
	return c.book.Save(v)
}

// Two places of one name would be taken for one: the second would never be emptied.
func TestPlacesHaveTheirNames(t *testing.T) {
	a, b := &shelf{rows: 8}, &shelf{rows: 4}
	if _, err := newDeletion(a.place("a"), b.place("a")).Run(t.Context(), target, &book{}); err == nil || a.rows != 8 || b.rows != 4 {
		t.Errorf("%v, left %d and %d", err, a.rows, b.rows)
	}
}

// A journal that fails once makes a place be emptied again, and be reported once.
func TestReportedOnce(t *testing.T) {
	for fail := 1; fail <= 4; fail++ {
		a, b := &shelf{rows: 8}, &shelf{rows: 4}
		report, err := newDeletion(a.place("a"), b.place("b")).Run(t.Context(), target, &book{fail: fail})
		if err != nil || len(report.Places) != 2 || report.Places[0].Rows+report.Places[1].Rows != 12 {
			t.Errorf("failure of save %d: %v, %+v", fail, err, report)
		}
	}
}

// What comes after a wait is emptied when those who were under way have ended.
func TestSettled(t *testing.T) {
	late := &shelf{}
	wrote := make(chan struct{})
	begin := time.Now()
	go func() {
		time.Sleep(20 * time.Millisecond)
		late.rows = 3
		close(wrote)
	}()
	written := Place{Name: "waits for the test's own write", Count: nothing, Forget: func(context.Context, Target, func(string)) error { <-wrote; return nil }}
	report, err := newDeletion(Settled(50*time.Millisecond), written, late.place("late")).Run(t.Context(), target, &book{})
	if err != nil || time.Since(begin) < 50*time.Millisecond || report.Places[2].Rows != 3 || late.rows != 0 {
		t.Errorf("%v after %s: %+v", err, time.Since(begin), report)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newDeletion(Settled(time.Hour)).Run(ctx, target, &book{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// engine is what of the engine a deletion sees: parts that were replaced, by path, which go when the test says so.
type engine struct {
	mu    sync.Mutex
	parts []string
	asked []string
}

func (e *engine) Exec(context.Context, clickhouse.Statement) (clickhouse.Summary, error) {
	return clickhouse.Summary{}, nil
}

func (e *engine) Rows(_ context.Context, s clickhouse.Statement, fn func(row []any) error) (clickhouse.Summary, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, s.SQL)
	if strings.HasPrefix(s.SQL, "SELECT path") {
		for _, p := range e.parts {
			if err := fn([]any{p}); err != nil {
				return clickhouse.Summary{}, err
			}
		}
		return clickhouse.Summary{}, nil
	}
	n := 0
	for _, p := range e.parts {
		if !strings.Contains(s.SQL, " IN (") || strings.Contains(s.SQL, "'"+p+"'") {
			n++
		}
	}
	return clickhouse.Summary{}, fn([]any{fmt.Sprint(n), fmt.Sprint(10 * n)})
}

// Deletions that run at once wait each for the parts that it has seen itself.
func TestReplacedPartsOfEach(t *testing.T) {
	e := &engine{parts: []string{"p1"}}
	tables := Tables{Engine: e}
	d := New(slog.New(slog.DiscardHandler), func(Target) []Place { return []Place{tables.Inactive()} })
	first := make(chan Report, 1)
	saw := &watching{book: &book{}, waiting: make(chan struct{})}
	go func() {
		report, err := d.Run(t.Context(), target, saw)
		if err != nil {
			t.Error(err)
		}
		first <- report
	}()
	<-saw.waiting // for p1
	e.mu.Lock()
	e.parts = []string{"p1", "p2", "p3"}
	e.mu.Unlock()
	second := make(chan Report, 1)
	saw2 := &watching{book: &book{}, waiting: make(chan struct{})}
	go func() {
		report, err := d.Run(t.Context(), Target{Tenant: "other", Number: 8}, saw2)
		if err != nil {
			t.Error(err)
		}
		second <- report
	}()
	<-saw2.waiting // for all three
	e.mu.Lock()
	e.parts = []string{"p2", "p3"}
	e.mu.Unlock()
	if r := <-first; r.Places[0].Rows != 1 || r.Places[0].Left != 0 {
		t.Errorf("the first: %+v", r)
	}
	select {
	case r := <-second:
		t.Errorf("the second has not waited: %+v", r)
	default:
	}
	e.mu.Lock()
	e.parts = nil
	e.mu.Unlock()
	if r := <-second; r.Places[0].Rows != 3 {
		t.Errorf("the second: %+v", r)
	}
}

// watching says when the deletion waits for parts.
type watching struct {
	*book
	once    sync.Once
	waiting chan struct{}
}

func (w *watching) Progress(_, _ int, text string) {
	if strings.Contains(text, "waiting for the engine") {
		w.once.Do(func() { close(w.waiting) })
	}
}
