package chport

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"weir/internal/problem"
	"weir/internal/query"
)

// exception is an error as ClickHouse tells it.
type exception struct {
	code   int
	status int
	text   string
	retry  time.Duration
	auth   bool // the client is asked for credentials
}

// Codes of ClickHouse.
const (
	codeBadArguments      = 36
	codeUnknownFunction   = 46
	codeUnknownIdentifier = 47
	codeNotImplemented    = 48
	codeUnknownTable      = 60
	codeSyntax            = 62
	codeUnknownFormat     = 73
	codeUnknownDatabase   = 81
	codeUnknownSetting    = 115
	codeTooManyRows       = 158
	codeTimeout           = 159
	codeTooBigAST         = 168
	codeQuota             = 201
	codeTooManyQueries    = 202
	codeNetwork           = 210
	codeQueryTooLarge     = 229
	codeMemory            = 241
	codeCannotDecompress  = 271
	codeTooManyBytes      = 307
	// codeDisabled is SUPPORT_IS_DISABLED. What would change something is refused with it and not with READONLY: the Java client takes that
	// for a replica's state, and tries three times more.
	codeDisabled           = 344
	codeCancelled          = 394
	codeTooManyRowsOrBytes = 396
	codeConstraint         = 452
	codeAccessDenied       = 497
	codeUnknownRole        = 511
	codeAuthFailed         = 516
	codeUnknownException   = 1002
)

// names of the codes, as they stand at the end of a message.
var names = map[int]string{
	codeBadArguments: "BAD_ARGUMENTS", codeUnknownFunction: "UNKNOWN_FUNCTION", codeUnknownIdentifier: "UNKNOWN_IDENTIFIER",
	codeNotImplemented: "NOT_IMPLEMENTED", codeUnknownTable: "UNKNOWN_TABLE", codeSyntax: "SYNTAX_ERROR", codeUnknownFormat: "UNKNOWN_FORMAT",
	codeUnknownDatabase: "UNKNOWN_DATABASE", codeUnknownSetting: "UNKNOWN_SETTING", codeTooManyRows: "TOO_MANY_ROWS", codeTimeout: "TIMEOUT_EXCEEDED",
	codeTooBigAST: "TOO_BIG_AST", codeQuota: "QUOTA_EXCEEDED", codeTooManyQueries: "TOO_MANY_SIMULTANEOUS_QUERIES",
	codeNetwork: "NETWORK_ERROR", codeQueryTooLarge: "QUERY_IS_TOO_LARGE", codeMemory: "MEMORY_LIMIT_EXCEEDED", codeCannotDecompress: "CANNOT_DECOMPRESS", codeCancelled: "QUERY_WAS_CANCELLED", codeTooManyBytes: "TOO_MANY_BYTES", codeDisabled: "SUPPORT_IS_DISABLED",
	codeTooManyRowsOrBytes: "TOO_MANY_ROWS_OR_BYTES", codeConstraint: "SETTING_CONSTRAINT_VIOLATION", codeAccessDenied: "ACCESS_DENIED",
	codeUnknownRole: "UNKNOWN_ROLE", codeAuthFailed: "AUTHENTICATION_FAILED", codeUnknownException: "UNKNOWN_EXCEPTION",
}

// statuses of the codes that have one of their own; a caller's other mistakes are 400.
var statuses = map[int]int{
	codeUnknownFunction: http.StatusNotFound, codeUnknownIdentifier: http.StatusNotFound, codeUnknownTable: http.StatusNotFound,
	codeUnknownDatabase: http.StatusNotFound, codeUnknownFormat: http.StatusNotFound, codeUnknownSetting: http.StatusNotFound,
	codeAuthFailed: http.StatusForbidden, codeAccessDenied: http.StatusForbidden, codeQuota: http.StatusTooManyRequests, codeTooManyQueries: http.StatusTooManyRequests,
	codeQueryTooLarge: http.StatusRequestEntityTooLarge,
}

func exceptionf(code int, format string, args ...any) *exception {
	status := statuses[code]
	if status == 0 {
		status = http.StatusBadRequest
	}
	return &exception{code: code, status: status, text: fmt.Sprintf(format, args...)}
}

// message is the body of an error.
func (e *exception) message() string {
	name := names[e.code]
	text := strings.TrimRight(e.text, ". \n")
	if m := engineTail.FindStringSubmatch(text); m != nil {
		text = strings.TrimRight(text[:len(text)-len(m[0])], ". ")
		if name == "" {
			name = m[1]
		}
	}
	if name == "" {
		name = "ERROR_" + fmt.Sprint(e.code)
	}
	return fmt.Sprintf("Code: %d. DB::Exception: %s. (%s) (version %s (weir))\n", e.code, text, name, query.Version)
}

