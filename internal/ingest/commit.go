package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"weir/internal/event"
	"weir/internal/eventlog"
	"weir/internal/problem"
	"weir/internal/token"
	"weir/internal/usage"
)

const (
	flagSenderID = event.FlagSenderID
	flagImport   = event.FlagImport
	flagPublic   = event.FlagPublic
)

// commit makes the accepted events durable, counts what became of all, and returns the token. It goes on when the
// client has left: the body was complete, so its events count.
func (j *job) commit(ctx context.Context) (token.Token, *problem.Problem) {
	var tok token.Token
	if prob := j.takeLimits(); prob != nil {
		if j.never(prob) {
			j.drop(prob)
			j.count()
		}
		return nil, prob
	}
	if j.accepted > 0 {
		if prob := j.reserve(); prob != nil {
			return nil, prob
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.h.cfg.AppendTimeout)
		defer cancel()
		var err error
		if tok, err = j.append(ctx); err != nil {
			j.untaken = len(tok) == 1 && (errors.Is(err, eventlog.ErrFull) || errors.Is(err, eventlog.ErrOverloaded) || errors.Is(err, eventlog.ErrClosed))
			return nil, j.h.appendProblem(err)
		}
	}
	j.count()
	return tok, nil
}

// never says whether what is too large for the tenant's limits is one event: then nobody can send it in smaller requests.
func (j *job) never(prob *problem.Problem) bool {
	return prob.Status == http.StatusRequestEntityTooLarge && j.index <= 1
}

// append appends every batch to its partition and waits for all.
func (j *job) append(ctx context.Context) (token.Token, error) {
	used, only := 0, 0
	for at, b := range j.batches {
		if b != nil {
			used, only = used+1, at
		}
	}
	if used == 1 {
		p := j.partition(only)
		off, err := j.h.deps.Gatherer.Append(ctx, p, j.batches[only])
		return token.Token{{Partition: p, Offset: off}}, err
	}
	var wg sync.WaitGroup
	pairs := make([]token.Pair, len(j.batches))
	errs := make([]error, len(j.batches))
	for at, b := range j.batches {
		if b == nil {
			continue
		}
		wg.Go(func() {
			pairs[at].Partition = j.partition(at)
			pairs[at].Offset, errs[at] = j.h.deps.Gatherer.Append(ctx, pairs[at].Partition, b)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var tok token.Token
	for at, b := range j.batches {
		if b != nil {
			tok = append(tok, pairs[at])
		}
	}
	return tok.Merge(), nil
}

// count reports the request's events to metrics and account.
func (j *job) count() {
	if j.accepted > 0 {
		j.h.metrics.events.WithLabelValues(j.door).Add(float64(j.accepted))
		if j.h.deps.Account != nil && j.bytes > 0 { // a binary CloudEvent may have none
			j.h.deps.Account.Received(j.tenant.ID, j.bytes)
		}
	}
	if j.h.deps.Sink != nil && j.tenant.ID != "" {
		j.charge(j.h.deps.Sink)
	}
	j.countSite(&j.unsited)
	if j.home != nil {
		j.countSite(j.home)
	}
	for _, s := range j.sites {
		if s != j.home {
			j.countSite(s)
		}
	}
}

// charge tells what the request used, shared out over its sources by their events. Its CPU is measured by labels.
func (j *job) charge(sink usage.Sink) {
	now := time.Now()
	memory := float64(j.held)
	for _, b := range j.batches {
		if b != nil {
			memory += float64(b.Bytes())
		}
	}
	r := usage.Record{Subject: usage.Subject{Tenant: j.tenant.ID}, Kind: usage.KindIngest, At: now}
	report := func(s *site, events, of int) {
		r.Source, r.Events = s.id, uint64(events)
		share := float64(events) / float64(of)
		r.BytesIn = uint64(float64(j.bytes) * share)
		r.MemorySeconds = memory * share * now.Sub(j.began).Seconds()
		sink.Record(r)
	}
	if j.accepted == 0 {
		report(&j.unsited, 0, 1)
		return
	}
	if j.home != nil && j.home.accepted > 0 {
		report(j.home, j.home.accepted, j.accepted)
	}
	for _, s := range j.sites {
		if s != j.home && s.accepted > 0 {
			report(s, s.accepted, j.accepted)
		}
	}
}

// countSite reports and forgets a site's counts; two names of one site share them.
func (j *job) countSite(s *site) {
	account := j.h.deps.Account
	if s.accepted > 0 && account != nil {
		account.Accepted(j.tenant.ID, s.id, s.accepted)
	}
	for _, r := range s.rejected {
		j.h.metrics.rejected.WithLabelValues(j.door, r.Code).Add(float64(r.Count))
		if account != nil && j.tenant.ID != "" {
			r.Door = j.door
			account.Rejected(j.tenant.ID, s.id, r)
		}
	}
	s.accepted, s.rejected = 0, nil
}

// appendProblem explains why events could not be made durable.
func (h *Handler) appendProblem(err error) *problem.Problem {
	now := h.deps.Now()
	if lost, ok := h.warned.allow(now); ok {
		h.log.Warn("events were refused because the log did not take them", "error", err, "unreported", lost)
	}
	unavailable := func(code, limit string, retry time.Duration, format string, args ...any) *problem.Problem {
		return problem.New(http.StatusServiceUnavailable, code, format, args...).WithLimit(limit, 0).WithRetry(retry)
	}
	var overload *eventlog.OverloadError
	switch {
	case errors.As(err, &overload):
		return unavailable("overloaded", "log_pending_bytes", max(overload.Retry, time.Second),
			"more events wait for the disk than may (%d bytes): send the same request again a little later", overload.Limit).
			WithLimit("log_pending_bytes", overload.Limit)
	case errors.Is(err, eventlog.ErrFull):
		return unavailable("log_full", "log_disk", 30*time.Second, "the disk of the event log is nearly full: send the same request again later; the operator must free space")
	case errors.Is(err, eventlog.ErrClosed):
		return unavailable("shutting_down", "", 5*time.Second, "the server is shutting down: send the same request again")
	case errors.Is(err, eventlog.ErrTooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, "request_too_large", "the events do not fit into the event log: send smaller events, or fewer in one request")
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("append_timeout", "append_timeout", time.Second,
			"the events were not durable within %s; whether they will be is not known: send the same request again with the same event_id in each event", fmt.Sprint(h.cfg.AppendTimeout))
	}
	return unavailable("log_failed", "", 5*time.Second, "the event log could not store the events: send the same request again with the same event_id in each event")
}
