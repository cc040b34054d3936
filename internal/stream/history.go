package stream

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/event"
	"weir/internal/stream/profile"
)

// History reads from the events table what is known of tenants otherwise from their inserts: for data that are older than
// that knowledge. upTo bounds the inserts by writer; those of other writers do not count.
type History interface {
	// Days returns the days since the Unix epoch that hold rows.
	Days(ctx context.Context, upTo map[uint16]uint64) ([]int32, error)
	// Add adds the rows of a day.
	Add(ctx context.Context, day int32, upTo map[uint16]uint64, r *profile.Rebuild) error
}

// rebuildProfiles rebuilds what is known of the tenants, day by day, in the background. Until it is done, properties that
// come no more are not known, and statistics lack what is old; nothing waits for it.
func (p *Processor) rebuildProfiles(ctx context.Context) error {
	if p.rebuildUpTo == nil || p.cfg.History == nil {
		return nil
	}
	start := time.Now()
	p.log.Info("learning the tenants' properties and sizes from the events table", "up_to", fmt.Sprint(p.rebuildUpTo))
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := p.rebuildOnce(ctx)
		if err == nil {
			p.log.Info("learned the tenants' properties and sizes", "took", time.Since(start).Round(time.Millisecond))
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		p.log.Warn("the tenants' properties and sizes could not be learned, trying again", "wait", wait, "error", err)
		if err := sleep(ctx, wait); err != nil {
			return nil
		}
	}
}

func (p *Processor) rebuildOnce(ctx context.Context) error {
	days, err := p.cfg.History.Days(ctx, p.rebuildUpTo)
	if err != nil {
		return err
	}
	r := profile.NewRebuild()
	for _, day := range days {
		if err := p.cfg.History.Add(ctx, day, p.rebuildUpTo, r); err != nil {
			return fmt.Errorf("day %s: %w", dayName(day), err)
		}
	}
	defer p.ChangeData()() // names become columns
	p.fault("rebuild")
	return p.profiles.FinishRebuild(r)
}

// EngineHistory is History on the engine.
type EngineHistory struct{ Engine *clickhouse.Client }

// Bounds of one statement of the rebuild: it may be slow, but must not disturb.
var historySettings = map[string]string{"max_threads": "1", "max_memory_usage": "2000000000", "max_bytes_before_external_group_by": "500000000"}

// historyNames is how many names of a tenant's properties one day is asked for.
const historyNames = 2 * profile.MaxNames

func upToSQL(upTo map[uint16]uint64) string {
	var parts []string
	for w, seq := range upTo {
		parts = append(parts, fmt.Sprintf("_writer = %d AND _seq <= %d", w, seq))
	}
	sort.Strings(parts)
	return "(" + strings.Join(parts, " OR ") + ")"
}

// Days implements History.
func (h EngineHistory) Days(ctx context.Context, upTo map[uint16]uint64) ([]int32, error) {
	var days []int32
	_, err := h.Engine.Rows(ctx, clickhouse.Statement{
		SQL:      "SELECT DISTINCT toString(intDiv(toUnixTimestamp64Milli(toStartOfDay(ts, 'UTC')::DateTime64(3, 'UTC')), 86400000)) FROM weir.events WHERE " + upToSQL(upTo),
		Settings: historySettings, Comment: "rebuild",
	}, func(row []any) error {
		n, err := number(row[0])
		days = append(days, int32(n))
		return err
	})
	sort.Slice(days, func(i, j int) bool { return days[i] < days[j] })
	if err != nil {
		return nil, fmt.Errorf("ask which days hold rows: %w", err)
	}
	return days, nil
}

// Add implements History.
func (h EngineHistory) Add(ctx context.Context, day int32, upTo map[uint16]uint64, r *profile.Rebuild) error {
	where := fmt.Sprintf("toYYYYMMDD(ts) = %s AND %s", dayName(day), upToSQL(upTo))
	if err := h.sizes(ctx, day, where, r); err != nil {
		return fmt.Errorf("ask for sizes: %w", err)
	}
	if err := h.properties(ctx, where, r); err != nil {
		return fmt.Errorf("ask for properties: %w", err)
	}
	return nil
}

