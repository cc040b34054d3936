package embedded

import (
	"context"
	"errors"
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
	// tables and functions are the engine's functions, of either kind, that tenant text must not call. In lower case.
	tables, functions map[string]bool

	texts admitted

	mu  sync.Mutex
	dbs map[string]bool // tenants whose database exists
}

// harmless are table functions that make rows of constants. All others that the engine has, now or in a
// later version, are refused: some, such as mergeTreeIndex, read tables past the row policies.
var harmless = set("numbers numbers_mt zeros zeros_mt generateSeries generate_series values null view format")

// pure are the categories of functions that compute from their arguments and
// nothing else. Of the other categories, and of functions without one, only those in
// also are allowed: file() reads any file without a grant.
var pure = set("Aggregate_Functions Arithmetic Arrays Bit Bitmap Comparison Conditional Dates_and_Times Distance Encoding Encryption" +
	" Financial Geo Geo_Polygon Hash IP_Address JSON Logical Map Mathematical Null NumericIndexedVector QBit Random_Number Rounding String" +
	" String_Replacement String_Search String_Splitting Time_Series Time_Window Tuple Type_Conversion URL UUID")

var also = set("bar blockNumber blockSize byteSize caseWithExpression colorOKLABToSRGB colorOKLCHToSRGB colorSRGBToOKLAB colorSRGBToOKLCH countDigits" +
	" currentDatabase currentUser defaultValueOfArgumentType defaultValueOfTypeName digits displayName errorCodeToName exists finalizeAggregation" +
	" flipCoordinates formatReadableDecimalSize formatReadableQuantity formatReadableSize formatReadableTimeDelta getSetting getSizeOfEnumType" +
	" getSubcolumn grouping icebergBucket icebergTruncate identity ignore indexHint initializeAggregation isConstant isDecimalOverflow lag" +
	" lagInFrame lead leadInFrame lowCardinalityIndices lowCardinalityKeys MACNumToString MACStringToNum MACStringToOUI materialize" +
	" minSampleSizeContinuous minSampleSizeConversion neighbor nested parseReadableSize parseReadableSizeOrNull parseReadableSizeOrZero parseTimeDelta" +
	" partitionId revision rowNumberInAllBlocks rowNumberInBlock runningAccumulate runningDifference runningDifferenceStartingWithFirstValue" +
	" throwIf toColumnTypeName toTypeName transform untuple variantElement variantType version visibleWidth")

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(strings.ToLower(names)) {
		m[strings.ReplaceAll(n, "_", " ")], m[n] = true, true
	}
	return m
}

