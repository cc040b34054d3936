package query

import (
	"context"
	"encoding/json"
	"io"

	"weir/internal/audit"
	"weir/internal/origin"
	"weir/internal/problem"
	"weir/internal/usage"
)

// audit records a question: at once when it is refused, with its cost when its answer is closed. Answers from the cache are gathered by the minute.
func (s *Service) audit(ctx context.Context, q *Question, ans *Answer, p *problem.Problem) {
	if s.deps.Audit == nil {
		return
	}
	e := auditEntry(ctx, q, audit.Query, p)
	if p != nil {
		s.deps.Audit.Record(e)
		return
	}
	ans.Body = &auditedBody{ReadCloser: ans.Body, service: s, entry: e, cached: ans.Cached, cost: ans.Cost}
}

// auditEstimate records that a question was estimated. Where somebody writes a statement that happens again and again: it is gathered.
func (s *Service) auditEstimate(ctx context.Context, q *Question, p *problem.Problem) {
	if s.deps.Audit != nil {
		s.deps.Audit.Gather(auditEntry(ctx, q, audit.Estimate, p))
	}
}

// auditEntry is what is recorded of a question, with what it has cost so far.
func auditEntry(ctx context.Context, q *Question, action string, p *problem.Problem) audit.Entry {
	o := origin.From(ctx)
	e := audit.Entry{Tenant: q.Who.Tenant, Actor: q.Who.Actor(), Role: q.Who.Role, Action: action, Target: q.Who.Site, Text: auditText(q), From: o.String(), Door: q.Door,
		Outcome: audit.OK, Request: q.QueryID}
	if e.From == "" {
		e.From = q.From
	}
	if e.Request == "" {
		e.Request = o.Request
	}
	if p != nil {
		e.Outcome = p.Code
	}
	if q.spent != nil {
		e.Cost = auditCost(*q.spent)
	}
	return e
}

// Refused records a question that its door has refused, so that it never came to be asked.
func (s *Service) Refused(ctx context.Context, q *Question, p *problem.Problem) {
	s.audit(ctx, q, nil, p)
}

func auditText(q *Question) string {
	text := audit.Cut(q.SQL)
	if len(q.Params) > 0 {
		if params, err := json.Marshal(q.Params); err == nil {
			text += " -- parameters: " + string(params)
		}
	}
	return text
}

func auditCost(c usage.Cost) *audit.Cost {
	return &audit.Cost{Amount: c.Amount, Currency: c.Currency, CPUSeconds: c.CPUSeconds, RowsRead: c.RowsRead, BytesRead: c.BytesRead}
}

// auditedBody records the question when its answer is closed.
type auditedBody struct {
	io.ReadCloser
	service *Service
	entry   audit.Entry
	cached  bool
	cost    func() usage.Cost
	whole   bool
	err     error
	closed  bool
}

func (b *auditedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.whole = true
	case err != nil && b.err == nil:
		b.err = err
	}
	return n, err
}

// Close implements io.Closer.
func (b *auditedBody) Close() error {
	err := b.ReadCloser.Close()
	if b.closed {
		return err
	}
	b.closed = true
	e := b.entry
	e.Cost = auditCost(b.cost())
	switch {
	case b.err != nil:
		e.Outcome = b.service.engineProblem(context.Background(), b.err).Code
	case !b.whole:
		e.Outcome = "cut_off"
	}
	if b.cached {
		b.service.deps.Audit.Gather(e)
		return err
	}
	b.service.deps.Audit.Record(e)
	return err
}
