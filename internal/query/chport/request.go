package chport

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/query"
	"weir/internal/tenant"
)

// Bounds of a request.
const (
	maxBody    = 1 << 20 // bytes of a body that holds a statement, unpacked
	maxParams  = query.MaxParams
	maxQueryID = 256
)

// request is what a request asks for.
type request struct {
	who      tenant.Principal
	sql      string
	db       string // of metadata, whose relations need no database in front of them; empty: none
	format   string // X-ClickHouse-Format, else default_format, else TabSeparated
	params   map[string]string
	settings map[string]string
	queryID  string
	version  int    // client_protocol_version
	frames   string // network_compression_method when compress=1, else ""
	coding   string // Content-Encoding of the answer
	held     int    // bytes to hold back: buffer_size
	whole    bool   // wait_end_of_query
	progress bool   // send_progress_in_http_headers
}

var (
	settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	paramName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
)

// authenticate finds out who asks. The URL's user and password are what the protocol has; they are never logged.
func (c *call) authenticate(q url.Values) (tenant.Principal, *exception) {
	user, header, e := credentials(c.r, q)
	if e != nil {
		return tenant.Principal{}, e
	}
	if header == "" {
		e := exceptionf(codeAuthFailed, "Authentication failed: there is no password; use the tenant's id as the user and a key as the password")
		e.status, e.auth = http.StatusUnauthorized, true
		return tenant.Principal{}, e
	}
	// What decides about keys sees a request without query and body: a key stands in its usual place.
	ar := c.r.Clone(c.r.Context())
	ar.Header.Del("X-Weir-Key")
	ar.Header.Set("Authorization", header)
	ar.URL = &url.URL{Path: "/"}
	ar.RequestURI = "/"
	ar.Body = http.NoBody
	who, p := c.port.cfg.Auth.Authenticate(ar)
	if p != nil {
		e := exceptionOf(p)
		if e.code == codeAuthFailed {
			e.text = shown(user) + ": Authentication failed: password is incorrect, or there is no user with such name: " + e.text
		}
		return who, e
	}
	c.r = c.r.WithContext(tenant.WithStanding(c.r.Context(), tenant.Standing{Check: func() (tenant.Principal, *problem.Problem) { return c.port.cfg.Auth.Authenticate(ar) }}))
	switch {
	case who.Tenant == "":
		return who, exceptionf(codeAuthFailed, "%s: Authentication failed: the operator must name a tenant as the user", shown(user))
	case user != "" && user != "default" && user != string(who.Tenant):
		return who, exceptionf(codeAuthFailed, "%s: Authentication failed: password is incorrect, or there is no user with such name: the user is the id of the tenant that the key belongs to", shown(user))
	}
	return who, nil
}

func shown(user string) string {
	if user == "" {
		return "default"
	}
	return cutText(strings.ToValidUTF8(user, ""), 64)
}

// parse reads everything but the body.
func (c *call) parse() *exception {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return exceptionf(codeBadArguments, "the URL's parameters cannot be read: %s", strings.TrimPrefix(err.Error(), "net/url: "))
	}
	who, e := c.authenticate(q)
	if e != nil {
		return e
	}
	c.q = request{who: who, params: map[string]string{}, settings: map[string]string{}, queryID: q.Get("query_id"), format: c.r.Header.Get(clickhouse.HeaderFormat)}
	if c.q.queryID == "" {
		c.q.queryID = c.r.Header.Get(clickhouse.HeaderQueryID)
	}
	if c.q.queryID == "" {
		c.q.queryID = uuid.NewString()
	}
	if len(c.q.queryID) > maxQueryID || strings.ContainsFunc(c.q.queryID, func(r rune) bool { return r < ' ' || r > '~' }) {
		c.q.queryID = ""
		return exceptionf(codeBadArguments, "query_id must have at most %d printable ASCII characters", maxQueryID)
	}
	if c.q.format == "" {
		c.q.format = q.Get("default_format")
	}
	if c.q.format == "" {
		c.q.format = "TabSeparated"
	}
	for _, db := range []string{c.r.Header.Get(clickhouse.HeaderDatabase), q.Get("database")} {
		if lower := strings.ToLower(db); lower == "system" || lower == "information_schema" {
			c.q.db = lower
		} else if e := c.q.database(db); e != nil {
			return e
		}
	}
	if e := c.q.form(c.r, q, c.port.cfg.MaxHeld); e != nil {
		return e
	}
	c.q.sql = q.Get("query")
	_, isForm := c.formBoundary()
	for name, values := range q {
		if isForm && externalField(name) {
			return externalTable(fmt.Sprintf("the URL has %s", cutText(name, 64)))
		}
		if e := c.q.parameter(name, values[len(values)-1]); e != nil {
			return e
		}
	}
	return nil
}

// database refuses databases other than the tenant's own. There is no session that would remember another one.
func (q *request) database(name string) *exception {
	if name == "" || name == "default" || name == string(q.who.Tenant) {
		return nil
	}
	return exceptionf(codeUnknownDatabase, "Database %s does not exist: there is one, named %s like the tenant (default means it too)", cutText(name, 64), q.who.Tenant)
}

