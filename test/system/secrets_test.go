package system

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"weir/test/system/harness"
)

// At the most talkative level, a run in which every kind of credential is used, well and badly, at every door, logs none of them.
func TestNoSecretInLogs(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "weir-secrets-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var out bytes.Buffer // written by one goroutine of the harness, read after the process has ended
	srv := harness.StartT(t, harness.Config{Dir: dir, ClickHouse: "auto", Args: []string{"--logging-level", "debug"}, Output: &out})
	ctx := t.Context()
	tn, err := srv.NewTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	const password, wrong = "correct horse battery 7f3a", "another password 9b1c"
	const unknown = "wk_a_abcdefghijklmnopqrstuvwxyz234567"
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQtc3ViamVjdCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	secrets := []string{harness.AdminToken, tn.WriteKey, tn.Admin, tn.Analyst, tn.WriterKey, password, wrong, unknown, jwt, url.QueryEscape(password), url.QueryEscape(wrong)}

	if a := call(ctx, t, http.MethodPost, srv.URL+"/api/v1/tenants/acme/users", tn.Admin, `{"email":"ann@example.com","name":"Ann","role":"analyst","password":"`+password+`"}`); a.status != http.StatusCreated {
		t.Fatalf("create a user: %d %s", a.status, a.text)
	}
	for _, pw := range []string{password, wrong} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/api/v1/session", strings.NewReader(`{"email":"ann@example.com","password":"`+pw+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if (resp.StatusCode < 300) != (pw == password) {
			t.Fatalf("sign in: %d", resp.StatusCode)
		}
		for _, c := range resp.Cookies() {
			secrets = append(secrets, c.Value)
		}
	}
	if n := len(secrets); n != 12 {
		t.Fatalf("%d secrets: signing in set no cookie, or several", n)
	}
	port := srv.ClickHouse()
	for _, key := range []string{tn.Analyst, unknown, jwt, harness.AdminToken, tn.WriteKey} {
		for _, sql := range []string{"SELECT 1", "SELECT nonsense(", "SELECT * FROM other.events"} {
			call(ctx, t, http.MethodPost, srv.URL+"/api/v1/query", key, `{"sql":"`+sql+`"}`)
			call(ctx, t, http.MethodPost, srv.URL+"/api/v1/query?key="+key, "", `{"sql":"`+sql+`"}`)
			call(ctx, t, http.MethodGet, port+"/?user=acme&password="+key+"&query="+url.QueryEscape(sql), "", "")
			call(ctx, t, http.MethodPost, port+"/", "", sql, "X-ClickHouse-User", "acme", "X-ClickHouse-Key", key)
		}
		call(ctx, t, http.MethodPost, srv.URL+"/ingest", key, `{"type":"x"}`)
		call(ctx, t, http.MethodPost, srv.URL+"/ingest", key, `{`)
		call(ctx, t, http.MethodGet, srv.URL+"/api/v1/costs", key, "")
	}
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !strings.Contains(text, "level=DEBUG") && !strings.Contains(text, "listening") {
		t.Fatalf("the log is not what it should be: %.500s", text)
	}
	for i, s := range secrets {
		if at := strings.Index(text, s); at >= 0 {
			t.Errorf("secret %d is in the log: …%s…", i, text[max(0, at-200):min(len(text), at+len(s)+50)])
		}
	}
}
