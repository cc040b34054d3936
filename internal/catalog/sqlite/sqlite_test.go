package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"weir/internal/catalog"
	"weir/internal/catalog/catalogtest"
	"weir/internal/tenant"
)

type store struct{ path string }

func (s store) Open(t *testing.T) catalog.Catalog {
	t.Helper()
	return open(t, Config{Path: s.path, Partitions: catalogtest.Partitions, Poll: 5 * time.Millisecond})
}

func open(t testing.TB, cfg Config) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	t.Cleanup(func() {
		if !closed {
			_ = c.Close()
		}
	})
	return c
}

func TestSuite(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) catalogtest.Store {
		return store{filepath.Join(t.TempDir(), "a ?#%.db")} // a path that a URL must quote
	})
}

func TestFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, Config{Path: path, Partitions: 1})
	if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files = %v, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(f), info.Mode().Perm())
		}
	}
}

func TestPragmas(t *testing.T) {
	c := open(t, Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := c.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", pragma, got, err, want)
		}
	}
}

func TestSecretsAreNotStored(t *testing.T) {
	dir := t.TempDir()
	c := open(t, Config{Path: filepath.Join(dir, "catalog.db"), Partitions: 1})
	secret := "wk_a_thisisasecretthatmustnotbeonthedisk"
	if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(secret))
	if _, err := c.CreateKey(t.Context(), catalog.Key{Tenant: "acme", Role: tenant.RoleAdmin, Hash: hash}); err != nil {
		t.Fatal(err)
	}
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the secret", path)
		}
		found = found || bytes.Contains(data, hash[:])
		return err
	})
	if err != nil || !found {
		t.Errorf("the hash is on the disk: %v, %v", found, err)
	}
}

func TestConfigErrors(t *testing.T) {
	_, err := Open(t.Context(), Config{Poll: -1})
	for _, want := range []string{"Path is empty", "Partitions is 0", "Poll is -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, Config{Path: path, Partitions: 1})
	if _, err := c.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: path, Partitions: 1})
	if err == nil || !strings.Contains(err.Error(), "schema version 99") {
		t.Errorf("error is %v", err)
	}
}

// before makes a catalog with the schema of a version, and fills it.
func before(t *testing.T, path string, version int, fill string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := migrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	old := fstest.MapFS{}
	for _, m := range steps[:version] {
		old["migrations/"+m.name] = &fstest.MapFile{Data: []byte(m.sql)}
	}
	if err := migrate(t.Context(), db, old); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fill); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Users of a catalog from before an address could be in several tenants stay as they are.
func TestUsersAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	before(t, path, 4, "INSERT INTO users VALUES ('', 'u1', 'operator', 'Olga', 'Olga@example.com', '$x', 7); UPDATE operators SET revision = 1")
	c := open(t, Config{Path: path, Partitions: 1})
	want := catalog.User{ID: "u1", Role: tenant.RoleOperator, Name: "Olga", Email: "Olga@example.com", Password: "$x", Created: time.Unix(0, 7).UTC()}
	if got, ok := c.UserByEmail("", "olga@example.com"); !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// What is known of the names of sources that were deleted before names were retired is retired: site_ids in the import ledger.
func TestNamesFromBeforeAreRetired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	before(t, path, 10, `INSERT INTO tenants (id, number, name, region, retention_ns, limits, partition_first, partition_count, partition_epoch, created_ns, deleted_ns, revision) VALUES
			('one', 1, '', '', 0, '{}', 0, 1, 0, 1, 0, 1), ('two', 2, '', '', 0, '{}', 0, 1, 0, 1, 0, 1), ('gone', 3, '', '', 0, '{}', 0, 1, 0, 1, 7, 1);
		INSERT INTO sources (tenant, id, site_id, name, aliases, hostnames, time_zone, first_day, created_ns) VALUES
			('one', 'web', 's-one', '', '["one.example"]', '[]', 'UTC', 1, 1), ('two', 'web', 's-two', '', '["ONE.example"]', '[]', 'UTC', 1, 1);
		INSERT INTO site_names VALUES ('s-one', 'one', 'web'), ('one.example', 'one', 'web'), ('s-two', 'two', 'web'), ('ONE.example', 'two', 'web');
		INSERT INTO imports (tenant, site_id, file, prefix_len, lines, updated_ns) VALUES
			('one', 's-one', 'f', 1, 1, 1), ('one', 'former', 'f', 1, 1, 1), ('one', 'former', 'g', 1, 1, 1), ('gone', 's-gone', 'f', 1, 1, 1);
		UPDATE revision SET value = 1`)
	c := open(t, Config{Path: path, Partitions: 1})
	claim := func(id tenant.ID, alias string) error {
		_, err := c.UpdateSource(t.Context(), id, "web", func(s *catalog.Source) error { s.Aliases = []string{alias}; return nil })
		return err
	}
	if err := claim("two", "ONE.example"); err != nil {
		t.Errorf("a name that another tenant has in other letters since before: %v", err)
	}
	for _, tc := range []struct {
		tenant tenant.ID
		alias  string
		want   error
	}{{"two", "former", catalog.ErrRetired}, {"two", "s-gone", catalog.ErrRetired}, {"one", "s-gone", catalog.ErrRetired}, {"two", "s-one", catalog.ErrExists}, {"two", "new", nil}, {"one", "former", nil}} {
		if err := claim(tc.tenant, tc.alias); !errors.Is(err, tc.want) {
			t.Errorf("%s claims %s: %v, want %v", tc.tenant, tc.alias, err, tc.want)
		}
	}
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is text ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: path, Partitions: 1})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v, want one that names the file", err)
	}
}