// newBarrier asks the engine for its functions.
func newBarrier(sess *session) (*barrier, error) {
	b := &barrier{tables: map[string]bool{}, functions: map[string]bool{}, dbs: map[string]bool{}}
	out, _, err := sess.conn.Query("SELECT name FROM system.table_functions", "TSV")
	if err != nil {
		return nil, fmt.Errorf("engine: table functions: %w", err)
	}
	for name := range strings.Lines(string(out)) {
		if name = strings.ToLower(strings.TrimSpace(name)); !harmless[name] {
			b.tables[name] = true
		}
	}
	out, _, err = sess.conn.Query("SELECT f.name, f.alias_to, if(f.alias_to = '', f.categories, g.categories) FROM system.functions AS f"+
		" LEFT JOIN system.functions AS g ON f.alias_to = g.name WHERE NOT f.is_aggregate", "TSV")
	if err != nil {
		return nil, fmt.Errorf("engine: functions: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.ToLower(strings.TrimRight(line, "\n")), "\t")
		if len(f) == 3 && !pure[f[2]] && !also[f[0]] && !also[f[1]] {
			b.functions[f[0]] = true
		}
	}
	if !b.tables["mergetreeindex"] || !b.tables["merge"] || !b.functions["file"] || !b.functions["dictget"] {
		return nil, fmt.Errorf("engine: the lists of functions (%d, %d) are not complete", len(b.tables), len(b.functions))
	}
	return b, nil
}

// admit checks tenant text and replaces it by what the engine's formatter makes of it.
func (b *barrier) admit(ctx context.Context, pool *sessions, req *request) error {
	if req.data != nil {
		return refuse("tenants may only SELECT")
	}
	if sql, ok := b.texts.find(req.tenant, req.sql); ok && b.hasDatabase(req.tenant) {
		req.sql = sql
		return nil
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
	failed := false
	b.texts.keep(req.tenant, req.sql, sql, func(sql string) (string, error) {
		out, err := format(sess, sql)
		failed = failed || err != nil
		return out, err
	})
	if failed {
		sess.conn.Close()
	} else {
		pool.give(sess)
	}
	req.sql = sql
	return nil
}

func (b *barrier) hasDatabase(tenant string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dbs[tenant]
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
	switch {
	case at(t, 0).is("EXPLAIN"):
		if t, err = explained(t); err != nil {
			return "", err
		}
	case at(t, 0).is("DESCRIBE") && at(t, 1).is("TABLE"):
		t = described(t)
	}
	if len(t) == 0 || !(t[0].is("SELECT") || t[0].is("WITH") || t[0].is("(")) {
		return "", refuse("tenants may only run SELECT")
	}
	if err := b.refused(t); err != nil {
		return "", err
	}
	return sql, nil
}

// harmlessExplain are the settings of EXPLAIN that tenants may use. Others count parts and granules, whosever rows they hold; so do actions, which a plan has unless they are turned off.
var harmlessExplain = map[string]bool{"graph": true, "optimize": true, "oneline": true, "run_query_tree_passes": true, "query_tree_passes": true, "run_passes": true,
	"dump_passes": true, "passes": true, "dump_tree": true, "dump_ast": true, "header": true, "description": true, "json": true,
	"sorting": true, "compact": true, "pretty": true}

// explained cuts EXPLAIN, its kind and its settings from the front of the engine's print of a statement.
func explained(t []token) ([]token, error) {
	t = t[1:]
	plan, quiet := false, false
	switch {
	case at(t, 0).is("QUERY") && at(t, 1).is("TREE"):
		t = t[2:]
	case at(t, 0).is("AST"), at(t, 0).is("SYNTAX"), at(t, 0).is("PIPELINE"), at(t, 0).is("ESTIMATE"):
		t = t[1:]
	case at(t, 0).is("PLAN"):
		t, plan = t[1:], true
	default:
		plan = true
	}
	for at(t, 1).is("=") {
		off := plan && t[0].is("actions") && at(t, 2).val == "0"
		quiet = quiet || off
		if !off && !harmlessExplain[strings.ToLower(t[0].val)] || t[0].kind != word || at(t, 2).kind != number {
			return nil, refuse("tenants may not use the setting %s of EXPLAIN", t[0].val)
		}
		if t = t[3:]; at(t, 0).is(",") {
			t = t[1:]
		}
	}
	if plan && !quiet {
		return nil, refuse("tenants may use EXPLAIN of a plan with actions = 0 only")
	}
	return t, nil
}

// described is the query in the bracket of DESCRIBE TABLE (…); of any other DESCRIBE, and of one with something behind the bracket, nothing.
func described(t []token) []token {
	depth, last := 0, len(t)-1
	for i, x := range t[2:] {
		switch {
		case x.is("("):
			depth++
		case x.is(")"):
			depth--
		}
		if depth <= 0 {
			if i == 0 || i+2 != last {
				return nil
			}
			return t[3:last]
		}
	}
	return nil
}

// refused looks for what tenant text must not have. t is the engine's own
// print of it: no comments, no heredocs, names quoted only where they must be.
func (b *barrier) refused(t []token) error {
	var calls []string // the function of each open parenthesis; "" if it is none
	for i, x := range t {
		prev, next, third := at(t, i-1), at(t, i+1), at(t, i+2)
		name := strings.ToLower(x.val)
		named := x.kind == word || x.kind == quoted
		switch {
		case x.is("("):
			calls = append(calls, callOf(prev, calls))
		case x.is(")") && len(calls) > 0:
			calls = calls[:len(calls)-1]
		case named && next.is("(") && (b.tables[name] || b.functions[name]):
			return refuse("tenants may not use the function %s", x.val)
		case named && b.functions[name] && (prev.is("APPLY") || takesFunctions(calls)):
			return refuse("tenants may not use the function %s", x.val)
		case x.is("SETTINGS") && named && next.kind != 0 && third.is("="):
			return refuse("tenants may not set SETTINGS in a statement")
		case x.is("EXPLAIN") && prev.is("(") && x.kind == word:
			return refuse("tenants may not use EXPLAIN in a subquery")
		case x.is("INTO") && next.is("OUTFILE"):
			return refuse("tenants may not write files")
		case named && name == "stack_trace": // reading it sends signals that end the process
			return refuse("tenants may not read %s", x.val)
		case named && prev.is(":") && name == "identifier":
			return refuse("tenants may not use parameters of type Identifier")
		}
	}
	return nil
}

func at(t []token, i int) token {
	if i < 0 || i >= len(t) {
		return token{}
	}
	return t[i]
}

// callOf returns the function that a parenthesis behind prev belongs to. One without a function passes the outer's on: f(x, (y)).
func callOf(prev token, calls []string) string {
	switch {
	case prev.kind == word || prev.kind == quoted:
		return strings.ToLower(prev.val)
	case (prev.is("(") || prev.is(",")) && len(calls) > 0:
		return calls[len(calls)-1]
	}
	return ""
}

// takesFunctions tells whether a bare name in the innermost call may stand for a function: arrayMap(file, …), APPLY (file).
func takesFunctions(calls []string) bool {
	if len(calls) == 0 {
		return false
	}
	f := calls[len(calls)-1]
	return strings.HasPrefix(f, "array") || strings.HasPrefix(f, "map") || f == "apply"
}

// database makes the tenant's database, which is empty and in memory only: it is a name that the row policies read.
func (b *barrier) database(sess *session, tenant string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dbs[tenant] {
		return nil
	}
	if err := sess.run("CREATE DATABASE IF NOT EXISTS " + quoteName(sessionDatabase(tenant)) + " ENGINE = Memory"); err != nil {
		return err
	}
	b.dbs[tenant] = true
	return nil
}

// sessionDatabase is the database of a session that runs text for a tenant, or for an operator.
func sessionDatabase(tenant string) string {
	if tenant == operator {
		return operatorUser
	}
	return TenantDatabase(tenant)
}

// confine makes a session the tenant's (or the operator's) under settings, for good: readonly cannot be taken back.
func (s *session) confine(tenant string, settings map[string]string) error {
	role := roleTenant
	if tenant == operator {
		role = roleOperator
	}
	for _, sql := range []string{"USE " + quoteName(sessionDatabase(tenant)), "SET ROLE " + role} {
		if err := s.run(sql); err != nil {
			return err
		}
	}
	// Before the settings: some, such as offset and extremes, change what any SELECT answers.
	out, _, err := s.conn.Query("SELECT currentDatabase(), currentRoles()", "TSV")
	if err != nil {
		return err
	}
	if want := sessionDatabase(tenant) + "\t['" + role + "']\n"; string(out) != want {
		return fmt.Errorf("engine: a tenant's session is %q and not %q", out, want)
	}
	if err := s.apply(settings); err != nil {
		return err
	}
	// The cache of granules without a match does not know of row policies.
	last := "SET allow_ddl = 0, allow_introspection_functions = 0, use_query_condition_cache = 0, readonly = 1"
	if tenant != operator { // what was read is told in our own way (clickhouse.Summary.Told), also where the library writes the end of an answer
		last += ", output_format_write_statistics = 0"
	}
	if err := s.run(last); err != nil {
		return err
	}
	return s.locked()
}

// locked makes sure that a session cannot be opened again, by trying it.
func (s *session) locked() error {
	err := s.run("SET readonly = 0")
	if err == nil {
		return errors.New("engine: a tenant's session is not read-only")
	}
	if e := engineError(err); e.Code != clickhouse.CodeReadonly {
		return err
	}
	return s.run("SELECT 1") // behind an error the library wants a statement that ends well
}
