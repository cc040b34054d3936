package ingest

import (
	"errors"
	"io"
	"strconv"
)

// malformed says what is wrong with JSON that cannot be read; raw is all of it, if that is at hand.
func malformed(err error, raw []byte) *reject {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return rejectf(codeMalformed, "", "the JSON ends too early, or in the middle of a number: close what is open, and put one event on a line, or all of them in one array")
	}
	cause := rootCause(err)
	if cause == "depth: maximum" { // jx does not export it
		place := ""
		if at := deepAt(raw, maxNesting); at > 0 {
			place = ", from byte " + strconv.Itoa(at) + " on"
		}
		return rejectf(codeMalformed, "", "the JSON is nested deeper than %d arrays and objects within each other%s, which is read no further: make it flatter, or look whether brackets are closed (an event may be nested as deep as ingest.max_depth says)", maxNesting, place)
	}
	return rejectf(codeMalformed, "", "this is not valid JSON: %s", clip(cause))
}

// maxNesting is how deep any JSON may be nested at all: jx reads no deeper.
const maxNesting = 10_000

// deepAt is how many bytes of JSON come before the bracket that is nested deeper than most; 0: none is.
func deepAt(raw []byte, most int) int {
	depth, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			if depth++; depth > most {
				return i
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return 0
}

// rootCause is the text of the innermost error: it names the byte and its place.
func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