// valueColumns are the columns whose values have lengths of their own, and the bytes of these, as Batch.AddValues counts them.
var valueColumns = func() (out [][2]string) {
	for _, c := range event.Columns {
		switch c.Kind {
		case event.KindString:
			out = append(out, [2]string{c.Name, "length(" + c.Name + ")"})
		case event.KindProps:
			out = append(out, [2]string{c.Name, "16 * length(" + c.Name + ") + arraySum(arrayMap((k, v) -> length(k) + length(v), mapKeys(" + c.Name + "), mapValues(" + c.Name + ")))"})
		case event.KindNums:
			out = append(out, [2]string{c.Name, "16 * length(" + c.Name + ") + arraySum(arrayMap(k -> length(k), mapKeys(" + c.Name + ")))"})
		}
	}
	return out
}()

func (h EngineHistory) sizes(ctx context.Context, day int32, where string, r *profile.Rebuild) error {
	var sums strings.Builder
	for _, c := range valueColumns {
		fmt.Fprintf(&sums, ", toString(sum(%s))", c[1])
	}
	_, err := h.Engine.Rows(ctx, clickhouse.Statement{
		SQL:      "SELECT toString(tenant), toString(count())" + sums.String() + " FROM weir.events WHERE " + where + " GROUP BY tenant",
		Settings: historySettings, Comment: "rebuild",
	}, func(row []any) error {
		tenant, _ := row[0].(string)
		rows, err := number(row[1])
		if err != nil {
			return err
		}
		values := map[string]uint64{}
		for i, c := range valueColumns {
			n, err := number(row[2+i])
			if err != nil {
				return err
			}
			values[c[0]] = uint64(n)
		}
		r.AddDay(tenant, day, uint64(rows), values)
		return nil
	})
	return err
}

// propertiesSQL finds the names, and the traits of their values: those of package event.
var propertiesSQL = fmt.Sprintf(`SELECT toString(tenant), toString(p.1) AS name, toString(groupBitOr(p.2)), toString(count()), toString(toUnixTimestamp64Milli(min(received_at))),
    toString(toUnixTimestamp64Milli(max(received_at))), groupUniqArray(64)(toString(site_id))
FROM weir.events ARRAY JOIN arrayConcat(
    arrayMap((k, v) -> (k, toUInt8(multiIf(v = 'null', %d, v IN ('true', 'false'), %d, mapContains(props_num, k) AND match(v, '^-?[0-9]{16,}$'), %d, %d))), mapKeys(props), mapValues(props)),
    arrayMap((k, v) -> (k, toUInt8(if(abs(v) <= %d AND trunc(v) = v, %d, %d))), mapKeys(props_num), mapValues(props_num))) AS p
WHERE `, event.TraitNull, event.TraitBool, event.TraitFloat, event.TraitText, event.MaxPropertyInt, event.TraitInt, event.TraitFloat)

func (h EngineHistory) properties(ctx context.Context, where string, r *profile.Rebuild) error {
	_, err := h.Engine.Rows(ctx, clickhouse.Statement{
		SQL:      propertiesSQL + where + fmt.Sprintf(" GROUP BY tenant, name ORDER BY tenant, min(received_at), name LIMIT %d BY tenant", historyNames),
		Settings: historySettings, Comment: "rebuild",
	}, func(row []any) error {
		var f profile.Found
		var n [4]int64
		for i := range n {
			var err error
			if n[i], err = number(row[2+i]); err != nil {
				return err
			}
		}
		f.Tenant, _ = row[0].(string)
		f.Name, _ = row[1].(string)
		f.Traits, f.Values, f.First, f.Last = event.Traits(n[0]), uint64(n[1]), n[2], n[3]
		sites, _ := row[6].([]any)
		for _, s := range sites {
			if site, ok := s.(string); ok {
				f.Sites = append(f.Sites, site)
			}
		}
		r.AddProperty(f)
		return nil
	})
	return err
}

func number(v any) (int64, error) {
	s, _ := v.(string)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("unexpected answer %v: %w", v, err)
	}
	return n, nil
}
