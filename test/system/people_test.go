//go:build system

package system

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"weir/test/system/harness"
)

// TestServersAnonymousID: what a server sends to PostHog's door under a browser's anonymous id is of whoever that browser's $identify names, in reports as in /people; undoing the one
// merge gives the answers from before it, and restoring it those from after.
func TestServersAnonymousID(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	ctx := t.Context()
	tn, err := srv.NewTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	c := srv.Client(tn.Admin)
	send := func(body string) {
		t.Helper()
		if a := call(ctx, t, "POST", srv.URL+"/batch/", "", `{"api_key":"`+tn.SiteID+`","batch":[`+body+`]}`); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	users := func(want int) {
		t.Helper()
		var got struct{ Totals struct{ Users int } }
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if err := c.Do(ctx, http.MethodGet, "/api/v1/analytics/"+tn.SiteID+"/report?metric=users&from=1d&bots=include", nil, &got); err != nil {
				t.Fatal(err)
			}
			if got.Totals.Users == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d users, want %d", got.Totals.Users, want)
			}
		}
	}
	send(`{"event":"seen","distinct_id":"anon","uuid":"1","properties":{"$lib":"web","$device_id":"anon","$is_identified":false,"$process_person_profile":false}},
		{"event":"quoted","distinct_id":"anon","uuid":"2","properties":{"$lib":"posthog-node","$is_server":true}},
		{"event":"paid","distinct_id":"ann","uuid":"3","properties":{"$lib":"posthog-node","$is_server":true}}`)
	users(2)
	send(`{"event":"$identify","distinct_id":"ann","uuid":"4","properties":{"$lib":"web","$device_id":"anon","$is_identified":true,"$anon_distinct_id":"anon"}}`)
	users(1)
	var person struct {
		Person string
		Merges []struct{ ID, Kind string }
	}
	if err := c.Do(ctx, http.MethodGet, "/api/v1/analytics/"+tn.SiteID+"/people/anon", nil, &person); err != nil {
		t.Fatal(err)
	}
	if person.Person != "ann" || len(person.Merges) != 1 {
		t.Fatalf("%+v, want ann by one merge", person)
	}
	merge := fmt.Sprintf("/api/v1/analytics/%s/people/merges/%s", tn.SiteID, person.Merges[0].ID)
	if err := c.Do(ctx, http.MethodDelete, merge, nil, nil); err != nil {
		t.Fatal(err)
	}
	users(2)
	if err := c.Do(ctx, http.MethodPost, merge+"/restore", nil, nil); err != nil {
		t.Fatal(err)
	}
	users(1)
}
