//go:build system

package system

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/internal/client"
	"weir/internal/importer"
	"weir/test/system/harness"
)

// healthCounts are the counts of one row of the accounting.
type healthCounts struct {
	Received, Stored, Deduplicated, Rejected, Filtered, Quarantined, Erased, Pending int
}

// sound says whether the counts of a row add up.
func (c healthCounts) sound() bool {
	return c.Received == c.Stored+c.Deduplicated+c.Rejected+c.Filtered+c.Quarantined+c.Erased+c.Pending
}

func (c healthCounts) plus(d healthCounts) healthCounts {
	return healthCounts{c.Received + d.Received, c.Stored + d.Stored, c.Deduplicated + d.Deduplicated, c.Rejected + d.Rejected,
		c.Filtered + d.Filtered, c.Quarantined + d.Quarantined, c.Erased + d.Erased, c.Pending + d.Pending}
}

type healthHour struct {
	Hour time.Time
	healthCounts
}

type healthCode struct {
	Code, Door, Field, Message, Example string
	Count                               int
}

// siteHealth is what the tests read of GET …/health.
type siteHealth struct {
	Hours    []healthHour
	Totals   healthCounts
	Rejected []healthCode
	Tenant   *struct {
		Hours    []healthHour
		Totals   healthCounts
		Rejected []healthCode
	}
}

// badRequest is what a client of a protocol sends that is wrong. KEY, SITE and SECRET are put in.
type badRequest struct {
	name, method, path, body string
	headers                  []string // name, value, …
	status, accepted         int
	door, code, field        string
	count                    int  // of rejected events; 0: nothing is counted
	measured                 bool // the example says no more than how large it was
}

// secret is in every bad event, and must be in no answer about it.
const secret = "anna.secret@person.example"

