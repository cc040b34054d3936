package report

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/rollup"
)

// The bounds of the events explorer.
const (
	defaultEvents = 50
	maxEvents     = 500
	// firstWindow is the part of the range that is looked at first, from its end back; the next are windowGrowth times as long.
	// Most pages are full after one or two, and a busy site's week is never sorted for them.
	firstWindow  = 30 * time.Second
	windowGrowth = 8
)

// eventColumns are the columns of an event that the explorer shows, in their order: all visible ones but the properties.
var eventColumns = func() []event.Column {
	var out []event.Column
	for _, c := range event.Columns {
		if c.Visible && c.Stored && c.Kind != event.KindProps && c.Kind != event.KindNums {
			out = append(out, c)
		}
	}
	return out
}()

// place is where an event stands in the order of the explorer, which is that of time, and of the log where times are equal: it never changes, so
// a page that begins behind a place is the same whatever comes meanwhile before it.
type place struct {
	ms        int64
	partition uint16
	offset    uint64
	row       uint32
}

const placeBytes = 8 + 2 + 8 + 4

func (p place) String() string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, placeBytes), uint64(p.ms))
	b = binary.BigEndian.AppendUint16(b, p.partition)
	b = binary.BigEndian.AppendUint64(b, p.offset)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, p.row))
}

// parsePlace reads what String wrote.
func parsePlace(s string) (place, bool) {
	if len(s) > 2*placeBytes {
		return place{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != placeBytes {
		return place{}, false
	}
	p := place{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint64(b[10:]), binary.BigEndian.Uint32(b[18:])}
	return p, p.ms >= 0 && p.ms < 1<<43 // until the year 2248
}

// page is a question for events.
type page struct {
	q      Question
	before *place   // nil: the first page
	hidden []string // names that are masked for the role
}

// buildEvents writes the statement for the events of [from, to) before the page's place, the latest first.
func buildEvents(p page, from, to time.Time) statement {
	b := &builder{q: p.q, params: map[string]string{}}
	cols := []string{"toString(toUnixTimestamp64Milli(ts))", "toString(_partition)", "toString(_offset)", "toString(_row)"}
	for _, c := range eventColumns {
		switch {
		case c.Kind == event.KindTime:
			cols = append(cols, "toString(toUnixTimestamp64Milli("+c.Name+"))")
		case c.Name == "is_bot":
			cols = append(cols, "is_bot")
		default:
			cols = append(cols, c.Name)
		}
	}
	sql := "SELECT " + strings.Join(append(cols, "props", "props_num"), ", ") + "\nFROM " + rollup.Events + "\nWHERE tenant = " + b.text("tenant", p.q.Tenant) +
		" AND site_id = " + b.text("site", p.q.Site) + " AND " + b.between("ts", "from", from, "to", to)
	if at := p.before; at != nil {
		b.params["bpartition"], b.params["boffset"], b.params["brow"] = strconv.Itoa(int(at.partition)), strconv.FormatUint(at.offset, 10), strconv.FormatUint(uint64(at.row), 10)
		sql += " AND (ts, _partition, _offset, _row) < (" + b.time("bts", time.UnixMilli(at.ms)) + ", {bpartition:UInt16}, {boffset:UInt64}, {brow:UInt32})"
	}
	b.params["limit"] = strconv.Itoa(p.q.Limit + 1)
	sql += b.filters() + botsCondition(p.q.Bots) + "\nORDER BY ts DESC, _partition DESC, _offset DESC, _row DESC\nLIMIT {limit:UInt32}"
	return statement{sql, b.params}
}

// events returns a page, and the place of its last event if there are more behind it.
func (r *Reporter) events(ctx context.Context, t *tally, p page) (rows []Row, next *place, err error) {
	to := p.q.To
	if p.before != nil {
		to = earlier(to, time.UnixMilli(p.before.ms+1))
	}
	rows = []Row{}
	var places []place
	whole := p.q.Limit
	for length := firstWindow; to.After(p.q.From) && len(rows) <= whole; length *= windowGrowth {
		from := to.Add(-length)
		if from.Before(p.q.From) {
			from = p.q.From
		}
		p.q.Limit = whole - len(rows)
		if p.q, err = r.attributed(ctx, t, p.q, from, to, nil, nil); err != nil {
			return nil, nil, err
		}
		st := buildEvents(p, from, to)
		err = r.statement(ctx, t, clickhouse.Statement{SQL: st.sql, Params: st.params, Comment: "report/" + p.q.Tenant}, func(raw []any) error {
			row, at, err := p.row(raw)
			rows, places = append(rows, row), append(places, at)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		to = from
	}
	if len(rows) <= whole {
		return rows, nil, nil
	}
	return rows[:whole], &places[whole-1], nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// row reads a row of buildEvents.
func (p page) row(raw []any) (Row, place, error) {
	const fixed = 4
	if want := fixed + len(eventColumns) + 2; len(raw) != want {
		return Row{}, place{}, fmt.Errorf("events: the engine's row has %d columns, want %d", len(raw), want)
	}
	var key [fixed]uint64
	for i := range key {
		n, err := unsigned(raw[i])
		if err != nil {
			return Row{}, place{}, fmt.Errorf("events: %w", err)
		}
		key[i] = n
	}
	at := place{int64(key[0]), uint16(key[1]), key[2], uint32(key[3])}
	row := Row{names: make([]string, 0, len(eventColumns)+1), values: make([]any, 0, len(eventColumns)+1)}
	for i, c := range eventColumns {
		v := raw[fixed+i]
		if c.Kind == event.KindTime {
			ms, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
			if err != nil {
				return Row{}, at, fmt.Errorf("events: %s: %w", c.Name, err)
			}
			v = formatTime(time.UnixMilli(ms))
		}
		if slices.Contains(p.hidden, c.Name) {
			v = nil
		}
		row.names, row.values = append(row.names, c.Name), append(row.values, v)
	}
	row.names = append(row.names, "props")
	row.values = append(row.values, listing{hidden: p.hidden}.properties(raw[len(raw)-2], raw[len(raw)-1]))
	return row, at, nil
}
