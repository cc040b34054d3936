//go:build clients

// Package clients runs the clients that people use for ClickHouse, and SDKs of other products, unmodified, against a real weir. Each is a program of its own that
// prints a line for each step; the tests here know what must come of it. Versions are pinned: go.sum, package-lock.json, requirements.txt, pom.xml.
package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/test/system/harness"
)

// tenantID is the tenant whose events the clients read.
const tenantID = "acme"

// target is a weir with 200 events, and the environment that tells a client of it.
type target struct {
	url, key string
	env      []string
}

func start(t *testing.T) target {
	t.Helper()
	s := harness.StartT(t, harness.Config{ClickHouse: "auto"})
	post := func(key, path, body string) map[string]any {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %d %v %v", path, resp.StatusCode, out, err)
		}
		return out
	}
	post(harness.AdminToken, "/api/v1/tenants", `{"id":"`+tenantID+`","name":"Acme"}`)
	key := post(harness.AdminToken, "/api/v1/tenants/"+tenantID+"/keys", `{"role":"analyst","name":"clients"}`)["key"].(string)
	source := post(harness.AdminToken, "/api/v1/tenants/"+tenantID+"/sources", `{"id":"web"}`)
	var events strings.Builder
	for i := range 200 {
		typ := "click"
		if i%2 == 1 {
			typ = "view"
		}
		fmt.Fprintf(&events, `{"type":%q,"client_id":"c%d","props":{"plan":"p%d","amount":%d.5}}`+"\n", typ, i%20, i%3, i)
	}
	token := post(source["write_key"].(string), "/ingest", events.String())["token"].(string)
	post(key, "/api/v1/query", `{"sql":"SELECT count() FROM events","min_token":"`+token+`"}`)
	u, err := url.Parse(s.ClickHouse())
	if err != nil {
		t.Fatal(err)
	}
	return target{s.ClickHouse(), key, []string{"CH_HOST=" + u.Hostname(), "CH_PORT=" + u.Port(), "CH_USER=" + tenantID, "CH_KEY=" + key}}
}

// need returns the path of a program. In CI one that is missing is a failure, elsewhere the test is skipped.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", strings.Join(names, " or "))
	}
	t.Skipf("%s is not installed", strings.Join(names, " or "))
	return ""
}

// cache is a directory of the build's cache that holds what a client needs.
func cache(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, ".cache", "clients", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// once runs steps when the files that they depend on differ from those of the last time.
func once(t *testing.T, dir string, files []string, steps ...*exec.Cmd) {
	t.Helper()
	var want bytes.Buffer
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want.Write(b)
	}
	mark := filepath.Join(dir, "fetched")
	if got, err := os.ReadFile(mark); err == nil && bytes.Equal(got, want.Bytes()) {
		return
	}
	for _, c := range steps {
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, out)
		}
	}
	if err := os.WriteFile(mark, want.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	return c
}

// run runs a client and returns what came of each step.
func run(t *testing.T, x target, c *exec.Cmd) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c = exec.CommandContext(ctx, c.Path, c.Args[1:]...)
	c.Env = append(os.Environ(), x.env...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", filepath.Base(c.Path), err, out, stderr.String())
	}
	got := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if step, value, ok := strings.Cut(lines.Text(), "\t"); ok {
			got[step] = value
		} else {
			t.Errorf("the client printed %q", lines.Text())
		}
	}
	return got
}

// check compares what came of the steps of each mode. want are regular expressions of the whole value.
func check(t *testing.T, got map[string]string, modes []string, want, alone map[string]string) {
	t.Helper()
	expect := map[string]string{}
	for _, m := range modes {
		for step, w := range want {
			expect[m+"/"+step] = w
		}
	}
	for step, w := range alone {
		expect[step] = w
	}
	for step, w := range expect {
		v, ok := got[step]
		if !ok {
			t.Errorf("%s: the client did not come to it", step)
		} else if !regexp.MustCompile("^(?:" + w + ")$").MatchString(v) {
			t.Errorf("%s: got %s, want %s", step, v, w)
		}
	}
	var more []string
	for step := range got {
		if _, ok := expect[step]; !ok {
			more = append(more, step)
		}
	}
	slices.Sort(more)
	if len(more) > 0 {
		t.Errorf("steps that nothing is expected of: %v", more)
	}
}

