package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestUnmarshalStrict(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: "", `[]`: "", ` null `: "", `"x"`: "", `{"a":["a","a"]}`: "", `{"a":"a","b":"a"}`: "", `{}`: "",
		`{"a":1,"a":1}`: `"a" twice`, `{"x":{"a":1,"b":2,"a":3}}`: `"a" twice`, `[{"a":1,"a":2}]`: `"a" twice`, `{"a":{},"a":1}`: `"a" twice`, `{"a":[],"a":1}`: `"a" twice`,
		`{"a":1,"\u0061":2}`: `"a" twice`, "\"\xff\"": "UTF-8", strings.Repeat("[", 65) + strings.Repeat("]", 65): "deeper", ``: "unexpected end", `{"a"`: "unexpected", `{"a":1}}`: "invalid",
	} {
		var v any
		err := unmarshalStrict([]byte(text), &v)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzUnmarshalStrict(f *testing.F) {
	f.Add(`{"a":[{"b":1}],"c":null}`)
	f.Add(`{"a":1,"a":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if err := unmarshalStrict([]byte(text), &v); err == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q is accepted", text)
		}
	})
}

func BenchmarkMiddleware(b *testing.B) {
	a := &API{log: slog.New(slog.DiscardHandler), mux: http.NewServeMux(), metrics: newMetrics()}
	a.cfg.setDefaults()
	a.mux.HandleFunc("POST /ingest", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for name, h := range map[string]http.Handler{"with": a.Handler(), "without": a.mux} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/ingest", strings.NewReader("{}"))
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
