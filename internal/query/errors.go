package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
)

// The engine's error codes that mean a limit.
var limitCodes = map[int]string{
	158: "rows",   // TOO_MANY_ROWS
	159: "time",   // TIMEOUT_EXCEEDED
	160: "time",   // TOO_SLOW
	191: "memory", // SET_SIZE_LIMIT_EXCEEDED
	241: "memory", // MEMORY_LIMIT_EXCEEDED
	307: "bytes",  // TOO_MANY_BYTES
	396: "result", // TOO_MANY_ROWS_OR_BYTES
	167: "depth",  // TOO_DEEP_AST
	168: "depth",  // TOO_BIG_AST
	306: "depth",  // TOO_DEEP_RECURSION
	162: "depth",  // TOO_DEEP_SUBQUERIES
	203: "time",   // NO_FREE_CONNECTION
}

// engineCodes are errors of the engine that are not the statement's fault.
var engineCodes = map[int]bool{
	40: true, 49: true, 74: true, 75: true, 76: true, 107: true, 209: true, 210: true,
	228: true, 236: true, 243: true, 246: true, 252: true, 271: true, 425: true, 439: true, 446: true, 999: true, 1000: true, 1001: true, 1002: true,
}

// textCodes are errors about the statement's own values, which their messages quote: what they quote says nothing about the engine.
var textCodes = map[int]bool{
	6: true, 26: true, 27: true, 38: true, 41: true, 72: true, 376: true, 675: true, 676: true, // CANNOT_PARSE_…
	36: true, 42: true, 43: true, 44: true, 46: true, 47: true, 48: true, 53: true, 62: true, 69: true, 70: true, 321: true, 349: true, 427: true, 691: true,
}

// problem is engineProblem with the question's own limits.
func (a *asking) problem(ctx context.Context, err error) *problem.Problem {
	if own := a.ownLimit(err); own != "" && ctx.Err() == nil {
		p := a.engineProblem(ctx, err)
		return problem.New(p.Status, p.Code, "the query needs more than its own request allows (%s); raise that limit in the request, or leave it out", own)
	}
	var e *clickhouse.Error
	if ctx.Err() == nil && a.q.Door == DoorJob && (errors.As(err, &e) && limitCodes[e.Code] == "time" || e == nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, clickhouse.ErrUnavailable)) {
		return problem.New(http.StatusUnprocessableEntity, "query_too_slow",
			"the job was stopped after %v, the limit query.job_timeout; narrow the range of ts, or ask the operator to raise it", a.cfg.JobTime).
			WithAmount("query.job_timeout", a.cfg.JobTime.Seconds())
	}
	p := a.engineProblem(ctx, err)
	if m := unknown.FindStringSubmatch(p.Detail); m != nil && p.Code == "query_error" && p.Engine == clickhouse.CodeUnknownIdentifier {
		p.Detail = placeOf(a.q.SQL, m[1]) + p.Detail
	}
	if p.Code == "query_error" && typeCodes[p.Engine] && a.checked != nil && len(a.checked.Texts) > 0 {
		name, is := a.checked.Texts[0], "is"
		if len(a.checked.Texts) > 1 {
			name, is = "NAME", "are"
		}
		p.Detail += fmt.Sprintf("; %s %s text, as is every property that once had a text that is no number: props_num['%s'] has its numbers alone", strings.Join(a.checked.Texts, ", "), is, name)
	}
	return p
}

// placeOf says where a statement has a name, if it has it once, before what is said of it.
func placeOf(sql, name string) string {
	toks, _, err := scan(sql)
	if err != nil {
		return ""
	}
	at := -1
	for _, l := range toks {
		if l.name() && l.text == name {
			if at >= 0 {
				return ""
			}
			at = l.start
		}
	}
	if at < 0 {
		return ""
	}
	r := refuseAt(sql, at, "")
	return fmt.Sprintf("line %d, column %d: ", r.Line, r.Column)
}

// ownSettings are the settings by which a question lowers the limit that a code of the engine means. Of a code that several limits have, the message says which it was.
var ownSettings = map[int][]struct{ name, says string }{
	158: {{"max_rows_to_group_by", "GROUP BY"}, {"max_rows_to_read", "max rows"}}, 159: {{"max_execution_time", ""}}, 160: {{"max_execution_time", ""}},
	241: {{"max_memory_usage", ""}}, 307: {{"max_bytes_to_read", ""}}, 396: {{"max_result_rows", "max rows"}, {"max_result_bytes", "max bytes"}},
}

// ownLimit names the limit that err means, with its value, if the question has lowered it itself.
func (a *asking) ownLimit(err error) string {
	var e *clickhouse.Error
	if !errors.As(err, &e) || e.EngineMemory() {
		return ""
	}
	for _, s := range ownSettings[e.Code] {
		if strings.Contains(e.Message, s.says) && lower(a.q.Settings[s.name], a.base()[s.name]) {
			return s.name + " = " + a.q.Settings[s.name]
		}
	}
	return ""
}

