package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"weir/internal/problem"
	"weir/internal/usage"
)

// prefixSize is how much of an answer is held back before the first byte is sent, so that
// an engine that fails early still gets its proper status.
const prefixSize = 256 << 10

// Headers of an answer.
const (
	headerAsOf     = "X-Weir-As-Of"
	headerCost     = "X-Weir-Cost"     // JSON; a trailer when the answer is long
	headerSnapshot = "X-Weir-Snapshot" // a token: as_of with it asks for the same rows again
	headerCache    = "X-Weir-Cache"    // hit or miss
)

// answer streams the engine's answer. An answer that fails after its first bytes is cut off: its client sees a broken body.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, a *Answer) *problem.Problem {
	f, _ := formatByName(a.Format)
	prefix, err := io.ReadAll(io.LimitReader(a.Body, prefixSize))
	whole := err == nil && len(prefix) < prefixSize
	if err != nil {
		return h.engineProblem(r.Context(), err)
	}
	head := w.Header()
	head.Set("Content-Type", f.contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	head.Set(headerAsOf, a.AsOf.UTC().Format(timeFormat))
	if a.Snapshot != "" {
		head.Set(headerSnapshot, a.Snapshot)
	}
	head.Set(headerCache, map[bool]string{true: "hit", false: "miss"}[a.Cached])
	body := io.Reader(bytes.NewReader(prefix))
	if whole {
		head.Set(headerCost, costHeader(a.Cost()))
	} else {
		head.Set("Trailer", headerCost)
		body = io.MultiReader(body, a.Body)
	}
	switch {
	case f.enveloped() && whole:
		err = writeEnveloped(w, prefix, a)
	case f.enveloped():
		err = copyEnveloped(w, body, func() ([]byte, error) { return envelope(a) })
	default:
		_, err = io.Copy(w, body)
	}
	if err != nil {
		h.metrics.requests.WithLabelValues("cut_off").Inc()
		if r.Context().Err() == nil {
			h.log.Warn("an answer was cut off", "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	if !whole {
		head.Set(headerCost, costHeader(a.Cost()))
	}
	return nil
}

// costHeader is the value of X-Weir-Cost.
func costHeader(c usage.Cost) string {
	b, err := json.Marshal(c)
	if err != nil { // an amount that is no number
		return "{}"
	}
	return string(b)
}

// envelope is what is added before the closing brace of a JSON answer.
func envelope(a *Answer) ([]byte, error) {
	cost, err := json.Marshal(a.Cost())
	if err != nil {
		return nil, fmt.Errorf("cost: %w", err)
	}
	b := append(make([]byte, 0, 512), ",\n\t\"as_of\": "...)
	b = strconv.AppendQuote(b, a.AsOf.UTC().Format(timeFormat))
	if a.Snapshot != "" {
		b = append(b, ",\n\t\"snapshot\": "...)
		b = strconv.AppendQuote(b, a.Snapshot)
	}
	b = append(b, ",\n\t\"cost\": "...)
	return append(append(b, cost...), "\n}\n"...), nil
}

var errNoObject = errors.New("the engine's answer is not a JSON object")

// writeEnveloped writes a JSON object that is there as a whole, with the envelope before its end.
func writeEnveloped(w io.Writer, object []byte, a *Answer) error {
	end := bytes.TrimRight(object, " \t\r\n")
	if len(end) == 0 || end[len(end)-1] != '}' {
		return errNoObject
	}
	tail, err := envelope(a)
	if err != nil {
		return err
	}
	if _, err = w.Write(bytes.TrimRight(end[:len(end)-1], " \t\r\n")); err == nil {
		_, err = w.Write(tail)
	}
	return err
}

// copyEnveloped copies a JSON object and puts tail, which begins with a comma and ends with a brace, in place of its end.
func copyEnveloped(w io.Writer, r io.Reader, tail func() ([]byte, error)) error {
	const keep = 64 // the end of the answer: a brace and blanks
	buf := make([]byte, 0, 64<<10)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF:
			end := bytes.TrimRight(buf, " \t\r\n")
			if len(end) == 0 || end[len(end)-1] != '}' {
				return errNoObject
			}
			t, err := tail()
			if err != nil {
				return err
			}
			_, err = w.Write(append(bytes.TrimRight(end[:len(end)-1], " \t\r\n"), t...))
			return err
		case err != nil:
			return err
		}
		if len(buf) > cap(buf)/2 {
			if _, err := w.Write(buf[:len(buf)-keep]); err != nil {
				return err
			}
			buf = append(buf[:0], buf[len(buf)-keep:]...)
		}
	}
}
