package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The pace at which a provider is asked.
const (
	askAgain   = 10 * time.Second // at most so often, whatever tokens come
	refresh    = time.Hour        // keys are asked for again after this, so that withdrawn ones go
	staleAfter = 24 * time.Hour   // keys that could not be asked for again hold so long
	againStale = time.Minute      // keys that are known and could not be asked for again are asked for at most so often
	askTimeout = 5 * time.Second
	maxAnswer  = 1 << 20
)

var (
	errUnreachable = errors.New("the identity provider cannot be reached")
	errUnknownKey  = errors.New("the token is signed with a key that the identity provider does not have")
	errSignature   = errors.New("the signature of the token is wrong")
)

// metadata is what a provider says about itself.
type metadata struct {
	Issuer   string `json:"issuer"`
	AuthURL  string `json:"authorization_endpoint"`
	TokenURL string `json:"token_endpoint"`
	KeysURL  string `json:"jwks_uri"`
}

// provider knows a provider's metadata and keys. It asks at most every ten seconds, so that tokens with made-up keys cannot make it ask; while
// the provider is away, known keys go on.
type provider struct {
	issuer     string
	algorithms []jose.SignatureAlgorithm
	client     *http.Client
	now        func() time.Time

	asking sync.Mutex // one request at a time

	mu    sync.Mutex
	meta  metadata
	keys  []jose.JSONWebKey
	good  time.Time // when keys were last read
	asked time.Time
	err   error
}

// state returns what is known.
func (p *provider) state() (metadata, []jose.JSONWebKey, time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.meta, p.keys, p.good, p.err
}

// ask asks the provider for its metadata and keys, unless that was done a moment ago.
func (p *provider) ask(ctx context.Context) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.askLocked(ctx)
}

// askLocked is ask for who holds asking.
func (p *provider) askLocked(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	if !p.asked.IsZero() && now.Sub(p.asked) < askAgain {
		err := p.err
		p.mu.Unlock()
		return err
	}
	p.asked = now
	p.mu.Unlock()
	// The caller may go; others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	meta, keys, err := p.fetch(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err == nil {
		p.meta, p.keys, p.good = meta, keys, now
	}
	return err
}

func (p *provider) fetch(ctx context.Context) (metadata, []jose.JSONWebKey, error) {
	var meta metadata
	if err := p.get(ctx, joinPath(p.issuer, ".well-known/openid-configuration"), &meta); err != nil {
		return meta, nil, err
	}
	if meta.Issuer != p.issuer || !safeURL(trimQuery(meta.KeysURL)) {
		return meta, nil, fmt.Errorf("%w: what it says about itself does not fit: issuer %q, jwks_uri %q", errUnreachable, meta.Issuer, meta.KeysURL)
	}
	var set jose.JSONWebKeySet
	if err := p.get(ctx, meta.KeysURL, &set); err != nil {
		return meta, nil, err
	}
	keys := set.Keys[:0]
	for _, k := range set.Keys {
		if k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, k)
		}
	}
	return meta, keys, nil
}

func (p *provider) get(ctx context.Context, url string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answers with status %d", errUnreachable, url, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errUnreachable, url, err)
	}
	return nil
}

// ready makes sure that metadata and keys are known and not too old.
func (p *provider) ready(ctx context.Context) error {
	_, _, good, _ := p.state()
	if age := p.now().Sub(good); !good.IsZero() && age < refresh {
		return nil
	}
	if good.IsZero() || p.now().Sub(good) >= staleAfter {
		return p.ask(ctx)
	}
	// Known keys go on: of those who come meanwhile only one waits for the answer, and while the provider is away not often.
	p.mu.Lock()
	soon := p.err != nil && p.now().Sub(p.asked) < againStale
	p.mu.Unlock()
	if !soon && p.asking.TryLock() {
		_ = p.askLocked(ctx) // it is kept in p.err
		p.asking.Unlock()
	}
	return nil
}

// causeKey is where VerifySignature leaves its error: the verifier passes on the text only.
type causeKey struct{}

// VerifySignature implements oidc.KeySet.
func (p *provider) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := p.verify(ctx, token)
	if cause, ok := ctx.Value(causeKey{}).(*error); ok {
		*cause = err
	}
	return payload, err
}

func (p *provider) verify(ctx context.Context, token string) ([]byte, error) {
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	sig, err := jose.ParseSignedCompact(token, p.algorithms)
	if err != nil || len(sig.Signatures) != 1 {
		return nil, errSignature
	}
	id := sig.Signatures[0].Header.KeyID
	payload, found, err := p.tryKeys(sig, id)
	if found {
		return payload, err
	}
	if err := p.ask(ctx); err != nil { // the key may be new
		return nil, err
	}
	if payload, found, err = p.tryKeys(sig, id); found {
		return payload, err
	}
	return nil, errUnknownKey
}

// tryKeys verifies with the key of this id, or any when the token names none.
func (p *provider) tryKeys(sig *jose.JSONWebSignature, id string) (payload []byte, found bool, err error) {
	_, keys, _, _ := p.state()
	err = errSignature
	for _, k := range keys {
		if id != "" && k.KeyID != id || k.Algorithm != "" && k.Algorithm != sig.Signatures[0].Header.Algorithm {
			continue
		}
		if payload, verr := sig.Verify(k.Key); verr == nil {
			return payload, true, nil
		}
		found = id != ""
	}
	return nil, found, err
}
