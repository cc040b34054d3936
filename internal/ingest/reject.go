package ingest

import "fmt"

// The codes of rejected events. They are stable: senders and tests rely on them.
const (
	codeMalformed     = "malformed_json"
	codeTrailing      = "trailing_data"
	codeUTF8          = "invalid_utf8"
	codeNUL           = "nul_byte"
	codeDuplicateKey  = "duplicate_key"
	codeType          = "invalid_type"
	codeValue         = "invalid_value"
	codeMissing       = "field_missing"
	codeNumber        = "number_out_of_range"
	codeTime          = "ts_out_of_range"
	codeDepth         = "too_deep"
	codeProperties    = "too_many_properties"
	codeKeyLength     = "key_too_long"
	codeIDLength      = "id_too_long"
	codeEventSize     = "event_too_large"
	codeSiteUnknown   = "site_unknown"
	codeSiteForbidden = "site_forbidden"
	codeOrigin        = "origin_forbidden"
	codeUnsupported   = "unsupported"
	codeBusy          = "too_busy" // only where the client does not send again
)

// Reject says why one event of a request was not accepted.
type Reject struct {
	Index   int // place in the request, from 0
	Code    string
	Field   string // the field concerned, props with their dotted name; may be empty
	Message string
}

// reject is the error of an event. It aborts the decoding of that event only.
type reject struct {
	code, field, message string
}

func (r *reject) Error() string { return r.code + ": " + r.message }

func rejectf(code, field, format string, args ...any) *reject {
	return &reject{code, clip(field), clipTo(fmt.Sprintf(format, args...), 1000)}
}

// clip shortens a sender's own name for a message.
func clip(s string) string { return clipTo(s, 100) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
