package deletion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
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

var target = Target{"acme", 7}

func newDeletion(places ...Place) *Deletion {
	d := New(slog.New(slog.DiscardHandler), places...)
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
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
