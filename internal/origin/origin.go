// Package origin knows where a request comes from, behind proxies that are trusted and others.
package origin

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose X-Forwarded-For and X-Forwarded-Proto count.
type Proxies []netip.Prefix

// Of finds the address of a request's sender: the peer's, or, when the peer is a trusted proxy, the last
// address in X-Forwarded-For that is not one. It is invalid when nothing is known.
func (p Proxies) Of(r *http.Request) netip.Addr {
	ip, ok := peer(r)
	if !ok || !p.trust(ip) {
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
			next, ok := Parse(one)
			if !ok {
				return ip // what stands before an unreadable entry cannot be trusted
			}
			if ip = next; !p.trust(ip) {
				return ip
			}
		}
	}
	return ip
}

// Secure says whether the sender speaks TLS with weir, or with a trusted proxy in front of it.
func (p Proxies) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	ip, ok := peer(r)
	if !ok || !p.trust(ip) {
		return false
	}
	proto := r.Header.Values("X-Forwarded-Proto")
	if len(proto) == 0 {
		return false
	}
	last := proto[len(proto)-1]
	return strings.EqualFold(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]), "https")
}

func peer(r *http.Request) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return ap.Addr().Unmap(), true
}

func (p Proxies) trust(ip netip.Addr) bool {
	for _, n := range p {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// Parse reads an address, with or without a port.
func Parse(s string) (netip.Addr, bool) {
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

// Origin is where a request comes from.
type Origin struct {
	Addr    netip.Addr // invalid: not known
	Secure  bool       // by TLS
	Request string     // the request's id
}

// String is the address as it is recorded; empty if it is not known.
func (o Origin) String() string {
	if !o.Addr.IsValid() {
		return ""
	}
	return o.Addr.String()
}

type ctxKey struct{}

// With returns a context that carries o.
func With(ctx context.Context, o Origin) context.Context { return context.WithValue(ctx, ctxKey{}, o) }

// From returns the origin of the context; the zero Origin when there is none.
func From(ctx context.Context) Origin {
	o, _ := ctx.Value(ctxKey{}).(Origin)
	return o
}
