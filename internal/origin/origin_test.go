package origin

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestProxies(t *testing.T) {
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		peer      string
		forwarded []string
		proto     []string
		want      string
		secure    bool
	}{
		{"192.0.2.1:5", nil, nil, "192.0.2.1", false},
		{"[::ffff:192.0.2.1]:5", nil, nil, "192.0.2.1", false},
		{"192.0.2.1:5", []string{"203.0.113.9"}, []string{"https"}, "192.0.2.1", false}, // anybody can say that
		{"10.1.1.1:5", []string{"203.0.113.9"}, []string{"https"}, "203.0.113.9", true},
		{"10.1.1.1:5", []string{"6.6.6.6, 203.0.113.9"}, []string{"https, http"}, "203.0.113.9", false},
		{"10.1.1.1:5", []string{"6.6.6.6", "203.0.113.9:80, 10.2.2.2"}, []string{"http", "HTTPS"}, "203.0.113.9", true},
		{"10.1.1.1:5", []string{"203.0.113.9, nonsense"}, nil, "10.1.1.1", false},
		{"10.1.1.1:5", []string{"[2001:db8::1]"}, nil, "2001:db8::1", false},
		{"nonsense", []string{"203.0.113.9"}, []string{"https"}, "", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.peer
		r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"] = tc.forwarded, tc.proto
		if got := (Origin{Addr: trusted.Of(r)}).String(); got != tc.want {
			t.Errorf("%+v: from %q", tc, got)
		}
		if got := trusted.Secure(r); got != tc.secure {
			t.Errorf("%+v: secure %v", tc, got)
		}
		if r.TLS = new(tls.ConnectionState); !trusted.Secure(r) {
			t.Error("TLS is not secure")
		}
	}
	if o := From(t.Context()); o.String() != "" {
		t.Errorf("got %v", o)
	}
	if o := From(With(t.Context(), Origin{Request: "r"})); o.Request != "r" {
		t.Errorf("got %v", o)
	}
}
