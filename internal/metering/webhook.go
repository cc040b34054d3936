package metering

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weir/internal/tenant"
)

// WebhookConfig configures how notices are sent.
type WebhookConfig struct {
	// Secret signs; each tenant has a key of its own made from it. Empty: notices are not signed.
	Secret []byte
	// AllowPrivate lets webhooks go to loopback, private and link-local addresses. Tenants choose the URL, so the default protects what only
	// this machine can reach.
	AllowPrivate bool
	Timeout      time.Duration // of one attempt: 10 s
	Attempts     int           // before it is given up: 15, some ten hours
	Backoff      time.Duration // after the first failure; it doubles up to an hour: 5 s
}

func (c WebhookConfig) withDefaults() WebhookConfig {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Attempts == 0 {
		c.Attempts = 15
	}
	if c.Backoff == 0 {
		c.Backoff = 5 * time.Second
	}
	return c
}

// Validate reports what is wrong.
func (c WebhookConfig) Validate() error {
	if c.Timeout < 0 || c.Attempts < 0 || c.Backoff < 0 {
		return errors.New("metering: times and attempts of webhooks must not be negative")
	}
	return nil
}

// Headers of a notice.
const (
	headerSignature = "X-Weir-Signature" // t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">
	headerDelivery  = "X-Weir-Delivery"  // the notice's id: the same at every attempt
	headerAttempt   = "X-Weir-Attempt"   // 1 at first
)

// sender posts notices.
type sender struct {
	cfg    WebhookConfig
	client *http.Client
}

// refusedError says that a webhook will never be called.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// insideError says that a name leads to an address that is not public. It is tried again like one that leads nowhere, so that a tenant cannot tell them apart.
type insideError struct{ address string }

func (e *insideError) Error() string {
	return "the webhook leads to " + e.address + ", which is not a public address, and metering.webhook_private is off"
}

// What a tenant is told of a webhook that failed. Nothing else: what resolvers and connections say tells of this network.
const (
	reasonURL    = "it is not an http or https URL of a public host, without a user name"
	reasonHost   = "its host has no public address"
	reasonSilent = "it did not answer in time"
	reasonTLS    = "its certificate is not valid for it, or TLS failed"
	reasonLine   = "the connection to it failed"
	reasonStatus = "it answered with status %d, want 2xx"
)

// statusError is an answer that is not 2xx.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf(reasonStatus, int(e)) }

// reasonOf is what a tenant is told of an error.
func reasonOf(err error) string {
	var (
		refused *refusedError
		inside  *insideError
		dns     *net.DNSError
		status  statusError
		timeout net.Error
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.As(err, &refused):
		return reasonURL
	case errors.As(err, &inside), errors.As(err, &dns): // also one that timed out
		return reasonHost
	case errors.As(err, &status):
		return status.Error()
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return reasonTLS
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return reasonSilent
	}
	return reasonLine
}

// shownReason is a reason as a tenant sees it: notices of earlier versions hold texts of resolvers and connections.
func shownReason(kept string) string {
	var status int
	if _, err := fmt.Sscanf(kept, reasonStatus, &status); err == nil {
		return fmt.Sprintf(reasonStatus, status)
	}
	switch kept {
	case "", reasonURL, reasonHost, reasonSilent, reasonTLS, reasonLine:
		return kept
	}
	return reasonLine
}

func newSender(cfg WebhookConfig) *sender {
	s := &sender{cfg: cfg.withDefaults()}
	d := &net.Dialer{Timeout: s.cfg.Timeout, Control: s.control}
	s.client = &http.Client{
		Timeout:       s.cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// No proxy: it would dial in place of control. No kept connections: a notice is rare.
		Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, TLSHandshakeTimeout: s.cfg.Timeout},
	}
	return s
}

// control is asked with each address that a name has led to, before the connection is made: a name cannot change its mind in between.
func (s *sender) control(_, address string, _ syscall.RawConn) error {
	if s.cfg.AllowPrivate {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return &insideError{address}
	}
	return nil
}

// reserved are ranges that look global and are not, or that carry an IPv4 address within.
var reserved = func() (out []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

// public says whether an address is one of the public internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// checkURL refuses what is no webhook.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, &refusedError{"the webhook must be a URL like https://example.com/hook, without a user"}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, &refusedError{"the webhook's port must be one from 1 to 65535"}
		}
	}
	return u, nil
}

// Check refuses a URL that will never be called: one that is no webhook, or whose host is plainly not public. Where a name leads is seen at each call.
func (c WebhookConfig) Check(text string) error {
	_, err := c.check(text)
	return err
}

func (c WebhookConfig) check(text string) (*url.URL, error) {
	u, err := checkURL(text)
	if err != nil || c.AllowPrivate {
		return u, err
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if at, err := netip.ParseAddr(host); err == nil {
		if !public(at) {
			return nil, &refusedError{"the webhook's address is not a public one: choose another, or ask the operator to set metering.webhook_private"}
		}
		return u, nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "localhost" || last == "" || last[0] >= '0' && last[0] <= '9' { // no name ends like that, but addresses as some resolvers read them do: 127.1, 0x7f000001
		return nil, &refusedError{"the webhook's host is not a public name: choose another, or ask the operator to set metering.webhook_private"}
	}
	return u, nil
}

// send posts a notice once. nil: it was taken with a status of 2xx. A *refusedError is final.
func (s *sender) send(ctx context.Context, to string, n *notice) error {
	u, err := s.cfg.check(to)
	if err != nil {
		return err
	}
	body, err := json.Marshal(struct {
		Type string `json:"type"`
		*notice
		State  noticeState `json:"state,omitempty"` // ours alone: hides the notice's
		Reason string      `json:"reason,omitempty"`
	}{Type: "budget.threshold", notice: n})
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &refusedError{"the webhook is not a URL that can be called"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "weir")
	req.Header.Set(headerDelivery, n.ID)
	req.Header.Set(headerAttempt, strconv.Itoa(n.Attempts))
	if len(s.cfg.Secret) > 0 {
		req.Header.Set(headerSignature, sign(s.key(n.Tenant), time.Now(), body))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", errors.Unwrap(err)) // without the URL, which may hold a secret
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // what it says does not matter
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: %w", statusError(resp.StatusCode))
	}
	return nil
}

// key is the secret that signs a tenant's notices.
func (s *sender) key(t tenant.ID) string {
	if len(s.cfg.Secret) == 0 {
		return ""
	}
	h := hmac.New(sha256.New, s.cfg.Secret)
	h.Write([]byte("webhook/" + string(t)))
	return "whsec_" + hex.EncodeToString(h.Sum(nil))
}

// sign makes the signature header.
func sign(key string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}
