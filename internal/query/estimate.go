package query

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
	"weir/internal/usage"
)

// Plan is what a question is expected to read and cost, without running it.
type Plan struct {
	usage.Estimate
	CPUSeconds float64  `json:"cpu_seconds"`
	Currency   string   `json:"currency"`
	Shape      string   `json:"shape"`
	Columns    []string `json:"columns"`
	// Measured says that rows come from the engine's own plan, and not from statistics.
	Measured bool `json:"measured"`
}

// Plan estimates a question and charges what that took. It does not run it. Like Ask it ends with the rights of who asks.
func (s *Service) Plan(ctx context.Context, q *Question) (*Plan, *problem.Problem) {
	watched, stop := tenant.Watch(ctx, q.Who, s.recheck)
	defer stop()
	plan, p := s.plan(watched, q)
	if why := tenant.Revoked(watched); why != nil {
		plan, p = nil, why
	}
	s.auditEstimate(ctx, q, p)
	return plan, p
}

func (s *Service) plan(ctx context.Context, q *Question) (*Plan, *problem.Problem) {
	a, p := s.asking(q)
	if p != nil {
		return nil, p
	}
	if p := a.prepare(); p != nil {
		return nil, p
	}
	expected := a.expected()
	if p := a.measure(ctx, &expected); p != nil {
		return nil, p
	}
	e := a.estimate(expected)
	if p := a.tooMuch(e); p != nil {
		return nil, p
	}
	plan := &Plan{Estimate: e, CPUSeconds: e.CPU.Seconds(), Shape: a.checked.Shape, Columns: a.checked.Columns, Measured: expected.Measured != nil}
	if plan.Columns == nil {
		plan.Columns = []string{}
	}
	if a.deps.Pricer != nil {
		_, plan.Currency = a.deps.Pricer.Price(usage.Record{Subject: expected.Subject, Kind: expected.Kind})
	}
	return plan, nil
}

// estimate asks the gate; without one, what the engine measured is all that is known.
func (a *asking) estimate(q usage.Question) usage.Estimate {
	if a.deps.Gate != nil {
		return a.deps.Gate.Estimate(q)
	}
	var e usage.Estimate
	if q.Measured != nil {
		e = *q.Measured
	}
	if e.CPU == 0 {
		e.CPU = time.Duration(e.Bytes) * time.Second / assumedRate
	}
	switch {
	case e.CPU < time.Second:
		e.Class = usage.Cheap
	case e.CPU > 10*time.Second:
		e.Class = usage.Expensive
	default:
		e.Class = usage.Medium
	}
	if a.deps.Pricer != nil {
		e.Amount, _ = a.deps.Pricer.Price(usage.Record{Subject: q.Subject, Kind: q.Kind, CPU: e.CPU, BytesScanned: e.Bytes, RowsRead: e.Rows, Count: 1})
	}
	return e
}

// assumedRate is how many bytes a core reads in a second, where nothing better is known.
const assumedRate = 500 << 20

// bounded refuses, before it reads, a question that is expected to be above its own bounds.
func (a *asking) bounded(ctx context.Context, q *usage.Question) *problem.Problem {
	if a.q.MaxCost == 0 && a.q.MaxBytes == 0 {
		return nil
	}
	if a.deps.Gate == nil || !a.deps.Gate.Estimate(*q).Learned {
		if p := a.measure(ctx, q); p != nil {
			return p
		}
	}
	return a.tooMuch(a.estimate(*q))
}

func (a *asking) tooMuch(e usage.Estimate) *problem.Problem {
	if a.q.MaxBytes > 0 && e.Bytes > a.q.MaxBytes {
		return problem.New(http.StatusUnprocessableEntity, "over_max_bytes",
			"the statement is expected to read %d bytes, more than max_bytes allows (%d); narrow the range of ts, read fewer columns, or raise max_bytes", e.Bytes, a.q.MaxBytes).
			WithField("max_bytes").WithLimit("max_bytes", int64(min(a.q.MaxBytes, 1<<63-1)))
	}
	if a.q.MaxCost > 0 && e.Amount > a.q.MaxCost {
		return problem.New(http.StatusUnprocessableEntity, "over_max_cost",
			"the statement is expected to cost %.6g, more than max_cost allows (%g); narrow the range of ts, read fewer columns, or raise max_cost", e.Amount, a.q.MaxCost).
			WithField("max_cost").WithAmount("max_cost", a.q.MaxCost)
	}
	return nil
}

