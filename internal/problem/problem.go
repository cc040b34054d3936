// Package problem is the shape of every error that leaves weir over HTTP:
// application/problem+json (RFC 9457) with a stable code, the field or limit
// concerned, and what to do next.
package problem

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an error for a caller. Code is stable and snake_case. Detail says what happened and what to do next.
type Problem struct {
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Code       string        `json:"code"`
	Detail     string        `json:"detail"`
	Field      string        `json:"field,omitempty"`       // the field of the request that is wrong
	Limit      string        `json:"limit,omitempty"`       // the limit that was met
	LimitValue float64       `json:"limit_value,omitempty"` // and its value; of a time in seconds
	RetryAfter time.Duration `json:"-"`                     // sent as Retry-After in whole seconds, at least 1
	Engine     int           `json:"-"`                     // the engine's code of a statement's error, else 0
}

// New makes a problem. The detail is formatted.
func New(status int, code, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid is a question whose field cannot be used: 422, with the code invalid_ and the field's name. Of a field within another, such as steps[0].goal, the code names the outermost (invalid_steps),
// so that codes are a known set; Field says the place. The detail is formatted.
func Invalid(field, format string, args ...any) *Problem {
	outer := field
	if i := strings.IndexAny(field, ".["); i > 0 {
		outer = field[:i]
	}
	return New(http.StatusUnprocessableEntity, "invalid_"+outer, format, args...).WithField(field)
}

// WithField names the field concerned.
func (p *Problem) WithField(f string) *Problem { p.Field = f; return p }

// WithLimit names the limit concerned and its value.
func (p *Problem) WithLimit(name string, value int64) *Problem {
	p.Limit, p.LimitValue = name, float64(value)
	return p
}

// WithAmount names the limit concerned and its value, which may have a fraction: an amount of money, or seconds.
func (p *Problem) WithAmount(name string, value float64) *Problem {
	p.Limit, p.LimitValue = name, value
	return p
}

// WithRetry says when to try again.
func (p *Problem) WithRetry(d time.Duration) *Problem { p.RetryAfter = d; return p }

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Code, p.Detail) }

// GetStatus serves huma's StatusError interface.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType serves huma's ContentTypeFilter interface.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders returns the headers that belong to p: Retry-After and WWW-Authenticate. It serves huma's HeadersError interface.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(max(1, int((p.RetryAfter+time.Second-1)/time.Second))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="weir"`)
	}
	return h
}

// Write answers a request with p.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, p.GetHeaders())
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone if this fails
}
