package app

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// plainOperations describes the handlers that are not registered with huma, for the OpenAPI description.
func plainOperations() []*huma.Operation {
	text := func(s string) *huma.Response { return &huma.Response{Description: s} }
	object := map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: "object"}}}
	body := func(doc string, schema *huma.Schema) *huma.RequestBody {
		return &huma.RequestBody{Description: doc, Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	str, list := &huma.Schema{Type: "string"}, &huma.Schema{Type: "array", Items: &huma.Schema{Type: "object"}}
	open := []map[string][]string{}
	const sentAt = "When the request is sent by the visitor's clock: seconds or milliseconds since 1970, or RFC 3339. What it differs from the arrival is added to the times of the events, if it is two seconds or more"
	return []*huma.Operation{
		{
			OperationID: "collect", Method: http.MethodPost, Path: "/collect", Tags: []string{"ingest"}, Security: open,
			Summary:     "Take events of a browser or an app",
			Description: "Public: the site_id names the source. Any content type; gzip and zstd. Answered when the events are durable.",
			RequestBody: body("The sender and its events", &huma.Schema{Type: "object", Required: []string{"site_id", "events"}, Properties: map[string]*huma.Schema{
				"site_id": str, "client_id": str, "session_id": str, "user_id": str,
				"sent_at": {Description: sentAt, OneOf: []*huma.Schema{{Type: "number"}, {Type: "string"}}}, "events": list}}),
			Responses: map[string]*huma.Response{"204": text("durable"), "400": text("malformed"), "404": text("unknown site"), "429": text("over a limit"), "503": text("try again after Retry-After")},
		},
		{
			OperationID: "pixel", Method: http.MethodGet, Path: "/pixel.gif", Tags: []string{"ingest"}, Security: open,
			Summary: "Take events as an image request",
			Parameters: []*huma.Param{
				{Name: "site_id", In: "query", Required: true, Schema: str},
				{Name: "events", In: "query", Required: true, Schema: str, Description: "Events as JSON, URL-encoded or base64url"},
				{Name: "sent_at", In: "query", Schema: str, Description: sentAt},
			},
			Responses: map[string]*huma.Response{"200": text("durable; a GIF of one pixel")},
		},
		{
			OperationID: "browser-sdk", Method: http.MethodGet, Path: "/sdk.js", Tags: []string{"ingest"}, Security: open,
			Summary:     "The browser SDK for a script tag",
			Description: "With site_id it begins with what the site demands of it, so that it need not ask. The same as a module: /sdk.mjs. docs/SDK.md says more.",
			Parameters:  []*huma.Param{{Name: "site_id", In: "query", Schema: str}},
			Responses:   map[string]*huma.Response{"200": text("JavaScript"), "304": text("as known"), "503": text("this weir was built without it")},
		},
		{
			OperationID: "browser-sdk-config", Method: http.MethodGet, Path: "/sdk/config", Tags: []string{"ingest"}, Security: open,
			Summary:    "What a site demands of the browser SDK",
			Parameters: []*huma.Param{{Name: "site_id", In: "query", Required: true, Schema: str}},
			Responses: map[string]*huma.Response{"200": {Description: "Whether consent is required before anything is sent or stored, and whether an identifier may be stored",
				Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: "object", Required: []string{"consent_required", "cookieless"}, Properties: map[string]*huma.Schema{
					"consent_required": {Type: "boolean"}, "cookieless": {Type: "boolean"}}}}}}, "404": text("unknown site")},
		},
		{
			OperationID: "ingest", Method: http.MethodPost, Path: "/ingest", Tags: []string{"ingest"},
			Summary:     "Take events of a server",
			Description: "Write key, or role writer or admin. NDJSON, a JSON array, one object, or CloudEvents (structured, batch, binary); gzip and zstd. Good events are kept when others are rejected. With `Prefer: return=minimal` the answer is 204.",
			RequestBody: body("Events", &huma.Schema{Type: "object"}),
			Responses:   map[string]*huma.Response{"200": {Description: "How many are durable, which were rejected and why, and a consistency token", Content: object}},
		},
		{
			OperationID: "export-costs", Method: http.MethodGet, Path: "/api/v1/costs/export", Tags: []string{"usage"},
			Summary: "Costs in the columns of FOCUS 1.0", Description: "Tenant admin, or an operator: of all tenants, or of the one that the header names.",
			Parameters: []*huma.Param{
				{Name: "from", In: "query", Schema: str, Description: "Start, RFC 3339; a day before to by default"},
				{Name: "to", In: "query", Schema: str, Description: "End, RFC 3339, exclusive; now by default"},
				{Name: "format", In: "query", Schema: &huma.Schema{Type: "string", Enum: []any{"csv", "parquet"}}},
				{Name: "granularity", In: "query", Schema: &huma.Schema{Type: "string", Enum: []any{"hour", "day"}}},
			},
			Responses: map[string]*huma.Response{"200": text("a file"), "403": text("not your costs"), "422": text("a parameter cannot be used")},
		},
		{
			OperationID: "query", Method: http.MethodPost, Path: "/api/v1/query", Tags: []string{"analytics"},
			Summary:     "Ask a question in SQL",
			Description: "Role analyst and up; an operator who names no tenant asks across all. One SELECT in ClickHouse's dialect over the relation `events` and the tenant's lookup tables; SHOW, DESCRIBE, EXPLAIN. docs/QUERY.md says more.",
			RequestBody: body("The question", &huma.Schema{Type: "object", Required: []string{"sql"}, Properties: map[string]*huma.Schema{
				"sql": str, "params": {Type: "object", Description: "Values of typed placeholders {name:Type}"}, "format": str,
				"min_token": {Type: "string", Description: "Wait until this can be seen"}, "as_of": {Type: "string", Description: "See only this: repeatable reads"},
				"max_cost":  {Type: "number", Description: "Refuse what is expected to cost more"},
				"max_bytes": {Type: "integer", Description: "Refuse what is expected to read more"},
				"dry_run":   {Type: "boolean", Description: "Only estimate. With the header Prefer: handling=lenient, what is wrong with the statement is told with status 200, as problem, and estimate is null"}, "async": {Type: "boolean", Description: "Run as a job, like Prefer: respond-async"}}}),
			Responses: map[string]*huma.Response{
				"200": {Description: "ClickHouse's JSON shape, with as_of, snapshot and cost; with dry_run, {estimate, problem}", Content: object, Headers: map[string]*huma.Param{
					"X-Weir-Cost": {Schema: str}, "X-Weir-Snapshot": {Schema: str}, "X-Weir-As-Of": {Schema: str}, "X-Weir-Cache": {Schema: str}}},
				"202": text("a job; Location names it"), "400": text("the guard refuses the statement"), "422": text("a field is wrong, or a limit was met"),
				"429": text("over a limit of the tenant"), "503": text("not visible yet, or the engine is restarting; try again after Retry-After")},
		},
	}
}
