package report

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/session"
	"weir/internal/tenant"
)

// reaches remembers how far one must read to see visits to their ends, where nothing can have changed that: for stitched days that have got nothing since.
type reaches struct {
	mu    sync.Mutex
	known map[string]bool // whether a visit goes on, by goesOnKey
}

// maxReaches bounds what is remembered; beyond, all of it is forgotten.
const maxReaches = 10_000

// firstReach is how many timeouts behind a range are looked at first; each further look goes as many times as far. Few visits go on for so long, and what lies there may be today's
// events, of which no day is stitched.
const firstReach = 4

// reach is up to where events are read so that the visits that began in [from, to) are seen to their ends. From the zero time on are all that began before to.
func (r *Reporter) reach(ctx context.Context, t *tally, q Question, from, to time.Time, timeout time.Duration) (time.Time, error) {
	for behind := firstReach * timeout; ; behind *= firstReach {
		h := to.Add(behind)
		if !h.Before(r.now()) {
			return h, nil
		}
		on, err := r.goesOn(ctx, t, q, to, to, h, timeout)
		if err == nil && on && !from.IsZero() { // senders that never pause have visits that do not end, and nearly all of these began before
			on, err = r.goesOn(ctx, t, q, from, to, h, timeout)
		}
		if err != nil || !on {
			return h, err
		}
	}
}

// goesOn says whether a visit goes on at h that is there from before to on and did not begin before from; where from is to, whenever it began, which costs less to know.
func (r *Reporter) goesOn(ctx context.Context, t *tally, q Question, from, to, h time.Time, timeout time.Duration) (on bool, err error) {
	read, err := r.stitched(ctx, t, q, from.Add(-timeout), h, timeout)
	if err != nil {
		return false, err
	}
	key := goesOnKey(q, from, to, h, timeout, read.days)
	if on, ok := r.reaches.of(key); ok {
		return on, nil
	}
	b := &builder{q: Question{Tenant: q.Tenant, Site: q.Site}, params: map[string]string{}}
	sq := session.Query{Timeout: timeout, Growing: read.growing}
	if read.growing != nil {
		maps.Copy(b.params, read.growing.Params(clickhouse.ArrayParam))
	}
	sq.Within(from.Add(-timeout), h, read.days, b.siteScope()...)
	sql := "SELECT count() FROM (\n" + sq.SQL() + "\n) WHERE start_time < " + b.millis("to", to) + " AND end_time >= " + b.millis("late", h.Add(-timeout))
	if from.Before(to) {
		sql += " AND start_time >= " + b.millis("from", from)
	}
	unchanged := r.still(tenant.ID(q.Tenant))
	err = r.statement(ctx, t, clickhouse.Statement{SQL: sql, Params: b.params, Comment: "report/" + q.Tenant}, func(raw []any) error {
		if len(raw) != 1 {
			return fmt.Errorf("report: the engine's row about visits that go on has %d columns, want 1", len(raw))
		}
		n, err := unsigned(raw[0])
		on = n > 0
		return err
	})
	if err == nil && unchanged() {
		r.reaches.keep(key, on)
	}
	return on, err
}

// goesOnKey names the question whether visits go on; "" where its answer may change: a day is not stitched, or has got rows since.
func goesOnKey(q Question, from, to, h time.Time, timeout time.Duration, days []session.Stitched) string {
	if len(days) != int(session.DayOf(h.Add(-1))-session.DayOf(from.Add(-timeout)))+1 {
		return ""
	}
	parts := []string{q.Tenant, q.Site, timeout.String(), strconv.FormatInt(from.UnixMilli(), 10), strconv.FormatInt(to.UnixMilli(), 10), strconv.FormatInt(h.UnixMilli(), 10)}
	for _, d := range days {
		if d.Stale {
			return ""
		}
		parts = append(parts, strconv.FormatUint(d.Version, 10))
	}
	return strings.Join(parts, "\x00")
}

func (k *reaches) of(key string) (on, ok bool) {
	if key == "" {
		return false, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	on, ok = k.known[key]
	return on, ok
}

func (k *reaches) keep(key string, on bool) {
	if key == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxReaches {
		k.known = map[string]bool{}
	}
	k.known[key] = on
}
