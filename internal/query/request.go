package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/internal/clickhouse"
	"weir/internal/problem"
	"weir/internal/tenant"
)

// maxBody is the largest request, in bytes: the statement, escaped, and its parameters.
const maxBody = 1 << 20

// request is the body of POST /api/v1/query.
type request struct {
	SQL      string                     `json:"sql"`
	Params   map[string]json.RawMessage `json:"params"`
	Format   string                     `json:"format"`
	MinToken string                     `json:"min_token"`
	AsOf     string                     `json:"as_of"`
	MaxCost  *float64                   `json:"max_cost"`
	MaxBytes *int64                     `json:"max_bytes"`
	DryRun   bool                       `json:"dry_run"`
	Async    bool                       `json:"async"`
}

var requestFields = []string{"sql", "params", "format", "min_token", "as_of", "max_cost", "max_bytes", "dry_run", "async"}

func readRequest(w http.ResponseWriter, r *http.Request) (*request, *problem.Problem) {
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); coding {
	case "", "identity":
	default:
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported_encoding",
			"Content-Encoding is %q: send the body as it is, without this header", fmt.Sprintf("%.40s", coding)).WithField("Content-Encoding")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(http.StatusRequestEntityTooLarge, "body_too_large",
			"the request is larger than %d bytes; a statement may have %d", maxBody, MaxText).WithLimit("body_bytes", maxBody)
	case err != nil:
		return nil, problem.New(http.StatusBadRequest, "body_cut_off", "the request's body could not be read: %v", err)
	}
	if at, ok := firstInvalid(body); ok {
		return nil, problem.New(http.StatusBadRequest, "malformed_json",
			"the body is not valid UTF-8: byte 0x%02x at offset %d; send UTF-8, and write other bytes in SQL as unhex('ff')", body[at], at)
	}
	if p := exactFields(body); p != nil {
		return nil, p
	}
	q := &request{}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(q); err != nil {
		return nil, badJSON(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, problem.New(http.StatusBadRequest, "malformed_json", "something follows the JSON object; send one object")
	}
	if q.MaxCost != nil && !(*q.MaxCost > 0) {
		return nil, problem.New(http.StatusUnprocessableEntity, "bad_bound", "max_cost is %g, it must be above 0; leave it out for no bound", *q.MaxCost).WithField("max_cost")
	}
	if q.MaxBytes != nil && *q.MaxBytes < 1 {
		return nil, problem.New(http.StatusUnprocessableEntity, "bad_bound", "max_bytes is %d, it must be at least 1; leave it out for no bound", *q.MaxBytes).WithField("max_bytes")
	}
	if strings.TrimSpace(q.SQL) == "" {
		return nil, problem.New(http.StatusUnprocessableEntity, "missing_field", "sql is missing or empty; send the statement to run").WithField("sql")
	}
	return q, nil
}

// firstInvalid finds the first byte that is not part of UTF-8. encoding/json would replace it, and another statement would run.
func firstInvalid(text []byte) (at int, found bool) {
	if utf8.Valid(text) {
		return 0, false
	}
	for {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n <= 1 {
			return at, true
		}
		at += n
	}
}

// exactFields refuses a field that comes twice, or that is spelled in other letters: encoding/json would take the last one. What is no object passes.
func exactFields(body []byte) *problem.Problem {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil
		}
		switch {
		case !slices.Contains(requestFields, name):
			return unknownField(name)
		case seen[name]:
			return problem.New(http.StatusUnprocessableEntity, "duplicate_field", "%s comes twice: send it once", name).WithField(name)
		}
		seen[name] = true
		var skipped json.RawMessage
		if dec.Decode(&skipped) != nil {
			return nil
		}
	}
	return nil
}

func unknownField(name string) *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "unknown_field", "there is no field %q; the fields are %s", name, strings.Join(requestFields, ", ")).WithField(name)
}

func badJSON(err error) *problem.Problem {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) && typ.Field != "" {
		return problem.New(http.StatusUnprocessableEntity, "wrong_type", "%s must not be a JSON %s", typ.Field, typ.Value).WithField(typ.Field)
	}
	if errors.As(err, &typ) {
		return problem.New(http.StatusBadRequest, "malformed_json", `the body is a JSON %s; it must be an object such as {"sql": "SELECT 1"}`, typ.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), `json: unknown field "`); ok {
		return unknownField(strings.TrimSuffix(name, `"`))
	}
	return problem.New(http.StatusBadRequest, "malformed_json", `the body is not a JSON object such as {"sql": "SELECT 1"}: %v`, err)
}

// question is what is asked, by who asks.
func (q *request) question(who tenant.Principal, r *http.Request) (*Question, *problem.Problem) {
	params, p := q.params()
	if p != nil {
		return nil, p
	}
	out := &Question{Who: who, Door: DoorAPI, From: r.RemoteAddr, SQL: q.SQL, Params: params, Format: q.Format, MinToken: q.MinToken, AsOf: q.AsOf}
	if q.MaxCost != nil {
		out.MaxCost = *q.MaxCost
	}
	if q.MaxBytes != nil {
		out.MaxBytes = uint64(*q.MaxBytes)
	}
	return out, nil
}

// MaxParams is how many parameters a statement may have.
const MaxParams = 1000

// params turns the JSON values into the engine's text form.
func (q *request) params() (map[string]string, *problem.Problem) {
	if n := len(q.Params); n > MaxParams {
		return nil, problem.New(http.StatusUnprocessableEntity, "bad_parameter", "there are %d parameters, and at most %d may be; give lists as one array", n, MaxParams).
			WithField("params").WithLimit("params", MaxParams)
	}
	out := map[string]string{}
	for name, raw := range q.Params {
		field := "params." + name
		if !isPlainName(name) || len(name) > 64 {
			return nil, problem.New(http.StatusUnprocessableEntity, "bad_parameter",
				"%q cannot name a parameter; use letters, digits and _", name).WithField(field)
		}
		v, err := paramText(raw)
		if err != nil {
			return nil, problem.New(http.StatusUnprocessableEntity, "bad_parameter", "%s: %v", field, err).WithField(field)
		}
		out[name] = v
	}
	return out, nil
}

func paramText(raw json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", err
	}
	switch x := v.(type) {
	case nil:
		return `\N`, nil
	case string:
		return clickhouse.EscapeParam(x), nil
	case []any:
		return paramArray(x, 0) // arrays are read as they stand
	}
	return scalarText(v)
}

func scalarText(v any) (string, error) {
	switch x := v.(type) {
	case bool:
		return fmt.Sprint(x), nil
	case json.Number:
		return x.String(), nil
	}
	return "", errors.New("a value is a string, a number, true, false, null or an array of these")
}

func paramArray(all []any, depth int) (string, error) {
	if depth > 8 {
		return "", errors.New("arrays are nested deeper than 8")
	}
	parts := make([]string, len(all))
	for i, v := range all {
		var err error
		switch x := v.(type) {
		case nil:
			parts[i] = "NULL"
		case string:
			parts[i] = "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'", "\x00", "\\0").Replace(x) + "'"
		case []any:
			parts[i], err = paramArray(x, depth+1)
		default:
			parts[i], err = scalarText(v)
		}
		if err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(parts, ",") + "]", nil
}