const (
	insertRefused = `.*344.*POST /ingest.*SUPPORT_IS_DISABLED.*`
	noTable       = `.*60.*there is no relation nothing.*`
	many          = `\[300000, ?44999850000\]`
)

func TestGo(t *testing.T) {
	x := start(t)
	bin := filepath.Join(t.TempDir(), "goclient")
	build := command("goclient", "go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	check(t, run(t, x, exec.Command(bin)), []string{"none", "lz4", "zstd", "gzip", "deflate", "br"}, map[string]string{
		"ping": `"ok"`, "version": `"weir 25.8.1"`, "count": `\[200,20\]`, "bound": "100", "params": "100", "many": many, "empty": "0", "tables": `\["events","rollup_hour_audience","rollup_hour_page","rollup_minute","sessions"\]`,
		"types": regexp.QuoteMeta(`["UInt8=1","Int64=-2","Float64=1.5","String=\"text\"","FixedString(2)=\"ab\"","Date=\"2026-03-09T00:00:00Z\"",` +
			`"DateTime64(3, 'UTC')=\"2026-03-09T10:11:12.345Z\"","Decimal(18, 2)=\"1.25\"","Nullable(String)=null","Array(UInt8)=\"AQID\"","Map(String, UInt8)={\"a\":1}",` +
			`"Tuple(UInt8, String)=[1,\"b\"]","LowCardinality(String)=\"low\"","Array(LowCardinality(String))=[\"x\"]","UUID=\"61f0c404-5cb3-11e7-907b-a6006ad3dba0\"",` +
			`"IPv4=\"1.2.3.4\"","Bool=true","Enum8('a' = 1, 'b' = 2)=\"b\""]`),
		"unknown table": `"code 60: .*`, "wrong key": `"code 516: .*`, "insert": `"code 344: .*`, "limit": `"code 396: .*max_result_rows = 10.*`,
	}, nil)
}

