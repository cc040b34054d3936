package app

import (
	"net/http"

	"weir/internal/ingest"
	"weir/internal/ingest/measurement"
	"weir/internal/ingest/otlp"
	"weir/internal/ingest/plausible"
	"weir/internal/ingest/posthog"
	"weir/internal/ingest/segment"
	"weir/internal/ingest/snowplow"
)

// foreignDoors adds the doors for the clients of other products. snowplowPath is a further address of Snowplow's trackers; empty: there is none.
func foreignDoors(mux *http.ServeMux, h *ingest.Handler, snowplowPath string) {
	for _, register := range []func(*http.ServeMux, *ingest.Handler){
		segment.Register, posthog.Register, plausible.Register, snowplow.Register, measurement.Register, otlp.Register,
	} {
		register(mux, h)
	}
	if snowplowPath != "" {
		snowplow.RegisterPath(mux, h, snowplowPath)
	}
}
