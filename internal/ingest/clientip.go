package ingest

import (
	"net/http"
	"net/netip"

	from "weir/internal/origin"
)

// clientIP finds the address of a request's sender, behind trusted proxies. It is invalid when nothing is known.
func (h *Handler) clientIP(r *http.Request) netip.Addr {
	return from.Proxies(h.cfg.TrustedProxies).Of(r)
}

// unaddressed is a request for who decides about its key: what is refused is noted without its address, for those of senders never reach a disk.
func unaddressed(r *http.Request) *http.Request {
	return r.WithContext(from.With(r.Context(), from.Origin{}))
}

// parseIP reads an address, with or without a port.
func parseIP(s string) (netip.Addr, bool) { return from.Parse(s) }
