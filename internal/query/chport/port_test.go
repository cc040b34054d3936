package chport

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/problem"
	"weir/internal/tenant"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestAuthentication(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(r *http.Request)
		query  string
		status int
		code   int
	}{
		"basic":        {func(r *http.Request) { r.SetBasicAuth("acme", "KEY") }, "", 200, 0},
		"default user": {func(r *http.Request) { r.SetBasicAuth("default", "KEY") }, "", 200, 0},
		"no user":      {func(r *http.Request) { r.SetBasicAuth("", "KEY") }, "", 200, 0},
		"bearer":       {func(r *http.Request) { r.Header.Set("Authorization", "Bearer KEY") }, "", 200, 0},
		"headers": {func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", "acme")
			r.Header.Set("X-ClickHouse-Key", "KEY")
		}, "", 200, 0},
		"url":                       {func(*http.Request) {}, "user=acme&password=KEY", 200, 0},
		"operator":                  {func(r *http.Request) { r.SetBasicAuth("acme", "OPERATOR") }, "", 200, 0},
		"operator without a tenant": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer OPERATOR") }, "", 403, 516},
		"another's user":            {func(r *http.Request) { r.SetBasicAuth("victim", "KEY") }, "", 403, 516},
		"another's user in headers": {func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", "victim")
			r.Header.Set("X-ClickHouse-Key", "KEY")
		}, "", 403, 516},
		"another's user with a bearer": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer KEY") }, "user=victim", 403, 516},
		"wrong key":                    {func(r *http.Request) { r.SetBasicAuth("acme", "nope") }, "", 403, 516},
		"nothing":                      {func(*http.Request) {}, "", 401, 516},
		"user without password":        {func(r *http.Request) { r.SetBasicAuth("acme", "") }, "", 401, 516},
		"the key as user":              {func(r *http.Request) { r.SetBasicAuth("KEY", "") }, "", 401, 516},
	} {
		a := &fakeAsker{}
		p, auth := newPort(t, a)
		r := httptest.NewRequest("POST", "/?"+c.query, strings.NewReader("SELECT 1"))
		c.set(r)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if c.code != 0 {
			wantException(t, name, w, c.status, c.code, "Authentication failed")
			if len(a.got) > 0 {
				t.Errorf("%s: it was asked", name)
			}
			if (w.Header().Get("WWW-Authenticate") != "") != (c.status == 401) {
				t.Errorf("%s: WWW-Authenticate %q", name, w.Header().Get("WWW-Authenticate"))
			}
			if strings.Contains(w.Body.String(), "nope") || strings.Contains(w.Body.String(), "KEY") {
				t.Errorf("%s: the key is in the answer: %s", name, w.Body)
			}
			continue
		}
		if w.Code != 200 || a.last().Who.Tenant != "acme" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		for _, seen := range auth.seen { // nothing that logs requests may find a key there
			if seen.URL.RawQuery != "" || strings.Contains(seen.RequestURI, "KEY") {
				t.Errorf("%s: the authentication sees %s", name, seen.RequestURI)
			}
		}
	}
}

