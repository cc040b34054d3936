//go:build clients

package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/test/system/harness"
)

// sdk is a tracking SDK, what it is asked for its events by, and what must come of that.
type sdk struct {
	name   string
	public bool // its key is an alias of the source instead of a write key
	once   bool // it does not send again when there was no answer
	events int
	sql    string // columns
	want   string // rows of JSON, in the order of time and type
}

// sdks are the SDKs that send from Node. Each is told once that its first request failed, although it was stored: what it sends again must not count.
var sdks = []sdk{
	{"segment", false, false, 5, "type, client_id, user_id, path, utm_source, referrer_host, browser, props['plan'], props['title'], props_num['revenue'], props['currency'], props['items'], props['group_id'], props['previous_id']",
		`["Order Completed","","u1","","","","Firefox","","",12.5,"EUR","[1,2]","",""]
["alias","","u1","","","","","","",0,"","","","old"]
["group","","u1","","","","","","",0,"","","g1",""]
["identify","anon","u1","","","","","pro","",0,"","","",""]
["pageview","anon","u1","/a","news","google.com","","","A",0,"","","",""]`},
	{"rudderstack", false, false, 3, "type, client_id, user_id, path, props['plan'], props['title'], props_num['revenue'], props['currency']",
		`["Order Completed","","u1","","","",12.5,"EUR"]
["identify","anon","u1","","pro","",0,""]
["pageview","","u1","/a","","A",0,""]`},
	{"posthog", true, false, 5, "type, client_id, user_id, path, country, props['plan'], props_num['revenue'], props['currency'], props['group_id'], props['previous_id']",
		`["Order Completed","","u1","","","",12.5,"EUR","",""]
["alias","","u1","","","",0,"","","old"]
["group","","","","","",0,"","g1",""]
["identify","anon","u1","","","pro",0,"","","anon"]
["pageview","","u1","/a","","",0,"","",""]`},
	{"snowplow", true, false, 9, "type, client_id, user_id, session_id, path, referrer_host, props['title'], props['user.plan'], props['category'], props['label'], props_num['value'], props_num['revenue'], props['currency']",
		strings.Repeat(`["order","anon","u1","s1","","","","","","",0,12.5,"EUR"]`+"\n", 3) +
			strings.Repeat(`["pageview","anon","u1","s1","/a","google.com","A","pro","","",0,0,""]`+"\n", 3) +
			strings.Repeat(`["play","anon","u1","s1","","","","","cat","ä",3.5,0,""]`+"\n", 3)},
	{"cloudevents", false, false, 6, "type, event_id, client_id, user_id, props_num['revenue'], props['currency']",
		`["order","/shop#1","anon","u1",12.5,"EUR"]
["order","/shop#2","anon","u1",12.5,"EUR"]
["order","/shop#3","anon","u1",12.5,"EUR"]
["order","/shop#4","anon","u1",12.5,"EUR"]
["order","/shop#5","anon","u1",12.5,"EUR"]
["order","/shop#6","anon","u1",12.5,"EUR"]`},
	{"otlp", false, false, 9, "type, props['body'], client_id, user_id, session_id, path, props_num['revenue'], props_num['count'], props['ok'], props['tags'], props_num['nested.x.y'], props['severity'], props['scope.name']",
		`["log","json","","","","",0,0,"","",0,"","shop"]
["log","packed","","","","",0,0,"","",0,"","shop"]
["log","proto","","","","",0,0,"","",0,"","shop"]
["order","json","anon","u1","s1","",12.5,3,"true","[\"a\",\"b\"]",1,"INFO","shop"]
["order","packed","anon","u1","s1","",12.5,3,"true","[\"a\",\"b\"]",1,"INFO","shop"]
["order","proto","anon","u1","s1","",12.5,3,"true","[\"a\",\"b\"]",1,"INFO","shop"]
["pageview","json","anon","","","/a",0,0,"","",0,"","shop"]
["pageview","packed","anon","","","/a",0,0,"","",0,"","shop"]
["pageview","proto","anon","","","/a",0,0,"","",0,"","shop"]`},
	{"jitsu", false, true, 3, "type, user_id, path, props['plan'], props['title'], props_num['revenue'], props['currency']",
		`["Order Completed","u1","","","",12.5,"EUR"]
["identify","u1","","pro","",0,""]
["pageview","u1","/a","","A",0,""]`},
	{"measurement", false, true, 2, "type, client_id, user_id, session_id, path, props['title'], props['user.plan'], props_num['revenue'], props['currency']",
		`["pageview","anon","u1","s1","/a","A","pro",0,""]
["purchase","anon","u1","","","","pro",12.5,"EUR"]`},
}

