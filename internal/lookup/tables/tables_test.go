package tables

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/clickhouse"
	"weir/internal/lookup"
	"weir/internal/tenant"
	"weir/internal/testkit"
)

// What is uploaded comes back as it was, by value, through the engine.
func TestRoundTrip(t *testing.T) {
	f := newFixture(t, testkit.Engine(t))
	defer f.clean()
	in := strings.Join([]string{
		`{"id":"a","n":-9223372036854775808,"f":0.1,"b":true,"t":"","größe m²":"x"}`,
		`{"id":"b\t\"\\\n","n":9223372036854775807,"f":-0.5,"b":false,"t":null,"größe m²":"ÿ名"}`,
		`{"id":"c","n":0,"f":1e300,"b":true,"t":"null","größe m²":null}`,
	}, "\n")
	f.want(201, f.put("acme/lookups/mixed", in))
	got := f.want(200, f.do(analyst, "GET", "acme/lookups/mixed?format=ndjson", "")).Body.String()
	want := strings.NewReplacer("/", `\/`).Replace(in) + "\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	csv := "id,n,when\na,1,\nb,2,\"x,\"\"y\"\"\"\n"
	f.want(201, f.put("acme/lookups/plain", csv))
	w := f.want(200, f.do(admin, "GET", "acme/lookups/plain", ""))
	if d := cmp.Diff("\"id\",\"n\",\"when\"\n\"a\",1,\n\"b\",2,\"x,\"\"y\"\"\"\n", w.Body.String()); d != "" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Errorf("%s %s", w.Header().Get("Content-Type"), d)
	}
	f.want(200, f.put("acme/lookups/plain", w.Body.String()))
	if again := f.want(200, f.do(admin, "GET", "acme/lookups/plain", "")).Body.String(); again != w.Body.String() {
		t.Errorf("uploaded again it is %q", again)
	}
}

// Many rows, over the ends of blocks, stay in their order and keep their kinds.
func TestManyRows(t *testing.T) {
	f := newFixture(t, testkit.Engine(t))
	defer f.clean()
	var b strings.Builder
	b.WriteString("id,n,half,even\n")
	const n = 2*blockRows + 17
	for i := range n {
		fmt.Fprintf(&b, "s%d,%d,%d.5,%t\n", i, i, i, i%2 == 0)
	}
	f.want(201, f.put("acme/lookups/many", b.String()))
	now, _ := f.tables.find("acme", "many")
	where, err := now.Condition("l")
	if err != nil {
		t.Fatal(err)
	}
	e := now.Expressions("l")
	sql := fmt.Sprintf("SELECT toString(count()), toString(countIf(%s = 's' || toString(_row) AND %s = _row AND %s = _row + 0.5 AND %s = (_row %% 2 = 0))), toString(uniqExact(_row)) FROM weir.lookups AS l WHERE %s", e[0], e[1], e[2], e[3], where)
	if got := testkit.Rows(t, testkit.Engine(t), sql)[0]; got != fmt.Sprintf("%d %d %d", n, n, n) {
		t.Errorf("rows, right ones, and numbers: %s, want %d", got, n)
	}
	if parts := testkit.Rows(t, testkit.Engine(t), "SELECT toString(count()) FROM system.parts WHERE table = 'lookups' AND active")[0]; parts != "1" {
		t.Errorf("an upload makes %s parts", parts)
	}
}

// A replaced table is seen wholly old or wholly new, and the old rows go when nobody reads them.
func TestReplace(t *testing.T) {
	f := newFixture(t, testkit.Engine(t))
	defer f.clean()
	f.want(201, f.put("acme/lookups/stores", "id\na\nb\n"))
	f.want(201, f.do(operator, "PUT", "other/lookups/stores", "id\nx\n"))
	first := f.tables.Lookups("acme")
	release, ok := f.tables.Pin(first)
	if !ok {
		t.Fatal("the current version cannot be pinned")
	}
	f.want(200, f.put("acme/lookups/stores", "id,n\nc,1\n"))
	second := f.tables.Lookups("acme")
	if second[0].Version <= first[0].Version || second[0].Rows != 1 || len(second[0].Columns) != 2 {
		t.Errorf("%v after %v", second, first)
	}
	if _, ok := f.tables.Pin(first); ok {
		t.Error("an old version can be pinned")
	}
	if err := f.tables.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.rows("acme", "stores", first[0].Version); n != "2" || len(f.tables.old) != 1 {
		t.Errorf("%s rows of a version that is read; to be removed: %v", n, f.tables.old)
	}
	release()
	release() // does nothing
	if err := f.tables.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.waitRows("acme", "stores", "1")
	if n := f.rows("acme", "stores", second[0].Version) + f.rows("other", "stores", 0); n != "11" {
		t.Errorf("%s rows are left of the new version and of the other tenant's table", n)
	}
	f.want(204, f.do(admin, "DELETE", "acme/lookups/stores", ""))
	if err := f.tables.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.waitRows("acme", "stores", "0")
	if f.data.open != 0 || f.data.begun != 4 || strings.Join(f.data.tenants, " ") != "acme other acme acme" {
		t.Errorf("changes of data: %+v", f.data)
	}
	if len(f.tables.pins)+len(f.tables.old)+len(f.tables.writing) != 0 {
		t.Errorf("something is kept: %v, %v, %v", f.tables.pins, f.tables.old, f.tables.writing)
	}
}