// The same may stand at several places; where two say something else it would be chance who asks.
func TestCredentialsAtSeveralPlaces(t *testing.T) {
	const headers, authorization, inURL = "the headers X-ClickHouse-User and X-ClickHouse-Key", "the header Authorization", "user and password in the URL"
	bearer, own, victim := []string{"Authorization", "Bearer KEY"}, []string{"X-ClickHouse-User", "acme", "X-ClickHouse-Key", "KEY"}, []string{"X-ClickHouse-User", "victim", "X-ClickHouse-Key", "OTHER"}
	for name, c := range map[string]struct {
		header []string // added one by one
		query  string
		places []string // named by the refusal; none: it is answered
	}{
		"headers and Basic":                        {append([]string{"Authorization", basic("acme", "KEY")}, own...), "", nil},
		"headers and Bearer":                       {append(bearer, own...), "", nil},
		"headers and URL":                          {own, "user=acme&password=KEY", nil},
		"everywhere":                               {append(bearer, own...), "user=acme&password=KEY", nil},
		"headers, default in the URL":              {own, "user=default", nil},
		"user in the headers, password in the URL": {[]string{"X-ClickHouse-User", "acme"}, "password=KEY", nil},
		"Basic without a password, the URL's":      {[]string{"Authorization", basic("acme", "")}, "user=acme&password=KEY", nil},
		"twice the same":                           {append(own, own...), "user=acme&password=KEY&user=acme&password=KEY", nil},

		"another key in Bearer":                    {append([]string{"Authorization", "Bearer OTHER"}, own...), "", []string{headers, authorization}},
		"another key in the headers":               {append(bearer, victim...), "", []string{headers, authorization}},
		"another user in Basic":                    {append([]string{"Authorization", basic("victim", "KEY")}, own...), "", []string{headers, authorization}},
		"another scheme":                           {append([]string{"Authorization", "Digest KEY"}, own...), "", []string{headers, authorization}},
		"another password in the URL":              {own, "user=acme&password=OTHER", []string{headers, inURL}},
		"another user in the URL":                  {own, "user=victim", []string{headers, inURL}},
		"Bearer, another password in the URL":      {bearer, "password=OTHER", []string{authorization, inURL}},
		"Basic, another user in the URL":           {[]string{"Authorization", basic("acme", "KEY")}, "user=victim&password=KEY", []string{authorization, inURL}},
		"another user in the headers, without key": {[]string{"Authorization", basic("acme", "KEY"), "X-ClickHouse-User", "victim"}, "", []string{headers, authorization}},
		"Authorization twice":                      {append([]string{"Authorization", "Bearer OTHER"}, bearer...), "", []string{"the header Authorization is given twice"}},
		"key twice":                                {append([]string{"X-ClickHouse-Key", "OTHER"}, own...), "", []string{"the header X-ClickHouse-Key is given twice"}},
		"user twice":                               {append([]string{"X-ClickHouse-User", "victim"}, own...), "", []string{"the header X-ClickHouse-User is given twice"}},
		"password twice in the URL":                {nil, "user=acme&password=KEY&password=OTHER", []string{"password is given twice in the URL"}},
		"user twice in the URL":                    {nil, "user=acme&password=KEY&user=victim", []string{"user is given twice in the URL"}},
	} {
		a := &fakeAsker{}
		p, _ := newPort(t, a)
		r := httptest.NewRequest("POST", "/?"+c.query, strings.NewReader("SELECT 1"))
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Add(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if len(c.places) == 0 {
			if w.Code != 200 || a.last().Who.Tenant != "acme" {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
			continue
		}
		for _, place := range c.places {
			wantException(t, name, w, 403, codeAuthFailed, place)
		}
		if len(a.got) > 0 || strings.Contains(w.Body.String(), "OTHER") {
			t.Errorf("%s: asked %d times, %s", name, len(a.got), w.Body)
		}
	}
	// A user that only another place names counts, also behind one that means nobody.
	for _, user := range []string{"", "default"} {
		p, _ := newPort(t, &fakeAsker{})
		r := httptest.NewRequest("POST", "/?user=victim", strings.NewReader("SELECT 1"))
		r.Header.Set("X-ClickHouse-Key", "KEY")
		r.Header.Set("X-ClickHouse-User", user)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		wantException(t, "user in the URL, key in a header", w, 403, codeAuthFailed, "victim: Authentication failed")
	}
}

func basic(user, key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+key))
}

// Whoever answers can ask again who it is for, as long as the answer goes on.
func TestStanding(t *testing.T) {
	for _, key := range []string{"KEY", "OPERATOR"} {
		a := &fakeAsker{}
		p, auth := newPort(t, a)
		r := httptest.NewRequest("POST", "/", strings.NewReader("SELECT 1"))
		r.SetBasicAuth("acme", key)
		p.ServeHTTP(httptest.NewRecorder(), r)
		before := len(auth.seen)
		who, prob := tenant.StandingOf(a.ctx).Check()
		if prob != nil || who != a.last().Who || who.Tenant != "acme" || len(auth.seen) != before+1 {
			t.Errorf("%s: %+v, %v; authenticated %d times", key, who, prob, len(auth.seen))
		}
	}
}

func TestRole(t *testing.T) {
	p := realPort(t)
	w := do(p, "POST", "/", "SELECT 1", "Authorization", "Bearer VIEWER")
	wantException(t, "viewer", w, 403, codeAccessDenied, "role analyst")
}

