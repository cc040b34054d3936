package dedupe

import (
	"fmt"
)

// Open reads the set's state and returns it ready for use. Run, or Maintain from
// time to time, must be called for keys to leave memory.
func Open(cfg Config) (*Set, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	cfg.Logger = cfg.Logger.With("component", "dedupe")
	s := &Set{
		cfg:    cfg,
		lagSec: uint32(cfg.Lag.Seconds()),
		wake:   make(chan struct{}, 1),
		head:   &segment{},
	}
	s.k0, s.k1 = cfg.Secret.halves()
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open dedupe set: %w", err)
	}
	var err error
	if s.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, fmt.Errorf("open dedupe set: register metrics: %w", err)
	}
	return s, nil
}

func (s *Set) load() error {
	if err := s.checkSecret(); err != nil {
		return err
	}
	v := &view{floors: map[uint32]uint32{}}
	s.view = v
	if _, err := s.loadManifest(v); err != nil {
		return err
	}
	return s.loadHead()
}
