package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/audit/chain"
	"weir/internal/auth"
	"weir/internal/catalog"
	"weir/internal/catalog/sqlite"
	"weir/internal/config"
	"weir/internal/httpapi"
	"weir/internal/problem"
	"weir/internal/tenant"
)

var update = flag.Bool("update", false, "rewrite testdata")

// weir runs a command line. The environment is empty but for what the flags' own env tags read.
func weir(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), &Process{Args: args, In: strings.NewReader(stdin), Out: &out, Err: &errs, Abort: t.Context()})
	return code, out.String(), errs.String()
}

const operator = "the-operators-token"

type usage struct{}

func (usage) Usage(_ context.Context, t tenant.ID, from, _ time.Time) ([]httpapi.UsageRow, error) {
	return []httpapi.UsageRow{{Hour: from, Received: 3, Stored: 2, Rejected: 1, Bytes: 99}}, nil
}

func (usage) Conflict(context.Context, tenant.ID) (*httpapi.ConflictExample, error) { return nil, nil }

// deletions hides tenants, and has nothing else to remove.
type deletions struct{ catalog.Catalog }

func (d deletions) DeleteTenant(ctx context.Context, _ tenant.Principal, id tenant.ID, _ *bool) (string, any, error) {
	return "/jobs/abc", map[string]string{"id": "abc", "state": "queued"}, d.Catalog.DeleteTenant(ctx, id)
}

