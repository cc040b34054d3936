package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"net/http"
	"strconv"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/encoding/protowire"

	"weir/internal/ingest"
	"weir/internal/problem"
)

// fields calls f for each field of a message: v is the content of a text, a list of bytes or a message, n that of a number.
func fields(b []byte, f func(num protowire.Number, typ protowire.Type, v []byte, n uint64) error) error {
	for len(b) > 0 {
		num, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errMalformed
		}
		b = b[size:]
		var v []byte
		var n uint64
		switch typ {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			n, size = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var short uint32
			short, size = protowire.ConsumeFixed32(b)
			n = uint64(short)
		default:
			size = protowire.ConsumeFieldValue(num, typ, b)
		}
		if size < 0 {
			return errMalformed
		}
		b = b[size:]
		if err := f(num, typ, v, n); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for each message in a field of another.
func each(b []byte, field protowire.Number, f func([]byte) error) error {
	return fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) error {
		if num != field || typ != protowire.BytesType {
			return nil
		}
		return f(v)
	})
}

// one returns the last message in a field of another.
func one(b []byte, field protowire.Number) (found []byte, err error) {
	err = each(b, field, func(v []byte) error {
		found = v
		return nil
	})
	return found, err
}

// binary reads an ExportLogsServiceRequest. What is no such message is a fault of the whole request.
func (m *reader) binary(body []byte) *problem.Problem {
	err := m.scopes(body, func(scopeLogs []byte, shared int) error {
		n := 0
		err := each(scopeLogs, 2, func([]byte) error {
			n++
			return nil
		})
		if prob := m.q.AheadOf(n, shared); prob != nil && err == nil {
			return prob
		}
		return err
	})
	if err == nil { // now it is known that they are not too many
		err = m.scopes(body, func(scopeLogs []byte, shared int) error {
			m.q.Shared(shared)
			return each(scopeLogs, 2, func(record []byte) error {
				if prob := m.q.Add(record, m.onEventBinary); prob != nil {
					return prob
				}
				m.index++
				return nil
			})
		})
	}
	if prob, ok := err.(*problem.Problem); ok {
		return prob
	}
	if err != nil {
		return problem.New(http.StatusBadRequest, "malformed_protobuf", "the body is neither JSON nor a protobuf message of the type ExportLogsServiceRequest: nothing was accepted")
	}
	return nil
}

// scopes calls f for each ScopeLogs, with how many bytes its records have in common, which are then those of m.
func (m *reader) scopes(body []byte, f func(scopeLogs []byte, shared int) error) error {
	return each(body, 1, func(logs []byte) (err error) {
		if m.resource, err = one(logs, 1); err != nil {
			return err
		}
		return each(logs, 2, func(scopeLogs []byte) (err error) {
			if m.scope, err = one(scopeLogs, 1); err != nil {
				return err
			}
			return f(scopeLogs, len(m.resource)+len(m.scope))
		})
	})
}

// readBinary reads a LogRecord.
func (m *reader) readBinary(e *ingest.Event) error {
	m.begin(e)
	e.Rank(ingest.RankContext)
	if err := each(m.resource, 1, m.attribute); err != nil {
		return err
	}
	if err := fields(m.scope, m.scopeField); err != nil {
		return err
	}
	e.Rank(ingest.RankEvent)
	if err := fields(e.Raw(), m.recordField); err != nil {
		return err
	}
	e.Rank(ingest.RankProps)
	if err := each(e.Raw(), 6, m.attribute); err != nil {
		return err
	}
	return m.finish()
}

func (m *reader) scopeField(num protowire.Number, typ protowire.Type, v []byte, _ uint64) error {
	if typ != protowire.BytesType {
		return nil
	}
	switch num {
	case 1:
		return m.checked(keyScope, v)
	case 2:
		return m.checked(keyVersion, v)
	case 3:
		return m.attribute(v)
	}
	return nil
}

func (m *reader) recordField(num protowire.Number, typ protowire.Type, v []byte, n uint64) error {
	switch {
	case num == 1 && typ == protowire.Fixed64Type:
		m.at = n
	case num == 11 && typ == protowire.Fixed64Type:
		m.seen = n
	case num == 2 && typ == protowire.VarintType && n != 0:
		return m.number(keyNumber, strconv.AppendInt(nil, int64(int32(n)), 10))
	case typ != protowire.BytesType:
	case num == 3:
		return m.checked(keySeverity, v)
	case num == 5:
		return m.value(keyBody, v)
	case num == 9:
		return m.e.AddText(keyTrace, hex.AppendEncode(nil, v))
	case num == 10:
		return m.e.AddText(keySpan, hex.AppendEncode(nil, v))
	case num == 12:
		m.name = v
		return m.e.Check("eventName", v)
	}
	return nil
}

