package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/catalog"
	"weir/internal/problem"
	"weir/internal/usage"
)

// untouched is a limiter of which nothing may be asked.
type untouched struct{ t *testing.T }

func (u untouched) Begin(*catalog.Tenant, int64) (usage.Reserve, *problem.Problem) {
	u.t.Error("the tenant's limits were asked")
	return usage.Reserve{}, nil
}
func (u untouched) Take(*catalog.Tenant, usage.Reserve, int, int) *problem.Problem {
	u.t.Error("something was taken of the tenant's limits")
	return nil
}
func (untouched) Cancel(*catalog.Tenant, usage.Reserve) {}

const pixelOne = "/pixel.gif?site_id=site-2&events=%7B%22type%22%3A%22e%22%7D"

// TestForbiddenPagesAreCounted: each of weir's own doors counts a request of a page that the source does not allow, at that source, once, with the page's host; the limits of the tenant
// are not touched by it.
func TestForbiddenPagesAreCounted(t *testing.T) {
	const origin, key = "Origin: https://evil.example", "Authorization: Bearer writer:acme:site-2"
	for name, c := range map[string]struct {
		method, target, body, key, example string
	}{
		"collect":        {"POST", "/collect", `{"site_id":"site-2","events":[{"type":"a"},{"type":"b"}]}`, "X: y", `{"site_id":"site-2","events":[{"type":`},
		"broken collect": {"POST", "/collect", `{"site_id":"site-2","events":5}`, "X: y", `{"site_id":"site-2"`},
		"pixel":          {"GET", pixelOne, "", "X: y", `{"type":"e"}`},
		"ingest":         {"POST", "/ingest", `{"type":"a"}`, key, ""},
		"ingest?site_id": {"POST", "/ingest?site_id=site-2", `{"type":"a"}`, "Authorization: Bearer writer:acme:", ""},
		"cloudevents":    {"POST", "/api/v1/events", cloudOne, key, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(_ *Config, d *Deps) { d.Limiter = untouched{t} })
			w := r.do(c.method, c.target, c.body, c.key, origin)
			if w.Code != 403 && name != "broken collect" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if d := cmp.Diff(map[string]int{"acme/site-2 origin_forbidden": 1}, r.account.count); d != "" {
				t.Fatal(d)
			}
			x := r.account.rejections[0]
			if x.Door == "" || x.Field != "Origin" || !strings.Contains(x.Message, `"https://evil.example"`) || !strings.Contains(x.Message, "hostnames") || !strings.HasPrefix(x.Example, c.example) {
				t.Errorf("%+v", x)
			}
			r.account.plain = true
			r.do(c.method, c.target, c.body, c.key, origin)
			if x := r.account.rejections[1]; x.Message != "" || x.Example != "" || x.Count != 1 {
				t.Errorf("an example that nobody wants was made: %+v", x)
			}
		})
	}
	// Under a key of the tenant each event names its site.
	r := newRig(t)
	w := r.do("POST", "/ingest", `{"type":"a","site_id":"site-1"}`+"\n"+`{"type":"b","site_id":"site-2"}`+"\n"+`{"type":"c","site_id":"site-3"}`, "Authorization: Bearer writer:acme:", origin)
	if d := cmp.Diff(map[string]int{"acme/site-1 accepted": 1, "acme/site-2 origin_forbidden": 1, "acme/ site_unknown": 1}, r.account.count); d != "" || w.Code != 200 {
		t.Errorf("%d %s", w.Code, d)
	}
	// What is counted with the other events is not counted again: an event of a page that is not allowed.
	r = newRig(t)
	w = r.do("POST", "/collect", `{"site_id":"site-2","events":[{"type":"a","url":"https://evil.example/"}]}`)
	if d := cmp.Diff(map[string]int{"acme/site-2 origin_forbidden": 1}, r.account.count); d != "" || w.Code != 400 {
		t.Errorf("%d %s", w.Code, d)
	}
}

// TestReferer: an image comes without an Origin; then the page's host is that of Referer, of which nothing else is kept. With a key it does not count.
func TestReferer(t *testing.T) {
	for referer, status := range map[string]int{
		"": 200, "https://shop.example.com/cart?mail=a@b.example": 200, "http://SHOP.example.com:8080": 200, "HTTPS://x.example.org/": 200,
		"https://evil.example/": 403, "https://evil.example/secret/path?q=1#x": 403, "https://evil.example/@shop.example.com/": 403, "https://shop.example.com@evil.example/": 403,
		"https://a:path@evil.example/": 403, "https://evil.example?shop.example.com": 403, `https://evil.example\@shop.example.com/`: 403, "https://shop.example.com.evil.example/": 403, "https://": 403, "https:///shop.example.com": 403,
		"https://[::1": 403, "about:blank": 200, "android-app://com.example/": 200, "null": 200, "//evil.example/": 200,
	} {
		r := newRig(t)
		w := r.do("GET", pixelOne, "", "Referer: "+referer)
		if w.Code != status {
			t.Errorf("%q: %d, want %d", referer, w.Code, status)
		}
		if status != 403 {
			continue
		}
		if d := cmp.Diff(map[string]int{"acme/site-2 origin_forbidden": 1}, r.account.count); d != "" {
			t.Errorf("%q: %s", referer, d)
		} else if x := r.account.rejections[0]; x.Field != "Referer" || strings.Contains(x.Message+w.Body.String(), "path") {
			t.Errorf("%q: %+v %s", referer, x, w.Body)
		}
	}
	for referer, status := range map[string]int{"http://[::1]:8080/cart": 200, "http://[::1]/": 200, "http://[::2]/": 403} {
		r := newRig(t)
		src := r.catalog.sources["site-2"]
		src.Hostnames = []string{"[::1]"}
		r.catalog.sources["site-2"] = src
		if w := r.do("GET", pixelOne, "", "Referer: "+referer); w.Code != status {
			t.Errorf("%q: %d, want %d", referer, w.Code, status)
		}
	}
	r := newRig(t)
	if w := r.do("GET", pixelOne, "", "Origin: https://shop.example.com", "Referer: https://evil.example/"); w.Code != 200 { // a script's request tells its page exactly
		t.Errorf("Origin does not go first: %d", w.Code)
	}
	if w := r.do("POST", "/ingest", `{"type":"a"}`, "Authorization: Bearer writer:acme:site-2", "Referer: https://evil.example/"); w.Code != 200 {
		t.Errorf("with a key: %d", w.Code)
	}
	if w := r.do("GET", strings.Replace(pixelOne, "site-2", "site-1", 1), "", "Referer: https://evil.example/"); w.Code != 200 {
		t.Errorf("a source without hostnames: %d", w.Code)
	}
}
