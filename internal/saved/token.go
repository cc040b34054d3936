package saved

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/tenant"
)

const (
	keyBytes  = 32
	maxToken  = 1024 // bytes
	tokenHead = "we1."
)

// claims are what an embed token is bound to.
type claims struct {
	Tenant    tenant.ID `json:"t"`
	Dashboard string    `json:"d"`
	Panel     string    `json:"p"`
	Since     int64     `json:"s"` // of the panel: another panel under the same id is not meant
	Owner     []byte    `json:"o"` // digest of the dashboard's owner
	Expires   int64     `json:"x"` // Unix seconds
	Maker     *maker    `json:"m,omitempty"`
}

// maker is the key or the user with a password by whom a token was made. Of others, whom no catalog knows, there is none in it.
type maker struct {
	Key      string `json:"k,omitempty"`
	User     string `json:"u,omitempty"`
	Operator bool   `json:"op,omitempty"`
}

func makerOf(who tenant.Principal) *maker {
	m := &maker{Operator: who.Role == tenant.RoleOperator}
	switch {
	case strings.HasPrefix(who.User, catalog.LocalUser("")):
		m.User = who.User
	case who.User == "":
		m.Key = who.KeyID
	default:
		return nil
	}
	return m
}

// principal is the maker with the least role with which tokens are made.
func (m *maker) principal(t tenant.ID) tenant.Principal {
	role := tenant.RoleAnalyst
	if m.Operator {
		role = tenant.RoleOperator
	}
	return tenant.Principal{Tenant: t, Role: role, KeyID: m.Key, User: m.User}
}

func (c claims) expires() time.Time { return time.Unix(c.Expires, 0).UTC() }

// ownerDigest stands for an owner in a token, which everybody can read.
func (o *Objects) ownerDigest(owner string) []byte { return o.mac("owner", owner)[:12] }

func (o *Objects) mac(what, text string) []byte {
	h := hmac.New(sha256.New, o.deps.EmbedKey)
	h.Write([]byte("weir embed " + what + "\x00" + text))
	return h.Sum(nil)
}

// sign writes a token: a head, the claims and their MAC.
func (o *Objects) sign(c claims) (string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := tokenHead + base64.RawURLEncoding.EncodeToString(b)
	return text + "." + base64.RawURLEncoding.EncodeToString(o.mac("token", text)), nil
}

var errToken = errors.New("saved: not a token that was made here")

// verify reads a token that sign wrote with the same key; any other is errToken. Nothing of it is looked at before its MAC was compared, in constant time.
// It says nothing of its expiry.
func (o *Objects) verify(token string) (claims, error) {
	var c claims
	i := strings.LastIndexByte(token, '.')
	if len(token) > maxToken || i < len(tokenHead) || !strings.HasPrefix(token, tokenHead) {
		return c, errToken
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(token[i+1:])
	if err != nil || !hmac.Equal(sum, o.mac("token", token[:i])) {
		return c, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token[len(tokenHead):i])
	if err != nil || json.Unmarshal(b, &c) != nil {
		return claims{}, errToken
	}
	return c, nil
}
