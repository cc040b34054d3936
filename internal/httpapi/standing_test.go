package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"weir/internal/httpapi"
	"weir/internal/tenant"
)

// TestStreamsStand: an answer without an end outlives the timeout of writing, knows when its key is revoked, and does not hold up the server's stop.
func TestStreamsStand(t *testing.T) {
	f := newFixture(t, func(c *httpapi.Config) { c.WriteTimeout = time.Second }) // a busy machine has most of it for each line
	huma.Register(f.api.Huma(), huma.Operation{OperationID: "stream", Method: http.MethodGet, Path: "/stream"},
		func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				_, w := humago.Unwrap(hc)
				s := tenant.StandingOf(ctx)
				for {
					who, p := s.Check()
					if p != nil {
						fmt.Fprintln(w, p.Code)
						return
					}
					fmt.Fprintln(w, who.KeyID)
					_ = http.NewResponseController(w).Flush()
					select {
					case <-s.Stopping:
						fmt.Fprintln(w, "stopping")
						return
					case <-time.After(120 * time.Millisecond):
					}
				}
			}}, nil
		})
	made := f.want(201, f.do("POST", "/api/v1/tenants/acme/keys", operator, `{"role":"viewer"}`))
	addr, stop := f.serve()
	open := func(key string) *bufio.Scanner {
		req, err := http.NewRequest("GET", "http://"+addr+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return bufio.NewScanner(res.Body)
	}
	lines := open(made["key"].(string))
	for range 12 { // longer than WriteTimeout
		if !lines.Scan() || lines.Text() != made["id"].(string) {
			t.Fatalf("the stream says %q, %v", lines.Text(), lines.Err())
		}
	}
	if w := f.do("DELETE", "/api/v1/tenants/acme/keys/"+made["id"].(string), operator, ""); w.Code != 204 {
		t.Fatal(w.Body)
	}
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	if lines.Err() != nil || !strings.Contains(last, "key") || last == made["id"] {
		t.Errorf("a revoked key's stream ends with %q, %v", last, lines.Err())
	}
	lines = open(f.keys["viewer"])
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
		last = lines.Text()
	}
	if last != "stopping" || strings.Contains(f.log.String(), "were cut") {
		t.Errorf("at the stop the stream says %q; log %s", last, f.log)
	}
}
