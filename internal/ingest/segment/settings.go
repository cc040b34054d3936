package segment

import (
	"net"
	"net/http"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// metrics takes what the browser's library measures of itself, and keeps nothing of it.
func metrics(q *ingest.Request) *problem.Problem {
	return q.JSON(`{"success":true}`)
}

// settings answers what the browser's library asks before it sends: there are no integrations but the one that sends events here.
func settings(q *ingest.Request) *problem.Problem {
	jw := jx.GetWriter()
	defer jx.PutWriter(jw)
	host, protocol := own(q.HTTP)
	jw.RawStr(`{"integrations":{"Segment.io":{"apiKey":`)
	jw.Str(q.HTTP.PathValue("key"))
	jw.RawStr(`,"apiHost":`)
	jw.Str(host + "/v1")
	jw.RawStr(`,"protocol":`)
	jw.Str(protocol)
	jw.RawStr(`,"unbundledIntegrations":[],"addBundledMetadata":false,"maybeBundledConfigIds":{},"versionSettings":{"version":"4.4.7","componentTypes":["browser"]}}},` +
		`"plan":{"track":{"__default":{"enabled":true,"integrations":{}}},"identify":{"__default":{"enabled":true}},"group":{"__default":{"enabled":true}}},` +
		`"edgeFunction":{},"analyticsNextEnabled":true,"middlewareSettings":{},"enabledMiddleware":{},"metrics":{"sampleRate":0},` +
		`"legacyVideoPluginsEnabled":false,"remotePlugins":[]}`)
	q.Writer.Header().Set("Cache-Control", "no-store")
	return q.JSON(string(jw.Buf))
}

// own is how the client reached this server.
func own(r *http.Request) (host, protocol string) {
	protocol = "https"
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	// A proxy in front may have ended the encryption: http is told only where there is none.
	if ip := net.ParseIP(name); r.TLS == nil && r.Header.Get("X-Forwarded-Proto") != "https" && (name == "localhost" || ip != nil && ip.IsLoopback()) {
		protocol = "http"
	}
	return r.Host, protocol
}

// sourceConfig answers what RudderStack's browser library asks before it sends: a source without destinations.
func sourceConfig(q *ingest.Request) *problem.Problem {
	key := q.HTTP.URL.Query().Get("writeKey")
	if user, _, ok := q.HTTP.BasicAuth(); ok && key == "" {
		key = user
	}
	jw := jx.GetWriter()
	defer jx.PutWriter(jw)
	host, protocol := own(q.HTTP)
	jw.RawStr(`{"source":{"id":"weir","name":"weir","enabled":true,"workspaceId":"weir","writeKey":`)
	jw.Str(key)
	jw.RawStr(`,"config":{"statsCollection":{"errors":{"enabled":false},"metrics":{"enabled":false}}},"connections":[],"destinations":[],"dataplanes":{"US":[{"url":`)
	jw.Str(protocol + "://" + host)
	jw.RawStr(`,"default":true}]}},"updatedAt":"2024-01-01T00:00:00.000Z"}`)
	q.Writer.Header().Set("Cache-Control", "no-store")
	return q.JSON(string(jw.Buf))
}
