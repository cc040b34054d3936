package ingest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"weir/internal/token"
)

// minimal says whether the sender wants no body: Prefer: return=minimal.
func minimal(h http.Header) bool {
	for _, v := range h.Values("Prefer") {
		for p := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(p), " ", ""), "return=minimal") {
				return true
			}
		}
	}
	return false
}

// answerHeaders sets what every success carries.
func (j *job) answerHeaders(w http.ResponseWriter, tok token.Token) {
	hd := w.Header()
	hd.Set("Cache-Control", "no-store")
	if len(tok) > 0 {
		hd.Set(tokenHeader, tok.String())
	}
	if j.rejected > 0 {
		hd.Set(rejectedHeader, strconv.Itoa(j.rejected))
	}
}

// answer writes {"accepted","rejected","token"}; "rejected_unlisted" says how many rejects did not fit into the list.
func (j *job) answer(w http.ResponseWriter, tok token.Token) {
	jw := jx.GetWriter()
	defer jx.PutWriter(jw)
	jw.RawStr(`{"accepted":`)
	jw.Int(j.accepted)
	jw.RawStr(`,"rejected":[`)
	for i := range j.rejects {
		if i > 0 {
			jw.Comma()
		}
		rej := &j.rejects[i]
		jw.RawStr(`{"index":`)
		jw.Int(rej.Index)
		jw.RawStr(`,"code":`)
		jw.Str(rej.Code)
		if rej.Field != "" {
			jw.RawStr(`,"field":`)
			jw.Str(rej.Field)
		}
		jw.RawStr(`,"message":`)
		jw.Str(rej.Message)
		jw.RawStr(`}`)
	}
	jw.RawStr(`]`)
	if more := j.rejected - len(j.rejects); more > 0 {
		jw.RawStr(`,"rejected_unlisted":`)
		jw.Int(more)
	}
	jw.RawStr(`,"token":`)
	jw.Str(tok.String())
	jw.RawStr("}\n")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(jw.Buf)))
	_, _ = w.Write(jw.Buf) // the client has gone if this fails
}