// TestSDKs runs the SDKs of other products, all at once, and asks for what they sent.
func TestSDKs(t *testing.T) {
	node, npm := need(t, "node"), need(t, "npm")
	dir := cache(t, "sdks")
	for _, f := range []string{"package.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join("sdks", f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	once(t, dir, []string{"sdks/package-lock.json"}, command(dir, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"))
	s := harness.StartT(t, harness.Config{})
	api := func(method, path, key, body string) map[string]any { return call(t, s.URL, method, path, key, body) }
	api("POST", "/api/v1/tenants", harness.AdminToken, `{"id":"`+tenantID+`","name":"Acme"}`)
	analyst := api("POST", "/api/v1/tenants/"+tenantID+"/keys", harness.AdminToken, `{"role":"analyst","name":"sdks"}`)["key"].(string)
	for _, c := range sdks {
		alias := "project-" + c.name
		source := api("POST", "/api/v1/tenants/"+tenantID+"/sources", harness.AdminToken, `{"id":"`+c.name+`","aliases":["`+alias+`"]}`)
		site, key := source["site_id"].(string), source["write_key"].(string)
		if c.public {
			key = alias
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &forgetful{once: c.once}
			front := f.serve(t, s.URL)
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, "sdks/send.mjs", c.name)
			cmd.Env = append(os.Environ(), "SDKS="+dir, "WEIR_URL="+front, "WEIR_KEY="+key)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c.name, err, out)
			} else if len(out) > 0 {
				t.Logf("it printed: %s", out)
			}
			if !c.once && f.forgotten() == 0 {
				t.Error("no request was sent again")
			}
			stored(t, s.URL, analyst, site, c)
		})
	}
}

// stored waits until all events of a source can be seen, and compares them. Later nothing may come on top.
func stored(t *testing.T, server, key, site string, c sdk) {
	t.Helper()
	ask := func(columns, rest string) []json.RawMessage {
		sql, _ := json.Marshal("SELECT " + columns + " FROM events WHERE site_id = '" + site + "' " + rest)
		out := call(t, server, "POST", "/api/v1/query", key, `{"sql":`+string(sql)+`,"format":"JSONCompact"}`)
		raw, _ := json.Marshal(out["data"])
		var rows []json.RawMessage
		if err := json.Unmarshal(raw, &rows); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		return rows
	}
	deadline := time.Now().Add(30 * time.Second)
	for string(ask("toUInt32(count())", "")[0]) != fmt.Sprintf("[%d]", c.events) && time.Now().Before(deadline) {
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(time.Second) // what was sent twice would be there by now
	if got, want := string(ask("toUInt32(count()), toUInt32(uniqExact(event_id))", "")[0]), fmt.Sprintf("[%d,%d]", c.events, c.events); got != want {
		t.Errorf("events and ids: %s, want %s", got, want)
	}
	order := "ORDER BY " + c.sql
	var got []string
	for _, row := range ask(c.sql, order) {
		got = append(got, string(row))
	}
	if g, want := strings.Join(got, "\n"), strings.TrimSpace(c.want); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

func call(t *testing.T, server, method, path, key, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %d %s %v", path, resp.StatusCode, raw, err)
	}
	return out
}

// forgetful is a proxy that loses the first answer: the server has stored what the client is told to send again.
type forgetful struct {
	once bool // it loses none

	mu   sync.Mutex
	lost int
}

func (f *forgetful) forgotten() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

func (f *forgetful) serve(t *testing.T, server string) string {
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.StatusCode/100 != 2 {
			t.Errorf("%s is answered with %d", r.Request.URL.Path, r.StatusCode)
		}
		if f.once || f.lost > 0 {
			return nil
		}
		f.lost++
		r.Body.Close()
		r.StatusCode, r.Status, r.Body, r.ContentLength = http.StatusServiceUnavailable, "503 Service Unavailable", http.NoBody, 0
		r.Header = http.Header{"Content-Length": {"0"}}
		return nil
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}
