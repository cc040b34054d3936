package importer

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/go-faster/jx"
)

// ndjson passes events on as they are and adds the event_id that they lack. A CloudEvent, which has an
// id of its own, is not touched.
type ndjson struct{ d jx.Decoder }

// scan is what is known of a line.
type scan struct {
	hasID, cloud, empty bool
	blankID             bool   // it has an event_id that says nothing: null or ""
	ts                  []byte // raw JSON
}

var errNotObject = errors.New("the line is not one JSON object")

func (n *ndjson) scan(text []byte) (scan, error) {
	s := scan{empty: true}
	if len(text) == 0 || text[0] != '{' {
		return s, errNotObject
	}
	n.d.ResetBytes(text)
	if raw, err := n.d.Raw(); err != nil || len(raw) != len(text) {
		return s, errNotObject
	}
	n.d.ResetBytes(text)
	err := n.d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		s.empty = false
		switch string(key) {
		case "event_id":
			raw, err := d.Raw()
			s.blankID = string(raw) == "null" || string(raw) == `""`
			s.hasID = !s.blankID
			return err
		case "specversion":
			s.cloud = true
		case "ts":
			raw, err := d.Raw()
			s.ts = raw
			return err
		}
		return d.Skip()
	})
	return s, err
}

func (n *ndjson) time(text []byte) (int64, bool) {
	s, err := n.scan(bytes.TrimSpace(text))
	if err != nil {
		return 0, false
	}
	return parseTS(s.ts)
}

// parseTS reads a ts as /ingest does: seconds, milliseconds or RFC 3339.
func parseTS(raw []byte) (int64, bool) {
	if len(raw) > 2 && raw[0] == '"' {
		t, err := time.Parse(time.RFC3339Nano, string(raw[1:len(raw)-1]))
		return t.UnixMilli(), err == nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < 0 || f > 1e15 {
		return 0, false
	}
	if f < 1e11 {
		f *= 1000
	}
	return int64(f), true
}

func (n *ndjson) appendEvent(dst, text, id []byte, shift int64) ([]byte, bool, *rejection) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return dst, false, nil
	}
	s, err := n.scan(text)
	if err != nil {
		return dst, false, &rejection{"malformed_json", "", errNotObject.Error()}
	}
	if s.cloud {
		return append(dst, text...), true, nil
	}
	if shift != 0 || s.blankID {
		return n.appendRewritten(dst, text, id, s, shift), true, nil
	}
	if s.hasID {
		return append(dst, text...), true, nil
	}
	dst = appendID(append(dst, '{'), id)
	if !s.empty {
		dst = append(dst, ',')
	}
	return append(dst, bytes.TrimLeft(text[1:], " \t\r\n")...), true, nil
}

func appendID(dst, id []byte) []byte {
	return append(append(append(dst, `"event_id":"`...), id...), '"')
}

// appendRewritten writes the line with another time or id. A line whose time cannot be read keeps it, for the server to refuse.
func (n *ndjson) appendRewritten(dst, text, id []byte, s scan, shift int64) []byte {
	dst = append(dst, '{')
	if !s.hasID {
		dst = appendID(dst, id)
	}
	sep := func() {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
	}
	n.d.ResetBytes(text)
	_ = n.d.ObjBytes(func(d *jx.Decoder, key []byte) error { // scan has read it without error
		name := jxString(key)
		raw, err := d.Raw()
		if err != nil || (!s.hasID && string(key) == "event_id") {
			return err
		}
		sep()
		dst = append(append(dst, name...), ':')
		if ts, ok := parseTS(raw); string(key) == "ts" && ok && shift != 0 {
			dst = appendTime(dst, ts+shift)
		} else {
			dst = append(dst, raw...)
		}
		return nil
	})
	return append(dst, '}')
}

func jxString(s []byte) []byte {
	var e jx.Encoder
	e.ByteStr(s)
	return e.Bytes()
}
