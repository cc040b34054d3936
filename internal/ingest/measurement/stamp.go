package measurement

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
)

// stamp is a timestamp_micros. What is wrong with it is the fault of the events that it is the time of, and of no others.
type stamp struct {
	said bool
	ms   int64 // Unix milliseconds
	err  error
}

// micros reads microseconds since 1970, as number or text. Null and an empty text say nothing.
func micros(dec *jx.Decoder) (s stamp, err error) {
	kind := dec.Next()
	raw, err := dec.Raw()
	if err != nil {
		return s, err
	}
	text := string(raw)
	switch kind {
	case jx.Null:
		return s, nil
	case jx.String:
		if text = strings.Trim(text, `"`); text == "" {
			return s, nil
		}
	case jx.Number:
	default:
		return stamp{said: true, err: ingest.Malformed("invalid_type", stampField, stampField+" must be a number, microseconds since 1970")}, nil
	}
	s.said = true
	s.ms, s.err = readMicros(text)
	return s, nil
}

const stampField = "timestamp_micros"

// mostMicros is more than any time that an event can have, and can be divided.
const mostMicros = 9e18

// readMicros reads a number into milliseconds.
func readMicros(text string) (int64, error) {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // some languages write large numbers with a fraction or an exponent
		f, err := strconv.ParseFloat(text, 64)
		switch {
		case math.IsNaN(f) || err != nil && !math.IsInf(f, 0):
			return 0, ingest.Wrong(stampField, "%s is %q: it must be microseconds since 1970, as 1782907140000000", stampField, short(text))
		case f >= mostMicros:
			return 0, ingest.Malformed("ts_out_of_range", stampField, stampField+" is "+short(text)+", after 2261: it must be microseconds since 1970")
		}
		if v = int64(max(f, -1)); f < 0 {
			v = -1
		}
	}
	if v < 0 {
		return 0, ingest.Malformed("ts_out_of_range", stampField, stampField+" is before 1970: the earliest time that an event can have is 0, microseconds since 1970")
	}
	return v / 1000, nil
}

// short is the beginning of what a sender wrote, for a message.
func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

// time sets the time of the event: its own, else the request's.
func (m *reader) time() error {
	at := m.at
	if !at.said {
		at = m.all
	}
	if !at.said || at.err != nil {
		return at.err
	}
	m.e.SetTime(at.ms)
	m.e.TimeOf(stampField, "microseconds")
	return nil
}