func TestMigrateIsAtomic(t *testing.T) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "x.db")))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	files := fstest.MapFS{
		"migrations/001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER);")},
		"migrations/002_b.sql": {Data: []byte("CREATE TABLE b (x INTEGER); nonsense;")},
	}
	if err := migrate(t.Context(), db, files); err == nil || !strings.Contains(err.Error(), "002_b.sql") {
		t.Fatalf("error is %v", err)
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables after a failed migration, %v", n, err)
	}
	files["migrations/002_b.sql"].Data = []byte("CREATE TABLE b (x INTEGER); INSERT INTO b VALUES (1);")
	for range 2 { // the second time nothing is left to do
		if err := migrate(t.Context(), db, files); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.QueryRow("SELECT count(*) FROM b").Scan(&n); err != nil || n != 1 {
		t.Errorf("b has %d rows, %v", n, err)
	}
	files["migrations/004_d.sql"] = &fstest.MapFile{Data: []byte("SELECT 1")}
	if err := migrate(t.Context(), db, files); err == nil || !strings.Contains(err.Error(), "its number must be 3") {
		t.Errorf("error is %v", err)
	}
}

// A commit whose answer was lost must not leave an old snapshot.
func TestLostCommitAnswer(t *testing.T) {
	c := open(t, Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1, Poll: 5 * time.Millisecond})
	func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, q := range []string{"UPDATE revision SET value = value + 1",
			"INSERT INTO tenants (" + tenantColumns + ", revision) VALUES ('late', 1, '', '', 0, '{}', '{}', 0, '', 0, 1, 0, 1, 0, (SELECT value FROM revision))"} {
			if _, err := c.db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		c.unsure = true
	}()
	deadline := time.Now().Add(time.Minute)
	for {
		if _, ok := c.TenantByID("late"); ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the tenant never appears")
		}
		time.Sleep(time.Millisecond)
	}
}

// A commit that fails may have taken place: the next look must find out.
func TestFailedCommit(t *testing.T) {
	c := open(t, Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1, Poll: time.Hour})
	err := c.change(t.Context(), "acme", func(tx *sql.Tx) error {
		_, err := tx.Exec("PRAGMA defer_foreign_keys = ON")
		if err != nil {
			return err
		}
		return insertSource(t.Context(), tx, catalog.Source{Tenant: "nobody", ID: "web", SiteID: "s1"})
	})
	if err == nil || !strings.Contains(err.Error(), "commit") || !c.unsure {
		t.Fatalf("error %v, unsure %v", err, c.unsure)
	}
	if err := c.poll(t.Context()); err != nil || c.unsure {
		t.Errorf("after a look: %v, unsure %v", err, c.unsure)
	}
	addTenant(t, c, "acme")
}

// A reader that holds a snapshot sees it whole while changes go on.
func TestSnapshotIsImmutable(t *testing.T) {
	const before, after = 300, 40 // more than there are shards, so that changes meet shards in use
	changed := func(prefix string, n int) map[tenant.ID]*entry {
		out := map[tenant.ID]*entry{}
		for i := range n {
			id := tenant.ID(fmt.Sprintf("%s%d", prefix, i))
			out[id] = &entry{tenant: catalog.Tenant{ID: id, Number: uint32(i + len(prefix)*1000)},
				sources: []catalog.Source{{Tenant: id, ID: "web", SiteID: string(id)}}, keys: []catalog.Key{{Tenant: id, Hash: sha256.Sum256([]byte(id))}}}
		}
		return out
	}
	old := (&snapshot{}).with(changed("a", before))
	removal := changed("bb", after)
	for i := range after {
		removal[tenant.ID(fmt.Sprintf("a%d", i))] = nil
	}
	next := old.with(removal)
	for i := range before {
		id := tenant.ID(fmt.Sprintf("a%d", i))
		for _, s := range []*snapshot{old, next} {
			_, t1 := s.tenants.lookup(id)
			_, t2 := s.numbers.lookup(uint32(i + 1000))
			_, t3 := s.names.lookup(string(id))
			_, t4 := s.keys.lookup(sha256.Sum256([]byte(id)))
			if want := s == old || i >= after; t1 != want || t2 != want || t3 != want || t4 != want {
				t.Fatalf("%s: found %v %v %v %v, want %v", id, t1, t2, t3, t4, want)
			}
		}
	}
	if _, ok := old.tenants.lookup("bb0"); ok {
		t.Error("an old snapshot has a new tenant")
	}
	if _, ok := next.tenants.lookup("bb0"); !ok {
		t.Error("the new snapshot lacks the new tenant")
	}
}

