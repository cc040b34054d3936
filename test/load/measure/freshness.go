package measure

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"weir/internal/client"
	"weir/test/load/drive"
)

// Prober measures freshness: it sends single marker events and asks in SQL until each is there. What it finds
// includes the time between two questions and the time of the question itself.
type Prober struct {
	Writer, Reader *client.Client
	SiteID         string
	Every          time.Duration // between two markers, 200 ms by default
	Poll           time.Duration // pause between two questions, 20 ms by default
}

// Fresh is what a Prober found.
type Fresh struct {
	Visible drive.Histogram // from the acknowledgement until an answer held the marker
	Acked   int64
	Lost    int64 // acknowledged and not visible within the time for it
	Queries drive.Histogram
	Err     error // the first failure of a request; the run goes on
}

const probeType = "weir_probe"

// probes are the markers on their way.
type probes struct {
	mu    sync.Mutex
	acked map[int64]time.Time
	fresh Fresh
}

func (p *probes) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fresh.Err == nil {
		p.fresh.Err = err
	}
}

// Run probes until ctx ends, then waits at most patience for the markers that are still on their way.
func (p *Prober) Run(ctx context.Context, patience time.Duration) *Fresh {
	if p.Every == 0 {
		p.Every = 200 * time.Millisecond
	}
	if p.Poll == 0 {
		p.Poll = 20 * time.Millisecond
	}
	began := time.Now()
	s := &probes{acked: map[int64]time.Time{}}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.send(ctx, s)
	}()
	end, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go func() {
		<-sent
		select {
		case <-time.After(patience):
		case <-end.Done():
		}
		cancel()
	}()
	p.ask(end, s, began, sent)
	<-sent
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh.Lost = int64(len(s.acked))
	return &s.fresh
}

func (p *Prober) send(ctx context.Context, s *probes) {
	tick := time.NewTicker(p.Every)
	defer tick.Stop()
	for n := time.Now().UnixNano(); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		body := fmt.Appendf(nil, `{"event_id":"probe-%d","type":%q,"client_id":"probe-%d","props":{"n":"%d"}}`, n, probeType, n, n)
		res, err := p.Writer.Ingest(ctx, body, client.IngestOptions{})
		acked := time.Now()
		if err != nil || res.Accepted != 1 {
			if ctx.Err() == nil {
				s.fail(fmt.Errorf("probe: %d accepted: %w", res.Accepted, err))
			}
			continue
		}
		s.mu.Lock()
		s.acked[n] = acked
		s.fresh.Acked++
		s.mu.Unlock()
	}
}

// ask polls until all markers were seen after the sender has ended, or ctx ends.
func (p *Prober) ask(ctx context.Context, s *probes, began time.Time, sent <-chan struct{}) {
	seen := map[int64]bool{}
	since := began.Add(-time.Second).UTC().Format("2006-01-02 15:04:05.000")
	for ctx.Err() == nil {
		asked := time.Now()
		res, err := p.Reader.QueryRows(ctx, client.QueryRequest{SQL: fmt.Sprintf(
			"SELECT props['n'] AS n FROM events WHERE type = '%s' AND ts >= '%s' AND site_id = '%s'", probeType, since, p.SiteID)})
		now := time.Now()
		if err != nil {
			if ctx.Err() == nil {
				s.fail(err)
			}
		} else {
			s.mu.Lock()
			s.fresh.Queries.Add(now.Sub(asked))
			for _, row := range res.Data {
				n, err := strconv.ParseInt(fmt.Sprint(row["n"]), 10, 64)
				acked, ok := s.acked[n]
				if err != nil || !ok || seen[n] {
					continue
				}
				seen[n] = true
				delete(s.acked, n)
				s.fresh.Visible.Add(now.Sub(acked))
			}
			left := len(s.acked)
			s.mu.Unlock()
			select {
			case <-sent:
				if left == 0 {
					return
				}
			default:
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(p.Poll):
		}
	}
}