// Rows whose upload did not come to its end are removed after the next start, the others are not.
func TestOrphans(t *testing.T) {
	f := newFixture(t, testkit.Engine(t))
	defer f.clean()
	f.want(201, f.put("acme/lookups/stores", "id\na\nb\n"))
	c, err := Decode(strings.NewReader("id\nx\ny\nz\n"), Options{}, f.tables.limits)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []lookup.Table{{Tenant: "acme", Name: "stores", Version: 5}, {Tenant: "acme", Name: "never", Version: 6}, {Tenant: "gone", Name: "stores", Version: 7}} {
		if _, err := f.engine.Insert(t.Context(), clickhouse.Statement{SQL: insertSQL()}, newRows(l, c)); err != nil {
			t.Fatal(err)
		}
	}
	f.open()
	f.tables.writing["acme"] = id{"acme", "never", 6} // as if it were under way
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.tables.Run(ctx) }()
	f.waitRows("acme", "stores", "2")
	f.waitRows("gone", "stores", "0")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := f.rows("acme", "never", 0); n != "3" {
		t.Errorf("an upload under way has %s rows", n)
	}
	got := f.want(200, f.do(admin, "GET", "acme/lookups/stores", "")).Body.String()
	if got != "\"id\"\n\"a\"\n\"b\"\n" {
		t.Errorf("the table is %q", got)
	}
}

// failingCatalog fails to put, before or after it has, and goes on showing what it had before.
type failingCatalog struct {
	Catalog
	err   error
	after bool
	had   []lookup.Table
}

func (c failingCatalog) Lookups(t tenant.ID) []lookup.Table {
	if t == "acme" {
		return c.had
	}
	return c.Catalog.Lookups(t)
}

func (c failingCatalog) PutLookup(ctx context.Context, t lookup.Table, most int) (put, replaced lookup.Table, err error) {
	if c.after {
		if _, _, err := c.Catalog.PutLookup(ctx, t, most); err != nil {
			return put, replaced, err
		}
	}
	return put, replaced, c.err
}

