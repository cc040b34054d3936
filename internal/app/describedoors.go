package app

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// door describes one address of a foreign protocol. What a body means is the protocol's own matter; docs/PROTOCOLS.md says what becomes of it.
type door struct {
	id, method, path, summary string
	key                       string            // where the key or the site is: "header", "body", "path", or the name of a parameter of the address
	query                     map[string]string // other parameters of the address, with what they say
	body                      string            // what it holds; empty: there is none
	answers                   map[string]string // by status
}

// Answers that protocols share.
var (
	segmentAnswers  = map[string]string{"200": `{"success":true}, also when messages were rejected`, "400": "no JSON", "401": "no such key", "403": "not allowed, or the tenant is suspended", "413": "too large", "429": "over a limit: sent again", "503": "sent again"}
	posthogAnswers  = map[string]string{"200": `{"status":1}; over a limit with "quota_limited"`, "400": "no JSON", "401": "no such key", "403": "not allowed, or the tenant is suspended", "413": "sent again in halves", "503": "sent again"}
	snowplowAnswers = map[string]string{"200": "taken, whatever becomes of single events", "400": "never to be taken", "401": "no such app", "403": "not allowed, or the tenant is suspended", "422": "never to be taken", "429": "over a limit: sent again", "503": "sent again"}
	settingAnswers  = map[string]string{"200": "what the library asks for"}
)

// protocolDoors are the addresses of foreign protocols. snowplowPath is a further one of Snowplow's trackers, or empty.
func protocolDoors(snowplowPath string) []door {
	list := []door{
		{"segment-batch", http.MethodPost, "/v1/batch", "Segment: a batch of messages", "header", nil, `{"batch":[…],"writeKey","sentAt","context"}`, segmentAnswers},
		{"segment-import", http.MethodPost, "/v1/import", "Segment: a batch of messages, as older libraries send it", "header", nil, `{"batch":[…]}`, segmentAnswers},
		{"segment-browser-batch", http.MethodPost, "/v1/b", "Segment: a batch of analytics.js", "body", nil, `{"batch":[…],"writeKey"}`, segmentAnswers},
		{"segment-metrics", http.MethodPost, "/v1/m", "Segment: what libraries say of themselves; it is not kept", "", nil, `{"series":[…]}`, map[string]string{"200": "taken"}},
		{"segment-settings", http.MethodGet, "/v1/projects/{key}/settings", "Segment: settings of analytics.js", "path", nil, "", settingAnswers},
		{"rudder-batch", http.MethodPost, "/beacon/v1/batch", "RudderStack: a batch sent as a page is left", "writeKey", nil, `{"batch":[…]}`, segmentAnswers},
		{"rudder-config", http.MethodGet, "/sourceConfig", "RudderStack: settings of its library", "writeKey", nil, "", settingAnswers},
		{"rudder-config-slash", http.MethodGet, "/sourceConfig/", "RudderStack: settings of its library", "writeKey", nil, "", settingAnswers},
		{"jitsu-event", http.MethodPost, "/api/s/event", "Jitsu: one message", "header", nil, "a message", segmentAnswers},
		{"jitsu-server-event", http.MethodPost, "/api/s/s2s/event", "Jitsu: one message of a server", "header", nil, "a message", segmentAnswers},
		{"posthog-config", http.MethodGet, "/array/{token}/config", "PostHog: configuration of posthog-js", "path", nil, "", settingAnswers},
		{"posthog-config-script", http.MethodGet, "/array/{token}/config.js", "PostHog: the same as a script", "path", nil, "", settingAnswers},
		{"posthog-script", http.MethodGet, "/static/{script}", "PostHog: the library itself, which is not served here", "", nil, "", map[string]string{"404": "script_not_served: use the npm package, or host that file"}},
		{"plausible", http.MethodPost, "/api/event", "Plausible: one event", "body", nil, `{"n","u","d","r","p",…}, or the long names`,
			map[string]string{"202": "ok; with X-Plausible-Dropped: 1 it did not count", "400": `{"errors":{field: […]}}`, "403": "the tenant is suspended"}},
		{"snowplow-post", http.MethodPost, "/com.snowplowanalytics.snowplow/tp2", "Snowplow: events of a tracker", "body", nil, `{"schema":"iglu:…/payload_data/…","data":[…]}`, snowplowAnswers},
		{"snowplow-pixel", http.MethodGet, "/i", "Snowplow: an event as an image request", "aid", map[string]string{"e": "Kind of event; and all others of the tracker protocol"}, "", snowplowAnswers},
		{"ga4-collect", http.MethodPost, "/mp/collect", "Google Analytics 4: events of a server or a device", "api_secret", ga4Parameters, `{"client_id","user_id","timestamp_micros","user_properties","events":[…]}`,
			map[string]string{"204": "taken, whatever becomes of the events", "401": "no such key", "403": "not allowed, or the tenant is suspended", "404": "unknown site", "503": "try again"}},
		{"ga4-debug", http.MethodPost, "/debug/mp/collect", "Google Analytics 4: what is wrong with events; nothing is stored or counted", "api_secret", ga4Parameters, "as of /mp/collect",
			map[string]string{"200": `{"validationMessages":[{"fieldPath","description","validationCode"}]}`}},
		{"otlp-logs", http.MethodPost, "/v1/logs", "OpenTelemetry: log records, JSON or protobuf", "header", map[string]string{"site_id": "The source, with a key of the tenant; an alias without a key, from a browser"}, "ExportLogsServiceRequest",
			map[string]string{"200": "ExportLogsServiceResponse in the request's encoding, with partialSuccess when records were rejected", "400": "google.rpc.Status", "401": "no such key", "403": "not allowed, or the tenant is suspended", "429": "sent again", "503": "sent again"}},
		{"cloudevents", http.MethodPost, "/api/v1/events", "CloudEvents: structured, batch or binary, as metering services (OpenMeter) take them", "header", nil, "a CloudEvent, an array of them, or the data of one whose attributes are headers",
			map[string]string{"204": "durable; X-Weir-Rejected says how many were not taken", "400": "none was taken, with the first reason", "401": "no such key", "403": "not allowed, or the tenant is suspended", "429": "over a limit", "503": "send again"}},
	}
	if snowplowPath != "" && snowplowPath != "/com.snowplowanalytics.snowplow/tp2" {
		list = append(list, door{"snowplow-own-post", http.MethodPost, snowplowPath, "Snowplow: events of a tracker with this postPath", "body", nil, `{"schema":"iglu:…/payload_data/…","data":[…]}`, snowplowAnswers})
	}
	for _, kind := range []string{"track", "identify", "page", "screen", "group", "alias"} {
		body := "a message of the type " + kind
		list = append(list,
			door{"segment-" + kind, http.MethodPost, "/v1/" + kind, "Segment: " + kind, "header", nil, body, segmentAnswers},
			door{"segment-browser-" + kind, http.MethodPost, "/v1/" + kind[:1], "Segment: " + kind + " of analytics.js", "body", nil, body, segmentAnswers},
			door{"jitsu-" + kind, http.MethodPost, "/api/s/" + kind, "Jitsu: " + kind, "header", nil, body, segmentAnswers},
			door{"jitsu-server-" + kind, http.MethodPost, "/api/s/s2s/" + kind, "Jitsu: " + kind + " of a server", "header", nil, body, segmentAnswers})
	}
	for _, path := range []string{"/batch", "/e", "/i/v0/e", "/capture", "/flags", "/decide"} {
		id, summary, body, answers := "posthog"+strings.ReplaceAll(path, "/", "-"), "PostHog: events of a library", `{"api_key","batch":[…],"sent_at"}, an array, or one event; also gzip, base64, or a form with data=`, posthogAnswers
		if path == "/flags" || path == "/decide" {
			summary, body, answers = "PostHog: there are no feature flags here", `{"token"}`, settingAnswers
		}
		for _, slash := range []string{"", "/"} {
			suffix := strings.Replace(slash, "/", "-slash", 1)
			list = append(list, door{id + suffix, http.MethodPost, path + slash, summary, "body", nil, body, answers},
				door{id + "-get" + suffix, http.MethodGet, path + slash, summary + ", in the address", "api_key", map[string]string{"data": "What a body would hold, as JSON or base64"}, "", answers})
		}
	}
	return list
}

