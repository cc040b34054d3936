package ingest

import (
	"bytes"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// cloudEvent holds the attributes of a CloudEvent while it is decoded.
type cloudEvent struct {
	specVersion, id, source, subject []byte
}

// decodeCloud reads an event as a CloudEvent in structured mode: its attributes are the envelope, the fields of
// its data are those of a plain event, except for type, time and id. d.cloud.specVersion stays nil if it is none.
func (d *decoder) decodeCloud(ev []byte) *reject {
	d.reset()
	d.jx.ResetBytes(ev)
	if rej := d.ended(d.object(&d.jx, d.onCloud)); rej != nil {
		return rej
	}
	return d.finishCloud()
}

func (d *decoder) cloudField(dec *jx.Decoder, key []byte) error {
	switch string(key) {
	case "specversion":
		return d.text(dec, "specversion", seenSpec, &d.cloud.specVersion)
	case "id":
		return d.ident(dec, "id", seenID, &d.cloud.id)
	case "source":
		return d.text(dec, "source", seenSource, &d.cloud.source)
	case "subject":
		return d.text(dec, "subject", seenSubject, &d.cloud.subject)
	case "type":
		return d.text(dec, "type", seenType, &d.typ)
	case "time":
		return d.timestamp(dec, "time")
	case "data":
		return d.data(dec)
	}
	if known, err := d.senderField(dec, key); known {
		return err
	}
	d.origin = fromEnvelope
	err := d.property(dec, key)
	d.origin = fromTop
	return err
}

// data reads a CloudEvent's data: an object as fields, anything else as the property `data`.
func (d *decoder) data(dec *jx.Decoder) error {
	if err := d.once("data", seenData); err != nil {
		return err
	}
	if dec.Next() != jx.Object {
		return d.property(dec, []byte("data"))
	}
	if rej := d.deeper("data"); rej != nil {
		return rej
	}
	err := dec.ObjBytes(d.onData)
	d.depth--
	return err
}

func (d *decoder) dataField(dec *jx.Decoder, key []byte) error {
	if string(key) == "props" {
		return d.props(dec)
	}
	if known, err := d.senderField(dec, key); known {
		return err
	}
	return d.property(dec, key)
}

// finishCloud checks the required attributes. The event id is made of source and id, which together are unique; both, and the
// subject, stay readable as properties. Without a client_id in its data the subject is the client.
func (d *decoder) finishCloud() *reject {
	c := &d.cloud
	if c.specVersion == nil {
		return nil
	}
	if string(c.specVersion) != "1.0" {
		return rejectf(codeValue, "specversion", "the CloudEvents version is %q: only 1.0 is understood", clip(string(c.specVersion)))
	}
	for _, a := range []struct {
		name  string
		value []byte
	}{{"id", c.id}, {"source", c.source}, {"type", bytes.TrimSpace(d.typ)}} {
		if len(a.value) == 0 {
			return rejectf(codeMissing, a.name, "a CloudEvent needs the attribute %s", a.name)
		}
	}
	n := len(d.arena)
	d.arena = appendCloudID(d.arena, c.source, c.id)
	d.id = d.arena[n:len(d.arena):len(d.arena)]
	d.row.Type = d.typ
	for _, a := range []struct {
		name  string
		value []byte
	}{{"id", c.id}, {"source", c.source}, {"subject", c.subject}} {
		if len(a.value) == 0 {
			continue
		}
		if rej := d.addText([]byte(a.name), a.value, fromEnvelope); rej != nil {
			return rej
		}
	}
	if len(d.row.ClientID) == 0 {
		d.row.ClientID = c.subject
	}
	return d.finish()
}

// appendCloudID appends the event id of a CloudEvent: "source#id". Where source or id itself holds a '#', it is "source##id", and in both parts '%' is written as %25
// and '#' as %23. So no two pairs have one id: the first form has one '#' and parts as they are, the second has two, side by side, and parts that can be read back.
func appendCloudID(dst, source, id []byte) []byte {
	if bytes.IndexByte(source, '#') < 0 && bytes.IndexByte(id, '#') < 0 {
		return append(append(append(dst, source...), '#'), id...)
	}
	return appendEscaped(append(appendEscaped(dst, source), "##"...), id)
}

func appendEscaped(dst, part []byte) []byte {
	for _, c := range part {
		switch c {
		case '%':
			dst = append(dst, "%25"...)
		case '#':
			dst = append(dst, "%23"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// decodeBinary reads a CloudEvent in binary mode: the attributes are headers, the body is the data.
func (d *decoder) decodeBinary(h http.Header, body []byte) *reject {
	d.reset()
	if len(body) > d.eventMax {
		return d.tooLarge(len(body))
	}
	if !utf8.Valid(body) {
		return rejectf(codeUTF8, "data", "the data is not valid UTF-8: only JSON and text are taken")
	}
	if rej := d.binaryHeaders(h); rej != nil {
		return rej
	}
	d.jx.ResetBytes(body)
	switch t := d.jx.Next(); {
	case t == jx.Object:
		d.depth = 2
		if rej := d.ended(d.jx.ObjBytes(d.onData)); rej != nil {
			return rej
		}
	case len(body) == 0:
	case t != jx.Invalid:
		if rej := d.ended(d.property(&d.jx, []byte("data"))); rej != nil {
			return rej
		}
	default:
		if bytes.IndexByte(body, 0) >= 0 {
			return rejectf(codeNUL, "data", "the data hold a NUL character: only JSON and text are taken")
		}
		if rej := d.addText([]byte("data"), body, fromTop); rej != nil {
			return rej
		}
	}
	return d.finishCloud()
}

func (d *decoder) binaryHeaders(h http.Header) *reject {
	for name, values := range h {
		if len(name) < 4 || name[:3] != "Ce-" {
			continue
		}
		text, err := url.PathUnescape(values[0])
		if err != nil {
			text = values[0]
		}
		attr := lower(name[3:])
		v := []byte(text)
		if !utf8.Valid(v) {
			return rejectf(codeUTF8, attr, "the header %s is not valid UTF-8", name)
		}
		if bytes.IndexByte(v, 0) >= 0 {
			return rejectf(codeNUL, attr, "the header %s holds a NUL character: remove it", name)
		}
		switch attr {
		case "specversion":
			d.cloud.specVersion = v
		case "id":
			d.cloud.id = v
		case "source":
			d.cloud.source = v
		case "subject":
			d.cloud.subject = v
		case "type":
			d.typ = v
		case "time":
			ms, ok := parseTime(v)
			if !ok {
				if rej := unstorable("time", v); rej != nil {
					return rej
				}
				return rejectf(codeValue, "time", "time is %q: use RFC 3339 with a zone as in 2026-01-31T12:00:00Z", clip(text))
			}
			d.tsMS, d.hasTS = ms, true
		case "ip":
			d.ip = v
		default:
			if rej := d.addText([]byte(attr), v, fromEnvelope); rej != nil {
				return rej
			}
		}
	}
	return nil
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