// checked is text for bytes that need not be text.
func (m *reader) checked(key, v []byte) error {
	if err := m.e.Check(string(key), v); err != nil {
		return err
	}
	return m.text(key, v)
}

// pair splits a KeyValue.
func (m *reader) pair(b []byte) (key, value []byte, err error) {
	err = fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) error {
		switch {
		case typ != protowire.BytesType:
		case num == 1:
			key = v
		case num == 2:
			value = v
		}
		return nil
	})
	if err == nil {
		err = m.e.Check("key", key)
	}
	return key, value, err
}

func (m *reader) attribute(b []byte) error {
	key, value, err := m.pair(b)
	if err != nil {
		return err
	}
	return m.value(key, value)
}

// value reads an AnyValue into the property of that name; lists of pairs become dotted names.
func (m *reader) value(key, b []byte) error {
	if is, own := address(key); is {
		return fields(b, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) error {
			if own && num == 1 && typ == protowire.BytesType {
				m.e.SetIP(v)
			}
			return nil
		})
	}
	return fields(b, func(num protowire.Number, typ protowire.Type, v []byte, n uint64) error {
		switch {
		case num == 1 && typ == protowire.BytesType:
			return m.checked(key, v)
		case num == 2 && typ == protowire.VarintType:
			if n != 0 {
				return m.e.AddText(key, valuesTrue)
			}
			return m.e.AddText(key, valuesFalse)
		case num == 3 && typ == protowire.VarintType:
			return m.number(key, strconv.AppendInt(make([]byte, 0, 20), int64(n), 10))
		case num == 4 && typ == protowire.Fixed64Type:
			return m.double(key, math.Float64frombits(n))
		case num == 5 && typ == protowire.BytesType:
			var jw jx.Writer
			if err := m.array(&jw, v); err != nil {
				return err
			}
			return m.e.AddText(key, jw.Buf)
		case num == 6 && typ == protowire.BytesType:
			return m.pairs(key, v)
		case num == 7 && typ == protowire.BytesType:
			return m.e.AddText(key, base64.StdEncoding.AppendEncode(nil, v))
		}
		return nil
	})
}

func (m *reader) pairs(key, list []byte) error {
	if err := m.deeper(); err != nil {
		return err
	}
	err := each(list, 1, func(b []byte) error {
		inner, value, err := m.pair(b)
		if err != nil {
			return err
		}
		return m.value(m.e.Join(key, ".", inner), value)
	})
	m.depth--
	return err
}

// array writes an ArrayValue as JSON.
func (m *reader) array(jw *jx.Writer, list []byte) error {
	if err := m.deeper(); err != nil {
		return err
	}
	jw.RawStr("[")
	first := true
	err := each(list, 1, func(b []byte) error {
		if !first {
			jw.Comma()
		}
		first = false
		return m.element(jw, b)
	})
	jw.RawStr("]")
	m.depth--
	return err
}

// element writes an AnyValue as JSON; one that is empty is null.
func (m *reader) element(jw *jx.Writer, b []byte) error {
	at := len(jw.Buf)
	err := fields(b, func(num protowire.Number, typ protowire.Type, v []byte, n uint64) error {
		jw.Buf = jw.Buf[:at] // of several the last counts
		switch {
		case num == 1 && typ == protowire.BytesType:
			if err := m.e.Check("", v); err != nil {
				return err
			}
			jw.ByteStr(v)
		case num == 2 && typ == protowire.VarintType:
			jw.Bool(n != 0)
		case num == 3 && typ == protowire.VarintType:
			jw.Int64(int64(n))
		case num == 4 && typ == protowire.Fixed64Type:
			jw.Float64(math.Float64frombits(n)) // null if JSON has no name for it
		case num == 5 && typ == protowire.BytesType:
			return m.array(jw, v)
		case num == 6 && typ == protowire.BytesType:
			return m.object(jw, v)
		case num == 7 && typ == protowire.BytesType:
			jw.Str(base64.StdEncoding.EncodeToString(v))
		}
		return nil
	})
	if len(jw.Buf) == at {
		jw.Null()
	}
	return err
}

// object writes a KeyValueList as JSON.
func (m *reader) object(jw *jx.Writer, list []byte) error {
	if err := m.deeper(); err != nil {
		return err
	}
	jw.RawStr("{")
	first := true
	err := each(list, 1, func(b []byte) error {
		key, value, err := m.pair(b)
		if err != nil {
			return err
		}
		if !first {
			jw.Comma()
		}
		first = false
		jw.ByteStr(key)
		jw.RawStr(":")
		return m.element(jw, value)
	})
	jw.RawStr("}")
	m.depth--
	return err
}
