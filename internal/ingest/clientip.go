package ingest

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientIP finds the address of a request's sender: the peer's, or, when the peer is a trusted proxy, the last
// address in X-Forwarded-For that is not one. It is invalid when nothing is known.
func (h *Handler) clientIP(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := ap.Addr().Unmap()
	if len(h.cfg.TrustedProxies) == 0 || !h.trusted(ip) {
		return ip
	}
	forwarded := r.Header.Values("X-Forwarded-For")
	for i := len(forwarded) - 1; i >= 0; i-- {
		rest := forwarded[i]
		for rest != "" {
			var one string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, one = rest[:at], rest[at+1:]
			} else {
				rest, one = "", rest
			}
			next, ok := parseIP(one)
			if !ok {
				return ip // what stands before an unreadable entry cannot be trusted
			}
			if ip = next; !h.trusted(ip) {
				return ip
			}
		}
	}
	return ip
}

func (h *Handler) trusted(ip netip.Addr) bool {
	for _, p := range h.cfg.TrustedProxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// parseIP reads an address, with or without a port.
func parseIP(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if ip, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil {
			return ip.Unmap().WithZone(""), true
		}
	}
	return netip.Addr{}, false
}
