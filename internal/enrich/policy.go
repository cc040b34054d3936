package enrich

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"regexp"
	"strings"
	"sync"
	"unsafe"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

// action is what is done with a text.
type action uint8

const (
	keep action = iota
	drop
	hashed
	mask
)

var actions = map[string]action{catalog.PrivacyKeep: keep, catalog.PrivacyDrop: drop, catalog.PrivacyHash: hashed, catalog.PrivacyMask: mask}

// policy is what a source's settings mean, ready for use. It is never changed.
type policy struct {
	own  *ownHosts
	keys *tenantKey

	pseudonymise     bool
	keepQueryStrings bool
	parameters       map[string]bool // that stay, in lower case

	fields      []fieldRule
	props       map[string]action
	email       action // in url, path, referrer and utm_*
	emailProps  action
	card        action
	token       action
	expressions []expressionRule

	// What it was made of: as long as the source shows the same memory, it is the same.
	privacy            *catalog.Privacy
	hostnames, aliases *string
	hosts, names       int
	tenant             tenant.ID
}

type fieldRule struct {
	name string
	do   action
}

type expressionRule struct {
	re *regexp.Regexp
	do action
}

// The defaults: addresses, cards and tokens do not belong into URLs, and cards nowhere. An e-mail address in a property was put there by
// the site's own code, and stays unless a rule says otherwise.
const (
	defaultEmail      = mask
	defaultEmailProps = keep
	defaultCard       = mask
	defaultToken      = mask
)

func newPolicy(src *catalog.Source, keys *tenantKey) *policy {
	p := &policy{own: newOwnHosts(src.Hostnames, src.Aliases), keys: keys, email: defaultEmail, emailProps: defaultEmailProps, card: defaultCard, token: defaultToken,
		privacy: src.Privacy, hostnames: unsafe.SliceData(src.Hostnames), aliases: unsafe.SliceData(src.Aliases), hosts: len(src.Hostnames), names: len(src.Aliases), tenant: src.Tenant}
	if src.Privacy == nil {
		return p
	}
	p.pseudonymise, p.keepQueryStrings = src.Privacy.Pseudonymise, src.Privacy.KeepQueryStrings
	for _, name := range src.Privacy.QueryParameters {
		if p.parameters == nil {
			p.parameters = map[string]bool{}
		}
		p.parameters[strings.ToLower(name)] = true
	}
	seen := map[string]bool{}
	for _, r := range src.Privacy.Rules {
		if id := r.Field + "\x00" + r.Pattern; !seen[id] { // the first counts
			seen[id] = true
			p.add(r)
		}
	}
	return p
}

// add takes a rule that was validated.
func (p *policy) add(r catalog.PrivacyRule) {
	do := actions[r.Action]
	switch r.Pattern {
	case catalog.PatternEmail:
		p.email, p.emailProps = do, do
		return
	case catalog.PatternCard:
		p.card = do
		return
	case catalog.PatternToken:
		p.token = do
		return
	}
	if re, err := r.Expression(); err == nil && re != nil {
		p.expressions = append(p.expressions, expressionRule{re, do})
		return
	}
	if name, ok := r.Property(); ok {
		if p.props == nil {
			p.props = map[string]action{}
		}
		p.props[name] = do
	} else if r.Field != "" {
		p.fields = append(p.fields, fieldRule{r.Field, do})
	}
}

func (p *policy) madeOf(src *catalog.Source) bool {
	return p.privacy == src.Privacy && p.hosts == len(src.Hostnames) && p.names == len(src.Aliases) && p.tenant == src.Tenant &&
		p.hostnames == unsafe.SliceData(src.Hostnames) && p.aliases == unsafe.SliceData(src.Aliases)
}

// policies are those of all sources that send.
type policies struct {
	secret []byte // of the installation

	mu     sync.RWMutex
	bySite map[string]*policy
	keys   map[tenant.ID]*tenantKey
}

// maxPolicies bounds what is remembered of sources that are gone.
const maxPolicies = 1 << 16

func (ps *policies) of(src *catalog.Source) *policy {
	ps.mu.RLock()
	p := ps.bySite[src.SiteID]
	ps.mu.RUnlock()
	if p != nil && p.madeOf(src) {
		return p
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.bySite == nil || len(ps.bySite) >= maxPolicies {
		ps.bySite, ps.keys = map[string]*policy{}, map[tenant.ID]*tenantKey{}
	}
	k := ps.keys[src.Tenant]
	if k == nil {
		k = newTenantKey(ps.secret, src.Tenant)
		ps.keys[src.Tenant] = k
	}
	p = newPolicy(src, k)
	ps.bySite[src.SiteID] = p
	return p
}

// tenantKey makes the keyed hashes of one tenant: HMAC-SHA-256 under a key that is derived from the installation's secret.
type tenantKey struct{ pool sync.Pool }

func newTenantKey(secret []byte, id tenant.ID) *tenantKey {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("weir pseudonym\x00" + string(id)))
	key := m.Sum(nil)
	return &tenantKey{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// hashSize is the length of a hash's text: 128 bits in hexadecimal digits.
const hashSize = 32

// append appends the hash of a text. dst has room for it and for 32 bytes more, or grows.
func (k *tenantKey) append(dst, text []byte) []byte {
	m := k.pool.Get().(hash.Hash)
	m.Reset()
	m.Write(text)
	n := len(dst)
	dst = m.Sum(dst)
	k.pool.Put(m)
	var sum [hashSize / 2]byte
	copy(sum[:], dst[n:])
	return hex.AppendEncode(dst[:n], sum[:])
}
