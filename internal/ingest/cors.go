package ingest

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"weir/internal/catalog"
)

// allowedHeaders are the request headers that browsers may send from other origins.
const allowedHeaders = "authorization, content-encoding, content-type, prefer, x-retry-count, x-weir-key, x-weir-mode, sp-anonymous, anonymousid, x-write-key, x-ip-policy, x-enable-debug"

// cors lets browsers of every origin send and read the answer; whether an origin may send for a source is decided with the
// source (originAllowed). It answers preflights, and says so.
func cors(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	hd := w.Header()
	if origin != "" {
		hd.Set("Access-Control-Allow-Origin", origin)
		hd.Set("Access-Control-Allow-Credentials", "true")
		hd.Set("Access-Control-Expose-Headers", tokenHeader+", "+rejectedHeader+", Retry-After")
		hd.Add("Vary", "Origin")
	}
	if r.Method != http.MethodOptions {
		return false
	}
	hd.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	hd.Set("Access-Control-Allow-Headers", allowedHeaders)
	hd.Set("Access-Control-Max-Age", "86400")
	hd.Set("Allow", "GET, POST, OPTIONS")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// pageOf is the origin of the page that sends, and the header that tells it: Origin, which browsers send with scripts' requests but for a GET of the page's own
// site, or Referer, which comes with an image. Of a Referer only its origin is kept. Without either the origin is empty.
func pageOf(h http.Header) (origin, header string) {
	if origin = h.Get("Origin"); origin != "" {
		return origin, "Origin"
	}
	scheme, rest, _ := strings.Cut(h.Get("Referer"), "://")
	if scheme = strings.ToLower(scheme); scheme != "https" && scheme != "http" {
		return "", "" // about:blank, an app: no page of a host
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:], "Referer"
}

// forbiddenPage is why nothing is taken from the page that sends.
func (j *job) forbiddenPage() *reject {
	return rejectf(codeOrigin, j.paged, "pages of %q may not send events for this site: add the host to the source's hostnames", clip(j.origin))
}

// originAllowed says whether a browser's page of that origin may send events for the source: its host is one of the source's, or
// matches one that begins with "*." (or is "*"). Requests without an Origin, and sources without hosts, are not restricted.
func originAllowed(s *catalog.Source, origin string) bool {
	if origin == "" || len(s.Hostnames) == 0 {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	return hostAllowed(s, strings.ToLower(u.Hostname()))
}

// hostAllowed says whether a host, in lower case and without brackets, is one of the source's. Ports do not count.
func hostAllowed(s *catalog.Source, host string) bool {
	for _, allowed := range s.Hostnames {
		allowed = catalog.HostOf(allowed)
		if allowed == "*" || host == allowed && host != "" || sameAddress(host, allowed) {
			return true
		}
		if suffix, ok := strings.CutPrefix(allowed, "*"); ok && strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
	}
	return false
}

// sameAddress says whether two hosts are one IPv6 address, however each is written.
func sameAddress(a, b string) bool {
	if strings.IndexByte(a, ':') < 0 || strings.IndexByte(b, ':') < 0 {
		return false
	}
	one, err := netip.ParseAddr(a)
	if err != nil {
		return false
	}
	other, err := netip.ParseAddr(b)
	return err == nil && one == other
}
