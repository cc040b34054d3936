package embedded

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// barrier is the engine's own barrier between tenants. It does not rely on
// what the caller checked before: tenant text runs only as one SELECT as the engine's own
// formatter prints it, in a session that is confined to the tenant.
type barrier struct {
	// functions are the table functions of the engine that tenant text must not name.
	functions map[string]bool

	mu  sync.Mutex
	dbs map[string]bool // tenants whose database exists
}

// harmless are table functions that make rows of constants. All others that the engine has, now or in a
// later version, are refused: some, such as mergeTreeIndex, read tables past the row policies.
var harmless = map[string]bool{
	"numbers": true, "numbers_mt": true, "zeros": true, "zeros_mt": true, "generateseries": true, "generate_series": true,
	"values": true, "null": true, "view": true,
}

// scalars are ordinary functions that have the name of a table function, and are not told apart here. As table
// functions they read what stands in the statement (format), or nothing without a grant that tenants do not have.
var scalars = map[string]bool{"format": true, "url": true, "file": true}

// newBarrier asks the engine for its table functions.
func newBarrier(sess *session) (*barrier, error) {
	b := &barrier{functions: map[string]bool{}, dbs: map[string]bool{}}
	out, _, err := sess.conn.Query("SELECT name FROM system.table_functions", "TSV")
	if err != nil {
		return nil, fmt.Errorf("engine: table functions: %w", err)
	}
	for name := range strings.Lines(string(out)) {
		if name = strings.ToLower(strings.TrimSpace(name)); !harmless[name] && !scalars[name] {
			b.functions[name] = true
		}
	}
	if !b.functions["mergetreeindex"] || !b.functions["merge"] {
		return nil, fmt.Errorf("engine: the list of table functions (%d) is not complete", len(b.functions))
	}
	return b, nil
}

// admit checks tenant text and replaces it by what the engine's formatter makes of it.
func (b *barrier) admit(ctx context.Context, pool *sessions, req *request) error {
	if req.data != nil {
		return refuse("tenants may only SELECT")
	}
	sess, err := pool.take(ctx, "", nil)
	if err != nil {
		return err
	}
	sql, err := b.check(sess, req.sql)
	if err == nil {
		err = b.database(sess, req.tenant)
	}
	if err != nil {
		sess.conn.Close()
		return err
	}
	pool.give(sess)
	req.sql = sql
	return nil
}

func refuse(format string, args ...any) error {
	return &clickhouse.Error{Code: clickhouse.CodeAccessDenied, Name: "ACCESS_DENIED", Status: http.StatusForbidden, Message: fmt.Sprintf(format, args...)}
}

// check returns the one SELECT that sql is, as the engine prints it.
func (b *barrier) check(sess *session, sql string) (string, error) {
	sql, err := format(sess, sql)
	if err != nil {
		return "", err
	}
	n, class, err := sess.conn.Classify(sql)
	if err != nil {
		return "", err
	}
	if n != 1 || class != libchdb.ReadOnly {
		return "", refuse("tenants may only run one SELECT")
	}
	t := scan(sql)
	if len(t) == 0 || !(t[0].is("SELECT") || t[0].is("WITH") || t[0].is("(")) {
		return "", refuse("tenants may only run SELECT")
	}
	for i, x := range t {
		next := func(n int) token {
			if i+n < len(t) {
				return t[i+n]
			}
			return token{}
		}
		switch {
		case (x.kind == word || x.kind == quoted) && next(1).is("(") && b.functions[strings.ToLower(x.val)]:
			return "", refuse("tenants may not use the table function %s", x.val)
		case x.is("SETTINGS") && x.kind == word && next(1).kind != 0 && next(2).is("="):
			return "", refuse("tenants may not set SETTINGS in a statement")
		case x.is("INTO") && next(1).is("OUTFILE"):
			return "", refuse("tenants may not write files")
		}
	}
	return sql, nil
}

// database makes the tenant's database, which is empty and in memory only: it is a name that the row policies read.
func (b *barrier) database(sess *session, tenant string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dbs[tenant] {
		return nil
	}
	if err := sess.run("CREATE DATABASE IF NOT EXISTS " + quoteName(TenantDatabase(tenant)) + " ENGINE = Memory"); err != nil {
		return err
	}
	b.dbs[tenant] = true
	return nil
}

// confine makes a session the tenant's, for good: readonly cannot be taken back.
func (s *session) confine(tenant string) error {
	for _, sql := range []string{
		"USE " + quoteName(TenantDatabase(tenant)),
		"SET ROLE " + roleTenant,
		// The cache of granules without a match does not know of row policies.
		"SET allow_ddl = 0, allow_introspection_functions = 0, use_query_condition_cache = 0, readonly = 1",
	} {
		if err := s.run(sql); err != nil {
			return err
		}
	}
	out, _, err := s.conn.Query("SELECT currentDatabase(), currentRoles(), getSetting('readonly')", "TSV")
	if err != nil {
		return err
	}
	want := TenantDatabase(tenant) + "\t['" + roleTenant + "']\t1\n"
	if string(out) != want {
		return fmt.Errorf("engine: a tenant's session is %q and not %q", out, want)
	}
	return nil
}