// When it is not known whether the catalog has taken a version, its rows stay, until a start knows.
func TestCatalogFails(t *testing.T) {
	for _, after := range []bool{false, true} {
		f := newFixture(t, testkit.Engine(t))
		f.want(201, f.put("acme/lookups/stores", "id\na\n"))
		f.tables.deps.Catalog = failingCatalog{f.catalog, errBoom, after, f.tables.Lookups("acme")}
		f.wantProblem(500, "internal", "in the server's log", f.put("acme/lookups/stores", "id\nb\nc\n"))
		for _, do := range []func(context.Context) error{f.tables.findOrphans, f.tables.sweep} {
			if err := do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		f.open()
		want := "\"id\"\n\"a\"\n"
		if after {
			want = "\"id\"\n\"b\"\n\"c\"\n"
		}
		for _, do := range []func(context.Context) error{f.tables.findOrphans, f.tables.sweep} {
			if err := do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		f.waitRows("acme", "stores", fmt.Sprint(strings.Count(want, "\n")-1))
		if got := f.want(200, f.do(admin, "GET", "acme/lookups/stores", "")).Body.String(); got != want {
			t.Errorf("after %v: %q", after, got)
		}
		f.clean()
	}
}

func TestEngineFails(t *testing.T) {
	e := &fakeEngine{}
	f := newFixture(t, e)
	f.want(201, f.put("acme/lookups/stores", "id\na\n"))
	before := f.tables.Lookups("acme")
	for _, err := range []error{fmt.Errorf("x: %w", clickhouse.ErrUnavailable), &clickhouse.Error{Code: 243, Name: "NOT_ENOUGH_SPACE"}} {
		e.err = err
		w := f.put("acme/lookups/stores", "id\nb\n")
		f.wantProblem(503, "engine_unavailable", "nothing was changed", w)
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if w := f.do(admin, "GET", "acme/lookups/stores", ""); w.Code < 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if d := cmp.Diff(before, f.tables.Lookups("acme")); d != "" {
		t.Error(d)
	}
	if len(f.tables.old) != 2 {
		t.Errorf("to be removed: %v", f.tables.old)
	}
	if err := f.tables.sweep(t.Context()); err == nil || len(f.tables.old) != 2 {
		t.Errorf("%v, to be removed: %v", err, f.tables.old)
	}
	e.err = nil
	if err := f.tables.sweep(t.Context()); err != nil || len(f.tables.old) != 0 {
		t.Errorf("%v, to be removed: %v", err, f.tables.old)
	}
	if last := e.sql[len(e.sql)-1]; strings.Count(last, "lookups.version = ") != 2 || strings.Contains(last, fmt.Sprint(before[0].Version)) {
		t.Errorf("removed by %s", last)
	}
}

// A tenant that is deleted while its upload runs gets no table, and who removes its rows waits for the upload.
func TestTenantGoesDuringUpload(t *testing.T) {
	e := &fakeEngine{}
	f := newFixture(t, e)
	waited := make(chan error, 1)
	e.during = func() {
		if err := f.catalog.DeleteTenant(t.Context(), "acme"); err != nil {
			t.Error(err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.tables.WaitIdle(ended, "acme"); !errors.Is(err, context.Canceled) {
			t.Errorf("an upload runs, and waiting for it gives %v", err)
		}
		go func() { waited <- f.tables.WaitIdle(t.Context(), "acme") }()
	}
	f.wantProblem(404, "not_found", "", f.put("acme/lookups/stores", "id\na\n"))
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if err := f.tables.WaitIdle(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
	if len(f.tables.old) != 1 || len(f.tables.writing)+len(f.tables.idle) != 0 {
		t.Errorf("to be removed: %v; under way: %v", f.tables.old, f.tables.writing)
	}
}

func TestOneUploadOfATenant(t *testing.T) {
	e := &fakeEngine{}
	f := newFixture(t, e)
	e.during = func() {
		e.during = nil
		f.wantProblem(429, "upload_running", "one after the other", f.put("acme/lookups/codes", "id\na\n"))
		f.want(201, f.do(operator, "PUT", "other/lookups/codes", "id\na\n"))
	}
	f.want(201, f.put("acme/lookups/stores", "id\na\n"))
	f.want(201, f.put("acme/lookups/codes", "id\na\n"))
}

// However many replace and read at once, a reader that has pinned a version sees its rows.
func TestReadersAndWriters(t *testing.T) {
	f := newFixture(t, testkit.Engine(t))
	defer f.clean()
	f.want(201, f.put("acme/lookups/stores", "v\n0\n"))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = f.tables.Run(ctx) })
	reads := 0
	wg.Go(func() {
		for ctx.Err() == nil {
			x := &work{tenant: "acme", name: "stores"}
			l, release, err := f.tables.pinned(x)
			if err != nil {
				t.Error(err)
				return
			}
			if n := f.rows("acme", "stores", l.Version); n != fmt.Sprint(l.Rows) {
				t.Errorf("version %d has %s of %d rows", l.Version, n, l.Rows)
			}
			release()
			reads++
		}
	})
	for i := range 15 {
		f.want(200, f.put("acme/lookups/stores", "v\n"+strings.Repeat("1\n", 1+i%5)))
		if err := f.tables.sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	if reads == 0 {
		t.Error("nothing was read")
	}
}

func TestLimitsAreChecked(t *testing.T) {
	if err := limits.Validate(); err != nil {
		t.Error(err)
	}
	err := Limits{MaxRows: 1 << 32, MaxBytes: -1}.Validate()
	for _, name := range []string{"max_tables", "max_columns", "max_rows", "max_bytes", "max_cell", "uploads"} {
		if err == nil || !strings.Contains(err.Error(), "lookups."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var _ Catalog = catalog.Catalog(nil)