func TestDeletedTenantLeavesNothing(t *testing.T) {
	c := open(t, Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1})
	addTenant(t, c, "acme")
	if err := c.DeleteTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"sources", "site_names", "keys"} {
		var n int
		if err := c.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows are left in %s, %v", n, table, err)
		}
	}
}

func TestUseAfterClose(t *testing.T) {
	c := open(t, Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: "acme"}); err == nil {
		t.Error("a change after Close reports success")
	}
}

// TestManyTenants holds the budgets for 10 000 tenants: memory for each and start of the process. Creation is held with fewer.
func TestManyTenants(t *testing.T) {
	if testing.Short() {
		t.Skip("10 000 tenants take some seconds; -short leaves them out")
	}
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, Config{Path: path, Partitions: 8})
	const many, created = 10_000, 100
	fill(t, c, many-created)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var before, opened, after, end runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := time.Now()
	c = open(t, Config{Path: path, Partitions: 8})
	start := time.Since(begin)
	runtime.ReadMemStats(&opened)
	runtime.GC()
	runtime.ReadMemStats(&after)
	perTenant := int64(after.HeapAlloc-before.HeapAlloc) / (many - created)
	begin = time.Now()
	for i := range created {
		addTenant(t, c, fmt.Sprintf("new-%d", i))
	}
	create := time.Since(begin) / created
	runtime.ReadMemStats(&end)
	startBytes, createBytes := (opened.TotalAlloc-before.TotalAlloc)/(many-created), (end.TotalAlloc-after.TotalAlloc)/created
	t.Logf("start %s, %d bytes allocated for each of its tenants, %d kept; tenant + source %s, %d bytes allocated", start, startBytes, perTenant, create, createBytes)
	if perTenant > 64<<10 || startBytes > 64<<10 || createBytes > 1<<20 { // the time is the machine's, what is done is not
		t.Error("above the budget")
	}
	if all, err := c.Tenants(t.Context()); err != nil || len(all) != many {
		t.Errorf("%d tenants, %v", len(all), err)
	}
}

func addTenant(t testing.TB, c *Catalog, id string) {
	t.Helper()
	if _, err := c.CreateTenant(t.Context(), catalog.Tenant{ID: tenant.ID(id), Name: id}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateSource(t.Context(), catalog.Source{Tenant: tenant.ID(id), ID: "web", SiteID: "s-" + id, Aliases: []string{id + ".example"}},
		catalog.Key{Role: tenant.RoleWriter, Hash: sha256.Sum256([]byte(id))})
	if err != nil {
		t.Fatal(err)
	}
}

// fill writes n tenants with one source and key each in one transaction.
func fill(t testing.TB, c *Catalog, n int) {
	t.Helper()
	ctx := context.Background()
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for i := range n {
		id := tenant.ID(fmt.Sprintf("tenant-%d", i))
		s := catalog.Source{Tenant: id, ID: "web", SiteID: "s-" + string(id), Aliases: []string{string(id) + ".example"}, Created: time.Now()}
		t := catalog.Tenant{ID: id, Number: uint32(i + 1), Name: string(id), Created: time.Now(), Partitions: catalog.Range{Count: 1}}
		errs = append(errs, insertTenant(ctx, tx, t),
			insertSource(ctx, tx, s), claimNames(ctx, tx, t, s, catalog.Source{}),
			insertKey(ctx, tx, &catalog.Key{Tenant: id, Role: tenant.RoleWriter, Site: s.SiteID, Hash: sha256.Sum256([]byte(id))}))
	}
	_, err = tx.Exec("UPDATE revision SET value = 1")
	_, err2 := tx.Exec("UPDATE tenants SET revision = 1")
	if err := errors.Join(append(errs, err, err2, tx.Commit())...); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkHotPath(b *testing.B) {
	c := open(b, Config{Path: filepath.Join(b.TempDir(), "catalog.db"), Partitions: 8})
	fill(b, c, 10_000)
	if err := c.poll(b.Context()); err != nil {
		b.Fatal(err)
	}
	c.mu.Lock()
	c.unsure = true
	c.mu.Unlock()
	if err := c.poll(b.Context()); err != nil {
		b.Fatal(err)
	}
	hash := sha256.Sum256([]byte("tenant-77"))
	b.Run("site", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, ok := c.SourceBySite("tenant-4711.example"); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, ok := c.KeyByHash(hash); !ok {
				b.Fatal("not found")
			}
		}
	})
}
