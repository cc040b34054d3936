package system

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/test/system/harness"
)

// At the most talkative level, a run in which every kind of credential is used, well and badly, at every door, logs none of them; nor are they in the audit
// log, in the metrics, or in any file of the data directory.
func TestNoSecretInLogs(t *testing.T) {
	t.Parallel()
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
	const hook = "T0123/B0456/hook-7a1e90c4"
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQtc3ViamVjdCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	secrets := []string{harness.AdminToken, tn.WriteKey, tn.Admin, tn.Analyst, tn.WriterKey, password, wrong, unknown, jwt, url.QueryEscape(password), url.QueryEscape(wrong)}

	if a := call(ctx, t, http.MethodPost, srv.URL+"/api/v1/tenants/acme/users", tn.Admin, `{"email":"ann@example.com","name":"Ann","role":"analyst","password":"`+password+`"}`); a.status != http.StatusCreated {
		t.Fatalf("create a user: %d %s", a.status, a.text)
	}
	for _, pw := range []string{password, wrong} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/api/v1/session", strings.NewReader(`{"tenant":"acme","email":"ann@example.com","password":"`+pw+`"}`))
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
	if n := len(secrets); n != 13 {
		t.Fatalf("%d secrets: signing in did not set the cookies of the session and the device", n)
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
	for _, body := range []string{`{"password":["` + wrong + `"]}`, `{"password":{"value":"` + wrong + `"}}`, `{"email":"x@example.com","password":"` + wrong + `","role":"boss"}`} {
		call(ctx, t, http.MethodPost, srv.URL+"/api/v1/tenants/acme/users", tn.Admin, body)
	}
	call(ctx, t, http.MethodPatch, srv.URL+"/api/v1/tenants/acme/policy", tn.Admin, `{"budget":{"webhook":"https://hooks.example.com/`+hook+`"}}`)
	// What nobody known asks for is recorded by route: a path of theirs may be anything.
	const path = "what-somebody-mistook-for-a-tenant-91d2"
	if a := call(ctx, t, http.MethodGet, srv.URL+"/api/v1/tenants/"+path+"/keys", unknown, ""); a.status != http.StatusUnauthorized {
		t.Errorf("%d %s", a.status, a.text)
	}
	secrets = append(secrets, path)
	kept := len(secrets) // the catalog has to know where notices go
	secrets = append(secrets, hook)
	none := func(where, text string) {
		t.Helper()
		for i, s := range secrets {
			if at := strings.Index(text, s); at >= 0 {
				t.Errorf("secret %d is in %s: …%q…", i, where, text[max(0, at-200):min(len(text), at+len(s)+50)])
			}
		}
	}
	for path, holds := range map[string]string{"/api/v1/audit/export": "create-user", "/metrics": "weir_auth_refused_total"} {
		a := call(ctx, t, http.MethodGet, srv.URL+path, harness.AdminToken, "")
		if a.status != http.StatusOK || !strings.Contains(a.text, holds) {
			t.Fatalf("%s: %d %.500s", path, a.status, a.text)
		}
		none(path, a.text)
	}
	if err := srv.Stop(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !strings.Contains(text, "level=DEBUG") || !strings.Contains(text, "listening") {
		t.Fatalf("the log is not what it should be: %.500s", text)
	}
	none("the log", text)
	secrets = secrets[:kept]
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files++
		none(path, string(content))
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}
