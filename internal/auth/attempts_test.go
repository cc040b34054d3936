package auth

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"weir/internal/catalog"
)

// signingIn is Sessions with a clock and no store.
func signingIn(t *testing.T, at *time.Time) *Sessions {
	t.Helper()
	s, err := NewSessions(SessionConfig{Store: struct{ SessionStore }{}, Passwords: passwords(t, fast), Now: func() time.Time { return *at }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAttempts: within a day of guessing from a thousand addresses, an account is met a bounded number of times, from one address fewer; a device that is known, and another account, are not kept out.
func TestAttempts(t *testing.T) {
	at := now
	s := signingIn(t, &at)
	all, one := 0, 0
	for range 24 * 60 * 6 { // each 10 s
		for i := range 10 {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i), 1})
			if s.admit(addr, "acme ann", "") == nil {
				if all++; i == 0 {
					one++
				}
			}
		}
		at = at.Add(10 * time.Second)
	}
	const day = 24 * 60 * 60 / 30 // of one address
	if most := 4 * (5 + day); all > most || all < most*9/10 || one > 5+day {
		t.Errorf("%d guesses are let through, %d of them from one address, want at most %d and %d", all, one, most, 5+day)
	}
	for s.admit(netip.MustParseAddr("10.0.0.1"), "acme ann", "") == nil || s.admit(netip.MustParseAddr("10.0.1.1"), "acme ann", "") == nil {
	}
	for i := range 7 {
		if p := s.admit(netip.MustParseAddr("10.0.0.1"), "acme ann", "her phone"); (p == nil) != (i < 5) {
			t.Errorf("try %d of a known device: %v", i, p)
		}
	}
	if p := s.admit(netip.MustParseAddr("10.0.0.1"), "acme bob", ""); p != nil {
		t.Errorf("another account: %v", p)
	}
}

// TestOneStranger: one address with wrong passwords does not keep out another.
func TestOneStranger(t *testing.T) {
	at := now
	s := signingIn(t, &at)
	for _, from := range []string{"10.0.0.1", "2001:db8::1"} {
		for i := range 300 {
			at = at.Add(time.Second)
			addr := netip.MustParseAddr(from)
			if addr.Is6() { // one /64
				addr = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
			}
			_ = s.admit(addr, "acme ann", "")
		}
		if p := s.admit(netip.MustParseAddr("192.0.2.7"), "acme ann", ""); p != nil {
			t.Errorf("%s keeps out another: %v", from, p)
		}
	}
}

// TestDeviceEnds: a device is known for a year, and longer when it signs in.
func TestDeviceEnds(t *testing.T) {
	at := now
	s := signingIn(t, &at)
	u := catalog.User{Tenant: "acme", ID: "u1", Password: "a hash"}
	first := s.device(httptest.NewRequest("POST", "/", nil), u, "")
	r := httptest.NewRequest("POST", "/", nil)
	r.AddCookie(first)
	name := s.deviceOf(r, u)
	at = at.Add(364 * 24 * time.Hour)
	if got := s.deviceOf(r, u); got == "" || got != name {
		t.Errorf("after a year less a day it is %q, was %q", got, name)
	}
	renewed := httptest.NewRequest("POST", "/", nil)
	renewed.AddCookie(s.device(r, u, name))
	at = at.Add(2 * 24 * time.Hour)
	if got := s.deviceOf(r, u); got != "" {
		t.Errorf("after a year it is still %q", got)
	}
	if got := s.deviceOf(renewed, u); got != name {
		t.Errorf("one that has signed in again is %q, was %q", got, name)
	}
	other := signingIn(t, &at) // with a secret of its own
	if got := other.deviceOf(renewed, u); got != "" {
		t.Errorf("another server knows it as %q", got)
	}
	for _, value := range []string{"", ".", "..", "x.y.z", "99999999999999999999.y.z"} {
		first.Value = value
		r := httptest.NewRequest("POST", "/", nil)
		r.AddCookie(first)
		if got := s.deviceOf(r, u); got != "" {
			t.Errorf("%q is known as %q", value, got)
		}
	}
}