func TestPaths(t *testing.T) {
	p, _ := newPort(t, &fakeAsker{})
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/ping", 200, "Ok.\n"}, {"HEAD", "/ping", 200, "Ok.\n"}, {"GET", "/replicas_status", 200, "Ok.\n"}, {"POST", "/ping", 405, "use GET\n"},
		{"GET", "/", 200, "Ok.\n"}, {"HEAD", "/", 200, "Ok.\n"}, {"PUT", "/", 405, "use GET or POST\n"},
		{"GET", "/play", 404, "There is no handle /play\n\nUse / for queries and /ping for health checks.\n"},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("X-ClickHouse-Server-Display-Name") != "weir" {
			t.Errorf("%s %s: %d %q", c.method, c.path, w.Code, w.Body)
		}
	}
}

func TestQuestion(t *testing.T) {
	a := &fakeAsker{}
	p, _ := newPort(t, a)
	w := do(p, "POST", "/?query=SELECT+{x:UInt8},&param_x=3&query_id=q-1&database=acme&default_format=CSV&session_id=s&quota_key=k&role=a&role=b&max_execution_time=5"+
		"&session_timezone=Asia/Tokyo&wait_end_of_query=1&select_sequential_consistency=1&send_progress_in_http_headers=1&async_insert=1&output_format_json_quote_64bit_integers=1",
		"2 SETTINGS max_threads=2, extremes=1 FORMAT JSONEachRow;")
	q := a.last()
	if w.Code != 200 || q.SQL != "SELECT {x:UInt8},\n2" || q.Format != "JSONEachRow" || q.QueryID != "q-1" || !q.AnyFormat || q.Door != "clickhouse" {
		t.Errorf("%d %s: %+v", w.Code, w.Body, q)
	}
	if d := cmp.Diff(map[string]string{"x": "3"}, q.Params); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"max_execution_time": "5", "session_timezone": "Asia/Tokyo", "max_threads": "2", "extremes": "1", "output_format_json_quote_64bit_integers": "1"}, q.Settings); d != "" {
		t.Error(d)
	}
	want := map[string]string{"X-ClickHouse-Query-Id": "q-1", "X-ClickHouse-Format": "JSONEachRow", "X-ClickHouse-Timezone": "Asia/Tokyo", "X-ClickHouse-Server-Display-Name": "weir",
		"Content-Type": "application/x-ndjson", "X-Weir-As-Of": "2027-01-15T08:00:00.000Z"}
	for name, v := range want {
		if w.Header().Get(name) != v {
			t.Errorf("%s is %q, want %q", name, w.Header().Get(name), v)
		}
	}
	var sum map[string]string // every value is a string
	if err := json.Unmarshal([]byte(w.Header().Get("X-ClickHouse-Summary")), &sum); err != nil || sum["read_rows"] != "3" || sum["elapsed_ns"] != "5" {
		t.Errorf("summary %v, %v", sum, err)
	}
	if !strings.Contains(w.Header().Get("X-Weir-Cost"), `"cpu_seconds":2`) {
		t.Errorf("cost %q", w.Header().Get("X-Weir-Cost"))
	}
	if a.closed == 0 {
		t.Error("the answer was not closed")
	}
}

func TestFormatPrecedence(t *testing.T) {
	for _, c := range []struct{ url, header, sql, want string }{
		{"/", "", "SELECT 1", "TabSeparated"}, {"/?default_format=CSV", "", "SELECT 1", "CSV"}, {"/?default_format=CSV", "JSON", "SELECT 1", "JSON"},
		{"/?default_format=CSV", "JSON", "SELECT 1 FORMAT Native", "Native"},
	} {
		a := &fakeAsker{}
		p, _ := newPort(t, a)
		do(p, "POST", c.url, c.sql, "X-ClickHouse-Format", c.header)
		if a.last().Format != c.want {
			t.Errorf("%+v: %s", c, a.last().Format)
		}
	}
}

