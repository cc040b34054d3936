package measurement

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// debug answers what is wrong with a request, and stores and counts nothing. It also says what would be taken and is hardly meant.
func debug(q *ingest.Request) *problem.Problem {
	body, prob := serve(q)
	if prob != nil && (prob.Status >= 500 || prob.Status == http.StatusTooManyRequests) {
		return prob
	}
	a := answer{jx.GetWriter(), 0, map[string]bool{}}
	defer jx.PutWriter(a.jw)
	a.jw.RawStr(`{"validationMessages":[`)
	if prob != nil {
		a.say(requestPath(q, prob), prob.Detail, validation(prob.Code))
	} else {
		events := split(body)
		for _, r := range q.Rejects() {
			var raw []byte
			if r.Index < len(events) {
				raw = events[r.Index]
			}
			a.say(eventPath(r, raw), r.Message, validation(r.Code))
		}
		a.warn(body, events)
	}
	a.jw.RawStr(`]}`)
	q.Writer.Header().Set("Content-Type", "application/json")
	_, _ = q.Writer.Write(a.jw.Buf) // the client has gone if this fails
	return nil
}

// maxMessages of one answer.
const maxMessages = 200

// answer is what /debug says.
type answer struct {
	jw   *jx.Writer
	n    int
	once map[string]bool // fields of the request of which something was said: it is the same for all events
}

func (a *answer) say(path, description, code string) {
	if path != "" && !strings.HasPrefix(path, "events[") {
		if a.once[path] {
			return
		}
		a.once[path] = true
	}
	if a.n == maxMessages {
		return
	}
	if a.n++; a.n > 1 {
		a.jw.Comma()
	}
	a.jw.RawStr(`{"fieldPath":`)
	a.jw.Str(path)
	a.jw.RawStr(`,"description":`)
	a.jw.Str(description)
	a.jw.RawStr(`,"validationCode":`)
	a.jw.Str(code)
	a.jw.RawStr(`}`)
}

// requestPath is the field that is the reason why nothing of a request is taken.
func requestPath(q *ingest.Request, prob *problem.Problem) string {
	switch {
	case prob.Field == "site_id":
		if q.HTTP.URL.Query().Get("measurement_id") == "" {
			return "firebase_app_id"
		}
		return "measurement_id"
	case prob.Field == "" && prob.Status == http.StatusUnauthorized, prob.Code == "forbidden":
		return "api_secret"
	}
	return prob.Field
}

// eventPath is the field that is the reason why an event is not taken: one of the request, of the event, or of its parameters.
func eventPath(r ingest.Reject, raw []byte) string {
	field := strings.TrimPrefix(r.Field, "props.")
	path := "events[" + strconv.Itoa(r.Index) + "]"
	switch field {
	case "":
		return path
	case "client_id", "app_instance_id", "user_id", "user_agent":
		return field
	case stampField:
		own := false
		each(raw, func(key string, kind jx.Type, v []byte) {
			own = own || key == stampField && kind != jx.Null && string(v) != `""`
		})
		if !own {
			return field
		}
	}
	return path + "." + field
}

// validation is the protocol's own code for one of ours.
func validation(code string) string {
	switch code {
	case "field_missing", "missing_key", "empty_body":
		return "VALUE_REQUIRED"
	case "ts_out_of_range", "number_out_of_range":
		return "VALUE_OUT_OF_BOUNDS"
	case "too_many_properties", "event_too_large", "too_many_events", "body_too_large", "too_deep":
		return "EXCEEDED_MAX_ENTITIES"
	case "key_too_long":
		return "NAME_INVALID"
	}
	return "VALUE_INVALID"
}
