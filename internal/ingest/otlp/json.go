package otlp

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/go-faster/jx"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// json reads an ExportLogsServiceRequest as JSON.
func (m *reader) json(body []byte) *problem.Problem {
	var logs []byte
	if prob := m.q.Envelope(body, pick(map[string]*[]byte{"resourceLogs": &logs})); prob != nil {
		return prob
	}
	if logs == nil {
		return nil // nothing was sent
	}
	if prob := m.q.Each(logs, "resourceLogs", func(raw []byte) *problem.Problem {
		var resource, scopes []byte
		if prob := parts(raw, map[string]*[]byte{"resource": &resource, "scopeLogs": &scopes}); prob != nil || scopes == nil {
			return prob
		}
		return m.q.Each(scopes, "scopeLogs", func(raw []byte) *problem.Problem {
			in := listed{resource: resource}
			if prob := parts(raw, map[string]*[]byte{"scope": &in.scope, "logRecords": &in.records}); prob != nil || in.records == nil {
				return prob
			}
			m.lists = append(m.lists, in)
			if prob := m.q.Hold(2 * int(unsafe.Sizeof(in))); prob != nil { // of a list that grows
				return prob
			}
			return m.q.Ahead(in.records, in.shared())
		})
	}); prob != nil {
		return prob
	}
	for _, in := range m.lists { // now it is known that they are not too many
		m.resource, m.scope = in.resource, in.scope
		m.q.Shared(in.shared())
		if prob := m.q.Each(in.records, "logRecords", func(raw []byte) *problem.Problem {
			prob := m.q.Add(raw, m.onEventJSON)
			m.index++
			return prob
		}); prob != nil {
			return prob
		}
	}
	return nil
}

// listed are the records of one scope of one resource, JSON.
type listed struct{ resource, scope, records []byte }

func (in *listed) shared() int { return len(in.resource) + len(in.scope) }

// pick keeps the JSON of some fields; null counts as absent.
func pick(to map[string]*[]byte) func(*jx.Decoder, []byte) error {
	return func(dec *jx.Decoder, key []byte) error {
		p, ok := to[string(key)]
		if !ok {
			return dec.Skip()
		}
		return ingest.Raw(dec, p)
	}
}

// parts is pick for an object that is known to be valid JSON.
func parts(raw []byte, to map[string]*[]byte) *problem.Problem {
	var dec jx.Decoder
	dec.ResetBytes(raw)
	if dec.Next() != jx.Object || dec.ObjBytes(pick(to)) != nil {
		return problem.New(400, "invalid_type", "resourceLogs and scopeLogs hold objects: nothing was accepted")
	}
	return nil
}

// readJSON reads a log record.
func (m *reader) readJSON(e *ingest.Event) error {
	m.begin(e)
	e.Rank(ingest.RankContext)
	var attributes []byte
	if err := e.Part(m.resource, "resource", pick(map[string]*[]byte{"attributes": &attributes})); err != nil {
		return err
	}
	if err := e.Elements(attributes, "resource.attributes", m.attributeJSON); err != nil {
		return err
	}
	attributes = nil
	if err := e.Part(m.scope, "scope", func(dec *jx.Decoder, key []byte) error {
		switch string(key) {
		case "name", "version":
			return e.PropertyUnder(dec, "scope", key)
		case "attributes":
			return ingest.Raw(dec, &attributes)
		}
		return dec.Skip()
	}); err != nil {
		return err
	}
	if err := e.Elements(attributes, "scope.attributes", m.attributeJSON); err != nil {
		return err
	}
	e.Rank(ingest.RankEvent)
	var body []byte
	attributes = nil
	if err := e.Object(func(dec *jx.Decoder, key []byte) error { return m.fieldJSON(dec, key, &body, &attributes) }); err != nil {
		return err
	}
	if body != nil {
		if err := m.valueJSON(keyBody, body); err != nil {
			return err
		}
	}
	e.Rank(ingest.RankProps)
	if err := e.Elements(attributes, "attributes", m.attributeJSON); err != nil {
		return err
	}
	return m.finish()
}

func (m *reader) fieldJSON(dec *jx.Decoder, key []byte, body, attributes *[]byte) (err error) {
	e := m.e
	switch string(key) {
	case "timeUnixNano":
		m.at, err = m.nanos(dec, "timeUnixNano")
	case "observedTimeUnixNano":
		m.seen, err = m.nanos(dec, "observedTimeUnixNano")
	case "severityNumber":
		return e.Property(dec, keyNumber)
	case "severityText":
		return m.textField(dec, keySeverity)
	case "traceId":
		return m.textField(dec, keyTrace)
	case "spanId":
		return m.textField(dec, keySpan)
	case "eventName":
		return e.Text(dec, "eventName", &m.name)
	case "body":
		return ingest.Raw(dec, body)
	case "attributes":
		return ingest.Raw(dec, attributes)
	default:
		return dec.Skip()
	}
	return err
}

func (m *reader) textField(dec *jx.Decoder, key []byte) error {
	var v []byte
	if err := m.e.Text(dec, string(key), &v); err != nil {
		return err
	}
	return m.e.AddText(key, v)
}

func (m *reader) nanos(dec *jx.Decoder, name string) (uint64, error) {
	var v []byte
	if err := m.e.Ident(dec, name, &v); err != nil || len(v) == 0 {
		return 0, err
	}
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil {
		return 0, ingest.Wrong(name, "%s is %q: it must be nanoseconds since 1970", name, v)
	}
	return n, nil
}