func TestForm(t *testing.T) {
	a := &fakeAsker{}
	p, _ := newPort(t, a)
	form := func(fields ...string) (string, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := 0; i+1 < len(fields); i += 2 {
			if name, file := strings.CutPrefix(fields[i], "@"); file {
				f, _ := w.CreateFormFile(name, "data.csv")
				_, _ = f.Write([]byte(fields[i+1]))
				continue
			}
			_ = w.WriteField(fields[i], fields[i+1])
		}
		_ = w.Close()
		return b.String(), w.FormDataContentType()
	}
	body, kind := form("query", "SELECT {x:String}", "param_x", "a\tb", "max_threads", "1")
	w := do(p, "POST", "/", body, "Content-Type", kind)
	if q := a.last(); w.Code != 200 || q.SQL != "SELECT {x:String}" || q.Params["x"] != "a\tb" || q.Settings["max_threads"] != "1" {
		t.Errorf("%d %s: %+v", w.Code, w.Body, q)
	}
	body, kind = form("query", "SELECT * FROM ext", "@ext", "1\n2\n")
	for _, target := range []string{"/", "/?ext_structure=x+UInt8", "/?ext_types=UInt8&ext_format=TSV", "/?ext_format=CSV"} {
		w := do(p, "POST", target, body, "Content-Type", kind)
		wantException(t, "external table "+target, w, 400, codeNotImplemented, "external tables are not supported")
		if !strings.Contains(w.Body.String(), "lookup table") || !strings.Contains(w.Body.String(), "{ids:Array(String)}") {
			t.Errorf("%s: what to do instead is not said: %s", target, w.Body)
		}
	}
	field, fields := form("query", "SELECT * FROM ext", "ext_structure", "x UInt8")
	wantException(t, "external table of fields", do(p, "POST", "/", field, "Content-Type", fields), 400, codeNotImplemented, "the form has ext_structure")
	wantException(t, "no external table", do(p, "POST", "/?ext_structure=x", "SELECT 1"), 404, codeUnknownSetting, "ext_structure")
	field, fields = form("query", "SELECT 1")
	if w := do(p, "POST", "/?default_format=CSV&output_format_json_quote_64bit_integers=1", field, "Content-Type", fields); w.Code != 200 {
		t.Errorf("a form without an external table: %d %s", w.Code, w.Body)
	}
	wantException(t, "broken form", do(p, "POST", "/", body[:40], "Content-Type", kind), 400, codeCannotDecompress, "cannot be read")
}

// TestRefusedHere are requests that are refused before anything is asked.
func TestRefusedHere(t *testing.T) {
	a := &fakeAsker{}
	p, _ := newPort(t, a)
	for _, c := range []struct {
		url, sql     string
		status, code int
		text         string
	}{
		{"/?database=victim", "SELECT 1", 404, codeUnknownDatabase, "named acme"},
		{"/?no_such=1", "SELECT 1", 404, codeUnknownSetting, "no_such"},
		{"/?max_thread=1", "SELECT 1", 404, codeUnknownSetting, "max_threads"},
		{"/", "SELECT 1 SETTINGS no_such=1", 404, codeUnknownSetting, "no_such"},
		{"/?additional_table_filters=x", "SELECT 1", 400, codeConstraint, "additional_table_filters"},
		{"/", "SELECT 1 SETTINGS additional_result_filter='1'", 400, codeConstraint, "additional_result_filter"},
		{"/?output_format_schema=/etc/passwd", "SELECT 1", 400, codeConstraint, "output_format_schema"},
		{"/?format_template_resultset=/etc/passwd", "SELECT 1", 400, codeConstraint, "format_template_resultset"},
		{"/?allow_ddl=1", "SELECT 1", 400, codeConstraint, "allow_ddl"},
		{"/?session_timezone=x'y", "SELECT 1", 400, codeBadArguments, "time zone"},
		{"/?max_execution_time=1s", "SELECT 1", 400, codeBadArguments, "0.5 (seconds)"},
		{"/?max_memory_usage=lots", "SELECT 1", 400, codeBadArguments, "10M"},
		{"/", "SELECT 1 SETTINGS max_result_rows = -2", 400, codeBadArguments, "max_result_rows"},
		{"/", "SET max_threads = 'x'", 400, codeBadArguments, "or auto"},
		{"/?result_overflow_mode=x", "SELECT 1", 400, codeBadArguments, "throw or break"},
		{"/?client_protocol_version=x", "SELECT 1", 400, codeBadArguments, "number"},
		{"/?compress=1&network_compression_method=rar", "SELECT 1", 400, codeBadArguments, "LZ4"},
		{"/?param_a'=1", "SELECT 1", 400, codeBadArguments, "parameter"},
		{"/?query=%zz", "", 400, codeBadArguments, "parameters"},
		{"/", "", 400, codeSyntax, "empty"},
		{"/", " \n", 400, codeSyntax, "empty"},
		{"/", strings.Repeat("x", maxBody+1), 413, codeQueryTooLarge, "bytes"},
		{"/", "INSERT INTO events VALUES (1)", 400, codeDisabled, "POST /ingest"},
		{"/?query=INSERT+INTO+events+FORMAT+Native", "\x01\x01\x01n\x05UInt8\x01", 400, codeDisabled, "POST /ingest"},
		{"/", "/* x */ -- y\n insert into events format JSONEachRow {\"a\":'", 400, codeDisabled, "POST /ingest"},
		{"/", "DROP TABLE events", 400, codeDisabled, "DROP"},
		{"/", "KILL QUERY WHERE 1", 400, codeDisabled, "KILL"},
		{"/", "USE victim", 404, codeUnknownDatabase, "victim"},
		{"/", "SET no_such = 1", 404, codeUnknownSetting, "no_such"},
		{"/", "SET ROLE admin", 400, codeUnknownRole, "admin"},
		{"/", "SET", 400, codeSyntax, "SET name"},
		{"/?query_id=" + strings.Repeat("x", 300), "SELECT 1", 400, codeBadArguments, "query_id"},
		{"/?query_id=a%0ab", "SELECT 1", 400, codeBadArguments, "query_id"},
	} {
		wantException(t, c.url+" "+cutText(c.sql, 60), do(p, "POST", c.url, c.sql), c.status, c.code, c.text)
	}
	if len(a.got) > 0 {
		t.Errorf("%d were asked, such as %+v", len(a.got), a.got[0])
	}
	for _, want := range []string{"DROP TABLE events", "INSERT INTO events VALUES (1)", "KILL QUERY WHERE 1", "USE victim", "SELECT 1 SETTINGS no_such=1"} {
		if !slices.Contains(a.told, "analyst clickhouse query_refused "+want) {
			t.Errorf("%s is not told to the audit log: %q", want, a.told)
		}
	}
	for _, sql := range []string{"USE acme", "USE `default`", "SET max_threads = 1, session_timezone = 'UTC'", "SET max_memory_usage = '10M', max_threads = 'auto'", "SET ROLE NONE", "set role default"} {
		if w := do(p, "POST", "/", sql); w.Code != 200 || w.Body.Len() > 0 {
			t.Errorf("%s: %d %s", sql, w.Code, w.Body)
		}
	}
}

