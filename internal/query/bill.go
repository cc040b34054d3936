package query

import (
	"context"
	"errors"
	"sync"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/usage"
)

// bill follows one statement from its admission to its record. It is written once, whatever becomes of the statement.
type bill struct {
	*Service
	subject  usage.Subject
	kind     usage.Kind
	ticket   usage.Ticket
	engineID string
	begin    time.Time
	partial  bool               // it did not come to its end
	spent    clickhouse.Summary // by runs that came to nothing, before the last
	release  func()             // of the lookup tables that it reads; nil: it reads none
	once     sync.Once
	final    usage.Cost // when it is finished
}

// admit waits for the statement's turn.
func (a *asking) admit(ctx context.Context, q usage.Question) (*bill, *problem.Problem) {
	b := &bill{Service: a.Service, subject: q.Subject, kind: q.Kind, engineID: newEngineID()}
	if g := a.deps.Gate; g != nil {
		t, p := g.Admit(q, ctx.Done())
		if p != nil {
			return nil, p
		}
		b.ticket = t
		a.metrics.waited.Observe(t.Waited().Seconds())
	}
	b.begin = time.Now()
	return b, nil
}

// again notes what a run has used that came to nothing; another one follows.
func (b *bill) again(sum clickhouse.Summary) {
	b.spent.CPU += sum.CPU
	b.spent.ReadBytes += sum.ReadBytes
	b.spent.ReadRows += sum.ReadRows
}

// record is the work of the statement.
func (b *bill) record(sum clickhouse.Summary, out uint64) usage.Record {
	elapsed := sum.Elapsed
	if elapsed == 0 {
		elapsed = time.Since(b.begin)
	}
	return usage.Record{Subject: b.subject, Kind: b.kind, At: time.Now(), CPU: sum.CPU + b.spent.CPU, MemorySeconds: float64(sum.PeakMemory) * elapsed.Seconds(),
		BytesScanned: sum.ReadBytes + b.spent.ReadBytes, RowsRead: sum.ReadRows + b.spent.ReadRows, BytesOut: out, Count: 1, Partial: b.partial}
}

// cost prices the statement as far as it has come.
func (b *bill) cost(sum clickhouse.Summary, out uint64) usage.Cost {
	return usage.CostOf(b.deps.Pricer, b.record(sum, out), sum.PeakMemory)
}

// finish writes the bill and gives the place back.
func (b *bill) finish(sum clickhouse.Summary, out uint64) {
	b.once.Do(func() {
		r := b.record(sum, out)
		b.metrics.cpu.Add(r.CPU.Seconds())
		b.metrics.read.Add(float64(r.BytesScanned))
		if b.ticket != nil {
			b.ticket.Done(r)
		}
		b.tell(r)
		b.final = usage.CostOf(b.deps.Pricer, r, sum.PeakMemory)
		if b.release != nil {
			b.release()
		}
	})
}

// refused writes the bill of a statement that did not begin.
func (b *bill) refused() {
	b.partial = true
	b.finish(clickhouse.Summary{}, 0)
}

func (s *Service) tell(r usage.Record) {
	if s.deps.Sink != nil {
		s.deps.Sink.Record(r)
	}
}

// failed writes the bill of a statement that gave no answer.
func (b *bill) failed(err error) { b.broken(err, clickhouse.Summary{}, 0) }

// broken writes the bill of a statement that did not come to its end. The engine says what it used with its error; of one that was cut off by its
// caller it is asked.
func (b *bill) broken(err error, sum clickhouse.Summary, out uint64) {
	b.partial = true
	var e *clickhouse.Error
	switch {
	case errors.As(err, &e):
		sum = e.Summary
	case errors.Is(err, clickhouse.ErrUnavailable):
	case b.deps.Watcher != nil: // it keeps nobody waiting, the caller is gone; but the place stays taken until the engine is really free
		sum = clickhouse.Settled(b.deps.Watcher, b.engineID, sum)
	}
	b.finish(sum, out)
}