// form reads the parameters about compression and buffering.
func (q *request) form(r *http.Request, v url.Values, maxHeld int) *exception {
	number := func(name string, limit int) (int, *exception) {
		text := v.Get(name)
		if text == "" {
			return 0, nil
		}
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return 0, exceptionf(codeBadArguments, "%s must be a number, not %q", name, cutText(text, 40))
		}
		return int(min(n, uint64(limit))), nil
	}
	var e *exception
	if q.version, e = number("client_protocol_version", 1<<30); e != nil {
		return e
	}
	if q.held, e = number("buffer_size", maxHeld); e != nil {
		return e
	}
	q.whole = on(v.Get("wait_end_of_query"))
	if on(v.Get("compress")) {
		q.frames = strings.ToUpper(v.Get("network_compression_method"))
		if q.frames == "" {
			q.frames = "LZ4"
		}
		if _, ok := frameMethods[q.frames]; !ok {
			return exceptionf(codeBadArguments, "network_compression_method %q is not one of LZ4, LZ4HC, ZSTD, NONE", cutText(q.frames, 40))
		}
	}
	if on(v.Get("enable_http_compression")) {
		q.coding = chooseCoding(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	}
	return nil
}

// on reads a switch as ClickHouse does.
func on(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

// parameter takes one parameter of the URL, or field of a form.
func (q *request) parameter(name, value string) *exception {
	if p, ok := strings.CutPrefix(name, "param_"); ok {
		if !paramName.MatchString(p) || len(q.params) >= maxParams {
			return exceptionf(codeBadArguments, "%q cannot name a parameter, or there are more than %d", cutText(p, 64), maxParams)
		}
		q.params[p] = value
		return nil
	}
	if !settingName.MatchString(name) {
		return exceptionf(codeUnknownSetting, "%q is not the name of a setting", cutText(name, 64))
	}
	return q.setting(name, value)
}

// readBody reads the statement, or the rest of it, from the body. data says that an INSERT's rows follow and were not read.
func (c *call) readBody() *exception {
	if c.r.Method == http.MethodGet {
		return nil
	}
	if isInsert(c.q.sql) {
		return nil // the body is its data
	}
	body, e := decodeBody(c.r, on(c.r.URL.Query().Get("decompress")))
	if e != nil {
		return e
	}
	defer body.Close()
	if boundary, ok := c.formBoundary(); ok {
		return c.readForm(multipart.NewReader(body, boundary))
	}
	text, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return bodyError(err)
	}
	if len(text) > maxBody {
		return tooLong()
	}
	if c.q.sql != "" && len(text) > 0 {
		c.q.sql += "\n"
	}
	c.q.sql += string(text)
	return nil
}

// formBoundary says whether the body is a form, and what stands between its parts.
func (c *call) formBoundary() (boundary string, ok bool) {
	kind, args, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	return args["boundary"], err == nil && kind == "multipart/form-data"
}

// externalField says whether a parameter describes an external table, as NAME_structure, NAME_types and NAME_format do, and is no setting.
func externalField(name string) bool {
	if known()[name] || listed(protocol, name) {
		return false
	}
	for _, suffix := range []string{"_structure", "_types", "_format"} {
		if table, ok := strings.CutSuffix(name, suffix); ok && table != "" {
			return true
		}
	}
	return false
}

// externalTable refuses an external table: one whose rows come with the statement.
func externalTable(what string) *exception {
	return exceptionf(codeNotImplemented, "external tables are not supported (%s): upload the rows as a lookup table (PUT /api/v1/tenants/TENANT/lookups/NAME of weir's API) and join it,"+
		" or write few values into the statement or a parameter, e.g. {ids:Array(String)}", what)
}

func tooLong() *exception {
	return exceptionf(codeQueryTooLarge, "the request's body has more than %d bytes", maxBody)
}

func bodyError(err error) *exception {
	var e *exception
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, errTooMuch) {
		return tooLong()
	}
	return exceptionf(codeCannotDecompress, "the request's body cannot be read: %v", err)
}

// Error makes an exception an error, so that a reader may return it.
func (e *exception) Error() string { return e.text }

// readForm reads a form: the statement in the field query, parameters in param_*. External tables are refused.
func (c *call) readForm(form *multipart.Reader) *exception {
	total := 0
	for {
		part, err := form.NextPart()
		if err == io.EOF { // a wrapped one says that the form is cut off
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		name := part.FormName()
		if part.FileName() != "" && name != "query" && !strings.HasPrefix(name, "param_") {
			return externalTable(fmt.Sprintf("the form has the file %q", cutText(name, 64)))
		}
		if externalField(name) {
			return externalTable(fmt.Sprintf("the form has %s", cutText(name, 64)))
		}
		text, err := io.ReadAll(io.LimitReader(part, int64(maxBody-total)+1))
		if err != nil {
			return bodyError(err)
		}
		if total += len(text); total > maxBody {
			return tooLong()
		}
		if name == "query" {
			c.q.sql += string(text)
			continue
		}
		if e := c.q.parameter(name, string(text)); e != nil {
			return e
		}
	}
}