// typeCodes are the engine's errors of a value of the wrong type: ILLEGAL_TYPE_OF_ARGUMENT, TYPE_MISMATCH, CANNOT_CONVERT_TYPE, NO_COMMON_TYPE.
var typeCodes = map[int]bool{43: true, 53: true, 70: true, 386: true}

// resultLimit is how many bytes an answer may have, and which limit says so.
type resultLimit struct {
	name  string
	bytes int64
}

// resultLimit is the lower one of the installation's limit and the tenant's.
func (a *asking) resultLimit() resultLimit {
	if n := a.limits.ResultBytes; n > 0 && n < a.cfg.MaxResult {
		return resultLimit{"limits.result_bytes", n}
	}
	return resultLimit{"query.max_result", a.cfg.MaxResult}
}

// tooLong says that an answer is longer than its limit.
type tooLong struct{ limit resultLimit }

func (t *tooLong) Error() string {
	return fmt.Sprintf("the answer is longer than %d bytes, the limit %s", t.limit.bytes, t.limit.name)
}

func (h *Service) overResult(l resultLimit) *problem.Problem {
	how := "ask the operator to raise it"
	if l.name == "limits.result_bytes" {
		how = "ask the operator to raise this limit of the tenant (weir tenant update)"
	}
	return problem.New(http.StatusUnprocessableEntity, "result_too_large", "the answer has more than %d bytes, the limit %s; add a LIMIT, or %s", l.bytes, l.name, how).
		WithLimit(l.name, l.bytes)
}

// formSetting says whether an engine setting is about the form of an answer only.
func formSetting(name string) bool {
	return strings.HasPrefix(name, "output_format_") || name == "date_time_output_format" || name == "result_overflow_mode"
}

// engineProblem says in weir's words what the engine said in its own.
func (h *Service) engineProblem(ctx context.Context, err error) *problem.Problem {
	if ctx.Err() != nil {
		return gone()
	}
	var e *clickhouse.Error
	var long *tooLong
	var p *problem.Problem
	switch {
	case errors.As(err, &p): // of who may not have the answer any more
		return p
	case errors.As(err, &long):
		return h.overResult(long.limit)
	case errors.As(err, &e):
	case errors.Is(err, clickhouse.ErrUnavailable):
		return problem.New(http.StatusServiceUnavailable, "engine_unavailable", "the query engine is restarting; try again").WithRetry(2 * time.Second)
	case errors.Is(err, context.DeadlineExceeded):
		return h.overLimit("time")
	default:
		h.log.Error("the engine's answer cannot be used", "error", longNumber.ReplaceAllString(err.Error(), "…"))
		return problem.New(http.StatusServiceUnavailable, "engine_unavailable", "the query engine did not answer; try again").WithRetry(2 * time.Second)
	}
	if e.Code == codeOvertaken { // the answer was under way already, or it would have been sent again
		return problem.New(http.StatusServiceUnavailable, "rollup_moved_on", "a rollup moved on while it was read; ask again, or read events").WithRetry(time.Second)
	}
	if e.EngineMemory() { // it need not be this statement that takes it
		p := problem.New(http.StatusServiceUnavailable, "engine_memory",
			"the memory of the engine, which all that runs shares (engine.memory), is used up; try again, and if that does not help group by fewer values, ask for a shorter answer (LIMIT, fewer columns), or ask the operator to raise it").WithRetry(2 * time.Second)
		p.Limit = "engine.memory"
		return p
	}
	if limit := limitCodes[e.Code]; limit != "" {
		return h.overLimit(limit)
	}
	if e.Code == 497 || e.Code == 291 { // ACCESS_DENIED: barrier 2 refuses what barrier 1 let through
		h.log.Error("the engine refused what the guard let through", "code", e.Code, "message", longNumber.ReplaceAllString(e.Message, "…"))
		return problem.New(http.StatusBadRequest, CodeRefused, "the statement asks for something that is not yours to read").WithField("sql")
	}
	if engineCodes[e.Code] || !textCodes[e.Code] && storage.MatchString(inScope.ReplaceAllString(e.Message, "")) || e.Code == 0 || e.Status >= 500 && e.Name == "" {
		h.log.Error("the engine failed", "code", e.Code, "name", e.Name, "message", longNumber.ReplaceAllString(e.Message, "…"))
		return problem.New(http.StatusInternalServerError, "engine_error", "the query engine failed with %s (code %d); the operator's log says more", e.Name, e.Code)
	}
	status := http.StatusUnprocessableEntity
	if e.Code == 62 {
		status = http.StatusBadRequest
	}
	p = problem.New(status, "query_error", "%s (%s, code %d)", h.clean(e.Message), e.Name, e.Code).WithField("sql")
	p.Engine = e.Code
	return p
}