// engineTail is how query.Service names an error of the engine at the end of a detail.
var engineTail = regexp.MustCompile(`\s*\(([A-Z][A-Z0-9_]*), code \d+\)$`)

// label is the outcome in metrics: from a fixed set.
func (e *exception) label() string {
	if n := names[e.code]; n != "" {
		return n
	}
	return "other"
}

// problemCodes are ClickHouse's codes of the problems that query.Service and the authentication know.
var problemCodes = map[string]int{
	query.CodeSyntax: codeSyntax, query.CodeTooLong: codeQueryTooLarge, query.CodeUnknownTable: codeUnknownTable, query.CodeUnknownDatabase: codeUnknownDatabase,
	query.CodeUnknownColumn: codeUnknownIdentifier, "queue_full": codeTooManyQueries, "queue_timeout": codeTooManyQueries, "over_max_bytes": codeTooManyBytes, "over_max_cost": codeQuota,
	query.CodeUnknownFormat: codeUnknownFormat,
	"query_too_slow":        codeTimeout, "query_memory": codeMemory, "result_too_large": codeTooManyRowsOrBytes, "too_many_rows_read": codeTooManyRows, "too_many_bytes_read": codeTooManyBytes,
	"query_too_complex": codeTooBigAST, "engine_unavailable": codeNetwork, "not_visible_yet": codeNetwork, "engine_error": codeUnknownException, "client_gone": codeCancelled,
	"unknown_key": codeAuthFailed, "key_expired": codeAuthFailed, "missing_key": codeAuthFailed, "bad_authorization": codeAuthFailed, "wrong_tenant": codeAuthFailed,
	"tenant_required": codeAuthFailed, "tenant_not_found": codeAuthFailed, "unauthenticated": codeAuthFailed, "forbidden": codeAccessDenied,
}

// exceptionOf says a problem in ClickHouse's words.
func exceptionOf(p *problem.Problem) *exception {
	e := &exception{code: problemCodes[p.Code], status: p.Status, text: p.Detail, retry: p.RetryAfter}
	switch {
	case p.Engine != 0:
		e.code = p.Engine
	case p.Code == query.CodeRefused:
		e.code = refusalCode(p.Detail)
	case p.Status == http.StatusTooManyRequests && e.code == 0:
		e.code = codeQuota
		if strings.Contains(p.Limit, "concurren") || strings.Contains(p.Code, "concurren") {
			e.code = codeTooManyQueries
		}
	case e.code != 0:
	case p.Status == http.StatusUnauthorized:
		e.code = codeAuthFailed
	case p.Status == http.StatusForbidden:
		e.code = codeAccessDenied
	case p.Status == http.StatusPaymentRequired:
		e.code = codeQuota
	case p.Status == http.StatusServiceUnavailable:
		e.code = codeNetwork
	case p.Status >= 500:
		e.code = codeUnknownException
	default:
		e.code = codeBadArguments
	}
	switch status := statuses[e.code]; {
	case e.code == codeAuthFailed:
		e.auth = p.Code == "missing_key" || p.Code == "bad_authorization"
		e.status = http.StatusForbidden
		if e.auth {
			e.status = http.StatusUnauthorized
		}
	case status != 0 && e.status < 500:
		e.status = status
	case e.status == http.StatusUnprocessableEntity:
		e.status = http.StatusBadRequest
	}
	if e.status == http.StatusUnauthorized {
		e.auth = true
	}
	return e
}

// refusals say by words of the guard's texts which code a refusal has.
var refusals = []struct {
	words *regexp.Regexp
	code  int
}{
	{regexp.MustCompile(`\btable function \S+ is not allowed`), codeAccessDenied},
	{regexp.MustCompile(`\bfunction \S+ is not allowed`), codeUnknownFunction},
	{regexp.MustCompile(`there is no (relation|table)`), codeUnknownTable},
	{regexp.MustCompile(`there is no database|is not your database`), codeUnknownDatabase},
	{regexp.MustCompile(`there is no (column|property|name)|is neither a column nor`), codeUnknownIdentifier},
	{regexp.MustCompile(`only (SELECT|one statement)`), codeDisabled},
	{regexp.MustCompile(`^(line \d+, column \d+: )?(the setting \S+|SETTINGS)\b.* not allowed`), codeConstraint},
	{regexp.MustCompile(`^(line \d+, column \d+: )?format `), codeUnknownFormat},
}

func refusalCode(detail string) int {
	for _, r := range refusals {
		if r.words.MatchString(detail) {
			return r.code
		}
	}
	return codeAccessDenied
}

func cutText(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
