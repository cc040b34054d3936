package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/test/load/drive"
)

// leavingLimit is the budget of the time after which a statement has ended whose client left, in milliseconds.
const leavingLimit = 200

// longSQL compares each event with very many, for minutes; %d tells one from another.
const longSQL = "SELECT count() AS leaving_%d FROM events AS a CROSS JOIN (SELECT url FROM events LIMIT 100000) AS b WHERE a.url < b.url"

// leaving measures how long a statement goes on in the engine after its client closed the connection, over and over.
func (b *bench) leaving(ctx context.Context) error {
	socket, err := findSocket(b.s.Dir())
	if err != nil {
		return err
	}
	engine, err := clickhouse.New("unix://" + socket)
	if err != nil {
		return err
	}
	var took drive.Histogram
	for i := range b.o.leavings {
		d, err := b.leave(ctx, engine, i)
		if err != nil {
			return err
		}
		took.Add(d)
	}
	b.res.Leaving = quantilesOf(&took, 0, 0)
	b.report("%d clients left: their statements went on for %.1f ms (p50), %.1f ms (p99)", b.res.Leaving.Count, b.res.Leaving.P50, b.res.Leaving.P99)
	return nil
}

// leave sends a statement, leaves when the engine runs it, and says how long it was listed afterwards.
func (b *bench) leave(ctx context.Context, engine *clickhouse.Client, i int) (time.Duration, error) {
	asking, leave := context.WithCancel(ctx)
	defer leave()
	q := sql(fmt.Sprintf(longSQL, i))
	r, err := http.NewRequestWithContext(asking, q.method, b.s.URL+q.path, strings.NewReader(string(q.body)))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+b.b.Analyst)
	r.Header.Set("Content-Type", "application/json")
	done := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			err = fmt.Errorf("a statement of minutes was answered with status %d", resp.StatusCode)
			_ = resp.Body.Close()
		}
		done <- err
	}()
	if err := until(ctx, engine, i, true); err != nil {
		return 0, err
	}
	leave()
	began := time.Now()
	if err := <-done; !errors.Is(err, context.Canceled) {
		return 0, err
	}
	err = until(ctx, engine, i, false)
	return time.Since(began), err
}

// until waits until the engine runs a statement, or does not.
func until(ctx context.Context, engine *clickhouse.Client, i int, runs bool) error {
	find := clickhouse.Statement{SQL: fmt.Sprintf("SELECT count() FROM system.processes WHERE query LIKE '%%leaving\\_%d %%' AND query NOT LIKE '%%system.processes%%'", i)}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		found := false
		_, err := engine.Rows(ctx, find, func(row []any) error {
			found = fmt.Sprint(row[0]) != "0"
			return nil
		})
		switch {
		case err != nil:
			return err
		case found == runs:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("after a minute: the statement runs: %t", found)
		}
	}
}
