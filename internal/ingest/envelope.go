package ingest

import (
	"errors"
	"io"
	"net/http"

	"github.com/go-faster/jx"

	"weir/internal/problem"
)

// Envelope reads the object that a body is: field is called for each of its names, and reads or skips the value. A body that is no JSON object is
// a fault of the whole request.
func (q *Request) Envelope(body []byte, field func(*jx.Decoder, []byte) error) *problem.Problem {
	if len(body) == 0 {
		return problem.New(http.StatusBadRequest, "empty_body", "the request has no body")
	}
	d := q.j.dec
	d.reset()
	d.jx.ResetBytes(body)
	if rej := d.ended(d.object(&d.jx, field)); rej != nil {
		return badRequest(rej)
	}
	return nil
}

// Text reads a string of an envelope, and keeps it for the whole request. Other types count as absent.
func (q *Request) Text(dec *jx.Decoder, to *[]byte) error {
	if dec.Next() != jx.String {
		return dec.Skip()
	}
	v, err := dec.StrBytes()
	if err != nil {
		return err
	}
	*to = q.Keep(v)
	return nil
}

// Own is Text for what tells visitors apart. bad is why no event can be taken with it: with what stands for bytes that are no text two visitors would be one.
func (q *Request) Own(dec *jx.Decoder, name string, to *[]byte) (bad, err error) {
	if dec.Next() != jx.String {
		return nil, dec.Skip()
	}
	v, err := dec.StrBytes()
	if err != nil {
		return nil, err
	}
	if bad = checkText(name, v); bad == nil {
		*to = q.Keep(v)
	}
	return bad, nil
}

// Each calls f with the JSON of every element of an array, which is the field of that name. When the array is not valid JSON, nothing of the request may be taken.
func (q *Request) Each(array []byte, field string, f func(raw []byte) *problem.Problem) *problem.Problem {
	var dec jx.Decoder
	dec.ResetBytes(array)
	if t := dec.Next(); t != jx.Array && t != jx.Invalid {
		return problem.New(http.StatusBadRequest, codeType, "%s must be an array, not %s: send its events as [{…}]", field, article(t)).WithField(field)
	}
	return each(array, f)
}

// each reads a JSON array. A *problem.Problem of f ends it.
func each(array []byte, f func(raw []byte) *problem.Problem) *problem.Problem {
	var dec jx.Decoder
	dec.ResetBytes(array)
	err := dec.Arr(func(dec *jx.Decoder) error {
		raw, err := dec.Raw()
		if err != nil {
			return err
		}
		if prob := f(raw); prob != nil {
			return prob
		}
		return nil
	})
	var prob *problem.Problem
	switch {
	case errors.As(err, &prob):
		return prob
	case err != nil:
		return badRequest(malformed(err, array))
	}
	if err := dec.Skip(); err != io.EOF {
		return badRequest(rejectf(codeTrailing, "", "something follows the array's closing bracket: nothing was accepted"))
	}
	return nil
}
