package app

import (
	"net/http"

	"weir/internal/ingest"
	"weir/internal/ingest/plausible"
	"weir/internal/ingest/posthog"
	"weir/internal/ingest/segment"
)

// foreignDoors adds the doors for the clients of other products.
func foreignDoors(mux *http.ServeMux, h *ingest.Handler) {
	for _, register := range []func(*http.ServeMux, *ingest.Handler){segment.Register, posthog.Register, plausible.Register} {
		register(mux, h)
	}
}
