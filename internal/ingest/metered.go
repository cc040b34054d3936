package ingest

import (
	"bytes"
	"net/http"

	"weir/internal/problem"
)

var meteredDoor = Door{Name: "cloudevents", Methods: []string{http.MethodPost}}

// Metered serves POST /api/v1/events: the door of clients that send usage as CloudEvents to a metering service (OpenMeter's API). It takes
// CloudEvents only, in structured, batch or binary mode, and answers 204.
func (h *Handler) Metered(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, &meteredDoor, h.metered)
}

func (h *Handler) metered(w http.ResponseWriter, r *http.Request, j *job) *problem.Problem {
	j.cloudOnly = true
	if prob := h.keyed(w, r, j, j.cloudEvents); prob != nil {
		return prob
	}
	tok, prob := j.commitPublic(w, r)
	if prob == nil {
		j.answerHeaders(w, tok)
		w.WriteHeader(http.StatusNoContent)
	}
	return prob
}

// cloudEvents reads one CloudEvent or an array of them.
func (j *job) cloudEvents(r *http.Request, body []byte) *problem.Problem {
	body = bytes.TrimSpace(body)
	switch {
	case r.Header.Get("Ce-Specversion") != "":
		return j.binary(r.Header, body)
	case len(body) == 0:
		return problem.New(http.StatusBadRequest, "empty_body", "the body holds no event: send a CloudEvent, or a JSON array of them")
	case body[0] == '[':
		return j.array(body)
	}
	return j.single(body)
}

// cloud refuses what was read if only CloudEvents are taken and it is none.
func (j *job) cloud(rej *reject) *reject {
	if rej == nil && j.cloudOnly && j.dec.cloud.specVersion == nil {
		return rejectf(codeMissing, "specversion", "this is no CloudEvent: set specversion to 1.0, or send it to /ingest")
	}
	return rej
}