// attributeJSON reads {"key","value"}.
func (m *reader) attributeJSON(raw []byte) error {
	key, value, err := m.pairJSON(raw)
	if err != nil || value == nil {
		return err
	}
	return m.valueJSON(key, value)
}

func (m *reader) pairJSON(raw []byte) (key, value []byte, err error) {
	var dec jx.Decoder
	dec.ResetBytes(raw)
	if dec.Next() != jx.Object {
		return nil, nil, ingest.Wrong("attributes", "an attribute is an object with key and value")
	}
	err = dec.ObjBytes(func(dec *jx.Decoder, name []byte) error {
		switch string(name) {
		case "key":
			return m.e.Text(dec, "key", &key)
		case "value":
			return ingest.Raw(dec, &value)
		}
		return dec.Skip()
	})
	return key, value, err
}

// union reads an AnyValue: the name of the field that is set, and its JSON.
func union(raw []byte) (kind string, value []byte, err error) {
	var dec jx.Decoder
	dec.ResetBytes(raw)
	if dec.Next() != jx.Object {
		return "", nil, ingest.Wrong("value", "a value is an object like {\"stringValue\":\"…\"}")
	}
	err = dec.ObjBytes(func(dec *jx.Decoder, name []byte) (err error) {
		kind = string(name)
		value, err = dec.Raw()
		return err
	})
	return kind, value, err
}

// valueJSON reads an AnyValue into the property of that name; lists of pairs become dotted names.
func (m *reader) valueJSON(key, raw []byte) error {
	kind, v, err := union(raw)
	if err != nil {
		return err
	}
	is, own := address(key)
	if is && (!own || kind != "stringValue") {
		return nil
	}
	switch kind {
	case "stringValue", "bytesValue":
		text, err := m.scalar(v)
		if err != nil {
			return err
		}
		if own {
			m.e.SetIP(text)
			return nil
		}
		return m.text(key, text)
	case "boolValue":
		if bytes.Equal(v, valuesTrue) || bytes.Equal(v, valuesFalse) {
			return m.e.AddText(key, v)
		}
	case "intValue", "doubleValue":
		text, err := m.scalar(v)
		if err != nil {
			return err
		}
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return m.number(key, strconv.AppendInt(make([]byte, 0, 20), n, 10))
		}
		if f, err := strconv.ParseFloat(string(text), 64); err == nil && len(text) < 400 {
			return m.double(key, f)
		}
	case "arrayValue":
		var jw jx.Writer
		if err := m.arrayJSON(&jw, v); err != nil {
			return err
		}
		return m.e.AddText(key, m.e.Copy(jw.Buf))
	case "kvlistValue":
		if err := m.deeper(); err != nil {
			return err
		}
		err := m.values(v, func(raw []byte) error {
			inner, value, err := m.pairJSON(raw)
			if err != nil || value == nil {
				return err
			}
			return m.valueJSON(m.e.Join(key, ".", inner), value)
		})
		m.depth--
		return err
	case "":
		return nil
	}
	return ingest.Wrong(string(key), "the value has the kind %q, or one that does not fit it", kind)
}

// scalar reads a text or a number as text.
func (m *reader) scalar(raw []byte) (v []byte, err error) {
	var dec jx.Decoder
	dec.ResetBytes(raw)
	err = m.e.Ident(&dec, "value", &v)
	return v, err
}

// values calls f for the elements of {"values":[…]}.
func (m *reader) values(raw []byte, f func([]byte) error) error {
	var list []byte
	if prob := parts(raw, map[string]*[]byte{"values": &list}); prob != nil {
		return ingest.Wrong("values", "a list is an object with values")
	}
	return m.e.Elements(list, "values", f)
}

// arrayJSON writes an ArrayValue as plain JSON.
func (m *reader) arrayJSON(jw *jx.Writer, raw []byte) error {
	if err := m.deeper(); err != nil {
		return err
	}
	jw.RawStr("[")
	first := true
	err := m.values(raw, func(raw []byte) error {
		if !first {
			jw.Comma()
		}
		first = false
		return m.elementJSON(jw, raw)
	})
	jw.RawStr("]")
	m.depth--
	return err
}

func (m *reader) elementJSON(jw *jx.Writer, raw []byte) error {
	kind, v, err := union(raw)
	if err != nil {
		return err
	}
	switch kind {
	case "stringValue", "bytesValue":
		text, err := m.scalar(v)
		if err != nil {
			return err
		}
		jw.ByteStr(text)
	case "intValue", "doubleValue":
		text, err := m.scalar(v)
		if err != nil {
			return err
		}
		f, err := strconv.ParseFloat(string(text), 64)
		switch n, notInt := strconv.ParseInt(string(text), 10, 64); {
		case notInt == nil:
			jw.Int64(n)
		case err == nil:
			jw.Float64(f)
		default:
			jw.Null()
		}
	case "boolValue":
		jw.Bool(bytes.Equal(v, valuesTrue))
	case "arrayValue":
		return m.arrayJSON(jw, v)
	case "kvlistValue":
		return m.objectJSON(jw, v)
	default:
		jw.Null()
	}
	return nil
}

func (m *reader) objectJSON(jw *jx.Writer, raw []byte) error {
	if err := m.deeper(); err != nil {
		return err
	}
	jw.RawStr("{")
	first := true
	err := m.values(raw, func(raw []byte) error {
		key, value, err := m.pairJSON(raw)
		if err != nil || value == nil {
			return err
		}
		if !first {
			jw.Comma()
		}
		first = false
		jw.ByteStr(key)
		jw.RawStr(":")
		return m.elementJSON(jw, value)
	})
	jw.RawStr("}")
	m.depth--
	return err
}
