package tables

import (
	"context"
	"maps"
	"time"

	"weir/internal/usage"
)

// cpuPerByte is about what the engine spends on a byte of a table that is written or read.
const cpuPerByte = 20 * time.Nanosecond

// turn is the right to have the engine work on a table; it counts like a query of the tenant. nil: nobody admits.
type turn struct {
	ticket usage.Ticket
	work   *work
}

// admit waits for the tenant's turn.
func (s *Tables) admit(ctx context.Context, x *work, bytes uint64) (*turn, error) {
	if s.deps.Gate == nil {
		return nil, nil
	}
	q := usage.Question{Subject: usage.Subject{Tenant: x.tenant, User: x.who.Actor(), Role: x.who.Role}, Kind: usage.KindControl,
		Measured: &usage.Estimate{CPU: time.Duration(bytes) * cpuPerByte}}
	ticket, prob := s.deps.Gate.Admit(q, ctx.Done())
	if prob != nil {
		return nil, prob
	}
	return &turn{ticket, x}, nil
}

// settings say how the engine must do it, so that it is fair to the others.
func (t *turn) settings() map[string]string {
	if t == nil {
		return nil
	}
	if tuned, ok := t.ticket.(usage.Tuned); ok {
		return maps.Clone(tuned.Settings())
	}
	return nil
}

// end gives the place back. What it cost teaches nothing about queries: it is marked as partial.
func (t *turn) end() {
	if t != nil {
		t.ticket.Done(usage.Record{Subject: usage.Subject{Tenant: t.work.tenant}, Kind: usage.KindControl, CPU: t.work.summary.CPU, BytesScanned: t.work.summary.Told().ReadBytes, Partial: true})
	}
}
