package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// The pace of live views, and their bounds.
const (
	livePace      = time.Second      // between two questions while events come
	livePause     = time.Minute      // between two questions at most, however long a refusal says: limits and budgets are raised, and viewers pay in turn
	liveIdle      = 5 * time.Second  // between two questions while none come: the windows move on all the same
	liveHeartbeat = 10 * time.Second // the longest silence of a stream
	liveRecheck   = 4 * time.Second  // how often a viewer's key or session is looked at
	liveViewers   = 200              // of one tenant
	liveTotal     = 5000             // of all tenants
)

// hubs are the live views that somebody watches: one question is asked for all viewers of a site who may see the same.
type hubs struct {
	mu      sync.Mutex
	hubs    map[hubKey]*hub
	viewers map[tenant.ID]int
	total   int
}

type hubKey struct {
	tenant tenant.ID
	site   string
	bots   string
	hide   hiding
}

// hub asks for its viewers, who wait for changed to be closed.
type hub struct {
	src    catalog.Source
	key    hubKey
	cancel context.CancelFunc

	mu      sync.Mutex
	viewers []tenant.Principal // who pay in turn
	turn    int
	frame   []byte // the last one, whole: nobody writes to it
	changed chan struct{}
}

const liveDoc = `A stream of server-sent events: "live" with what happens on the site, about every second while events come and every 5 seconds else; comments keep it open. All viewers of a site share one question a
second, which they pay for in turn. It ends when the key is revoked or expires, when the session ends, or when what the role may see changes; a client that
connects again gets the next state at once. A question that cannot be answered now comes as the event "problem" with a problem document. A client that takes nothing for http.write_timeout is cut; one that is slow
misses states and gets the latest. Counted from events by their time; events of bots are left out unless bots says otherwise.`