func TestNode(t *testing.T) {
	node, npm := need(t, "node"), need(t, "npm")
	x := start(t)
	dir := cache(t, "node")
	for _, f := range []string{"package.json", "package-lock.json", ".npmrc", "client.mjs"} {
		b, err := os.ReadFile(filepath.Join("node", f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	once(t, dir, []string{"node/package-lock.json"}, command(dir, npm, "ci", "--no-audit", "--no-fund"))
	check(t, run(t, x, exec.Command(node, filepath.Join(dir, "client.mjs"))), []string{"plain", "gzip"}, map[string]string{
		"ping": "true", "ping select": "true", "count": `\[\{"n":200,"u":20\}\]`, "params": `\[\{"n":100\}\]`,
		"json": regexp.QuoteMeta(`[[{"name":"a","type":"UInt8"},{"name":"b","type":"Array(UInt8)"}],[{"a":1,"b":[1,2]}],1]`), "csv": `"\\"a\\",\\"b\\"\\n1,\\"x\\"\\n"`,
		"stream": `\[200000,19999900000\]`, "settings": `\[\{"t":"1970-01-01T00:00:00Z"\}\]`, "summary": `\["id-\w+","JSONEachRow","id-\w+"\]`, "command": `"string"`,
		"unknown table": `"UNKNOWN_TABLE 60: .*`, "unknown setting": `"UNKNOWN_SETTING 115: .*no_such_setting.*`, "insert": `"SUPPORT_IS_DISABLED 344: .*POST /ingest.*`,
		"tables": `\[\{"name":"events"\},\{"name":"rollup_hour_audience"\},\{"name":"rollup_hour_page"\},\{"name":"rollup_minute"\},\{"name":"sessions"\}\]`, "abort": `".*aborted.*"`,
	}, map[string]string{"wrong key": `"AUTHENTICATION_FAILED 516: .*`, "other database": `"UNKNOWN_DATABASE 81: .*`})
}

func TestPython(t *testing.T) {
	python := need(t, "python3")
	x := start(t)
	dir := cache(t, "python")
	own := filepath.Join(dir, "bin", "python")
	once(t, dir, []string{"python/requirements.txt"}, command(".", python, "-m", "venv", "--clear", dir), command(".", own, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", "python/requirements.txt"))
	check(t, run(t, x, exec.Command(own, "python/client.py")), []string{"lz4", "zstd", "gzip", "none", "form"}, map[string]string{
		"ping": "true", "server": `\["25.8.1.1", "UTC", 54405\]`, "count": `\[\[200, 20\]\]`, "params": `\[\[100\]\]`, "many": many, "large": `\[20000, 20000000\]`, "columns of none": `\["type", "ts"\]`,
		"types":   regexp.QuoteMeta(`[[1, -2, 1.5, "text", "2026-03-09", "2026-03-09 10:11:12.345000", "1.25", null, [1, 2], {"a": 1}, [1, "b"], "low", ["x"], "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "1.2.3.4", true]]`),
		"command": "200", "raw": `"\\"a\\",\\"b\\"\\n1,\\"x\\"\\n"`, "settings": `\[\[1\]\]`,
		"superset":      regexp.QuoteMeta(`["acme", [["acme"]], [["events"], ["rollup_hour_audience"], ["rollup_hour_page"], ["rollup_minute"], ["sessions"]], ["name", "type", "default_type"], [["events"], ["rollup_hour_audience"], ["rollup_hour_page"], ["rollup_minute"], ["sessions"]]]`),
		"unknown table": noTable, "insert": insertRefused,
	}, map[string]string{"wrong key": `".*code: 516.*`, "other database": `".*code: 81.*`})
}

func TestJDBC(t *testing.T) {
	java, mvn := need(t, "java"), need(t, "mvn")
	x := start(t)
	dir := cache(t, "java")
	once(t, dir, []string{"java/pom.xml"}, command("java", mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+dir))
	check(t, run(t, x, exec.Command(java, "-cp", filepath.Join(dir, "*"), "java/Client.java")), []string{"lz4", "none", "http", "metabase"}, map[string]string{
		"valid": "true", "version": `"25.8.1.1"`, "count": `\["UInt64=200","UInt64=20"\]`, "prepared": "100", "many": `\[300000,44999850000\]`, "schemas": `\["acme"\]`,
		"types": regexp.QuoteMeta(`["UInt8=1","Int64=-2","Float64=1.5","String=text","Date=2026-03-09","DateTime64(3, 'UTC')=2026-03-09 10:11:12.345","Decimal(18, 2)=1.25",` +
			`"Nullable(String)=null","LowCardinality(String)=low","UUID=61f0c404-5cb3-11e7-907b-a6006ad3dba0","Bool=true","Array(UInt8)=[1, 2]","Map(String, UInt8)={a=1}"]`),
		"tables": `\["events","rollup_hour_audience","rollup_hour_page","rollup_minute","sessions"\]`, "columns": `\["site_id","ts","received_at"\]`, "max rows": "5", "zone": `\["String=UTC"\]`,
		"unknown table": `"SQLException 60: Code: 60\. .*`, "insert": `"SQLException 344: Code: 344\. .*`,
	}, map[string]string{"wrong key": `"SQLException 516: .*`})
}

// TestCurl is what people at a terminal do.
func TestCurl(t *testing.T) {
	curl := need(t, "curl")
	x := start(t)
	base := strings.Replace(x.url, "http://", "http://"+tenantID+":"+x.key+"@", 1)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"query":  {[]string{base + "/?query=SELECT+1"}, "1\n"},
		"body":   {[]string{base + "/", "-d", "SELECT count() FROM events FORMAT CSVWithNames"}, "\"count()\"\n200\n"},
		"param":  {[]string{base + "/?param_t=view", "-d", "SELECT count() FROM events WHERE type = {t:String}"}, "100\n"},
		"form":   {[]string{base + "/", "-F", "query=SELECT {x:UInt8} + 1", "-F", "param_x=3"}, "4\n"},
		"packed": {[]string{"--compressed", base + "/?enable_http_compression=1&default_format=JSONEachRow", "-d", "SELECT 1 AS a"}, "{\"a\":1}\n"},
		"pretty": {[]string{base + "/", "-d", "SELECT 1 AS a FORMAT PrettyCompact"}, "   ┌─a─┐\n1. │ 1 │\n   └───┘\n"},
		"ping":   {[]string{x.url + "/ping"}, "Ok.\n"},
	} {
		out, err := exec.Command(curl, append([]string{"-sS"}, c.args...)...).Output()
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %q, %v; want %q", name, out, err, c.want)
		}
	}
}