// TestProblems: what the service says is said in ClickHouse's words.
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		p            *problem.Problem
		status, code int
	}{
		{problem.New(429, "over_limit", "too many bytes").WithLimit("bytes_scanned", 5).WithRetry(1500e6), 429, codeQuota},
		{problem.New(429, "over_limit", "too many at once").WithLimit("concurrent_queries", 5), 429, codeTooManyQueries},
		{problem.New(429, "queue_timeout", "waited"), 429, codeTooManyQueries},
		{problem.New(503, "engine_unavailable", "restarting").WithRetry(2e9), 503, codeNetwork},
		{problem.New(422, "query_too_slow", "slow"), 400, codeTimeout},
		{problem.New(422, "query_memory", "big"), 400, codeMemory},
		{problem.New(422, "over_max_bytes", "big"), 400, codeTooManyBytes},
		{problem.New(422, "too_many_rows_read", "rows"), 400, codeTooManyRows},
		{problem.New(422, "too_many_bytes_read", "bytes"), 400, codeTooManyBytes},
		{problem.New(403, "forbidden", "role"), 403, codeAccessDenied},
		{problem.New(400, "query_refused", "line 1, column 2: the function file is not allowed"), 404, codeUnknownFunction},
		{problem.New(413, "query_too_long", "more than 64 KB"), 413, codeQueryTooLarge},
		{problem.New(400, "unknown_table", "x is not one of your relations"), 404, codeUnknownTable},
		{problem.New(500, "internal", "oops"), 500, codeUnknownException},
		{problem.New(418, "something_new", "new"), 418, codeBadArguments},
	} {
		p, _ := newPort(t, &fakeAsker{problem: c.p})
		w := do(p, "POST", "/", "SELECT 1")
		wantException(t, c.p.Code, w, c.status, c.code, c.p.Detail)
		if (c.status == 429 || c.status == 503) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", c.p.Code, w.Header().Get("Retry-After"))
		}
	}
	e := &problem.Problem{Status: 422, Code: "query_error", Detail: "Illegal types. (ILLEGAL_TYPE_OF_ARGUMENT, code 43)", Engine: 43}
	p, _ := newPort(t, &fakeAsker{problem: e})
	if w := do(p, "POST", "/", "SELECT 1"); w.Code != 400 || w.Body.String() != "Code: 43. DB::Exception: Illegal types. (ILLEGAL_TYPE_OF_ARGUMENT) (version 25.8.1.1 (weir))\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
