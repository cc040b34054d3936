package stream

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"weir/internal/clickhouse"
	"weir/internal/event"
)

// Table is the events table as the processor needs it.
type Table interface {
	// Insert writes the rows of b, marked with writer and seq, as one insert: each day's partition
	// gets all of its rows or none. When it returns nil they are durable; when it fails, any of the days may hold its rows,
	// now or, until Held has been called, later.
	Insert(ctx context.Context, writer uint16, seq uint64, b *Block) error
	// Held makes sure that no insert of that writer and seq is running any more, and then returns
	// how many rows of it each of the given days (days since the Unix epoch) holds. Days without any are absent.
	Held(ctx context.Context, writer uint16, seq uint64, days []int32) (map[int32]uint64, error)
}

// EventsTable is Table on the engine.
type EventsTable struct {
	engine *clickhouse.Client
	sql    string
	try    uint64
}

// NewEventsTable returns the events table of an engine. One writer uses it at a time.
func NewEventsTable(engine *clickhouse.Client) *EventsTable {
	cols := append(event.NativeColumns(), "_writer", "_seq", "_partition", "_offset", "_row")
	return &EventsTable{
		engine: engine,
		sql:    "INSERT INTO weir.events (" + strings.Join(cols, ", ") + ") FORMAT Native",
	}
}

// Insert implements Table.
func (t *EventsTable) Insert(ctx context.Context, writer uint16, seq uint64, b *Block) error {
	rows := b.Batch.Native(
		event.Extra{Name: "_writer", Data: constant16(writer, b.Len())},
		event.Extra{Name: "_seq", Data: constant64(seq, b.Len())},
		event.Extra{Name: "_partition", Data: &b.Partitions},
		event.Extra{Name: "_offset", Data: &b.Offsets},
		event.Extra{Name: "_row", Data: &b.Rows},
	)
	defer rows.Release()
	t.try++
	_, err := t.engine.Insert(ctx, clickhouse.Statement{
		SQL:      t.sql,
		Settings: clickhouse.OneBlockSettings(),
		QueryID:  fmt.Sprintf("%s%d-%d", insertID(writer, seq), t.try, time.Now().UnixNano()),
		Comment:  "insert",
	}, rows)
	if err != nil {
		return fmt.Errorf("insert %d of writer %d, %d rows: %w", seq, writer, b.Len(), err)
	}
	return nil
}

// insertID begins the query id of every try of an insert.
func insertID(writer uint16, seq uint64) string {
	return fmt.Sprintf("weir-insert-%d-%d-", writer, seq)
}

// Held implements Table.
func (t *EventsTable) Held(ctx context.Context, writer uint16, seq uint64, days []int32) (map[int32]uint64, error) {
	if err := stopQueries(ctx, t.engine, insertID(writer, seq)); err != nil {
		return nil, err
	}
	names := make([]string, len(days))
	byName := make(map[string]int32, len(days))
	for i, d := range days {
		names[i] = dayName(d)
		byName[names[i]] = d
	}
	held := map[int32]uint64{}
	if len(days) == 0 {
		return held, nil
	}
	_, err := t.engine.Rows(ctx, clickhouse.Statement{
		SQL: fmt.Sprintf(`SELECT toString(toYYYYMMDD(ts)) AS day, toString(count()) FROM weir.events
WHERE _writer = %d AND _seq = %d AND toYYYYMMDD(ts) IN (%s) GROUP BY day`, writer, seq, strings.Join(names, ", ")),
		Comment: "reconcile",
	}, func(row []any) error {
		day, _ := row[0].(string)
		count, _ := row[1].(string)
		n, err := strconv.ParseUint(count, 10, 64)
		d, ok := byName[day]
		if err != nil || !ok {
			return fmt.Errorf("unexpected answer %v", row)
		}
		held[d] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask which partitions hold insert %d of writer %d: %w", seq, writer, err)
	}
	return held, nil
}

// stopQueries ends the statements whose id begins with prefix and returns when none of them runs any more.
func stopQueries(ctx context.Context, engine *clickhouse.Client, prefix string) error {
	where := fmt.Sprintf("startsWith(query_id, '%s')", prefix)
	for {
		running := 0
		_, err := engine.Rows(ctx, clickhouse.Statement{
			SQL: "SELECT toString(count()) FROM system.processes WHERE " + where,
		}, func(row []any) error {
			s, _ := row[0].(string)
			n, err := strconv.Atoi(s)
			running = n
			return err
		})
		if err != nil {
			return fmt.Errorf("ask whether %s* still runs: %w", prefix, err)
		}
		if running == 0 {
			return nil
		}
		if _, err := engine.Exec(ctx, clickhouse.Statement{SQL: "KILL QUERY WHERE " + where + " ASYNC"}); err != nil {
			return fmt.Errorf("end %s*: %w", prefix, err)
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func constant16(v uint16, n int) *proto.ColUInt16 {
	c := make(proto.ColUInt16, n)
	for i := range c {
		c[i] = v
	}
	return &c
}

func constant64(v uint64, n int) *proto.ColUInt64 {
	c := make(proto.ColUInt64, n)
	for i := range c {
		c[i] = v
	}
	return &c
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