var badRequests = []badRequest{
	{name: "collect", method: "POST", path: "/collect", body: `{"site_id":"SITE","events":[{"type":"a","client_id":"c"},{"note":"SECRET"},{"note":"SECRET"}]}`,
		status: 204, accepted: 1, door: "collect", code: "field_missing", field: "type", count: 2},
	{name: "collect, no JSON", method: "POST", path: "/collect", body: `{"site_id":"SITE","events":[{"type":"a","note":"SECRET"},]}`,
		status: 400, door: "collect", code: "malformed_json", count: 1},
	{name: "pixel", method: "GET", path: "/pixel.gif?site_id=SITE&events=%5B%7B%22type%22:%22a%22%7D,%7B%22note%22:%22SECRET%22%7D%5D",
		status: 200, accepted: 1, door: "pixel", code: "field_missing", field: "type", count: 1},
	{name: "ingest", method: "POST", path: "/ingest", headers: []string{"Authorization", "Bearer KEY"}, body: "{\"type\":\"a\"}\n{\"type\":\"b\",\"ts\":\"2020-01-01T00:00:00Z\",\"note\":\"SECRET\"}\n",
		status: 200, accepted: 1, door: "ingest", code: "ts_out_of_range", field: "ts", count: 1},
	{name: "cloudevents", method: "POST", path: "/api/v1/events", headers: []string{"Authorization", "Bearer KEY"},
		body:   `[{"specversion":"1.0","id":"1","source":"s","type":"a"},{"specversion":"1.0","id":"2","source":"s","data":{"note":"SECRET"}}]`,
		status: 204, accepted: 1, door: "cloudevents", code: "field_missing", field: "type", count: 1},
	{name: "cloudevents, binary", method: "POST", path: "/api/v1/events", headers: []string{"Authorization", "Bearer KEY", "Ce-Specversion", "1.0", "Ce-Source", "s", "Ce-Type", "a"},
		body: `{"note":"SECRET"}`, status: 400, door: "cloudevents", code: "field_missing", field: "id", count: 1},
	{name: "segment", method: "POST", path: "/v1/batch", headers: []string{"Authorization", "Bearer KEY"},
		body:   `{"batch":[{"type":"track","event":"a","userId":"u"},{"type":"dance","userId":"SECRET"},{"type":"dance","userId":"SECRET"}]}`,
		status: 200, accepted: 1, door: "segment", code: "invalid_value", field: "type", count: 2},
	{name: "segment, no JSON", method: "POST", path: "/v1/t", body: `{"writeKey":"SITE","event":"SECRET",}`, status: 400, door: "segment", code: "malformed_json", count: 1},
	{name: "posthog", method: "POST", path: "/batch/", body: `{"api_key":"KEY","batch":[{"event":"a","distinct_id":"u"},{"distinct_id":"SECRET"}]}`,
		status: 200, accepted: 1, door: "posthog", code: "field_missing", field: "event", count: 1},
	{name: "posthog, no JSON", method: "POST", path: "/e/?token=SITE", body: `{"event":"SECRET",}`, status: 400, door: "posthog", code: "malformed_json", count: 1},
	{name: "posthog, recording", method: "POST", path: "/e/", body: `{"token":"SITE","event":"$snapshot","distinct_id":"u","properties":{"note":"SECRET"}}`,
		status: 200, door: "posthog", code: "unsupported", count: 1},
	{name: "plausible", method: "POST", path: "/api/event", body: `{"n":"pageview","d":"SITE","p":{"note":"SECRET"}}`,
		status: 400, door: "plausible", code: "field_missing", field: "url", count: 1},
	{name: "plausible, no JSON", method: "POST", path: "/api/event", body: `{"d":"SITE","n":"pageview","u":"https://a.example/?q=SECRET",}`,
		status: 400, door: "plausible", code: "malformed_json", count: 1},
	{name: "snowplow", method: "POST", path: "/com.snowplowanalytics.snowplow/tp2", body: `{"data":[{"e":"pv","aid":"KEY","url":"https://a.example/","p":"srv"},{"e":"se","aid":"KEY","se_la":"SECRET"}]}`,
		status: 200, accepted: 1, door: "snowplow", code: "field_missing", field: "se_ac", count: 1},
	{name: "snowplow, no JSON", method: "POST", path: "/com.snowplowanalytics.snowplow/tp2", body: `{"data":[{"e":"pv","aid":"SITE","page":"SECRET"},]}`,
		status: 400, door: "snowplow", code: "malformed_json", count: 1},
	{name: "snowplow, pixel", method: "GET", path: "/i?e=zz&aid=SITE&note=SECRET", status: 200, door: "snowplow", code: "invalid_value", field: "e", count: 1, measured: true},
	{name: "measurement", method: "POST", path: "/mp/collect?api_secret=KEY", body: `{"client_id":"c","events":[{"name":"a"},{"params":{"note":"SECRET"}}]}`,
		status: 204, accepted: 1, door: "measurement", code: "field_missing", field: "name", count: 1},
	{name: "measurement, time", method: "POST", path: "/mp/collect?api_secret=KEY", body: `{"client_id":"c","timestamp_micros":{},"events":[{"name":"a","timestamp_micros":null,"params":{"note":"SECRET"}}]}`,
		status: 204, door: "measurement", code: "invalid_type", field: "timestamp_micros", count: 1},
	{name: "measurement, no JSON", method: "POST", path: "/mp/collect?api_secret=KEY", body: `{"client_id":"SECRET","events":[`,
		status: 204, door: "measurement", code: "malformed_json", count: 1},
	{name: "measurement, debug", method: "POST", path: "/debug/mp/collect?api_secret=KEY", body: `{"client_id":"c","events":[{"params":{"note":"SECRET"}}]}`, status: 200},
	{name: "otlp", method: "POST", path: "/v1/logs", headers: []string{"Authorization", "Bearer KEY"},
		body:   `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"a"},{"eventName":"b","timeUnixNano":"1500000000000000000","body":{"stringValue":"SECRET"}}]}]}]}`,
		status: 200, accepted: 1, door: "otlp", code: "ts_out_of_range", field: "timeUnixNano", count: 1},
	{name: "otlp, protobuf", method: "POST", path: "/v1/logs", headers: []string{"Authorization", "Bearer KEY", "Content-Type", "application/x-protobuf"},
		body: "\x0a\x7fSECRET", status: 400, door: "otlp", code: "malformed_protobuf", count: 1, measured: true},
}

