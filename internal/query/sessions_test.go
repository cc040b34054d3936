package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/session"
	"weir/internal/tenant"
	"weir/internal/testkit"
	"weir/internal/token"
)

// sessionVersion marks the rows of stitched days that the tests seed, of a day without events.
const sessionVersion = 5

// sessionRows is what is in weir.sessions.
const sessionRows = "1311"

// seedSessions fills the table of stitched days: own rows, a version that is not to be seen, and another's, full of the canary.
func seedSessions(t testing.TB, c *clickhouse.Client) {
	testkit.Exec(t, c, "SYSTEM STOP MERGES weir.sessions")
	insert := func(who, text string, events, version, n int) {
		cols := []string{"tenant", "site_id", "visitor", "start_time", "end_time", "events", "pageviews", "actions", "edge", "_version"}
		exprs := []string{"'" + who + "'", "'" + text + "'", "'" + text + "' || toString(number)", "toDateTime64('2026-03-01 10:00:00', 3, 'UTC') + number * 60", "toDateTime64('2026-03-01 10:30:00', 3, 'UTC') + number * 60",
			fmt.Sprint(events), "1", "1", "number % 2", fmt.Sprint(version)}
		for _, col := range session.Columns {
			value := "'" + text + "'"
			if col.Type == "Bool" {
				value = "false"
			}
			if col.From == "path" && who == "typed" {
				value = "'" + secret + "'"
			}
			cols, exprs = append(cols, col.Name), append(exprs, value)
		}
		testkit.Exec(t, c, fmt.Sprintf("INSERT INTO weir.sessions (%s) SELECT %s FROM numbers(%d)", strings.Join(cols, ", "), strings.Join(exprs, ", "), n))
	}
	insert("acme", "stitched", 10, sessionVersion, 4)
	insert("acme", "stale", 10, sessionVersion-1, 4)
	insert("typed", "typed", 3, sessionVersion, 2)
	insert("victim", canary, 987654321, sessionVersion, 1301)
}

// sessionDefaults are the parameters of statements that read sessions, as of a tenant whose seeded day is stitched.
var sessionDefaults = map[string]string{paramTimeout: "1800000", paramDays: "[0,20260301]", paramVersions: fmt.Sprintf("[0,%d]", sessionVersion)}

// TestSessions: what stands for sessions is what the events and the stitched days say, of the tenant alone, behind either barrier.
func TestSessions(t *testing.T) {
	c := engine(t)
	q := session.Query{Timeout: session.DefaultTimeout, Columns: []string{"entry_path", "country", "is_bot", "user_id"}, Raw: []string{"_e.tenant = 'acme'"},
		Edges: []string{"_s.tenant = 'acme'", "_s._version = 5"}, Inner: []string{"_s.tenant = 'acme'", "_s._version = 5"}}
	const cols = "visitor, start_time, end_time, events, pageviews, entry_path, country, is_bot, user_id"
	want := testkit.Rows(t, c, "SELECT "+strings.NewReplacer("start_time", "fromUnixTimestamp64Milli(start_time, 'UTC') AS s", "end_time", "fromUnixTimestamp64Milli(end_time, 'UTC') AS e").Replace(cols)+" FROM ("+q.SQL()+") ORDER BY visitor, s")
	if len(want) < 10 {
		t.Fatalf("%d sessions", len(want))
	}
	for _, barrier2 := range []bool{true, false} {
		got, err := spaced(c, wide, "SELECT "+cols+" FROM sessions ORDER BY visitor, start_time", barrier2)
		if diff := cmp.Diff(strings.Join(want, "\n")+"\n", got); err != nil || diff != "" {
			t.Errorf("barrier 2 %v: %v (-want +got):\n%.2000s", barrier2, err, diff)
		}
		for _, sql := range statements(t, "sessions.sql") {
			got, err := answer(c, wide, sql, "TSV", barrier2)
			if err != nil || leaks(got) || strings.Contains(got, "stale") || got == "" {
				t.Errorf("barrier 2 %v: %s: %v %.300q", barrier2, sql, err, got)
			}
		}
	}
	for sql, want := range map[string]string{
		"EXISTS TABLE sessions": "1\n",
		"SELECT toTypeName(visitor), toTypeName(start_time), toTypeName(duration), toTypeName(bounce), toTypeName(entry_path), toTypeName(country), toTypeName(is_bot) FROM sessions LIMIT 1": "String\tDateTime64(3, \\'UTC\\')\tFloat64\tBool\tString\tLowCardinality(String)\tBool\n",
		"SELECT visitor, duration, bounce FROM sessions WHERE start_time < '2026-03-02' ORDER BY visitor LIMIT 1":                                                                             "stitched0\t1800\ttrue\n",
	} {
		if got, err := answer(c, wide, sql, "TSV", true); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", sql, got, err, want)
		}
	}
	described, err := answer(c, wide, "DESCRIBE sessions", "TSV", true)
	if err != nil || !strings.HasPrefix(described, "site_id\tLowCardinality(String)") || !strings.Contains(described, "\nduration\tFloat64") {
		t.Errorf("DESCRIBE: %v %s", err, described)
	}
	for _, sc := range []Scope{{All: true}, {Tenant: "acme", AsOf: token.Token{{Partition: 1, Offset: 5}}}} {
		var r *Refusal
		if _, err := NewGuard().Check("SELECT count() FROM sessions", sc); !errors.As(err, &r) || !strings.Contains(r.What, "cannot be read") {
			t.Errorf("%+v: %v", sc, err)
		}
	}
	checked, err := NewGuard().Check("SELECT count() FROM sessions", Scope{Tenant: "acme"})
	if err != nil || !checked.Sessions || !slices.Contains(checked.Columns, "client_id") {
		t.Errorf("%+v %v", checked, err)
	}
}