// server runs the control API, and a query handler that records what it is asked.
func server(t *testing.T, query http.HandlerFunc) string {
	t.Helper()
	for _, name := range []string{"WEIR_SERVER", "WEIR_KEY", "WEIR_DATA_DIR", "WEIR_ADMIN_TOKEN"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name) // Setenv puts it back afterwards
	}
	c, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "catalog.db"), Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	a, err := auth.New(auth.Config{Keys: c, OperatorToken: operator})
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := auth.NewPasswords(auth.PasswordConfig{Memory: 8 << 20, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	log, err := chain.Open(t.Context(), chain.Config{Dir: filepath.Join(t.TempDir(), "audit"), Anchors: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	api, err := httpapi.New(httpapi.Config{Catalog: c, Auth: a, Usage: usage{}, Deletions: deletions{c}, Limits: limitsOf{c}, Passwords: passwords, Audit: log, Schema: newSchemas()})
	if err != nil {
		t.Fatal(err)
	}
	if query != nil {
		api.Mux().HandleFunc("POST /api/v1/query", query)
	}
	s := httptest.NewServer(api.Handler())
	t.Cleanup(s.Close)
	return s.URL
}

// limitsOf answers for a tenant that has a query waiting.
type limitsOf struct{ catalog catalog.Catalog }

func (l limitsOf) LimitState(id tenant.ID) httpapi.LimitState {
	t, _ := l.catalog.TenantByID(id)
	return httpapi.LimitState{Limits: t.Limits, CPUSecondsMinute: 12.5, OldestWait: 1.5, WaitsFor: "query.concurrent", WaitsForValue: 32, Events: 4000, Bytes: -1,
		Queries: []httpapi.QueriesState{{Class: "cheap", Running: 3, Waiting: 1, Places: 14}, {Class: "expensive", Running: 1, Places: 1}}}
}

var (
	times = regexp.MustCompile(`20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?Z?)?`)
	ids   = regexp.MustCompile(`([ku])_[A-Z2-7]{12}`)
	keys  = regexp.MustCompile(`wk_([a-z])_[a-z2-7]{32}`)
)

// steady replaces what differs from run to run by something of the same length.
func steady(s string) string {
	s = times.ReplaceAllStringFunc(s, func(m string) string { return strings.Repeat("T", len(m)) })
	s = ids.ReplaceAllString(s, "${1}_IDIDIDIDIDID")
	return keys.ReplaceAllString(s, "wk_${1}_SECRET")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (rewrite with -update): -want +got\n%s", path, d)
	}
}

// A whole session of the operator, as it looks.
func TestSession(t *testing.T) {
	url := server(t, nil)
	var log strings.Builder
	for _, line := range []string{
		"tenant create acme --name Acme --retention 400d --event-bytes 1000",
		"tenant create plain",
		"tenant update plain --region eu --dedupe-keys 5 --events-per-second 1000 --cpu-seconds-per-minute 30 --weight 2",
		"limits --tenant plain",
		"tenant list",
		"tenant show acme",
		"source create acme web --site-id s1 --alias one.example --alias G-1 --hostname *.example.com --time-zone Europe/Berlin --first-day 7",
		"source update acme web --no-aliases --name Web",
		"source update acme web --pseudonymise --query-parameter page --privacy-rule props.email=drop --privacy-rule re:a=[0-9]+=hash --privacy-rule card=keep",
		"source update acme web --no-pseudonymise --cookieless --no-query-parameters --privacy-rule city",
		"source update acme web --no-pseudonymise --cookieless --no-query-parameters --no-privacy-rules",
		"source list acme",
		"source show acme web",
		"key create acme --role analyst --name Ann --expires 90d",
		"key create acme --role writer --source web",
		"key delete acme none",
		"key rotate acme none --overlap 2h",
		"key create OPERATORS --role operator --name Olga",
		"key create acme --role operator",
		"key list OPERATORS",
		"user create acme ann@example.com --role viewer --no-password",
		"user create acme bob@example.com --role viewer",
		"user list acme",
		"mask list acme",
		"mask set acme user_id --action hash",
		"mask set acme user_id --action hide --role viewer",
		"mask set acme user_id --action hash --role viewer",
		"mask set acme user_id --action hide --role viewer",
		"mask set acme props.email --action hide --role analyst",
		"mask set acme props.usr_id --action hide --role viewer",
		"mask set acme usr_idd --action hide",
		"mask delete acme user_id --role analyst",
		"mask list acme",
		"mask delete acme user_id",
		"mask delete acme user_id",
		"mask delete acme props.email",
		"audit list --limit 3",
		"audit verify",
		"schema list --tenant acme",
		"schema list --tenant plain",
		"schema remove --tenant acme",
		"schema remove --tenant acme prise",
		"schema remove --tenant acme price prise path",
		"schema remove --tenant acme --public --format json",
		"schema remove --tenant acme --public",
		"schema list --tenant acme",
		"schema list",
		"key create acme --role boss",
		"key create acme --role viewer --expires tomorrow",
		"key create acme --role viewer --expires=",
		"key create acme --role viewer --name forever --expires never",
		"tenant create acme",
		"tenant create acme --retention 1d",
		"source delete acme web",
		"source show acme web",
		"name show s1",
		"name release s1",
		"name release s1",
		"tenant delete plain",
		"usage --from 2026-01-01T00:00:00Z --to 2026-01-01T01:00:00Z",
		"healthcheck",
	} {
		args := append(strings.Fields(line), "--server", url)
		if !strings.HasPrefix(line, "healthcheck") {
			args = append(args, "--key", operator)
		}
		code, out, errs := weir(t, "", args...)
		log.WriteString("$ weir " + line + "\n" + steady(out+errs))
		if code != 0 {
			log.WriteString("exit " + string(rune('0'+code)) + "\n")
		}
		log.WriteString("\n")
	}
	golden(t, "session.txt", log.String())
}

func TestJSONOutput(t *testing.T) {
	url := server(t, nil)
	code, out, errs := weir(t, "", "tenant", "create", "acme", "--format", "json", "--server", url, "--key", operator)
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got["id"] != "acme" {
		t.Errorf("%d %v %s %s", code, err, out, errs)
	}
	_, out, _ = weir(t, "", "source", "create", "acme", "web", "--format", "json", "--server", url, "--key", operator)
	var source struct {
		WriteKey string `json:"write_key"`
	}
	if err := json.Unmarshal([]byte(out), &source); err != nil || !strings.HasPrefix(source.WriteKey, "wk_w_") {
		t.Errorf("%v %s", err, out)
	}
}

func TestWhichKey(t *testing.T) {
	url := server(t, nil)
	if code, _, errs := weir(t, "", "tenant", "list", "--server", url); code != 1 || !strings.Contains(errs, "no key: give --key") {
		t.Errorf("without a key: %d %s", code, errs)
	}
	dir := t.TempDir()
	if code, _, errs := weir(t, "", "tenant", "list", "--server", url, "--data-dir", dir); code != 1 || !strings.Contains(errs, auth.TokenFile) {
		t.Errorf("without a token file: %d %s", code, errs)
	}
	if err := os.WriteFile(filepath.Join(dir, auth.TokenFile), []byte(operator+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := weir(t, "", "tenant", "list", "--server", url, "--data-dir", dir); code != 0 {
		t.Errorf("with a token file: %d %s", code, errs)
	}
	t.Setenv("WEIR_KEY", "wrong")
	if code, _, errs := weir(t, "", "tenant", "list", "--server", url, "--data-dir", dir); code != 1 || !strings.Contains(errs, "unknown_key") {
		t.Errorf("a key goes before the file: %d %s", code, errs)
	}
	t.Setenv("WEIR_SERVER", url)
	if code, _, errs := weir(t, "", "tenant", "list", "--key", operator); code != 0 {
		t.Errorf("WEIR_SERVER: %d %s", code, errs)
	}
}

func TestQuery(t *testing.T) {
	var asked map[string]any
	var header http.Header
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		asked = nil
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		switch asked["format"] {
		case "JSON":
			_, _ = io.WriteString(w, `{"meta":[{"name":"type","type":"String"},{"name":"n","type":"Nullable(UInt64)"},{"name":"m","type":"Map(String, String)"}],
				"data":[{"type":"a\u001b[31m","n":"12","m":{"k":"v"}},{"type":"long name","n":null,"m":{}}],"rows":2,"statistics":{"elapsed":0.0123,"rows_read":77,"bytes_read":1},"as_of":"now"}`)
		case "CSVWithNames":
			_, _ = io.WriteString(w, "\"a\"\n1\n")
		default:
			problem.New(400, "query_refused", "no such column").Write(w)
		}
	})
	code, out, errs := weir(t, "SELECT 1", "query", "-", "--server", url, "--key", operator, "--tenant", "acme", "--param", "x=1", "--param", "y=a b")
	if code != 0 {
		t.Fatal(errs)
	}
	golden(t, "query.txt", out)
	want := map[string]any{"sql": "SELECT 1", "format": "JSON", "params": map[string]any{"x": "1", "y": "a b"}}
	if d := cmp.Diff(want, asked); d != "" || header.Get(tenant.Header) != "acme" {
		t.Errorf("asked %s, tenant %q", d, header.Get(tenant.Header))
	}
	if _, out, _ := weir(t, "", "query", "SELECT 1", "--format", "csv", "--server", url, "--key", operator); out != "\"a\"\n1\n" {
		t.Errorf("csv is %q", out)
	}
	if code, _, errs := weir(t, "", "query", "SELECT x", "--format", "ndjson", "--server", url, "--key", operator); code != 1 || !strings.Contains(errs, "no such column (query_refused, status 400)") {
		t.Errorf("%d %s", code, errs)
	}
}

// lines is an Out that ends a context when it has n lines.
type lines struct {
	bytes.Buffer
	n      int
	cancel func()
}

func (l *lines) Write(p []byte) (int, error) {
	n, err := l.Buffer.Write(p)
	if bytes.Count(l.Bytes(), []byte("\n")) >= l.n {
		l.cancel()
	}
	return n, err
}

// Tail shows each event once: those of the past it was asked for, and new ones however late they become visible.
func TestTail(t *testing.T) {
	const base = 1_800_000_000_000
	event := func(id string, at int) string {
		return `{"_received":"` + json.Number(jsonInt(base+at)).String() + `","ts":"T","type":"` + id + `","event_id":"` + id + `","site_id":"s1","client_id":"","url":"/\u0007x","country":"DE","browser":"B"}` + "\n"
	}
	looks := 0
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			SQL    string
			Params map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		if q.Params["site"] != "s1" || !strings.Contains(q.SQL, "site_id = {site:String}") {
			t.Errorf("asked %+v", q)
		}
		old := event("old0", 0) + event("old1", 1000) + event("old2", 1000)
		looks++
		switch looks {
		case 1:
			if !strings.Contains(q.SQL, "DESC") || !strings.HasSuffix(q.SQL, " LIMIT 1") {
				t.Errorf("first look: %s", q.SQL)
			}
			_, _ = io.WriteString(w, event("old2", 1000))
		case 2: // neighbours of the last line
			_, _ = io.WriteString(w, old)
		case 3:
			problem.New(500, "internal", "try again").Write(w)
		case 4:
			if since := jsonInt(base + 1000 - 15_000); q.Params["since"] != since {
				t.Errorf("since %s, want %s", q.Params["since"], since)
			}
			_, _ = io.WriteString(w, old+event("new1", 3000))
		default:
			_, _ = io.WriteString(w, old+event("late", 2000)+event("new1", 3000)+event("new2", 3000))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &lines{n: 4, cancel: cancel}
	var errs bytes.Buffer
	code := Main(ctx, &Process{Args: []string{"tail", "--lines", "1", "--every", "1ms", "--site-id", "s1", "--server", url, "--key", operator}, Out: out, Err: &errs})
	if code != 0 {
		t.Fatalf("%d %s", code, errs.String())
	}
	want := "T  s1  old2  -  /·x  DE  B\nT  s1  new1  -  /·x  DE  B\nT  s1  late  -  /·x  DE  B\nT  s1  new2  -  /·x  DE  B\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
	if !strings.Contains(errs.String(), "trying again") {
		t.Errorf("a failure is not told: %s", errs.String())
	}
}

func jsonInt(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"tenant"}, {"tenant", "create"}, {"serve", "--nope"}, {"key", "create", "acme"}, {"query"}, {"config", "extra"}} {
		if code, out, errs := weir(t, "", args...); code != exitUsage || !strings.Contains(errs, "weir: ") || !strings.Contains(errs, "--help") {
			t.Errorf("%v: %d %s %s", args, code, out, errs)
		}
	}
	for _, args := range [][]string{{"--help"}, {}, {"serve", "--help"}, {"tenant", "create", "--help"}} {
		if code, out, errs := weir(t, "", args...); code != 0 || !strings.Contains(out, "Usage: weir") || errs != "" {
			t.Errorf("%v: %d %s %s", args, code, out, errs)
		}
	}
	if code, out, _ := weir(t, "", "version"); code != 0 || !strings.Contains(out, Version) {
		t.Errorf("version: %s", out)
	}
}

func TestEveryOptionIsAFlag(t *testing.T) {
	_, help, _ := weir(t, "", "serve", "--help")
	for _, o := range config.Options() {
		if !strings.Contains(help, "--"+o.Flag+"=") {
			t.Errorf("serve --help lacks --%s", o.Flag)
		}
	}
	for name, want := range map[string]string{"--listen=a:1": "listen: a:1 ", "--log-retention=2d": "  retention: 2d ", "--admin-token=hidden-token-hidden": "admin_token: '********' "} {
		code, out, errs := weir(t, "", "config", name)
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "hidden-token") {
			t.Errorf("%s: %d %s %s", name, code, out, errs)
		}
	}
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte("lisen: x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"config", "serve"} {
		if code, _, errs := weir(t, "", command, "--config", path); code != 1 || !strings.Contains(errs, `did you mean "listen"?`) {
			t.Errorf("%s: %d %s", command, code, errs)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"2030-01-02T03:04:05Z": time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), "2d": now.Add(48 * time.Hour)} {
		if got, err := expiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

func TestHealthcheckOfNobody(t *testing.T) {
	if code, _, errs := weir(t, "", "healthcheck", "--server", "http://127.0.0.1:1"); code != 1 || !strings.Contains(errs, "cannot reach") {
		t.Errorf("%d %s", code, errs)
	}
}
