package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	for _, tc := range []struct {
		p          *Problem
		retry, www string
	}{
		{New(422, "invalid", "field %s", "x").WithField("x").WithLimit("bytes", 7), "", ""},
		{New(503, "busy", "later").WithRetry(1500 * time.Millisecond), "2", ""},
		{New(429, "slow", "later").WithRetry(time.Millisecond), "1", ""},
		{New(401, "missing_key", "who?"), "", `Bearer realm="weir"`},
	} {
		w := httptest.NewRecorder()
		tc.p.Write(w)
		if w.Code != tc.p.Status || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("X-Content-Type-Options") != "nosniff" ||
			w.Header().Get("Retry-After") != tc.retry || w.Header().Get("WWW-Authenticate") != tc.www {
			t.Errorf("%s: %d %v", tc.p, w.Code, w.Header())
		}
		got := &Problem{}
		if err := json.Unmarshal(w.Body.Bytes(), got); err != nil {
			t.Fatal(err)
		}
		got.RetryAfter = tc.p.RetryAfter // travels as a header
		if d := cmp.Diff(tc.p, got); d != "" {
			t.Error(d)
		}
	}
}

func TestIsAnError(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", New(404, "not_found", "no %s", "x"))
	var p *Problem
	if !errors.As(err, &p) || p.GetStatus() != 404 || p.Title != "Not Found" || p.Error() != "not_found: no x" {
		t.Errorf("got %v", p)
	}
}

// TestCodesAreKnown: a code names the outermost field, so that a place in a list makes none of its own.
func TestCodesAreKnown(t *testing.T) {
	for field, code := range map[string]string{"limit": "invalid_limit", "steps[0].goal": "invalid_steps", "steps[31].filter": "invalid_steps", "anchor.type": "invalid_anchor", "exclude[2]": "invalid_exclude"} {
		if p := Invalid(field, "%s is wrong", field); p.Status != 422 || p.Code != code || p.Field != field || p.Detail != field+" is wrong" {
			t.Errorf("%s: %+v", field, p)
		}
	}
}