// measure asks the engine what it would read: EXPLAIN ESTIMATE counts the rows of the marks that its index leaves. It runs as the tenant, like the
// statement itself. Bytes are those rows' share of what the gate knows of the columns.
//
// What a tenant has the engine compute for its plan (a constant, for example) is work like any other, and waits for its turn. A query within an
// expression would be run, and read, for the plan: of such a statement only the statistics are asked.
func (a *asking) measure(ctx context.Context, q *usage.Question) *problem.Problem {
	reads := a.checked.Kind == KindSelect || a.checked.Kind == KindShow && a.checked.Nested // the condition of SHOW
	if !reads || a.checked.Nested && a.deps.Gate != nil {
		return nil
	}
	ask := usage.Question{Subject: q.Subject, Kind: q.Kind}
	ask.Shape = "plan/" + ask.Shape // planning has a cost of its own
	b, p := a.admit(ctx, ask)
	if p != nil {
		return p
	}
	b.subject, b.kind = q.Subject, usage.KindQuery
	a.q.spent = &b.final
	a.id = cmp.Or(a.q.QueryID, b.engineID)
	st := clickhouse.Statement{SQL: "EXPLAIN ESTIMATE " + a.checked.SQL, Params: a.params(), Settings: a.settings, Format: "TSVWithNames", QueryID: b.engineID,
		Comment: "explain/" + string(a.scope.Tenant)}
	a.confine(&st)
	run, cancel := context.WithTimeout(ctx, a.cfg.MaxTime)
	defer cancel()
	res, err := a.deps.Engine.Query(run, st)
	if err != nil {
		b.failed(err)
		return a.problem(ctx, err)
	}
	defer res.Body.Close()
	rows, err := readEstimate(res.Body)
	if err != nil {
		b.broken(err, res.Summary(), 0)
		return a.problem(ctx, err)
	}
	b.finish(res.Summary(), 0)
	if !a.scope.All {
		if a.checked.ReadsEvents { // the engine's plan has no rows where it can count them without: only where they lie alone in a part
			rows = max(rows, 1)
		}
		rows = clickhouse.RowsTold(rows)
	}
	e := usage.Estimate{Rows: rows, Bytes: rows * guessedRow(a.checked.Columns)}
	if a.deps.Gate != nil {
		if known := a.deps.Gate.Estimate(*q); known.Rows > 0 && known.Bytes > 0 {
			e.Bytes = uint64(float64(rows) * float64(known.Bytes) / float64(known.Rows))
		}
	}
	if !a.scope.All {
		e.Bytes = clickhouse.BytesTold(e.Bytes)
	}
	q.Measured = &e
	return nil
}

// guessedRow is how many bytes a row of these columns has, where no statistics are known.
func guessedRow(columns []string) uint64 { return 16 * uint64(max(1, len(columns))) }

// readEstimate sums up the column rows of EXPLAIN ESTIMATE: database, table, parts, rows, marks.
func readEstimate(r io.Reader) (uint64, error) {
	var total uint64
	column := -1
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if column < 0 {
			for i, f := range fields {
				if f == "rows" {
					column = i
				}
			}
			if column < 0 {
				return 0, fmt.Errorf("EXPLAIN ESTIMATE has no column rows: %q", lines.Text())
			}
			continue
		}
		if column >= len(fields) {
			return 0, fmt.Errorf("EXPLAIN ESTIMATE: a row has %d columns", len(fields))
		}
		n, err := strconv.ParseUint(fields[column], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("EXPLAIN ESTIMATE: %w", err)
		}
		total += n
	}
	return total, lines.Err()
}
