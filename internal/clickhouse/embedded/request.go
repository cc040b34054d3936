package embedded

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/clickhouse/embedded/libchdb"
)

// maxSQL bounds the text of a statement, in bytes.
const maxSQL = 4 << 20

// request is what an HTTP request asks for.
type request struct {
	sql      string
	format   string // of the answer, or of an insert's data
	params   []libchdb.Param
	settings map[string]string
	queryID  string
	comment  string    // whom the CPU is charged to
	tenant   string    // "" for weir itself, operator for an operator's text
	data     io.Reader // rows of an insert, nil otherwise
	wholeEnd bool      // wait_end_of_query
}

// ignored are parameters of the protocol that mean nothing here: the socket
// needs no compression, no progress and no password.
var ignored = map[string]bool{
	"query": true, "query_id": true, "user": true, "password": true, "default_format": true, "log_comment": true,
	"wait_end_of_query": true, "buffer_size": true, "enable_http_compression": true, "client_protocol_version": true,
	"send_progress_in_http_headers": true, "http_headers_progress_interval_ms": true, "quota_key": true,
	"cancel_http_readonly_queries_on_client_close": true, "http_write_exception_in_output_format": true,
	"network_compression_method": true, "session_timeout": true, "session_check": true, "database": true,
}

// refused are parameters that would change what this package relies on.
var refused = map[string]string{
	"session_id": "sessions are not kept", "compress": "the answer is not compressed", "decompress": "the body must not be compressed",
	"role": "roles are set by weir", "readonly": "weir sets it", "profile": "weir sets it",
}

var tenantUser = regexp.MustCompile(`^t_[a-z0-9][a-z0-9_-]{0,62}$`)

// plainName says whether s is an identifier of at most 128 ASCII letters, digits and _. It is asked for each setting of each statement: no regular expression.
func plainName(s string) bool {
	if s == "" || len(s) > 128 || digit(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !digit(c) && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// badRequest is an error in the shape of the engine's own.
func badRequest(code int, name, format string, args ...any) *clickhouse.Error {
	return &clickhouse.Error{Code: code, Name: name, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}

func parseRequest(r *http.Request) (*request, error) {
	q := r.URL.Query()
	req := &request{settings: map[string]string{}, queryID: q.Get("query_id"), wholeEnd: q.Get("wait_end_of_query") == "1"}
	if req.comment = q.Get("log_comment"); len(req.comment) > maxComment {
		req.comment = req.comment[:maxComment]
	}
	if req.queryID == "" {
		req.queryID = r.Header.Get(clickhouse.HeaderQueryID)
	}
	if len(req.queryID) > 256 {
		return nil, badRequest(clickhouse.CodeBadArguments, "BAD_ARGUMENTS", "query_id has %d bytes, at most 256 are allowed", len(req.queryID))
	}
	if err := req.readUser(r, q.Get("user")); err != nil {
		return nil, err
	}
	for name, values := range q {
		value := values[len(values)-1]
		if p, ok := strings.CutPrefix(name, "param_"); ok {
			if !plainName(p) {
				return nil, badRequest(clickhouse.CodeBadArguments, "BAD_ARGUMENTS", "parameter %q is not an identifier", p)
			}
			req.params = append(req.params, libchdb.Param{Name: p, Value: value})
			continue
		}
		if why, bad := refused[name]; bad && value != "0" && value != "" {
			return nil, badRequest(clickhouse.CodeBadArguments, "BAD_ARGUMENTS", "%s: %s", name, why)
		}
		if ignored[name] || refused[name] != "" {
			continue
		}
		if !plainName(name) || strings.ToLower(name) != name || name[0] == '_' {
			return nil, badRequest(clickhouse.CodeUnknownSetting, "UNKNOWN_SETTING", "%q is not the name of a setting", name)
		}
		req.settings[name] = value
	}
	req.format = q.Get("default_format")
	if f := r.Header.Get(clickhouse.HeaderFormat); f != "" {
		req.format = f
	}
	if req.format == "" {
		req.format = "TabSeparated"
	}
	return req, req.readSQL(r, q.Get("query"))
}

// readUser finds out for whom the statement runs. param is the parameter `user`.
func (req *request) readUser(r *http.Request, param string) error {
	user := cmp.Or(r.Header.Get(clickhouse.HeaderUser), param)
	if name, _, ok := r.BasicAuth(); ok && user == "" {
		user = name
	}
	switch {
	case user == "" || user == "default":
		return nil
	case user == operatorUser:
		req.tenant = operator
		return nil
	case tenantUser.MatchString(user):
		req.tenant = user[len(tenantPrefix):]
		return nil
	}
	return &clickhouse.Error{Code: clickhouse.CodeAuthenticationFailed, Name: "AUTHENTICATION_FAILED", Status: http.StatusForbidden,
		Message: fmt.Sprintf("user %q is neither default nor t_<tenant> nor o_operator", user)}
}

// readSQL finds the statement in the parameter `query` and the body.
func (req *request) readSQL(r *http.Request, sql string) error {
	if stmt, format, ok := insertParts(sql); ok && r.Method == http.MethodPost {
		req.sql, req.format, req.data = stmt, format, r.Body
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSQL+1))
	switch {
	case err != nil:
		return badRequest(clickhouse.CodeUnexpectedEndOfFile, "UNEXPECTED_END_OF_FILE", "the statement was cut off: %v", err)
	case len(body)+len(sql) > maxSQL:
		return badRequest(clickhouse.CodeSyntaxError, "SYNTAX_ERROR", "the statement has more than %d bytes", maxSQL)
	}
	if sql != "" && len(body) > 0 {
		sql += "\n"
	}
	req.sql = sql + string(body)
	if inlineData(req.sql) {
		return badRequest(clickhouse.CodeBadArguments, "BAD_ARGUMENTS",
			"rows must not stand in the statement: put INSERT … FORMAT into ?query= and the rows into the body")
	}
	return nil
}

// timeLimit returns max_execution_time, 0 if it is not set or not a number.
func (req *request) timeLimit() time.Duration {
	d, err := time.ParseDuration(req.settings["max_execution_time"] + "s")
	if err != nil || d < 0 {
		return 0
	}
	return d
}