func registerLive(api huma.API, r *Reporter) {
	schema := answerOf[Live](api, "Live")["200"].Content["application/json"].Schema
	huma.Register(api, huma.Operation{
		OperationID: "live", Method: http.MethodGet, Path: basePath + "/live", Tags: []string{"analytics"}, Summary: "What happens on a site, as a stream",
		Description: liveDoc, Errors: []int{401, 403, 404, 422, 429},
		Responses: map[string]*huma.Response{"200": {Description: "Events, each with a Live as data.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: schema}}}},
	}, r.getLive)
}

func (r *Reporter) getLive(ctx context.Context, in *realtimeInput) (*huma.StreamResponse, error) {
	who, src, p := r.source(ctx, in.SiteID)
	if p != nil {
		return nil, fail(p)
	}
	bots, p := botsOf(in.Bots, nil, nil)
	if p != nil {
		return nil, fail(p)
	}
	if p := r.masked(who, Question{Bots: bots}); p != nil {
		return nil, fail(p)
	}
	h, p := r.watch(ctx, who, src, bots)
	if p != nil {
		return nil, fail(p)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.leave(h, who)
		_, w := humago.Unwrap(hc)
		v := viewer{r: r, hub: h, who: who, standing: tenant.StandingOf(ctx), w: w}
		v.run(ctx)
	}}, nil
}

// watch takes a place among the viewers of a site's hub, which it starts if there is none.
func (r *Reporter) watch(ctx context.Context, who tenant.Principal, src catalog.Source, bots string) (*hub, *problem.Problem) {
	key := hubKey{src.Tenant, src.SiteID, bots, r.hidingOf(who)}
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hubs == nil {
		l.hubs, l.viewers = map[hubKey]*hub{}, map[tenant.ID]int{}
	}
	if p := l.full(src.Tenant); p != nil {
		return nil, p
	}
	h := l.hubs[key]
	if h == nil {
		run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the viewer who came first
		h = &hub{src: src, key: key, cancel: cancel, changed: make(chan struct{})}
		l.hubs[key] = h
		h.viewers = append(h.viewers, who)
		go r.feed(run, h)
	} else {
		h.mu.Lock()
		h.viewers = append(h.viewers, who)
		h.mu.Unlock()
	}
	l.viewers[src.Tenant]++
	l.total++
	return h, nil
}

// full says which bound leaves no place for one more viewer.
func (l *hubs) full(t tenant.ID) *problem.Problem {
	whose, limit, most := "of the tenant's sites", "report.live_viewers", liveViewers
	switch {
	case l.viewers[t] >= liveViewers:
	case l.total >= liveTotal:
		whose, limit, most = "of all tenants together", "report.live_total", liveTotal
	default:
		return nil
	}
	return problem.New(http.StatusTooManyRequests, "too_many_viewers", "%d live views %s are open, the limit; close some, or ask /realtime now and then", most, whose).
		WithLimit(limit, int64(most)).WithRetry(10 * time.Second)
}

// leave gives the place back. The last one ends the hub.
func (r *Reporter) leave(h *hub, who tenant.Principal) {
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.viewers[h.key.tenant]--; l.viewers[h.key.tenant] == 0 {
		delete(l.viewers, h.key.tenant)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, v := range h.viewers {
		if v == who {
			h.viewers = append(h.viewers[:i], h.viewers[i+1:]...)
			break
		}
	}
	if len(h.viewers) == 0 {
		h.cancel()
		if l.hubs[h.key] == h {
			delete(l.hubs, h.key)
		}
	}
}

// feed asks for the hub's viewers until ctx ends.
func (r *Reporter) feed(ctx context.Context, h *hub) {
	var last uint64
	var asked time.Time
	for {
		version, settled := r.dataVersion(h.key.tenant)
		wait := livePace
		if !settled || version != last || time.Since(asked) >= liveIdle {
			last, asked = version, time.Now()
			frame, retry := r.frame(ctx, h)
			if ctx.Err() != nil {
				return
			}
			h.publish(frame)
			wait = max(wait, min(retry, r.liveTimes.pause))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (r *Reporter) dataVersion(t tenant.ID) (uint64, bool) {
	if r.deps.Data == nil {
		return 0, false
	}
	return r.deps.Data.DataVersion(t)
}

// frame asks once. retry is how long to wait at least before the next time.
func (r *Reporter) frame(ctx context.Context, h *hub) (frame []byte, retry time.Duration) {
	who := h.payer()
	now, till := roundUp(r.now().UTC(), time.Second), r.deps.Clock.CompleteUntil(h.src.Tenant) // till: of the answer, or a little before
	out, p := r.serve(ctx, &panel{
		endpoint: "live", who: who, src: h.src, says: "live view of " + h.src.SiteID, fresh: true, recent: true,
		expected: func() usage.Question {
			return usage.Question{Subject: subject(who, h.src, liveShape), Kind: usage.KindReport, From: now.Add(-liveActive), To: now, Columns: liveColumns}
		},
		run: func(ctx context.Context, t *tally) (*kept, error) {
			x, err := r.liveOf(ctx, t, now, till, h.src, h.key.bots, h.key.hide)
			if err != nil {
				return nil, err
			}
			head, err := x.write()
			return &kept{head: head}, err
		},
	})
	if p != nil {
		body, err := marshal(p)
		if err != nil {
			body = []byte(`{}`)
		}
		return message("problem", body), max(p.RetryAfter, liveIdle)
	}
	return message("live", out.Body), 0
}

// message writes a server-sent event. JSON has no line ends within.
func message(name string, data []byte) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, bytes.TrimSpace(data))
}

// payer is the viewer whose turn it is.
func (h *hub) payer() tenant.Principal {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) == 0 {
		return tenant.Principal{Tenant: h.key.tenant, Role: tenant.RoleViewer}
	}
	h.turn++
	return h.viewers[h.turn%len(h.viewers)]
}

func (h *hub) publish(frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frame = frame
	close(h.changed)
	h.changed = make(chan struct{})
}

// latest is the last frame, nil if there is none yet, and what is closed when there is another.
func (h *hub) latest() ([]byte, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.frame, h.changed
}

// viewer is one stream.
type viewer struct {
	r        *Reporter
	hub      *hub
	who      tenant.Principal
	standing tenant.Standing
	w        http.ResponseWriter
}

var errLeft = errors.New("the viewer has gone")

// run sends frames until the viewer leaves or may not look any more. A frame that comes while another is being sent replaces those between.
func (v *viewer) run(ctx context.Context) {
	head := v.w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no") // of proxies
	v.w.WriteHeader(http.StatusOK)
	recheck := time.NewTicker(v.r.liveTimes.recheck)
	defer recheck.Stop()
	beat := time.NewTimer(v.r.liveTimes.heartbeat)
	defer beat.Stop()
	err := v.send([]byte("retry: 2000\n: the last state follows\n\n"))
	var sent []byte
	for err == nil {
		frame, changed := v.hub.latest()
		if len(frame) > 0 && !same(frame, sent) {
			sent = frame
			err = v.send(frame)
			beat.Reset(v.r.liveTimes.heartbeat)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-v.standing.Stopping:
			return
		case <-changed:
		case <-beat.C:
			err = v.send([]byte(": still here\n\n"))
			beat.Reset(v.r.liveTimes.heartbeat)
		case <-recheck.C:
			err = v.recheck()
		}
	}
}

func same(a, b []byte) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

func (v *viewer) send(b []byte) error {
	if _, err := v.w.Write(b); err != nil {
		return errors.Join(errLeft, err)
	}
	return http.NewResponseController(v.w).Flush()
}

// recheck says whether the viewer still may look at what the hub shows. Why not is the last event of the stream.
func (v *viewer) recheck() error {
	who, p := v.standing.Check()
	if p == nil && who != v.who {
		p = problem.New(http.StatusForbidden, "principal_changed", "the key or the user has other rights now; connect again")
	}
	if p == nil {
		src, _, ok := v.r.deps.Sources.SourceBySite(v.hub.src.SiteID)
		switch {
		case !ok || src.Tenant != v.hub.key.tenant:
			p = problem.New(http.StatusNotFound, "unknown_site", "the site %s is gone", v.hub.src.SiteID)
		case v.r.hidingOf(who) != v.hub.key.hide:
			p = problem.New(http.StatusForbidden, "masks_changed", "which columns the role may see has changed; connect again")
		}
	}
	if p == nil {
		return nil
	}
	body, err := marshal(p)
	if err != nil {
		return err
	}
	return errors.Join(v.send(message("problem", body)), p)
}
