package dedupe

type run struct{}

func (r *run) acquire() {}
func (r *run) release() {}

func (c *scratch) probeRuns(s *Set, v *view) error { return nil }