// TestSessionsAreMasked: sessions show no more than the events do.
func TestSessionsAreMasked(t *testing.T) {
	c := engine(t)
	roles := []tenant.Role{tenant.RoleAnalyst}
	for _, action := range []string{catalog.MaskHide, catalog.MaskHash} {
		sc := Scope{Tenant: "typed", MaskKey: []byte("key"), Masks: []catalog.Mask{{Column: "path", Roles: roles, Action: action}, {Column: "user_id", Roles: roles, Action: action}, {Column: "is_bot", Roles: roles, Action: action}, {Column: "city", Roles: roles, Action: action}}}
		got, err := answer(c, sc, "SELECT *, entry_path AS again FROM sessions", "TSV", true)
		if err != nil || strings.Contains(got, secret) || !strings.Contains(got, "typed") {
			t.Errorf("%s: %v %.500s", action, err, got)
		}
		got, err = answer(c, sc, "SELECT max(length(visitor)), max(length(exit_path)), toTypeName(any(is_bot)) FROM sessions", "TSV", true)
		want := map[string]string{catalog.MaskHide: "0\t0\tNullable(Bool)\n", catalog.MaskHash: "32\t32\tString\n"}[action]
		if err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", action, got, err, want)
		}
	}
}

// sessionDays has one stitched day that is stale, and one that is not.
type sessionDays struct{ timeout time.Duration }

func (d sessionDays) Timeout(tenant.ID) time.Duration { return d.timeout }

func (sessionDays) Stitched(_ tenant.ID, from, to int32, _ time.Duration) []session.Stitched {
	day := session.DayOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	return []session.Stitched{{Day: day, Version: sessionVersion}, {Day: day + 8, Version: sessionVersion - 1, Stale: true}}
}

// TestSessionParams asks over the API: the days and the timeout are those of the moment.
func TestSessionParams(t *testing.T) {
	c := engine(t)
	who := tenant.Principal{Tenant: "acme", Role: tenant.RoleAnalyst}
	count := func(d SessionDays) string {
		w := post(newService(t, quick, Deps{Engine: c, Sessions: d}), who, `{"sql":"SELECT count() AS n, countIf(startsWith(visitor, 'stitched')) AS s FROM sessions","format":"TSV"}`)
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	short, long, none := count(sessionDays{session.MinTimeout}), count(sessionDays{session.MaxTimeout}), count(nil)
	if !strings.HasSuffix(short, "\t4\n") || !strings.HasSuffix(long, "\t4\n") || !strings.HasSuffix(none, "\t0\n") || short == long {
		t.Errorf("short %q, long %q, without stitched days %q", short, long, none)
	}
}