var ga4Parameters = map[string]string{"measurement_id": "The source, by an alias, with a key of the tenant", "firebase_app_id": "The same, of apps"}

// operation describes the door for OpenAPI.
func (d door) operation() *huma.Operation {
	str := &huma.Schema{Type: "string"}
	op := &huma.Operation{OperationID: d.id, Method: d.method, Path: d.path, Tags: []string{"protocols"}, Summary: d.summary, Description: "docs/PROTOCOLS.md says what becomes of it.", Responses: map[string]*huma.Response{}}
	switch d.key {
	case "header":
		op.Description = "The key is in the headers, as the protocol has it. " + op.Description
	case "", "body", "path":
		op.Security = []map[string][]string{}
		if d.key == "body" {
			op.Description = "The key, or a source's site_id or alias, is in the body. " + op.Description
		}
	default:
		op.Security = []map[string][]string{}
		op.Parameters = append(op.Parameters, &huma.Param{Name: d.key, In: "query", Schema: str, Description: "The key, or a source's site_id or alias"})
	}
	for rest := d.path; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			break
		}
		name, tail, _ := strings.Cut(after, "}")
		op.Parameters, rest = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: str}), tail
	}
	for _, name := range slices.Sorted(maps.Keys(d.query)) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: str, Description: d.query[name]})
	}
	if d.body != "" {
		op.RequestBody = &huma.RequestBody{Description: d.body + ". Any content type.", Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{}}}}
	}
	for status, text := range d.answers {
		op.Responses[status] = &huma.Response{Description: text}
	}
	return op
}

// foreignOperations are the operations of foreign protocols, and files.
func foreignOperations(snowplowPath string) []*huma.Operation {
	out := plainFiles()
	for _, d := range protocolDoors(snowplowPath) {
		out = append(out, d.operation())
	}
	return out
}

// plainFiles are what anybody may fetch, beside the pages of the dashboard.
func plainFiles() []*huma.Operation {
	file := func(id, path, summary string) *huma.Operation {
		return &huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"files"}, Summary: summary, Security: []map[string][]string{},
			Responses: map[string]*huma.Response{"200": {Description: "the file"}}}
	}
	return []*huma.Operation{file("openapi", "/openapi.json", "This description"), file("browser-sdk-module", "/sdk.mjs", "The browser SDK as a module")}
}
