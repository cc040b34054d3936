package posthog

import (
	"net/http"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// settings are what the browser's library is told: how it may pack events, where they go, and that there is nothing else.
const settings = `"supportedCompression":["gzip","gzip-js"],"hasFeatureFlags":false,"captureDeadClicks":false,"capturePerformance":{"network_timing":false,"web_vitals":false},` +
	`"autocapture_opt_out":false,"autocaptureExceptions":false,"analytics":{"endpoint":"/i/v0/e/"},"elementsChainAsString":true,"sessionRecording":false,` +
	`"heatmaps":false,"surveys":false,"toolbarParams":{},"isAuthenticated":false,"siteApps":[],"defaultIdentifiedOnly":true`

// config answers GET /array/{token}/config.
func config(q *ingest.Request) *problem.Problem {
	q.Writer.Header().Set("Cache-Control", "public, max-age=300")
	return q.JSON(`{` + settings + `}`)
}

// configScript answers GET /array/{token}/config.js: the same as a script.
func configScript(q *ingest.Request) *problem.Problem {
	token := q.HTTP.PathValue("token")
	for _, c := range []byte(token) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return problem.New(http.StatusNotFound, "not_found", "this is no token")
		}
	}
	hd := q.Writer.Header()
	hd.Set("Content-Type", "application/javascript; charset=utf-8")
	hd.Set("X-Content-Type-Options", "nosniff")
	hd.Set("Cache-Control", "public, max-age=300")
	_, _ = q.Writer.Write([]byte(`(function(){window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{};window._POSTHOG_REMOTE_CONFIG["` + token +
		`"]={config:{"token":"` + token + `",` + settings + `},siteApps:[]}})();`))
	return nil
}

// script answers GET /static/array.js and what that loads: the library itself, which is not weir's to give.
func script(q *ingest.Request) *problem.Problem {
	return problem.New(http.StatusNotFound, "script_not_served",
		"weir does not serve posthog-js: bundle the npm package posthog-js, or host %s yourself, and set api_host to this server", q.HTTP.URL.Path)
}

// flags answers the question for feature flags: there are none.
func flags(q *ingest.Request) *problem.Problem {
	jw := jx.GetWriter()
	defer jx.PutWriter(jw)
	jw.RawStr(`{"flags":{},"featureFlags":{},"featureFlagPayloads":{},"errorsWhileComputingFlags":false,"requestId":"00000000-0000-0000-0000-000000000000",`)
	jw.RawStr(settings)
	jw.RawStr(`}`)
	return q.JSON(string(jw.Buf))
}
