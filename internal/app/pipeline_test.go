package app

import (
	"testing"
	"time"

	"weir/internal/config"
)

// TestJobTime: the time of jobs is the one that the configuration has, also where it is less than that of other queries.
func TestJobTime(t *testing.T) {
	c := config.Default()
	c.Query.Timeout, c.Query.JobTimeout = 15*time.Second, 4*time.Second
	q := queryConfig(c.Query)
	if q.JobTime != 4*time.Second || q.Validate() != nil {
		t.Errorf("%v, %v", q.JobTime, q.Validate())
	}
}
