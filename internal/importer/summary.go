package importer

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
)

const (
	exampleBytes = 200 // of a rejected line that are kept
	maxReasons   = 100 // distinct reasons; further ones are counted under "other"
)

// Summary is what happened to the lines.
type Summary struct {
	Files    int
	Lines    int64 // read, without those done in an earlier import
	Done     int64 // lines that an earlier import did
	Accepted int64
	Rejected int64
	Blank    int64
	// RejectedBefore is how many lines of these files earlier imports rejected. They are among Done, and not tried again.
	RejectedBefore int64
	Reasons        []Reason // by count, largest first
	// Incomplete names files whose last line has no end and cannot be read: it is left for the next import.
	Incomplete []Example
	Elapsed    time.Duration
}

// Reason is why lines were rejected, by the importer or by the server.
type Reason struct {
	Code, Field string
	Message     string // of the first one
	Count       int64
	Examples    []Example
}

// Example is one line.
type Example struct {
	File string
	Line int64
	Text string // its first 200 bytes
}

// Write prints s for people.
func (s Summary) Write(w io.Writer) error {
	var b strings.Builder
	rate := ""
	if sec := s.Elapsed.Seconds(); sec > 0 && s.Lines > 0 {
		rate = fmt.Sprintf(" (%s lines/s)", humanize.Comma(int64(float64(s.Lines)/sec)))
	}
	before := ""
	if s.RejectedBefore > 0 {
		before = fmt.Sprintf(" (%s of them rejected then)", humanize.Comma(s.RejectedBefore))
	}
	fmt.Fprintf(&b, "%s imported, %s rejected, %s already done%s, %s in %s%s\n", plural(s.Accepted, "event"), humanize.Comma(s.Rejected), humanize.Comma(s.Done), before,
		plural(int64(s.Files), "file"), s.Elapsed.Round(10*time.Millisecond), rate)
	for _, r := range s.Reasons {
		field := ""
		if r.Field != "" {
			field = " (" + r.Field + ")"
		}
		fmt.Fprintf(&b, "  %s%s: %s: %s\n", r.Code, field, plural(r.Count, "line"), r.Message)
		for _, e := range r.Examples {
			fmt.Fprintf(&b, "    %s:%d: %q\n", e.File, e.Line, e.Text)
		}
	}
	for _, e := range s.Incomplete {
		fmt.Fprintf(&b, "  %s:%d: the last line is not complete; it is left for the next import\n", e.File, e.Line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Strict is an error that says what to do if a line was rejected, now or by an earlier import of the same files.
func (s Summary) Strict() error {
	const advice = "put these lines, corrected, into a file of their own and import that; do not import the corrected file as a whole (docs/IMPORT.md, What is rejected)"
	switch {
	case s.Rejected > 0 && s.RejectedBefore > 0:
		return fmt.Errorf("%s rejected, and %s rejected by an earlier import and not tried again: %s", was(s.Rejected), was(s.RejectedBefore), advice)
	case s.Rejected > 0:
		return fmt.Errorf("%s rejected: %s", was(s.Rejected), advice)
	case s.RejectedBefore > 0:
		return fmt.Errorf("%s rejected by an earlier import and not tried again: %s. If that is done, import without --strict", was(s.RejectedBefore), advice)
	}
	return nil
}

func was(n int64) string {
	if n == 1 {
		return "1 line was"
	}
	return plural(n, "line") + " were"
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return humanize.Comma(n) + " " + what + "s"
}

// tally counts what happens to lines. It is safe for concurrent use.
type tally struct {
	examples int

	mu      sync.Mutex
	s       Summary
	reasons map[[2]string]*Reason
}

func newTally(examples int) *tally {
	return &tally{examples: examples, reasons: map[[2]string]*Reason{}}
}

func (t *tally) file()                  { t.add(func(s *Summary) { s.Files++ }) }
func (t *tally) skip()                  { t.add(func(s *Summary) { s.Done++ }) }
func (t *tally) blank()                 { t.add(func(s *Summary) { s.Blank++; s.Lines++ }) }
func (t *tally) rejectedBefore(n int64) { t.add(func(s *Summary) { s.RejectedBefore += n }) }
func (t *tally) accept(n int) {
	t.add(func(s *Summary) { s.Accepted += int64(n); s.Lines += int64(n) })
}

func (t *tally) add(f func(*Summary)) {
	t.mu.Lock()
	f(&t.s)
	t.mu.Unlock()
}

func (t *tally) incomplete(file string, number int64) {
	t.add(func(s *Summary) { s.Incomplete = append(s.Incomplete, Example{File: file, Line: number}) })
}

func (t *tally) reject(file string, number int64, text []byte, why rejection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Rejected++
	t.s.Lines++
	key := [2]string{why.code, why.field}
	r := t.reasons[key]
	if r == nil && len(t.reasons) >= maxReasons {
		key = [2]string{"other", ""}
		why.message = "further reasons"
		r = t.reasons[key]
	}
	if r == nil {
		r = &Reason{Code: key[0], Field: key[1], Message: why.message}
		t.reasons[key] = r
	}
	r.Count++
	if len(r.Examples) < t.examples {
		r.Examples = append(r.Examples, Example{file, number, string(text[:min(len(text), exampleBytes)])})
	}
}

// counts are the lines done so far, in this import and before.
func (t *tally) counts() (lines, rejected, done int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s.Lines, t.s.Rejected, t.s.Done
}

func (t *tally) summary() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.Reasons = nil
	for _, r := range t.reasons {
		s.Reasons = append(s.Reasons, *r)
	}
	sort.Slice(s.Reasons, func(i, j int) bool {
		a, b := s.Reasons[i], s.Reasons[j]
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		return a.Code+a.Field < b.Code+b.Field
	})
	return s
}
