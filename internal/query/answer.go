package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"weir/internal/clickhouse"
	"weir/internal/problem"
)

// prefixSize is how much of an answer is held back before the first byte is sent, so that
// an engine that fails early still gets its proper status.
const prefixSize = 256 << 10

// cost is what a query cost, as it stands in answers.
type cost struct {
	CPUSeconds  float64 `json:"cpu_seconds"`
	MemoryBytes uint64  `json:"memory_bytes"`
	RowsRead    uint64  `json:"rows_read"`
	BytesRead   uint64  `json:"bytes_read"`
}

func costOf(s clickhouse.Summary) cost {
	return cost{CPUSeconds: s.CPU.Seconds(), MemoryBytes: s.PeakMemory, RowsRead: s.ReadRows, BytesRead: s.ReadBytes}
}

// Headers of an answer.
const (
	headerAsOf = "X-Weir-As-Of"
	headerCost = "X-Weir-Cost" // JSON; a trailer when the answer is long
)

// answer streams the engine's answer. An answer that fails after its first bytes is cut off: its client sees a broken body.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, f format, res *clickhouse.Result, asOf time.Time) *problem.Problem {
	res.Body = &bounded{ReadCloser: res.Body, left: h.cfg.MaxResult}
	prefix, err := io.ReadAll(io.LimitReader(res.Body, prefixSize))
	whole := err == nil && len(prefix) < prefixSize
	if err != nil {
		return h.engineProblem(r.Context(), err)
	}
	head := w.Header()
	head.Set("Content-Type", f.contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	head.Set(headerAsOf, asOf.UTC().Format(timeFormat))
	body := io.Reader(bytes.NewReader(prefix))
	if whole {
		head.Set(headerCost, h.charge(res))
	} else {
		head.Set("Trailer", headerCost)
		body = io.MultiReader(body, res.Body)
	}
	if f.enveloped() {
		err = copyEnveloped(w, body, func() ([]byte, error) { return envelope(asOf, costOf(res.Summary())) })
	} else {
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
		head.Set(headerCost, h.charge(res))
	}
	return nil
}

// bounded ends a body that is longer than the limit on answers with an error.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

var errTooLong = errors.New("the answer is longer than query.max_result")

// charge counts what the query cost and returns it as JSON.
func (h *Handler) charge(res *clickhouse.Result) string {
	s := res.Summary()
	h.metrics.cpu.Add(s.CPU.Seconds())
	h.metrics.read.Add(float64(s.ReadBytes))
	b, err := json.Marshal(costOf(s))
	if err != nil {
		return "{}"
	}
	return string(b)
}

// envelope is what is added before the closing brace of a JSON answer.
func envelope(asOf time.Time, c cost) ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("cost: %w", err)
	}
	return []byte(",\n\t\"as_of\": " + strconv.Quote(asOf.UTC().Format(timeFormat)) + ",\n\t\"cost\": " + string(b) + "\n}\n"), nil
}

var errNoObject = errors.New("the engine's answer is not a JSON object")

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