func (h *Service) overLimit(which string) *problem.Problem {
	const status = http.StatusUnprocessableEntity
	switch which {
	case "time":
		return problem.New(status, "query_too_slow",
			"the query was stopped after %v, the limit query.timeout; narrow the range of ts, or ask the operator to raise it", h.cfg.MaxTime).
			WithAmount("query.timeout", h.cfg.MaxTime.Seconds())
	case "memory":
		return problem.New(status, "query_memory",
			"the query needs more than %d bytes of memory, the limit query.memory; group by fewer values, use uniq instead of uniqExact, or ask the operator to raise it", h.cfg.MaxMemory).
			WithLimit("query.memory", h.cfg.MaxMemory)
	case "result":
		return problem.New(status, "result_too_large",
			"the answer has more than %d rows (query.max_rows) or %d bytes (query.max_result); add a LIMIT, or ask the operator to raise them", h.cfg.MaxResultRows, h.cfg.MaxResult).
			WithLimit("query.max_rows", h.cfg.MaxResultRows)
	case "bytes": // the installation has no such limit
		return problem.New(status, "too_many_bytes_read", "the query reads more bytes than its own limit allows (max_bytes_to_read); narrow the range of ts, or raise it")
	case "rows":
		if h.cfg.MaxRead == 0 { // a lower limit is the question's own
			return problem.New(status, "too_many_rows_read", "the query reads more than its own limit allows (max_rows_to_read); narrow the range of ts, or raise it")
		}
		return problem.New(status, "too_many_rows_read",
			"the query reads more than %d rows, the limit query.max_read; narrow the range of ts, or ask the operator to raise it", h.cfg.MaxRead).
			WithLimit("query.max_read", h.cfg.MaxRead)
	}
	return problem.New(status, "query_too_complex", "the statement is too large or too deep for the engine; write it in a simpler way").WithField("sql")
}

// storage finds messages about the engine's own files.
var storage = regexp.MustCompile(`MergeTree|\.bin\b|\.mrk|\.cmrk|[Cc]hecksum`)

var (
	atPosition = regexp.MustCompile(`failed at position \d+[^:]*:?`)
	inScope    = regexp.MustCompile(`(?s)(:?\s*[Ii]n scope\s|\.?\s*In query\s|: While processing|: while executing|: While executing|\s*\(in query:|: In scope ).*`)
	internalID = regexp.MustCompile(`__table\d+\.|__set_[0-9_]+|weir\.(?:events|lookups)|\bt_[a-z0-9][a-z0-9_-]*\.`)
	pathLike   = regexp.MustCompile(`(?:/[A-Za-z0-9_.-]+){2,}`)
	longNumber = regexp.MustCompile(`\d{17,}`) // keys of masks have as many digits
	unknown    = regexp.MustCompile("(?i)identifier ['`](?:[^'`.]*\\.)?([^'`.]+)['`]")
	maybe      = regexp.MustCompile(`Maybe you meant: \[([^\]]*)\]`)
)

// clean takes out of an engine's message what is none of the tenant's business: our CTE, other names, paths, the text that was sent.
func (h *Service) clean(msg string) string {
	hint := ""
	if m := maybe.FindStringSubmatch(msg); m != nil {
		hint = h.suggest(m[1])
	}
	if m := unknown.FindStringSubmatch(msg); m != nil && hint == "" && !h.guard.columns[m[1]] { // the engine knows only the columns that the statement names
		hint = nearest(m[1], maps.Keys(h.guard.columns))
	}
	msg = inScope.ReplaceAllString(msg, "")
	msg = maybe.ReplaceAllString(msg, "")
	msg = longNumber.ReplaceAllString(msg, "…")
	msg = atPosition.ReplaceAllString(msg, "")
	msg = internalID.ReplaceAllString(msg, "")
	msg = pathLike.ReplaceAllString(msg, "…")
	if i := strings.Index(msg, "WITH events AS"); i >= 0 {
		msg = msg[:i]
	}
	msg = strings.TrimRight(strings.Join(strings.Fields(msg), " "), " .:,;")
	if len(msg) > 600 {
		msg = msg[:600] + "…"
	}
	if hint != "" {
		msg += "; did you mean " + hint + "?"
	}
	return strings.ToValidUTF8(msg, "")
}

// suggest keeps of the engine's suggestions those that are the tenant's to see.
func (h *Service) suggest(list string) string {
	for s := range strings.SplitSeq(list, ",") {
		s = strings.Trim(strings.TrimSpace(s), "'`")
		if _, name, qualified := strings.Cut(s, "."); qualified {
			s = name
		}
		if h.guard.columns[s] || allowedFunction(s) {
			return s
		}
	}
	return ""
}
