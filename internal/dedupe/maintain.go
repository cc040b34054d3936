package dedupe

import (
	"context"
)

// Run does background work until ctx ends.
func (s *Set) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Maintain does the background work that is due.
func (s *Set) Maintain(ctx context.Context) error { return ctx.Err() }

// Stats describes the set.
type Stats struct {
	Keys int64 // remembered keys
}

// Stats returns figures of this moment.
func (s *Set) Stats() Stats { return Stats{} }

// Close releases the run files. What was applied stays; nothing is written.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