// TestRejectionsAreVisible sends something wrong through every door, weir's own and foreign ones, each to a site of its own, and finds the loss in the data health
// of that site: the code, how many, and what was wrong, without what the event said. All hours add up, by row and over the sites.
func TestRejectionsAreVisible(t *testing.T) {
	t.Parallel()
	srv := harness.StartT(t, harness.Config{})
	ctx := t.Context()
	tn, err := srv.NewTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	var sum healthCounts
	check := func(b badRequest, site string) {
		h := awaitHealth(ctx, t, srv.Client(tn.Admin), site, b.accepted, b.count)
		if want := (healthCounts{Received: b.accepted + b.count, Stored: b.accepted, Rejected: b.count}); h.Totals != want {
			t.Errorf("%s: the totals are %+v, want %+v", b.name, h.Totals, want)
		}
		checkRejection(t, b, h.Rejected)
		sum = sum.plus(soundHours(t, b.name, h.Hours))
	}
	sites := make([]string, len(badRequests))
	for i, b := range badRequests {
		site, key := newSource(ctx, t, srv, tn.ID, fmt.Sprint("door-", i))
		sites[i] = site
		fill := strings.NewReplacer("KEY", key, "SITE", site, "SECRET", secret)
		headers := make([]string, len(b.headers))
		for i, h := range b.headers {
			headers[i] = fill.Replace(h)
		}
		if a := call(ctx, t, b.method, srv.URL+fill.Replace(b.path), "", fill.Replace(b.body), headers...); a.status != b.status {
			t.Errorf("%s: the answer is %d %s, want %d", b.name, a.status, a.text, b.status)
		}
	}
	site, key := newSource(ctx, t, srv, tn.ID, "import")
	const lines = `{"type":"a","ts":"2014-01-01T00:00:00Z","event_id":"1"}` + "\n" + `{"ts":"2014-01-01T00:00:00Z","note":"` + secret + `","event_id":"2"}` + "\n"
	res, err := importer.Run(ctx, importer.Options{Client: srv.Client(key), SiteID: site, Format: importer.NDJSON, Inputs: []importer.Input{{Name: "lines",
		Open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader(lines)), int64(len(lines)), nil
		}}}}, nil)
	if err != nil || res.Accepted != 1 || res.Rejected != 1 {
		t.Errorf("the import: %+v, %v", res, err)
	}
	for i, b := range badRequests {
		check(b, sites[i])
	}
	check(badRequest{name: "import", accepted: 1, door: "ingest", code: "field_missing", field: "type", count: 1}, site)

	// What names no site is known of the tenant only; sites and tenant together are the usage.
	call(ctx, t, "POST", srv.URL+"/ingest", tn.WriterKey, `{"type":"a","site_id":"nobody","note":"`+secret+`"}`)
	nobody := badRequest{name: "no site", door: "ingest", code: "site_unknown", field: "site_id", count: 1}
	h := awaitHealth(ctx, t, srv.Client(tn.Admin), tn.SiteID, 0, 0)
	for deadline := time.Now().Add(time.Minute); h.Tenant.Totals.Rejected == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		h = awaitHealth(ctx, t, srv.Client(tn.Admin), tn.SiteID, 0, 0)
	}
	checkRejection(t, nobody, h.Tenant.Rejected)
	sum = sum.plus(soundHours(t, nobody.name, h.Tenant.Hours))
	var usage struct{ Hours []healthHour }
	if err := srv.Client(tn.Admin).Do(ctx, http.MethodGet, "/api/v1/usage", nil, &usage); err != nil {
		t.Fatal(err)
	}
	if got := soundHours(t, "usage", usage.Hours); got != sum {
		t.Errorf("the usage is %+v, and all sites together %+v", got, sum)
	}
}

// newSource creates a source; its write key and site are what clients send with.
func newSource(ctx context.Context, t *testing.T, srv *harness.Server, tenant, id string) (site, key string) {
	t.Helper()
	var src struct {
		SiteID   string `json:"site_id"`
		WriteKey string `json:"write_key"`
	}
	if err := srv.Admin().Do(ctx, http.MethodPost, "/api/v1/tenants/"+tenant+"/sources", map[string]string{"id": id}, &src); err != nil {
		t.Fatal(err)
	}
	return src.SiteID, src.WriteKey
}

// awaitHealth asks for the health of a site until so many events are stored and rejected, and returns the last answer.
func awaitHealth(ctx context.Context, t *testing.T, c *client.Client, site string, stored, rejected int) (h siteHealth) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		h = siteHealth{}
		if err := c.Do(ctx, http.MethodGet, "/api/v1/analytics/"+site+"/health", nil, &h); err != nil {
			t.Fatal(err)
		}
		if h.Totals.Stored == stored && h.Totals.Rejected == rejected && h.Totals.Pending == 0 || time.Now().After(deadline) {
			return h
		}
	}
}

func checkRejection(t *testing.T, b badRequest, list []healthCode) {
	t.Helper()
	if b.count == 0 {
		if len(list) > 0 {
			t.Errorf("%s: %+v are rejected, want none", b.name, list)
		}
		return
	}
	if len(list) != 1 {
		t.Errorf("%s: %+v are rejected, want one code", b.name, list)
		return
	}
	r := list[0]
	if r.Code != b.code || r.Count != b.count || r.Door != b.door || r.Field != b.field || r.Message == "" {
		t.Errorf("%s: %+v is rejected, want %d of %s at the door %s, field %q", b.name, r, b.count, b.code, b.door, b.field)
	}
	if r.Example == "" || len(r.Example) > 1024 || !b.measured && !strings.Contains(r.Example, "characters)") && !strings.Contains(r.Example, "(text)") {
		t.Errorf("%s: the example is %q", b.name, r.Example)
	}
	for _, text := range []string{r.Message, r.Example, r.Field} {
		if strings.Contains(text, "secret") || strings.Contains(text, "anna") {
			t.Errorf("%s: the rejection tells of a person: %+v", b.name, r)
		}
	}
}

// soundHours checks that each hour adds up, and returns the sum of all.
func soundHours(t *testing.T, name string, hours []healthHour) (sum healthCounts) {
	t.Helper()
	for _, h := range hours {
		if !h.sound() || h.Hour.Minute() != 0 {
			t.Errorf("%s: %+v does not add up", name, h)
		}
		sum = sum.plus(h.healthCounts)
	}
	return sum
}
