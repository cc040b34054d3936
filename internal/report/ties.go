package report

import (
	"sync"
	"time"
)

// tiedShare: a site has many ties if more than one in so many persons of a funnel has one.
const tiedShare = 20

// How long a site is known for that, and how many are.
const (
	tiesFor = time.Hour
	maxTies = 4096
)

// ties remembers at which sites many persons have events at the same time, as where a log with full seconds is sent. It is a hint: a wrong one costs a statement.
type ties struct {
	mu    sync.Mutex
	sites map[string]time.Time // when it was found
}

func (t *ties) many(site string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.sites[site]
	return ok && now.Sub(at) < tiesFor
}

func (t *ties) found(site string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sites == nil || len(t.sites) >= maxTies {
		t.sites = map[string]time.Time{}
	}
	t.sites[site] = now
}
