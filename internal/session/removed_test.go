package session_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/session"
	"weir/internal/tenant"
)

// remove removes events that are stored, by a mutation as whoever erases or drops them by age must, and from what the oracle knows. What the processor has counted of the days stays.
func (h *history) remove(where string, gone func(made) bool) {
	h.t.Helper()
	sql := "ALTER TABLE weir.events DELETE WHERE tenant = '" + h.tenant + "' AND " + where
	if _, err := h.c.Exec(context.Background(), clickhouse.Statement{SQL: sql, Settings: map[string]string{"mutations_sync": "1"}}); err != nil {
		h.t.Fatal(err)
	}
	h.events = slices.DeleteFunc(h.events, gone)
}

// told is how many sessions and page views the stitched days and the events beside them tell, right or wrong.
func (h *history) told() (sessions int, totals bool) {
	h.t.Helper()
	from, to := h.now.AddDate(0, 0, -10), h.now.AddDate(0, 0, 2)
	days := h.s.Stitched(tenant.ID(h.tenant), session.DayOf(from), session.DayOf(to), h.timeout)
	q := session.Query{Timeout: h.timeout}
	q.Within(from, to, days, "%s.tenant = '"+h.tenant+"'")
	return len(asked(h.t, h.c, q)), slices.ContainsFunc(days, func(d session.Stitched) bool { return d.Totals })
}

// TestErasedPerson: of events that are removed in the middle of stitched days nothing is known here: their sessions and totals are told until Invalidate is called, and never after it: not from
// the old versions, not when the days are stitched again, not after a restart. Days of which rows were counted that are no more have no totals: these would be of fewer rows than the day had.
func TestErasedPerson(t *testing.T) {
	h, at := newTotals(t, "erased")
	h.commit(1, at(10), at(11), at(12), at(13), at(14), at(16))
	h.pass()
	if d := h.one("before"); !d.Totals {
		t.Fatalf("the day has no totals: %+v", d)
	}
	before, _ := h.told()
	h.remove("client_id = 'c1'", func(e made) bool { return e.Client == "c1" })
	if n, totals := h.told(); n != before || !totals {
		t.Errorf("%d sessions and totals %v are told, though nobody called Invalidate; before there were %d: is it called by somebody else now? Then this test says nothing", n, totals, before)
	}
	if err := h.s.Invalidate(t.Context(), tenant.ID(h.tenant)); err != nil {
		t.Fatal(err)
	}
	if days := h.check("invalidated"); len(days) != 0 {
		t.Errorf("versions from before are read: %+v", days)
	}
	for range 2 {
		h.pass()
		if d := h.one("stitched again"); d.Totals {
			t.Errorf("totals of fewer rows than were counted stand for the day: %+v", d)
		}
		h.now = h.now.Add(time.Hour)
		h.restart()
	}
	h.clean()
	h.hold("after the old ones were removed", 1, 1) // of the events that are there, and not read
	h.check("at last")
}

// TestDaysDroppedByAge: when whole days go, what is stitched of them goes with Invalidate, their totals too, and the days beside them keep theirs.
func TestDaysDroppedByAge(t *testing.T) {
	h, at := newTotals(t, "aged")
	earlier := func(minute int) made {
		e := at(minute)
		e.At, e.Row = e.At.AddDate(0, 0, -1), e.Row+500
		return e
	}
	h.commit(1, at(10), at(11), at(12), at(13), at(14), earlier(1430), earlier(1431), earlier(1432), earlier(1433), earlier(20))
	h.pass()
	if days := h.check("before"); len(days) != 2 || !days[0].Totals || !days[1].Totals {
		t.Fatalf("stitched are %+v", days)
	}
	limit := session.Start(session.DayOf(at(0).At))
	h.remove("ts < '"+limit.Format(time.DateTime)+"'", func(e made) bool { return e.At.Before(limit) })
	if err := h.s.Invalidate(t.Context(), tenant.ID(h.tenant), session.DayOf(limit)-1); err != nil {
		t.Fatal(err)
	}
	if d := h.one("invalidated"); d.Day != session.DayOf(limit) || !d.Totals {
		t.Errorf("the day that stays: %+v", d)
	}
	h.now = h.now.Add(time.Hour)
	h.pass()
	h.clean()
	for _, d := range h.check("an hour later") {
		if d.Day != session.DayOf(limit) && d.Totals {
			t.Errorf("a day without events has totals: %+v", d)
		}
	}
	if n, _ := h.told(); n != len(oracle(h.events, h.timeout)) {
		t.Errorf("%d sessions are told", n)
	}
}
